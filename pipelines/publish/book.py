"""Writing workbooks: text that stays text, formulas with what they come to, the same bytes for the same content."""

from __future__ import annotations

import datetime
import io
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.hyperlink import Hyperlink

Value = str | int | Decimal | Fraction | None


_EPOCH = (1980, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_CELL = re.compile(r'<c r="([A-Z]+[0-9]+)"([^>]*)><f>(.*?)</f><v ?(?:/>|></v>)', re.DOTALL)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
#: What makes a spreadsheet take a text for a formula once somebody edits the cell or saves the sheet as text.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")

_BORDER = Border(*[Side(style="thin", color="A6A6A6")] * 4)
_FONT = "宋体"


def _look(
    *, bold: bool = False, size: int = 10, color: str = "000000", fill: str = "", form: str = "General",
    across: str = "center", down: str = "center", border: bool = True, turned: int = 0, font: str = _FONT,
) -> dict[str, Any]:  # fmt: skip
    look: dict[str, Any] = {
        "font": Font(name=font, size=size, bold=bold, color=color),
        "alignment": Alignment(horizontal=across, vertical=down, wrap_text=True, textRotation=turned),
        "number_format": form,
    }
    if border:
        look["border"] = _BORDER
    if fill:
        look["fill"] = PatternFill("solid", fgColor=fill)
    return look


LOOKS: dict[str, dict[str, Any]] = {
    "title": _look(font="黑体", size=15, border=False),
    "title_left": _look(font="黑体", size=15, border=False) | {"alignment": Alignment(vertical="center")},
    "plain": _look(border=False, across="left"),
    "line": _look(border=False, across="left") | {"alignment": Alignment(vertical="center")},
    "bold": _look(border=False, across="left", bold=True),
    "notice": _look(border=False, bold=True, color="C00000") | {"alignment": Alignment(vertical="center")},
    "head": _look(bold=True, fill="D9E2F3"),
    "tall": _look(bold=True, fill="D9E2F3", down="top", turned=255),
    "band": _look(bold=True, fill="EDEDED") | {"alignment": Alignment(vertical="center")},
    "entry": _look() | {"alignment": Alignment(vertical="center")},
    "text": _look(across="left"),
    "received": _look(across="left", border=False, form="@") | {"alignment": Alignment(vertical="center")},
    "center": _look(),
    "count": _look(form="0"),
    "points": _look(form="0.00"),
    "average": _look(form="0.00", fill="F2F2F2"),
    "sum": _look(form="0.00", bold=True, fill="F2F2F2"),
    "result": _look(form="0.00", bold=True, size=12, fill="F2F2F2"),
    "result_count": _look(form="0", bold=True, size=12, fill="F2F2F2"),
    "loss": _look(form="0.00##"),
    "aside_loss": _look(size=9, color="595959", form="0.00##"),
    "change": _look(form="+0.00;-0.00;0.00"),
    "places": _look(form="+0;-0;0"),
    "aside": _look(size=9, color="595959"),
    "aside_text": _look(size=9, color="595959") | {"alignment": Alignment(vertical="center")},
    "aside_head": _look(size=9, bold=True, color="595959", fill="F2F2F2"),
    "input": _look(fill="FFF2CC", color="1F3864"),
    "input_percent": _look(fill="FFF2CC", color="1F3864", form="0.00%"),
    "link": _look(across="left", color="0563C1"),
}

AMBER = PatternFill("solid", bgColor="FFE699")
RED = Font(color="C00000", bold=True)


class Book:
    """A workbook being written. Text is only ever text, and every formula comes with what it comes to."""

    def __init__(self, workbook: Any = None) -> None:
        self.workbook = workbook or Workbook()
        self._scratch = self.workbook.create_sheet() if workbook else self.workbook.active
        self._looks: dict[tuple[str, bool], Any] = {}
        self._known: dict[str, dict[str, Value]] = {}

    def sheet(self, title: str) -> Any:
        """A new sheet at the end of the book."""
        sheet = self.workbook.create_sheet()
        sheet.title = title
        self._known[title] = {}
        return sheet

    def put(self, sheet: Any, row: int, column: int, value: Any, look: str) -> Any:
        """Write a value; whatever a text begins with, it stays a text."""
        cell = sheet.cell(row, column)
        is_text = isinstance(value, str)
        if is_text:
            value = printable(value)[:32767]
        cell._style = self._styled(look, is_text and value.startswith(_FORMULA_SIGNS))
        if is_text:
            cell._value, cell.data_type = value, "s"
        elif value is not None:
            cell.value = value
        return cell

    def formula(self, sheet: Any, row: int, column: int, formula: str, comes_to: Value, look: str) -> None:
        """Write a formula (without its ``=``) and its value; None stands for an empty text."""
        cell = sheet.cell(row, column)
        cell._style = self._styled(look, False)
        cell._value, cell.data_type = f"={formula}", "f"
        self._known[sheet.title][cell.coordinate] = comes_to

    def remember(self, cell: Any, value: Any) -> None:
        """Keep what a formula that was there already comes to; where nothing is known of it, nothing is kept."""
        from openpyxl.utils.datetime import to_excel

        if isinstance(value, float):
            value = Decimal(repr(value))
        elif isinstance(value, datetime.date | datetime.time | datetime.timedelta):
            value = Decimal(repr(to_excel(value, self.workbook.epoch)))
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            self._known.setdefault(cell.parent.title, {})[cell.coordinate] = value

    @staticmethod
    def lead_to(cell: Any, title: str, place: str = "A1") -> None:
        """Make a cell lead to a place on the sheet called ``title``."""
        quoted = title.replace("'", "''")
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{quoted}'!{place}")

    @staticmethod
    def fit(sheet: Any, row: int) -> None:
        """Make a row high enough for its wrapped texts; the columns have their widths by now."""
        most = 1
        for cell in sheet[row]:
            if cell.data_type == "s" and cell.alignment.wrap_text and cell.value:
                width = sheet.column_dimensions[cell.column_letter].width - 1
                lines = (sum(2 if ord(sign) > 0x2E7F else 1.1 for sign in line) for line in cell.value.split("\n"))
                most = max(most, sum(max(1, math.ceil(line / width)) for line in lines))
        sheet.row_dimensions[row].height = 14 * most + 4

    def save(self, path: Path) -> None:
        """Write the file: same content, same bytes."""
        if self._scratch in self.workbook.worksheets:
            self.workbook.remove(self._scratch)
        written = io.BytesIO()
        self.workbook.save(written)
        known = {sheet.path[1:]: self._known.get(sheet.title, {}) for sheet in self.workbook.worksheets}
        with zipfile.ZipFile(written) as package:
            parts = {name: package.read(name) for name in package.namelist()}
        for name, values in known.items():
            if values:
                parts[name] = _with_values(parts[name].decode(), values).encode()
        write_package(path, parts)

    def _styled(self, look: str, is_inert: bool) -> Any:
        if (look, is_inert) not in self._looks:
            cell = self._scratch.cell(1, 1 + len(self._looks))
            for name, value in LOOKS[look].items():
                setattr(cell, name, value)
            cell._style.quotePrefix = int(is_inert)
            self._looks[look, is_inert] = cell._style
        return self._looks[look, is_inert]


def write_package(path: Path, parts: Mapping[str, bytes]) -> None:
    """Write the parts of an Office file in their order, without any mark of when they were written."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            is_stamped = name == "docProps/core.xml"
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, _STAMP.sub(rb"\g<1>2013-02-22T00:00:00Z", content) if is_stamped else content)


def _with_values(xml: str, values: Mapping[str, Value]) -> str:
    def with_value(found: re.Match[str]) -> str:
        place, attributes, formula = found.groups()
        if place not in values:
            return found[0]
        value = values[place]
        if value is None or isinstance(value, str):
            return f'<c r="{place}"{attributes} t="str"><f>{formula}</f><v>{escape(value or "")}</v>'
        return f'<c r="{place}"{attributes}><f>{formula}</f><v>{_number(value)}</v>'

    return _CELL.sub(with_value, xml)


def _number(value: int | Decimal | Fraction) -> str:
    return repr(float(value)) if isinstance(value, Fraction) else f"{value:f}"


def printable(text: str) -> str:
    """``text`` with what a workbook cannot hold replaced."""
    return _UNPRINTABLE.sub("\ufffd", text)


def choose(sheet: Any, cells: str, words: Sequence[str]) -> None:
    """Offer a list of words in ``cells`` and refuse any other."""
    choice = DataValidation(type="list", formula1=f'"{",".join(words)}"', allow_blank=True)
    choice.add(cells)
    sheet.add_data_validation(choice)
