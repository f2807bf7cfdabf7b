"""What would lift a town: every change said to gain points is scored again, and one unit less gains less."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines import rubric, transform
from pipelines import run as flow
from pipelines.analysis import levers, rescoring
from pipelines.analysis.grades import bands_of, gap_to_next, unmet_conditions
from pipelines.analysis.levers import Limit
from pipelines.analysis.marts import Marts, open_marts
from pipelines.cli import app
from pipelines.errors import Exit, KaoheError

RUBRIC = Path(__file__).parent.parent / "rubric"
SISTER_CITY = Path(__file__).parent / "editions" / "2099"


@pytest.fixture(scope="module")
def marts(committed_run: tuple[flow.Settings, flow.Outcome]) -> Marts:
    settings, _ = committed_run
    return open_marts(settings.marts)


def rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> list[dict[str, Any]]:
    cursor = connection.execute(query, parameters)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def score_copies(connection: duckdb.DuckDBPyConnection, changes: list[dict[str, Any]]) -> None:
    """Add a copy of a town for every ``variant`` with its figures changed, and score everybody again, whole."""
    connection.execute(
        "CREATE OR REPLACE TABLE copied AS "
        "SELECT unnest(entry, recursive := TRUE) FROM (SELECT unnest($rows) AS entry)",
        {"rows": changes},
    )
    connection.execute("CREATE OR REPLACE TABLE copy AS SELECT DISTINCT year, town_id, variant FROM copied")
    for table in ("town_year", "assessor_score", "adjustment", "withheld_item", "indicator_value"):
        connection.execute(
            f"INSERT INTO {table} SELECT {table}.* REPLACE (variant AS town_id) FROM {table} "
            "INNER JOIN copy USING (year, town_id)"
        )
    connection.execute(
        "UPDATE indicator_value SET numerator = copied.numerator, denominator = copied.denominator FROM copied "
        "WHERE indicator_value.town_id = variant AND indicator_value.year = copied.year "
        "AND indicator_value.indicator = copied.indicator"
    )
    transform.run_models(connection, transform.upstream("scored_town", given=rescoring.GIVEN))


def assert_every_lever_holds(connection: duckdb.DuckDBPyConnection) -> int:
    """Each lever gives exactly what it says, and a unit less gives less (or, where it meets a condition, does not)."""
    found = rows(connection, "SELECT lever.*, unit FROM lever INNER JOIN rubric_indicator USING (indicator)")
    changes = []
    for number, lever in enumerate(found):
        for less in (0, 1):
            figure = {"numerator": lever["numerator_after"], "denominator": lever["denominator_after"]}
            if lever["unit"] == "ratio":
                figure["denominator"] -= less
            else:
                figure["numerator"] += less if figure["numerator"] < lever["numerator"] else -less
            changes.append(
                {"year": lever["year"], "town_id": lever["town_id"], "variant": f"{number}|{less}",
                 "indicator": lever["indicator"], **figure}
            )  # fmt: skip
    score_copies(connection, changes)
    result = {
        (row["town_id"], row["year"]): (row["points"], set(filter(None, (row["met"] or "").split(";"))))
        for row in rows(
            connection,
            "SELECT town_id, year, sum(points_low) AS points, string_agg(item, ';') FILTER (is_met) AS met "
            "FROM scored_item WHERE scenario = 'in_force' GROUP BY ALL",
        )
    }
    for number, lever in enumerate(found):
        points, met = result[lever["town_id"], lever["year"]]
        whole, whole_met = result[f"{number}|0", lever["year"]]
        short, short_met = result[f"{number}|1", lever["year"]]
        assert whole - points == lever["points_gained"], lever
        promised = set(lever["conditions_met"].split("; ")) if lever["conditions_met"] else set()
        assert promised == whole_met - met, lever
        assert short < whole or short_met < whole_met, lever
        if lever["lever_no"] == 1:
            assert (short, short_met) == (points, met), "the first lever is the first gain there is"
    return len(found)


def test_every_lever_of_the_committed_deliveries_holds(marts: Marts) -> None:
    connection = rescoring.reopen(marts, RUBRIC)
    rescoring.find_levers(connection, "SELECT year, town_id, FALSE AS every_level FROM town_year")
    assert assert_every_lever_holds(connection) > 500


def test_every_hundredth_of_one_town_holds(marts: Marts) -> None:
    connection = rescoring.reopen(marts, RUBRIC)
    one = "town_id = 'YL-10' AND year = 2016"
    rescoring.find_levers(connection, f"SELECT year, town_id, TRUE AS every_level FROM town_year WHERE {one}")
    assert assert_every_lever_holds(connection) > 30


READINGS = [
    {},
    {"per_point": "pro_rata", "online_filing": "tiers", "count_short": "all_or_nothing"},
    {"per_point": "started", "headline": "no_excellence", "recovery_none": "full"},
]


@pytest.mark.parametrize("options", READINGS)
def test_every_lever_holds_under_every_kind_of_reading(marts: Marts, options: dict[str, str]) -> None:
    edition = rubric.load_edition(RUBRIC / "2013")
    connection = rescoring.lay_out(marts.folder, edition, [rubric.scenario(edition, options=options)])
    rescoring.score(connection)
    rescoring.find_levers(connection, "SELECT year, town_id, FALSE AS every_level FROM town_year WHERE year >= 2016")
    assert assert_every_lever_holds(connection) > 100


def test_every_lever_holds_under_a_sister_citys_edition(marts: Marts) -> None:
    """Tiers, caps, cliffs, faults case by case and vetoes."""
    connection = rescoring.lay_out(marts.folder, rubric.load_edition(SISTER_CITY))
    rescoring.score(connection)
    rescoring.find_levers(connection, "SELECT year, town_id, FALSE AS every_level FROM town_year")
    assert assert_every_lever_holds(connection) > 500
    kinds = {row["kind"] for row in rows(connection, "SELECT DISTINCT kind FROM rubric_term SEMI JOIN lever "
                                                     "USING (indicator)")}  # fmt: skip
    assert kinds >= {"tiers", "shortfall", "proportion", "flag", "condition"}


def test_the_mart_is_of_the_latest_year_and_as_the_command_finds_it(marts: Marts) -> None:
    assert {row["year"] for row in marts.rows("SELECT DISTINCT year FROM lever")} == {max(marts.years)}
    connection = rescoring.reopen(marts, RUBRIC)
    rescoring.find_levers(
        connection, f"SELECT year, town_id, FALSE AS every_level FROM town_year WHERE year = {max(marts.years)}"
    )
    assert rows(connection, "FROM lever ORDER BY ALL") == marts.rows("FROM lever ORDER BY ALL")


def test_an_item_replaced_on_review_is_no_lever(marts: Marts) -> None:
    connection = rescoring.reopen(marts, RUBRIC)
    rescoring.find_levers(connection, "SELECT year, town_id, FALSE AS every_level FROM town_year")
    for review in marts.rows("FROM adjustment"):
        found = rows(connection, f"FROM lever WHERE year = {review['year']} AND town_id = '{review['town_id']}'")
        assert all(review["item"] not in lever["items"].split("; ") for lever in found)


# ----------------------------------------------------------------------------------------------------------------------
# The cheapest set


def near_a_better_grade(marts: Marts) -> list[tuple[str, int]]:
    found = marts.rows(
        "SELECT town_id, year FROM town_score INNER JOIN grade_band USING (grade) WHERE total IS NOT NULL "
        "AND position > 1 ORDER BY (SELECT min(coalesce(at_least, above) - total) FROM grade_band AS better "
        "WHERE better.position = grade_band.position - 1), town_id, year"
    )
    return [(row["town_id"], row["year"]) for row in found]


@pytest.mark.long
def test_the_cheapest_set_reaches_the_next_grade_and_nothing_cheaper_does(marts: Marts) -> None:
    proven = 0
    for town, year in near_a_better_grade(marts)[:6]:
        free = levers.levers(marts, RUBRIC, town, year, {})
        if free["cheapest"] is None:
            continue
        # Few figures, each by a few units: then every whole change of them can be tried.
        by_worth = [row["indicator"] for row in free["levers"] if row["change"] <= 4]
        movable = sorted(dict.fromkeys(by_worth))[:4]
        everything = {row["indicator"] for row in marts.rows("SELECT indicator FROM indicator_definition")}
        costs = {name: Decimal(1 + place) / 2 for place, name in enumerate(movable)}
        limits = {name: Limit(most=4, cost=costs[name]) if name in movable else Limit(most=0) for name in everything}
        told = levers.levers(marts, RUBRIC, town, year, limits)
        connection = rescoring.reopen(marts, RUBRIC)
        figures = {
            row["indicator"]: row
            for row in rows(connection, f"FROM indicator_value WHERE town_id = '{town}' AND year = {year}")
        }
        ratios = {row["indicator"] for row in rows(connection, "FROM rubric_indicator WHERE unit = 'ratio'")}
        flags = {row["indicator"] for row in rows(connection, "FROM rubric_indicator WHERE unit = 'flag'")}
        tried: dict[str, Decimal] = {}
        changes = []
        for units in product(*(range(2 if name in flags else 5) for name in movable)):
            variant = "|".join(map(str, units))
            tried[variant] = sum((n * costs[name] for n, name in zip(units, movable, strict=True)), Decimal(0))
            for n, name in zip(units, movable, strict=True):
                part = "denominator" if name in ratios else "numerator"
                figure = {key: figures[name][key] for key in ("numerator", "denominator")}
                figure[part] += n
                changes.append({"year": year, "town_id": town, "variant": variant, "indicator": name, **figure})
        score_copies(connection, changes)
        position = {row["grade"]: row["position"] for row in rows(connection, "FROM rubric_band")}
        reaching = [
            tried[row["town_id"]]
            for row in rows(connection, "SELECT town_id, grade_low FROM scored_town WHERE scenario = 'in_force'")
            if row["town_id"] in tried and position[row["grade_low"]] <= position[told["gap"]["grade"]]
        ]
        if told["cheapest"] is None:
            assert not reaching
        else:
            proven += 1
            assert told["cheapest"]["cost"] == min(reaching)
    assert proven >= 2


@pytest.mark.long
def test_the_set_promised_reaches_the_grade(marts: Marts) -> None:
    reached = 0
    for town, year in near_a_better_grade(marts)[:10]:
        told = levers.levers(marts, RUBRIC, town, year, {})
        if told["cheapest"]:
            changes = {
                row["indicator"]: f"{row['numerator_after']}/{row['denominator_after']}"
                for row in told["cheapest"]["changes"]
            }
            after = levers.what_if(marts, RUBRIC, town, year, changes)["after"]
            position = [band["grade"] for band in marts.rows("FROM grade_band ORDER BY position")].index
            assert position(after["grade_low"]) <= position(told["gap"]["grade"])
            reached += 1
    assert reached >= 5


def test_a_dearer_figure_is_left_alone_and_a_limit_is_kept(marts: Marts) -> None:
    for town, year in near_a_better_grade(marts):
        told = levers.levers(marts, RUBRIC, town, year, {})
        if told["cheapest"] and len(told["cheapest"]["changes"]) == 1:
            used = told["cheapest"]["changes"][0]
            dear = levers.levers(marts, RUBRIC, town, year, {used["indicator"]: Limit(cost=Decimal(10**6))})
            barred = levers.levers(marts, RUBRIC, town, year, {used["indicator"]: Limit(most=used["change"] - 1)})
            for other in (dear["cheapest"], barred["cheapest"]):
                if other is not None:
                    assert all(
                        row["indicator"] != used["indicator"] or row["change"] < used["change"]
                        for row in other["changes"]
                    )
            return
    pytest.fail("no town is one change away from a better grade")


def test_a_condition_in_the_way_is_part_of_the_set(marts: Marts) -> None:
    """Under the reading that bars the best grade, a town with the points still has to meet the condition."""
    edition = rubric.load_edition(RUBRIC / "2013")
    connection = rescoring.lay_out(
        marts.folder, edition, [rubric.scenario(edition, options={"headline": "no_excellence"})]
    )
    rescoring.score(connection)
    barred = rows(
        connection,
        "FROM town_score WHERE NOT condition_met AND grade = '合格' AND total < 95 ORDER BY total DESC LIMIT 1",
    )
    assert barred

    ask = partial(rows, connection)
    town, year = barred[0]["town_id"], barred[0]["year"]
    gap = gap_to_next(barred[0], bands_of(ask), unmet_conditions(ask, [town], [year])[town, year])
    assert gap is not None
    assert gap["grade"] == "优胜"
    assert gap["must_meet"] == ["3.3.0"]


# ----------------------------------------------------------------------------------------------------------------------
# What if, and the city


def test_what_if_nothing_changes_nothing_changes(marts: Marts) -> None:
    figure = marts.rows(
        "FROM indicator_value WHERE town_id = 'YL-04' AND year = 2015 AND indicator = 'authentication_rate'"
    )
    told = levers.what_if(marts, RUBRIC, "YL-04", 2015, {"authentication_rate": str(figure[0]["numerator"])})
    assert told["before"] == told["after"]
    assert told["items"] == told["others"] == []


def test_what_if_moves_the_others_ranks_and_only_theirs(marts: Marts) -> None:
    last = marts.rows("SELECT town_id FROM town_score WHERE year = 2015 ORDER BY rank DESC NULLS LAST LIMIT 1")[0][
        "town_id"
    ]
    told = levers.what_if(marts, RUBRIC, last, 2015, {"4.1": "10", "4.2": "5", "5.1": "5", "5.2": "7", "1.1": "6"})
    assert told["after"]["rank"] < told["before"]["rank"]
    assert len(told["others"]) == told["before"]["rank"] - told["after"]["rank"]
    assert all(row["rank_after"] == row["rank_before"] + 1 for row in told["others"])
    assert told["after"]["total"] - told["before"]["total"] == sum(
        item["points_after"] - item["points_before"] for item in told["items"]
    )


@pytest.mark.parametrize(
    "changes", [{"no_such_rate": "1"}, {"9.9": "1"}, {"4.1": "11"}, {"4.1": "much"}, {"authentication_rate": "1/2/3"}]
)
def test_what_cannot_be_is_refused(marts: Marts, changes: dict[str, str]) -> None:
    with pytest.raises(KaoheError) as caught:
        levers.what_if(marts, RUBRIC, "YL-04", 2015, changes)
    assert caught.value.code == Exit.USAGE


@pytest.mark.long
def test_the_city_counts_the_towns_that_really_move_up(marts: Marts) -> None:
    found = levers.city_levers(marts, RUBRIC, 2015)
    assert 0 < len(found) <= levers.MOST
    assert [row["towns_up"] for row in found] == sorted((row["towns_up"] for row in found), reverse=True)
    first = found[0]
    assert first["towns_up"] > 0
    connection = rescoring.reopen(marts, RUBRIC)
    rescoring.find_levers(connection, "SELECT year, town_id, FALSE AS every_level FROM town_year WHERE year = 2015")
    position = [band["grade"] for band in marts.rows("FROM grade_band ORDER BY position")].index
    up = towns = 0
    for town in {row["town_id"] for row in rows(connection, f"FROM lever WHERE indicator = '{first['indicator']}'")}:
        steps = rows(
            connection, f"FROM lever WHERE indicator = '{first['indicator']}' AND town_id = '{town}' ORDER BY lever_no"
        )
        step = steps[0] if first["aim"] == "first" else steps[-1]
        told = levers.what_if(
            marts, RUBRIC, town, 2015, {first["indicator"]: f"{step['numerator_after']}/{step['denominator_after']}"}
        )
        towns += 1
        up += position(told["after"]["grade_low"]) < position(told["before"]["grade_low"])
    assert (towns, up) == (first["towns"], first["towns_up"])


def test_an_edition_changed_since_the_publication_is_not_guessed_with(marts: Marts, tmp_path: Path) -> None:
    from test_rescoring import amended

    amended(tmp_path, "area-1.yml", ("target: 3", "target: 4"))
    with pytest.raises(KaoheError, match="run again first"):
        levers.levers(marts, tmp_path, "YL-04", 2015, {})


@pytest.mark.long
def test_the_commands_tell_it_in_both_languages_and_as_data(
    marts: Marts, committed_run: tuple[flow.Settings, flow.Outcome], tmp_path: Path
) -> None:
    settings, _ = committed_run
    there = ("--marts", str(settings.marts), "--rubric", str(RUBRIC))

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, *there], standalone_mode=False)
        assert result.exception is None, result.exception
        return result.output

    limits = tmp_path / "limits.yml"
    limits.write_text("authentication_rate: {most: 20, cost: 0.5}\n", encoding="utf-8")
    town, year = near_a_better_grade(marts)[0]
    assert "还差" in said("lever", town, str(year), "--limits", str(limits))
    assert "short of" in said("lever", town, str(year), "--lang", "en")
    assert json.loads(said("lever", town, str(year), "--json"))["gap"]["grade"]
    assert "升等" in said("lever", "--city", "2016")
    assert "up a grade" in said("lever", "--city", "2016", "--lang", "en")
    assert "→" in said("whatif", town, str(year), "4.1=10")
    assert json.loads(said("whatif", town, str(year), "4.1=10", "--json"))["after"]


@pytest.mark.parametrize("text", ["authentication_rate: 5", "authentication_rate: {most: -1}", "a: {b", "x: {cost: 0}"])
def test_limits_that_say_something_else_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "limits.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KaoheError) as caught:
        levers.read_limits(path)
    assert caught.value.code == Exit.USAGE
