"""Two editions in words, and published years under an edition not yet signed."""

from __future__ import annotations

import csv
import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines import rubric
from pipelines import run as flow
from pipelines.analysis import editions, rescoring
from pipelines.cli import app
from pipelines.errors import Exit, KaoheError
from test_rescoring import amended

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden" / "sister_city_town_score.csv"
AS_WRITTEN = rubric.load_edition(ROOT / "rubric" / "2013")
SISTER_CITY = rubric.load_edition(ROOT / "tests" / "editions" / "2099")


@pytest.fixture(scope="module")
def publication(committed_run: tuple[flow.Settings, flow.Outcome]) -> Path:
    settings, _ = committed_run
    return (settings.marts / "current").resolve()


def told(before: rubric.Edition, after: rubric.Edition) -> list[tuple[str, str, str, str, str]]:
    found = editions.differences(before, after)
    return [(d.about, d.name, d.what, d.before.get("en", ""), d.after.get("en", "")) for d in found]


# ----------------------------------------------------------------------------------------------------------------------
# Differences


@pytest.mark.parametrize("edition", [AS_WRITTEN, SISTER_CITY])
def test_an_edition_does_not_differ_from_itself(edition: rubric.Edition) -> None:
    assert editions.differences(edition, edition) == []


CHANGES = {
    "target": (
        "area-3.yml",
        ("99%\n            step", "98.5%\n            step"),
        ("item", "3.3.1", "terms", "information accuracy ≥ 99%", "information accuracy ≥ 98.5%"),
    ),
    "cap": (
        "area-1.yml",
        ("loss_per_step: 0.5", "loss_per_step: 0.5\n            cap: 2"),
        ("item", "1.4.4", "terms", "each 1 short takes 0.5", "at most 2"),
    ),
    "an option that is not in force": (
        "area-2.yml",
        ("{at_least: 70%, points: 1.5}", "{at_least: 75%, points: 1.5}"),
        ("item", "2.2.5", "terms", "1.5 from 70%", "1.5 from 75%"),
    ),
    "default": (
        "edition.yml",
        ("default: whole", "default: started"),
        ("interpretation", "per_point", "default", "whole", "started"),
    ),
    "band": (
        "edition.yml",
        ("{grade: 优胜, at_least: 95}", "{grade: 优胜, at_least: 96}"),
        ("grade", "优胜", "band", "95", "96"),
    ),
    "totals": (
        "edition.yml",
        ("grade_gap: {interpretation: grade_gap}", "grade_gap: half_up"),
        ("totals", "grade_gap", "value", "interpretation: grade_gap", "half_up"),
    ),
    "definition": (
        "indicators.yml",
        ("new entrants are in neither", "new entrants count"),
        ("indicator", "renewal_rate", "definition", "in neither", "count"),
    ),
    "requirement": (
        "area-1.yml",
        ("zh: 全年业务培训不少于", "zh: 业务培训不少于"),
        ("item", "1.4.3", "requirement", "", ""),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_is_told_once_and_nothing_else(change: str, tmp_path: Path) -> None:
    file, (old, new), (about, name, what, before, after) = CHANGES[change]
    found = told(AS_WRITTEN, amended(tmp_path, file, (old, new)))
    assert [each[:3] for each in found] == [(about, name, what)]
    assert before in found[0][3]
    assert after in found[0][4]


def test_the_way_back_tells_the_same_the_other_way_round() -> None:
    swapped = {"added": "removed", "removed": "added"}
    there = {(a, n, swapped.get(w, w), after, before) for a, n, w, before, after in told(AS_WRITTEN, SISTER_CITY)}
    assert there == set(told(SISTER_CITY, AS_WRITTEN))


def test_every_entry_of_one_edition_only_is_added_or_removed() -> None:
    found = {(about, name): what for about, name, what, _, _ in told(AS_WRITTEN, SISTER_CITY)}
    was, will = {item.item for item in AS_WRITTEN.items}, {item.item for item in SISTER_CITY.items}
    assert {name for (about, name), what in found.items() if about == "item" and what == "added"} == will - was
    assert {name for (about, name), what in found.items() if about == "item" and what == "removed"} == was - will


# ----------------------------------------------------------------------------------------------------------------------
# Plans


def test_nothing_would_move_under_the_edition_in_force(publication: Path) -> None:
    planned = editions.plan(publication, AS_WRITTEN, {})
    assert planned.towns == planned.left_out == planned.without_figures == []
    assert all(row["published"] == row["planned"] for row in planned.grades)


@pytest.mark.parametrize(
    ("edition", "options"),
    [(AS_WRITTEN, {"per_point": "started"}), (AS_WRITTEN, {"bonus_cap": "excluded"}), (SISTER_CITY, {})],
)
def test_a_plan_is_what_scoring_under_it_gives(
    publication: Path, edition: rubric.Edition, options: dict[str, str]
) -> None:
    planned = editions.plan(publication, edition, options)
    connection = rescoring.lay_out(publication, edition, [rubric.scenario(edition, options=options)])
    rescoring.score(connection)
    moved = connection.execute(
        "SELECT year, town_id, will.grade FROM town_score AS will INNER JOIN published.town_score AS was "
        "USING (year, town_id) WHERE coalesce(will.grade, '') <> coalesce(was.grade, '')"
    ).fetchall()
    assert sorted((t["year"], t["town_id"], t["grade_after"] or "") for t in planned.towns) == sorted(
        (year, town, grade or "") for year, town, grade in moved
    )
    counted = {(row["year"], row["grade"]): row["planned"] for row in planned.grades if row["planned"]}
    assert counted == {
        (year, grade): count
        for year, grade, count in connection.execute(
            "SELECT year, coalesce(grade, ''), count(*) FROM town_score GROUP BY ALL"
        ).fetchall()
    }


def test_what_the_items_do_adds_up_to_what_becomes_of_the_total(publication: Path) -> None:
    planned = editions.plan(publication, AS_WRITTEN, {"per_point": "started", "online_filing": "tiers"})
    assert len(planned.towns) > 10
    for town in planned.towns:
        if town["total_before"] is not None and max(town["high_before"], town["high_after"]) < 100:
            assert sum(item["change"] for item in town["items"]) == town["total_after"] - town["total_before"]


def test_what_does_not_carry_over_is_said(publication: Path, tmp_path: Path) -> None:
    of_an_item = "        points: "
    changes = [(f"{of_an_item}{old}\n", f"{of_an_item}{new}\n") for old, new in ((10, 9), (5, 6))]
    planned = editions.plan(publication, amended(tmp_path, "area-4.yml", *changes), {})
    assert {(row["what"], row["item"]) for row in planned.left_out} == {("judgement", "4.1"), ("judgement", "4.2")}
    assert {"4.1", "4.2"} <= {item["item"] for town in planned.towns for item in town["items"]}


def test_an_indicator_the_publication_lacks_is_named_and_its_item_missing(publication: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "publication"
    shutil.copytree(publication, lacking)
    file = lacking / "indicator_value.parquet"
    duckdb.execute(f"COPY (FROM '{publication / file.name}' WHERE indicator <> 'articles') TO '{file}'")
    planned = editions.plan(lacking, SISTER_CITY, {})
    assert planned.without_figures == ["articles"]
    points = {item["points_after"] for town in planned.towns for item in town["items"] if item["item"] == "1.3"}
    assert points == {None}


def test_published_data_under_another_edition_gives_the_same_digits_for_ever(
    publication: Path, request: pytest.FixtureRequest
) -> None:
    connection = rescoring.lay_out(publication, SISTER_CITY)
    rescoring.score(connection)
    query = (
        "SELECT year, town_id, points, bonus, total, total_low, total_high, status, grade, grade_low, grade_high, "
        "condition_met FROM town_score ORDER BY year, town_id"
    )
    if request.config.getoption("--renew-golden"):
        connection.execute(f"COPY ({query}) TO '{GOLDEN}' (HEADER)")
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or ()]
    made = [{name: _as_written(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]
    with GOLDEN.open(encoding="utf-8", newline="") as stream:
        assert made == list(csv.DictReader(stream))


def _as_written(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


# ----------------------------------------------------------------------------------------------------------------------
# The commands


@pytest.mark.long
def test_the_commands_tell_it_in_both_languages_and_as_data(committed_run: tuple[flow.Settings, flow.Outcome]) -> None:
    settings, _ = committed_run
    new = str(ROOT / "tests" / "editions" / "2099")

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["rubric", *arguments], standalone_mode=False)
        assert result.exception is None
        return result.output

    rubric_folder = ("--rubric", str(ROOT / "rubric"))
    assert "新增" in said("diff", "2013", new, *rubric_folder)
    assert "added" in said("diff", "2013", new, *rubric_folder, "--lang", "en")
    found = json.loads(said("diff", "2013", new, *rubric_folder, "--json"))
    assert found[0].keys() == {"about", "name", "what", "before", "after"}
    marts = ("--marts", str(settings.marts))
    assert "等次会变的镇街" in said("plan", new, *rubric_folder, *marts)
    english = said("plan", "2013", "--reading", "per_point=started", *rubric_folder, *marts, "--lang", "en")
    assert "Grades that would change" in english
    planned = json.loads(said("plan", new, *rubric_folder, *marts, "--json"))
    assert Decimal(planned["towns"][0]["high_after"]) >= Decimal(planned["towns"][0]["low_after"])


def test_a_draft_that_breaks_a_law_is_told_so_and_not_planned(
    committed_run: tuple[flow.Settings, flow.Outcome], tmp_path: Path
) -> None:
    settings, _ = committed_run
    amended(tmp_path, "area-4.yml", ("        points: 10\n", "        points: 9\n"))
    result = CliRunner().invoke(
        app, ["rubric", "plan", str(tmp_path / "2013"), "--marts", str(settings.marts)], standalone_mode=False
    )
    assert isinstance(result.exception, KaoheError)
    assert result.exception.code == Exit.REJECTED
    assert [problem.rule for problem in result.exception.problems] == ["points"]
