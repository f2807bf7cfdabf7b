"""What the sheets of a year share: its figures, where each of them stands for formulas to find, and how pages look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import PatternFill
from openpyxl.utils import get_column_letter

from pipelines.analysis.marts import Marts
from pipelines.labels import both, label
from pipelines.publish.book import Book, Value

Row = dict[str, Any]

RULES_SHEET, DATA_SHEET, SUMMARY_SHEET, RANKING_SHEET, CHANGE_SHEET = "规则", "数据", "汇总表", "排名", "同比"


def _letters(*names: str) -> dict[str, str]:
    return {name: get_column_letter(at) for at, name in enumerate(names, start=1)}


#: Letters of the columns of 规则, in the table of terms.
RULE = _letters(
    "item", "term", "item_title", "figure", "kind", "direction", "target", "step", "loss_per_step", "part_step",
    "points", "cliff", "below_target", "zero_denominator", "scale", "worst", "bars", "clause",
)  # fmt: skip
#: The row of the best grade in 规则; the others follow.
FIRST_BAND = 8

#: Letters of the columns of 数据. The figures in their lowest whole terms have columns of their own, for formulas to
#: count on.
DATA = _letters(
    "town_no", "town_id", "town", "item_no", "item", "term", "figure", "kind", "numerator", "denominator",
    "score_sum", "assessors", "withheld", "adjusted", "adjustment_withheld", "whole_n", "whole_d", "status", "met",
    "steps", "loss", "least", "most", "source",
)  # fmt: skip
DATA_FIRST = 5

#: Letters of the columns of a 评分表: the bureau's own six, then what they are reckoned from.
CARD = _letters(
    "no", "project", "standard", "requirement", "lost", "points", "class", "status", "low", "high", "loss", "missing",
    "adjusted", "told",
)  # fmt: skip
CARD_FIRST = 5

SUMMARY_FIRST = 8

_NOT_IN_NAMES = re.compile(r"[^\w（）]")
_GRADE_FILLS = ("C6E0B4", "DDEBF7", "FFF2CC", "F8CBAD")


@dataclass(frozen=True)
class Line:
    """A line of a 评分表: an area's heading, an item, or an area's subtotal; the same row for every town."""

    kind: str
    row: int
    area: Row
    item: Row


class Year:
    """One year: its figures from the marts, and the rows and columns its sheets have."""

    def __init__(self, marts: Marts, number: int) -> None:
        self.marts, self.number = marts, number
        self.book = Book()
        self.towns = marts.rows("SELECT * FROM town_score WHERE year = ? ORDER BY town_code, town_id", [number])
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
        self._lay_out_rules()
        self._lay_out_cards()

    def _by(self, mart: str, name: str) -> dict[tuple[str, str], Row]:
        rows = self.marts.rows(f"SELECT * FROM {mart} WHERE year = ?", [self.number])
        return {(row["town_id"], row[name]): row for row in rows}

    def _lay_out_rules(self) -> None:
        """Below the grades the terms, below these the tiers, each under its heads."""
        self.rules_head = FIRST_BAND + len(self.bands) + 1
        self.rule_row = {term["term"]: row for row, term in enumerate(self.terms, start=self.rules_head + 1)}
        self.tiers_head = self.rules_head + len(self.terms) + 2
        self.tier_rows: dict[str, list[int]] = {}
        row = self.tiers_head + 1
        for term, tiers in self.tiers.items():
            self.tier_rows[term] = list(range(row, row + len(tiers)))
            row += len(tiers)

    def _lay_out_cards(self) -> None:
        self.lines: list[Line] = []
        for area in self.areas:
            of_area = [item for item in self.items if item["area"] == area["area"]]
            for kind, item in [("area", {}), *(("item", item) for item in of_area), ("sum", {})]:
                self.lines.append(Line(kind, CARD_FIRST + len(self.lines), area, item))
        last = self.lines[-1].row
        self.sum_row, self.bonus_row, self.total_row, self.grade_row, self.rank_row = range(last + 1, last + 6)
        width = max(2, len(str(len(self.towns))))
        self.card_names = [
            _sheet_name(number, width, town["town_name"]) for number, town in enumerate(self.towns, start=1)
        ]

    @cached_property
    def summary_columns(self) -> dict[str, str]:
        """Letter of every column of 汇总表: fixed ones by name, items and areas by ``kind:id``."""
        lines = [
            f"{line.kind}:{line.item.get('item', line.area['area'])}" for line in self.lines if line.kind != "area"
        ]
        return _letters(
            "no", "town", "kind", "district", *lines, "sum", "bonus", "total", "grade", "rank", "low", "high",
            "missing", "order",
        )  # fmt: skip

    @cached_property
    def order(self) -> list[int]:
        """Numbers of the towns from first to last, those without a rank at the end."""
        ranks = [(town["rank"] is None, town["rank"] or 0, number) for number, town in enumerate(self.towns, start=1)]
        return [number for _, _, number in sorted(ranks)]

    @property
    def document(self) -> str:
        """The document the year is scored by."""
        return f"《{self.edition['document_zh']}》{self.edition['number']}"

    @property
    def grades(self) -> str:
        """Where the grades stand, from the best."""
        return f"{RULES_SHEET}!$A${FIRST_BAND}:$A${FIRST_BAND + len(self.bands) - 1}"

    # How pages look ---------------------------------------------------------------------------------------------------

    def put_title(self, sheet: Any, title: str, told: str) -> None:
        """The three lines every sheet begins with: what it is, what it holds, and that the data are synthetic."""
        self.book.put(sheet, 1, 1, f"{self.number} {title}", "title_left")
        self.book.put(sheet, 2, 1, told, "line")
        self.mark_synthetic(sheet, 3)

    def mark_synthetic(self, sheet: Any, row: int) -> None:
        """Say that the data are synthetic, where they are."""
        if self.marts.is_synthetic:
            self.book.put(sheet, row, 1, f"※ {both('synthetic')}", "notice")

    def put_heads(self, sheet: Any, row: int, keys: Sequence[str]) -> None:
        """The heads of a table, by the keys of their labels."""
        for column, key in enumerate(keys, start=1):
            self.book.put(sheet, row, column, both(f"workbook_{key}", "\n"), "head")

    def color_grades(self, sheet: Any, letter: str, first: int, last: int) -> None:
        """Give every grade of a column its colour."""
        for band, colour in zip(self.bands, _GRADE_FILLS, strict=False):
            fill = PatternFill("solid", bgColor=colour)
            rule = CellIsRule(operator="equal", formula=[f'"{band["grade"]}"'], fill=fill)
            sheet.conditional_formatting.add(f"{letter}{first}:{letter}{last}", rule)

    def set_print(self, sheet: Any, rows: str, *, landscape: bool = True, pages_across: int = 1) -> None:
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


def or_pending(value: Value) -> Value:
    """``value``, or the word for what is not known yet."""
    return word("pending") if value is None else value


def word(key: str) -> str:
    """The one Chinese word that formulas of the workbook know something by."""
    return label(f"workbook_{key}", "zh")


def _sheet_name(number: int, width: int, town: str) -> str:
    """A title a spreadsheet takes, whatever the town is called; the number makes it one of its kind."""
    return f"{number:0{width}d} {_NOT_IN_NAMES.sub('', town).strip()}".strip()[:31]
