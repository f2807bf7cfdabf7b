"""Why a total changed: parts add up to the last decimal, one cause alone shows alone, no order matters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from drawn_worlds import Recipe, improved, readings, recipes
from pipelines import rubric, transform
from pipelines import run as flow
from pipelines.analysis import causes, rescoring
from pipelines.analysis.marts import Marts, open_marts
from pipelines.cli import app
from pipelines.errors import Exit, KaoheError
from second_opinion import World
from worlds import empty_warehouse, insert, laid_out

RUBRIC = Path(__file__).parent.parent / "rubric"
#: A world is shown by its recipe; making it smaller takes longer than reading it.
FEW = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

Row = dict[str, Any]
Key = tuple[str, ...]


@pytest.fixture(scope="module")
def marts(committed_run: tuple[flow.Settings, flow.Outcome]) -> Marts:
    run_settings, _ = committed_run
    return open_marts(run_settings.marts)


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def keyed(found: Iterable[Row]) -> dict[Key, tuple[Decimal, Decimal]]:
    names = ("town_id", "item", "cause", "part", "indicator")
    return {tuple(row[name] for name in names): (row["points_low"], row["points_high"]) for row in found}


def split(connection: duckdb.DuckDBPyConnection, options: dict[str, str], scope: str = "") -> None:
    """Score what ``connection`` holds under one reading and split every change in ``scope``."""
    edition = rubric.load_edition(RUBRIC / "2013")
    rubric.load_into(connection, edition, [rubric.scenario(edition, options=options)])
    given_tables: set[str] = set()
    if scope:
        connection.execute(f"CREATE OR REPLACE TABLE change_scope AS {scope}")
        given_tables.add("change_scope")
    transform.run_models(connection, transform.upstream("change_part", given=given_tables))


def assert_adds_up(connection: duckdb.DuckDBPyConnection) -> int:
    """Parts are the change of either end of the range and of the total, exactly; the number of changes looked at."""
    found = rows(
        connection,
        """SELECT scope.year, scope.town_id, now.total_low - was.total_low AS low,
            now.total_high - was.total_high AS high, now.total - was.total AS total,
            coalesce(sum(points_low), 0) AS part_low,
            coalesce(sum(points_high), 0) AS part_high, sum(part.points) AS part_total, count(part.item) AS parts
        FROM change_scope AS scope
        INNER JOIN scored_town AS now ON scope.year = now.year AND scope.town_id = now.town_id
        INNER JOIN scored_town AS was ON scope.previous_year = was.year AND scope.town_id = was.town_id
        LEFT JOIN change_part AS part ON scope.year = part.year AND scope.town_id = part.town_id
        GROUP BY ALL""",
    )
    for row in found:
        assert (row["part_low"], row["part_high"]) == (row["low"], row["high"]), row
        assert row["parts"] == 0 or row["part_total"] == row["total"], row
    assert not rows(connection, "FROM change_part WHERE points_low = 0 AND points_high = 0")
    return len(found)


# Any world ------------------------------------------------------------------------------------------------------------


@FEW
@given(recipes(town_years=80, family=91), readings())
def test_parts_add_up_and_swapping_the_years_negates_them(recipe: Recipe, options: dict[str, str]) -> None:
    connection = laid_out(recipe.world())
    split(connection, options)
    assert_adds_up(connection)
    forth = keyed(rows(connection, "FROM change_part WHERE year = 2014"))
    backwards = "SELECT previous_year AS year, town_id, year AS previous_year, figure_cause FROM change_scope"
    split(connection, options, f"{backwards} WHERE year = 2014")
    back = keyed(rows(connection, "FROM change_part"))
    assert {key: (-low, -high) for key, (low, high) in back.items()} == forth


def repeated(recipe: Recipe, seed: int) -> tuple[World, dict[str, str]]:
    """A world whose second year is the first with one figure of each town improved, and which figure that was."""
    world = recipe.world()
    first = World(world.towns, [2013], {}, {(source, year) for source, year in world.delivered if year == 2013})
    first.rows.update({source: [row for row in its if row["year"] == 2013] for source, its in world.rows.items()})
    better, what = improved(first, seed)
    both = World(
        [(town, None, None) for town in first.towns_of(2013)],
        [2013, 2014],
        {
            source: its + [row | {"year": 2014} for row in better.rows.get(source, [])]
            for source, its in first.rows.items()
        },
        first.delivered | {(source, 2014) for source, _ in first.delivered},
    )
    for source, its in better.rows.items():
        both.rows.setdefault(source, [row | {"year": 2014} for row in its])
    return both, {town: figure for (_, town), figure in what.items()}


@pytest.mark.long
def test_one_figure_or_decision_alone_shows_alone() -> None:
    """In every world and reading, also where bonus lifts a town over the limit on the total."""
    met: dict[str, int] = {}

    @FEW
    @given(recipes(town_years=100, family=92), st.integers(0, 2**32 - 1), readings())
    def alone(recipe: Recipe, seed: int, options: dict[str, str]) -> None:
        world, what = repeated(recipe, seed)
        connection = laid_out(world)
        split(connection, options)
        assert_adds_up(connection)
        for row in rows(
            connection,
            "SELECT town_id, list(DISTINCT cause) AS causes, count(DISTINCT (item, indicator)) AS things "
            "FROM change_part GROUP BY town_id",
        ):
            figure = what[row["town_id"]]
            cause = {"assessor_scores.score": "judgement", "adjustments.score": "adjustment"}.get(figure, "performance")
            if figure == "publicity.has_briefing" and row["causes"] == ["coverage"]:
                cause = "coverage"  # A window not told of left it open whether there is either.
            assert (row["causes"], row["things"]) == ([cause], 1), (row, figure)
            met[cause] = met.get(cause, 0) + 1

    alone()
    assert set(met) >= {"judgement", "adjustment", "performance"}, met


# Every order, one by one ----------------------------------------------------------------------------------------------


def test_each_part_is_its_mean_over_every_order_each_scored_anew(marts: Marts, tmp_path: Path) -> None:
    """Every order of an item's figures and decisions is walked, each state on the way scored as a town of its own."""
    before, after = 2015, 2016
    reviewed = altered(
        marts,
        tmp_path / "reviewed",
        adjustment="FROM old UNION ALL BY NAME SELECT 2016 AS year, town_id, '3.3.2' AS item, "
        "cast(1 AS DECIMAL(9, 2)) AS adjusted_points FROM (SELECT unnest(['YL-04', 'YL-10', 'YL-21']) AS town_id)",
    )
    connection = rescoring.reopen(reviewed, RUBRIC)
    found = rescoring.split_change(reviewed.folder, [(after, before)], reviewed.folder)
    parts = keyed(rows(found, "FROM change_part"))
    some = ("YL-04", "YL-10", "YL-21", "YL-22")
    busy = {key[:2] for key in parts if key[0] in some and sum(other[:2] == key[:2] for other in parts) > 1}
    assert len(busy) > 10
    items = {(town, item): groups_of(connection, town, item, before, after) for town, item in busy}
    assert max(map(len, items.values())) == 3, "two rates and a review"
    states = {
        (town, item, frozenset(order[:place]))
        for (town, item), groups in items.items()
        for order in orders_of(groups)
        for place in range(len(order) + 1)
    }
    names = {state: f"state {number}" for number, state in enumerate(states)}
    for (town, item, later), name in names.items():
        add_state(connection, name, town, item, later, before, after)
    transform.run_models(connection, transform.upstream("scored_item", given=rescoring.GIVEN))
    points = {
        (row["town_id"], row["item"]): (row["points_low"], row["points_high"])
        for row in rows(connection, f"FROM scored_item WHERE scenario = 'in_force' AND year = {after}")
    }
    compared = 0
    for (town, item), groups in items.items():
        along = {later: points[name, item] for (*whose, later), name in names.items() if whose == [town, item]}
        for atom, mean in mean_over_orders(groups, along).items():
            part, indicator = (*atom, "")[:2]
            told = [value for key, value in parts.items() if key[:2] == (town, item) and key[3:] == (part, indicator)]
            for exact, shown in zip(mean, told[0] if told else (Decimal(0), Decimal(0)), strict=True):
                assert abs(exact - Fraction(shown)) < Fraction(2, 10**6), (town, item, atom, exact, shown)
            compared += 1
    assert compared > 25


Atom = tuple[str, ...]


def groups_of(connection: duckdb.DuckDBPyConnection, town: str, item: str, before: int, after: int) -> list[list[Atom]]:
    """What differs between the years, a figure's numerator and denominator together."""

    def of(table: str, year: int, where: str) -> list[Row]:
        return rows(connection, f"FROM {table} WHERE town_id = '{town}' AND year = {year} AND {where}")

    groups: list[list[Atom]] = []
    terms = rows(connection, f"SELECT DISTINCT indicator FROM rubric_term WHERE item = '{item}' ORDER BY ALL")
    for term in terms:
        if term["indicator"]:
            was, now = (
                of("indicator_value", year, f"indicator = '{term['indicator']}'")[0] for year in (before, after)
            )
            figures = [(row["numerator"], row["denominator"]) for row in (was, now)]
            if any(n is None or not d for n, d in figures):
                groups.append([("figure", term["indicator"])] if figures[0] != figures[1] else [])
            else:
                halves = zip(("numerator", "denominator"), *figures, strict=True)
                groups.append([(half, term["indicator"]) for half, old, new in halves if old != new])
        else:
            scores = [
                sum(row["score"] for row in of("assessor_score", year, f"item = '{item}'")) for year in (before, after)
            ]
            groups.append([("score",)] if scores[0] != scores[1] else [])
    decided = [
        [row["adjusted_points"] for row in of("adjustment", year, f"item = '{item}'")] for year in (before, after)
    ]
    groups.append([("review",)] if decided[0] != decided[1] else [])
    return [group for group in groups if group]


def add_state(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    town: str,
    item: str,
    later: frozenset[Atom],
    before: int,
    after: int,
) -> None:
    """A town called ``name`` in the year ``after`` with only ``later`` of the item's things from that year."""

    def year_of(*atom: str) -> int:
        return after if atom in later or (atom[0] != "review" and ("figure", *atom[1:]) in later) else before

    connection.execute(
        f"INSERT INTO town_year BY NAME SELECT * REPLACE ('{name}' AS town_id) FROM town_year "
        f"WHERE town_id = '{town}' AND year = {after}"
    )
    for (indicator,) in connection.execute(
        f"SELECT DISTINCT indicator FROM rubric_term WHERE item = '{item}' AND indicator IS NOT NULL"
    ).fetchall():
        connection.execute(
            f"""INSERT INTO indicator_value BY NAME
            SELECT {after} AS year, '{name}' AS town_id, '{indicator}' AS indicator,
                max(numerator) FILTER (year = {year_of("numerator", indicator)}) AS numerator,
                max(denominator) FILTER (year = {year_of("denominator", indicator)}) AS denominator
            FROM indicator_value WHERE town_id = '{town}' AND indicator = '{indicator}'"""
        )
    for table, atom in (("assessor_score", "score"), ("adjustment", "review")):
        connection.execute(
            f"INSERT INTO {table} BY NAME SELECT * REPLACE ('{name}' AS town_id, {after} AS year) FROM {table} "
            f"WHERE town_id = '{town}' AND item = '{item}' AND year = {year_of(atom)}"
        )


def orders_of(groups: list[list[Atom]]) -> list[list[Atom]]:
    """Every order of the groups and, within each, of its halves."""
    return [
        [atom for group in order for atom in group]
        for shuffled in permutations(groups)
        for order in product(*(permutations(group) for group in shuffled))
    ]


def mean_over_orders(
    groups: list[list[Atom]], points: dict[frozenset[Atom], tuple[Decimal, Decimal]]
) -> dict[Atom, list[Fraction]]:
    orders = orders_of(groups)
    sums = {atom: [Fraction(0), Fraction(0)] for group in groups for atom in group}
    for order in orders:
        for place, atom in enumerate(order):
            was, now = (points[frozenset(order[: place + step])] for step in (0, 1))
            for end in (0, 1):
                sums[atom][end] += Fraction(now[end] - was[end]) / len(orders)
    return sums


# One cause at a time, against an earlier publication --------------------------------------------------------------


def altered(marts: Marts, folder: Path, **tables: str) -> Marts:
    """The publication with tables replaced by what a query on ``old`` gives."""
    shutil.copytree(marts.folder, folder)
    for name, query in tables.items():
        path = folder / f"{name}.parquet"
        path.unlink()
        duckdb.execute(f"COPY (WITH old AS (FROM '{marts.folder / path.name}') {query}) TO '{path}' (FORMAT parquet)")
    return open_marts(folder)


ONE = "year = 2015 AND town_id = 'YL-04'"
ALONE = {
    "a figure": (
        "indicator_value",
        f"SELECT * REPLACE (if({ONE} AND indicator = 'authentication_rate', numerator - 300, numerator) AS numerator) "
        "FROM old",
        ("revision", "authentication_rate", {"3.3.2"}),
    ),
    "a figure that was not there": (
        "indicator_value",
        f"SELECT * REPLACE (if({ONE} AND indicator = 'information_accuracy', NULL, numerator) AS numerator) FROM old",
        ("coverage", "information_accuracy", {"3.3.1"}),
    ),
    "a score": (
        "assessor_score",
        f"SELECT * REPLACE (if({ONE} AND item = '4.1', score - 1, score) AS score) FROM old",
        ("judgement", "", {"4.1"}),
    ),
    "a score not yet given": (
        "assessor_score",
        f"FROM old WHERE NOT ({ONE} AND item = '4.1')",
        ("coverage", "", {"4.1"}),
    ),
    "a bonus over the limit": (
        "assessor_score",
        f"FROM old UNION ALL BY NAME SELECT DISTINCT year, town_id, '3.4.B' AS item, 'x' AS assessor, "
        f"cast(60 AS DECIMAL(9, 2)) AS score FROM old WHERE {ONE}",
        ("judgement", "", {"3.4.B"}),
    ),
    "a review": (
        "adjustment",
        "FROM old UNION ALL BY NAME SELECT 2015 AS year, 'YL-04' AS town_id, '4.2' AS item, "
        "cast(1 AS DECIMAL(9, 2)) AS adjusted_points",
        ("adjustment", "", {"4.2"}),
    ),
}


@pytest.mark.parametrize("what", ALONE)
def test_one_thing_that_was_otherwise_is_the_only_part(marts: Marts, tmp_path: Path, what: str) -> None:
    table, query, (cause, indicator, items) = ALONE[what]
    earlier = altered(marts, tmp_path / "earlier", **{table: query})
    connection = rescoring.split_change(marts.folder, [(2015, rescoring.EARLIER)], marts.folder, earlier.folder)
    assert_adds_up(connection)
    found = rows(causes.parts(marts, 2015, 2015, earlier), "FROM part")
    assert found
    assert {(row["town_id"], row["cause"], row["indicator"]) for row in found} == {("YL-04", cause, indicator)}
    assert {row["item"] for row in found} == items
    if what == "a bonus over the limit":
        assert (
            sum(row["points"] for row in found)
            == rows(connection, f"SELECT total - 100 AS left_over FROM scored_town WHERE {ONE}")[0]["left_over"]
        )


def test_a_publication_against_itself_has_no_parts(marts: Marts) -> None:
    assert not rows(causes.parts(marts, 2015, 2015, marts), "FROM part")


def under(marts: Marts, folder: Path, options: dict[str, str], **tables: str) -> Marts:
    """The publication as it would be under other readings, on tables replaced as in ``altered``."""
    start = altered(marts, folder / "start", **tables)
    edition = rubric.load_edition(RUBRIC / "2013")
    connection = rescoring.lay_out(start.folder, edition, [rubric.scenario(edition, options=options)])
    rescoring.score(connection)
    transform.run_models(connection, [transform.load_models()["edition"]])
    shutil.copytree(start.folder, folder / "made")
    for name in ("edition", "town_score", "item_score", "term_score", "term_definition", "tier_definition"):
        (folder / "made" / f"{name}.parquet").unlink()
        connection.execute(f"COPY {name} TO '{folder / 'made' / name}.parquet' (FORMAT parquet)")
    return open_marts(folder / "made")


def assert_between(marts: Marts, earlier: Marts, before: int, after: int) -> list[Row]:
    """The parts, having seen that they lead from what was published earlier to what is published now."""
    found = causes.compare(marts, before, after, earlier=earlier)["towns"]
    assert len(found) == 22
    for town in found:
        for end in ("low", "high"):
            assert sum(row[f"points_{end}"] for row in town["parts"]) == town[f"change_{end}"], town
        if town["change"] is not None:
            assert sum(row["points"] for row in town["parts"]) == town["change"]
    return [row for town in found for row in town["parts"]]


@pytest.mark.parametrize(
    "options",
    [
        {"per_point": "started"},
        {"per_point": "pro_rata", "online_filing": "tiers"},
        {"bonus_cap": "excluded"},
        {"bonus_cap": "uncapped", "count_short": "all_or_nothing"},
    ],
)
def test_other_readings_alone_are_method_alone(marts: Marts, tmp_path: Path, options: dict[str, str]) -> None:
    found = assert_between(marts, under(marts, tmp_path, options), 2016, 2016)
    assert {row["cause"] for row in found} == {"method"}


@pytest.mark.long
def test_other_readings_and_revised_figures_stand_apart_and_lead_on_to_another_year(
    marts: Marts, tmp_path: Path
) -> None:
    earlier = under(
        marts,
        tmp_path,
        {"per_point": "pro_rata"},
        indicator_value="SELECT * REPLACE (if(year = 2016 AND indicator = 'authentication_rate' AND numerator > 100, "
        "numerator - 40, numerator) AS numerator) FROM old",
    )
    same = assert_between(marts, earlier, 2016, 2016)
    assert {row["cause"] for row in same} == {"method", "revision"}
    assert {row["indicator"] for row in same if row["cause"] == "revision"} == {"authentication_rate"}
    onward = assert_between(marts, earlier, 2016, 2017)
    assert {"method", "revision", "performance", "judgement"} <= {row["cause"] for row in onward}


# Merged towns ---------------------------------------------------------------------------------------------------------


def merging() -> duckdb.DuckDBPyConnection:
    """A goes into B, and in the next year has what both had; C stays as it is."""
    sources = {"information_accuracy", "activities"}
    connection = empty_warehouse(
        [(2013, "A"), (2013, "B"), (2013, "C"), (2014, "B"), (2014, "C")],
        {(source, year) for source in sources for year in (2013, 2014)},
    )
    insert(connection, "accepted_towns", [{"town_id": "A", "merged_into": "B", "valid_to": 2013, "source_row": 2}])
    figures = [(2013, "A", 100, 96), (2013, "B", 100, 99), (2014, "B", 200, 195)]
    figures += [(year, "C", 100, 97) for year in (2013, 2014)]
    insert(
        connection,
        "accepted_information_accuracy",
        [{"year": year, "town_id": town, "checked": d, "correct": n} for year, town, d, n in figures],
    )
    return connection


def test_what_a_merger_does_is_the_registers_and_no_ones_performance() -> None:
    connection = merging()
    split(connection, {})
    assert assert_adds_up(connection) == 2
    found = rows(connection, "FROM change_part")
    assert [(row["town_id"], row["item"], row["cause"]) for row in found] == [("B", "3.3.1", "register")]
    assert found[0]["points_low"] == -1
    assert "A" in found[0]["explanation_zh"]
    backwards = "SELECT 2013 AS year, town_id, 2014 AS previous_year, 'performance' AS figure_cause FROM town_year"
    split(connection, {}, f"{backwards} WHERE year = 2014")
    assert assert_adds_up(connection) == 2
    assert keyed(rows(connection, "FROM change_part")) == {("B", "3.3.1", "register", "register", ""): (1, 1)}


def test_what_a_merged_town_does_better_is_its_performance() -> None:
    connection = merging()
    connection.execute("UPDATE accepted_information_accuracy SET correct = 198 WHERE year = 2014 AND town_id = 'B'")
    split(connection, {})
    assert_adds_up(connection)
    assert keyed(rows(connection, "FROM change_part")) == {
        ("B", "3.3.1", "register", "register", ""): (-1, -1),
        ("B", "3.3.1", "performance", "numerator", "information_accuracy"): (1, 1),
    }


# The mart and the command ---------------------------------------------------------------------------------------------


def test_the_mart_is_as_the_command_splits_any_pair(marts: Marts) -> None:
    connection = rescoring.split_change(marts.folder, [(2016, 2015)], marts.folder)
    columns = "* EXCLUDE (year, previous_year)"
    split_anew = rows(connection, f"SELECT {columns} FROM change_part ORDER BY ALL")
    assert split_anew == marts.rows(f"SELECT {columns} FROM change_part WHERE year = 2016 ORDER BY ALL")
    assert len(split_anew) > 300


def test_years_apart_and_backwards_add_up(marts: Marts) -> None:
    for before, after in ((2013, 2017), (2017, 2014), (2015, 2014)):
        for town in causes.compare(marts, before, after)["towns"]:
            assert sum(row["points_low"] for row in town["parts"]) == town["change_low"]
            assert sum(row["points_high"] for row in town["parts"]) == town["change_high"]


def test_a_renamed_town_is_the_same_town(marts: Marts) -> None:
    towns = {town["town_id"]: town for town in causes.compare(marts, 2014, 2015)["towns"]}
    assert towns["YL-07"]["previous_town_name"] != towns["YL-07"]["town_name"]
    assert towns["YL-07"]["parts"]


def test_a_missing_item_is_a_range_and_named(marts: Marts) -> None:
    town = causes.compare(marts, 2016, 2017, town="YL-02")["towns"][0]
    assert town["change"] is None
    assert town["change_low"] < town["change_high"]
    assert {each["item"] for each in town["missing"]} >= {
        row["item"] for row in town["parts"] if row["cause"] == "coverage"
    }
    assert "…" in causes.compare_in_words(causes.compare(marts, 2016, 2017, town="YL-02"), "zh", whole=True)


def test_the_command_tells_it_in_both_languages_and_as_data(
    marts: Marts, committed_run: tuple[flow.Settings, flow.Outcome]
) -> None:
    folder = str(committed_run[0].marts)

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["compare", *arguments, "--marts", folder], standalone_mode=False)
        assert result.exception is None, result.exception
        return result.output

    chinese, english = said("2016", "2017", "--town", "YL-21"), said("2016", "2017", "--town", "YL-21", "--lang", "en")
    lines = english.splitlines()
    assert lines[2].endswith("−3.67")
    first = [float(line.split()[0].replace("−", "-")) for line in lines[4:]]
    assert [abs(each) for each in first] == sorted((abs(each) for each in first), reverse=True)
    assert round(sum(first), 6) == -3.67
    assert "追缴率" in chinese
    assert "recovery rate" in english
    told = json.loads(said("2016", "2017", "--town", "YL-21", "--json"))["towns"][0]
    assert sum(Decimal(row["points"]) for row in told["parts"]) == Decimal(told["change"])
    assert "※" in said("2016", "2017", "--before", marts.manifest["run_id"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("2016", "2016"), "--before"),
        (("2016", "2031"), "2031"),
        (("2015", "2016", "--town", "no such town"), "no such town"),
        (("2015", "2016", "--before", "no-such-run"), "no-such-run"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    committed_run: tuple[flow.Settings, flow.Outcome], arguments: tuple[str, ...], told: str
) -> None:
    result = CliRunner().invoke(
        app, ["compare", *arguments, "--marts", str(committed_run[0].marts)], standalone_mode=False
    )
    assert isinstance(result.exception, KaoheError)
    assert result.exception.code == Exit.USAGE
    assert told in str(result.exception)
