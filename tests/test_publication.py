"""What is published is whole, checked, the same for the same input, and swapped in one step."""

from __future__ import annotations

import codecs
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from conftest import ROOT
from pipelines import run as flow
from pipelines.errors import Exit, KaoheError
from pipelines.publish import chain, publication
from pipelines.transform import load_models

Run = tuple[flow.Settings, flow.Outcome]
YEARS = 5
TOWNS = 22


def _quiet(_step: str, _detail: str) -> None:
    pass


def _copy(committed_run: Run, folder: Path) -> flow.Settings:
    """The committed deliveries in a folder where they may be changed, nothing published yet."""
    settings, _ = committed_run
    raw = shutil.copytree(settings.raw, folder / "raw")
    return dataclasses.replace(settings, raw=raw, marts=folder / "marts", warehouse=folder / "warehouse.duckdb")


def test_every_town_is_graded_in_every_year(committed_run: Run) -> None:
    settings, outcome = committed_run
    assert outcome.is_new
    assert outcome.code == Exit.DONE
    counted = duckdb.execute(
        f"SELECT year, count(DISTINCT town_id) FROM '{settings.marts / 'town_score.parquet'}' GROUP BY year"
    ).fetchall()
    assert len(counted) == YEARS
    assert {towns for _, towns in counted} == {TOWNS}


def test_every_grade_occurs_and_one_town_is_still_open(committed_run: Run) -> None:
    settings, _ = committed_run
    mart = settings.marts / "town_score.parquet"
    final = duckdb.execute(f"SELECT DISTINCT grade FROM '{mart}' WHERE status = 'final'").fetchall()
    assert {grade for (grade,) in final} == {"优胜", "合格", "基本合格", "不合格"}
    assert duckdb.execute(f"SELECT count(*) FROM '{mart}' WHERE status = 'provisional'").fetchall() == [(1,)]
    assert duckdb.execute(f"SELECT bool_and(is_synthetic) FROM '{mart}'").fetchall() == [(True,)]


def test_no_row_is_lost(committed_run: Run) -> None:
    settings, outcome = committed_run
    lost = duckdb.execute(
        f"SELECT count(*) FROM '{settings.marts / 'delivery.parquet'}' "
        "WHERE rows_read <> accepted + quarantined + ignored"
    ).fetchall()
    assert lost == [(0,)]
    received = {path.relative_to(settings.raw).as_posix() for path in settings.raw.rglob("*") if path.suffix != ".md"}
    told = {entry["source_file"] for entry in outcome.manifest["deliveries"]}
    assert told == {name for name in received if (settings.raw / name).is_file()}


def test_manifest_names_what_went_in_and_what_came_out(committed_run: Run) -> None:
    settings, outcome = committed_run
    manifest = outcome.manifest
    assert manifest["edition"] == "2013"
    assert manifest["interpretations"]["per_point"] == "whole"
    assert manifest["is_synthetic"] is True
    for name, entry in manifest["files"].items():
        assert publication.sha256(settings.marts / name) == entry["sha256"]
    for entry in manifest["deliveries"]:
        assert publication.sha256(settings.raw / entry["source_file"]) == entry["sha256"]
    marts = {model.name for model in load_models().values() if model.layer == "marts"}
    assert set(manifest["rows"]) == marts
    package = json.loads((settings.marts / "datapackage.json").read_text(encoding="utf-8"))
    assert {resource["name"] for resource in package["resources"]} == marts


def test_csv_opens_in_excel_and_says_what_parquet_says(committed_run: Run) -> None:
    settings, _ = committed_run
    csv, parquet = settings.marts / "item_score.csv", settings.marts / "item_score.parquet"
    assert csv.read_bytes().startswith(codecs.BOM_UTF8)
    as_text = "SELECT year::VARCHAR, town_id, item, points::VARCHAR, explanation_zh FROM {} ORDER BY ALL"
    assert (
        duckdb.execute(as_text.format(f"read_csv('{csv}', all_varchar = true)")).fetchall()
        == duckdb.execute(as_text.format(f"'{parquet}'")).fetchall()
    )


@pytest.mark.parametrize(("most", "is_there"), [(2, True), (1, False)])
def test_a_mart_excel_cannot_hold_is_parquet_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, is_there: bool
) -> None:
    monkeypatch.setattr(publication, "MOST_CSV_ROWS", most)
    mart = load_models()["edition"]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE edition AS SELECT unnest(['one', 'two']) AS edition")
        publication.publish(connection, tmp_path, [mart], {"run_id": "run", "is_synthetic": True})
    package = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
    path = package["resources"][0]["path"]
    assert path == ("edition.csv" if is_there else "edition.parquet")
    assert duckdb.execute(f"SELECT count(*) FROM '{tmp_path / path}'").fetchall() == [(2,)]
    assert (tmp_path / "edition.csv").exists() == is_there
    assert chain.verify(tmp_path).problems == ()


@pytest.mark.long
@pytest.mark.parametrize(
    ("threads", "around"),
    [
        (1, {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "Pacific/Kiritimati"}),
        (2, {"PYTHONHASHSEED": "4711", "LC_ALL": "C.UTF-8", "TZ": "America/Anchorage"}),
    ],
)
def test_same_input_same_bytes_whatever_the_threads_the_hash_seed_the_locale_and_the_time_zone(
    committed_run: Run, tmp_path: Path, threads: int, around: dict[str, str]
) -> None:
    settings, outcome = committed_run
    code = (
        "import duckdb, sys; from pathlib import Path; from pipelines import run\n"
        "connect = duckdb.connect\n"
        f"duckdb.connect = lambda *a, **k: connect(*a, config={{'threads': {threads}}}, **k)\n"
        "raw, out, rubric = map(Path, sys.argv[1:])\n"
        "run.run(run.Settings(raw, out / 'marts', out / 'warehouse.duckdb', rubric), lambda step, detail: None)\n"
        "import os; os._exit(0)"
    )
    command = [sys.executable, "-c", code, str(settings.raw), str(tmp_path), str(settings.rubric)]
    subprocess.run(command, check=True, env={**os.environ, **around})
    again = publication.read_manifest(tmp_path / "marts")
    assert again is not None
    assert again["files"] == outcome.manifest["files"]
    assert again == outcome.manifest


def test_unchanged_input_is_not_worked_again(committed_run: Run) -> None:
    settings, outcome = committed_run
    steps: list[str] = []
    again = flow.run(settings, lambda step, _: steps.append(step))
    assert not again.is_new
    assert again.manifest == outcome.manifest
    assert set(steps) == {"discover"}


@pytest.mark.long
def test_a_damaged_publication_is_made_again(committed_run: Run, tmp_path: Path) -> None:
    settings = _copy(committed_run, tmp_path)
    flow.run(settings, _quiet)
    damaged = settings.marts / publication.CURRENT / "town_score.csv"
    damaged.write_bytes(damaged.read_bytes()[:-10])
    assert flow.run(settings, _quiet).is_new
    assert chain.is_intact(settings.marts)


@pytest.mark.long
def test_a_refused_delivery_leaves_the_published_set_as_it_was(committed_run: Run, tmp_path: Path) -> None:
    settings = _copy(committed_run, tmp_path)
    flow.run(settings, _quiet)
    before = {path: path.read_bytes() for path in (settings.marts / publication.CURRENT).iterdir()}
    target = next(path for path in sorted(settings.raw.rglob("*.csv")) if path.parent != settings.raw)
    extra = target.with_name(target.stem + "-又一份.csv")
    shutil.copy(target, extra)
    with pytest.raises(KaoheError) as refused:
        flow.run(settings, _quiet)
    assert refused.value.code == Exit.GATE
    assert {problem.rule.split(".")[1] for problem in refused.value.problems} >= {"unique"}
    assert {path: path.read_bytes() for path in (settings.marts / publication.CURRENT).iterdir()} == before
    extra.unlink()
    assert not flow.run(settings, _quiet).is_new


@pytest.mark.long
def test_with_allow_partial_the_rest_is_published_and_what_is_held_back_is_missing(
    committed_run: Run, tmp_path: Path
) -> None:
    settings = dataclasses.replace(_copy(committed_run, tmp_path), allow_partial=True)
    extra = settings.raw / "2014" / "information_accuracy-改.csv"
    town = duckdb.execute(
        f"SELECT town_code FROM '{committed_run[0].marts / 'town_score.parquet'}' WHERE year = 2014 ORDER BY 1 LIMIT 1"
    ).fetchall()[0][0]
    extra.write_text(f"年度,镇街,核查记录数,准确记录数\n2014,{town},100,101\n", encoding="utf-8")
    outcome = flow.run(settings, _quiet)
    assert outcome.code == Exit.PARTIAL
    assert flow.run(settings, _quiet).code == Exit.PARTIAL
    item = duckdb.execute(
        f"SELECT i.status, i.points, t.status, i.explanation_zh FROM '{settings.marts / 'item_score.parquet'}' AS i "
        f"JOIN '{settings.marts / 'town_score.parquet'}' AS t USING (year, town_id) "
        f"WHERE item = '3.3.1' AND year = 2014 AND town_code = '{town}'"
    ).fetchall()
    assert item[0][:3] == ("missing", None, "provisional")
    assert "隔离" in item[0][3]
    held = duckdb.execute(
        f"SELECT DISTINCT source_file, rule FROM '{settings.marts / 'quarantined_row.parquet'}'"
    ).fetchall()
    assert ("2014/information_accuracy-改.csv", "not_above") in held


def test_the_marts_own_promises_are_kept_watch_over(committed_run: Run) -> None:
    settings, _ = committed_run
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{settings.warehouse}' AS made (READ_ONLY)")
    for name in ("rubric_item", "town_year"):
        connection.execute(f"CREATE TABLE {name} AS FROM made.{name}")
    marts = [model for model in load_models().values() if model.layer == "marts"]
    for model in marts:
        connection.execute(f"CREATE TABLE {model.name} AS FROM made.{model.name}")
    publication.check_marts(connection, marts)
    damage = {
        "share": "INSERT INTO item_score SELECT * FROM item_score LIMIT 1",
        "sum of its items": "UPDATE town_score SET points = points + 0.01 WHERE status = 'final'",
        "every item of the rubric": "DELETE FROM item_score WHERE item = '1.1' AND year = 2014",
        "four statuses": "UPDATE item_score SET status = NULL WHERE item = '1.1'",
        "every town of the register": "DELETE FROM town_score WHERE year = 2014",
        "grade and a rank": "UPDATE town_score SET rank = NULL",
        "areas and sections": "UPDATE area_score SET points = 0",
        "parts of a change": "UPDATE change_part SET points_high = points_high + 0.000001 WHERE year = 2014",
    }
    for promise, statement in damage.items():
        connection.execute("BEGIN")
        connection.execute(statement)
        with pytest.raises(KaoheError, match=promise) as broken:
            publication.check_marts(connection, marts)
        assert broken.value.code == Exit.INTEGRITY
        connection.execute("ROLLBACK")


def test_a_second_run_is_refused_with_who_is_at_work(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with flow.alone(warehouse), pytest.raises(KaoheError, match=str(os.getpid())) as busy, flow.alone(warehouse):
        pass
    assert busy.value.code == Exit.BUSY
    with flow.alone(warehouse):
        pass


def test_the_lock_file_of_the_project_is_what_the_manifest_names(committed_run: Run) -> None:
    assert committed_run[1].manifest["inputs"]["lock"] == publication.sha256(ROOT / "requirements.lock")
