"""The marts of the committed deliveries are the golden ones, row by row; ``make golden`` renews them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipelines import run as flow

GOLDEN = Path(__file__).parent / "golden"

#: What a change of rule or code may move, in a form a reviewer can read.
MARTS = {
    "town_score": "SELECT * FROM '{}' ORDER BY year, town_id",
    "item_score": "SELECT year, town_id, item, status, points, points_low, points_high, points_before_adjustment, "
    "explanation_zh, explanation_en FROM '{}' ORDER BY year, town_id, item",
    "indicator_value": "SELECT year, town_id, indicator, numerator, denominator, value, status FROM '{}' ORDER BY ALL",
    "year_over_year": "SELECT * FROM '{}' ORDER BY year, town_id",
    "delivery": "SELECT source_file, source_sheet, rows_read, accepted, quarantined, ignored, ignored_reasons "
    "FROM '{}' ORDER BY ALL",
}


@pytest.mark.parametrize("mart", MARTS)
def test_marts_of_the_committed_deliveries_are_the_golden_ones(
    mart: str, committed_run: tuple[flow.Settings, flow.Outcome], request: pytest.FixtureRequest
) -> None:
    settings, _ = committed_run
    query = MARTS[mart].format(settings.marts / f"{mart}.parquet")
    golden = GOLDEN / f"{mart}.csv"
    if request.config.getoption("--renew-golden"):
        GOLDEN.mkdir(exist_ok=True)
        duckdb.execute(f"COPY ({query}) TO '{golden}' (HEADER)")
    made = settings.marts.parent / f"golden-{mart}.csv"
    duckdb.execute(f"COPY ({query}) TO '{made}' (HEADER)")
    moved = set(golden.read_text(encoding="utf-8").splitlines()) ^ set(made.read_text(encoding="utf-8").splitlines())
    assert not moved, f"{len(moved)} lines moved, such as: " + "\n".join(sorted(moved)[:6])
    assert golden.read_bytes() == made.read_bytes()
