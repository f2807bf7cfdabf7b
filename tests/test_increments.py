"""A run that makes anew what changed comes to the same bytes as one that makes everything."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from conftest import ROOT
from pipelines import increments
from pipelines import run as flow
from pipelines.contracts import load_contracts
from pipelines.demo import write_demo
from pipelines.errors import Exit, KaoheError
from pipelines.ingest import ingest
from pipelines.quality import expectations
from pipelines.transform import Model, load_models

BY_TOWN = [model for model in load_models().values() if model.by_town]


@pytest.fixture(scope="module")
def towns_of_one_year(committed_run: tuple[flow.Settings, flow.Outcome]) -> duckdb.DuckDBPyConnection:
    """The warehouse of the committed deliveries, with some towns of some years in the table ``some_town``."""
    connection = duckdb.connect(str(committed_run[0].warehouse), read_only=True)
    connection.execute(
        "CREATE TEMP TABLE some_town AS SELECT year, town_id FROM town_year WHERE hash(year, town_id) % 3 = 0"
    )
    return connection


@pytest.mark.parametrize("model", BY_TOWN, ids=lambda model: model.name)
def test_rows_rest_on_their_own_town_and_year_alone(towns_of_one_year: duckdb.DuckDBPyConnection, model: Model) -> None:
    made = increments.for_towns(model, "some_town", increments.by_town_tables(towns_of_one_year))
    kept = f"SELECT * FROM {model.name} SEMI JOIN some_town USING (year, town_id)"
    for one, other in ((made, kept), (kept, made)):
        assert towns_of_one_year.execute(f"({one}) EXCEPT ALL ({other})").fetchall() == []


@pytest.fixture
def office(tmp_path: Path) -> flow.Settings:
    """Three towns and two years, run and published."""
    write_demo(tmp_path / "raw", 2013, (2013, 2014), 3, lambda _: None, "csv")
    settings = flow.Settings(
        tmp_path / "raw", tmp_path / "marts", tmp_path / "warehouse.duckdb", ROOT / "rubric" / "2013"
    )
    _run(settings)
    return settings


def _run(settings: flow.Settings) -> tuple[flow.Outcome, list[str]]:
    """What a run came to, and the files it read and models it made."""
    steps: list[str] = []
    outcome = flow.run(settings, lambda step, detail: steps.append(detail) if step in ("ingest", "score") else None)
    return outcome, [step for step in steps if step]


def _assert_clean(settings: flow.Settings, outcome: flow.Outcome) -> None:
    """The same deliveries make the same bytes where nothing is taken over."""
    elsewhere = settings.raw.parent / "clean"
    clean, _ = _run(dataclasses.replace(settings, marts=elsewhere / "marts", warehouse=elsewhere / "warehouse.duckdb"))
    assert outcome.manifest["files"] == clean.manifest["files"]
    for key in ("run_id", "deliveries", "checks", "grades", "rows"):
        assert outcome.manifest[key] == clean.manifest[key]
    shutil.rmtree(elsewhere)


def _write(path: Path, rows: list[str]) -> None:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def _rows(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def correct_a_figure(raw: Path) -> None:
    path = raw / "2013" / "citizen_card.csv"
    header, first, *others = _rows(path)
    cells = first.split(",")
    cells[header.split(",").index("按时制卡数")] = "1"
    _write(path, [header, ",".join(cells), *others])


def leave_out_a_row(raw: Path) -> None:
    path = raw / "2014" / "staffing.csv"
    _write(path, _rows(path)[:-1])


def send_a_row_in_a_file_of_its_own(raw: Path) -> None:
    path = raw / "2014" / "assessor_scores.csv"
    *others, last = _rows(path)
    _write(path, others)
    _write(path.with_name("assessor_scores-补报.csv"), [others[0], last])


def rename_a_file(raw: Path) -> None:
    path = raw / "2013" / "online_filing.csv"
    path.rename(path.with_name("online_filing-改.csv"))


def take_a_source_back(raw: Path) -> None:
    (raw / "2014" / "publicity.csv").unlink()


@pytest.mark.long
@pytest.mark.parametrize("change", [correct_a_figure])
def test_a_changed_file_makes_anew_what_it_reaches(office: flow.Settings, change: Callable[[Path], None]) -> None:
    change(office.raw)
    outcome, made = _run(office)
    assert made[0] == "2013/citizen_card.csv"
    assert "card_on_time_rate" in made
    assert "authentication_rate" not in made
    assert "town_score" in made
    _assert_clean(office, outcome)


def test_checks_of_what_has_not_changed_are_not_asked_again(
    office: flow.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()
    evaluate = expectations.validate
    monkeypatch.setattr(
        expectations, "validate", lambda there, checks: asked.update(c.name for c in checks) or evaluate(there, checks)
    )
    correct_a_figure(office.raw)
    _run(office)
    assert "citizen_card.type.on_time" in asked
    assert {"towns.not_delivered", "towns.same_bytes"} <= asked
    assert not {
        "staffing.required.full_time_staff", "assessor_scores.assessors_apart.score", "activities.no_rows",
    } & asked  # fmt: skip


@pytest.mark.long
def test_one_change_after_another_comes_to_what_a_clean_run_comes_to(office: flow.Settings) -> None:
    for change in (leave_out_a_row, send_a_row_in_a_file_of_its_own, rename_a_file, take_a_source_back):
        change(office.raw)
        outcome, made = _run(office)
        assert "towns.csv" not in made
        _assert_clean(office, outcome)


@pytest.mark.long
def test_rows_in_quarantine_make_all_anew(office: flow.Settings) -> None:
    path = office.raw / "2013" / "staffing.csv"
    _write(path, [*_rows(path), _rows(path)[-1]])
    with pytest.raises(KaoheError) as refused:
        _run(office)
    assert refused.value.code == Exit.GATE
    outcome, made = _run(dataclasses.replace(office, allow_partial=True))
    assert "towns.csv" in made, "what a refused run leaves is not taken over"
    assert outcome.code == Exit.PARTIAL
    correct_a_figure(office.raw)
    _, made = _run(dataclasses.replace(office, allow_partial=True))
    assert "towns.csv" in made


@pytest.mark.long
def test_what_else_a_result_depends_on_makes_all_anew(office: flow.Settings) -> None:
    outcome, made = _run(dataclasses.replace(office, force=True))
    assert outcome.is_new
    assert "towns.csv" in made
    _, made = _run(dataclasses.replace(office, results_only=True))
    assert "towns.csv" in made
    register = office.raw / "towns.csv"
    _write(register, [*_rows(register), ""])
    _, made = _run(dataclasses.replace(office, results_only=True))
    assert "2013/citizen_card.csv" in made


def test_a_warehouse_being_changed_is_not_taken_over(tmp_path: Path) -> None:
    warehouse, inputs = tmp_path / "warehouse.duckdb", {"deliveries": {"2013/a.csv": "1"}, "corrections": None}
    published = {"inputs": inputs, "exit_code": 0}
    with duckdb.connect(str(warehouse)) as connection:
        increments.mark(connection, inputs)
    assert increments.kept_files(warehouse, inputs, published) == {"2013/a.csv"}
    # What lies beside the deliveries is none: a year of which nothing else is left is a year that went.
    assert increments.kept_files(warehouse, {**inputs, "deliveries": {"2013/README.md": "2"}}, published) is None
    with flow.warehouse(warehouse, is_kept=True):
        pass
    assert increments.kept_files(warehouse, inputs, published) is None
    warehouse.write_bytes(b"no database")
    assert increments.kept_files(warehouse, inputs, published) is None


def test_of_rows_without_a_town_no_town_is_noted(tmp_path: Path) -> None:
    whole = load_contracts()
    staffing = whole["staffing"]
    fields = [field for field in staffing.fields if field.name != staffing.town_field]
    nobodys = staffing.model_copy(update={"fields": fields, "foreign_keys": [], "primary_key": ["year"]})
    (tmp_path / "2013").mkdir()
    (tmp_path / "towns.csv").write_text("单位编号,代码,名称,类型\nA,1,甲镇,镇\n", encoding="utf-8")
    (tmp_path / "2013/staffing.csv").write_text("专职人员,服务对象\n5,9000\n", encoding="utf-8")
    contracts = {"towns": whole["towns"], "staffing": nobodys}
    with duckdb.connect() as connection:
        ingest(connection, tmp_path, contracts, lambda _: None)
        (tmp_path / "2013/staffing.csv").write_text("专职人员,服务对象\n6,9000\n", encoding="utf-8")
        kept = frozenset({"towns.csv"})
        assert ingest(connection, tmp_path, contracts, lambda _: None, kept=kept) == {"staffing"}
        assert connection.execute("SELECT full_time_staff FROM typed_staffing").fetchall() == [(6,)]
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        assert not any(name.startswith("moved_") for name in tables)


def test_only_towns_whose_rows_differ_have_moved(tmp_path: Path) -> None:
    whole = load_contracts()
    contracts = {"towns": whole["towns"], "staffing": whole["staffing"]}
    (tmp_path / "2013").mkdir()
    register = ["单位编号,代码,名称,类型", "A,1,甲镇,镇", "B,2,乙镇,镇", "C,3,丙镇,镇", "D,4,丁镇,镇"]
    _write(tmp_path / "towns.csv", register)
    _write(tmp_path / "2013/staffing.csv", ["镇街,专职人员,服务对象", "甲镇,5,9000", "乙镇,5,9000", "丙镇,5,9000"])
    with duckdb.connect() as connection:
        ingest(connection, tmp_path, contracts, lambda _: None)
        _write(tmp_path / "2013/staffing.csv", ["镇街,专职人员,服务对象", "甲镇,5,9000", "乙镇,6,9000", "丁镇,5,9000"])
        ingest(connection, tmp_path, contracts, lambda _: None, kept=frozenset({"towns.csv"}))
        moved = connection.execute("FROM moved_accepted_staffing ORDER BY ALL").fetchall()
    assert moved == [(2013, "B"), (2013, "C"), (2013, "D")]
