"""Reading an xlsx workbook: numbers in full, ISO dates, and what a cell shows where its value alone would mislead."""

from __future__ import annotations

import datetime
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from pipelines.ingest.sheets import MergedArea, Row, Sheet, UnreadableError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_PERCENT_FORMATS = {"9", "10"}
#: Parts of a number format that are printed as they stand; a percent sign in one multiplies nothing.
_LITERAL = re.compile(r'"[^"]*"|\\.')
_FORMULA = re.compile(b"<(?:[a-z]+:)?f[ >/]")


def open_workbook(path: Path) -> list[Sheet]:
    """The worksheets of an xlsx file in order, hidden ones included. Raises UnreadableError."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum

    try:
        with CalamineWorkbook.from_path(path) as workbook, zipfile.ZipFile(path) as package:
            shown = _Shown(package)
            return [
                _sheet(workbook.get_sheet_by_name(sheet.name), shown.cells(sheet.name))
                for sheet in workbook.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet
            ]
    except PasswordError as error:
        raise UnreadableError("工作簿设有密码，请去掉密码后重报", "the workbook has a password; remove it") from error
    except (CalamineError, zipfile.BadZipFile, ElementTree.ParseError, KeyError, ValueError) as error:
        raise UnreadableError(f"不是完好的 xlsx 工作簿（{error}）", f"not a whole xlsx workbook ({error})") from error


def _sheet(sheet: CalamineSheet, shown: dict[tuple[int, int], str]) -> Sheet:
    rows: list[Row] = [[_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    for (row, column), text in shown.items():
        # What calamine drops may lie beyond the last cell it keeps.
        rows.extend([] for _ in range(row + 1 - len(rows)))
        rows[row].extend([None] * (column + 1 - len(rows[row])))
        rows[row][column] = text
    merged = []
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        shared = rows[top][left] if top < len(rows) and left < len(rows[top]) else None
        merged.append(MergedArea(top, left, bottom, right, shared))
        # Excel keeps a merged area's value in its top left cell only; every row of the area means it.
        for cells in rows[top + 1 : bottom + 1]:
            cells[left : left + 1] = [shared] * len(cells[left : left + 1])
    return Sheet(sheet.name, "", iter(rows), tuple(merged))


def _text(cell: object) -> str | None:
    match cell:
        case None | "":
            return None
        case bool():
            return "TRUE" if cell else "FALSE"
        case float():
            return _figure(Decimal(f"{cell:.15g}"))
        case datetime.datetime():
            return cell.isoformat(sep=" ")
        case _:
            return str(cell)


def _figure(number: Decimal) -> str:
    """A number without exponent or trailing zeros. Fifteen digits are what Excel keeps and shows of any number."""
    return format(number.normalize(), "f")


class _Shown:
    """Cells of a workbook that show something else than the value calamine gives.

    These are percentages (kept as 0.985, shown as 98.5%), errors such as #DIV/0! (given as nothing) and formulas that
    were never calculated (given as nothing).
    """

    def __init__(self, package: zipfile.ZipFile) -> None:
        self._package = package
        targets = {part.get("Id"): part.get("Target", "") for part in self._parsed("xl/_rels/workbook.xml.rels")}
        self._parts = {
            sheet.get("name"): posixpath.join("/xl", targets[_relation(sheet)]).lstrip("/")
            for sheet in self._parsed("xl/workbook.xml").iterfind("{*}sheets/{*}sheet")
        }
        self._percent_styles = set(self._find_percent_styles()) if "xl/styles.xml" in package.namelist() else set()

    def cells(self, sheet: str) -> dict[tuple[int, int], str]:
        """Row and column, counted from 0 → what the cell shows, for the cells that need it."""
        content = self._package.read(self._parts[sheet])
        has_percentages = any(f' s="{style}"'.encode() in content for style in self._percent_styles)
        if not (has_percentages or b't="e"' in content or _FORMULA.search(content)):
            return {}
        return dict(self._misleading(content))

    def _misleading(self, content: bytes) -> Iterator[tuple[tuple[int, int], str]]:
        number = -1
        for _, row in ElementTree.iterparse(io.BytesIO(content)):
            if not row.tag.endswith("}row"):
                continue
            number = int(row.get("r", number + 2)) - 1
            for position, cell in enumerate(row.iterfind("{*}c")):
                text = self._text_shown(cell)
                if text is not None:
                    yield (number, _column(cell.get("r", "")) if "r" in cell.attrib else position), text
            row.clear()

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
