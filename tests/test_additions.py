"""What CONTRIBUTING says has to be touched is enough: each addition is made in those files alone, and a run takes it.

All of them are made in one copy of the project, whose own command then reads, checks, scores and publishes.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from conftest import ROOT

Marts = dict[str, list[dict[str, str]]]

TOWNS = (ROOT / "data" / "reference" / "jiaxing_towns.csv").read_text(encoding="utf-8")
TOWN = "解放街道"

CONTRACT = """\
name: home_visits
title: 上门服务
title_en: home visits
description: 应上门与已上门人数。 Persons due a visit at home, and visited.
fields:
  - {name: year, title: 年度, title_en: calendar year, type: year, constraints: {required: true}}
  - {name: town, title: 镇街, title_en: town, type: string, constraints: {required: true}}
  - {name: town_code, title: 单位代码, title_en: code of the town, type: string, optional: true}
  - {name: due, title: 应上门人数, title_en: due, type: integer, constraints: {minimum: 0}}
  - {name: visited, title: 已上门人数, title_en: visited, type: integer, constraints: {minimum: 0}}
primaryKey: [year, town]
foreignKeys:
  - {fields: town, reference: {resource: towns, fields: town_name}}
coverage: [town]
rules:
  - {rule: not_above, field: visited, limit: due}
"""
INDICATOR = """\
/*
grain: one row per year and town
columns:
  numerator: persons visited (persons)
  denominator: persons due a visit (persons)
*/
SELECT
    year,
    town_id,
    visited AS numerator,
    due AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_home_visits
"""
DEFINITION = """\
  - indicator: visit_rate
    title: {zh: 上门率, en: visit rate}
    definition: {zh: 已上门人数 / 应上门人数, en: visited / due}
    unit: percent
    counted_in: {zh: 人, en: persons}
    source: home_visits
"""
ITEM = """\
      - item: 3.2.7
        clause: 三(二)7
        basis: stated
        points: 1
        title: {zh: 上门服务, en: Visits}
        requirement:
          zh: 上门率 90%，每低 1 个百分点扣 0.1 分。
          en: A visit rate of 90%; each point short takes 0.1.
        terms:
          - {kind: shortfall, indicator: visit_rate, target: 90%, step: 1%, loss_per_step: 0.1, part_step: whole,
             zero_denominator: not_applicable}
"""
EXAMPLES = """\
  - title: {zh: 上门率 90%, en: a visit rate of 90%}
    given: {indicators: {visit_rate: 90/100}}
    expect: {item: 3.2.7, points: 1.00}
  - title: {zh: 上门率 85%, en: a visit rate of 85%}
    given: {indicators: {visit_rate: 85/100}}
    expect: {item: 3.2.7, points: 0.50}
  - title: {zh: 上门率 0, en: nobody visited}
    given: {indicators: {visit_rate: 0/100}}
    expect: {item: 3.2.7, points: 0.00}
"""
CHECK = """\
/*
source: home_visits
field: due
severity: warning
message: {zh: 应上门人数多于应认证人数, en: more are due a visit than are due for certification}
remedy: {zh: 请核对, en: please check}
*/
SELECT
    visit.source_file,
    visit.source_sheet,
    visit.source_row
FROM typed_home_visits AS visit
INNER JOIN typed_benefit_authentication AS recipient
    ON visit.year = recipient.year AND visit.town_id = recipient.town_id
WHERE visit.row_kind = 'data' AND recipient.row_kind = 'data' AND visit.due > recipient.due
"""
MART = """\
/*
grain: one row per year and town
key: [year, town_id]
columns:
  visited: persons visited (persons)
*/
SELECT
    year,
    town_id,
    numerator AS visited
FROM visit_rate
"""


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def changed(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def a_delivery(project: Path) -> None:
    written(project / "data/raw/2013/benefit_authentication-解放.csv", f"镇街,在册应认证,认证人数\n{TOWN},1000,980\n")
    written(project / "data/raw/2013/home_visits.csv", f"镇街,应上门人数,已上门人数\n{TOWN},2000,1700\n")


def an_edition(project: Path) -> None:
    shutil.copytree(project / "rubric" / "2013", project / "rubric" / "2030")
    changed(project / "rubric/2030/edition.yml", ("edition: 2013", "edition: 2030"))


def a_source(project: Path) -> None:
    written(project / "pipelines/contracts/home_visits.yml", CONTRACT)


def an_indicator(project: Path) -> None:
    written(project / "pipelines/models/indicators/visit_rate.sql", INDICATOR)
    changed(project / "rubric/2030/indicators.yml", ("indicators:\n", f"indicators:\n{DEFINITION}"))


def an_item(project: Path) -> None:
    changed(
        project / "rubric/2030/area-3.yml",
        ("  - section: 3.3\n", f"{ITEM}  - section: 3.3\n"),
        # The section keeps its points: another item gives what this one carries.
        ("points: 4\n        title: {zh: 保费收缴", "points: 3\n        title: {zh: 保费收缴"),
    )
    changed(project / "rubric/2030/examples.yml", ("examples:\n", f"examples:\n{EXAMPLES}"))


def a_threshold(project: Path) -> None:
    term = "indicator: authentication_rate\n            target: "
    changed(project / "rubric/2030/area-3.yml", (f"{term}100%", f"{term}99%"))


def a_header(project: Path) -> None:
    changed(
        project / "pipelines/contracts/benefit_authentication.yml", ("aliases: [应认证", "aliases: [在册应认证, 应认证")
    )


def a_check(project: Path) -> None:
    written(project / "pipelines/quality/checks/visits_exceed_recipients.sql", CHECK)


def a_mart(project: Path) -> None:
    written(project / "pipelines/models/marts/visit.sql", MART)


def a_correction(project: Path) -> None:
    entry = "{file: 2013/benefit_authentication-解放.csv, cell: line 2, column: 认证人数, expect: 980, replace: 985, "
    written(project / "data/corrections.yml", f"- {entry}\n   reason: 抄写颠倒, who: 甲, on: 2014-02-03}}\n")


def a_review(project: Path) -> None:
    row = f"{TOWN},3.2.7,0.9,补报,甲,2014-02-03"
    written(project / "data/raw/2013/adjustments.csv", f"镇街,条款,更正后得分,理由,批准人,批准日期\n{row}\n")


#: Each addition by its row in CONTRIBUTING, in an order in which they can be made.
ADDITIONS: dict[str, Callable[[Path], None]] = {
    "a delivery": a_delivery,
    "an edition": an_edition,
    "a source": a_source,
    "an indicator": an_indicator,
    "an item": an_item,
    "a threshold or a rate": a_threshold,
    "a header a town uses": a_header,
    "a check that spans sources": a_check,
    "a published table": a_mart,
    "a figure that cannot be sent anew": a_correction,
    "a score after review": a_review,
}


@pytest.fixture(scope="module")
def touched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    """A copy of the project with every addition, and the files each of them made or changed."""
    project = tmp_path_factory.mktemp("project")
    for folder in ("pipelines", "rubric"):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    written(project / "data/raw/towns.csv", TOWNS)
    found = {}
    for row, add in ADDITIONS.items():
        before = contents(project)
        add(project)
        found[row] = {path for path, content in contents(project).items() if before.get(path) != content}
    return project, found


def contents(project: Path) -> dict[str, bytes]:
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def marts(touched: tuple[Path, dict[str, set[str]]]) -> Marts:
    """What the copy's own command publishes, every mart as its rows."""
    project, _ = touched
    told = subprocess.run(
        [sys.executable, "-c", "from pipelines.cli import main; main()", "run", "--edition", "2030", "--results-only"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return {
        path.stem: list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        for path in (project / "data" / "marts").glob("*.csv")
    }


@pytest.mark.parametrize("row", ADDITIONS)
def test_no_other_file_is_touched_than_contributing_says(row: str, touched: tuple[Path, dict[str, set[str]]]) -> None:
    _, found = touched
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    line = next(line for line in table if line.startswith(f"| {row} ") and " ✓ |" in line)
    told = [_as_pattern(path) for path in re.findall(r"`([^` ]+/[^` ]*)`", line)]
    for path in found[row]:
        assert any(each.fullmatch(path) for each in told), f"{path} is not named: {line}"


def test_every_file_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = ("pipelines", "rubric", "tests", "docs", "notebooks")
    there = [path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*")]
    for named in set(re.findall(rf"`((?:{'|'.join(folders)})/[^` ]*)`", text)):
        assert any(_as_pattern(named.rstrip("/")).match(path) for path in there), named


def _as_pattern(written: str) -> re.Pattern[str]:
    """Paths as CONTRIBUTING writes them: ``<any name>``, ``[optional]``, and all that lies in a folder named with /."""
    pattern = re.sub(r"\\\[.*?\\\]|<.*?>", "[^/]*", re.escape(written))
    return re.compile(pattern + (".*" if written.endswith("/") else ""))


@pytest.mark.long
def test_a_delivery_is_read_by_its_new_header(marts: Marts) -> None:
    assert one(marts["delivery"], source="benefit_authentication")["accepted"] == "1"
    assert "在册应认证" in {row["header"] for row in marts["received_column"]}


@pytest.mark.long
def test_a_source_feeds_its_indicator_and_the_indicator_its_item(marts: Marts) -> None:
    figure = one(marts["indicator_value"], indicator="visit_rate", town_id="NH-JF")
    assert (figure["numerator"], figure["denominator"]) == ("1700.00", "2000.00")
    item = one(marts["item_score"], item="3.2.7", town_id="NH-JF")
    # 85% of 90%: five points short take 0.5; the review then gives 0.9.
    assert (item["points_before_adjustment"], item["points"]) == ("0.50", "0.90")
    assert one(marts["item_score"], item="3.2.4", town_id="NH-JF")["available"] == "3.00"


@pytest.mark.long
def test_the_threshold_is_the_new_one_and_the_figure_the_corrected_one(marts: Marts) -> None:
    term = one(marts["term_score"], indicator="authentication_rate", town_id="NH-JF")
    # 98.5% of 99%: no whole point short. Of 100% it would be one, and with 980 one of 99%.
    assert (term["numerator"], Decimal(term["target"]), Decimal(term["loss"])) == ("985.00", Decimal("0.99"), 0)
    assert "更正" in term["explanation_zh"]


@pytest.mark.long
def test_a_check_warns_a_mart_is_published_and_the_edition_is_named(marts: Marts) -> None:
    failed = {row["check_name"] for row in marts["quality_check"] if row["success"] == "false"}
    assert "home_visits.visits_exceed_recipients.due" in failed
    assert marts["visit"] == [{"year": "2013", "town_id": "NH-JF", "visited": "1700"}]
    assert one(marts["edition"])["edition"] == "2030"


def one(rows: list[dict[str, str]], **wanted: str) -> dict[str, str]:
    """The one row with what is wanted."""
    (found,) = [row for row in rows if wanted.items() <= row.items()]
    return found
