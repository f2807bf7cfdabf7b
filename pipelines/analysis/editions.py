"""Two editions of the rubric side by side, in words; and the published years under an edition not yet signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipelines import rescoring, rubric
from pipelines.labels import Language, label
from pipelines.rubric import as_text, term_in_words


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in two editions.

    Attributes:
        about: item, interpretation, grade, totals, indicator or document.
        name: which one.
        what: what of it differs (a key of the table of labels without its ``rule_``), or added or removed.
        before, after: how it was and how it is, by language; empty where there is none.
    """

    about: str
    name: str
    what: str
    before: Mapping[str, str]
    after: Mapping[str, str]


def differences(before: rubric.Edition, after: rubric.Edition) -> list[Difference]:
    """What changes from one edition to the other, in the order of the document; empty where nothing does."""
    described = [_described(edition) for edition in (before, after)]
    found: list[Difference] = []
    for about in described[0]:
        was, will = described[0][about], described[1][about]
        for name in [*will, *(name for name in was if name not in will)]:
            found += _between(about, name, was.get(name), will.get(name))
    return found


#: How many facets of an entry say enough of it where it is added or removed as a whole.
_SHOWN = 3

#: What an entry says: facet → words by language.
_Facets = dict[str, dict[str, str]]


def _between(about: str, name: str, was: _Facets | None, will: _Facets | None) -> Iterator[Difference]:
    if was is None or will is None:
        told = {
            language: "；".join(facet[language] for facet in list((was or will or {}).values())[:_SHOWN])
            for language in ("zh", "en")
        }
        yield Difference(about, name, "added" if was is None else "removed", told if was else {}, told if will else {})
        return
    for what in dict.fromkeys((*was, *will)):
        if was.get(what) != will.get(what):
            yield Difference(about, name, what, was.get(what, {}), will.get(what, {}))


def _described(edition: rubric.Edition) -> dict[str, dict[str, _Facets]]:
    """Every entry of the edition in words: about → name → facet → words by language."""
    head = edition.head
    items: dict[str, _Facets] = {}
    for area in edition.areas:
        for section in area.sections:
            for item in section.items:
                place = f"{area.area} / {section.section}"
                items[item.item] = {
                    "title": _text(item.title),
                    "points": _same(as_text(item.points)),
                    "terms": {"zh": _terms(edition, item, "zh"), "en": _terms(edition, item, "en")},
                    "kind": _labelled(f"rule_kind_{item.kind}"),
                    "basis": _labelled(f"rule_basis_{item.basis}"),
                    "bars": _same(_as_written(item.bars)),
                    "clause": _same(item.clause),
                    "place": _same(place),
                    "shown": _same(", ".join(item.shown)),
                    "requirement": _text(item.requirement),
                }
    return {
        "document": {
            "": {
                "title": _text(head.document.title),
                "number": _same(f"{head.document.number}，{head.document.issued}"),
            }
        },
        "item": items,
        "interpretation": {each.interpretation: _reading(each) for each in head.interpretations},
        "grade": {
            band.grade: {"band": _same(_band(band)), "position": _same(str(n))}
            for n, band in enumerate(head.bands, start=1)
        },
        "totals": {name: {"value": _same(_as_written(each))} for name, each in head.totals.model_dump().items()},
        "indicator": {
            each.indicator: {
                "title": _text(each.title),
                "definition": _text(each.definition),
                "unit": _same(each.unit),
                "source": _same(each.source),
            }
            for each in edition.indicators
        },
    }


def _reading(each: rubric.Interpretation) -> _Facets:
    return {
        "question": _text(each.question),
        "default": _same(each.default),
        "options": {
            language: "；".join(f"{option.option}={getattr(option.title, language)}" for option in each.options)
            for language in ("zh", "en")
        },
    }


def _band(band: rubric.Band) -> str:
    signs = {"at_least": "≥", "above": ">", "at_most": "≤", "below": "<"}
    limits = [(sign, getattr(band, name)) for name, sign in signs.items()]
    return " ".join(f"{sign} {as_text(limit)}" for sign, limit in limits if limit is not None)


def _terms(edition: rubric.Edition, item: rubric.Item, lang: Language) -> str:
    """The item's terms in words; under each reading that bites on them, where one does."""
    indicators = {each.indicator: each for each in edition.indicators}
    bites = rubric.interpretations_in(item.terms)
    told = {}
    for chosen in rubric.all_scenarios(edition):
        reading = ", ".join(f"{key}={chosen.options[key]}" for key in sorted(bites))
        if reading not in told:
            terms = rubric.terms_of(item, chosen.options)
            told[reading] = "；".join(term_in_words(term, indicators, lang) for term in terms)
    return "；".join(f"[{reading}] {words}" if reading else words for reading, words in told.items())


def _text(text: rubric.Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def _same(told: str) -> dict[str, str]:
    return {"zh": told, "en": told}


def _labelled(key: str) -> dict[str, str]:
    return {"zh": label(key, "zh"), "en": label(key, "en")}


def _as_written(value: Any) -> str:
    """A value that may follow an interpretation, as the edition writes it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {each}" for key, each in value.items())
    return str(value or "")


@dataclass(frozen=True)
class Plan:
    """The published years under another edition or other readings.

    Attributes:
        grades: per year and grade, how many towns have it as published and how many would; undecided is empty.
        towns: per year and town whose grade would change: totals, grades, and by item how much more or less it loses,
            the largest first. A total or grade that is not certain, an item being missing, is empty beside its range.
        left_out: judgements and reviews that do not carry over to an item of the edition, with the number of them.
        without_figures: indicators the edition uses that the publication does not hold.
    """

    grades: list[dict[str, Any]]
    towns: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    without_figures: list[str]


def plan(publication: Path, edition: rubric.Edition, options: Mapping[str, str]) -> Plan:
    """What would become of ``publication`` (its folder) under ``edition`` with ``options``, the defaults elsewhere.

    KaoheError (usage) for a reading the edition does not have.
    """
    connection = rescoring.lay_out(publication, edition, [rubric.scenario(edition, options=options)])
    rescoring.score(connection)

    def rows(query: str) -> list[dict[str, Any]]:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    grades = rows("""
        SELECT year, grade, count(*) FILTER (is_published) AS published, count(*) FILTER (NOT is_published) AS planned
        FROM (
            SELECT year, coalesce(grade, '') AS grade, TRUE AS is_published FROM published.town_score
            UNION ALL
            SELECT year, coalesce(grade, ''), FALSE FROM town_score)
        LEFT JOIN rubric_band USING (grade)
        GROUP BY year, grade, position ORDER BY year, position NULLS LAST, grade""")
    towns = rows("""
        WITH moved AS (
            SELECT
                coalesce(will.item, was.item) AS item, year, town_id,
                coalesce(will.title_zh, was.title_zh) AS title_zh, coalesce(will.title_en, was.title_en) AS title_en,
                was.points AS points_before, will.points AS points_after,
                was.available AS available_before, will.available AS available_after,
                coalesce(was.available - was.points, 0) - coalesce(will.available - will.points, 0) AS change,
                was.item IS NULL AS is_new, will.item IS NULL AS is_removed
            FROM item_score AS will FULL JOIN published.item_score AS was USING (year, town_id, item)
            WHERE coalesce(will.kind, was.kind) <> 'condition'
                AND (will.points IS DISTINCT FROM was.points OR will.status IS DISTINCT FROM was.status)
        ),

        why AS (
            SELECT year, town_id, list(moved ORDER BY abs(change) DESC, item) AS items FROM moved GROUP BY year, town_id
        )

        SELECT year, town_id, was.town_name, was.total AS total_before, was.total_low AS low_before,
            was.total_high AS high_before, will.total AS total_after, will.total_low AS low_after,
            will.total_high AS high_after, was.grade AS grade_before, will.grade AS grade_after,
            will.grade_low AS grade_low_after, will.grade_high AS grade_high_after, coalesce(items, []) AS items
        FROM town_score AS will
        INNER JOIN published.town_score AS was USING (year, town_id)
        LEFT JOIN why USING (year, town_id)
        WHERE will.grade IS DISTINCT FROM was.grade
        ORDER BY year, was.total DESC NULLS LAST, town_id""")
    for town in towns:
        for item in town["items"]:
            del item["year"], item["town_id"]
    left_out = rows("""
        SELECT 'judgement' AS what, item, count(*) AS decisions
        FROM published.assessor_score
        SEMI JOIN (FROM rubric_term WHERE kind IN ('judged', 'bonus')) USING (item)
        ANTI JOIN assessor_score USING (item)
        GROUP BY item
        UNION ALL
        SELECT 'review', item, count(*)
        FROM published.adjustment SEMI JOIN rubric_item USING (item) ANTI JOIN adjustment USING (item)
        GROUP BY item
        ORDER BY ALL""")
    without = rows("""
        SELECT indicator FROM rubric_indicator ANTI JOIN published.indicator_value USING (indicator)
        ORDER BY indicator""")
    return Plan(grades, towns, left_out, [row["indicator"] for row in without])


def differences_in_words(found: list[Difference], lang: Language) -> str:
    """The differences as lines to read."""
    if not found:
        return label("rule_no_difference", lang)
    lines = []
    for each in found:
        name = " ".join(filter(None, (label(f"rule_about_{each.about}", lang), each.name)))
        before, after = each.before.get(lang, ""), each.after.get(lang, "")
        sign = {"added": "+", "removed": "-"}.get(each.what, "~")
        told = f"{before} → {after}" if sign == "~" else before + after
        lines.append(f"{sign} {name} · {label(f'rule_{each.what}', lang)}: {told}")
    return "\n".join(lines)


def plan_in_words(planned: Plan, lang: Language) -> str:
    """The plan as lines to read: how many towns of each grade, whose grade changes and which items do it."""
    lines = [label("plan_grades", lang)]
    for year in dict.fromkeys(row["year"] for row in planned.grades):
        told = [
            f"{_grade(row['grade'], lang)} {row['published']} → {row['planned']}"
            for row in planned.grades
            if row["year"] == year
        ]
        lines.append(f"  {year}  {'  '.join(told)}")
    for row in planned.left_out:
        lines.append(
            "※ " + label(f"plan_left_out_{row['what']}", lang).format(item=row["item"], count=row["decisions"])
        )
    if planned.without_figures:
        lines.append("※ " + label("plan_without_figures", lang).format(listed=", ".join(planned.without_figures)))
    heading = "plan_moves" if planned.towns else "plan_no_move"
    lines.append(label(heading, lang).format(count=len(planned.towns)))
    for town in planned.towns:
        before = _result(town["total_before"], town["low_before"], town["high_before"])
        after = _result(town["total_after"], town["low_after"], town["high_after"])
        grades = f"{_grade(town['grade_before'], lang)} → {_grade_after(town, lang)}"
        lines.append(f"  {town['year']} {town['town_name']}  {before} → {after}  {grades}")
        for item in town["items"][:_REASONS]:
            was = label("rule_added", lang) if item["is_new"] else _points(item, "before", lang)
            will = label("rule_removed", lang) if item["is_removed"] else _points(item, "after", lang)
            lines.append(f"      {item['item']} {item[f'title_{lang}']}  {was} → {will}  ({item['change']:+})")
    return "\n".join(lines)


#: How many of a town's items are told in words; the data has them all.
_REASONS = 3


def _result(total: Decimal | None, low: Decimal, high: Decimal) -> str:
    return f"{low}–{high}" if total is None else str(total)


def _points(item: Mapping[str, Any], when: str, lang: Language) -> str:
    points, available = item[f"points_{when}"], item[f"available_{when}"]
    return (label("plan_missing", lang) if points is None else str(points)) + (f"/{available}" if available else "")


def _grade_after(town: Mapping[str, Any], lang: Language) -> str:
    if town["grade_after"]:
        return _grade(town["grade_after"], lang)
    return f"{_grade(town['grade_low_after'], lang)}–{_grade(town['grade_high_after'], lang)}"


def _grade(grade: str | None, lang: Language) -> str:
    return label(f"grade_{grade or ''}", lang)
