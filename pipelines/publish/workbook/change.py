"""同比: every town against the year before."""

from __future__ import annotations

from typing import Any

from openpyxl.formatting.rule import FormulaRule

from pipelines.labels import both
from pipelines.publish.book import RED
from pipelines.publish.workbook.year import SUMMARY_FIRST, SUMMARY_SHEET, Year, or_pending


def write_change(year: Year, sheet: Any) -> None:
    """Total, grade and rank of every town beside those of the year before."""
    rows = year.marts.rows("SELECT * FROM year_over_year WHERE year = ?", [year.number])
    changes = {row["town_id"]: row for row in rows}
    year.put_title(sheet, both("workbook_change"), both("workbook_change_told" if rows else "workbook_change_none"))
    year.put_heads(sheet, 4, ("town", "previous_name", "previous_total", "total", "difference", "previous_grade",
                           "grade", "previous_rank", "rank", "places"))  # fmt: skip
    columns, row = year.summary_columns, 4
    for number, town in enumerate(year.towns, start=1):
        change = changes.get(town["town_id"])
        if change is None:
            continue
        row += 1
        there = {
            name: f"{SUMMARY_SHEET}!{columns[name]}{SUMMARY_FIRST + number - 1}" for name in ("total", "grade", "rank")
        }
        put, formula = year.book.put, year.book.formula
        put(sheet, row, 1, town["town_name"], "text")
        put(sheet, row, 2, change["previous_town_name"], "text")
        for column, name, look in ((3, "total", "points"), (6, "grade", "center"), (8, "rank", "count")):
            before, now = change[f"previous_{name}"], town[name]
            put(sheet, row, column, or_pending(before), look)
            formula(sheet, row, column + 1, there[name], or_pending(now), look)
        ranks = change["previous_rank"], town["rank"]
        climbed = None if None in ranks else ranks[0] - ranks[1]
        moved = f'IF(AND(ISNUMBER(C{row}),ISNUMBER(D{row})),ROUND(D{row}-C{row},2),"")'
        formula(sheet, row, 5, moved, change["change"], "change")
        formula(sheet, row, 10, f'IF(AND(ISNUMBER(H{row}),ISNUMBER(I{row})),H{row}-I{row},"")', climbed, "places")
    sheet.freeze_panes = "A5"
    sheet.auto_filter.ref = f"A4:J{max(row, 4)}"
    for letter, width in zip("ABCDEFGHIJ", (18, 18, 10, 10, 10, 12, 12, 9, 9, 10), strict=True):
        sheet.column_dimensions[letter].width = width
    if row > 4:
        for letter in "EJ":
            less = FormulaRule(formula=[f"N({letter}5)<0"], font=RED)
            sheet.conditional_formatting.add(f"{letter}5:{letter}{row}", less)
        year.color_grades(sheet, "F", 5, row)
        year.color_grades(sheet, "G", 5, row)
    year.set_print(sheet, "4:4")
