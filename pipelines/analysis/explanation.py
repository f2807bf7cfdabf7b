"""Why a town has its score: from the grade down to the received row, read from what is published.

``explain`` gives it as data, ``in_words`` as lines to read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from pipelines.analysis.grades import bands_of, gap_in_words, gap_to_next, unmet_conditions
from pipelines.analysis.marts import Marts
from pipelines.analysis.words import grade_name
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, label
from pipelines.places import place

_Row = dict[str, Any]


def explain(marts: Marts, town: str, year: int, item: str = "") -> _Row:
    """The whole reasoning behind the result of ``town`` in ``year``; of one ``item`` where it is named.

    Returns a mapping: ``publication`` (run, edition, document), ``town`` (its row of town_score), ``grade`` (bands, how
    the total is made, what bars a grade, the gap to the next), ``areas``, and ``items``, each with its ``terms``: rule,
    figure, exact loss, readings in force, received rows. Points are decimals. KaoheError (usage) for a town, year or
    item there is not.
    """
    town_id = marts.town_id(town, year)
    scored = marts.rows("FROM town_score WHERE town_id = ? AND year = ?", [town_id, year])
    if not scored:
        raise KaoheError(Exit.USAGE, f"{town}: {year} 年未考核 not assessed in {year}")
    items = explained_items(marts, [town_id], [year], item)[town_id, year]
    if not items:
        raise KaoheError(Exit.USAGE, f"{item}: 细则中没有此条 the rubric has no such item")
    edition = marts.rows("FROM edition")[0]
    return {
        "publication": {
            "run_id": marts.manifest["run_id"],
            "is_synthetic": marts.is_synthetic,
            **edition,
        },
        "town": scored[0],
        "grade": _grade(marts, scored[0], edition),
        "areas": marts.rows(
            "SELECT * EXCLUDE (year, town_id) FROM area_score WHERE town_id = ? AND year = ? ORDER BY area",
            [town_id, year],
        ),
        "items": items,
    }


def _grade(marts: Marts, town: _Row, edition: _Row) -> _Row:
    """How the total came to its grade, and what a final result lacks to the next one."""
    bands = marts.rows("FROM grade_band ORDER BY position")
    key = town["town_id"], town["year"]
    unmet = unmet_conditions(marts.rows, [key[0]], [key[1]])
    gap = gap_to_next(town, bands_of(marts.rows), unmet[key]) if town["total"] is not None and town["grade"] else None
    barred = marts.rows(
        """SELECT DISTINCT item, title_zh, title_en, bars_grade, score.is_met
        FROM item_score AS score INNER JOIN (SELECT DISTINCT item, bars_grade FROM term_definition) USING (item)
        WHERE town_id = ? AND year = ? AND kind = 'condition' ORDER BY item""",
        [town["town_id"], town["year"]],
    )
    return {
        "grade": town["grade"],
        "bands": bands,
        "grade_gap": edition["grade_gap"],
        "bonus_cap": edition["bonus_cap"],
        "conditions": barred,
        "gap": gap,
    }


def explained_items(
    marts: Marts, towns: Sequence[str], years: Sequence[int], item: str = ""
) -> dict[tuple[str, int], list[_Row]]:
    """The items of ``towns`` in ``years`` as ``explain`` has them, by town and year; empty where there are none."""
    where = {"towns": list(towns), "years": list(years), "item": item}
    items = marts.rows(
        """SELECT town_id, year, definition.* EXCLUDE (shown_indicators),
            score.points, score.points_low, score.points_high, score.status, score.is_met,
            score.points_before_adjustment, score.adjustment_reason, score.approved_by, score.approved_on,
            score.explanation_zh, score.explanation_en
        FROM item_score AS score INNER JOIN item_definition AS definition USING (item)
        WHERE list_contains($towns, town_id) AND list_contains($years, year) AND ($item = '' OR item = $item)
        ORDER BY position""",
        where,
    )
    terms = marts.rows(
        """SELECT town_id, score.year, item, term, score.kind, rule_zh, rule_en, score.indicator,
            figure.title_zh AS indicator_zh, figure.title_en AS indicator_en, definition_zh, definition_en,
            figure.unit, score.numerator, score.denominator, score.value, score.target, score.direction, score.is_met,
            score.steps, score.loss, score.loss_numerator, score.loss_denominator, score.status,
            score.numerator_for_full, score.interpretations, score.correction,
            score.explanation_zh, score.explanation_en, score.source, score.source_file, score.source_sheet,
            score.source_row, score.source_rows, delivery.sha256, (
                SELECT list({'part': made_of.part, 'header': received.header, 'position': received.position}
                    ORDER BY made_of.part DESC, received.position)
                FROM indicator_column AS made_of INNER JOIN received_column AS received USING (source, field)
                WHERE made_of.indicator = score.indicator AND received.source_file = score.source_file
                    AND received.source_sheet = score.source_sheet
            ) AS columns,
            -- No row of the town in what was delivered: the files are the evidence of that.
            CASE WHEN score.source_file IS NULL AND score.status = 'scored' THEN (
                SELECT list(DISTINCT looked.source_file ORDER BY looked.source_file) FROM delivery AS looked
                WHERE looked.source = score.source AND looked.year = score.year
            ) END AS without_rows_in
        FROM term_score AS score
        INNER JOIN term_definition AS definition USING (item, term)
        LEFT JOIN indicator_definition AS figure ON score.indicator = figure.indicator
        LEFT JOIN delivery
            ON score.source_file = delivery.source_file
            AND coalesce(score.source_sheet, '') = coalesce(delivery.source_sheet, '')
        WHERE list_contains($towns, town_id) AND list_contains($years, score.year) AND ($item = '' OR item = $item)
        ORDER BY term_no""",
        where,
    )
    judgements = marts.rows(
        """SELECT town_id, year, item, assessor, score, reason, evidence, assessed_on, judged.source_file,
            judged.source_sheet, source_row, received.header, received.position
        FROM assessor_score AS judged
        LEFT JOIN received_column AS received
            ON judged.source_file = received.source_file AND judged.source_sheet = received.source_sheet
            AND received.field = 'score'
        WHERE list_contains($towns, town_id) AND list_contains($years, year) AND ($item = '' OR item = $item)
        ORDER BY assessor, source_file, source_row""",
        where,
    )
    readings = {
        (row["interpretation"], row["option"]): row
        for row in marts.rows("SELECT interpretation, option, question_zh, question_en, option_zh, option_en "
                              "FROM interpretation")
    }  # fmt: skip
    found: dict[tuple[str, int], list[_Row]] = defaultdict(list)
    of_item: dict[tuple[str, int, str], _Row] = {}
    for row in items:
        town, year = row.pop("town_id"), row.pop("year")
        of_item[town, year, row["item"]] = row | {"terms": [], "judgements": []}
        found[town, year].append(of_item[town, year, row["item"]])
    for term in terms:
        of_item[term.pop("town_id"), term.pop("year"), term.pop("item")]["terms"].append(_term(term, readings))
    for row in judgements:
        of_item[row.pop("town_id"), row.pop("year"), row.pop("item")]["judgements"].append(
            {
                **{key: value for key, value in row.items() if key not in ("header", "position")},
                "cells": [_cell(row, "score", row["header"], row["position"])],
            }
        )
    return found


def _term(term: _Row, readings: dict[tuple[str, str], _Row]) -> _Row:
    """The term with the readings it follows spelled out, and its received rows together."""
    followed = [tuple(each.split("=", 1)) for each in term["interpretations"].split("; ") if each]
    sources = ("source", "source_file", "source_sheet", "source_row", "source_rows", "sha256", "without_rows_in")
    cells = [_cell(term, column["part"], column["header"], column["position"]) for column in term["columns"] or ()]
    return {
        **{key: value for key, value in term.items() if key not in (*sources, "columns", "interpretations")},
        "interpretations": [readings[interpretation, option] for interpretation, option in followed],
        "received": {**{key: term[key] for key in sources}, "cells": cells},
    }


def _cell(row: _Row, part: str, header: str, position: int) -> _Row:
    """One cell the figure was read from, or the first of them: what it is part of, its column and its address."""
    return {"part": part, "header": header, "cell": place(row["source_file"], row["source_row"], position)}


# In words -------------------------------------------------------------------------------------------------------------


def in_words(explained: _Row, lang: Language, whole: bool) -> str:
    """The explanation as lines; items that lost nothing in one line each, unless ``whole``."""
    return "\n".join(_lines(explained, lang, whole))


def _lines(explained: _Row, lang: Language, whole: bool) -> Iterator[str]:
    town, publication, grade = explained["town"], explained["publication"], explained["grade"]

    def say(key: str, **filled: Any) -> str:
        return label(f"explain_{key}", lang).format(**filled)

    total = _range(town["total"], town["total_low"], town["total_high"])
    rank = say("rank", rank=town["rank"]) if town["rank"] else ""
    yield f"{town['town_name']}  {town['year']}  {grade_name(town['grade'], lang)}  {total}  {rank}".rstrip()
    if publication["is_synthetic"]:
        yield f"※ {label('synthetic', lang)}"
    title = publication[f"document_{lang}"]
    yield say("document", title=title, number=publication["number"], run=publication["run_id"])
    yield say("bands", bands="  ".join(f"{grade_name(band['grade'], lang)} {_band(band)}" for band in grade["bands"]))
    yield say("total", points=_range(town["points"], town["total_low"], town["total_high"]), bonus=town["bonus"])
    yield f"  {say('bonus_cap_' + grade['bonus_cap'])}{say('gap_' + grade['grade_gap'])}"
    for condition in grade["conditions"]:
        met = label("explain_met" if condition["is_met"] else "explain_unmet", lang)
        met = label("explain_unknown", lang) if condition["is_met"] is None else met
        bars = say("bars", grade=grade_name(condition["bars_grade"], lang)) if condition["bars_grade"] else ""
        yield f"  {condition['item']} {condition[f'title_{lang}']}: {met}{bars}"
    if grade["gap"]:
        yield f"  {gap_in_words(grade['gap'], lang)}"
    area = None
    for item in explained["items"]:
        if item["area"] != area:
            area = item["area"]
            row = next(each for each in explained["areas"] if each["area"] == area)
            points = _range(row["points"], row["points_low"], row["points_high"])
            yield f"{area} {row[f'title_{lang}']}  {points}/{row['available']}"
        yield from _item_lines(item, lang, whole)


def _item_lines(item: _Row, lang: Language, whole: bool) -> Iterator[str]:
    points = _range(item["points"], item["points_low"], item["points_high"])
    available = f"/{item['available']}" if item["kind"] == "scored" else ""
    place = f"{item['item']} {item[f'title_{lang}']}"
    if item["kind"] == "condition":
        yield f"  {place}: {item[f'explanation_{lang}']}"
    else:
        yield f"  {place}  {points}{available}"
    yield from (f"      {label(f'explain_{key}', lang)}  {told}" for key, told in how(item, lang, whole))


def how(item: _Row, lang: Language, whole: bool = False) -> Iterator[tuple[str, str]]:
    """How an item of ``explain`` came to its points: what is told (clause, rule, happened, …) and in which words.

    Nothing of an item that lost nothing, unless ``whole``.
    """
    is_full = item["points"] is not None and item["points"] >= item["available"] and not item["adjustment_reason"]
    is_touched = any(term["correction"] for term in item["terms"])
    if is_full and not whole and item["kind"] != "bonus" and not is_touched:
        return
    yield "clause", f"{item['clause']}  {label('rule_basis_' + item['basis'], lang)}  {item[f'requirement_{lang}']}"
    if item["adjustment_reason"]:
        before = "" if item["points_before_adjustment"] is None else f" ← {item['points_before_adjustment']}"
        told = f"{item['points']}{before}  {item['adjustment_reason']}  {item['approved_by']} {item['approved_on']}"
        yield "adjustment", told
    for term in item["terms"]:
        yield "rule", term[f"rule_{lang}"]
        yield "happened", term[f"explanation_{lang}"]
        for reading in term["interpretations"]:
            asked = f"{reading[f'question_{lang}']}: {reading[f'option_{lang}']}"
            yield "reading", f"{asked} ({reading['interpretation']}={reading['option']})"
        if term["numerator_for_full"] is not None and term["loss"]:
            figure = f"{term[f'indicator_{lang}']} {_plain(term['numerator'])} → {term['numerator_for_full']}"
            yield "more", figure
        received = term["received"]
        if received["source_file"] and not item["judgements"]:
            yield "received", f"{_place(received, lang)}  sha256 {received['sha256'][:12]}"
        if received["without_rows_in"]:
            files = ", ".join(received["without_rows_in"])
            yield "received", label("explain_without_rows", lang).format(files=files)
    for judgement in item["judgements"]:
        told = "  ".join(
            str(judgement[key]) for key in ("assessor", "score", "reason", "evidence", "assessed_on") if judgement[key]
        )
        yield "judgement", f"{told}  {_place(judgement, lang)}"


def _place(row: _Row, lang: Language) -> str:
    sheet = f"‹{row['source_sheet']}› " if row["source_sheet"] else ""
    more = row.get("source_rows") or 1
    told = label("explain_row" if more == 1 else "explain_rows", lang).format(row=row["source_row"], count=more)
    # In a text file the row is all there is to name; in a workbook a cell has an address.
    named = "  ".join(
        f"{cell['header']} {cell['cell']}" if row["source_file"].endswith(".xlsx") else cell["header"]
        for cell in row["cells"]
        if cell["header"]
    )
    return f"{row['source_file']} {sheet}{told}{': ' if named else ''}{named}"


def _band(band: _Row) -> str:
    signs = {"at_least": "≥", "above": ">", "at_most": "≤", "below": "<"}
    return " ".join(f"{sign}{_plain(band[name])}" for name, sign in signs.items() if band[name] is not None)


def _range(points: Decimal | None, low: Decimal, high: Decimal) -> str:
    return f"{low}–{high}" if points is None else str(points)


def _plain(number: Decimal | None) -> str:
    return "—" if number is None else f"{number.normalize():f}"
