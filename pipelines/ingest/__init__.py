"""Ingest: received files become tables of text with file, sheet and row, and typed tables beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.contracts import Contract
from pipelines.errors import Exit, KaoheError, Problem
from pipelines.ingest.corrections import apply_corrections, name_corrected_rows
from pipelines.ingest.deliveries import Delivery, discover, names_alike
from pipelines.ingest.header import SEARCHED, find_header, plain
from pipelines.ingest.identity import forget_key, read_key, set_key
from pipelines.ingest.kinds import refuse_other_kind
from pipelines.ingest.problems import (
    beyond_header,
    changed_while_read,
    cut_short,
    header_problems,
    no_header,
    no_register,
    shared_figures,
    unreadable,
)
from pipelines.ingest.sheets import Row, Sheet, UnreadableError, first_cell, open_text, spread
from pipelines.ingest.tables import Reader, Tables
from pipelines.ingest.text import refuse_mixture, refuse_nul, unfinished_line
from pipelines.ingest.workbook_process import WorkbookProcess
from pipelines.masking import masked

if TYPE_CHECKING:
    import duckdb

__all__ = ["Reader", "ingest"]

#: Sheets that explain and hold no data.
_EXPLAINING = re.compile(r"(填表|填报)?说明|目录|字典|readme|instructions")
#: Names of sheets that say nothing about whom they are of.
_UNNAMED = re.compile(r"(sheet|工作表|表|数据|汇总)?[0-9()]*|[0-9]{4}年度?|[0-9]{1,2}月份?")


def ingest(
    connection: duckdb.DuckDBPyConnection,
    raw: Path,
    contracts: Mapping[str, Contract],
    report: Callable[[str], None],
    key: Path | None = None,
    declared: Path | None = None,
    kept: frozenset[str] | None = None,
    reader: Reader | None = None,
) -> set[str]:
    """Read every delivery below ``raw`` into the warehouse; ``report`` hears the name of each.

    ``key`` is the file with the key for identity numbers, the usual one unless given; it is opened where a person-level
    source is delivered.

    ``kept`` names the files whose rows the warehouse holds from the run before; without it everything is read. Returns
    the sources of which files were read or are gone. ``reader`` may read and type what is very large, in place of the
    database.

    Makes delivery_file, delivery_sheet, delivery_column, raw_<source>, typed_<source>, town_register,
    town_name_lookup and town_year. The corrections in the file ``declared`` are applied to the text before it is typed.
    Raises KaoheError (rejected) with every problem of every file, in one pass.
    """
    deliveries, problems = discover(raw, contracts)
    if not any(delivery.source == "towns" for delivery in deliveries):
        problems.append(no_register())
    if any(contracts[delivery.source].is_person_level for delivery in deliveries):
        set_key(connection, read_key(key, [raw]))
    tables = Tables(connection, contracts, kept, reader)
    with WorkbookProcess() as workbooks:
        for delivery in deliveries:
            if kept is not None and delivery.name in kept:
                continue
            report(delivery.name)
            try:
                problems += _read(tables, delivery, contracts[delivery.source], workbooks)
            except UnreadableError as error:
                problems.append(unreadable(delivery, error))
            except FileNotFoundError:
                problems.append(changed_while_read(delivery))
            if delivery.name in tables.left_to_database:
                report(f"{delivery.name}：由 DuckDB 读 read by DuckDB")
    problems += [changed_while_read(delivery) for delivery in deliveries if not delivery.is_as_found()]
    tables.write()
    problems += apply_corrections(connection, contracts, declared)
    tables.finish()
    name_corrected_rows(connection, contracts)
    forget_key(connection)
    problems += [beyond_header(*row) for row in tables.rows_beyond_header()]
    problems += [cut_short(*row) for row in tables.rows_cut_short()]
    if problems:
        count = len(problems)
        raise KaoheError(
            Exit.REJECTED, f"报送文件有 {count} 处问题，未予接收 / {count} problem(s) in what was received", problems
        )
    return tables.sources


def _read(tables: Tables, delivery: Delivery, contract: Contract, workbooks: WorkbookProcess) -> list[Problem]:
    """Put one file's rows into ``tables``; the problems that keep it from being read. Raises UnreadableError."""
    refuse_other_kind(delivery.path)
    encoding = ""
    sheets: Iterable[Sheet]
    match delivery.path.suffix.lower():
        case ".parquet":
            header = tables.parquet_header(delivery)
            tables.add_file(delivery, "")
            town = delivery.label
            problems = (
                header_problems(delivery, "", contract, header, town) if header else [no_header(delivery, "", contract)]
            )
            if header and not problems:
                tables.add_parquet(delivery, header, town)
            return problems
        case ".csv":
            sheet = _open_text(delivery.path, contract)
            sheets, encoding = [sheet], sheet.encoding
        case _:
            sheets = (replace(sheet, name=masked(sheet.name)) for sheet in workbooks.open(delivery.path))
    tables.add_file(delivery, encoding)
    found: dict[str, list[Problem] | None] = {}
    for sheet in sheets:
        if sheet.name in found:
            return [names_alike(delivery.name, sheet.name)]
        found[sheet.name] = _read_sheet(tables, delivery, contract, sheet)
    if all(problems is None for problems in found.values()):
        return [no_header(delivery, "", contract)]
    return [problem for problems in found.values() for problem in problems or ()]


def _open_text(path: Path, contract: Contract) -> Sheet:
    refuse_nul(path)
    try:
        sheet = open_text(path, lambda top: _recognised(contract, top), SEARCHED)
    except UnreadableError:
        refuse_mixture(path)
        raise
    if sheet.encoding == "gb18030":
        refuse_mixture(path)
    return sheet


def _recognised(contract: Contract, top: list[Row]) -> int:
    header = find_header(contract, top)
    return len(header.columns) if header else 0


def _read_sheet(tables: Tables, delivery: Delivery, contract: Contract, sheet: Sheet) -> list[Problem] | None:
    """Put one sheet's rows into ``tables``; its problems, or None where it is empty or only explains."""
    top = list(islice(sheet.rows, SEARCHED))
    rows = chain(top, sheet.rows)
    if _EXPLAINING.match(plain(sheet.name)):
        tables.add_unread_sheet(delivery, sheet.name, rows)
        return None
    header = find_header(contract, top)
    if header is None:
        blank = []
        for row in rows:
            if first_cell(row):
                return [no_header(delivery, sheet.name, contract, top)]
            blank.append(row)
        tables.add_unread_sheet(delivery, sheet.name, blank)
        return None
    town = _town_outside_the_table(delivery, contract, sheet.name)
    problems = header_problems(delivery, sheet.name, contract, header, town)
    if not problems:
        problems = shared_figures(delivery, contract, sheet, header)
        width = max(map(len, top))
        if not (sheet.delimiter and tables.add_text(delivery, sheet, header, width, town)):
            tables.add_sheet(delivery, sheet.name, header, spread(rows, sheet.merged), town)
        if sheet.encoding and unfinished_line(delivery.path, sheet.encoding, header.width):
            tables.add_unfinished(delivery)
    return problems


def _town_outside_the_table(delivery: Delivery, contract: Contract, sheet: str) -> str:
    """The town a whole sheet is about, where its name or the file's says so; else ''."""
    name = plain(sheet)
    says_nothing = _UNNAMED.fullmatch(name) or name in (contract.name, plain(contract.title))
    return ("" if says_nothing else sheet) or delivery.label
