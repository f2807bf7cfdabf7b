"""The workbook of a year: 汇总表, one 评分表 a town, ranking and year over year, live over two sheets of inputs.

规则 holds the rubric's parameters, one row a term; 数据 holds what was reported or judged, one row a town and term, and
what the term takes. Everything else follows from these two by formula, so that whoever changes a figure or a target
sees the score follow. Every formula is stored with the value the marts give it, for readers that do not calculate.

Spreadsheets calculate in binary floating point. Figures are therefore brought to whole numbers before anything is
counted in steps or compared with a target, and an item is rounded to hundredths with a guard of 1E-11 hundredths.
"""

from __future__ import annotations

import datetime
import io
import math
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.formatting.rule import CellIsRule, DataBarRule, FormulaRule
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.hyperlink import Hyperlink

from pipelines.analysis.marts import Marts, open_marts
from pipelines.labels import label

#: A year with more towns than this gets no workbook: a sheet a town is of no use to anybody then.
MOST_TOWNS = 300

Value = str | int | Decimal | Fraction | None
Row = dict[str, Any]


def write_workbooks(marts: Path, output: Path, report: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Write ``<year>考核结果.xlsx`` for every published year into ``output``; the paths written.

    ``marts`` is the folder of marts or one publication in it. A year of more than ``MOST_TOWNS`` towns is left out, and
    ``report`` hears of it.
    """
    opened = open_marts(marts)
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for year in opened.years:
        towns = opened.rows("SELECT count(*) AS towns FROM town_score WHERE year = ?", [year])[0]["towns"]
        if towns <= MOST_TOWNS:
            path = output / f"{year}考核结果.xlsx"
            _YearBook(opened, year).write(path)
            written.append(path)
            report(path.name)
        else:
            too_many = f"{label('workbook_too_many', 'zh')} {label('workbook_too_many', 'en')}"
            report(f"{year}: {too_many} ({towns} > {MOST_TOWNS})")
    return written


# A workbook with formulas, their values and fixed bytes ---------------------------------------------------------------

_EPOCH = (1980, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_CELL = re.compile(r'<c r="([A-Z]+[0-9]+)"([^>]*)><f>(.*?)</f><v ?(?:/>|></v>)', re.DOTALL)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NOT_IN_NAMES = re.compile(r"[^\w（）]")
#: What makes a spreadsheet take a text for a formula once somebody edits the cell or saves the sheet as text.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")

_BORDER = Border(*[Side(style="thin", color="A6A6A6")] * 4)
_FONT = "宋体"


def _look(
    *, bold: bool = False, size: int = 10, color: str = "000000", fill: str = "", form: str = "General",
    across: str = "center", down: str = "center", border: bool = True, turned: int = 0, font: str = _FONT,
) -> Row:  # fmt: skip
    look: Row = {
        "font": Font(name=font, size=size, bold=bold, color=color),
        "alignment": Alignment(horizontal=across, vertical=down, wrap_text=True, textRotation=turned),
        "number_format": form,
    }
    if border:
        look["border"] = _BORDER
    if fill:
        look["fill"] = PatternFill("solid", fgColor=fill)
    return look


LOOKS: dict[str, Row] = {
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

_AMBER = PatternFill("solid", bgColor="FFE699")
_RED = Font(color="C00000", bold=True)
_GRADE_FILLS = ("C6E0B4", "DDEBF7", "FFF2CC", "F8CBAD")


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
            value = _UNPRINTABLE.sub("\ufffd", value)[:32767]
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


def _said(key: str) -> str:
    """A label in Chinese, then in English."""
    return f"{label(key, 'zh')} {label(key, 'en')}"


def _stacked(key: str) -> str:
    """A label in Chinese with the English below it."""
    return f"{label(key, 'zh')}\n{label(key, 'en')}"


def _word(key: str) -> str:
    """The one Chinese word that formulas of the workbook know something by."""
    return label(f"workbook_{key}", "zh")


# The sheets of a year -------------------------------------------------------------------------------------------------

_RULES, _DATA, _SUMMARY = "规则", "数据", "汇总表"
_ORDINALS = "一二三四五六七八九十"

#: Columns of 数据. The figures in their lowest whole terms stand in columns of their own, for formulas to count on.
_D = {
    name: get_column_letter(at)
    for at, name in enumerate(
        ("town_no", "town_id", "town", "item_no", "item", "term", "figure", "kind", "numerator", "denominator",
         "score_sum", "assessors", "withheld", "adjusted", "adjustment_withheld", "whole_n", "whole_d", "status", "met",
         "steps", "loss", "least", "most", "source"),
        start=1,
    )
}  # fmt: skip
_INPUTS = ("numerator", "denominator", "score_sum", "assessors", "withheld", "adjusted", "adjustment_withheld")
_DATA_FIRST = 5

#: Columns of 规则, in the table of terms.
_R = {
    name: get_column_letter(at)
    for at, name in enumerate(
        ("item", "term", "item_title", "figure", "kind", "direction", "target", "step", "loss_per_step", "part_step",
         "points", "cliff", "below_target", "zero_denominator", "scale", "worst", "bars", "clause"),
        start=1,
    )
}  # fmt: skip

_CARD_FIRST = 5
_CARD_COLUMNS = ("no", "project", "standard", "requirement", "lost", "points", "class", "status", "low", "high",
                 "loss", "missing", "adjusted", "told")  # fmt: skip
_C = {name: get_column_letter(at) for at, name in enumerate(_CARD_COLUMNS, start=1)}

_SUMMARY_FIRST = 8


@dataclass(frozen=True)
class _Line:
    """A line of a 评分表: an area's heading, an item, or an area's subtotal; the same row for every town."""

    kind: str
    row: int
    area: Row
    item: Row


class _YearBook:
    """One year's workbook."""

    def __init__(self, marts: Marts, year: int) -> None:
        self.marts, self.year = marts, year
        self.book = Book()
        self.towns = marts.rows("SELECT * FROM town_score WHERE year = ? ORDER BY town_code, town_id", [year])
        self.items = marts.rows("SELECT * FROM item_definition ORDER BY position")
        self.areas = marts.rows("""
            SELECT area, area_zh AS title_zh, area_en AS title_en, sum(available) AS points,
                row_number() OVER (ORDER BY min(position)) AS position
            FROM item_definition GROUP BY area, area_zh, area_en ORDER BY position""")
        self.bands = marts.rows("SELECT * FROM grade_band ORDER BY position")
        self.edition = marts.rows("SELECT * FROM edition")[0]
        self.terms = marts.rows("""
            SELECT term.*, item.position, item.available, item.clause, item.title_zh AS item_title, indicator.unit
            FROM term_definition AS term INNER JOIN item_definition AS item USING (item)
            LEFT JOIN indicator_definition AS indicator USING (indicator)
            ORDER BY item.position, term.term_no""")
        self.tiers: dict[str, list[Row]] = {}
        for tier in marts.rows("SELECT * FROM tier_definition ORDER BY term, tier_no"):
            self.tiers.setdefault(tier["term"], []).append(tier)
        self.interpretations = marts.rows("SELECT * FROM interpretation")
        self.item_scores = self._by("item_score", "item")
        self.term_scores = self._by("term_score", "term")
        self.area_scores = self._by("area_score", "area")
        self.lines = self._lines()
        self.card_of = {line.item["item"]: line.row for line in self.lines if line.kind == "item"}
        self.sum_of = {line.area["area"]: line.row for line in self.lines if line.kind == "sum"}
        last = self.lines[-1].row
        self.sum_row, self.bonus_row, self.total_row, self.grade_row, self.rank_row = range(last + 1, last + 6)
        width = max(2, len(str(len(self.towns))))
        self.card_names = [
            _sheet_name(number, width, town["town_name"]) for number, town in enumerate(self.towns, start=1)
        ]
        self.rule_row: dict[str, int] = {}
        self.tier_rows: dict[str, list[int]] = {}

    def write(self, path: Path) -> None:
        """Write every sheet and save the book."""
        readme, summary = self.book.sheet("README"), self.book.sheet(_SUMMARY)
        ranking, change = self.book.sheet("排名"), self.book.sheet("同比")
        cards = [self.book.sheet(name) for name in self.card_names]
        rules, data = self.book.sheet(_RULES), self.book.sheet(_DATA)
        self._write_rules(rules)
        self._write_data(data)
        for number, (card, town) in enumerate(zip(cards, self.towns, strict=True), start=1):
            self._write_card(card, number, town)
        self._write_summary(summary)
        self._write_ranking(ranking)
        self._write_change(change)
        self._write_readme(readme)
        for sheet, colour in ((readme, "7F7F7F"), (summary, "2F5597"), (ranking, "2F5597"), (change, "2F5597"),
                              (rules, "BF9000"), (data, "BF9000")):  # fmt: skip
            sheet.sheet_properties.tabColor = colour
        self.book.workbook.properties.title = f"{self.year} {label('workbook_title', 'zh')}"
        self.book.workbook.properties.creator = "kaohe"
        self.book.save(path)

    def _by(self, mart: str, name: str) -> dict[tuple[str, str], Row]:
        rows = self.marts.rows(f"SELECT * FROM {mart} WHERE year = ?", [self.year])
        return {(row["town_id"], row[name]): row for row in rows}

    def _lines(self) -> list[_Line]:
        lines: list[_Line] = []
        for area in self.areas:
            of_area = [item for item in self.items if item["area"] == area["area"]]
            for kind, item in [("area", {}), *(("item", item) for item in of_area), ("sum", {})]:
                lines.append(_Line(kind, _CARD_FIRST + len(lines), area, item))
        return lines

    def _print(self, sheet: Any, rows: str, *, landscape: bool = True, pages_across: int = 1) -> None:
        """A4, fitted to the width, its header rows on every page, page and run below."""
        head = int(rows.rpartition(":")[2])
        if sheet.row_dimensions[head].height is None:
            self.book.fit(sheet, head)
        sheet.row_dimensions[1].height = 26
        sheet.page_setup.paperSize = 9
        sheet.page_setup.orientation = "landscape" if landscape else "portrait"
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
        sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = pages_across, 0
        sheet.print_title_rows = rows
        sheet.print_options.horizontalCentered = True
        sheet.page_margins.left = sheet.page_margins.right = 0.4
        sheet.page_margins.top = sheet.page_margins.bottom = 0.75
        sheet.page_margins.header = sheet.page_margins.footer = 0.3
        sheet.oddFooter.left.text = f"{label('workbook_run', 'zh')} {self.marts.manifest['run_id']}"
        sheet.oddFooter.center.text = "第 &P 页，共 &N 页"
        sheet.oddFooter.right.text = "&A"
        if self.marts.is_synthetic:
            sheet.oddHeader.right.text = label("synthetic", "zh")
        for part in (sheet.oddFooter.left, sheet.oddFooter.center, sheet.oddFooter.right, sheet.oddHeader.right):
            part.size = 8

    def _heads(self, sheet: Any, row: int, keys: Sequence[str], look: str = "head") -> None:
        for column, key in enumerate(keys, start=1):
            self.book.put(sheet, row, column, _stacked(f"workbook_{key}"), look)

    def _synthetic(self, sheet: Any, row: int) -> None:
        if self.marts.is_synthetic:
            self.book.put(sheet, row, 1, f"※ {_said('synthetic')}", "notice")

    # 规则 -------------------------------------------------------------------------------------------------------------

    def _write_rules(self, sheet: Any) -> None:
        put, book = self.book.put, self.book
        put(sheet, 1, 1, f"{self.year} {_said('workbook_rules')}", "title_left")
        put(sheet, 2, 1, _said("workbook_rules_told"), "line")
        self._synthetic(sheet, 3)
        for column, key in enumerate(("full", "bonus_cap", "grade_gap"), start=1):
            put(sheet, 4, column, _stacked(f"workbook_{key}"), "head")
        put(sheet, 5, 1, Decimal(100), "input")
        put(sheet, 5, 2, _word(self.edition["bonus_cap"]), "input")
        put(sheet, 5, 3, _word(f"gap_{self.edition['grade_gap']}"), "input")
        _choose(sheet, "B5", [_word(each) for each in ("capped_100", "uncapped", "excluded")])
        _choose(sheet, "C5", [_word(each) for each in ("gap_none", "gap_half_up")])
        self._heads(sheet, 7, ("band", "at_least", "above", "at_most", "below"))
        for row, band in enumerate(self.bands, start=8):
            put(sheet, row, 1, band["grade"], "center")
            for column, limit in enumerate(("at_least", "above", "at_most", "below"), start=2):
                put(sheet, row, column, band[limit], "input" if band[limit] is not None else "center")
        head = 8 + len(self.bands) + 1
        self._heads(sheet, head, list(_R))
        first = head + 1
        below = first + len(self.terms) + 2
        for term_no, tiers in self.tiers.items():
            self.tier_rows[term_no] = [below + at for at in range(len(tiers))]
            below += len(tiers)
        for row, term in enumerate(self.terms, start=first):
            self.rule_row[term["term"]] = row
            self._write_rule(sheet, row, term)
        last = first + len(self.terms) - 1
        for name, words in (
            ("part_step", ("whole", "started", "pro_rata")),
            ("below_target", ("linear", "nothing")),
            ("zero_denominator", ("zero_missing", "zero_not_applicable", "zero_full", "zero_failed")),
        ):
            _choose(sheet, f"{_R[name]}{first}:{_R[name]}{last}", [_word(word) for word in words])
        if self.tiers:
            self._heads(sheet, last + 2, ("item", "term", "tier_at_least", "tier_points"))
        for name, tiers in self.tiers.items():
            for row, tier in zip(self.tier_rows[name], tiers, strict=True):
                put(sheet, row, 1, tier["item"], "center")
                put(sheet, row, 2, name, "center")
                self._exact(sheet, row, 3, tier["at_least_n"], tier["at_least_d"], "input_percent")
                self._exact(sheet, row, 4, tier["points_n"], tier["points_d"], "input")
        widths = {"item": 9, "term": 12, "item_title": 20, "figure": 20, "kind": 9, "direction": 7, "part_step": 12}
        for name, width in (widths | {"below_target": 10, "zero_denominator": 12, "clause": 12}).items():
            sheet.column_dimensions[_R[name]].width = width
        for row in (4, 5, 7, *range(first, below)):
            book.fit(sheet, row)
        sheet.auto_filter.ref = f"A{head}:{_R['clause']}{last}"
        self._print(sheet, f"{head}:{head}")

    def _write_rule(self, sheet: Any, row: int, term: Row) -> None:
        def put(name: str, value: Any, look: str = "center") -> None:
            if value is not None:
                self.book.put(sheet, row, _column(_R[name]), value, look)
            else:
                self.book.put(sheet, row, _column(_R[name]), None, "center")

        for name in _R:
            put(name, None)
        is_percent = term["unit"] == "percent"
        put("item", term["item"])
        put("term", term["term"])
        put("item_title", term["item_title"], "text")
        put("figure", term["title_zh"], "text")
        put("kind", _word(f"kind_{term['kind']}"))
        put("direction", {"at_least": "≥", "at_most": "≤"}.get(term["direction"] or ""))
        for name in ("target", "step", "cliff"):
            look = "input_percent" if is_percent else "input"
            self._exact(sheet, row, _column(_R[name]), term[f"{name}_n"], term[f"{name}_d"], look)
        self._exact(sheet, row, _column(_R["loss_per_step"]), term["loss_per_step_n"], term["loss_per_step_d"], "input")
        put("points", term["points"] or None, "input")
        for name, key in (("part_step", "{}"), ("below_target", "{}"), ("zero_denominator", "zero_{}")):
            put(name, term[name] and _word(key.format(term[name])), "input")
        put("bars", term["bars_grade"])
        put("clause", term["clause"])
        if term["indicator"]:
            fine = math.lcm(*(int(term[f"{name}_d"] or 1) for name in ("target", "step", "cliff")))
            fine = math.lcm(fine, 100, *(int(tier["at_least_d"]) for tier in self.tiers.get(term["term"], ())))
            given = [f"{_R[name]}{row}" for name in ("target", "step", "cliff") if term[f"{name}_n"] is not None]
            given += [f"C{tier}" for tier in self.tier_rows.get(term["term"], ())]
            whole = ",".join(f"ABS({at}*{fine}-ROUND({at}*{fine},0))<1E-7" for at in given)
            self.book.formula(
                sheet, row, _column(_R["scale"]), f"IF(AND({whole}),{fine},{fine * 10000})", fine, "aside"
            )
        worst = Fraction(term["worst_loss_n"], term["worst_loss_d"])
        self.book.formula(sheet, row, _column(_R["worst"]), self._worst(row, term), worst, "aside_loss")

    def _exact(self, sheet: Any, row: int, column: int, numerator: Any, denominator: Any, look: str) -> None:
        """A number as it is, or as a quotient where no decimal is exact."""
        if numerator is None:
            return
        number = Fraction(numerator, denominator)
        if 10**12 % number.denominator:
            self.book.formula(sheet, row, column, f"{numerator}/{denominator}", number, look)
        else:
            self.book.put(sheet, row, column, Decimal(number.numerator) / Decimal(number.denominator), look)

    def _worst(self, row: int, term: Row) -> str:
        """What the term takes at the worst figure there can be."""
        at = {name: f"{letter}{row}" for name, letter in _R.items()}
        match term["kind"]:
            case "shortfall" if term["direction"] == "at_most" or term["cliff_n"] is not None:
                return at["points"]
            case "shortfall":
                target, step = (f"ROUND({at[name]}*{at['scale']},0)" for name in ("target", "step"))
                steps = self._steps(target, step, at["part_step"])
                return (
                    f"MIN({at['points']},{steps}*{at['loss_per_step']})"
                    if term["cap_n"] is not None
                    else (f"{steps}*{at['loss_per_step']}")
                )
            case "tiers":
                rows = self.tier_rows[term["term"]]
                return f"{at['points']}-MIN(D{rows[0]}:D{rows[-1]})"
            case "proportion" | "flag" | "judged":
                return at["points"]
            case _:
                return "0"

    @staticmethod
    def _steps(short: str, step: str, policy: str) -> str:
        """Steps in ``short``, both whole numbers, under the part-step policy in a cell."""
        return (
            f'IF({policy}="{_word("whole")}",QUOTIENT({short},{step}),'
            f'IF({policy}="{_word("started")}",QUOTIENT({short}+{step}-1,{step}),({short})/({step})))'
        )

    # 数据 -------------------------------------------------------------------------------------------------------------

    def _write_data(self, sheet: Any) -> None:
        self.book.put(sheet, 1, 1, f"{self.year} {_said('workbook_data')}", "title_left")
        self.book.put(sheet, 2, 1, _said("workbook_data_told"), "line")
        self._synthetic(sheet, 3)
        self._heads(sheet, _DATA_FIRST - 1, list(_D))
        row = _DATA_FIRST
        for number, town in enumerate(self.towns, start=1):
            for term in self.terms:
                self._write_term(sheet, row, number, town, term)
                row += 1
        last = row - 1
        sheet.freeze_panes = f"{_D['kind']}{_DATA_FIRST}"
        sheet.auto_filter.ref = f"A{_DATA_FIRST - 1}:{_D['source']}{last}"
        for name, kind, least in (
            ("numerator", "decimal", 0), ("denominator", "decimal", 0), ("score_sum", "decimal", 0),
            ("assessors", "whole", 0), ("adjusted", "decimal", 0),
        ):  # fmt: skip
            limit = DataValidation(type=kind, operator="greaterThanOrEqual", formula1=str(least), allow_blank=True)
            limit.error = label("workbook_not_negative", "zh")
            limit.add(f"{_D[name]}{_DATA_FIRST}:{_D[name]}{last}")
            sheet.add_data_validation(limit)
        for name in ("withheld", "adjustment_withheld"):
            _choose(sheet, f"{_D[name]}{_DATA_FIRST}:{_D[name]}{last}", ["1"])
        status = _D["status"]
        whole = f"A{_DATA_FIRST}:{_D['source']}{last}"
        missing = f'${status}{_DATA_FIRST}="{_word("missing")}"'
        sheet.conditional_formatting.add(whole, FormulaRule(formula=[missing], fill=_AMBER))
        lost = f"{_D['loss']}{_DATA_FIRST}:{_D['loss']}{last}"
        losing = f"N({_D['loss']}{_DATA_FIRST})>0"
        sheet.conditional_formatting.add(lost, FormulaRule(formula=[losing], font=_RED))
        for name, width in {"town_no": 6, "town_id": 9, "town": 14, "item_no": 6, "item": 7, "term": 9, "figure": 22,
                            "kind": 9, "numerator": 13, "denominator": 13, "whole_n": 12, "whole_d": 12,
                            "loss": 11, "least": 11, "most": 11, "source": 44}.items():  # fmt: skip
            sheet.column_dimensions[_D[name]].width = width
        for name in ("whole_n", "whole_d"):
            sheet.column_dimensions[_D[name]].hidden = True
        self._print(sheet, f"{_DATA_FIRST - 1}:{_DATA_FIRST - 1}")

    def _write_term(self, sheet: Any, row: int, number: int, town: Row, term: Row) -> None:
        score = self.term_scores[town["town_id"], term["term"]]
        item = self.item_scores[town["town_id"], term["item"]]
        put, formula = self.book.put, self.book.formula
        told = (number, town["town_id"], town["town_name"], term["position"], term["item"], term["term"],
                term["title_zh"], _word(f"kind_{term['kind']}"))  # fmt: skip
        for column, value in enumerate(told, start=1):
            put(sheet, row, column, value, "entry" if column in (3, 7) else "center")
        for name, value in self._inputs(term, score, item).items():
            unused = value is _UNUSED
            put(sheet, row, _column(_D[name]), None if unused else value, "center" if unused else "input")
        is_figure = term["indicator"] is not None
        if is_figure:
            whole = self._whole(score)
            for name, own, value in zip(("whole_n", "whole_d"), ("numerator", "denominator"), whole, strict=True):
                both = ",".join(f"ROUND({_D[each]}{row}*100,0)" for each in ("numerator", "denominator"))
                blank = f'OR({_D["numerator"]}{row}="",{_D["denominator"]}{row}="")'
                lowest = f'IF({blank},"",ROUND({_D[own]}{row}*100,0)/MAX(GCD({both}),1))'
                formula(sheet, row, _column(_D[name]), lowest, value, "aside")
        is_missing = score["status"] == "missing"
        loss = None if is_missing else Fraction(int(score["loss_numerator"]), int(score["loss_denominator"]))
        worst = Fraction(term["worst_loss_n"], term["worst_loss_d"])
        bonus = term["kind"] == "bonus"
        at = self._places(row, term)
        formula(sheet, row, _column(_D["status"]), self._status(at, term), _word(score["status"]), "center")
        if is_figure:
            met = self._met_word(term, score)
            formula(sheet, row, _column(_D["met"]), self._met(at, term), met, "center")
        if term["kind"] == "shortfall":
            formula(sheet, row, _column(_D["steps"]), self._short(at, term), score["steps"], "center")
        formula(sheet, row, _column(_D["loss"]), self._loss(at, term), loss, "loss")
        formula(
            sheet, row, _column(_D["least"]), f'IF({at["loss"]}="",{-100 if bonus else 0},{at["loss"]})',
            (Fraction(-100) if bonus else Fraction(0)) if loss is None else loss, "aside_loss",
        )  # fmt: skip
        formula(
            sheet, row, _column(_D["most"]), f'IF({at["loss"]}="",{at["worst"]},{at["loss"]})',
            worst if loss is None else loss, "aside_loss",
        )  # fmt: skip
        source = " ".join(part for part in (score["source_file"], score["source_sheet"]) if part)
        place = f"{source} : {score['source_row']}" if source and score["source_row"] is not None else source
        put(sheet, row, _column(_D["source"]), place, "aside_text")
        for name in ("met", "steps", "whole_n", "whole_d"):
            if sheet.cell(row, _column(_D[name])).value is None:
                put(sheet, row, _column(_D[name]), None, "center")

    def _inputs(self, term: Row, score: Row, item: Row) -> Row:
        """What stands in the input columns; ``_UNUSED`` where the term has no use for one."""
        inputs: Row = dict.fromkeys(_INPUTS, _UNUSED)
        if term["indicator"] is not None:
            inputs |= {"numerator": score["numerator"], "denominator": score["denominator"]}
        elif score["assessors"]:
            # The mean is what the item carries less what was lost; times the assessors it is the sum of their scores.
            loss = Fraction(int(score["loss_numerator"]), int(score["loss_denominator"]))
            carried = Fraction(term["available"]) if term["kind"] == "judged" else Fraction(0)
            total = (carried - loss) * score["assessors"]
            inputs |= {"score_sum": Decimal(total.numerator) / Decimal(total.denominator)}
            inputs |= {"assessors": score["assessors"]}
        else:
            inputs |= {"score_sum": None, "assessors": None}
        if term["kind"] == "bonus":
            inputs["withheld"] = 1 if score["status"] == "missing" else None
        if term["term_no"] == 1 and term["kind"] != "condition":
            is_adjusted = item["approved_by"] is not None or item["adjustment_reason"] is not None
            inputs["adjusted"] = item["points"] if is_adjusted else None
            terms = [each for each in self.terms if each["item"] == term["item"]]
            missing = any(self.term_scores[item["town_id"], each["term"]]["status"] == "missing" for each in terms)
            is_open = item["status"] == "missing" and not missing
            inputs["adjustment_withheld"] = 1 if is_open else None
        return inputs

    def _places(self, row: int, term: Row) -> dict[str, str]:
        """Where the formulas of a row look: its own columns, and the row of its rule."""
        rule = self.rule_row[term["term"]]
        rules = {name: f"{_RULES}!${letter}${rule}" for name, letter in _R.items() if name not in _D}
        points = {"worst": rules["worst"], "zero": f"{_RULES}!${_R['zero_denominator']}${rule}"}
        own = {name: f"${letter}{row}" for name, letter in _D.items()}
        return rules | own | points

    @staticmethod
    def _whole(score: Row) -> tuple[int | None, int | None]:
        if score["numerator"] is None or score["denominator"] is None:
            return None, None
        n, d = int(score["numerator"] * 100), int(score["denominator"] * 100)
        divisor = max(math.gcd(n, d), 1)
        return n // divisor, d // divisor

    @staticmethod
    def _status(at: Row, term: Row) -> str:
        missing, judged, scored, nothing = (
            f'"{_word(each)}"' for each in ("missing", "judged", "scored", "not_applicable")
        )
        if term["kind"] == "judged":
            return f"IF(N({at['assessors']})>0,{judged},{missing})"
        if term["kind"] == "bonus":
            return f"IF(N({at['assessors']})>0,{judged},IF(N({at['withheld']})>0,{missing},{nothing}))"
        return (
            f'IF({at["whole_d"]}="",{missing},IF({at["whole_d"]}>0,{scored},'
            f'IF({at["zero"]}="{_word("zero_missing")}",{missing},'
            f'IF({at["zero"]}="{_word("zero_not_applicable")}",{nothing},{scored}))))'
        )

    @staticmethod
    def _met_word(term: Row, score: Row) -> str | None:
        if score["is_met"] is None or score["status"] == "missing":
            return None
        if score["status"] == "not_applicable" and term["kind"] != "condition":
            return None
        return _word("yes" if score["is_met"] else "not")

    @staticmethod
    def _met(at: Row, term: Row) -> str:
        yes, no = f'"{_word("yes")}"', f'"{_word("not")}"'
        reached = '""'
        if term["target_n"] is not None:
            sign = "<=" if term["direction"] == "at_most" else ">="
            target = f"ROUND({at['target']}*{at['scale']},0)*{at['whole_d']}"
            reached = f"IF({at['whole_n']}*{at['scale']}{sign}{target},{yes},{no})"
        blank = f'{at["status"]}="{_word("missing")}"'
        if term["kind"] != "condition":
            blank = f'OR({blank},{at["status"]}="{_word("not_applicable")}")'
        return f'IF({blank},"",IF({at["whole_d"]}=0,IF({at["zero"]}="{_word("zero_full")}",{yes},{no}),{reached}))'

    def _short(self, at: Row, term: Row) -> str:
        """Steps short of the target, counted on whole numbers."""
        target = f"ROUND({at['target']}*{at['scale']},0)*{at['whole_d']}"
        figure = f"{at['whole_n']}*{at['scale']}"
        short = f"({figure}-{target})" if term["direction"] == "at_most" else f"({target}-{figure})"
        step = f"(ROUND({at['step']}*{at['scale']},0)*{at['whole_d']})"
        counted = self._steps(short, step, at["part_step"])
        return (
            f'IF(OR({at["status"]}<>"{_word("scored")}",N({at["whole_d"]})=0),"",'
            f'IF({at["met"]}="{_word("yes")}",0,{counted}))'
        )

    def _loss(self, at: Row, term: Row) -> str:
        """What the term takes."""
        missing, nothing = f'{at["status"]}="{_word("missing")}"', f'{at["status"]}="{_word("not_applicable")}"'
        given = f"{at['score_sum']}/{at['assessors']}"
        match term["kind"]:
            case "judged":
                return f'IF({missing},"",{at["points"]}-{given})'
            case "bonus":
                return f'IF({missing},"",IF({nothing},0,-{given}))'
            case "condition":
                return f'IF({missing},"",0)'
        figure, target = f"{at['numerator']}/{at['denominator']}", at["target"]
        match term["kind"]:
            case "shortfall":
                taken = f"{at['steps']}*{at['loss_per_step']}"
                if term["cliff_n"] is not None:
                    cliff = f"ROUND({at['cliff']}*{at['scale']},0)*{at['whole_d']}"
                    sign = ">" if term["direction"] == "at_most" else "<"
                    taken = f"IF({at['whole_n']}*{at['scale']}{sign}{cliff},{at['worst']},{taken})"
                if term["cap_n"] is not None:
                    taken = f"MIN({at['points']},{taken})"
            case "tiers":
                taken = at["points"]
                for row in reversed(self.tier_rows[term["term"]]):
                    floor = f"ROUND({_RULES}!$C${row}*{at['scale']},0)*{at['whole_d']}"
                    reached = f"{at['whole_n']}*{at['scale']}>={floor}"
                    taken = f"IF({reached},{at['points']}-{_RULES}!$D${row},{taken})"
            case "flag":
                taken = at["points"]
            case _:
                part = f"{target}/({figure})" if term["direction"] == "at_most" else f"({figure})/{target}"
                taken = f'IF({at["below_target"]}="{_word("nothing")}",{at["points"]},{at["points"]}*(1-{part}))'
        return (
            f'IF({missing},"",IF(OR({nothing},{at["met"]}="{_word("yes")}"),0,'
            f"IF({at['whole_d']}=0,{at['worst']},{taken})))"
        )

    # 评分表 -----------------------------------------------------------------------------------------------------------

    def _write_card(self, sheet: Any, number: int, town: Row) -> None:
        book, put = self.book, self.book.put
        put(sheet, 1, 1, f"{self.year} {label('workbook_card', 'zh')}", "title")
        sheet.merge_cells("A1:F1")
        based = f"《{self.edition['document_zh']}》{self.edition['number']}"
        put(sheet, 2, 1, f"{label('workbook_town', 'zh')}：{town['town_name']}（{town['town_code']}）　{based}", "line")
        self._synthetic(sheet, 3)
        put(sheet, 2, _column(_C["status"]), label("workbook_town_no", "zh"), "aside_head")
        put(sheet, 2, _column(_C["low"]), number, "aside")
        put(sheet, 3, _column(_C["class"]), _said("workbook_beside"), "line")
        for name, letter in _C.items():
            is_bureaus = _column(letter) <= 6
            words = label(f"workbook_card_{name}", "zh") if is_bureaus else _stacked(f"workbook_card_{name}")
            put(sheet, _CARD_FIRST - 1, _column(letter), words, "head" if is_bureaus else "aside_head")
        for line in self.lines:
            match line.kind:
                case "area":
                    ordinal = _ORDINALS[line.area["position"] - 1 : line.area["position"]] or line.area["area"]
                    words = f"{ordinal}、{line.area['title_zh']}（{_short_number(line.area['points'])} 分）"
                    for column in range(1, 7):
                        put(sheet, line.row, column, words if column == 1 else None, "band")
                    sheet.merge_cells(start_row=line.row, end_row=line.row, start_column=1, end_column=6)
                case "item":
                    self._write_item(sheet, line.row, town, line.item)
                case _:
                    self._write_area_sum(sheet, line, town)
        self._write_result(sheet, number, town)
        widths = (5, 21, 8, 48, 8, 9, 7, 8, 9, 9, 10, 7, 9, 90)
        for letter, width in zip(_C.values(), widths, strict=True):
            sheet.column_dimensions[letter].width = width
        for line in self.lines:
            book.fit(sheet, line.row)
        sheet.freeze_panes = f"A{_CARD_FIRST}"
        sheet.auto_filter.ref = f"A{_CARD_FIRST - 1}:{_C['told']}{self.lines[-1].row}"
        first, last = _CARD_FIRST, self.rank_row
        lost = f"{_C['lost']}{first}:{_C['lost']}{self.lines[-1].row}"
        sheet.conditional_formatting.add(lost, FormulaRule(formula=[f"N({_C['lost']}{first})>0"], font=_RED))
        waiting = CellIsRule(operator="equal", formula=[f'"{_word("pending")}"'], fill=_AMBER)
        sheet.conditional_formatting.add(f"{_C['points']}{first}:{_C['points']}{last}", waiting)
        sheet.print_area = f"A1:F{self.rank_row + 2}"
        self._print(sheet, f"{_CARD_FIRST - 1}:{_CARD_FIRST - 1}", landscape=False)

    def _write_item(self, sheet: Any, row: int, town: Row, item: Row) -> None:
        score = self.item_scores[town["town_id"], item["item"]]
        terms = [term for term in self.terms if term["item"] == item["item"]]
        found = [self.term_scores[town["town_id"], term["term"]] for term in terms]
        kind = item["kind"]

        def put(name: str, value: Any, look: str) -> None:
            self.book.put(sheet, row, _column(_C[name]), value, look)

        def formula(name: str, text: str, comes_to: Value, look: str) -> None:
            self.book.formula(sheet, row, _column(_C[name]), text, comes_to, look)

        put("no", item["position"], "count")
        put("project", f"{item['clause']}\n{item['title_zh']}", "text")
        put("standard", item["available"] if kind == "scored" else _word(f"class_{kind}"), "points")
        put("requirement", self._requirement(item, terms), "text")
        put("class", _word(f"class_{kind}"), "aside")
        losses = [
            Fraction(int(t["loss_numerator"]), int(t["loss_denominator"])) for t in found if t["status"] != "missing"
        ]
        formula("loss", self._over("SUMIFS", row, "loss"), sum(losses, Fraction(0)), "aside_loss")
        count_missing = self._over("COUNTIFS", row, "status", f'"{_word("missing")}"')
        missing = sum(each["status"] == "missing" for each in found)
        is_open = score["status"] == "missing" and not missing
        formula(
            "missing", f"{count_missing}+{self._over('SUMIFS', row, 'adjustment_withheld')}", missing + is_open, "aside"
        )
        put("told", score["explanation_zh"], "aside_text")
        if kind == "condition":
            self._write_condition(sheet, row, terms[0], score)
        else:
            self._write_points(sheet, row, terms, score)

    def _write_condition(self, sheet: Any, row: int, term: Row, score: Row) -> None:
        """Whether a condition is reached; it has no points."""
        pending, yes, no = _word("pending"), _word("reached"), _word("not_reached")
        unmet = self._over("COUNTIFS", row, "met", f'"{_word("not")}"')
        told = f'IF({unmet}>0,"{no}",IF({_C["missing"]}{row}>0,"{pending}","{yes}"))'
        word = {None: pending, True: yes, False: no}[score["is_met"]]
        self.book.formula(sheet, row, _column(_C["points"]), told, word, "points")
        self._write_bar(sheet, row, term, score)
        for name in ("lost", "adjusted", "status"):
            self.book.put(sheet, row, _column(_C[name]), None, "points" if name == "lost" else "aside")

    def _write_points(self, sheet: Any, row: int, terms: Sequence[Row], score: Row) -> None:
        """What an item gives, at least and at most, and what stands in its place after a review."""
        at = {name: f"{letter}{row}" for name, letter in _C.items()}
        is_scored = score["kind"] == "scored"

        def formula(name: str, text: str, comes_to: Value, look: str = "aside") -> None:
            self.book.formula(sheet, row, _column(_C[name]), text, comes_to, look)

        is_adjusted = score["approved_by"] is not None or score["adjustment_reason"] is not None
        given = self._over("COUNTIFS", row, "adjusted", '">=0"')
        corrected = f'IF({given}=0,"",{self._over("SUMIFS", row, "adjusted")})'
        formula("adjusted", corrected, score["points"] if is_adjusted else None)
        full = at["standard"] if is_scored else "0"
        worst, best = (self._over("SUMIFS", row, each) for each in ("most", "least"))
        for name, losing, value in (
            ("points", at["loss"], score["points"]),
            ("low", worst, score["points_low"]),
            ("high", best, score["points_high"]),
        ):
            left = f"INT(100*({full}-{losing})+0.5+1E-11)/100"
            left = f"MAX(0,MIN({full},{left}))" if is_scored else f"MAX(0,{left})"
            if name == "points":
                left = f'IF({at["missing"]}>0,"{_word("pending")}",{left})'
            comes_to = _word("pending") if value is None else value
            text = f'IF({at["adjusted"]}<>"",{at["adjusted"]},{left})'
            formula(name, text, comes_to, "points" if name == "points" else "aside")
        if is_scored:
            lost = None if score["points"] is None else score["available"] - score["points"]
            text = f'IF(ISNUMBER({at["points"]}),ROUND({at["standard"]}-{at["points"]},2),"")'
            formula("lost", text, lost, "points")
        else:
            self.book.put(sheet, row, _column(_C["lost"]), None, "points")
        judged = _word("judged" if all(term["kind"] in ("judged", "bonus") for term in terms) else "scored")
        unused = self._over("COUNTIFS", row, "status", f'"{_word("not_applicable")}"')
        status = (
            f'IF({at["adjusted"]}<>"","{judged}",IF({at["missing"]}>0,"{_word("missing")}",'
            f'IF({unused}={len(terms)},"{_word("not_applicable")}","{judged}")))'
        )
        formula("status", status, _word(score["status"]))

    def _write_bar(self, sheet: Any, row: int, term: Row, score: Row) -> None:
        """The best grade an unmet condition leaves, at the low end (an unknown one may yet bar it) and the high end."""
        places = [band["grade"] for band in self.bands]
        barred = places.index(term["bars_grade"]) + 2 if term["bars_grade"] else 1
        rule = f"{_RULES}!${_R['bars']}${self.rule_row[term['term']]}"
        grades = f"{_RULES}!$A$8:$A${7 + len(self.bands)}"
        word = f"{_C['points']}{row}"
        for name, test, value in (
            ("low", f'{word}="{_word("reached")}"', 1 if score["is_met"] else barred),
            ("high", f'{word}<>"{_word("not_reached")}"', barred if score["is_met"] is False else 1),
        ):
            best = f'IF(OR({rule}="",{test}),1,MATCH({rule},{grades},0)+1)'
            self.book.formula(sheet, row, _column(_C[name]), best, value, "aside")

    def _over(self, function: str, row: int, name: str, criterion: str = "") -> str:
        """SUMIFS or COUNTIFS of a column of 数据 over the rows of this town and item."""
        last = _DATA_FIRST + len(self.towns) * len(self.terms) - 1

        def column(of: str) -> str:
            return f"{_DATA}!${_D[of]}${_DATA_FIRST}:${_D[of]}${last}"

        here = f"{column('town_no')},${_C['low']}$2,{column('item_no')},$A{row}"
        return (
            f"SUMIFS({column(name)},{here})" if function == "SUMIFS" else f"COUNTIFS({here},{column(name)},{criterion})"
        )

    def _requirement(self, item: Row, terms: Sequence[Row]) -> str:
        options = {
            f"{each['interpretation']}={each['option']}": f"{each['question_zh']}：{each['option_zh']}"
            for each in self.interpretations
        }
        bites = dict.fromkeys(part for term in terms for part in (term["interpretations"] or "").split("; ") if part)
        return "\n".join([item["requirement_zh"], *(f"【口径】{options[each]}" for each in bites)])

    def _write_area_sum(self, sheet: Any, line: _Line, town: Row) -> None:
        score = self.area_scores[town["town_id"], line.area["area"]]
        rows = [each.row for each in self.lines if each.kind == "item" and each.area is line.area]
        waiting = self._waiting(rows[0], rows[-1], ["scored"])
        self._write_sum(sheet, line.row, (rows[0], rows[-1]), "subtotal", waiting, score, line.area["points"])

    def _write_sum(
        self, sheet: Any, row: int, rows: tuple[int, int], key: str, waiting: str, score: Row, points: Decimal
    ) -> None:
        """A line that adds up the scored items in a range of rows, unless any of those ``waiting`` counts is open."""
        first, last = rows

        def over(name: str) -> str:
            return self._added(name, first, last, "scored")

        left = score["points"]
        lost = None if left is None else points - left
        for column in range(1, 7):
            self.book.put(sheet, row, column, _said(f"workbook_{key}") if column == 2 else None, "sum")
        at = {name: f"{letter}{row}" for name, letter in _C.items()}
        told: tuple[tuple[str, str, Value, str], ...] = (
            ("standard", over("standard"), points, "sum"),
            ("points", f'IF({waiting}>0,"{_word("pending")}",{over("points")})',
             _word("pending") if left is None else left, "sum"),
            ("lost", f'IF(ISNUMBER({at["points"]}),ROUND({at["standard"]}-{at["points"]},2),"")', lost, "sum"),
            ("low", over("low"), score["points_low"], "aside"),
            ("high", over("high"), score["points_high"], "aside"),
            ("missing", waiting, score["missing_items"], "aside"),
        )  # fmt: skip
        for name, text, value, look in told:
            self.book.formula(sheet, row, _column(_C[name]), text, value, look)

    @staticmethod
    def _added(name: str, first: int, last: int, kind: str) -> str:
        """The sum of a column over the items of a kind in a range of rows."""
        letter, among = _C[name], _C["class"]
        return (
            f'ROUND(SUMIFS({letter}{first}:{letter}{last},{among}{first}:{among}{last},"{_word(f"class_{kind}")}"),2)'
        )

    @staticmethod
    def _waiting(first: int, last: int, kinds: Sequence[str]) -> str:
        """How many items of the kinds given have no points yet."""
        kind, points = (f"${_C[name]}${first}:${_C[name]}${last}" for name in ("class", "points"))
        return "+".join(f'COUNTIFS({kind},"{_word(f"class_{each}")}",{points},"{_word("pending")}")' for each in kinds)

    def _write_result(self, sheet: Any, number: int, town: Row) -> None:
        """合计, 加分, 总分, 等次 and 排名, and where to sign."""
        first, last = _CARD_FIRST, self.lines[-1].row
        scores = [self.item_scores[town["town_id"], item["item"]] for item in self.items]
        low, high = (
            {kind: sum((s[end] for s in scores if s["kind"] == kind), Decimal(0)) for kind in ("scored", "bonus")}
            for end in ("points_low", "points_high")
        )
        pending, book = _word("pending"), self.book
        # No total, and no sum of items, while any item that counts is open: a bonus is one.
        waiting = self._waiting(first, last, ["scored", "bonus"])
        whole = {"points": town["points"], "points_low": low["scored"], "points_high": high["scored"],
                 "missing_items": town["missing_items"]}  # fmt: skip
        self._write_sum(sheet, self.sum_row, (first, last), "sum", waiting, whole, Decimal(100))
        summed, bonus, total, grade, rank = self.sum_row, self.bonus_row, self.total_row, self.grade_row, self.rank_row
        c = _C
        for row, key in ((bonus, "bonus"), (total, "total"), (grade, "grade"), (rank, "rank")):
            for column in range(1, 7):
                look = "sum" if row == bonus else "result"
                book.put(sheet, row, column, _said(f"workbook_{key}") if column == 2 else None, look)

        def formula(row: int, name: str, text: str, value: Value, look: str = "aside") -> None:
            book.formula(sheet, row, _column(c[name]), text, value, look)

        no_bonus = self._waiting(first, last, ["bonus"])
        open_bonus = any(s["kind"] == "bonus" and s["status"] == "missing" for s in scores)
        for name, value in (("points", high["bonus"]), ("low", low["bonus"]), ("high", high["bonus"])):
            added = self._added(name, first, last, "bonus")
            if name == "points":
                formula(bonus, name, f'IF({no_bonus}>0,"{pending}",{added})', pending if open_bonus else value, "sum")
            else:
                formula(bonus, name, added, value)
        cap, gap, full = f"{_RULES}!$B$5", f"{_RULES}!$C$5", f"{_RULES}!$A$5"
        for name, value in (("low", town["total_low"]), ("high", town["total_high"])):
            points, with_bonus = f"{c[name]}{summed}", f"ROUND({c[name]}{summed}+{c[name]}{bonus},2)"
            text = (
                f'IF({cap}="{_word("excluded")}",{points},'
                f'IF({cap}="{_word("uncapped")}",{with_bonus},MIN({with_bonus},{full})))'
            )
            formula(total, name, text, value)
        is_final = town["status"] == "final"
        formula(total, "points", f'IF({c["missing"]}{summed}>0,"{pending}",{c["high"]}{total})',
                town["total"] if is_final else pending, "result")  # fmt: skip
        places = [band["grade"] for band in self.bands]
        bars = [self.card_of[item["item"]] for item in self.items if item["kind"] == "condition"]
        grades = f"{_RULES}!$A$8:$A${7 + len(places)}"
        # What is graded stands beside the total, the place among the grades beside the grade.
        for name, beside in (("low", "loss"), ("high", "missing")):
            end = f"{c[name]}{total}"
            value = town[f"total_{name}"]
            is_rounded = self.edition["grade_gap"] == "half_up"
            formula(total, beside, f'IF({gap}="{_word("gap_half_up")}",INT({end}+0.5),{end})',
                    int(value + Decimal("0.5")) if is_rounded else value)  # fmt: skip
            place = self._place(f"{c[beside]}{total}")
            place = f"MAX({','.join([place, *(f'{c[name]}{row}' for row in bars)])})"
            formula(grade, beside, place, places.index(town[f"grade_{name}"]) + 1)
            formula(grade, name, f"INDEX({grades},{c[beside]}{grade})", town[f"grade_{name}"])
        same = f"{c['loss']}{grade}={c['missing']}{grade}"
        formula(grade, "points", f'IF({same},{c["low"]}{grade},"{pending}")', town["grade"] or pending, "result")
        there = f"{_SUMMARY}!${self._summary_columns['rank']}${_SUMMARY_FIRST + number - 1}"
        formula(rank, "points", f'IF(ISNUMBER({there}),{there},"{pending}")',
                town["rank"] if town["rank"] is not None else pending, "result_count")  # fmt: skip
        book.put(sheet, self.rank_row + 2, 1, label("workbook_signed", "zh"), "line")

    def _place(self, total: str) -> str:
        """Which band, counted from the best, a total lies in."""
        text = str(len(self.bands))
        for number, band in reversed(list(enumerate(self.bands[:-1], start=1))):
            limits = [
                f"{total}{sign}{_RULES}!${letter}${7 + number}"
                for letter, limit, sign in (("B", "at_least", ">="), ("C", "above", ">"), ("D", "at_most", "<="),
                                            ("E", "below", "<"))
                if band[limit] is not None
            ]  # fmt: skip
            text = f"IF(AND({','.join(limits)}),{number},{text})"
        return text

    # 汇总表, 排名, 同比 ----------------------------------------------------------------------------------------------

    @cached_property
    def _summary_columns(self) -> dict[str, str]:
        """Letter of every column of 汇总表: fixed ones by name, items and areas by (kind, id)."""
        names: list[str] = ["no", "town", "kind", "district"]
        names += [
            f"{line.kind}:{line.item.get('item', line.area['area'])}" for line in self.lines if line.kind != "area"
        ]
        names += ["sum", "bonus", "total", "grade", "rank", "low", "high", "missing", "order"]
        return {name: get_column_letter(at) for at, name in enumerate(names, start=1)}

    def _card(self, number: int, name: str, row: int) -> str:
        return f"'{self.card_names[number - 1]}'!{_C[name]}{row}"

    def _write_summary(self, sheet: Any) -> None:
        put, formula, columns = self.book.put, self.book.formula, self._summary_columns
        head = _SUMMARY_FIRST - 1
        put(sheet, 1, 1, f"{self.year} {_said('workbook_summary')}", "title_left")
        based = f"《{self.edition['document_zh']}》{self.edition['number']}"
        put(sheet, 2, 1, f"{based}　{_said('workbook_summary_told')}", "line")
        self._synthetic(sheet, 3)
        for name, letter in columns.items():
            for row in range(4, head + 1):
                put(sheet, row, _column(letter), None, "head")
            if ":" not in name:
                put(sheet, 4, _column(letter), _stacked(f"workbook_{name}"), "head")
                sheet.merge_cells(f"{letter}4:{letter}{head - 1}")
        for area in self.areas:
            of_area = [line for line in self.lines if line.area is area and line.kind != "area"]
            letters = [columns[f"{line.kind}:{line.item.get('item', area['area'])}"] for line in of_area]
            put(sheet, 4, _column(letters[0]), f"{area['title_zh']} {area['title_en']}", "head")
            sheet.merge_cells(f"{letters[0]}4:{letters[-1]}4")
            for line, letter in zip(of_area, letters, strict=True):
                column = _column(letter)
                is_item = line.kind == "item"
                put(sheet, 5, column, line.item["item"] if is_item else label("workbook_subtotal", "zh"), "head")
                put(sheet, 6, column, (line.item if is_item else area)["title_zh"], "tall")
                is_scored = not is_item or line.item["kind"] == "scored"
                standard = line.item["available"] if is_item else area["points"]
                put(sheet, head, column, standard if is_scored else _word(f"class_{line.item['kind']}"), "head")
        first, last = _SUMMARY_FIRST, _SUMMARY_FIRST + len(self.towns) - 1
        for number, town in enumerate(self.towns, start=1):
            self._write_summary_row(sheet, number, town)
        for name, letter in columns.items():
            numbers = self._summary_numbers(name)
            mean = sum(map(Fraction, numbers), Fraction(0)) / len(numbers) if numbers else None
            average = last + 2
            if name == "town":
                put(sheet, average, _column(letter), _said("workbook_average"), "average")
            elif name.partition(":")[0] in ("item", "sum", "bonus", "total"):
                text = f'IFERROR(SUBTOTAL(101,{letter}{first}:{letter}{last}),"")'
                formula(sheet, average, _column(letter), text, mean, "average")
        sheet.freeze_panes = f"C{first}"
        sheet.auto_filter.ref = f"A{head}:{columns['order']}{last}"
        for name, letter in columns.items():
            width = {"no": 5, "town": 13, "kind": 7, "district": 10, "grade": 10, "total": 8, "low": 8, "high": 8}
            sheet.column_dimensions[letter].width = width.get(name, 6.2)
        sheet.column_dimensions[columns["order"]].hidden = True
        sheet.row_dimensions[4].height = 30
        sheet.row_dimensions[6].height = 165
        sheet.row_dimensions[head].height = 26
        start, end = columns[f"item:{self.items[0]['item']}"], columns["sum"]
        block = f"{start}{first}:{end}{last}"
        waiting = CellIsRule(operator="equal", formula=[f'"{_word("pending")}"'], fill=_AMBER)
        sheet.conditional_formatting.add(f"{start}{first}:{columns['rank']}{last}", waiting)
        less = FormulaRule(
            formula=[f"AND(ISNUMBER({start}{first}),N({start}${head})>0,{start}{first}<0.75*{start}${head})"], font=_RED
        )
        sheet.conditional_formatting.add(block, less)
        self._grade_rules(sheet, columns["grade"], first, last)
        sheet.print_title_cols = "A:B"
        self._print(sheet, f"4:{head}", pages_across=2)

    def _summary_numbers(self, name: str) -> list[Decimal]:
        kind, _, which = name.partition(":")
        match kind:
            case "item":
                found = [self.item_scores[town["town_id"], which] for town in self.towns]
                values = [score["points"] for score in found if score["kind"] != "condition"]
            case "sum" if which:
                values = [self.area_scores[town["town_id"], which]["points"] for town in self.towns]
            case "bonus":
                open_ones = {
                    town for (town, _), s in self.item_scores.items() if s["kind"] == "bonus" and s["points"] is None
                }
                values = [town["bonus"] for town in self.towns if town["town_id"] not in open_ones]
            case _:
                values = [town[{"sum": "points"}.get(kind, "total")] for town in self.towns]
        return [value for value in values if value is not None]

    def _write_summary_row(self, sheet: Any, number: int, town: Row) -> None:
        columns, row = self._summary_columns, _SUMMARY_FIRST + number - 1
        first, last = _SUMMARY_FIRST, _SUMMARY_FIRST + len(self.towns) - 1
        pending = _word("pending")
        self.book.put(sheet, row, 1, number, "count")
        cell = self.book.put(sheet, row, 2, town["town_name"], "link")
        cell._hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{self.card_names[number - 1]}'!A1")
        self.book.put(sheet, row, 3, town["kind"], "center")
        self.book.put(sheet, row, 4, town["district"], "center")

        def formula(name: str, text: str, value: Value, look: str) -> None:
            self.book.formula(sheet, row, _column(columns[name]), text, value, look)

        for line in self.lines:
            if line.kind == "area":
                continue
            name = str(line.item.get("item", line.area["area"]))
            if line.kind == "sum":
                value = self.area_scores[town["town_id"], name]["points"]
            else:
                score = self.item_scores[town["town_id"], name]
                value = score["points"]
                if score["kind"] == "condition":
                    value = {None: pending, True: _word("reached"), False: _word("not_reached")}[score["is_met"]]
            look = "sum" if line.kind == "sum" else "points"
            formula(
                f"{line.kind}:{name}", self._card(number, "points", line.row), pending if value is None else value, look
            )
        bonus_items = [
            self.item_scores[town["town_id"], item["item"]] for item in self.items if item["kind"] == "bonus"
        ]
        bonus = pending if any(score["points"] is None for score in bonus_items) else town["bonus"]
        formula(
            "sum",
            self._card(number, "points", self.sum_row),
            town["points"] if town["points"] is not None else pending,
            "sum",
        )
        formula("bonus", self._card(number, "points", self.bonus_row), bonus, "points")
        formula(
            "total",
            self._card(number, "points", self.total_row),
            town["total"] if town["total"] is not None else pending,
            "sum",
        )
        formula("grade", self._card(number, "points", self.grade_row), town["grade"] or pending, "center")
        formula("low", self._card(number, "low", self.total_row), town["total_low"], "points")
        formula("high", self._card(number, "high", self.total_row), town["total_high"], "points")
        formula("missing", self._card(number, "missing", self.sum_row), town["missing_items"], "count")
        total, rank = columns["total"], columns["rank"]
        ranked = f"RANK({total}{row},{total}${first}:{total}${last})"
        formula(
            "rank",
            f'IF(ISNUMBER({total}{row}),{ranked},"{pending}")',
            pending if town["rank"] is None else town["rank"],
            "count",
        )
        above = f"{rank}${first}:{rank}{row}"
        placed = f"{rank}{row}+COUNTIF({above},{rank}{row})-1"
        unplaced = f"COUNT({rank}${first}:{rank}${last})+ROWS({above})-COUNT({above})"
        formula("order", f"IF(ISNUMBER({rank}{row}),{placed},{unplaced})", self._order.index(number) + 1, "aside")

    @cached_property
    def _order(self) -> list[int]:
        """Numbers of the towns from first to last, those without a rank at the end."""
        ranks = [(town["rank"] is None, town["rank"] or 0, number) for number, town in enumerate(self.towns, start=1)]
        return [number for _, _, number in sorted(ranks)]

    def _grade_rules(self, sheet: Any, letter: str, first: int, last: int) -> None:
        for band, colour in zip(self.bands, _GRADE_FILLS, strict=False):
            fill = PatternFill("solid", bgColor=colour)
            rule = CellIsRule(operator="equal", formula=[f'"{band["grade"]}"'], fill=fill)
            sheet.conditional_formatting.add(f"{letter}{first}:{letter}{last}", rule)

    def _write_ranking(self, sheet: Any) -> None:
        self.book.put(sheet, 1, 1, f"{self.year} {_said('workbook_ranking')}", "title_left")
        self.book.put(sheet, 2, 1, _said("workbook_ranking_told"), "line")
        self._synthetic(sheet, 3)
        names = ("rank", "town", "kind", "district", "total", "grade", "low", "high", "missing")
        self._heads(sheet, 4, names)
        columns = self._summary_columns
        top, end = _SUMMARY_FIRST, _SUMMARY_FIRST + len(self.towns) - 1
        order = f"{_SUMMARY}!${columns['order']}${top}:${columns['order']}${end}"
        for place, number in enumerate(self._order, start=1):
            town = self.towns[number - 1]
            marts_name = {"town": "town_name", "low": "total_low", "high": "total_high", "missing": "missing_items"}
            values: dict[str, Value] = {name: town[marts_name.get(name, name)] for name in names}
            for column, name in enumerate(names, start=1):
                letter = columns[name]
                there = f"INDEX({_SUMMARY}!${letter}${top}:${letter}${end},MATCH({place},{order},0))"
                value = values[name]
                if name in ("kind", "district"):
                    there = f'{there}&""'
                elif value is None:
                    value = _word("pending")
                look = {"rank": "count", "town": "text", "total": "sum", "low": "points", "high": "points",
                        "missing": "count"}.get(name, "center")  # fmt: skip
                self.book.formula(
                    sheet,
                    4 + place,
                    column,
                    there,
                    _UNPRINTABLE.sub("\ufffd", value) if isinstance(value, str) else value,
                    look,
                )
        last = 4 + len(self.towns)
        sheet.freeze_panes = "A5"
        sheet.auto_filter.ref = f"A4:I{last}"
        for letter, width in zip("ABCDEFGHI", (7, 18, 10, 14, 12, 14, 12, 12, 9), strict=True):
            sheet.column_dimensions[letter].width = width
        self._grade_rules(sheet, "F", 5, last)
        bar = DataBarRule(start_type="num", start_value=60, end_type="num", end_value=100, color="8EA9DB")
        sheet.conditional_formatting.add(f"E5:E{last}", bar)
        self._print(sheet, "4:4", landscape=False)

    def _write_change(self, sheet: Any) -> None:
        rows = self.marts.rows("SELECT * FROM year_over_year WHERE year = ?", [self.year])
        changes = {row["town_id"]: row for row in rows}
        self.book.put(sheet, 1, 1, f"{self.year} {_said('workbook_change')}", "title_left")
        self.book.put(sheet, 2, 1, _said("workbook_change_told" if rows else "workbook_change_none"), "line")
        self._synthetic(sheet, 3)
        self._heads(sheet, 4, ("town", "previous_name", "previous_total", "total", "difference", "previous_grade",
                               "grade", "previous_rank", "rank", "places"))  # fmt: skip
        columns, row = self._summary_columns, 4
        pending = _word("pending")
        for number, town in enumerate(self.towns, start=1):
            change = changes.get(town["town_id"])
            if change is None:
                continue
            row += 1
            there = {
                name: f"{_SUMMARY}!{columns[name]}{_SUMMARY_FIRST + number - 1}" for name in ("total", "grade", "rank")
            }
            put, formula = self.book.put, self.book.formula
            put(sheet, row, 1, town["town_name"], "text")
            put(sheet, row, 2, change["previous_town_name"], "text")
            for column, name, look in ((3, "total", "points"), (6, "grade", "center"), (8, "rank", "count")):
                before, now = change[f"previous_{name}"], town[name]
                put(sheet, row, column, pending if before is None else before, look)
                formula(sheet, row, column + 1, there[name], pending if now is None else now, look)
            ranks = change["previous_rank"], town["rank"]
            climbed = None if None in ranks else ranks[0] - ranks[1]
            formula(
                sheet,
                row,
                5,
                f'IF(AND(ISNUMBER(C{row}),ISNUMBER(D{row})),ROUND(D{row}-C{row},2),"")',
                change["change"],
                "change",
            )
            formula(sheet, row, 10, f'IF(AND(ISNUMBER(H{row}),ISNUMBER(I{row})),H{row}-I{row},"")', climbed, "places")
        sheet.freeze_panes = "A5"
        sheet.auto_filter.ref = f"A4:J{max(row, 4)}"
        for letter, width in zip("ABCDEFGHIJ", (18, 18, 10, 10, 10, 12, 12, 9, 9, 10), strict=True):
            sheet.column_dimensions[letter].width = width
        if row > 4:
            for letter in "EJ":
                less = FormulaRule(formula=[f"N({letter}5)<0"], font=_RED)
                sheet.conditional_formatting.add(f"{letter}5:{letter}{row}", less)
            self._grade_rules(sheet, "F", 5, row)
            self._grade_rules(sheet, "G", 5, row)
        self._print(sheet, "4:4")

    # README -----------------------------------------------------------------------------------------------------------

    def _write_readme(self, sheet: Any) -> None:
        manifest, edition = self.marts.manifest, self.edition
        rows = iter(range(1, 10_000))

        def line(*cells: tuple[Any, str]) -> Any:
            row, cell = next(rows), None
            for column, (value, look) in enumerate(cells, start=1):
                cell = self.book.put(sheet, row, column, value, look)
            return cell

        line((f"{self.year} {_said('workbook_title')}", "title_left"))
        if self.marts.is_synthetic:
            line((f"※ {_said('synthetic')}", "notice"))
        line()
        facts = (
            ("year", str(self.year)),
            ("towns", str(len(self.towns))),
            ("workbook_edition", manifest["edition"]),
            ("workbook_document", f"《{edition['document_zh']}》\n{edition['document_en']}"),
            ("workbook_number", f"{edition['number']}　{edition['issued']}　{edition['issuer_zh']}"),
            ("workbook_run", manifest["run_id"]),
            ("workbook_version", manifest["version"]),
        )
        for key, value in facts:
            line((_said(key), "head"), (value, "text"))
        line()
        line((_said("workbook_how"), "bold"))
        for key in ("workbook_how_inputs", "workbook_how_adjust", "workbook_how_exact", "workbook_how_order"):
            line((label(key, "zh"), "line"))
            line((label(key, "en"), "line"))
        line()
        line((_said("workbook_sheets"), "bold"))
        for name, key in (
            (_SUMMARY, "summary"),
            ("排名", "ranking"),
            ("同比", "change"),
            (_RULES, "rules"),
            (_DATA, "data"),
        ):
            self._link(line((name, "link")), name)
            self.book.put(sheet, sheet.max_row, 2, _said(f"workbook_{key}"), "text")
        for name, town in zip(self.card_names, self.towns, strict=True):
            self._link(line((name, "link")), name)
            self.book.put(sheet, sheet.max_row, 2, f"{label('workbook_card', 'zh')}　{town['town_name']}", "text")
        line()
        line((_said("workbook_readings"), "bold"))
        for name, option in manifest["interpretations"].items():
            for each in self.interpretations:
                if (each["interpretation"], each["option"]) == (name, option):
                    told = f"{each['question_zh']}：{each['option_zh']}\n{each['question_en']} {each['option_en']}"
                    line((f"{name} = {option}", "head"), (told, "text"))
        line()
        line((_said("workbook_hashes"), "bold"))
        for name, entry in manifest["files"].items():
            if name.endswith(".parquet"):
                line((name, "head"), (entry["sha256"], "text"))
        sheet.column_dimensions["A"].width = 34
        sheet.column_dimensions["B"].width = 84
        for row in range(1, sheet.max_row + 1):
            self.book.fit(sheet, row)
        sheet.row_dimensions[1].height = 26
        self._print(sheet, "1:1")

    @staticmethod
    def _link(cell: Any, title: str) -> None:
        cell._hyperlink = Hyperlink(ref=cell.coordinate, location=f"'{title}'!A1")


#: Stands where a term has no use for an input.
_UNUSED = object()


def _sheet_name(number: int, width: int, town: str) -> str:
    """A title a spreadsheet takes, whatever the town is called; the number makes it one of its kind."""
    return f"{number:0{width}d} {_NOT_IN_NAMES.sub('', town).strip()}".strip()[:31]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _choose(sheet: Any, cells: str, words: Sequence[str]) -> None:
    """Offer a list of words in ``cells`` and refuse any other."""
    choice = DataValidation(type="list", formula1=f'"{",".join(words)}"', allow_blank=True)
    choice.add(cells)
    sheet.add_data_validation(choice)


def _short_number(number: Decimal) -> str:
    """100 for 100.00, 0.5 for 0.50."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
