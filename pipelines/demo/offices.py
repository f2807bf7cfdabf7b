"""Writing deliveries the way offices do: encodings, titles, units, totals, notes, merged cells, numbers as text."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from pipelines.contracts import Contract, ContractField

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

CITY = "云澜市"

Row = tuple[Any, ...]

_UNITS = {
    "persons": "人",
    "yuan": "元",
    "employers": "户",
    "payments": "笔",
    "records": "条",
    "cards": "张",
    "errors": "处",
}
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
#: What a workbook says of when it was made; the clock would change its bytes.
_MADE = datetime.datetime(2013, 1, 1)


class Unit(NamedTuple):
    """What a town is called beside its name in the register."""

    town_code: str
    short_name: str
    kind: str
    district: str


@dataclass(frozen=True)
class Style:
    """How an office sends a source.

    Attributes:
        file: a workbook, or the encoding of a CSV file.
        titled: CSV with the title and unit lines of a workbook; workbooks always have them.
        has_year: whether there is a year column; without one the folder tells the year.
        aliases: headers by their first alias instead of their title.
        town: towns by name, code, name of their office, or short name.
        numbers: as numbers, or as text with thousands separators or in full-width digits.
        dates: 2013-02-22, 2013年2月22日, 2013.2.22 or a date cell of a workbook.
        flags: how yes and no are written.
        total: a last row that adds up the rest; subtotals: one for each district too.
        merged: rows of one town share one merged cell.
        numbered: a first column that counts the rows.
        sheet_per_town: one sheet for each town, named after it, without a town column.
    """

    file: Literal["utf-8", "utf-8-sig", "gb18030", "xlsx"]
    titled: bool = False
    has_year: bool = True
    aliases: bool = False
    town: Literal["name", "code", "office", "short"] = "name"
    numbers: Literal["plain", "thousands", "full_width"] = "plain"
    dates: Literal["iso", "chinese", "dotted", "excel"] = "iso"
    flags: tuple[str, str] = ("有", "无")
    total: bool = False
    subtotals: bool = False
    merged: bool = False
    numbered: bool = False
    sheet_per_town: bool = False


#: The styles of each source, taking turns from year to year.
STYLES: dict[str, tuple[Style, ...]] = {
    "activities": (
        Style("xlsx", has_year=False, merged=True, dates="excel"),
        Style("utf-8-sig", dates="dotted"),
    ),
    "adjustments": (Style("gb18030", titled=True, dates="chinese"),),
    "assessor_scores": (Style("xlsx", dates="excel"), Style("utf-8")),
    "benefit_authentication": (
        Style("gb18030", titled=True, has_year=False, numbers="thousands", total=True),
        Style("xlsx", has_year=False, town="office", total=True),
    ),
    "business_ledger": (Style("gb18030", dates="chinese"), Style("utf-8", flags=("√", "×"))),
    "citizen_card": (Style("utf-8-sig", numbers="thousands", total=True),),
    "information_accuracy": (Style("utf-8"), Style("utf-8-sig", aliases=True)),
    "insurance_expansion": (Style("utf-8", town="code"), Style("xlsx", aliases=True, total=True)),
    "online_filing": (Style("utf-8-sig"), Style("utf-8", town="code")),
    "overpayment_recovery": (
        Style("gb18030", titled=True, aliases=True, numbers="thousands", total=True),
        Style("utf-8"),
    ),
    "pension_renewal": (
        Style("xlsx", has_year=False, numbered=True, total=True),
        Style("xlsx", has_year=False, aliases=True, numbers="thousands", total=True),
    ),
    "publicity": (Style("xlsx", has_year=False), Style("utf-8", flags=("√", "×"))),
    "reconciliation": (Style("xlsx", has_year=False, total=True, merged=True, sheet_per_town=True),),
    "retiree_management": (Style("xlsx", has_year=False, total=True, subtotals=True),),
    "staffing": (
        Style("xlsx", has_year=False, town="office", numbers="full_width"),
        Style("xlsx", has_year=False, aliases=True, town="short", numbered=True, total=True),
    ),
    "statistical_reports": (
        Style("xlsx", has_year=False, merged=True, dates="chinese"),
        Style("gb18030", dates="dotted"),
    ),
    "towns": (Style("utf-8-sig", titled=True),),
}


@dataclass(frozen=True)
class Office:
    """Who sends a source.

    Attributes:
        style: how it writes.
        units: the towns by name.
        period: what its title says the table is about; '' for the register, which is of no year.
        imprint: the note that says where the figures come from.
    """

    style: Style
    units: Mapping[str, Unit]
    period: str
    imprint: str


@dataclass(frozen=True)
class Table:
    """A table as it will be written.

    Attributes:
        above, below: lines of text above the header and below the last row.
        header, rows: its cells.
        totals: the rows, counted from 0, that add up others.
        merged: the column, counted from 0, in which equal neighbours share a cell; None where cells are not merged.
    """

    above: list[str]
    header: list[str]
    rows: list[list[Any]]
    totals: frozenset[int]
    below: list[str]
    merged: int | None


def write_as_offices_do(
    stem: Path, contract: Contract, columns: Sequence[str], rows: Sequence[Row], office: Office
) -> None:
    """Write the rows of one source, whose fields are ``columns``, to ``stem`` with the suffix of the office's style."""
    fields = [contract.field(name) for name in columns]
    title = f"{office.period}{contract.title}"
    if office.style.sheet_per_town:
        town = columns.index("town")
        tables = {
            name: _table(f"{name}{title}", contract, fields, list(group), office)
            for name, group in groupby(rows, key=lambda row: str(row[town]))
        }
    else:
        tables = {contract.title: _table(f"{CITY}{title}", contract, fields, rows, office)}
    if office.style.file == "xlsx":
        stem.with_suffix(".xlsx").write_bytes(_workbook(tables, office.imprint))
    else:
        for table in tables.values():
            stem.with_suffix(".csv").write_bytes(_text(table).encode(office.style.file))


def _table(
    title: str, contract: Contract, fields: Sequence[ContractField], rows: Sequence[Row], office: Office
) -> Table:
    style = office.style
    left_out = {"" if style.has_year else "year", "town" if style.sheet_per_town else ""}
    kept = [at for at, field in enumerate(fields) if field.name not in left_out]
    # The column that says what a row is about, and so where 合计 stands.
    lead = next((at for at in kept if fields[at].name in ("town", "month")), 0)

    def added_up(label: str, summed: Sequence[Row]) -> list[Any]:
        cells: list[Any] = []
        for at in kept:
            if at == lead:
                cells.append(label)
            elif fields[at].additive:
                cells.append(_cell(sum(row[at] for row in summed if row[at] is not None), fields[at], office))
            else:
                cells.append(summed[0][at] if fields[at].name == "year" else None)
        return cells

    written: list[list[Any]] = []
    totals: set[int] = set()
    for district, group in groupby(rows, key=lambda row: office.units[row[lead]].district if style.subtotals else ""):
        members = list(group)
        written += [[_cell(row[at], fields[at], office) for at in kept] for row in members]
        if style.subtotals:
            totals.add(len(written))
            written.append(added_up(f"{district}小计", members))
    if style.total:
        totals.add(len(written))
        written.append(added_up("合计", rows))
    header = [fields[at].aliases[0] if style.aliases and fields[at].aliases else fields[at].title for at in kept]
    if style.numbered:
        header.insert(0, "序号")
        written = [[None if at in totals else at + 1, *cells] for at, cells in enumerate(written)]

    above, below = [], [f"注：{office.imprint}"]
    if style.titled or style.file == "xlsx":
        above.append(f"{title}（合成数据 synthetic data）")
        if counted := dict.fromkeys(_UNITS[field.unit] for field in fields if field.unit in _UNITS):
            above.append(f"单位：{'、'.join(counted)}")
        below.append(f"填表人：{contract.title}经办岗　审核：{contract.title}负责人")
    return Table(
        above, header, written, frozenset(totals), below, kept.index(lead) + style.numbered if style.merged else None
    )


def _cell(value: Any, field: ContractField, office: Office) -> Any:
    """A value as the office writes it; a figure that is not reported is a dash."""
    style = office.style
    written = value
    match value:
        case None:
            written = "—" if field.additive else None
        case bool():
            written = style.flags[0] if value else style.flags[1]
        case datetime.date():
            written = _date(value, style)
        case int() | Decimal() if field.unit == "percent":
            written = f"{value}%"
        case int() if field.unit == "month" and style.file == "xlsx":
            written = f"{value}月"
        case int() | Decimal() if field.additive and style.numbers == "thousands":
            written = f"{value:,}"
        case int() if field.additive and style.numbers == "full_width":
            written = str(value).translate(_FULL_WIDTH)
        case str() if field.name == "town":
            written = _town(value, office.units[value], style)
    return written


def _date(day: datetime.date, style: Style) -> Any:
    match style.dates:
        case "chinese":
            return f"{day.year}年{day.month}月{day.day}日"
        case "dotted":
            return f"{day.year}.{day.month}.{day.day}"
        case "excel":
            return day
        case "iso":
            return day.isoformat()


def _town(name: str, unit: Unit, style: Style) -> str:
    match style.town:
        case "code":
            return unit.town_code
        case "office":
            return name + ("办事处" if unit.kind == "街道" else "人民政府")
        case "short":
            return unit.short_name
        case "name":
            return name


def _text(table: Table) -> str:
    """CSV with the line ends of a spreadsheet program."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerows([line] for line in table.above)
    writer.writerow(table.header)
    writer.writerows(table.rows)
    writer.writerows([line] for line in table.below)
    return stream.getvalue()


def _workbook(tables: Mapping[str, Table], imprint: str) -> bytes:
    """An .xlsx file with one sheet for each table; the same tables give the same bytes."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    workbook.properties.created = workbook.properties.modified = _MADE
    workbook.properties.creator = "kaohe demo"
    workbook.properties.title = "合成数据 synthetic data"
    bold, centred = Font(bold=True), Alignment(horizontal="center", vertical="center")
    for name, table in tables.items():
        sheet: Worksheet = workbook.create_sheet(name)
        for line in table.above:
            sheet.append([line])
        sheet.append(table.header)
        header_row = sheet.max_row
        for cells in _merged_away(table):
            sheet.append(cells)
        for line in table.below:
            sheet.append([line])
        sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=len(table.header))
        sheet.cell(1, 1).font, sheet.cell(1, 1).alignment = bold, centred
        for at, text in enumerate(table.header, start=1):
            cell = sheet.cell(header_row, at)
            cell.font, cell.alignment = bold, centred
            sheet.column_dimensions[cell.column_letter].width = 2 * len(text) + 8
        for at in table.totals:
            for cell in sheet[header_row + 1 + at]:
                cell.font = bold
        for first, last in _runs(table):
            column = 1 + (table.merged or 0)
            sheet.merge_cells(
                start_row=header_row + 1 + first, end_row=header_row + 1 + last, start_column=column, end_column=column
            )
            sheet.cell(header_row + 1 + first, column).alignment = centred
        sheet.freeze_panes = sheet.cell(header_row + 1, 1)
    if len(tables) > 1:
        explained: Worksheet = workbook.create_sheet("填表说明")
        explained.append([imprint])
        explained.append(["每个镇街一张工作表，工作表以镇街名称命名。"])
    return _packed(workbook)


def _runs(table: Table) -> Iterator[tuple[int, int]]:
    """First and last of each run of rows that share a merged cell."""
    if table.merged is None:
        return
    column = table.merged
    for _, group in groupby(enumerate(table.rows), key=lambda numbered: numbered[1][column]):
        places = [at for at, _ in group]
        if len(places) > 1:
            yield places[0], places[-1]


def _merged_away(table: Table) -> list[list[Any]]:
    """The rows with each merged cell's text in its first row only."""
    rows = [list(cells) for cells in table.rows]
    for first, last in _runs(table):
        for cells in rows[first + 1 : last + 1]:
            cells[table.merged or 0] = None
    return rows


def _packed(workbook: Workbook) -> bytes:
    """The bytes of a workbook, without the time it was saved at."""
    from openpyxl.writer.excel import ExcelWriter

    saved, packed = io.BytesIO(), io.BytesIO()
    # Saving through the workbook itself would set its time of change to now.
    ExcelWriter(workbook, ZipFile(saved, "w")).save()
    with ZipFile(saved) as parts, ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for part in parts.infolist():
            entry = ZipInfo(part.filename, date_time=_MADE.timetuple()[:6])
            entry.compress_type, entry.create_system = ZIP_DEFLATED, 3
            archive.writestr(entry, parts.read(part))
    return packed.getvalue()
