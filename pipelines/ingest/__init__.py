"""Ingest: received files become tables of text with file, sheet and row, and typed tables beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.contracts import Contract
from pipelines.errors import Exit, KaoheError, Problem
from pipelines.ingest.deliveries import Delivery, discover
from pipelines.ingest.header import SEARCHED, Header, find_header, plain
from pipelines.ingest.sheets import Row, Sheet, UnreadableError, open_sheets
from pipelines.ingest.tables import Tables

if TYPE_CHECKING:
    import duckdb

__all__ = ["ingest"]

#: Sheets that explain and hold no data.
_EXPLAINING = re.compile(r"^(填表说明|填报说明|说明|目录|字典|readme|instructions)", re.IGNORECASE)
_UNNAMED = re.compile(r"^(sheet|工作表|表)\d*$", re.IGNORECASE)


def ingest(
    connection: duckdb.DuckDBPyConnection,
    raw: Path,
    contracts: Mapping[str, Contract],
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Read every delivery below ``raw`` into the warehouse.

    Makes delivery_file, delivery_sheet, delivery_column, raw_<source>, typed_<source>, town_register,
    town_name_lookup and town_year. Raises KaoheError (rejected) with every problem of every file, in one pass.
    """
    deliveries, problems = discover(raw, contracts)
    if not any(delivery.source == "towns" for delivery in deliveries):
        problems.append(_no_register())
    tables = Tables(connection, contracts)
    for delivery in deliveries:
        report(delivery.name)
        problems += _read(tables, delivery, contracts[delivery.source])
    if problems:
        raise KaoheError(Exit.REJECTED, f"{len(problems)} problem(s) in what was received; nothing was read", problems)
    tables.finish()


def _read(tables: Tables, delivery: Delivery, contract: Contract) -> list[Problem]:
    """Put one file's rows into ``tables``; the problems that keep it from being read."""
    if delivery.path.suffix.lower() == ".parquet":
        # One row of column names, and the rest stays with the database.
        names: Row = list(tables.parquet_columns(delivery.path))
        header = find_header(contract, [names])
        problems = _header_problems(delivery, "", contract, header)
        tables.add_file(delivery, "")
        if header and not problems:
            tables.add_parquet(delivery, contract, header)
        return problems
    try:
        sheets = open_sheets(delivery.path)
        problems = []
        for position, sheet in enumerate(sheets):
            if position == 0:
                tables.add_file(delivery, sheet.encoding)
            problems += _read_sheet(tables, delivery, contract, sheet)
    except UnreadableError as error:
        return [
            Problem(
                file=delivery.name,
                rule="readable",
                message_zh=error.zh,
                message_en=error.en,
                remedy_zh="请另存为 UTF-8 或 GB18030 的 CSV，或 xlsx，再报送",
                remedy_en="save it again as CSV in UTF-8 or GB18030, or as xlsx",
            )
        ]
    return problems


def _read_sheet(tables: Tables, delivery: Delivery, contract: Contract, sheet: Sheet) -> list[Problem]:
    top = list(islice(sheet.rows, SEARCHED))
    rows: Iterator[Row] = chain(top, sheet.rows)
    if _EXPLAINING.match(plain(sheet.name)) or not any(cell for row in top for cell in row):
        tables.add_unread_sheet(delivery, sheet.name, rows)
        return []
    header = find_header(contract, top)
    town = _town_outside_the_table(delivery, sheet.name)
    problems = _header_problems(delivery, sheet.name, contract, header, town)
    if header and not problems:
        tables.add_sheet(delivery, sheet.name, contract, header, rows, town)
    return problems


def _town_outside_the_table(delivery: Delivery, sheet: str) -> str | None:
    """The town a whole sheet is about, where its name or the file's says so."""
    return sheet if sheet and not _UNNAMED.match(plain(sheet)) else delivery.label or None


def _header_problems(
    delivery: Delivery, sheet: str, contract: Contract, header: Header | None, town: str | None = None
) -> list[Problem]:
    if header is None:
        wanted = "、".join(field.title for field in contract.fields if not field.optional)
        return [
            Problem(
                file=delivery.name,
                sheet=sheet,
                rule="header",
                message_zh=f"前 {SEARCHED} 行中找不到表头",
                message_en=f"no header line in the first {SEARCHED} rows",
                remedy_zh=f"表头应有：{wanted}",
                remedy_en="the header needs: "
                + ", ".join(field.name for field in contract.fields if not field.optional),
            )
        ]
    told_elsewhere = {"year"} if delivery.year else set()
    if contract.town_field and town:
        told_elsewhere.add(contract.town_field)
    near = "、".join(text for at, text in sorted(header.written.items()) if at not in header.columns.values())
    problems = [
        Problem(
            file=delivery.name,
            sheet=sheet,
            cell=f"{header.row}:{header.row}",
            column=field.title,
            value=near,
            rule="column_missing",
            message_zh=f"缺少「{field.title}」列",
            message_en=f"the column {field.name} is missing",
            remedy_zh=f"请补上该列；可用的列名：{'、'.join(field.headers)}；单位应为合同所定",
            remedy_en=f"add it; it may be headed {', '.join(field.headers)}, in the contract's unit",
        )
        for field in header.missing
        if field.name not in told_elsewhere
    ]
    problems += [
        Problem(
            file=delivery.name,
            sheet=sheet,
            cell=f"{header.row}:{header.row}",
            column=field.title,
            rule="column_doubled",
            message_zh=f"「{field.title}」有多列",
            message_en=f"more than one column is {field.name}",
            remedy_zh="请只保留一列",
            remedy_en="keep one of them",
        )
        for field in header.doubled
    ]
    return problems


def _no_register() -> Problem:
    return Problem(
        file="towns.csv",
        rule="register",
        message_zh="缺少镇街名录",
        message_en="the register of towns is missing",
        remedy_zh="请将镇街名录放在 towns.csv",
        remedy_en="put the register of towns at towns.csv",
    )
