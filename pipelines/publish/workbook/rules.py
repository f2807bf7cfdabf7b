"""规则: the parameters of the rubric, one row a term."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from openpyxl.utils import column_index_from_string as column_of

from pipelines.labels import both
from pipelines.publish.book import choose
from pipelines.publish.workbook.year import FIRST_BAND, RULE, Row, Year, word


def write_rules(year: Year, sheet: Any) -> None:
    """What is open to a choice in the total, the grades, a row a term, and the tiers of those that have some."""
    put = year.book.put
    year.put_title(sheet, both("workbook_rules"), both("workbook_rules_told"))
    year.put_heads(sheet, 4, ("full", "bonus_cap", "grade_gap"))
    put(sheet, 5, 1, Decimal(100), "input")
    put(sheet, 5, 2, word(year.edition["bonus_cap"]), "input")
    put(sheet, 5, 3, word(f"gap_{year.edition['grade_gap']}"), "input")
    choose(sheet, "B5", [word(each) for each in ("capped_100", "uncapped", "excluded")])
    choose(sheet, "C5", [word(each) for each in ("gap_none", "gap_half_up")])
    year.put_heads(sheet, FIRST_BAND - 1, ("band", "at_least", "above", "at_most", "below"))
    for row, band in enumerate(year.bands, start=FIRST_BAND):
        put(sheet, row, 1, band["grade"], "center")
        for column, limit in enumerate(("at_least", "above", "at_most", "below"), start=2):
            put(sheet, row, column, band[limit], "input" if band[limit] is not None else "center")
    year.put_heads(sheet, year.rules_head, list(RULE))
    for term in year.terms:
        _write_rule(year, sheet, year.rule_row[term["term"]], term)
    first, last = year.rules_head + 1, year.rules_head + len(year.terms)
    for name, words in (
        ("part_step", ("whole", "started", "pro_rata")),
        ("below_target", ("linear", "nothing")),
        ("zero_denominator", ("zero_missing", "zero_not_applicable", "zero_full", "zero_failed")),
    ):
        choose(sheet, f"{RULE[name]}{first}:{RULE[name]}{last}", [word(each) for each in words])
    if year.tiers:
        year.put_heads(sheet, year.tiers_head, ("item", "term", "tier_at_least", "tier_points"))
    for name, tiers in year.tiers.items():
        for row, tier in zip(year.tier_rows[name], tiers, strict=True):
            put(sheet, row, 1, tier["item"], "center")
            put(sheet, row, 2, name, "center")
            _exact(year, sheet, row, 3, tier, "at_least", "input_percent")
            _exact(year, sheet, row, 4, tier, "points", "input")
    widths = {"item": 9, "term": 12, "item_title": 20, "figure": 20, "kind": 9, "direction": 7, "part_step": 12}
    for name, width in (widths | {"below_target": 10, "zero_denominator": 12, "clause": 12}).items():
        sheet.column_dimensions[RULE[name]].width = width
    below = year.tiers_head + 1 + sum(map(len, year.tiers.values()))
    for row in (4, 5, FIRST_BAND - 1, *range(first, below)):
        year.book.fit(sheet, row)
    sheet.auto_filter.ref = f"A{year.rules_head}:{RULE['clause']}{last}"
    year.set_print(sheet, f"{year.rules_head}:{year.rules_head}")


def _write_rule(year: Year, sheet: Any, row: int, term: Row) -> None:
    def put(name: str, value: Any, look: str = "center") -> None:
        year.book.put(sheet, row, column_of(RULE[name]), value, "center" if value is None else look)

    for name in RULE:
        put(name, None)
    is_percent = term["unit"] == "percent"
    put("item", term["item"])
    put("term", term["term"])
    put("item_title", term["item_title"], "text")
    put("figure", term["title_zh"], "text")
    put("kind", word(f"kind_{term['kind']}"))
    put("direction", {"at_least": "≥", "at_most": "≤"}.get(term["direction"] or ""))
    for name in ("target", "step", "cliff"):
        look = "input_percent" if is_percent else "input"
        _exact(year, sheet, row, column_of(RULE[name]), term, name, look)
    _exact(year, sheet, row, column_of(RULE["loss_per_step"]), term, "loss_per_step", "input")
    put("points", term["points"] or None, "input")
    for name, key in (("part_step", "{}"), ("below_target", "{}"), ("zero_denominator", "zero_{}")):
        put(name, term[name] and word(key.format(term[name])), "input")
    put("bars", term["bars_grade"])
    put("clause", term["clause"])
    if term["indicator"]:
        fine = math.lcm(*(int(term[f"{name}_d"] or 1) for name in ("target", "step", "cliff")))
        fine = math.lcm(fine, 100, *(int(tier["at_least_d"]) for tier in year.tiers.get(term["term"], ())))
        given = [f"{RULE[name]}{row}" for name in ("target", "step", "cliff") if term[f"{name}_n"] is not None]
        given += [f"C{tier}" for tier in year.tier_rows.get(term["term"], ())]
        whole = ",".join(f"ABS({at}*{fine}-ROUND({at}*{fine},0))<1E-7" for at in given)
        year.book.formula(
            sheet, row, column_of(RULE["scale"]), f"IF(AND({whole}),{fine},{fine * 10000})", fine, "aside"
        )
    worst = Fraction(term["worst_loss_n"], term["worst_loss_d"])
    year.book.formula(sheet, row, column_of(RULE["worst"]), _worst(year, row, term), worst, "aside_loss")


def _exact(year: Year, sheet: Any, row: int, column: int, rule: Row, name: str, look: str) -> None:
    """A number of a rule as it is, or as a quotient where no decimal is exact; nothing where the rule has none."""
    numerator, denominator = rule[f"{name}_n"], rule[f"{name}_d"]
    if numerator is None:
        return
    number = Fraction(numerator, denominator)
    if 10**12 % number.denominator:
        year.book.formula(sheet, row, column, f"{numerator}/{denominator}", number, look)
    else:
        year.book.put(sheet, row, column, Decimal(number.numerator) / Decimal(number.denominator), look)


def _worst(year: Year, row: int, term: Row) -> str:
    """What the term takes at the worst figure there can be."""
    at = {name: f"{letter}{row}" for name, letter in RULE.items()}
    match term["kind"]:
        case "shortfall" if term["direction"] == "at_most" or term["cliff_n"] is not None:
            return at["points"]
        case "shortfall":
            target, step = (f"ROUND({at[name]}*{at['scale']},0)" for name in ("target", "step"))
            lost = f"{steps(target, step, at['part_step'])}*{at['loss_per_step']}"
            return lost if term["cap_n"] is None else f"MIN({at['points']},{lost})"
        case "tiers":
            rows = year.tier_rows[term["term"]]
            return f"{at['points']}-MIN(D{rows[0]}:D{rows[-1]})"
        case "proportion" | "flag" | "judged":
            return at["points"]
        case _:
            return "0"


def steps(short: str, step: str, policy: str) -> str:
    """Steps in ``short``, both whole numbers, under the part-step policy in a cell."""
    return (
        f'IF({policy}="{word("whole")}",QUOTIENT({short},{step}),'
        f'IF({policy}="{word("started")}",QUOTIENT({short}+{step}-1,{step}),({short})/({step})))'
    )
