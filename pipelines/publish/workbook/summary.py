"""汇总表 and 排名: all towns of the year, in the order of their codes and in that of their totals."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from openpyxl.formatting.rule import CellIsRule, DataBarRule, FormulaRule
from openpyxl.utils import column_index_from_string as column_of

from pipelines.labels import both, label
from pipelines.publish.book import AMBER, RED, Value, printable
from pipelines.publish.workbook.year import CARD, SUMMARY_FIRST, SUMMARY_SHEET, Row, Year, or_pending, word


def write_summary(year: Year, sheet: Any) -> None:
    """汇总表: a row a town, with every item as its card has it."""
    put, formula, columns = year.book.put, year.book.formula, year.summary_columns
    head = SUMMARY_FIRST - 1
    year.put_title(sheet, both("workbook_summary"), f"{year.document}　{both('workbook_summary_told')}")
    for name, letter in columns.items():
        for row in range(4, head + 1):
            put(sheet, row, column_of(letter), None, "head")
        if ":" not in name:
            put(sheet, 4, column_of(letter), both(f"workbook_{name}", "\n"), "head")
            sheet.merge_cells(f"{letter}4:{letter}{head - 1}")
    for area in year.areas:
        of_area = [line for line in year.lines if line.area is area and line.kind != "area"]
        letters = [columns[f"{line.kind}:{line.item.get('item', area['area'])}"] for line in of_area]
        put(sheet, 4, column_of(letters[0]), f"{area['title_zh']} {area['title_en']}", "head")
        sheet.merge_cells(f"{letters[0]}4:{letters[-1]}4")
        for line, letter in zip(of_area, letters, strict=True):
            column = column_of(letter)
            is_item = line.kind == "item"
            put(sheet, 5, column, line.item["item"] if is_item else label("workbook_subtotal", "zh"), "head")
            put(sheet, 6, column, (line.item if is_item else area)["title_zh"], "tall")
            is_scored = not is_item or line.item["kind"] == "scored"
            standard = line.item["available"] if is_item else area["points"]
            put(sheet, head, column, standard if is_scored else word(f"class_{line.item['kind']}"), "head")
    first, last = SUMMARY_FIRST, SUMMARY_FIRST + len(year.towns) - 1
    for number, town in enumerate(year.towns, start=1):
        _write_summary_row(year, sheet, number, town)
    for name, letter in columns.items():
        numbers = _summary_numbers(year, name)
        mean = sum(map(Fraction, numbers), Fraction(0)) / len(numbers) if numbers else None
        average = last + 2
        if name == "town":
            put(sheet, average, column_of(letter), both("workbook_average"), "average")
        elif name.partition(":")[0] in ("item", "sum", "bonus", "total"):
            text = f'IFERROR(SUBTOTAL(101,{letter}{first}:{letter}{last}),"")'
            formula(sheet, average, column_of(letter), text, mean, "average")
    sheet.freeze_panes = f"C{first}"
    sheet.auto_filter.ref = f"A{head}:{columns['order']}{last}"
    for name, letter in columns.items():
        width = {"no": 5, "town": 13, "kind": 7, "district": 10, "grade": 10, "total": 8, "low": 8, "high": 8}
        sheet.column_dimensions[letter].width = width.get(name, 6.2)
    sheet.column_dimensions[columns["order"]].hidden = True
    sheet.row_dimensions[4].height = 30
    sheet.row_dimensions[6].height = 165
    sheet.row_dimensions[head].height = 26
    start, end = columns[f"item:{year.items[0]['item']}"], columns["sum"]
    block = f"{start}{first}:{end}{last}"
    waiting = CellIsRule(operator="equal", formula=[f'"{word("pending")}"'], fill=AMBER)
    sheet.conditional_formatting.add(f"{start}{first}:{columns['rank']}{last}", waiting)
    less = FormulaRule(
        formula=[f"AND(ISNUMBER({start}{first}),N({start}${head})>0,{start}{first}<0.75*{start}${head})"], font=RED
    )
    sheet.conditional_formatting.add(block, less)
    year.color_grades(sheet, columns["grade"], first, last)
    sheet.print_title_cols = "A:B"
    year.set_print(sheet, f"4:{head}", pages_across=2)


def _summary_numbers(year: Year, name: str) -> list[Decimal]:
    kind, _, which = name.partition(":")
    match kind:
        case "item":
            found = [year.item_scores[town["town_id"], which] for town in year.towns]
            values = [score["points"] for score in found if score["kind"] != "condition"]
        case "sum" if which:
            values = [year.area_scores[town["town_id"], which]["points"] for town in year.towns]
        case "bonus":
            open_ones = {
                town for (town, _), s in year.item_scores.items() if s["kind"] == "bonus" and s["points"] is None
            }
            values = [town["bonus"] for town in year.towns if town["town_id"] not in open_ones]
        case _:
            values = [town[{"sum": "points"}.get(kind, "total")] for town in year.towns]
    return [value for value in values if value is not None]


def _write_summary_row(year: Year, sheet: Any, number: int, town: Row) -> None:
    columns, row = year.summary_columns, SUMMARY_FIRST + number - 1
    first, last = SUMMARY_FIRST, SUMMARY_FIRST + len(year.towns) - 1
    pending = word("pending")
    year.book.put(sheet, row, 1, number, "count")
    year.book.lead_to(year.book.put(sheet, row, 2, town["town_name"], "link"), year.card_names[number - 1])
    year.book.put(sheet, row, 3, town["kind"], "center")
    year.book.put(sheet, row, 4, town["district"], "center")

    def card(name: str, at: int) -> str:
        return f"'{year.card_names[number - 1]}'!{CARD[name]}{at}"

    def formula(name: str, text: str, value: Value, look: str) -> None:
        year.book.formula(sheet, row, column_of(columns[name]), text, value, look)

    for line in year.lines:
        if line.kind == "area":
            continue
        name = str(line.item.get("item", line.area["area"]))
        if line.kind == "sum":
            value = year.area_scores[town["town_id"], name]["points"]
        else:
            score = year.item_scores[town["town_id"], name]
            value = score["points"]
            if score["kind"] == "condition":
                value = {None: pending, True: word("reached"), False: word("not_reached")}[score["is_met"]]
        look = "sum" if line.kind == "sum" else "points"
        formula(f"{line.kind}:{name}", card("points", line.row), or_pending(value), look)
    bonus_items = [year.item_scores[town["town_id"], item["item"]] for item in year.items if item["kind"] == "bonus"]
    bonus = pending if any(score["points"] is None for score in bonus_items) else town["bonus"]
    formula("sum", card("points", year.sum_row), or_pending(town["points"]), "sum")
    formula("bonus", card("points", year.bonus_row), bonus, "points")
    formula("total", card("points", year.total_row), or_pending(town["total"]), "sum")
    formula("grade", card("points", year.grade_row), town["grade"] or pending, "center")
    formula("low", card("low", year.total_row), town["total_low"], "points")
    formula("high", card("high", year.total_row), town["total_high"], "points")
    formula("missing", card("missing", year.sum_row), town["missing_items"], "count")
    total, rank = columns["total"], columns["rank"]
    ranked = f"RANK({total}{row},{total}${first}:{total}${last})"
    formula("rank", f'IF(ISNUMBER({total}{row}),{ranked},"{pending}")', or_pending(town["rank"]), "count")
    above = f"{rank}${first}:{rank}{row}"
    placed = f"{rank}{row}+COUNTIF({above},{rank}{row})-1"
    unplaced = f"COUNT({rank}${first}:{rank}${last})+ROWS({above})-COUNT({above})"
    formula("order", f"IF(ISNUMBER({rank}{row}),{placed},{unplaced})", year.order.index(number) + 1, "aside")


def write_ranking(year: Year, sheet: Any) -> None:
    """排名: the towns from first to last, as 汇总表 orders them."""
    year.put_title(sheet, both("workbook_ranking"), both("workbook_ranking_told"))
    names = ("rank", "town", "kind", "district", "total", "grade", "low", "high", "missing")
    year.put_heads(sheet, 4, names)
    columns = year.summary_columns
    top, end = SUMMARY_FIRST, SUMMARY_FIRST + len(year.towns) - 1
    order = f"{SUMMARY_SHEET}!${columns['order']}${top}:${columns['order']}${end}"
    for place, number in enumerate(year.order, start=1):
        town = year.towns[number - 1]
        marts_name = {"town": "town_name", "low": "total_low", "high": "total_high", "missing": "missing_items"}
        values: dict[str, Value] = {name: town[marts_name.get(name, name)] for name in names}
        for column, name in enumerate(names, start=1):
            letter = columns[name]
            there = f"INDEX({SUMMARY_SHEET}!${letter}${top}:${letter}${end},MATCH({place},{order},0))"
            value = values[name]
            if name in ("kind", "district"):
                there = f'{there}&""'
            elif value is None:
                value = word("pending")
            look = {"rank": "count", "town": "text", "total": "sum", "low": "points", "high": "points",
                    "missing": "count"}.get(name, "center")  # fmt: skip
            shown = printable(value) if isinstance(value, str) else value
            year.book.formula(sheet, 4 + place, column, there, shown, look)
    last = 4 + len(year.towns)
    sheet.freeze_panes = "A5"
    sheet.auto_filter.ref = f"A4:I{last}"
    for letter, width in zip("ABCDEFGHI", (7, 18, 10, 14, 12, 14, 12, 12, 9), strict=True):
        sheet.column_dimensions[letter].width = width
    year.color_grades(sheet, "F", 5, last)
    bar = DataBarRule(start_type="num", start_value=60, end_type="num", end_value=100, color="8EA9DB")
    sheet.conditional_formatting.add(f"E5:E{last}", bar)
    year.set_print(sheet, "4:4", landscape=False)
