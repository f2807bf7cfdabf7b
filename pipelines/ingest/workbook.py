"""Reading an xlsx workbook: numbers in full, ISO dates, and what a cell shows where its value alone would mislead.

What is read here may have been built to do harm, so it is read in a process of its own: see ``workbook_process``.
"""

from __future__ import annotations

import datetime
import posixpath
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from pipelines.ingest.sheets import MergedArea, Row, Sheet, UnreadableError, spread

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

#: A workbook is not read beyond this many bytes once unpacked, nor this many characters of cells: more than a sheet of
#: a million rows and a dozen columns needs.
LARGEST = 1 << 30
#: What a sheet, and a cell of it, can hold.
_ROWS, _COLUMNS = 1_048_576, 16_384
_LONGEST_TEXT = 32_767
#: Rows that all merged areas of a sheet cover together; areas of real tables do not overlap.
_MERGED_ROWS = 2_000_000
_CHUNK = 1 << 20
_STYLE = re.compile(rb' s="([0-9]+)"')
_PERCENT_FORMATS = {"9", "10"}
#: Parts of a number format that are printed as they stand; a percent sign in one multiplies nothing.
_LITERAL = re.compile(r'"[^"]*"|\\.')
_FORMULA = re.compile(b"<(?:[a-z]+:)?f[ >/]")
_SPLIT = (
    "请拆分成几个文件，或改报 .csv、.parquet",
    "send it in several files, or as .csv or .parquet",
)
_MADE_ANEW = (
    "请将数据复制到新建的工作簿，另存为 .xlsx",
    "copy the table into a new workbook and save it as .xlsx",
)
#: Everything that comes of parts that are absent, cut off, packed in an unknown way or not what they should be.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, ElementTree.ParseError, LookupError, ValueError, ArithmeticError, EOFError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


def open_workbook(path: Path) -> Iterator[Sheet]:
    """The worksheets of an xlsx file in order, hidden ones included. Raises UnreadableError, also between the rows."""
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

    try:
        with zipfile.ZipFile(path) as package:
            contents = _look_through(package)
            shown = _Shown(package, contents)
            with CalamineWorkbook.from_path(path) as workbook:
                for sheet in workbook.sheets_metadata:
                    if sheet.typ == SheetTypeEnum.WorkSheet:
                        yield _sheet(workbook.get_sheet_by_name(sheet.name), shown.cells(sheet.name))
    except (CalamineError, *_BROKEN) as error:
        raise UnreadableError(f"不是完好的 xlsx 工作簿（{error}）", f"not a whole xlsx workbook ({error})") from error


@dataclass(frozen=True)
class _Part:
    """What a part holds that calls for a closer look: error values or formulas, and the styles of its cells."""

    has_errors: bool
    has_formulas: bool
    styles: frozenset[bytes]


def _look_through(package: zipfile.ZipFile) -> dict[str, _Part]:
    """Every XML part, unpacked once. Raises UnreadableError for what no spreadsheet program writes."""
    names = [name.replace("\\", "/").lower() for name in package.namelist()]
    if len(set(names)) < len(names):
        raise UnreadableError("工作簿中有重名的部件", "two parts of the workbook bear one name", remedy=_MADE_ANEW)
    parts, size = {}, 0
    for entry in package.infolist():
        if not entry.filename.lower().endswith((".xml", ".rels")):
            continue
        before, has_errors, has_formulas = b"", False, False
        styles: set[bytes] = set()
        with package.open(entry) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > LARGEST:
                    raise _too_large()
                window = before + chunk
                # In UTF-16, which no spreadsheet program writes either, they could hide.
                if b"<!DOCTYPE" in window or b"<!ENTITY" in window or b"\0" in window:
                    raise UnreadableError(
                        f"工作簿部件 {entry.filename} 中有 DTD 或实体定义，不予读取",
                        f"the part {entry.filename} declares a document type or entities, which no workbook needs",
                        remedy=_MADE_ANEW,
                    )
                has_errors = has_errors or b't="e"' in window
                has_formulas = has_formulas or _FORMULA.search(window) is not None
                styles.update(_STYLE.findall(window))
                before = chunk[-32:]
        parts[entry.filename] = _Part(has_errors, has_formulas, frozenset(styles))
    return parts


def _too_large() -> UnreadableError:
    limit = LARGEST / (1 << 30)
    return UnreadableError(
        f"工作簿展开后超过 {limit:g} GB，不予读取",
        f"the workbook unpacks to more than {limit:g} GB, which is not read",
        remedy=_SPLIT,
    )


def _sheet(sheet: CalamineSheet, shown: dict[int, dict[int, str]]) -> Sheet:
    # Not total_height, which is one short where the table begins in the first row.
    height = sheet.end[0] + 1 if sheet.end else 0
    areas = [
        MergedArea(top, left, bottom, right, None)
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
        if top < height
    ]
    if sum(min(area.bottom + 1, height) - area.top for area in areas) > _MERGED_ROWS:
        raise UnreadableError("合并单元格互相重叠或过多", "merged cells overlap or are too many", remedy=_MADE_ANEW)
    # Excel keeps a merged area's value in its top left cell only; every row of the area means it.
    of_row: dict[int, list[MergedArea]] = defaultdict(list)
    for area in areas:
        of_row[area.top].append(area)
    merged = [
        replace(area, text=row[area.left] if area.left < len(row) else None)
        for number, row in enumerate(islice(_rows(sheet, shown), max(of_row, default=-1) + 1))
        for area in of_row.get(number, ())
    ]
    in_first_column = [replace(area, right=area.left) for area in merged]
    return Sheet(sheet.name, "", spread(_rows(sheet, shown), in_first_column), tuple(merged))


def _rows(sheet: CalamineSheet, shown: dict[int, dict[int, str]]) -> Iterator[Row]:
    """The rows of a sheet as text from its first row and column on."""
    left = sheet.start[1] if sheet.start else 0
    number, size = -1, 0
    for number, cells in enumerate(sheet.iter_rows()):
        row: Row = [None] * left
        row += [_text(cell) for cell in cells]
        if number in shown:
            _lay_over(row, shown[number])
        size += sum(len(cell) for cell in row if cell)
        if size > LARGEST:
            raise _too_large()
        yield row
    # What calamine drops may lie beyond the last cell it keeps.
    for beyond in range(number + 1, max(shown, default=-1) + 1):
        row = []
        _lay_over(row, shown.get(beyond, {}))
        yield row


def _lay_over(row: Row, shown: dict[int, str]) -> None:
    row.extend([None] * (max(shown, default=-1) + 1 - len(row)))
    for column, text in shown.items():
        row[column] = text


def _text(cell: object) -> str | None:
    match cell:
        case None | "":
            return None
        case bool():
            return "TRUE" if cell else "FALSE"
        case float():
            number = Decimal(f"{cell:.15g}")
            # Of longer numbers, such as identity numbers typed as such, the last digits are lost: none are made up.
            return _figure(number) if abs(cell) < 10**15 else format(number.normalize(), "E")
        case datetime.datetime():
            return cell.isoformat(sep=" ")
        case _:
            text = str(cell)
            if len(text) > _LONGEST_TEXT:
                raise UnreadableError(
                    f"有单元格多达 {len(text):,} 字，超过 Excel 的上限 {_LONGEST_TEXT:,}",
                    f"a cell holds {len(text):,} characters; Excel's limit is {_LONGEST_TEXT:,}",
                    remedy=_MADE_ANEW,
                )
            return text


def _figure(number: Decimal) -> str:
    """A number without exponent or trailing zeros. Fifteen digits are what Excel keeps and shows of any number."""
    return format(number.normalize(), "f")


class _Shown:
    """Cells of a workbook that show something else than the value calamine gives.

    These are percentages (kept as 0.985, shown as 98.5%), errors such as #DIV/0! (given as nothing) and formulas that
    were never calculated (given as nothing).
    """

    def __init__(self, package: zipfile.ZipFile, contents: dict[str, _Part]) -> None:
        self._package = package
        self._contents = contents
        targets = {part.get("Id"): part.get("Target", "") for part in self._parsed("xl/_rels/workbook.xml.rels")}
        self._parts = {
            sheet.get("name"): posixpath.normpath(posixpath.join("/xl", targets[_relation(sheet)])).lstrip("/")
            for sheet in self._parsed("xl/workbook.xml").iterfind("{*}sheets/{*}sheet")
        }
        self._percent_styles = set(self._find_percent_styles()) if "xl/styles.xml" in contents else set()

    def cells(self, sheet: str) -> dict[int, dict[int, str]]:
        """Row and column, counted from 0 → what the cell shows, for the cells that need it."""
        part = self._contents[self._parts[sheet]]
        has_percentages = not part.styles.isdisjoint(style.encode() for style in self._percent_styles)
        if not (has_percentages or part.has_errors or part.has_formulas):
            return {}
        shown: dict[int, dict[int, str]] = defaultdict(dict)
        with self._package.open(self._parts[sheet]) as stream:
            number = -1
            for _, row in ElementTree.iterparse(stream):
                if not row.tag.endswith("}row"):
                    continue
                number = int(row.get("r", number + 2)) - 1
                if not 0 <= number < _ROWS:
                    raise ValueError(f"row {number + 1}")
                for position, cell in enumerate(row.iterfind("{*}c")):
                    text = self._text_shown(cell)
                    if text is not None:
                        column = _column(cell.attrib["r"]) if "r" in cell.attrib else position
                        if not 0 <= column < _COLUMNS:
                            raise ValueError(f"column {column + 1}")
                        shown[number][column] = text
                row.clear()
        return dict(shown)

    def _text_shown(self, cell: ElementTree.Element) -> str | None:
        value, formula, kind = cell.findtext("{*}v"), cell.find("{*}f"), cell.get("t", "n")
        # A formula whose result is an empty text has one; one without any result was never calculated.
        if formula is not None and not value and kind != "str":
            return f"={formula.text or ''}"
        if kind == "e":
            return value
        if kind == "n" and value and cell.get("s") in self._percent_styles:
            return _figure(Decimal(f"{float(value):.15g}") * 100) + "%"
        return None

    def _find_percent_styles(self) -> Iterator[str]:
        styles = self._parsed("xl/styles.xml")
        formats = _PERCENT_FORMATS | {
            form.get("numFmtId")
            for form in styles.iterfind("{*}numFmts/{*}numFmt")
            if "%" in _LITERAL.sub("", form.get("formatCode", ""))
        }
        for position, style in enumerate(styles.iterfind("{*}cellXfs/{*}xf")):
            if style.get("numFmtId") in formats:
                yield str(position)

    def _parsed(self, part: str) -> ElementTree.Element:
        return ElementTree.fromstring(self._package.read(part))


def _relation(sheet: ElementTree.Element) -> str | None:
    return next((value for name, value in sheet.attrib.items() if name.endswith("}id")), None)


def _column(address: str) -> int:
    position = 0
    for letter in address.rstrip("0123456789"):
        position = position * 26 + ord(letter) - ord("A") + 1
    return position - 1
