"""What is published, scored again: the same digits under its own edition, only what carries over under another."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from pipelines import rubric
from pipelines import run as flow
from pipelines.analysis import rescoring

ROOT = Path(__file__).parent.parent
MARTS = ("town_score", "item_score", "term_score", "section_score", "area_score", "adjustment", "assessor_score")


@pytest.fixture(scope="module")
def publication(committed_run: tuple[flow.Settings, flow.Outcome]) -> Path:
    settings, _ = committed_run
    return (settings.marts / "current").resolve()


def amended(folder: Path, file: str, *changes: tuple[str, str]) -> rubric.Edition:
    """The edition of 2013 with some of its text changed."""
    shutil.copytree(ROOT / "rubric" / "2013", folder / "2013")
    path = folder / "2013" / file
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    return rubric.load_edition(folder / "2013")


def scored(publication: Path, edition: rubric.Edition) -> duckdb.DuckDBPyConnection:
    connection = rescoring.lay_out(publication, edition)
    rescoring.score(connection)
    return connection


def differing(connection: duckdb.DuckDBPyConnection, mart: str, columns: str = "*") -> list[str]:
    """Items whose rows are not as published."""
    found = connection.execute(
        f"SELECT DISTINCT item FROM ((SELECT {columns} FROM {mart} EXCEPT SELECT {columns} FROM published.{mart}) "
        f"UNION ALL (SELECT {columns} FROM published.{mart} EXCEPT SELECT {columns} FROM {mart})) ORDER BY 1"
    ).fetchall()
    return [item for (item,) in found]


def test_under_its_own_edition_every_digit_and_word_is_as_published(publication: Path) -> None:
    connection = scored(publication, rubric.load_edition(ROOT / "rubric" / "2013"))
    for mart in MARTS:
        moved = connection.execute(
            f"SELECT count(*) FROM ((FROM {mart} EXCEPT ALL FROM published.{mart}) "
            f"UNION ALL (FROM published.{mart} EXCEPT ALL FROM {mart}))"
        ).fetchone()
        assert moved == (0,), mart


def test_another_reading_moves_only_the_items_it_bites_on(publication: Path) -> None:
    edition = rubric.load_edition(ROOT / "rubric" / "2013")
    connection = rescoring.lay_out(publication, edition, [rubric.scenario(edition, options={"per_point": "started"})])
    rescoring.score(connection)
    bites = connection.execute(
        "SELECT DISTINCT item FROM term_definition WHERE interpretations LIKE '%per_point%' ORDER BY 1"
    ).fetchall()
    moved = differing(connection, "item_score", "year, town_id, item, points")
    assert moved
    assert set(moved) <= {item for (item,) in bites}


def test_a_judgement_out_of_other_points_is_missing_not_stretched(publication: Path, tmp_path: Path) -> None:
    edition = amended(
        tmp_path,
        "area-4.yml",
        ("        points: 10\n", "        points: 9\n"),
        ("        points: 5\n", "        points: 6\n"),
    )
    connection = scored(publication, edition)
    assert differing(connection, "item_score", "item, status, points, points_low, points_high") == ["4.1", "4.2"]
    found = connection.execute(
        "SELECT DISTINCT item, status, points, points_low, points_high FROM item_score WHERE area = '4' ORDER BY item"
    ).fetchall()
    assert found == [("4.1", "missing", None, 0, 9), ("4.2", "missing", None, 0, 6)]


def test_a_review_holds_as_long_as_the_rules_it_replaced(publication: Path, tmp_path: Path) -> None:
    reviewed = duckdb.execute(
        f"SELECT DISTINCT item FROM '{publication}/adjustment.parquet' WHERE item IN ('3.3.1', '3.2.4') ORDER BY 1"
    ).fetchall()
    assert reviewed == [("3.2.4",), ("3.3.1",)], "the committed deliveries hold a review of either"
    connection = scored(
        publication, amended(tmp_path, "area-3.yml", ("target: 99%\n            step", "target: 98%\n            step"))
    )
    left = {item for (item,) in connection.execute("SELECT DISTINCT item FROM adjustment").fetchall()}
    told = {item for (item,) in connection.execute("SELECT DISTINCT item FROM published.adjustment").fetchall()}
    assert told - left == {"3.3.1"}
    assert connection.execute(
        "SELECT count(*) FROM item_score WHERE item = '3.3.1' AND adjustment_reason IS NOT NULL"
    ).fetchone() == (0,)
    assert differing(connection, "item_score", "item, points") == ["3.3.1"]
