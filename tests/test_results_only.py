"""A publication of results alone has the results of any other, and says of the analysis that it was left out."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from conftest import ROOT
from pipelines import run as flow
from pipelines import transform
from pipelines.analysis.causes import parts
from pipelines.analysis.marts import Marts, open_marts
from pipelines.cli import app
from pipelines.errors import Exit, KaoheError
from pipelines.labels import label
from pipelines.report import notebooks
from pipelines.report.site import write_site
from pipelines.transform import load_models

Run = tuple[flow.Settings, flow.Outcome]

#: Nearly every one needs a run of its own.
pytestmark = pytest.mark.long

#: What a bureau, a town or an auditor needs to see why a grade is what it is.
RESULTS = {"town_score", "area_score", "section_score", "item_score", "term_score", "indicator_value", "year_over_year"}


@pytest.fixture(scope="module")
def alone(committed_run: Run, tmp_path_factory: pytest.TempPathFactory) -> flow.Settings:
    folder = tmp_path_factory.mktemp("results")
    settings = dataclasses.replace(
        committed_run[0], marts=folder / "marts", warehouse=folder / "warehouse.duckdb", results_only=True
    )
    assert flow.run(settings, lambda _step, _detail: None).code == Exit.DONE
    return settings


@pytest.fixture(scope="module")
def marts(alone: flow.Settings) -> Marts:
    return open_marts(alone.marts)


def test_results_are_those_of_a_whole_run_and_the_analysis_has_its_columns_and_no_row(
    committed_run: Run, marts: Marts
) -> None:
    whole = open_marts(committed_run[0].marts)
    left_out = transform.analysis()
    assert not RESULTS & left_out
    assert not marts.has_analysis
    assert whole.has_analysis
    for name in [model.name for model in load_models().values() if model.layer == "marts"]:
        described = f'DESCRIBE "{name}"'
        assert marts.rows(described) == whole.rows(described), name
        if name in left_out:
            assert whole.rows(f'FROM "{name}" LIMIT 1'), f"{name}: nothing is tried by leaving out what is empty"
            assert not marts.rows(f'FROM "{name}"'), name
        else:
            assert marts.rows(f'FROM "{name}" ORDER BY ALL') == whole.rows(f'FROM "{name}" ORDER BY ALL'), name


def test_a_whole_run_is_another_result_and_results_alone_are_not_taken_for_it(alone: flow.Settings) -> None:
    assert not flow.run(alone, lambda _step, _detail: None).is_new
    ours, whole = (flow.inputs_of(dataclasses.replace(alone, results_only=each)) for each in (True, False))
    assert {name for name in ours if ours[name] != whole[name]} == {"results_only"}


def test_nothing_of_the_analysis_is_computed(committed_run: Run) -> None:
    """The plan of every model left out is one step that makes no rows; recursive ones too."""
    with duckdb.connect(str(committed_run[0].warehouse), read_only=True) as connection:
        for name in sorted(transform.analysis()):
            (plan,) = connection.execute(f"EXPLAIN {transform.emptied(load_models()[name]).select}").fetchall()
            assert "Empty Result" in plan[1], f"{name}\n{plan[1]}"
            assert plan[1].count("╭") == 1, f"{name}\n{plan[1]}"


def test_changes_are_split_when_they_are_asked_for(committed_run: Run, marts: Marts) -> None:
    told = "SELECT town_id, item, cause, part, indicator, points, points_low, points_high FROM part ORDER BY ALL"
    ours = parts(marts, 2014, 2015).execute(told).fetchall()
    assert ours
    assert ours == parts(open_marts(committed_run[0].marts), 2014, 2015).execute(told).fetchall()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_commands_answer_or_say_that_the_analysis_was_left_out(alone: flow.Settings, marts: Marts, lang: str) -> None:
    (town,) = marts.rows("SELECT town_id FROM town_score WHERE year = 2016 AND total < 90 ORDER BY total LIMIT 1")
    there = ["--marts", str(alone.marts), "--lang", lang]

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, *there], standalone_mode=False)
        if result.exception:
            raise result.exception
        return result.output

    with pytest.raises(KaoheError, match="--results-only") as left_out:
        said("stability", "2016")
    assert left_out.value.code == Exit.USAGE
    assert label("results_only", "zh") in str(left_out.value)
    assert label("results_only", "en") in str(left_out.value)
    assert town["town_id"] in said("lever", town["town_id"], "2016", "--rubric", str(ROOT / "rubric"), "--json")
    assert "2016" in said("compare", "2015", "2016")


def test_the_site_says_what_was_left_out_instead_of_that_there_was_nothing(marts: Marts, tmp_path: Path) -> None:
    home = write_site(marts.folder, tmp_path / "site").parent
    told = label("results_only", "zh")
    for name, never in (
        ("year/2016.html", "site_stability_all"),
        ("quality.html", "site_screens_none"),
        ("pair/2015-2016.html", "site_why_note"),
    ):
        page = (home / name).read_text(encoding="utf-8")
        assert told in page, name
        assert label(never, "zh") not in page, name


@pytest.mark.parametrize("notebook", ["05-data-quality", "03-year-over-year"])
def test_notebooks_run_on_results_alone(marts: Marts, notebook: str) -> None:
    ran = notebooks.run_notebook(notebooks.NOTEBOOKS / f"{notebook}.py", {"marts_folder": str(marts.folder)})
    page = notebooks._body(ran)
    assert (label("results_only", "zh") in page) == (notebook == "05-data-quality")


def test_the_report_has_every_page_but_the_one_on_stability(
    marts: Marts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which notebooks are run is decided before any is; those above are run in earnest.
    ran = []

    def run(notebook: Path, _parameters: object) -> None:
        ran.append(notebook.stem)

    monkeypatch.setattr(notebooks, "run_notebook", run)
    monkeypatch.setattr(notebooks, "_title", lambda _: "")
    monkeypatch.setattr(notebooks, "_body", lambda _: "")
    notebooks.write_reports(marts.folder, tmp_path)
    every = {path.stem for path in notebooks.NOTEBOOKS.glob("[0-9]*.py")}
    assert set(ran) == every - {"07-does-it-stand"}


def test_a_promise_about_what_was_left_out_is_not_broken_and_every_other_is_still_watched(alone: flow.Settings) -> None:
    from pipelines.publish import publication

    marts = [model for model in load_models().values() if model.layer == "marts"]
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{alone.warehouse}' AS made (READ_ONLY)")
        for name in ("rubric_item", "town_year", *(model.name for model in marts)):
            connection.execute(f"CREATE TABLE {name} AS FROM made.{name}")
        publication.check_marts(connection, marts, transform.analysis())
        with pytest.raises(KaoheError, match="parts of a change"):
            publication.check_marts(connection, marts)
        connection.execute("UPDATE town_score SET points = points + ? WHERE status = 'final'", [Decimal("0.01")])
        with pytest.raises(KaoheError, match="sum of its items"):
            publication.check_marts(connection, marts, transform.analysis())
