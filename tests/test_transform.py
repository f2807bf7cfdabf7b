"""Models run in the order of their FROM clauses and say what every column means."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipelines import run as flow
from pipelines import transform
from pipelines.contracts import load_contracts


def _model(folder: Path, layer: str, name: str, select: str) -> None:
    (folder / layer).mkdir(parents=True, exist_ok=True)
    (folder / layer / f"{name}.sql").write_text(f"/*\ngrain: one row\n*/\n{select}\n", encoding="utf-8")


def test_order_comes_from_the_sql_and_not_from_names(tmp_path: Path) -> None:
    _model(tmp_path, "marts", "a_last", "WITH c AS (SELECT * FROM b_middle) SELECT * FROM c")
    _model(tmp_path, "scores", "b_middle", "SELECT n + 1 AS n FROM z_first")
    _model(tmp_path, "staging", "z_first", "SELECT 1 AS n")
    models = list(transform.load_models(tmp_path).values())
    assert [model.name for model in models] == ["z_first", "b_middle", "a_last"]
    connection = duckdb.connect()
    transform.run_models(connection, models)
    assert connection.execute("SELECT n FROM a_last").fetchall() == [(2,)]


def test_indicators_are_gathered_before_what_reads_them(tmp_path: Path) -> None:
    row = (
        "SELECT 2013 AS year, 'T' AS town_id, {} AS numerator, 1 AS denominator, NULL AS first_source, 1 AS source_rows"
    )
    _model(tmp_path, "indicators", "one", row.format(1))
    _model(tmp_path, "indicators", "two", row.format(2))
    _model(tmp_path, "marts", "all_of_them", "SELECT indicator, numerator FROM indicator_figure")
    connection = duckdb.connect()
    transform.run_models(connection, list(transform.load_models(tmp_path).values()))
    assert sorted(connection.execute("FROM all_of_them").fetchall()) == [("one", 1), ("two", 2)]


def test_what_an_indicator_is_made_of_is_read_from_its_sql() -> None:
    sources = load_contracts()
    indicators = [model for model in transform.load_models().values() if model.layer == "indicators"]
    behind = {
        (model.name, part): transform.fields_behind(model, part, sources)
        for model in indicators
        for part in ("numerator", "denominator")
    }
    assert behind["authentication_rate", "numerator"] == [("benefit_authentication", "certified")]
    assert [field for _, field in behind["reconciliation_accuracy", "denominator"]] == [
        "payments_checked",
        "payments_matched",
        "persons_checked",
        "persons_matched",
    ]
    # Rows are counted; no column of theirs is.
    assert behind["articles", "numerator"] == []
    for (name, _), fields in behind.items():
        assert all(field in {each.name for each in sources[source].fields} for source, field in fields), name


def test_a_circle_is_refused_by_name(tmp_path: Path) -> None:
    _model(tmp_path, "marts", "hen", "SELECT * FROM egg")
    _model(tmp_path, "marts", "egg", "SELECT * FROM hen")
    with pytest.raises(ValueError, match="circle"):
        transform.load_models(tmp_path)


def test_a_model_without_a_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "marts").mkdir()
    (tmp_path / "marts" / "bare.sql").write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(ValueError, match="header"):
        transform.load_models(tmp_path)


def test_every_column_of_every_model_is_described_and_no_other(
    committed_run: tuple[flow.Settings, flow.Outcome],
) -> None:
    settings, _ = committed_run
    connection = duckdb.connect(str(settings.warehouse), read_only=True)
    for model in transform.load_models().values():
        columns = [row[0] for row in connection.execute(f"DESCRIBE {model.name}").fetchall()]
        for column in columns:
            assert transform.describe(model, column), (model.name, column)
        assert set(model.columns) <= set(columns), model.name
        told = connection.execute("SELECT comment FROM duckdb_tables() WHERE table_name = ?", [model.name]).fetchall()
        assert told == [(model.grain,)]
    connection.close()
