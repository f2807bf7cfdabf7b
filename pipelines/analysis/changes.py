"""Why a town's total changed between two years, or between two publications of one: parts that add up exactly.

Consecutive years are read from the mart ``change_part``, where it was computed. Any other pair is split by the same
models, on published figures and by the published rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import rescoring
from pipelines.analysis.marts import Marts, open_marts
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, label
from pipelines.publish.chain import STORE, read_chain
from pipelines.rescoring import EARLIER
from pipelines.sql_text import literal

if TYPE_CHECKING:
    import duckdb

_Row = dict[str, Any]

#: What may have moved a total, in the order it is told.
CAUSES = ("performance", "revision", "judgement", "adjustment", "coverage", "method", "register")


def open_earlier(marts_folder: Path, publication: str) -> Marts:
    """An earlier publication, given as its folder or by its run id (the newest of that run still kept).

    KaoheError (usage) where there is none.
    """
    if Path(publication).is_dir():
        return open_marts(publication)
    kept = {
        each.run_id: marts_folder / STORE / each.folder
        for each in read_chain(marts_folder)
        if (marts_folder / STORE / each.folder).is_dir()
    }
    found = [run_id for run_id in kept if run_id.startswith(publication)]
    if len(found) != 1:
        told = f"{publication}: 保留的发布中没有或不止一个，现有 none or more than one is kept; there are:"
        raise KaoheError(Exit.USAGE, f"{told} {' '.join(kept)}")
    return open_marts(kept[found[0]])


def parts(marts: Marts, before: int, after: int, earlier: Marts | None = None) -> duckdb.DuckDBPyConnection:
    """A connection whose table ``part`` holds the parts of every town's change from ``before`` to ``after``.

    Columns as in the mart ``change_part`` but the years: town_id, item, cause, part, indicator, points, points_low,
    points_high, before, after, explanation_zh, explanation_en. With ``earlier`` the total of ``before`` is the one
    published there. KaoheError (usage) for a year that was not assessed, or the same one twice.
    """
    for each, year in ((earlier or marts, before), (marts, before), (marts, after)):
        if year not in each.years:
            raise KaoheError(Exit.USAGE, f"{year}: {each.manifest['run_id']} 中未考核 not assessed in it")
    if before == after and earlier is None:
        raise KaoheError(
            Exit.USAGE, f"{before}: 同一年度须以 --before 给出较早的发布 the same year needs an earlier publication"
        )
    is_published = marts.has_analysis and after == before + 1
    return _parts(marts.folder, before, after, earlier.folder if earlier else None, is_published).cursor()


@lru_cache(maxsize=4)
def _parts(
    folder: Path, before: int, after: int, earlier: Path | None, is_published: bool
) -> duckdb.DuckDBPyConnection:
    import duckdb

    mart = folder / "change_part.parquet"
    if earlier is not None:
        connection = _between_publications(folder, before, after, earlier)
    elif is_published:
        connection = duckdb.connect()
        connection.execute(f"CREATE VIEW change_part AS FROM read_parquet({literal(mart)})")
    else:
        connection = rescoring.split_change(folder, [(after, before)], folder)
    if earlier is None:
        connection.execute(
            f"CREATE TABLE part AS SELECT * EXCLUDE (year, previous_year) FROM change_part WHERE year = {after}"
        )
    return connection


def _between_publications(folder: Path, before: int, after: int, earlier: Path) -> duckdb.DuckDBPyConnection:
    """First the year as published earlier against the same year now, then from that year to the other.

    Where the rules differ, the first step is the mean of two ways: figures first under the earlier rules, and rules
    first on the earlier figures. So it does not matter which is thought to come first.
    """
    steps = [(before, EARLIER)] + ([(after, before)] if after != before else [])
    connection = rescoring.split_change(folder, steps, folder, earlier)
    differ = connection.execute(_RULES_DIFFER).fetchall()[0][0]
    connection.execute(f"""
        CREATE TABLE leg AS
        SELECT * EXCLUDE (points), 2 AS halves FROM change_part WHERE year = {after} AND year <> {before}
        UNION ALL
        SELECT * EXCLUDE (points), {1 if differ else 2} FROM change_part WHERE year = {before}""")
    if differ:
        other = rescoring.split_change(folder, steps[:1], earlier, earlier)
        for table in ("change_part", "scored_item", "scored_town", "rubric_scenario"):
            connection.register(f"arrived_{table}", other.execute(f"FROM {table}").to_arrow_table())
        connection.execute(_OTHER_RULES)
    connection.execute(f"""
        CREATE TABLE part AS
        WITH named AS (
            SELECT leg.* REPLACE (
                if(remade.item IS NULL, cause, 'method') AS cause,
                if(remade.item IS NULL, part, 'rules') AS part,
                if(remade.item IS NULL, indicator, '') AS indicator,
                if(remade.item IS NULL, explanation_zh, '') AS explanation_zh,
                if(remade.item IS NULL, explanation_en, '') AS explanation_en)
            FROM leg LEFT JOIN {"remade" if differ else "(SELECT '' AS item WHERE FALSE) AS remade"} USING (item)
        ),

        summed AS (
            SELECT town_id, item, cause, part, indicator,
                cast(sum(points_low * halves) * 0.5 AS DECIMAL(12, 7)) AS points_low,
                cast(sum(points_high * halves) * 0.5 AS DECIMAL(12, 7)) AS points_high,
                arg_min(before, year) FILTER (part NOT IN ('rules', 'limit')) AS before,
                arg_max(after, year) FILTER (part NOT IN ('rules', 'limit')) AS after,
                string_agg(DISTINCT explanation_zh, '；') FILTER (explanation_zh <> '') AS explanation_zh,
                string_agg(DISTINCT explanation_en, '; ') FILTER (explanation_en <> '') AS explanation_en
            FROM named GROUP BY ALL
        )

        SELECT town_id, item, cause, part, indicator,
            CASE WHEN was.status = 'final' AND now.status = 'final' THEN points_low END AS points,
            points_low, points_high, before, after, explanation_zh, explanation_en
        FROM summed
        INNER JOIN (FROM earlier.town_score WHERE year = {before}) AS was USING (town_id)
        INNER JOIN (FROM published.town_score WHERE year = {before}) AS between_them USING (town_id)
        INNER JOIN (FROM published.town_score WHERE year = {after}) AS now USING (town_id)
        WHERE points_low <> 0 OR points_high <> 0""")
    return connection


#: Whether items, their rules or the limit on the total are not the same in the earlier publication.
_RULES_DIFFER = """
    SELECT EXISTS (FROM rubric_item ANTI JOIN same_rules USING (item))
        OR EXISTS (FROM earlier.item_definition ANTI JOIN rubric_item USING (item))
        OR EXISTS (SELECT bonus_cap FROM rubric_scenario EXCEPT SELECT bonus_cap FROM earlier.edition)"""

#: The first step under the earlier rules, and the change of rules on the figures of either publication. An item that
#: is judged out of other points, or is in one edition only, cannot be compared figure by figure: all of it is method.
_OTHER_RULES = """
    CREATE TABLE remade AS
    SELECT coalesce(now.item, was.item) AS item
    FROM rubric_item AS now FULL JOIN earlier.item_definition AS was USING (item)
    WHERE now.item IS NULL OR was.item IS NULL
        OR ((now.kind <> was.kind OR now.available <> was.available) AND item IN (
            SELECT item FROM rubric_term WHERE kind IN ('judged', 'bonus')
            UNION
            SELECT item FROM earlier.term_definition WHERE kind IN ('judged', 'bonus')));

    INSERT INTO leg BY NAME SELECT * EXCLUDE (points), 1 AS halves FROM arrived_change_part;

    CREATE TABLE ruled AS
    WITH counted AS (
        SELECT 'now' AS side, year, town_id, item, points_low, points_high
        FROM scored_item, rubric_scenario AS rule
        WHERE kind = 'scored' OR (kind = 'bonus' AND rule.bonus_cap <> 'excluded')
        UNION ALL
        SELECT 'was', year, town_id, item, points_low, points_high
        FROM arrived_scored_item, arrived_rubric_scenario AS rule
        WHERE kind = 'scored' OR (kind = 'bonus' AND rule.bonus_cap <> 'excluded')
    ),

    item_ruled AS (
        SELECT year, town_id, item, 'rules' AS part,
            coalesce(sum(points_low) FILTER (side = 'now'), 0) - coalesce(sum(points_low) FILTER (side = 'was'), 0)
                AS points_low,
            coalesce(sum(points_high) FILTER (side = 'now'), 0) - coalesce(sum(points_high) FILTER (side = 'was'), 0)
                AS points_high
        FROM counted GROUP BY year, town_id, item
    )

    FROM item_ruled
    UNION ALL
    SELECT year, town_id, '' AS item, 'limit' AS part,
        now.total_low - was.total_low - item.points_low, now.total_high - was.total_high - item.points_high
    FROM scored_town AS now
    INNER JOIN arrived_scored_town AS was USING (year, town_id)
    INNER JOIN (
        SELECT year, town_id, sum(points_low) AS points_low, sum(points_high) AS points_high
        FROM item_ruled GROUP BY ALL
    ) AS item USING (year, town_id);

    INSERT INTO leg BY NAME
    WITH rule AS (
        SELECT item,
            string_agg(was.rule_zh, '；' ORDER BY term) AS was_zh,
            string_agg(now.rule_zh, '；' ORDER BY term) AS now_zh,
            string_agg(was.rule_en, '; ' ORDER BY term) AS was_en,
            string_agg(now.rule_en, '; ' ORDER BY term) AS now_en
        FROM earlier.term_definition AS was FULL JOIN rules.term_definition AS now USING (item, term) GROUP BY item
    )

    SELECT ruled.year, ruled.town_id, ruled.item, 'method' AS cause, ruled.part, '' AS indicator,
        ruled.points_low, ruled.points_high, 1 AS halves,
        CASE WHEN part = 'limit' THEN was.bonus_cap || ' → ' || now.bonus_cap
            ELSE coalesce(was_zh, '—') || ' → ' || coalesce(now_zh, '—') END AS explanation_zh,
        CASE WHEN part = 'limit' THEN was.bonus_cap || ' → ' || now.bonus_cap
            ELSE coalesce(was_en, '—') || ' → ' || coalesce(now_en, '—') END AS explanation_en
    FROM ruled
    SEMI JOIN (SELECT year, town_id FROM change_scope WHERE figure_cause = 'revision'
        UNION SELECT previous_year, town_id FROM change_scope WHERE figure_cause = 'revision') USING (year, town_id)
    LEFT JOIN rule USING (item), earlier.edition AS was, rules.edition AS now
    WHERE points_low <> 0 OR points_high <> 0;
"""


def compare(marts: Marts, before: int, after: int, town: str = "", earlier: Marts | None = None) -> _Row:
    """Why totals changed from ``before`` (as published in ``earlier``, where given) to ``after``.

    Returns ``before`` and ``after`` (run_id, edition, year); ``towns``, the greatest fall first, each with its totals,
    ranges, grades, ``causes`` (points by cause), ``missing`` (items missing in either) and ``parts``, the greatest
    first; and ``only_before`` and ``only_after``, towns there is nothing to compare with. Points are decimals; parts
    add up to the change. KaoheError (usage) for a town or year there is not.
    """
    town_id = marts.town_id(town, after) if town else ""
    cursor = parts(marts, before, after, earlier)
    base = earlier or marts

    def rows(query: str, **given: Any) -> list[_Row]:
        cursor.execute(query, given or None)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    found: dict[str, list[_Row]] = {}
    for row in rows("FROM part WHERE $town IN ('', town_id) ORDER BY abs(points_low) + abs(points_high) DESC, "
                    "item, cause, part, indicator", town=town_id):  # fmt: skip
        found.setdefault(row.pop("town_id"), []).append(row)
    was, now = (
        {row["town_id"]: row for row in each.rows(_STANDING, {"year": year, "town": town_id})}
        for each, year in ((base, before), (marts, after))
    )
    if town_id and not (town_id in was and town_id in now):
        raise KaoheError(Exit.USAGE, f"{town}: {before}、{after} 年未都考核 not assessed in both {before} and {after}")
    titles = {row["item"]: row for each in (base, marts) for row in each.rows("FROM item_definition")}
    missing: dict[str, list[_Row]] = {}
    for each, year in ((base, before), (marts, after)):
        for row in each.rows(_MISSING, {"year": year, "town": town_id}):
            missing.setdefault(row["town_id"], []).append({"item": row["item"], "year": year})
    towns = [
        _town(was[each], now[each], found.get(each, []), missing.get(each, []), titles) for each in was if each in now
    ]
    towns.sort(key=lambda row: (row["change_low"] + row["change_high"], row["town_id"]))
    return {
        "before": _source(base, before),
        "after": _source(marts, after),
        "is_synthetic": marts.is_synthetic,
        "towns": towns,
        "only_before": [_named(row) for each, row in was.items() if each not in now],
        "only_after": [_named(row) for each, row in now.items() if each not in was],
    }


_STANDING = "FROM town_score WHERE year = $year AND $town IN ('', town_id) ORDER BY town_id"
_MISSING = """SELECT town_id, item FROM item_score
    WHERE year = $year AND $town IN ('', town_id) AND status = 'missing' AND kind <> 'condition' ORDER BY item"""


def _source(marts: Marts, year: int) -> _Row:
    return {"year": year, "run_id": marts.manifest["run_id"], "edition": marts.manifest["edition"]}


def _named(row: _Row) -> _Row:
    return {"town_id": row["town_id"], "town_name": row["town_name"]}


def _town(was: _Row, now: _Row, found: Sequence[_Row], missing: Sequence[_Row], titles: dict[str, _Row]) -> _Row:
    final = was["total"] is not None and now["total"] is not None
    causes = {}
    for cause in CAUSES:
        of_it = [row for row in found if row["cause"] == cause]
        if of_it:
            causes[cause] = {end: sum((row[end] for row in of_it), Decimal(0)) for end in ("points_low", "points_high")}
    return {
        **_named(now),
        "previous_town_name": was["town_name"],
        **{
            f"{name}_{when}": row[name]
            for when, row in (("before", was), ("after", now))
            for name in ("total", "total_low", "total_high", "grade", "rank")
        },
        "change": now["total"] - was["total"] if final else None,
        "change_low": now["total_low"] - was["total_low"],
        "change_high": now["total_high"] - was["total_high"],
        "causes": causes,
        "missing": list(missing),
        "parts": [
            {
                **row,
                "title_zh": titles[row["item"]]["title_zh"] if row["item"] else "",
                "title_en": titles[row["item"]]["title_en"] if row["item"] else "",
            }
            for row in found
        ],
    }


# In words -------------------------------------------------------------------------------------------------------------

#: How many lines of a town are told where all towns are asked for; the data has them all.
_REASONS = 3


def compare_in_words(found: _Row, lang: Language, whole: bool) -> str:
    """The comparison as lines to read, the greatest parts first; of each town only those, unless ``whole``."""
    return "\n".join(_lines(found, lang, whole))


def _lines(found: _Row, lang: Language, whole: bool) -> Iterator[str]:
    def say(key: str, **filled: Any) -> str:
        return label(f"change_{key}", lang).format(**filled)

    yield say("heading", before=_told(found["before"]), after=_told(found["after"]))
    if found["is_synthetic"]:
        yield f"※ {label('synthetic', lang)}"
    told = [town for town in found["towns"] if whole or town["parts"] or town["missing"]]
    for town in told:
        name = town["town_name"]
        if town["previous_town_name"] != name:
            name = f"{town['previous_town_name']}→{name}"
        totals = " → ".join(_total(town, when) for when in ("before", "after"))
        grades = " → ".join(label(f"grade_{town[f'grade_{when}'] or ''}", lang) for when in ("before", "after"))
        yield f"{name}  {totals}  {grades}  {_points(town['change_low'], town['change_high'])}"
        causes = [
            f"{label(f'cause_{cause}', lang)} {_points(sums['points_low'], sums['points_high'])}"
            for cause, sums in town["causes"].items()
        ]
        if causes:
            yield "  " + "  ".join(causes)
        lines = _reasons(town["parts"], lang)
        for line in lines if whole else lines[:_REASONS]:
            yield f"    {line}"
        if not whole and len(lines) > _REASONS:
            yield f"    {say('more', count=len(lines) - _REASONS)}"
        if town["missing"]:
            items = ", ".join(f"{each['item']} ({each['year']})" for each in town["missing"])
            yield "  " + say("missing", items=items)
    if len(told) < len(found["towns"]):
        yield say("same", count=len(found["towns"]) - len(told))
    for key in ("only_before", "only_after"):
        if found[key]:
            year = found[key.removeprefix("only_")]["year"]
            yield say("only", year=year, towns=label("desk_comma", lang).join(row["town_name"] for row in found[key]))


def _reasons(found: Sequence[_Row], lang: Language) -> list[str]:
    """A line for each figure, score or decision, numerator and denominator of a figure together, the greatest first."""
    grouped: dict[tuple[str, ...], list[_Row]] = {}
    for row in found:
        name = row["indicator"] or row["part"]
        grouped.setdefault((row["item"], row["cause"], name), []).append(row)
    lines = []
    for rows in grouped.values():
        low = sum((row["points_low"] for row in rows), Decimal(0))
        high = sum((row["points_high"] for row in rows), Decimal(0))
        if not low and not high:
            continue
        first = rows[0]
        told = first[f"explanation_{lang}"] or ""
        if {row["part"] for row in rows} == {"numerator", "denominator"}:
            told += label("change_halves", lang).format(
                **{row["part"]: _points(row["points_low"], row["points_high"]) for row in rows}
            )
        title = f"{first['item']} {first[f'title_{lang}']}".strip() or label("change_limit", lang)
        cause = label(f"cause_{first['cause']}", lang)
        lines.append((-abs(low) - abs(high), f"{_points(low, high)}  {title}  {cause}  {told}".rstrip()))
    return [line for _, line in sorted(lines, key=lambda each: each[0])]


def _told(source: _Row) -> str:
    return f"{source['year']} ({source['edition']}, {source['run_id']})"


def _total(town: _Row, when: str) -> str:
    total = town[f"total_{when}"]
    return f"{town[f'total_low_{when}']}–{town[f'total_high_{when}']}" if total is None else str(total)


def _points(low: Decimal, high: Decimal) -> str:
    return _signed(low) if low == high else f"{_signed(low)}…{_signed(high)}"


def _signed(points: Decimal) -> str:
    """With its sign and every digit it has, two decimals at least."""
    whole, _, decimals = f"{abs(points):f}".rstrip("0").partition(".")
    return f"{'−' if points < 0 else '+' if points else ''}{whole or 0}.{decimals:0<2}"
