"""The product and the second opinion agree, and the product keeps the laws any fair scoring has to keep.

Each drawn world is scored by the product in one pass under several readings of the rubric; the second opinion scores
it again in its own way; every item, total, range, grade, rank and condition has to be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import product as combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from drawn_worlds import (
    SOURCES,
    Recipe,
    add_rows,
    flawless_sheet,
    improved,
    readings,
    recipes,
    shuffled,
    with_newcomer,
)
from second_opinion import AVAILABLE, BONUS, DEFAULTS, GRADES, OPTIONS, ItemResult, TownResult, World, score
from worlds import ProductScores, score_world

# Every example is a few hundred town-years, made afresh from a seed: there is little to gain from making one smaller,
# and a report names the town, so failing examples are not shrunk.
LARGE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)

Scenarios = dict[str, dict[str, str]]

#: Points beside a limit of grades, and beside where a total is rounded to one.
NEAR = [Decimal(text) for text in ("-0.51", "-0.5", "-0.49", "-0.01", "0.01", "0.49", "0.5", "0.51")]

ALL_READINGS: Scenarios = {
    "+".join(options): dict(zip(OPTIONS, options, strict=True)) for options in combinations(*OPTIONS.values())
}
"""Every combination of options, 288 of them."""

ONE_APART: Scenarios = {"default": DEFAULTS} | {
    f"{question}={option}": DEFAULTS | {question: option}
    for question, options in OPTIONS.items()
    for option in options[1:]
}
"""The default readings, and each other option with the rest left at its default."""


class Items:
    """Positions in an item's tuple."""

    STATUS, POINTS, LOW, HIGH, BEFORE = range(5)


class Towns:
    """Positions in a town's tuple."""

    STATUS, POINTS, BONUS, TOTAL, LOW, HIGH, GRADE, GRADE_LOW, GRADE_HIGH, RANK, CONDITION = range(11)


# ----------------------------------------------------------------------------------------------------------------------
# Agreement


def as_item(result: ItemResult) -> tuple[Any, ...]:
    """An item of the second opinion in the order of the product's tuple."""
    return (result.status, result.points, result.low, result.high, result.before_adjustment)


def as_town(result: TownResult) -> tuple[Any, ...]:
    """A town of the second opinion in the order of the product's tuple."""
    return (
        result.status,
        result.points,
        result.bonus,
        result.total,
        result.total_low,
        result.total_high,
        result.grade,
        result.grade_low,
        result.grade_high,
        result.rank,
        result.condition_met,
    )


def disagreements(world: World, scenarios: Scenarios, product: ProductScores) -> Iterator[str]:
    """Every item and town on which the two differ, with the rows that it rests on."""
    # The product names the points before an adjustment only where there was one.
    adjusted = {(row["year"], row["town_id"], row["item"]) for row in world.rows.get("adjustments", [])}
    expected_items = set()
    expected_towns = set()
    for scenario, options in scenarios.items():
        for (year, town_id), opinion in score(world, options).items():
            expected_towns.add((scenario, year, town_id))
            for item, result in opinion.items.items():
                expected_items.add((scenario, year, town_id, item))
                ours, theirs = as_item(result), product.items.get((scenario, year, town_id, item))
                if theirs is not None and (year, town_id, item) not in adjusted:
                    ours, theirs = (*ours[: Items.BEFORE], None), (*theirs[: Items.BEFORE], None)
                if ours != theirs:
                    yield disagreement(world, options, year, town_id, item, ours, theirs)
            ours, theirs = as_town(opinion), product.towns.get((scenario, year, town_id))
            if ours != theirs:
                yield disagreement(world, options, year, town_id, None, ours, theirs)
    # Clause 3.3.0 is compared through the town's condition: it has no points of its own.
    unexpected = {key for key in product.items if key[3] != "3.3.0"} - expected_items
    unexpected |= set(product.towns) - expected_towns
    for key in sorted(unexpected):
        yield f"scored by the product only: {key}"


def disagreement(
    world: World, options: dict[str, str], year: int, town_id: str, item: str | None, ours: object, theirs: object
) -> str:
    """One difference, told so that it can be worked out by hand."""
    chosen = ", ".join(f"{question}={option}" for question, option in options.items() if option != DEFAULTS[question])
    lines = [
        f"{year} {town_id} {item or 'town'} ({chosen or 'default readings'})",
        f"  second opinion {ours}",
        f"  product        {theirs}",
    ]
    undelivered = sorted(source for source in SOURCES if (source, year) not in world.delivered)
    if undelivered:
        lines.append(f"  not delivered: {', '.join(undelivered)}")
    for source, rows in world.rows.items():
        by_item = source in ("assessor_scores", "adjustments")
        for row in rows:
            if (row["year"], row["town_id"]) == (year, town_id) and (not by_item or item in (None, row["item"])):
                cells = {column: cell for column, cell in row.items() if column not in ("year", "town", "town_id")}
                lines.append(f"  {source} {cells}")
    return "\n".join(lines[:60])


def assert_agreement(world: World, scenarios: Scenarios) -> None:
    """Score ``world`` both ways; a failure shows the first three differences and counts the rest."""
    found = list(disagreements(world, scenarios, score_world(world, scenarios)))
    assert not found, f"{len(found)} differences\n\n" + "\n\n".join(found[:3])


def _agrees(half: int, examples: int) -> dict[str, int]:
    """How many town-years two drawn readings each were compared on, and how often each option of a reading was met."""
    met: dict[str, int] = {"town-years": 0}

    @settings(LARGE, max_examples=examples)
    @given(recipes(town_years=500, family=half), st.lists(readings(), min_size=2, max_size=2))
    def agree(recipe: Recipe, drawn: list[dict[str, str]]) -> None:
        world = recipe.world()
        assert_agreement(world, {f"drawn {number}": options for number, options in enumerate(drawn)})
        met["town-years"] += sum(len(world.towns_of(year)) for year in world.years)
        for options in drawn:
            for question, option in options.items():
                met[f"{question}={option}"] = met.get(f"{question}={option}", 0) + 1

    agree()
    return met


@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.long)])
def test_both_agree_on_a_drawn_city(half: int) -> None:
    assert _agrees(half, 2)["town-years"] >= 1_000


@pytest.mark.long
@pytest.mark.parametrize("half", [0, 1])
def test_both_agree_on_every_item_total_and_grade(half: int) -> None:
    """Two halves of 5,000 town-years and more, so that two cores can share them."""
    met = _agrees(half, 10)
    assert met.pop("town-years") >= 5_000
    assert set(met) == {f"{question}={option}" for question, options in OPTIONS.items() for option in options}


def test_both_agree_where_a_grade_begins_and_above_all_points() -> None:
    """Totals at and beside every limit, and beside where one is rounded to it; with bonuses, or an item open."""
    lost = [Decimal(limit) + apart for limit in (0, 5, 15, 25) for apart in (Decimal(0), *NEAR) if limit + apart >= 0]
    world = World([], [2013], {}, {(source, 2013) for source in SOURCES})
    for taken in lost:
        for bonus in (None, "0.5", "40"):
            for is_open in (False, True):
                town_id = f"{taken}+{bonus}{'?' if is_open else ''}"
                world.towns.append((town_id, None, None))
                sheet = flawless_sheet(2013, town_id, taken)
                if bonus:
                    given = next(row for row in sheet["assessor_scores"] if row["item"] == "4.1")
                    sheet["assessor_scores"].append(given | {"item": "1.4.B", "score": Decimal(bonus)})
                if is_open:
                    sheet["staffing"] = []
                add_rows(world.rows, sheet)
    assert_agreement(world, ONE_APART)


@pytest.mark.long
def test_both_agree_under_every_combination_of_readings() -> None:
    world = Recipe(seed=2013, years=2, undelivered=(("publicity", 1),), patchy=0.2, town_years=24).world()
    assert len(ALL_READINGS) == 3 * 2 * 3 * 2 * 2 * 2 * 2
    assert_agreement(world, ALL_READINGS)


# ----------------------------------------------------------------------------------------------------------------------
# Laws


@settings(LARGE, max_examples=2)
@given(recipes(town_years=150))
def test_scores_keep_within_bounds_and_totals_are_sums(recipe: Recipe) -> None:
    product = score_world(recipe.world(), ONE_APART)
    for key, (status, points, low, high, _) in product.items.items():
        if key[3] in AVAILABLE:
            assert 0 <= low <= high <= AVAILABLE[key[3]], key
            assert (points is None) == (status == "missing"), key
            assert points is None or low == points == high, key
    for key, town in product.towns.items():
        scenario = key[0]
        parts = [product.items[(*key, item)] for item in AVAILABLE]
        bonuses = [product.items[(*key, item)] for item in BONUS]
        bonus = sum((part[Items.POINTS] for part in bonuses), Decimal(0))
        low, high = (sum((part[end] for part in parts), Decimal(0)) for end in (Items.LOW, Items.HIGH))
        final = all(part[Items.POINTS] is not None for part in parts)
        assert town[Towns.STATUS] == ("final" if final else "provisional"), key
        assert town[Towns.BONUS] == bonus >= 0, key
        assert town[Towns.POINTS] == (high if final else None), key
        counted = Decimal(0) if scenario == "bonus_cap=excluded" else bonus
        most = Decimal("Infinity") if scenario in ("bonus_cap=excluded", "bonus_cap=uncapped") else Decimal(100)
        total_low, total_high = min(low + counted, most), min(high + counted, most)
        assert (town[Towns.LOW], town[Towns.HIGH]) == (total_low, total_high), key
        assert town[Towns.TOTAL] == (total_high if final else None), key
        assert 0 <= low <= high <= 100, key


@settings(LARGE, max_examples=2)
@given(recipes(town_years=150), st.integers(0, 2**32 - 1))
def test_a_better_figure_never_scores_less(recipe: Recipe, seed: int) -> None:
    """One figure of each town-year is improved, by as little as one person or one fen."""
    world = recipe.world()
    better, what = improved(world, seed)
    assert len(what) > 100
    before, after = score_world(world, ONE_APART), score_world(better, ONE_APART)
    assert after.items.keys() == before.items.keys()
    for key, item in before.items.items():
        changed = (key, what.get((key[1], key[2])), item, after.items[key])
        for position in (Items.LOW, Items.HIGH):
            # clause 3.3.0 has no points and may have no range either
            assert item[position] is None or after.items[key][position] >= item[position], changed
    for key, town in before.towns.items():
        changed = (key, what.get((key[1], key[2])), town, after.towns[key])
        for position in (Towns.LOW, Towns.HIGH):
            assert after.towns[key][position] >= town[position], changed
        for position in (Towns.GRADE_LOW, Towns.GRADE_HIGH):
            assert GRADES.index(after.towns[key][position]) >= GRADES.index(town[position]), changed
        if town[Towns.TOTAL] is not None:
            assert after.towns[key][Towns.TOTAL] >= town[Towns.TOTAL], changed


@pytest.mark.long
@settings(LARGE, max_examples=2)
@given(recipes(town_years=150), st.integers(0, 2**32 - 1))
def test_the_order_of_towns_and_rows_changes_nothing(recipe: Recipe, seed: int) -> None:
    world = recipe.world()
    before, after = score_world(world, ONE_APART), score_world(shuffled(world, seed), ONE_APART)
    assert after.items == before.items
    assert after.towns == before.towns


@pytest.mark.long
@settings(LARGE, max_examples=2)
@given(recipes(town_years=150), st.integers(0, 2**32 - 1))
def test_another_town_changes_nothing_for_the_others(recipe: Recipe, seed: int) -> None:
    """Save the rank, which it can only push down, by one."""
    world = recipe.world()
    larger, newcomer = with_newcomer(world, seed)
    before, after = score_world(world, ONE_APART), score_world(larger, ONE_APART)
    assert {key: item for key, item in after.items.items() if key[2] != newcomer} == before.items
    others = {key: town for key, town in after.towns.items() if key[2] != newcomer}
    assert others.keys() == before.towns.keys()
    assert len(after.towns) == len(before.towns) + len(world.years) * len(ONE_APART)
    for key, town in before.towns.items():
        now, rank = others[key], town[Towns.RANK]
        assert now[: Towns.RANK] == town[: Towns.RANK], key
        assert now[Towns.CONDITION] == town[Towns.CONDITION], key
        assert now[Towns.RANK] in ({None} if rank is None else {rank, rank + 1}), key


# ----------------------------------------------------------------------------------------------------------------------
# Missing is not zero

ZERO = {
    "online_filing.online_units": ("2.2.5", 0),
    "staffing.full_time_staff": ("3.1.3", 0),
    "reconciliation.persons_matched reconciliation.payments_matched": ("3.2.3", 0),
    "information_accuracy.correct": ("3.3.1", 0),
    "benefit_authentication.certified": ("3.3.2", 0),
    "overpayment_recovery.recovered_yuan": ("3.3.2", Decimal("0.00")),
    "publicity.has_window publicity.has_briefing": ("1.4.4", False),
    "assessor_scores.score": ("4.1", Decimal("0.00")),
}
"""Cells, the item that rests on them, and what zero is for them."""

COUNTED = {"1.4.3": "activities", "1.4.5": "activities", "2.2.4": "business_ledger"}
"""Items that are counted: a town without rows has none of them, unless nobody's rows were delivered."""


def test_missing_never_equals_zero() -> None:
    """A town for each figure with it at zero, one with it missing; a year with logs and ledgers and one without."""
    towns = [f"{cells}|{state}" for cells in ZERO for state in ("zero", "missing")]
    logs = set(COUNTED.values())
    world = World(
        towns=[(town_id, None, None) for town_id in (*towns, "no logs")],
        years=[2013, 2014],
        rows={},
        delivered={(source, year) for source in SOURCES for year in (2013, 2014)} - {(log, 2014) for log in logs},
    )
    for cells, (item, zero) in ZERO.items():
        for state in ("zero", "missing"):
            sheet = flawless_sheet(2013, f"{cells}|{state}")
            for source, column in (cell.split(".") for cell in cells.split()):
                if source == "assessor_scores" and state == "missing":
                    sheet[source] = [row for row in sheet[source] if row["item"] != item]
                for row in sheet[source]:
                    if source != "assessor_scores" or row["item"] == item:
                        row[column] = zero if state == "zero" else None
            add_rows(world.rows, sheet)
    for year in (2013, 2014):
        add_rows(world.rows, {s: rows for s, rows in flawless_sheet(year, "no logs").items() if s not in logs})

    product = score_world(world, {"default": DEFAULTS})
    for cells, (item, _) in ZERO.items():
        zero_item = product.items["default", 2013, f"{cells}|zero", item]
        missing_item = product.items["default", 2013, f"{cells}|missing", item]
        assert zero_item[Items.STATUS] in ("scored", "judged"), cells
        assert zero_item[Items.POINTS] < AVAILABLE[item], cells
        assert product.towns["default", 2013, f"{cells}|zero"][Towns.STATUS] == "final", cells
        assert missing_item[: Items.LOW] == ("missing", None), cells
        assert missing_item[Items.LOW] <= zero_item[Items.POINTS] < missing_item[Items.HIGH], cells
        assert product.towns["default", 2013, f"{cells}|missing"][Towns.STATUS] == "provisional", cells
        assert product.towns["default", 2013, f"{cells}|missing"][Towns.TOTAL] is None, cells
    for item in COUNTED:
        assert product.items["default", 2013, "no logs", item][: Items.LOW] == ("scored", 0), item
        assert product.items["default", 2014, "no logs", item][: Items.LOW] == ("missing", None), item
