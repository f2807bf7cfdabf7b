"""What would lift a town: the smallest changes that gain points, the cheapest set of them that reaches the next grade,
what a change would really do, and which changes would lift most towns.

Whatever is said here to be gained was scored by the models; nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from ruamel.yaml.error import YAMLError

from pipelines import rescoring
from pipelines.analysis.grades import Gap, bands_of, gap_in_words, gap_to_next, unmet_conditions
from pipelines.analysis.marts import Marts
from pipelines.analysis.words import grade_name
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, label
from pipelines.plain_yaml import load_yaml
from pipelines.sql_text import literal

if TYPE_CHECKING:
    import duckdb

_Row = dict[str, Any]


class Limit(BaseModel):
    """What an analyst knows of an indicator: the most it can be moved, and what one unit of it costs."""

    model_config = ConfigDict(extra="forbid")

    most: Annotated[int, Field(ge=0)] | None = None
    cost: Annotated[Decimal, Field(gt=0)] = Decimal(1)


class _Limits(RootModel[dict[str, Limit]]):
    pass


def read_limits(path: Path | None) -> dict[str, Limit]:
    """Limits and costs by indicator from a YAML file ``{indicator: {most: 10, cost: 2.5}}``; none without a file.

    A unit of an indicator that is not named costs 1. KaoheError (usage) for a file that says something else.
    """
    if path is None:
        return {}
    try:
        return _Limits.model_validate(load_yaml(path.read_text(encoding="utf-8")) or {}).root
    except (OSError, UnicodeDecodeError, YAMLError, ValidationError) as error:
        told = f"{path}: 应为 should be {{indicator: {{most: 10, cost: 2.5}}}}: {' '.join(str(error).split())}"
        raise KaoheError(Exit.USAGE, told) from error


@dataclass(frozen=True)
class Choice:
    """A way to move some figures.

    Attributes:
        changes: units by indicator.
        cost: what they cost together.
        gain: points gained together, in hundredths.
        meets: conditions met that were not.
    """

    changes: Mapping[str, int]
    cost: Decimal
    gain: int
    meets: frozenset[str]


def levers(marts: Marts, rubrics: Path, town: str, year: int, limits: Mapping[str, Limit]) -> _Row:
    """The levers of a town in a year, and the cheapest set of them that reaches the next better grade.

    Returns ``town``, ``gap`` (to the next grade, from the least the total can come to; None at the best), ``levers``
    (the first gain, every step and the target of each indicator, most points a unit first), ``judged`` (what judged
    items still lack) and ``cheapest`` (its levers, cost, points), None where no set within the limits reaches it.
    KaoheError (usage) for a town or an indicator there is not.
    """
    connection = rescoring.reopen(marts, rubrics)
    town_id = marts.town_id(town, year)
    standing = _rows(connection, "FROM town_score WHERE town_id = $town AND year = $year", town=town_id, year=year)
    if not standing:
        raise KaoheError(Exit.USAGE, f"{town}: {year} 年未考核 not assessed in {year}")
    known = {row["indicator"] for row in _rows(connection, "FROM rubric_indicator")}
    if unknown := sorted(set(limits) - known):
        raise KaoheError(Exit.USAGE, f"没有指标 no such indicator: {', '.join(unknown)}")
    where = f"year = {year} AND town_id = {literal(town_id)}"
    rescoring.find_levers(connection, f"SELECT year, town_id, TRUE AS every_level FROM town_year WHERE {where}")
    found = _rows(connection, "FROM lever ORDER BY indicator, lever_no")
    choices = _choices(connection, found, limits, year, town_id)

    def ask(query: str, parameters: _Row) -> list[_Row]:
        return _rows(connection, query, **parameters)

    gap = gap_to_next(standing[0], bands_of(ask), unmet_conditions(ask, [town_id], [year])[town_id, year])
    return {
        "town": standing[0],
        "gap": gap,
        "levers": sorted(
            _worth_showing(connection, found), key=lambda row: (-row["points_gained"] / row["change"], row["indicator"])
        ),
        "judged": _rows(
            connection,
            "SELECT item, title_zh, title_en, available - points AS lacks FROM item_score WHERE town_id = $town "
            "AND year = $year AND status = 'judged' AND kind = 'scored' AND points < available "
            "ORDER BY lacks DESC, item",
            town=town_id,
            year=year,
        ),
        "cheapest": _cheapest(choices, found, gap) if gap else None,
    }


def _worth_showing(connection: duckdb.DuckDBPyConnection, found: Sequence[_Row]) -> list[_Row]:
    """Of an indicator that gains hundredth by hundredth only the first gain and the last; of any other every step."""
    continuous = {
        row["indicator"]
        for row in _rows(connection, "FROM rubric_term WHERE part_step = 'pro_rata' OR below_target = 'linear'")
    }
    last = {row["indicator"]: row["lever_no"] for row in found}
    return [
        row for row in found if row["indicator"] not in continuous or row["lever_no"] in (1, last[row["indicator"]])
    ]


def _choices(
    connection: duckdb.DuckDBPyConnection, found: Sequence[_Row], limits: Mapping[str, Limit], year: int, town_id: str
) -> list[list[Choice]]:
    """Ways to move the figures, one list for each group of indicators that share an item; every list has doing nothing.

    What one indicator gains alone is known; indicators that share an item's points are scored together.
    """
    steps: dict[str, list[_Row]] = {}
    for row in found:
        limit = limits.get(row["indicator"], Limit())
        if limit.most is None or row["change"] <= limit.most:
            steps.setdefault(row["indicator"], []).append(row)
    shared = _rows(
        connection,
        "SELECT DISTINCT one.indicator, other.indicator AS beside FROM rubric_term AS one "
        "INNER JOIN rubric_term AS other USING (item) WHERE one.indicator <> other.indicator",
    )
    groups: list[set[str]] = []
    for indicator in steps:
        beside = {row["beside"] for row in shared if row["indicator"] == indicator} & steps.keys()
        joined = [group for group in groups if group & ({indicator} | beside)]
        groups = [group for group in groups if group not in joined] + [set().union({indicator}, *joined)]
    choices = []
    for group in sorted(groups, key=min):
        if len(group) == 1:
            rows = steps[next(iter(group))]
            told = [({row["indicator"]: row["change"]}, row["points_gained"], row["conditions_met"]) for row in rows]
        else:
            told = _scored_together(connection, [steps[indicator] for indicator in sorted(group)], year, town_id)
        choices.append(
            [Choice({}, Decimal(0), 0, frozenset())]
            + [
                Choice(
                    changes,
                    sum((units * limits.get(name, Limit()).cost for name, units in changes.items()), Decimal(0)),
                    int(gain * 100),
                    frozenset(meets.split("; ")) if meets else frozenset(),
                )
                for changes, gain, meets in told
            ]
        )
    return choices


def _scored_together(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Sequence[_Row]], year: int, town_id: str
) -> list[tuple[dict[str, int], Decimal, str | None]]:
    """Every combination of some indicators' steps, scored by the models: changes, points gained, conditions met."""
    combinations = [
        [step for step in combination if step is not None]
        for combination in product(*([None, *each] for each in steps))
    ]
    combinations = [combination for combination in combinations if combination]
    rows = [
        {
            "year": year,
            "town_id": town_id,
            "variant": str(number),
            "indicator": step["indicator"],
            "change": step["change"],
            "numerator": step["numerator_after"],
            "denominator": step["denominator_after"],
        }
        for number, combination in enumerate(combinations)
        for step in combination
    ]
    connection.execute(
        "CREATE OR REPLACE TABLE lever_change AS SELECT unnest(entry, recursive := TRUE) FROM (SELECT unnest($rows) AS "
        "entry)",
        {"rows": rows},
    )
    rescoring.score_variants(connection)
    effect = {
        int(row["variant"]): row
        for row in _rows(
            connection,
            "SELECT after.town_id AS variant, sum(after.points_low - before.points_low) AS gain, "
            "string_agg(before.item, '; ' ORDER BY before.item) FILTER (after.is_met AND NOT before.is_met) AS meets "
            "FROM lever_scored_item AS after INNER JOIN scored_item AS before USING (year, item) "
            "ANTI JOIN adjustment ON adjustment.year = year AND adjustment.town_id = before.town_id "
            "AND adjustment.item = before.item "
            "WHERE before.town_id = $town AND before.scenario = 'in_force' GROUP BY ALL",
            town=town_id,
        )
    }
    return [
        ({step["indicator"]: step["change"] for step in combination}, effect[number]["gain"], effect[number]["meets"])
        for number, combination in enumerate(combinations)
    ]


def _cheapest(choices: Sequence[Sequence[Choice]], found: Sequence[_Row], gap: Gap) -> _Row | None:
    """The cheapest way to gain enough and meet what must be met, group by group: exact, over hundredths of a point."""
    needed = int(gap["points"] * 100)
    must_meet = frozenset(gap["must_meet"])
    #: hundredths gained (no more than needed) and conditions met → the cheapest way there.
    best: dict[tuple[int, frozenset[str]], Choice] = {(0, frozenset()): Choice({}, Decimal(0), 0, frozenset())}
    for group in choices:
        reached: dict[tuple[int, frozenset[str]], Choice] = {}
        for (gained, met), so_far in best.items():
            for choice in group:
                state = (min(needed, gained + choice.gain), met | (choice.meets & must_meet))
                joined = Choice(
                    {**so_far.changes, **choice.changes},
                    so_far.cost + choice.cost,
                    so_far.gain + choice.gain,
                    so_far.meets | choice.meets,
                )
                kept = reached.get(state)
                if kept is None or _dearness(joined) < _dearness(kept):
                    reached[state] = joined
        best = reached
    cheapest = best.get((needed, must_meet))
    if cheapest is None:
        return None
    return {
        "changes": [row for row in found if cheapest.changes.get(row["indicator"]) == row["change"]],
        "cost": cheapest.cost,
        "points": Decimal(cheapest.gain).scaleb(-2),
    }


def _dearness(choice: Choice) -> tuple[Any, ...]:
    """What makes one way dearer than another: its cost, then how many figures it moves, then their names."""
    return (choice.cost, len(choice.changes), sorted(choice.changes.items()))


# What if --------------------------------------------------------------------------------------------------------------


def what_if(marts: Marts, rubrics: Path, town: str, year: int, changes: Mapping[str, str]) -> _Row:
    """What would become of a town were figures or scores other than they are.

    ``changes`` holds ``indicator: numerator`` or ``indicator: numerator/denominator``, or ``item: score``. Returns
    ``before`` and ``after`` (rows of town_score), ``items`` that change, and ``others``: towns whose rank or grade
    would change. KaoheError (usage) for what there is not.
    """
    connection = rescoring.reopen(marts, rubrics)
    town_id = marts.town_id(town, year)
    indicators = {row["indicator"] for row in _rows(connection, "FROM rubric_indicator")}
    available = {
        row["item"]: row["available"] for row in _rows(connection, "FROM rubric_item WHERE kind <> 'condition'")
    }
    for name, value in changes.items():
        numbers = [_number(part) for part in value.split("/")]
        if name in indicators and len(numbers) <= 2:
            connection.execute(
                "UPDATE indicator_value SET numerator = $n, denominator = coalesce($d, denominator, 1) "
                "WHERE year = $year AND town_id = $town AND indicator = $name",
                {"n": numbers[0], "d": numbers[1] if len(numbers) > 1 else None, "year": year, "town": town_id,
                 "name": name},
            )  # fmt: skip
        elif name in available and len(numbers) == 1:
            if available[name] and numbers[0] > available[name]:
                raise KaoheError(Exit.USAGE, f"{name}: {numbers[0]} > {available[name]}")
            connection.execute(
                "DELETE FROM adjustment WHERE year = $year AND town_id = $town AND item = $name",
                {"year": year, "town": town_id, "name": name},
            )
            connection.execute(
                "INSERT INTO adjustment BY NAME SELECT $year AS year, $town AS town_id, $name AS item, $score AS "
                "adjusted_points, '' AS adjustment_reason",
                {"year": year, "town": town_id, "name": name, "score": numbers[0]},
            )
        else:
            raise KaoheError(Exit.USAGE, f"{name}={value}: 没有这个指标或条款 no such indicator or item")
    rescoring.score(connection)
    one = {"town": town_id, "year": year}
    before = _rows(connection, "FROM published.town_score WHERE town_id = $town AND year = $year", **one)
    if not before:
        raise KaoheError(Exit.USAGE, f"{town}: {year} 年未考核 not assessed in {year}")
    return {
        "before": before[0],
        "after": _rows(connection, "FROM town_score WHERE town_id = $town AND year = $year", **one)[0],
        "items": _rows(
            connection,
            "SELECT item, now.title_zh, now.title_en, was.points AS points_before, now.points AS points_after, "
            "was.is_met AS met_before, now.is_met AS met_after FROM item_score AS now "
            "INNER JOIN published.item_score AS was USING (year, town_id, item) WHERE town_id = $town AND year = $year "
            "AND (now.points IS DISTINCT FROM was.points OR now.is_met IS DISTINCT FROM was.is_met) ORDER BY item",
            **one,
        ),
        "others": _rows(
            connection,
            "SELECT town_id, now.town_name, was.rank AS rank_before, now.rank AS rank_after FROM town_score AS now "
            "INNER JOIN published.town_score AS was USING (year, town_id) WHERE year = $year AND town_id <> $town "
            "AND (now.rank IS DISTINCT FROM was.rank OR now.grade IS DISTINCT FROM was.grade) "
            "ORDER BY now.rank, town_id",
            **one,
        ),
    }


def _number(written: str) -> Decimal:
    try:
        return Decimal(written.strip()).quantize(Decimal("0.01"))
    except ArithmeticError as error:
        raise KaoheError(Exit.USAGE, f"{written!r}: 不是数 no number") from error


# The city -------------------------------------------------------------------------------------------------------------

#: How many changes the city is told.
MOST = 20


def city_levers(marts: Marts, rubrics: Path, year: int) -> list[_Row]:
    """The single changes that would move most towns up a grade, each town making it: at most ``MOST`` of them.

    A change is an indicator with an aim: ``first``, the smallest gain of each town, or ``target``, all it can gain.
    Each is scored whole, town by town, by the models. Returns indicator, aim, towns that make it, towns_up, units and
    points.
    """
    connection = rescoring.reopen(marts, rubrics)
    if year not in marts.years:
        raise KaoheError(Exit.USAGE, f"{year}: 未考核 not assessed")
    rescoring.find_levers(connection, f"SELECT year, town_id, FALSE AS every_level FROM town_year WHERE year = {year}")
    # Every change of every town as a town of its own: one copy of the town each, with the figure changed.
    connection.execute(
        """
        CREATE TABLE aimed AS
        SELECT *, concat_ws('|', town_id, indicator, aim) AS variant FROM (
            SELECT *, 'first' AS aim FROM lever WHERE lever_no = 1
            UNION ALL
            SELECT *, 'target' FROM lever QUALIFY lever_no = max(lever_no) OVER (PARTITION BY town_id, indicator)
        );
        CREATE TABLE base AS SELECT year, town_id, total_low, grade_low FROM scored_town;
        INSERT INTO town_year SELECT town_year.* REPLACE (variant AS town_id)
        FROM town_year INNER JOIN aimed USING (year, town_id);
        INSERT INTO assessor_score SELECT assessor_score.* REPLACE (variant AS town_id)
        FROM assessor_score INNER JOIN aimed USING (year, town_id);
        INSERT INTO adjustment SELECT adjustment.* REPLACE (variant AS town_id)
        FROM adjustment INNER JOIN aimed USING (year, town_id);
        INSERT INTO withheld_item SELECT withheld_item.* REPLACE (variant AS town_id)
        FROM withheld_item INNER JOIN aimed USING (year, town_id);
        INSERT INTO indicator_value
        SELECT value.* REPLACE (
            variant AS town_id,
            if(value.indicator = aimed.indicator, numerator_after, value.numerator) AS numerator,
            if(value.indicator = aimed.indicator, denominator_after, value.denominator) AS denominator)
        FROM indicator_value AS value INNER JOIN aimed USING (year, town_id);
        """
    )
    rescoring.score(connection)
    return _rows(
        connection,
        """
        WITH counted AS (
            SELECT aimed.indicator, told.title_zh, told.title_en, told.counted_in_zh, told.counted_in_en, aim,
                count(*) AS towns, count(*) FILTER (better.position < worse.position) AS towns_up,
                sum(change) AS units, sum(after.total_low - base.total_low) AS points
            FROM aimed
            INNER JOIN base USING (year, town_id)
            INNER JOIN scored_town AS after ON after.year = aimed.year AND after.town_id = aimed.variant
            INNER JOIN rubric_band AS better ON after.grade_low = better.grade
            INNER JOIN rubric_band AS worse ON base.grade_low = worse.grade
            INNER JOIN rubric_indicator AS told ON aimed.indicator = told.indicator
            GROUP BY ALL
        )

        -- Where every town's smallest gain is all it can gain, the two aims are one.
        FROM counted QUALIFY row_number() OVER (PARTITION BY indicator, towns, units ORDER BY aim DESC) = 1
        ORDER BY towns_up DESC, points DESC, units, indicator, aim LIMIT $most""",
        most=MOST,
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> list[_Row]:
    cursor = connection.cursor()
    cursor.execute(query, parameters or None)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# In words -------------------------------------------------------------------------------------------------------------


def levers_in_words(found: _Row, lang: Language) -> str:
    """The levers of a town as lines to read."""

    def say(key: str, **filled: Any) -> str:
        return label(f"lever_{key}", lang).format(**filled)

    town = found["town"]
    total = town["total"] if town["total"] is not None else f"{town['total_low']}–{town['total_high']}"
    lines = [f"{town['town_name']}  {town['year']}  {grade_name(town['grade'], lang)}  {total}"]
    if found["gap"] is None:
        lines.append(say("best"))
    else:
        lines.append(gap_in_words(found["gap"], lang))
        cheapest = found["cheapest"]
        if cheapest is None:
            lines.append(say("out_of_reach"))
        else:
            lines.append(say("cheapest", cost=f"{cheapest['cost'].normalize():f}", points=cheapest["points"]))
            lines += [f"  · {row[f'explanation_{lang}']}" for row in cheapest["changes"]]
    lines.append(say("all"))
    lines += [f"  {row[f'explanation_{lang}']}" for row in found["levers"]]
    if found["judged"]:
        told = ", ".join(f"{row['item']} {row[f'title_{lang}']} {row['lacks']}" for row in found["judged"])
        lines.append(say("judged", items=told))
    return "\n".join(lines)


def city_in_words(found: Sequence[_Row], lang: Language) -> str:
    """The city's changes as lines to read."""
    heading = label("lever_city", lang)
    return "\n".join(
        [heading]
        + [
            label(f"lever_city_{row['aim']}", lang).format(
                title=row[f"title_{lang}"],
                towns=row["towns"],
                units=row["units"],
                counted_in=row[f"counted_in_{lang}"],
                up=row["towns_up"],
                points=row["points"],
            )
            for row in found
        ]
    )


def what_if_in_words(found: _Row, lang: Language) -> str:
    """The effect of a change as lines to read."""
    before, after = found["before"], found["after"]

    def told(row: _Row) -> str:
        total = row["total"] if row["total"] is not None else f"{row['total_low']}–{row['total_high']}"
        rank = label("explain_rank", lang).format(rank=row["rank"]) if row["rank"] else ""
        return f"{total} {grade_name(row['grade'], lang)} {rank}".rstrip()

    lines = [f"{before['town_name']}  {before['year']}  {told(before)} → {told(after)}"]
    for item in found["items"]:
        was, will = (
            (item["met_before"], item["met_after"])
            if item["points_before"] is item["points_after"] is None or item["met_after"] is not None
            else (item["points_before"], item["points_after"])
        )
        lines.append(f"  {item['item']} {item[f'title_{lang}']}  {_known(was, lang)} → {_known(will, lang)}")
    lines.append(label("lever_others", lang).format(count=len(found["others"])))
    lines += [f"  {row['town_name']}  {row['rank_before']} → {row['rank_after']}" for row in found["others"]]
    return "\n".join(lines)


def _known(value: Any, lang: Language) -> str:
    if value is None:
        return label("status_missing", lang)
    if isinstance(value, bool):
        return label("explain_met" if value else "explain_unmet", lang)
    return str(value)
