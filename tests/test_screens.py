"""Screens for the assessor's chair: each planted case is asked about, and in a clean world nothing is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import rubric, transform
from pipelines import run as flow
from pipelines.analysis import rescoring
from pipelines.analysis.marts import Marts, open_marts

RUBRIC = Path(__file__).parent.parent / "rubric"
YEAR = 2016
GIVEN = (*rescoring.GIVEN, "town_score")


@pytest.fixture(scope="module")
def marts(committed_run: tuple[flow.Settings, flow.Outcome]) -> Marts:
    settings, _ = committed_run
    return open_marts(settings.marts)


@pytest.fixture
def clean(marts: Marts) -> duckdb.DuckDBPyConnection:
    """Two years in which nothing is asked about, with the tables the screens look at, to be changed."""
    connection = rescoring.lay_out(marts.folder, rubric.load_edition(RUBRIC / "2013"))
    for table in rescoring.GIVEN:
        connection.execute(f"DELETE FROM {table} WHERE year NOT IN ({YEAR - 1}, {YEAR})")
    connection.execute(f"CREATE TABLE town_score AS FROM published.town_score WHERE year IN ({YEAR - 1}, {YEAR})")
    connection.execute(_NO_TWINS)
    return connection


#: By chance two towns of the sample did the same of the same task in two years running.
_NO_TWINS = """
    UPDATE indicator_value SET denominator = indicator_value.denominator + 1 FROM indicator_value AS last
    WHERE indicator_value.year = last.year + 1 AND indicator_value.town_id = last.town_id
        AND indicator_value.indicator = last.indicator AND indicator_value.unit = 'percent'
        AND indicator_value.denominator >= 100 AND indicator_value.numerator = last.numerator
        AND indicator_value.denominator = last.denominator
"""


def asked(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    transform.run_models(connection, transform.upstream("screen", given=GIVEN))
    cursor = connection.execute("FROM screen ORDER BY ALL")
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_nothing_is_asked_in_a_clean_world(clean: duckdb.DuckDBPyConnection) -> None:
    assert asked(clean) == []


_LOWERED = f"""
    UPDATE assessor_score SET score = greatest(score - available * 0.1, 0) FROM rubric_item
    WHERE assessor_score.item = rubric_item.item AND assessor = '考核员乙' AND year = {YEAR} AND kind = 'scored'
"""
_LEVELLED = f"""
    UPDATE assessor_score SET score = usual.score + (CASE WHEN assessor_score.town_id = 'YL-05' THEN 0.1 ELSE 0 END)
    FROM (
        SELECT item, CAST(floor(avg(score) * 10) / 10 AS DECIMAL(9, 2)) AS score FROM assessor_score
        WHERE year = {YEAR} AND assessor = '考核员甲' GROUP BY item
    ) AS usual
    WHERE assessor_score.item = usual.item AND assessor = '考核员乙' AND year = {YEAR}
"""
_EQUALLED = f"UPDATE assessor_score SET score = 0.75 WHERE year = {YEAR} AND item = '3.1.2'"
_TOTALS = f"""
    UPDATE town_score SET total = if(town_id <= 'YL-05', 85.25, 80) WHERE year = {YEAR}
"""
_RATES = f"""
    UPDATE indicator_value
    SET denominator = 10000 + CAST(right(town_id, 2) AS INTEGER),
        numerator = if(town_id <= 'YL-06', 9520, 9000) + CAST(right(town_id, 2) AS INTEGER)
    WHERE year = {YEAR} AND indicator = 'renewal_rate'
"""
_AS_LAST_YEAR = f"""
    UPDATE indicator_value SET numerator = last.numerator, denominator = last.denominator FROM indicator_value AS last
    WHERE indicator_value.year = {YEAR} AND last.year = {YEAR - 1} AND indicator_value.indicator = 'renewal_rate'
        AND last.indicator = 'renewal_rate' AND last.town_id = indicator_value.town_id AND last.town_id = 'YL-03'
"""
_AS_ANOTHER = f"""
    UPDATE indicator_value SET numerator = other.numerator, denominator = other.denominator
    FROM indicator_value AS other
    WHERE indicator_value.year = {YEAR} AND other.year = {YEAR} AND indicator_value.indicator = 'card_holding_rate'
        AND other.indicator = 'card_holding_rate' AND indicator_value.town_id = 'YL-03' AND other.town_id = 'YL-04'
"""
_SHRUNK = f"""
    UPDATE indicator_value SET numerator = denominator // 2, denominator = denominator // 2
    WHERE year = {YEAR} AND town_id = 'YL-03' AND indicator = 'authentication_rate'
"""
_BARELY_SHRUNK = _SHRUNK.replace("denominator // 2", "denominator * 8 // 10")


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        (_LOWERED, {("leniency", "", "考核员甲", "", ""), ("leniency", "", "考核员乙", "", "")}),
        (_LEVELLED, {("spread", "", "考核员乙", "", "")}),
        (_EQUALLED, {("all_equal", "", "考核员甲", "3.1.2", "")}),
        (_TOTALS, {("bunched_totals", "", "", "", "合格")}),
        (_RATES, {("bunched_figures", "", "", "", "renewal_rate")}),
        (_AS_LAST_YEAR, {("same_as_last_year", "YL-03", "", "", "renewal_rate")}),
        (
            _AS_ANOTHER,
            {
                ("same_as_another_town", "YL-03", "", "", "card_holding_rate"),
                ("same_as_another_town", "YL-04", "", "", "card_holding_rate"),
            },
        ),
        (_SHRUNK, {("shrunk_denominator", "YL-03", "", "", "authentication_rate")}),
        (_BARELY_SHRUNK, set()),
    ],
    ids=[
        *("leniency", "spread", "all_equal", "bunched_totals", "bunched_figures", "same_as_last_year"),
        *("same_as_another_town", "shrunk_denominator", "barely_shrunk"),
    ],
)
def test_what_is_planted_is_asked_about_and_nothing_else(
    clean: duckdb.DuckDBPyConnection, planted: str, expected: set[tuple[str, ...]]
) -> None:
    clean.execute(planted)
    found = asked(clean)
    told = {(row["screen"], row["town_id"], row["assessor"], row["item"], row["indicator"]) for row in found}
    # One assessor's difference is as much a difference of the other's.
    assert told == expected
    assert {row["year"] for row in found} <= {YEAR}
    for row in found:
        assert row["question_zh"].endswith("？") and row["question_en"].endswith("?")
        assert row["figure"] and row["compared_with"] and row["seen_zh"] and row["seen_en"]


def test_a_verdict_is_never_said(marts: Marts) -> None:
    for row in marts.rows("FROM screen"):
        assert row["question_zh"].endswith("？") and row["question_en"].endswith("?"), row


def test_the_questions_have_their_columns_in_one_order() -> None:
    """They are put together by position."""
    models = transform.load_models()
    for name in ("screened_assessor", "screened_limit", "screened_figure"):
        assert models[name].yields == models["screen"].yields, name
