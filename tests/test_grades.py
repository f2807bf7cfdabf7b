"""The gap to the next grade made up, a town is lifted as the models grade it; a hundredth less, and it is not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import rubric, transform
from pipelines.analysis.grades import Band, bands_of, gap_in_words, gap_to_next, unmet_conditions

ROOT = Path(__file__).parent.parent
EDITIONS = (ROOT / "rubric" / "2013", ROOT / "tests" / "editions" / "2099")
#: The readings a grade depends on.
READINGS = [
    (edition, dict(zip(names, options, strict=True)))
    for edition, names, choices in (
        (EDITIONS[0], ("grade_gap", "headline"), (("none", "half_up"), ("condition", "no_excellence"))),
        (EDITIONS[1], ("veto",), (("mild", "severe"),)),
    )
    for options in product(*choices)
]
YEAR = 2013
HUNDREDTH = Decimal("0.01")

Rows = list[dict[str, Any]]


class Graded:
    """Towns that have nothing but a total and conditions, graded by the models."""

    def __init__(self, edition: rubric.Edition, options: Mapping[str, str]) -> None:
        self.connection = duckdb.connect()
        rubric.load_into(self.connection, edition, [rubric.scenario(edition, options=options)])
        transform.run_models(self.connection, transform.upstream("edition", "grade_band", "term_definition"))
        self.conditions = [item.item for item in edition.items if item.kind == "condition"]
        self.connection.execute(
            "CREATE TABLE scored_item (scenario VARCHAR, year INTEGER, town_id VARCHAR, item VARCHAR, kind VARCHAR, "
            "status VARCHAR, points_low DECIMAL(9, 2), points_high DECIMAL(9, 2), is_met BOOLEAN)"
        )

    def rows(self, query: str, parameters: Any = None) -> Rows:
        cursor = self.connection.execute(query, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def grade(self, towns: Mapping[str, tuple[Decimal, Mapping[str, bool | None]]]) -> dict[str, dict[str, Any]]:
        """Each town's total and grade, given its points and which conditions are met."""
        told = [
            (YEAR, town, item, kind, points, is_met)
            for town, (total, conditions) in towns.items()
            for item, kind, points, is_met in [
                ("1", "scored", total, None),
                *((item, "condition", Decimal(0), met) for item, met in conditions.items()),
            ]
        ]
        self.connection.execute("DELETE FROM scored_item")
        self.connection.execute(
            "INSERT INTO scored_item SELECT 'in_force', year, town_id, item, kind, 'scored', points, points, is_met "
            "FROM (SELECT unnest(?) AS year, unnest(?) AS town_id, unnest(?) AS item, unnest(?) AS kind, "
            "unnest(?) AS points, unnest(?) AS is_met)",
            [list(column) for column in zip(*told, strict=True)],
        )
        transform.run_models(self.connection, [transform.load_models()["scored_town"]])
        self.connection.execute("CREATE OR REPLACE VIEW item_score AS FROM scored_item")
        return {row["town_id"]: row for row in self.rows("FROM scored_town")}


def totals(bands: list[Band]) -> set[Decimal]:
    near = {Decimal(0), Decimal("0.01"), Decimal("0.5"), Decimal("0.49"), Decimal("0.51"), Decimal(1), Decimal("7.77")}
    limits = {limit for band in bands for _, limit in band.written}
    found = {limit + sign * far for limit in limits for far in near for sign in (1, -1)}
    return {total for total in found if 0 <= total <= 100} | {Decimal(0), Decimal(100)}


@pytest.mark.parametrize(("folder", "options"), READINGS, ids=lambda each: str(getattr(each, "name", each)))
def test_the_gap_made_up_lifts_a_town_and_a_hundredth_less_does_not(folder: Path, options: dict[str, str]) -> None:
    graded = Graded(rubric.load_edition(folder), options)
    bands = bands_of(graded.rows)
    place = {band.grade: at for at, band in enumerate(bands)}
    met = [
        dict(zip(graded.conditions, each, strict=True))
        for each in product((True, False, None), repeat=len(graded.conditions))
    ]
    towns = {f"{total} {each}": (total, each) for total in totals(bands) for each in met}
    standing = graded.grade(towns)
    unmet = unmet_conditions(graded.rows, list(towns), [YEAR])
    gaps = {town: gap_to_next(standing[town], bands, unmet[town, YEAR]) for town in towns}
    assert {standing[town]["grade_low"] for town, gap in gaps.items() if gap is None} == {bands[0].grade}

    open_gaps = {town: gap for town, gap in gaps.items() if gap is not None}
    assert any(gap["must_meet"] for gap in open_gaps.values()) is (options.get("headline") != "condition")

    def after(lacking: Decimal, leave: int) -> dict[str, dict[str, Any]]:
        """Every town with its gap made up but for ``lacking`` points and the first ``leave`` conditions."""
        return graded.grade(
            {
                town: (
                    towns[town][0] + gap["points"] - lacking,
                    towns[town][1] | dict.fromkeys(gap["must_meet"][leave:], True),
                )
                for town, gap in open_gaps.items()
            }
        )

    made_up, too_few, left_unmet = after(Decimal(0), 0), after(HUNDREDTH, 0), after(Decimal(0), 1)
    for town, gap in open_gaps.items():
        aim = place[gap["grade"]]
        assert place[made_up[town]["grade_low"]] <= aim, town
        if gap["points"]:
            assert place[made_up[town]["grade_low"]] == aim, town
            assert place[too_few[town]["grade_low"]] > aim, town
        if gap["must_meet"]:
            assert place[left_unmet[town]["grade_low"]] > aim, town


def test_the_gap_in_words() -> None:
    band = {"grade": "优胜", "limit": "≥95", "points": Decimal("0.56"), "must_meet": []}
    barred = band | {"points": Decimal(0), "must_meet": ["3.3.0"]}
    assert gap_in_words(band, "zh") == "距「优胜」（≥95）还差 0.56 分"
    assert gap_in_words(barred, "zh") == "分数已够「优胜」（≥95），还须达到条件 3.3.0"
    assert gap_in_words(band | {"must_meet": ["3.3.0"]}, "en").endswith("; conditions to meet as well: 3.3.0")
