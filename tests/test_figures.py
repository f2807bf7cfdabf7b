"""What a figure and a score rest on: which rows, and what rows in quarantine hold back and what they do not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from drawn_worlds import Recipe, add_rows, flawless_sheet
from pipelines import rubric, transform
from second_opinion import World
from worlds import EDITION, laid_out, loaded_edition

Row = dict[str, Any]

#: Indicator → its source and which rows of it count.
COUNTS: dict[str, tuple[str, Callable[[Row], bool]]] = {
    "training_sessions": ("activities", lambda row: row["kind"] == "培训"),
    "meetings": ("activities", lambda row: row["kind"] == "会议"),
    "articles": ("activities", lambda row: row["kind"] == "信息稿件"),
    "analyses": ("activities", lambda row: row["kind"] == "分析材料"),
    "ledger_on_time_rate": ("business_ledger", lambda _: True),
    "online_filing_rate": (
        "online_filing", lambda row: row["online_units"] is not None and row["insured_units"] is not None,
    ),
    "reconciliation_accuracy": (
        "reconciliation",
        lambda row: any(row[f"{what}_checked"] is not None and row[f"{what}_matched"] is not None
                        for what in ("persons", "payments")),
    ),
    "persons_per_staff": ("staffing", lambda _: True),
    "has_publicity": ("publicity", lambda _: True),
    "information_accuracy": ("information_accuracy", lambda _: True),
    "authentication_rate": ("benefit_authentication", lambda _: True),
    "recovery_rate": ("overpayment_recovery", lambda _: True),
    "report_errors": ("statistical_reports", lambda row: row["errors"] is not None),
    "report_on_time_rate": ("statistical_reports", lambda row: row["due_on"] is not None),
    "pension_task_completion": ("pension_renewal", lambda _: True),
    "expansion_task_completion": ("insurance_expansion", lambda _: True),
    "community_management_rate": ("retiree_management", lambda _: True),
    "card_holding_rate": ("citizen_card", lambda _: True),
    "card_on_time_rate": ("citizen_card", lambda _: True),
}  # fmt: skip


def _figures(
    world: World, *withheld: tuple[str, int, str, str | None], edition: Path = EDITION
) -> duckdb.DuckDBPyConnection:
    connection = laid_out(world)
    for held in withheld:
        connection.execute("INSERT INTO withheld VALUES (?, ?, ?, ?)", held)
    loaded = loaded_edition(edition)
    rubric.load_into(connection, loaded, [rubric.scenario(loaded)])
    transform.run_models(connection, transform.upstream("scored_item"))
    return connection


@pytest.mark.parametrize("seed", [1, 2])
def test_a_figure_names_the_first_row_it_rests_on_and_how_many_there_are(seed: int) -> None:
    world = Recipe(seed=seed, years=2, undelivered=(("publicity", 1),), patchy=0.5, town_years=80).world()
    found = {
        (year, town_id, indicator): (file, row, rows)
        for year, town_id, indicator, file, row, rows in _figures(world)
        .execute("SELECT year, town_id, indicator, source_file, source_row, source_rows FROM indicator_value")
        .fetchall()
    }
    checked = 0
    for year in world.years:
        for town_id in world.towns_of(year):
            for indicator, (source, counts) in COUNTS.items():
                numbers = [
                    number
                    for number, row in enumerate(world.rows[source], start=2)
                    if (row["year"], row["town_id"]) == (year, town_id) and counts(row)
                ]
                expected = (f"{year}/{source}.csv", min(numbers), len(numbers)) if numbers else (None, None, 0)
                assert found[year, town_id, indicator] == expected, (year, town_id, indicator)
                checked += len(numbers) > 1
    assert checked > 100


@pytest.fixture(scope="module")
def flawless() -> World:
    """Two towns and two years in which nothing is lost."""
    world = World([("A", None, None), ("B", None, None)], [2013, 2014], {}, set())
    for year in world.years:
        for town_id in ("A", "B"):
            add_rows(world.rows, flawless_sheet(year, town_id))
    world.delivered.update((source, year) for source in world.rows for year in world.years)
    return world


@pytest.mark.parametrize(
    ("withheld", "open_items"),
    [
        (("assessor_scores", 2013, "A", "4.1"), {"4.1"}),
        (("adjustments", 2013, "A", "4.1"), {"4.1"}),
        (("adjustments", 2013, "A", "3.3.1"), {"3.3.1"}),
        (("information_accuracy", 2013, "A", None), {"3.3.1"}),
        (("publicity", 2014, "B", None), {"1.4.4"}),
        (("staffing", 2014, "B", None), {"3.1.3"}),
        # A warning holds nothing back, nor does a row of a source that no figure is made of.
        (("review_records", 2013, "A", None), set()),
    ],
)
def test_what_is_held_back_leaves_its_own_items_open_and_no_others(
    flawless: World, withheld: tuple[str, int, str, str | None], open_items: set[str]
) -> None:
    connection = _figures(flawless, withheld)
    _, year, town_id, _ = withheld
    query = "SELECT year, town_id, item FROM scored_item WHERE status = 'missing'"
    assert set(connection.execute(query).fetchall()) == {(year, town_id, item) for item in open_items}
    held = "SELECT year, town_id, source FROM indicator_value WHERE status = 'withheld'"
    assert set(connection.execute(held).fetchall()) <= {(year, town_id, withheld[0])}


@pytest.mark.parametrize("source", ["assessor_scores", "adjustments"])
def test_decisions_held_back_without_their_item_leave_all_open_that_they_could_be_of(
    flawless: World, source: str
) -> None:
    connection = _figures(flawless, (source, 2013, "A", None))
    judged = {
        item
        for (item,) in connection.execute("SELECT item FROM rubric_term WHERE kind IN ('judged', 'bonus')").fetchall()
    }
    every = {item for (item,) in connection.execute("SELECT item FROM rubric_item").fetchall()}
    query = "SELECT year, town_id, item FROM scored_item WHERE status = 'missing'"
    wanted = judged if source == "assessor_scores" else every
    assert set(connection.execute(query).fetchall()) == {(2013, "A", item) for item in wanted}
    # A bonus without a cap of its own could have been anything; the rest is open from nothing to all it can give.
    ranges = "SELECT item, kind, available, points, points_low, points_high FROM scored_item WHERE status = 'missing'"
    for item, kind, available, points, low, high in connection.execute(ranges).fetchall():
        expected = (None, None, None) if kind == "condition" else (None, 0, 100 if kind == "bonus" else available)
        if source == "assessor_scores":
            assert (points, low, high) == expected, item


@pytest.mark.parametrize("cap", ["1.5", "2"])
def test_a_bonus_held_back_can_be_no_more_than_its_cap(flawless: World, cap: str, tmp_path: Path) -> None:
    shutil.copytree(EDITION, tmp_path / "2013")
    area = tmp_path / "2013" / "area-1.yml"
    text = area.read_text(encoding="utf-8")
    area.write_text(text.replace("- kind: bonus", f"- {{kind: bonus, cap: {cap}}}", 1), encoding="utf-8")
    connection = _figures(flawless, ("assessor_scores", 2013, "A", "1.4.B"), edition=tmp_path / "2013")
    query = "SELECT year, town_id, points_low, points_high FROM scored_item WHERE item = '1.4.B' AND status = 'missing'"
    assert connection.execute(query).fetchall() == [(2013, "A", 0, Decimal(cap))]


def test_a_kind_of_term_the_models_do_not_know_is_never_scored_as_another() -> None:
    connection = _figures(Recipe(seed=1, years=1, undelivered=(), patchy=0, town_years=3).world())
    term = connection.execute("SELECT any_value(term) FROM rubric_term WHERE kind = 'proportion'").fetchall()[0][0]
    connection.execute("UPDATE indicator_value SET numerator = denominator / 2 WHERE denominator > 0")

    def losses() -> set[tuple[bool]]:
        transform.run_models(connection, [transform.load_models()["scored_term"]])
        asked = "SELECT loss_n IS NULL FROM scored_term WHERE term = ? AND status = 'scored' AND NOT is_met"
        return set(connection.execute(asked, [term]).fetchall())

    assert losses() == {(False,)}
    connection.execute("UPDATE rubric_term SET kind = 'another' WHERE kind = 'proportion'")
    assert losses() == {(True,)}


def test_an_edition_without_conditions_grades_every_town_by_its_total() -> None:
    connection = _figures(Recipe(seed=1, years=1, undelivered=(), patchy=0, town_years=3).world())
    connection.execute("DELETE FROM rubric_condition")
    transform.run_models(connection, [transform.load_models()["scored_town"]])
    towns = connection.execute("SELECT town_id FROM town_year ORDER BY ALL").fetchall()
    assert connection.execute("SELECT town_id FROM scored_town ORDER BY ALL").fetchall() == towns
    asked = "SELECT DISTINCT grade_high IS NULL, condition_met FROM scored_town"
    assert connection.execute(asked).fetchall() == [(False, None)]
