"""Counts of persons from 1 to 9 are not shared, and cannot be worked out from what is: every small world is tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import duckdb
import pyarrow
import pytest

from pipelines.publish.suppression import shared
from pipelines.transform import Model

#: For each town its counts.
World = tuple[tuple[int, ...], ...]


def model(*persons: str, made: tuple[str, ...] = ()) -> Model:
    return Model(
        name="tried", layer="marts", select="", grain="", key=("year", "town_id"), columns={}, persons=persons,
        made_of_persons=made, columns_of="", by_town=False,
        yields=("year", "town_id", *persons, "is_suppressed"), needs=frozenset(),
    )  # fmt: skip


def shown(worlds: list[World], counts: tuple[str, ...]) -> list[tuple[tuple[int | None, ...], ...]]:
    """What is shared of each world (town → counts); the worlds are told apart as years."""
    rows = [(number, f"T{at}", *town) for number, world in enumerate(worlds) for at, town in enumerate(world)]
    laid = pyarrow.table(dict(zip(("year", "town_id", *counts), map(list, zip(*rows, strict=True)), strict=True)))
    connection = duckdb.connect()
    connection.register("laid", laid)
    connection.execute("CREATE TABLE tried AS SELECT *, FALSE AS is_suppressed FROM laid")
    query = shared(model(*counts))
    found = connection.execute(f"SELECT year, {', '.join(counts)} FROM ({query}) ORDER BY year, town_id").fetchall()
    of_world: dict[int, list[tuple[int | None, ...]]] = defaultdict(list)
    for year, *told in found:
        of_world[year].append(tuple(told))
    return [tuple(of_world[number]) for number in range(len(worlds))]


def choices(worlds: list[World], counts: tuple[str, ...]) -> Iterator[tuple[World, int, int, int]]:
    """For each figure from 1 to 9: its world, the figure, its total, and how many figures it may be.

    So many must be reckoned with by a reader who knows the rule, all that is shown, and the total of every count.
    """
    alike: dict[object, list[World]] = defaultdict(list)
    for world, told in zip(worlds, shown(worlds, counts), strict=True):
        alike[told, tuple(map(sum, zip(*world, strict=True)))].append(world)
    figures = [lambda town, at=at: town[at] for at in range(len(counts))]
    if len(counts) == 2:
        figures.append(lambda town: town[0] - town[1])
    for group in alike.values():
        for at, figure in product(range(len(group[0])), figures):
            possible = len({figure(world[at]) for world in group})
            for world in group:
                if 1 <= figure(world[at]) <= 9:
                    yield world, figure(world[at]), sum(map(figure, world)), possible


def test_no_total_gives_a_count_away() -> None:
    worlds = [tuple((count,) for count in world) for world in product(range(27), repeat=3)]
    # Near the highest count tried, worlds that would have to be reckoned with are not among those tried.
    found = [each for each in choices(worlds, ("paid",)) if max(each[0]) <= (17,)]
    assert len(found) > 5_000
    assert [each for each in found if each[3] < min(9, each[2] + 1)] == []


def test_no_second_count_gives_a_count_away() -> None:
    towns = [(due, paid) for due in range(19) for paid in range(due + 1)]
    found = [each for each in choices(list(product(towns, repeat=2)), ("due", "paid")) if max(each[0]) <= (9, 9)]
    assert len(found) > 1_000
    assert [each for each in found if each[3] < min(9, each[2] + 1)] == []


def test_what_is_far_from_small_is_shown_and_what_is_hidden_says_so() -> None:
    query = shared(model("due", "paid", made=("rate",)))
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE tried AS SELECT *, paid / due AS rate, FALSE AS is_suppressed FROM (VALUES "
        "(2013, 'A', 500, 400), (2013, 'B', 300, 297), (2013, 'C', 200, 150), (2013, 'D', 100, 40), "
        "(2014, 'A', 500, 400), (2014, 'B', 300, 250), (2014, 'C', NULL, NULL)) AS t(year, town_id, due, paid)"
    )
    rows = connection.execute(f"{query} ORDER BY year, town_id").fetchall()
    assert rows[4:] == [(2014, "A", 500, 400, 0.8, False), (2014, "B", 300, 250, 250 / 300, False),
                        (2014, "C", None, None, None, False)]  # fmt: skip
    assert rows[1] == (2013, "B", None, None, None, True), "three who did not pay"
    assert sorted(row[-1] for row in rows[:4]) == [False, False, True, True], "and one more, lest the total tell"


def test_a_mart_that_cannot_be_made_safe_is_refused() -> None:
    with pytest.raises(ValueError, match="town_id"):
        shared(replace(model("paid"), key=("year",)))
    with pytest.raises(ValueError, match="is_suppressed"):
        shared(replace(model("paid"), yields=("year", "town_id", "paid")))
