"""Declared corrections: a figure mended in the open, without touching the file it was received in.

``data/corrections.yml`` is a list. An entry names one cell, says what stands there and what is to be read in its place,
with a reason, a name and a date. The cell is named the way a problem names it::

    - {file: 2013/overpayment_recovery.csv, cell: line 4, column: 追回金额, expect: 120, replace: 102,
       reason: 抄写颠倒，见原始凭证, who: 甲, on: 2014-02-03}

or by what its row says::

    - {source: overpayment_recovery, year: 2013, match: {镇街: 云溪镇}, column: 追回金额, expect: 120, replace: 102, …}

An entry that no longer fits, because the file was mended or sent anew, is a problem: nothing is corrected twice or by
chance. A correction mends a figure; an adjustment (source ``adjustments``) replaces a score after review.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from ruamel.yaml.error import YAMLError

from pipelines.contracts import Contract, ContractField
from pipelines.day import Day
from pipelines.errors import Problem
from pipelines.ingest.header import plain
from pipelines.ingest.values import squeezed_text, town_key
from pipelines.places import place
from pipelines.plain_yaml import load_with_places, without_places
from pipelines.sql_text import identifier, literal

if TYPE_CHECKING:
    import duckdb

_KEY = "source_file, source_sheet, source_row"


class _Entry(BaseModel):
    """One correction as declared. An empty ``expect`` or ``replace`` is an empty cell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = ""
    sheet: str = ""
    cell: str = ""
    source: str = ""
    year: str = ""
    match: dict[str, str] = {}
    column: str = ""
    expect: str
    replace: str
    reason: str
    who: str
    on: Day

    @model_validator(mode="after")
    def _names_one_cell(self) -> _Entry:
        by_place = bool(self.file and self.cell) and not (self.source or self.year or self.match)
        by_row = bool(self.source and self.match and self.column) and not (self.file or self.sheet or self.cell)
        if by_place == by_row:
            raise ValueError("file and cell, or source, year, match and column")
        if not (self.reason.strip() and self.who.strip()):
            raise ValueError("reason and who")
        return self


@dataclass(frozen=True)
class _Found:
    """The cell an entry speaks of: its field, row, and the text received there."""

    field: ContractField
    file: str
    sheet: str
    row: int
    text: str | None


def apply_corrections(
    connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], path: Path | None
) -> list[Problem]:
    """Put what ``path`` declares into raw_<source>, before anything is typed; the problems of entries that do not fit.

    Makes ``applied_correction``, one row per cell, with the text received and the text read in its place.
    """
    connection.execute(
        "CREATE OR REPLACE TABLE applied_correction (entry INTEGER, source VARCHAR, source_file VARCHAR, "
        "source_sheet VARCHAR, source_row BIGINT, field VARCHAR, header VARCHAR, cell VARCHAR, received VARCHAR, "
        "corrected VARCHAR, reason VARCHAR, declared_by VARCHAR, declared_on DATE, names_row BOOLEAN)"
    )
    if path is None:
        return []
    entries, problems = _read(path)
    found: dict[tuple[str, str, int, str], int] = {}
    for line, entry in entries:
        told = _problem_of(path.name, line, entry)
        contract = _contract(connection, contracts, entry)
        if contract is None:
            problems.append(told("correction_matches", "没有这个文件或数据", "no such file or source"))
            continue
        cells = _cells(connection, contract, entry)
        if isinstance(cells, str) or len(cells) != 1:
            problems.append(_not_one(told, cells))
            continue
        cell = cells[0]
        at = (cell.file, cell.sheet, cell.row, cell.field.name)
        received = "***" if cell.field.personal and cell.text else cell.text or ""
        if at in found:
            zh, en = f"与第 {found[at]} 行的更正是同一单元格", f"line {found[at]} corrects the same cell"
            problems.append(told("correction_unique", zh, en))
        elif _bare(cell.text) != _bare(entry.expect):
            where = " ".join(filter(None, (cell.file, cell.sheet, place(cell.file, cell.row))))
            mended = _bare(cell.text) == _bare(entry.replace)
            zh = "源文件已改为更正后的值，请删去此条" if mended else "源文件中的值与 expect 不符"
            en = "the file was mended; take the entry out" if mended else "the file does not say what is expected"
            problems.append(told("correction_expects", f"{zh}（{where}）", f"{en} ({where})", received))
        else:
            found[at] = line
            _apply(connection, contract, cell, line, entry)
    return problems


def name_corrected_rows(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> None:
    """Add to ``applied_correction`` the year, town and item of each row, as they are once corrected and typed."""
    for column, kind in (("year", "INTEGER"), ("town_id", "VARCHAR"), ("item", "VARCHAR")):
        connection.execute(f"ALTER TABLE applied_correction ADD COLUMN {column} {kind}")
    for (source,) in connection.execute("SELECT DISTINCT source FROM applied_correction").fetchall():
        contract = contracts[source]
        if contract.town_field is None:
            continue
        item = "typed.item" if "item" in {field.name for field in contract.fields} else "NULL"
        connection.execute(f"""
            UPDATE applied_correction AS applied SET year = typed.year, town_id = typed.town_id, item = {item}
            FROM typed_{source} AS typed
            WHERE applied.source = '{source}' AND applied.source_file = typed.source_file
                AND applied.source_sheet = typed.source_sheet AND applied.source_row = typed.source_row""")


# Reading what is declared ---------------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[list[tuple[int, _Entry]], list[Problem]]:
    """Every entry with its line, and the problems of those that are none."""
    try:
        tree, repeated = load_with_places(path.read_text(encoding="utf-8"), all_as_text=True)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        zh, en = f"不是可读的 YAML（{reason}）", f"not readable YAML ({reason})"
        return [], [_problem(path.name, mark.line + 1 if mark else 1, "yaml", zh, en)]
    if tree is None:
        return [], []
    marks = getattr(tree, "lc", None)
    if marks is None or not isinstance(tree, list):
        return [], [_problem(path.name, 1, "correction_form", "应是更正的列表", "a list of corrections is expected")]
    entries = []
    problems = [
        _problem(path.name, line, "correction_form", f"{key} 写了两次", f"{key} is written twice")
        for line, key in repeated
    ]
    for at, written in enumerate(tree):
        line = marks.item(at)[0] + 1
        try:
            entries.append((line, _Entry.model_validate(without_places(written))))
        except ValidationError as error:
            for each in error.errors():
                where = ".".join(map(str, each["loc"]))
                en = (f"{where}: " if where else "") + each["msg"].removeprefix("Value error, ")
                if each["type"] == "model_type":
                    en = "an entry says file and cell, or source, year, match and column; and reason and who"
                zh = f"此条写法不对：{where or '须写明 file、cell 或 source、year、match、column，以及 reason、who'}"
                problems.append(_problem(path.name, line, "correction_form", zh, en))
    return entries, problems


# Finding the cell -----------------------------------------------------------------------------------------------------


def _contract(
    connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], entry: _Entry
) -> Contract | None:
    if entry.source:
        return contracts.get(entry.source)
    of_file = connection.execute("SELECT source FROM delivery_file WHERE source_file = ?", [entry.file]).fetchall()
    return contracts[of_file[0][0]] if of_file else None


def _cells(connection: duckdb.DuckDBPyConnection, contract: Contract, entry: _Entry) -> list[_Found] | str:
    """The cells an entry may mean, or the column it names and the source has not."""
    conditions, values = [], []
    named = entry.column
    if entry.file:
        row = re.fullmatch(r"(?:line |row )?([0-9]+)|([A-Z]{1,3})([0-9]+)", entry.cell)
        if row is None:
            return entry.cell
        conditions += ["source_file = ?", "(? = '' OR source_sheet = ?)", "source_row = ?"]
        values += [entry.file, entry.sheet, entry.sheet, int(row[1] or row[3])]
        if row[2]:
            headers = connection.execute(
                "SELECT DISTINCT header, position FROM delivery_column WHERE source_file = ? "
                "AND (? = '' OR source_sheet = ?)",
                [entry.file, entry.sheet, entry.sheet],
            ).fetchall()
            here = [text for text, position in headers if place(entry.file, int(row[3]), position) == entry.cell]
            named = here[0] if here else entry.cell
    else:
        conditions.append("file.year IS NOT DISTINCT FROM TRY_CAST(nullif(?, '') AS INTEGER)")
        values.append(entry.year)
        for column, text in entry.match.items():
            field = _field(contract, column)
            if field is None:
                return column
            alike = town_key if field.name == contract.town_field else squeezed_text
            conditions.append(f"{alike(identifier(field.name))} = {alike(literal(text))}")
    field = _field(contract, named)
    if field is None:
        return named
    rows = connection.execute(
        f"""SELECT source_file, source_sheet, source_row, "{field.name}"
        FROM raw_{contract.name} INNER JOIN delivery_file AS file USING (source_file)
        WHERE row_kind IN ('data', 'total', 'subtotal') AND {" AND ".join(conditions)} ORDER BY {_KEY}""",
        values,
    ).fetchall()
    return [_Found(field, *row) for row in rows]


def _field(contract: Contract, header: str) -> ContractField | None:
    known = {plain(each): field for field in contract.fields for each in field.headers}
    return known.get(plain(header))


def _bare(text: str | None) -> str:
    return (text or "").strip()


def _apply(connection: duckdb.DuckDBPyConnection, contract: Contract, cell: _Found, line: int, entry: _Entry) -> None:
    at = [cell.file, cell.sheet, cell.row]
    headers = connection.execute(
        "SELECT header, position FROM delivery_column WHERE source_file = ? AND source_sheet = ? AND field = ?",
        [cell.file, cell.sheet, cell.field.name],
    ).fetchall()
    header, position = headers[0] if headers else ("", None)
    connection.execute(
        f"UPDATE raw_{contract.name} SET \"{cell.field.name}\" = nullif(?, '') "
        "WHERE source_file = ? AND source_sheet = ? AND source_row = ?",
        [entry.replace, *at],
    )
    is_personal = cell.field.personal
    connection.execute(
        f"INSERT INTO applied_correction VALUES ({', '.join('?' * 14)})",
        [
            line, contract.name, *at, cell.field.name, header, place(cell.file, cell.row, position),
            *("***" if is_personal and text else text for text in (cell.text, entry.replace or None)),
            entry.reason, entry.who, entry.on, cell.field.name in contract.primary_key,
        ],
    )  # fmt: skip


# Telling what does not fit --------------------------------------------------------------------------------------------


def _problem_of(file: str, line: int, entry: _Entry) -> Any:
    def told(rule: str, zh: str, en: str, value: str = "") -> Problem:
        return _problem(file, line, rule, zh, en, entry.column or entry.cell, value)

    return told


def _not_one(told: Any, cells: Sequence[_Found] | str) -> Problem:
    if isinstance(cells, str):
        zh, en = f"没有「{cells}」这一列或单元格", f"no such column or cell: {cells}"
    elif cells:
        places = "、".join(f"{each.file} {place(each.file, each.row)}" for each in cells[:5])
        zh, en = f"有 {len(cells)} 行相符：{places}", f"{len(cells)} rows match: {places}"
    else:
        zh, en = "没有相符的行", "no row matches"
    problem: Problem = told("correction_matches", zh, en)
    return problem


def _problem(file: str, line: int, rule: str, zh: str, en: str, column: str = "", value: str = "") -> Problem:
    return Problem(
        file=file,
        cell=f"line {line}",
        column=column,
        value=value,
        rule=rule,
        message_zh=zh,
        message_en=en,
        remedy_zh="请核对源文件，改正或删去此条更正",
        remedy_en="look at the file again, then mend this entry or take it out",
    )
