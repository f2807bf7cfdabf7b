"""评分表: the bureau's own score card of a town, every figure of it a formula over 数据 and 规则."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from openpyxl.formatting.rule import CellIsRule, FormulaRule
from openpyxl.utils import column_index_from_string as column_of

from pipelines.labels import both, label
from pipelines.publish.book import AMBER, RED, Value
from pipelines.publish.workbook.year import (
    CARD,
    CARD_FIRST,
    DATA,
    DATA_FIRST,
    DATA_SHEET,
    FIRST_BAND,
    RULE,
    RULES_SHEET,
    SUMMARY_FIRST,
    SUMMARY_SHEET,
    Line,
    Row,
    Year,
    or_pending,
    word,
)

_ORDINALS = "一二三四五六七八九十"


def write_card(year: Year, sheet: Any, number: int, town: Row) -> None:
    """The card of a town, which is the ``number``-th of the year."""
    book, put = year.book, year.book.put
    put(sheet, 1, 1, f"{year.number} {label('workbook_card', 'zh')}", "title")
    sheet.merge_cells("A1:F1")
    told = f"{label('workbook_town', 'zh')}：{town['town_name']}（{town['town_code']}）　{year.document}"
    put(sheet, 2, 1, told, "line")
    year.mark_synthetic(sheet, 3)
    put(sheet, 2, column_of(CARD["status"]), label("workbook_town_no", "zh"), "aside_head")
    put(sheet, 2, column_of(CARD["low"]), number, "aside")
    put(sheet, 3, column_of(CARD["class"]), both("workbook_beside"), "line")
    for name, letter in CARD.items():
        is_bureaus = column_of(letter) <= 6
        words = label(f"workbook_card_{name}", "zh") if is_bureaus else both(f"workbook_card_{name}", "\n")
        put(sheet, CARD_FIRST - 1, column_of(letter), words, "head" if is_bureaus else "aside_head")
    for line in year.lines:
        match line.kind:
            case "area":
                ordinal = _ORDINALS[line.area["position"] - 1 : line.area["position"]] or line.area["area"]
                words = f"{ordinal}、{line.area['title_zh']}（{_short_number(line.area['points'])} 分）"
                for column in range(1, 7):
                    put(sheet, line.row, column, words if column == 1 else None, "band")
                sheet.merge_cells(start_row=line.row, end_row=line.row, start_column=1, end_column=6)
            case "item":
                _write_item(year, sheet, line.row, town, line.item)
            case _:
                _write_area_sum(year, sheet, line, town)
    _write_result(year, sheet, number, town)
    widths = (5, 21, 8, 48, 8, 9, 7, 8, 9, 9, 10, 7, 9, 90)
    for letter, width in zip(CARD.values(), widths, strict=True):
        sheet.column_dimensions[letter].width = width
    for line in year.lines:
        book.fit(sheet, line.row)
    sheet.freeze_panes = f"A{CARD_FIRST}"
    sheet.auto_filter.ref = f"A{CARD_FIRST - 1}:{CARD['told']}{year.lines[-1].row}"
    first, last = CARD_FIRST, year.rank_row
    lost = f"{CARD['lost']}{first}:{CARD['lost']}{year.lines[-1].row}"
    sheet.conditional_formatting.add(lost, FormulaRule(formula=[f"N({CARD['lost']}{first})>0"], font=RED))
    waiting = CellIsRule(operator="equal", formula=[f'"{word("pending")}"'], fill=AMBER)
    sheet.conditional_formatting.add(f"{CARD['points']}{first}:{CARD['points']}{last}", waiting)
    sheet.print_area = f"A1:F{year.rank_row + 2}"
    year.set_print(sheet, f"{CARD_FIRST - 1}:{CARD_FIRST - 1}", landscape=False)


def _write_item(year: Year, sheet: Any, row: int, town: Row, item: Row) -> None:
    score = year.item_scores[town["town_id"], item["item"]]
    terms = [term for term in year.terms if term["item"] == item["item"]]
    found = [year.term_scores[town["town_id"], term["term"]] for term in terms]
    kind = item["kind"]

    def put(name: str, value: Any, look: str) -> None:
        year.book.put(sheet, row, column_of(CARD[name]), value, look)

    def formula(name: str, text: str, comes_to: Value, look: str) -> None:
        year.book.formula(sheet, row, column_of(CARD[name]), text, comes_to, look)

    put("no", item["position"], "count")
    put("project", f"{item['clause']}\n{item['title_zh']}", "text")
    put("standard", item["available"] if kind == "scored" else word(f"class_{kind}"), "points")
    put("requirement", _requirement(year, item, terms), "text")
    put("class", word(f"class_{kind}"), "aside")
    losses = [Fraction(int(t["loss_numerator"]), int(t["loss_denominator"])) for t in found if t["status"] != "missing"]
    formula("loss", _over(year, "SUMIFS", row, "loss"), sum(losses, Fraction(0)), "aside_loss")
    count_missing = _over(year, "COUNTIFS", row, "status", f'"{word("missing")}"')
    missing = sum(each["status"] == "missing" for each in found)
    is_open = score["status"] == "missing" and not missing
    formula(
        "missing", f"{count_missing}+{_over(year, 'SUMIFS', row, 'adjustment_withheld')}", missing + is_open, "aside"
    )
    put("told", score["explanation_zh"], "aside_text")
    if kind == "condition":
        _write_condition(year, sheet, row, terms[0], score)
    else:
        _write_points(year, sheet, row, terms, score)


def _write_condition(year: Year, sheet: Any, row: int, term: Row, score: Row) -> None:
    """Whether a condition is reached; it has no points."""
    pending, yes, no = word("pending"), word("reached"), word("not_reached")
    unmet = _over(year, "COUNTIFS", row, "met", f'"{word("not")}"')
    told = f'IF({unmet}>0,"{no}",IF({CARD["missing"]}{row}>0,"{pending}","{yes}"))'
    comes_to = {None: pending, True: yes, False: no}[score["is_met"]]
    year.book.formula(sheet, row, column_of(CARD["points"]), told, comes_to, "points")
    _write_bar(year, sheet, row, term, score)
    for name in ("lost", "adjusted", "status"):
        year.book.put(sheet, row, column_of(CARD[name]), None, "points" if name == "lost" else "aside")


def _write_points(year: Year, sheet: Any, row: int, terms: Sequence[Row], score: Row) -> None:
    """What an item gives, at least and at most, and what stands in its place after a review."""
    at = {name: f"{letter}{row}" for name, letter in CARD.items()}
    is_scored = score["kind"] == "scored"

    def formula(name: str, text: str, comes_to: Value, look: str = "aside") -> None:
        year.book.formula(sheet, row, column_of(CARD[name]), text, comes_to, look)

    is_adjusted = score["approved_by"] is not None or score["adjustment_reason"] is not None
    given = _over(year, "COUNTIFS", row, "adjusted", '">=0"')
    corrected = f'IF({given}=0,"",{_over(year, "SUMIFS", row, "adjusted")})'
    formula("adjusted", corrected, score["points"] if is_adjusted else None)
    full = at["standard"] if is_scored else "0"
    worst, best = (_over(year, "SUMIFS", row, each) for each in ("most", "least"))
    for name, losing, value in (
        ("points", at["loss"], score["points"]),
        ("low", worst, score["points_low"]),
        ("high", best, score["points_high"]),
    ):
        left = f"INT(100*({full}-{losing})+0.5+1E-11)/100"
        left = f"MAX(0,MIN({full},{left}))" if is_scored else f"MAX(0,{left})"
        if name == "points":
            left = f'IF({at["missing"]}>0,"{word("pending")}",{left})'
        text = f'IF({at["adjusted"]}<>"",{at["adjusted"]},{left})'
        formula(name, text, or_pending(value), "points" if name == "points" else "aside")
    if is_scored:
        lost = None if score["points"] is None else score["available"] - score["points"]
        text = f'IF(ISNUMBER({at["points"]}),ROUND({at["standard"]}-{at["points"]},2),"")'
        formula("lost", text, lost, "points")
    else:
        year.book.put(sheet, row, column_of(CARD["lost"]), None, "points")
    judged = word("judged" if all(term["kind"] in ("judged", "bonus") for term in terms) else "scored")
    unused = _over(year, "COUNTIFS", row, "status", f'"{word("not_applicable")}"')
    status = (
        f'IF({at["adjusted"]}<>"","{judged}",IF({at["missing"]}>0,"{word("missing")}",'
        f'IF({unused}={len(terms)},"{word("not_applicable")}","{judged}")))'
    )
    formula("status", status, word(score["status"]))


def _write_bar(year: Year, sheet: Any, row: int, term: Row, score: Row) -> None:
    """The best grade an unmet condition leaves, at the low end (an unknown one may yet bar it) and the high end."""
    places = [band["grade"] for band in year.bands]
    barred = places.index(term["bars_grade"]) + 2 if term["bars_grade"] else 1
    rule = f"{RULES_SHEET}!${RULE['bars']}${year.rule_row[term['term']]}"
    reached = f"{CARD['points']}{row}"
    for name, test, value in (
        ("low", f'{reached}="{word("reached")}"', 1 if score["is_met"] else barred),
        ("high", f'{reached}<>"{word("not_reached")}"', barred if score["is_met"] is False else 1),
    ):
        best = f'IF(OR({rule}="",{test}),1,MATCH({rule},{year.grades},0)+1)'
        year.book.formula(sheet, row, column_of(CARD[name]), best, value, "aside")


def _over(year: Year, function: str, row: int, name: str, criterion: str = "") -> str:
    """SUMIFS or COUNTIFS of a column of 数据 over the rows of this town and item."""
    last = DATA_FIRST + len(year.towns) * len(year.terms) - 1

    def column(of: str) -> str:
        return f"{DATA_SHEET}!${DATA[of]}${DATA_FIRST}:${DATA[of]}${last}"

    here = f"{column('town_no')},${CARD['low']}$2,{column('item_no')},$A{row}"
    return f"SUMIFS({column(name)},{here})" if function == "SUMIFS" else f"COUNTIFS({here},{column(name)},{criterion})"


def _requirement(year: Year, item: Row, terms: Sequence[Row]) -> str:
    options = {
        f"{each['interpretation']}={each['option']}": f"{each['question_zh']}：{each['option_zh']}"
        for each in year.interpretations
    }
    bites = dict.fromkeys(part for term in terms for part in (term["interpretations"] or "").split("; ") if part)
    return "\n".join([item["requirement_zh"], *(f"【口径】{options[each]}" for each in bites)])


def _write_area_sum(year: Year, sheet: Any, line: Line, town: Row) -> None:
    score = year.area_scores[town["town_id"], line.area["area"]]
    rows = [each.row for each in year.lines if each.kind == "item" and each.area is line.area]
    waiting = _waiting(rows[0], rows[-1], ["scored"])
    _write_sum(year, sheet, line.row, (rows[0], rows[-1]), "subtotal", waiting, score, line.area["points"])


def _write_sum(
    year: Year, sheet: Any, row: int, rows: tuple[int, int], key: str, waiting: str, score: Row, points: Decimal
) -> None:
    """A line that adds up the scored items in a range of rows, unless any of those ``waiting`` counts is open."""
    first, last = rows

    def over(name: str) -> str:
        return _added(name, first, last, "scored")

    left = score["points"]
    lost = None if left is None else points - left
    for column in range(1, 7):
        year.book.put(sheet, row, column, both(f"workbook_{key}") if column == 2 else None, "sum")
    at = {name: f"{letter}{row}" for name, letter in CARD.items()}
    told: tuple[tuple[str, str, Value, str], ...] = (
        ("standard", over("standard"), points, "sum"),
        ("points", f'IF({waiting}>0,"{word("pending")}",{over("points")})',
         or_pending(left), "sum"),
        ("lost", f'IF(ISNUMBER({at["points"]}),ROUND({at["standard"]}-{at["points"]},2),"")', lost, "sum"),
        ("low", over("low"), score["points_low"], "aside"),
        ("high", over("high"), score["points_high"], "aside"),
        ("missing", waiting, score["missing_items"], "aside"),
    )  # fmt: skip
    for name, text, value, look in told:
        year.book.formula(sheet, row, column_of(CARD[name]), text, value, look)


def _added(name: str, first: int, last: int, kind: str) -> str:
    """The sum of a column over the items of a kind in a range of rows."""
    letter, among = CARD[name], CARD["class"]
    return f'ROUND(SUMIFS({letter}{first}:{letter}{last},{among}{first}:{among}{last},"{word(f"class_{kind}")}"),2)'


def _waiting(first: int, last: int, kinds: Sequence[str]) -> str:
    """How many items of the kinds given have no points yet."""
    kind, points = (f"${CARD[name]}${first}:${CARD[name]}${last}" for name in ("class", "points"))
    return "+".join(f'COUNTIFS({kind},"{word(f"class_{each}")}",{points},"{word("pending")}")' for each in kinds)


def _write_result(year: Year, sheet: Any, number: int, town: Row) -> None:
    """合计, 加分, 总分, 等次 and 排名, and where to sign."""
    first, last = CARD_FIRST, year.lines[-1].row
    scores = [year.item_scores[town["town_id"], item["item"]] for item in year.items]
    low, high = (
        {kind: sum((s[end] for s in scores if s["kind"] == kind), Decimal(0)) for kind in ("scored", "bonus")}
        for end in ("points_low", "points_high")
    )
    pending, book = word("pending"), year.book
    # No total, and no sum of items, while any item that counts is open: a bonus is one.
    waiting = _waiting(first, last, ["scored", "bonus"])
    whole = {"points": town["points"], "points_low": low["scored"], "points_high": high["scored"],
             "missing_items": town["missing_items"]}  # fmt: skip
    _write_sum(year, sheet, year.sum_row, (first, last), "sum", waiting, whole, Decimal(100))
    summed, bonus, total, grade, rank = year.sum_row, year.bonus_row, year.total_row, year.grade_row, year.rank_row
    for row, key in ((bonus, "bonus"), (total, "total"), (grade, "grade"), (rank, "rank")):
        for column in range(1, 7):
            look = "sum" if row == bonus else "result"
            book.put(sheet, row, column, both(f"workbook_{key}") if column == 2 else None, look)

    def formula(row: int, name: str, text: str, value: Value, look: str = "aside") -> None:
        book.formula(sheet, row, column_of(CARD[name]), text, value, look)

    no_bonus = _waiting(first, last, ["bonus"])
    open_bonus = any(s["kind"] == "bonus" and s["status"] == "missing" for s in scores)
    for name, value in (("points", high["bonus"]), ("low", low["bonus"]), ("high", high["bonus"])):
        added = _added(name, first, last, "bonus")
        if name == "points":
            formula(bonus, name, f'IF({no_bonus}>0,"{pending}",{added})', pending if open_bonus else value, "sum")
        else:
            formula(bonus, name, added, value)
    cap, gap, full = f"{RULES_SHEET}!$B$5", f"{RULES_SHEET}!$C$5", f"{RULES_SHEET}!$A$5"
    for name, value in (("low", town["total_low"]), ("high", town["total_high"])):
        points, with_bonus = f"{CARD[name]}{summed}", f"ROUND({CARD[name]}{summed}+{CARD[name]}{bonus},2)"
        text = (
            f'IF({cap}="{word("excluded")}",{points},'
            f'IF({cap}="{word("uncapped")}",{with_bonus},MIN({with_bonus},{full})))'
        )
        formula(total, name, text, value)
    is_final = town["status"] == "final"
    formula(total, "points", f'IF({CARD["missing"]}{summed}>0,"{pending}",{CARD["high"]}{total})',
            town["total"] if is_final else pending, "result")  # fmt: skip
    places = [band["grade"] for band in year.bands]
    bars = [line.row for line in year.lines if line.item.get("kind") == "condition"]
    # What is graded stands beside the total, the place among the grades beside the grade.
    for name, beside in (("low", "loss"), ("high", "missing")):
        end = f"{CARD[name]}{total}"
        value = town[f"total_{name}"]
        is_rounded = year.edition["grade_gap"] == "half_up"
        formula(total, beside, f'IF({gap}="{word("gap_half_up")}",INT({end}+0.5),{end})',
                int(value + Decimal("0.5")) if is_rounded else value)  # fmt: skip
        place = _place(year, f"{CARD[beside]}{total}")
        place = f"MAX({','.join([place, *(f'{CARD[name]}{row}' for row in bars)])})"
        formula(grade, beside, place, places.index(town[f"grade_{name}"]) + 1)
        formula(grade, name, f"INDEX({year.grades},{CARD[beside]}{grade})", town[f"grade_{name}"])
    same = f"{CARD['loss']}{grade}={CARD['missing']}{grade}"
    formula(grade, "points", f'IF({same},{CARD["low"]}{grade},"{pending}")', town["grade"] or pending, "result")
    there = f"{SUMMARY_SHEET}!${year.summary_columns['rank']}${SUMMARY_FIRST + number - 1}"
    formula(rank, "points", f'IF(ISNUMBER({there}),{there},"{pending}")',
            or_pending(town["rank"]), "result_count")  # fmt: skip
    book.put(sheet, year.rank_row + 2, 1, label("workbook_signed", "zh"), "line")


def _place(year: Year, total: str) -> str:
    """Which band, counted from the best, a total lies in."""
    text = str(len(year.bands))
    for number, band in reversed(list(enumerate(year.bands[:-1], start=1))):
        limits = [
            f"{total}{sign}{RULES_SHEET}!${letter}${FIRST_BAND + number - 1}"
            for letter, limit, sign in (("B", "at_least", ">="), ("C", "above", ">"), ("D", "at_most", "<="),
                                        ("E", "below", "<"))
            if band[limit] is not None
        ]  # fmt: skip
        text = f"IF(AND({','.join(limits)}),{number},{text})"
    return text


def _short_number(number: Decimal) -> str:
    """100 for 100.00, 0.5 for 0.50."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
