"""数据: what was reported or judged, one row a town and term, and what the term takes."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from openpyxl.formatting.rule import FormulaRule
from openpyxl.utils import column_index_from_string as column_of
from openpyxl.worksheet.datavalidation import DataValidation

from pipelines.labels import both, label
from pipelines.publish.book import AMBER, RED, choose
from pipelines.report.workbook.rules import steps
from pipelines.report.workbook.year import DATA, DATA_FIRST, RULE, RULES_SHEET, Row, Year, word

_INPUTS = ("numerator", "denominator", "score_sum", "assessors", "withheld", "adjusted", "adjustment_withheld")
#: Stands where a term has no use for an input.
_UNUSED = object()


def write_data(year: Year, sheet: Any) -> None:
    """Every term of every town, with the inputs that may be changed and what the term takes."""
    year.put_title(sheet, both("workbook_data"), both("workbook_data_told"))
    year.put_heads(sheet, DATA_FIRST - 1, list(DATA))
    row = DATA_FIRST
    for number, town in enumerate(year.towns, start=1):
        for term in year.terms:
            _write_term(year, sheet, row, number, town, term)
            row += 1
    last = row - 1
    sheet.freeze_panes = f"{DATA['kind']}{DATA_FIRST}"
    sheet.auto_filter.ref = f"A{DATA_FIRST - 1}:{DATA['source']}{last}"
    for name, kind, least in (
        ("numerator", "decimal", 0), ("denominator", "decimal", 0), ("score_sum", "decimal", 0),
        ("assessors", "whole", 0), ("adjusted", "decimal", 0),
    ):  # fmt: skip
        limit = DataValidation(type=kind, operator="greaterThanOrEqual", formula1=str(least), allow_blank=True)
        limit.error = label("workbook_not_negative", "zh")
        limit.add(f"{DATA[name]}{DATA_FIRST}:{DATA[name]}{last}")
        sheet.add_data_validation(limit)
    for name in ("withheld", "adjustment_withheld"):
        choose(sheet, f"{DATA[name]}{DATA_FIRST}:{DATA[name]}{last}", ["1"])
    status = DATA["status"]
    whole = f"A{DATA_FIRST}:{DATA['source']}{last}"
    missing = f'${status}{DATA_FIRST}="{word("missing")}"'
    sheet.conditional_formatting.add(whole, FormulaRule(formula=[missing], fill=AMBER))
    lost = f"{DATA['loss']}{DATA_FIRST}:{DATA['loss']}{last}"
    losing = f"N({DATA['loss']}{DATA_FIRST})>0"
    sheet.conditional_formatting.add(lost, FormulaRule(formula=[losing], font=RED))
    for name, width in {"town_no": 6, "town_id": 9, "town": 14, "item_no": 6, "item": 7, "term": 9, "figure": 22,
                        "kind": 9, "numerator": 13, "denominator": 13, "whole_n": 12, "whole_d": 12,
                        "loss": 11, "least": 11, "most": 11, "source": 44}.items():  # fmt: skip
        sheet.column_dimensions[DATA[name]].width = width
    for name in ("whole_n", "whole_d"):
        sheet.column_dimensions[DATA[name]].hidden = True
    year.set_print(sheet, f"{DATA_FIRST - 1}:{DATA_FIRST - 1}")


def _write_term(year: Year, sheet: Any, row: int, number: int, town: Row, term: Row) -> None:
    score = year.term_scores[town["town_id"], term["term"]]
    item = year.item_scores[town["town_id"], term["item"]]
    put, formula = year.book.put, year.book.formula
    told = (number, town["town_id"], town["town_name"], term["position"], term["item"], term["term"],
            term["title_zh"], word(f"kind_{term['kind']}"))  # fmt: skip
    for column, value in enumerate(told, start=1):
        put(sheet, row, column, value, "entry" if column in (3, 7) else "center")
    for name, value in _inputs(year, term, score, item).items():
        unused = value is _UNUSED
        put(sheet, row, column_of(DATA[name]), None if unused else value, "center" if unused else "input")
    is_figure = term["indicator"] is not None
    if is_figure:
        whole = _whole(score)
        for name, own, value in zip(("whole_n", "whole_d"), ("numerator", "denominator"), whole, strict=True):
            parts = ",".join(f"ROUND({DATA[each]}{row}*100,0)" for each in ("numerator", "denominator"))
            blank = f'OR({DATA["numerator"]}{row}="",{DATA["denominator"]}{row}="")'
            lowest = f'IF({blank},"",ROUND({DATA[own]}{row}*100,0)/MAX(GCD({parts}),1))'
            formula(sheet, row, column_of(DATA[name]), lowest, value, "aside")
    is_missing = score["status"] == "missing"
    loss = None if is_missing else Fraction(int(score["loss_numerator"]), int(score["loss_denominator"]))
    worst = Fraction(term["worst_loss_n"], term["worst_loss_d"])
    bonus = term["kind"] == "bonus"
    at = _places(year, row, term)
    formula(sheet, row, column_of(DATA["status"]), _status(at, term), word(score["status"]), "center")
    if is_figure:
        met = _met_word(term, score)
        formula(sheet, row, column_of(DATA["met"]), _met(at, term), met, "center")
    if term["kind"] == "shortfall":
        formula(sheet, row, column_of(DATA["steps"]), _short(at, term), score["steps"], "center")
    formula(sheet, row, column_of(DATA["loss"]), _loss(year, at, term), loss, "loss")
    formula(
        sheet, row, column_of(DATA["least"]), f'IF({at["loss"]}="",{-100 if bonus else 0},{at["loss"]})',
        (Fraction(-100) if bonus else Fraction(0)) if loss is None else loss, "aside_loss",
    )  # fmt: skip
    formula(
        sheet, row, column_of(DATA["most"]), f'IF({at["loss"]}="",{at["worst"]},{at["loss"]})',
        worst if loss is None else loss, "aside_loss",
    )  # fmt: skip
    source = " ".join(part for part in (score["source_file"], score["source_sheet"]) if part)
    place = f"{source} : {score['source_row']}" if source and score["source_row"] is not None else source
    put(sheet, row, column_of(DATA["source"]), place, "aside_text")
    for name in ("met", "steps", "whole_n", "whole_d"):
        if sheet.cell(row, column_of(DATA[name])).value is None:
            put(sheet, row, column_of(DATA[name]), None, "center")


def _inputs(year: Year, term: Row, score: Row, item: Row) -> Row:
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
        terms = [each for each in year.terms if each["item"] == term["item"]]
        missing = any(year.term_scores[item["town_id"], each["term"]]["status"] == "missing" for each in terms)
        is_open = item["status"] == "missing" and not missing
        inputs["adjustment_withheld"] = 1 if is_open else None
    return inputs


def _places(year: Year, row: int, term: Row) -> dict[str, str]:
    """Where the formulas of a row look: its own columns, and the row of its rule."""
    rule = year.rule_row[term["term"]]
    rules = {name: f"{RULES_SHEET}!${letter}${rule}" for name, letter in RULE.items() if name not in DATA}
    points = {"worst": rules["worst"], "zero": f"{RULES_SHEET}!${RULE['zero_denominator']}${rule}"}
    own = {name: f"${letter}{row}" for name, letter in DATA.items()}
    return rules | own | points


def _whole(score: Row) -> tuple[int | None, int | None]:
    if score["numerator"] is None or score["denominator"] is None:
        return None, None
    n, d = int(score["numerator"] * 100), int(score["denominator"] * 100)
    divisor = max(math.gcd(n, d), 1)
    return n // divisor, d // divisor


def _status(at: Row, term: Row) -> str:
    missing, judged, scored, nothing = (f'"{word(each)}"' for each in ("missing", "judged", "scored", "not_applicable"))
    if term["kind"] == "judged":
        return f"IF(N({at['assessors']})>0,{judged},{missing})"
    if term["kind"] == "bonus":
        return f"IF(N({at['assessors']})>0,{judged},IF(N({at['withheld']})>0,{missing},{nothing}))"
    return (
        f'IF({at["whole_d"]}="",{missing},IF({at["whole_d"]}>0,{scored},'
        f'IF({at["zero"]}="{word("zero_missing")}",{missing},'
        f'IF({at["zero"]}="{word("zero_not_applicable")}",{nothing},{scored}))))'
    )


def _met_word(term: Row, score: Row) -> str | None:
    if score["is_met"] is None or score["status"] == "missing":
        return None
    if score["status"] == "not_applicable" and term["kind"] != "condition":
        return None
    return word("yes" if score["is_met"] else "not")


def _met(at: Row, term: Row) -> str:
    yes, no = f'"{word("yes")}"', f'"{word("not")}"'
    reached = '""'
    if term["target_n"] is not None:
        sign = "<=" if term["direction"] == "at_most" else ">="
        target = f"ROUND({at['target']}*{at['scale']},0)*{at['whole_d']}"
        reached = f"IF({at['whole_n']}*{at['scale']}{sign}{target},{yes},{no})"
    blank = f'{at["status"]}="{word("missing")}"'
    if term["kind"] != "condition":
        blank = f'OR({blank},{at["status"]}="{word("not_applicable")}")'
    return f'IF({blank},"",IF({at["whole_d"]}=0,IF({at["zero"]}="{word("zero_full")}",{yes},{no}),{reached}))'


def _short(at: Row, term: Row) -> str:
    """Steps short of the target, counted on whole numbers."""
    target = f"ROUND({at['target']}*{at['scale']},0)*{at['whole_d']}"
    figure = f"{at['whole_n']}*{at['scale']}"
    short = f"({figure}-{target})" if term["direction"] == "at_most" else f"({target}-{figure})"
    step = f"(ROUND({at['step']}*{at['scale']},0)*{at['whole_d']})"
    counted = steps(short, step, at["part_step"])
    return (
        f'IF(OR({at["status"]}<>"{word("scored")}",N({at["whole_d"]})=0),"",'
        f'IF({at["met"]}="{word("yes")}",0,{counted}))'
    )


def _loss(year: Year, at: Row, term: Row) -> str:
    """What the term takes."""
    missing, nothing = f'{at["status"]}="{word("missing")}"', f'{at["status"]}="{word("not_applicable")}"'
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
            for row in reversed(year.tier_rows[term["term"]]):
                floor = f"ROUND({RULES_SHEET}!$C${row}*{at['scale']},0)*{at['whole_d']}"
                reached = f"{at['whole_n']}*{at['scale']}>={floor}"
                taken = f"IF({reached},{at['points']}-{RULES_SHEET}!$D${row},{taken})"
        case "flag":
            taken = at["points"]
        case "proportion":
            part = f"{target}/({figure})" if term["direction"] == "at_most" else f"({figure})/{target}"
            taken = f'IF({at["below_target"]}="{word("nothing")}",{at["points"]},{at["points"]}*(1-{part}))'
        case unknown:
            raise ValueError(f"no formula says what a term of kind {unknown} takes")
    return (
        f'IF({missing},"",IF(OR({nothing},{at["met"]}="{word("yes")}"),0,IF({at["whole_d"]}=0,{at["worst"]},{taken})))'
    )
