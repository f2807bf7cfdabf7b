"""The notebooks run on what is published and say what it holds; the pages made of them open with no network."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run as flow
from pipelines.analysis import comparison, losses, one_town, quality, tables, trends
from pipelines.analysis.marts import Marts, open_marts
from pipelines.errors import Exit, KaoheError
from pipelines.report.notebooks import NOTEBOOKS, _body, run_notebook, write_reports

NAMES = [
    "01-overview",
    "02-trends",
    "03-year-over-year",
    "04-one-town",
    "05-data-quality",
    "06-common-losses",
    "07-does-it-stand",
]


@pytest.fixture(scope="module")
def folder(committed_run: tuple[flow.Settings, flow.Outcome]) -> Path:
    return committed_run[0].marts


@pytest.fixture(scope="module")
def marts(folder: Path) -> Marts:
    return open_marts(folder)


@pytest.fixture
def changed(marts: Marts, tmp_path: Path) -> Iterator[Any]:
    """Makes a publication of the same marts with one of them changed by SQL; every decimal keeps its type."""

    def change(mart: str, assignments: str, where: str) -> Marts:
        target = tmp_path / "changed"
        if not target.exists():
            shutil.copytree(marts.folder, target)
        path = target / f"{mart}.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE mart AS FROM read_parquet('{path}')")
            connection.execute(f"UPDATE mart SET {assignments} WHERE {where}")
            connection.execute(f"COPY mart TO '{path}' (FORMAT parquet)")
        return open_marts(target)

    yield change


# Notebooks ------------------------------------------------------------------------------------------------------------


def test_notebooks_are_committed_without_outputs_in_one_format() -> None:
    assert [path.name for path in sorted(NOTEBOOKS.iterdir()) if path.is_file()] == [f"{name}.py" for name in NAMES]
    for name in NAMES:
        text = (NOTEBOOKS / f"{name}.py").read_text(encoding="utf-8")
        assert "format_name: percent" in text and '# %% tags=["parameters"]' in text
        assert re.search(r"^# # [一二三四五六七]、", text, re.MULTILINE)


def test_cells_are_a_few_lines() -> None:
    for name in NAMES:
        for cell in (NOTEBOOKS / f"{name}.py").read_text(encoding="utf-8").split("\n# %%")[1:]:
            code = [line for line in cell.splitlines()[1:] if line and not line.startswith("#")]
            assert len(code) <= 6, (name, cell)


@pytest.mark.long
def test_the_first_thing_shown_is_a_chart(folder: Path) -> None:
    executed = run_notebook(NOTEBOOKS / "01-overview.py", {"marts_folder": str(folder)})
    shown = [output for cell in executed.cells for output in cell.get("outputs", ())]
    assert "<img" in _html(shown[0])


@pytest.mark.long
def test_notebooks_take_year_town_and_language(folder: Path) -> None:
    given = {"marts_folder": str(folder), "year": 2014, "town": "浣云镇", "language": "en", "changes": {"4.1": "1.5"}}
    here = Path.cwd()
    shown = _shown(run_notebook(NOTEBOOKS / "04-one-town.py", given))
    assert 'alt="浣云镇, 2014, item by item' in shown and "requirement" in shown
    assert "sha256" in shown and "assessor_scores" in shown, "down to the received row"
    assert "changes that gain points" in shown
    assert "→ 1.50" in shown, "what if"
    assert Path.cwd() == here


@pytest.mark.long
def test_notebooks_run_beside_each_other_without_moving_the_process(folder: Path) -> None:
    here, seen = Path.cwd(), set()
    given = {"marts_folder": str(folder)}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_notebook, NOTEBOOKS / "06-common-losses.py", given)
        while not running.done():
            seen.add(Path.cwd())
            time.sleep(0.01)
        running.result()
    assert seen == {here}


@pytest.mark.long
def test_the_same_marts_give_the_same_page(folder: Path) -> None:
    given = {"marts_folder": str(folder), "language": "en"}
    one, other = (_body(run_notebook(NOTEBOOKS / "05-data-quality.py", given)) for _ in range(2))
    assert one == other


@pytest.mark.long
def test_a_notebook_that_fails_is_named(folder: Path) -> None:
    with pytest.raises(KaoheError, match=r"04-one-town\.py: KaoheError: 无此镇") as raised:
        run_notebook(NOTEBOOKS / "04-one-town.py", {"marts_folder": str(folder), "town": "无此镇"})
    assert raised.value.code == Exit.INTERNAL


# The pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    written = write_reports(folder, tmp_path_factory.mktemp("reports"), (2014, 2015), "zh")
    return {path.name: path.read_text(encoding="utf-8") for path in written}


@pytest.mark.long
def test_pages_open_with_no_network_and_say_what_they_rest_on(pages: dict[str, str], marts: Marts) -> None:
    assert list(pages) == ["index.html", *(f"{name}.html" for name in NAMES), "year-over-year-2014-2015.html"]
    for name, page in pages.items():
        assert "<script" not in page and "http" not in re.sub(r"http-equiv|http://www\.w3\.org\S*", "", page), name
        assert "合成数据" in page and marts.manifest["run_id"] in page and "edition 2013" in page
        assert str(marts.folder) not in page and str(Path.home()) not in page
        assert all("alt=" in image for image in re.findall(r"<img[^>]*?src", page))
        for link in re.findall(r'href="([^"]+)"', page):
            assert link in pages


@pytest.mark.long
def test_pages_say_what_the_marts_say(pages: dict[str, str], marts: Marts) -> None:
    for row in marts.rows("SELECT town_name, total FROM town_score WHERE year = 2017 AND total IS NOT NULL"):
        assert row["town_name"] in pages["01-overview.html"] and f">{row['total']}<" in pages["01-overview.html"]
    assert "浣云镇→浣云街道" in pages["year-over-year-2014-2015.html"]
    assert "@page { size: A4" in pages["year-over-year-2014-2015.html"]


@pytest.mark.long
def test_years_that_are_not_there_leave_the_pages_alone(folder: Path, tmp_path: Path) -> None:
    for years in ((2014, 2030), (2014, 2014)):
        with pytest.raises(KaoheError) as raised:
            write_reports(folder, tmp_path, years, "zh")
        assert raised.value.code == Exit.USAGE
    assert not list(tmp_path.iterdir())


# What the helpers compute ---------------------------------------------------------------------------------------------


def test_one_publication_is_read_however_often_another_is_published(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "current", tmp_path / "one")
    (tmp_path / "current").symlink_to("one")
    opened = open_marts(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("other")
    assert opened.folder.name == "one" and opened.years == [2013, 2014, 2015, 2016, 2017]


def test_nothing_published_is_said(tmp_path: Path) -> None:
    with pytest.raises(KaoheError, match="make pipeline") as raised:
        open_marts(tmp_path)
    assert raised.value.code == Exit.ENVIRONMENT


def test_scores_stay_decimals(marts: Marts) -> None:
    frame = marts.table("town_score")
    assert {type(total) for total in frame["total"]} <= {Decimal, type(None)}
    assert str(frame["rank"].dtype) == "Int64"
    assert marts.query("SELECT 1 AS one WHERE false").columns.tolist() == ["one"]


def test_a_town_is_found_by_id_code_and_any_name(marts: Marts) -> None:
    renamed = marts.rows("SELECT DISTINCT town_id, town_name, town_code FROM town_score WHERE town_name LIKE '浣云%'")
    assert len({row["town_id"] for row in renamed}) == 1 and len(renamed) == 2
    for row in renamed:
        for called in row.values():
            assert marts.town_id(called) == row["town_id"] == marts.town_id(called, 2013)
    with pytest.raises(KaoheError):
        marts.town_id("无此镇")


def test_pooled_rate_is_the_sum_over_the_sum_and_differs_from_the_median(marts: Marts) -> None:
    year = next(year for year in trends.history(marts, "renewal_rate") if year.year == 2014)
    rows = marts.rows(
        "SELECT numerator, denominator FROM indicator_value WHERE year = 2014 AND indicator = 'renewal_rate'"
    )
    pooled = sum(row["numerator"] for row in rows) / sum(row["denominator"] for row in rows)
    assert year.pooled == pooled.quantize(Decimal("0.000001")) and year.pooled != year.median
    assert (year.target, year.direction, year.reported) == (Decimal("0.95"), "at_least", len(rows))


def test_figures_not_reported_are_in_no_sum(changed: Any) -> None:
    one = "year = 2014 AND indicator = 'renewal_rate' AND town_id = 'YL-01'"
    marts = changed("indicator_value", "numerator = NULL, value = NULL, status = 'missing'", one)
    year = next(year for year in trends.history(marts, "renewal_rate") if year.year == 2014)
    rows = marts.rows(
        """SELECT numerator, denominator FROM indicator_value
        WHERE year = 2014 AND indicator = 'renewal_rate' AND value IS NOT NULL"""
    )
    assert year.reported == len(rows) == year.towns - 1
    pooled = sum(row["numerator"] for row in rows) / sum(row["denominator"] for row in rows)
    assert year.pooled == pooled.quantize(Decimal("0.000001"))


def test_waterfalls_add_up_for_every_town_and_pair_of_years(marts: Marts) -> None:
    neighbours = [(year, year + 1) for year in marts.years[:-1]]
    for before, after in [*neighbours, (2013, 2017), (2016, 2014), (2015, 2015)]:
        moved = comparison.movers(marts, before, after)
        final = [mover for mover in moved if mover.change is not None]
        found = comparison.waterfalls(marts, moved, before, after, "zh")
        assert len(found) == len(final) > 0
        for each in found:
            assert each.before + sum(step.change for step in each.steps) == each.after
        total = sum(mover.change or 0 for mover in final)
        assert sum(step.change for step in comparison.item_moves(marts, before, after, "zh")) == total


def test_a_waterfall_that_does_not_add_up_is_refused(changed: Any) -> None:
    marts = changed("change_part", "points = points - 0.01", "year = 2015 AND town_id = 'YL-01' AND item = '1.1'")
    with pytest.raises(KaoheError, match="do not add up") as raised:
        comparison.waterfall(marts, "YL-01", 2014, 2015, "zh")
    assert raised.value.code == Exit.INTEGRITY


def test_a_provisional_town_has_no_waterfall(marts: Marts) -> None:
    town = marts.rows("SELECT town_id FROM town_score WHERE year = 2017 AND total IS NULL")[0]["town_id"]
    assert comparison.draw_waterfall(marts, town, 2016, 2017, "zh") is None
    assert town not in comparison.towns_to_draw(marts, 2016, 2017)
    told = " ".join(comparison.comparability(marts, 2016, 2017, "zh"))
    assert "待定" in told


def test_comparability_tells_editions_readings_items_and_towns_apart(changed: Any, marts: Marts) -> None:
    told = comparison.comparability(marts, 2014, 2015, "zh")
    assert told == ["改名，仍按同一单位比较：浣云镇→浣云街道。"]
    assert comparison.comparability(marts, 2013, 2014, "zh") == []
    changed("town_score", "edition = '2016'", "year = 2015")
    changed("town_score", "town_id = 'YL-99'", "year = 2015 AND town_id = 'YL-01'")
    changed(
        "term_score", "interpretations = 'per_point=pro_rata'", "year = 2015 AND interpretations = 'per_point=whole'"
    )
    other = changed("item_score", "available = available + 1", "year = 2015 AND item = '1.1'")
    told = " ".join(comparison.comparability(other, 2014, 2015, "en"))
    for part in ("editions differ: 2013 in 2014, 2016 in 2015", "per_point differs", "1.1", "2014 only", "2015 only"):
        assert part in told


def test_the_gap_to_the_next_grade_is_exact(changed: Any) -> None:
    where = "year = 2014 AND town_id = 'YL-01'"

    def gap(total: str, grade: str) -> Any:
        at = f"total = {total}, total_low = {total}, grade = '{grade}', grade_low = '{grade}'"
        return one_town.next_grade(changed("town_score", at, where), "YL-01", 2014)

    for total, grade, better, limit in (("94.99", "合格", "优胜", "≥95"), ("75.00", "不合格", "基本合格", ">75")):
        found = gap(total, grade)
        assert (found["grade"], found["limit"], found["points"]) == (better, limit, Decimal("0.01"))
    assert gap("95.00", "优胜") is None


def test_peers_are_of_the_same_kind_and_size(marts: Marts) -> None:
    frame = one_town.peers(marts, "YL-01", 2014)
    assert len(frame) == 7 and set(frame["kind"]) == {"街道"} and frame["is_it"].sum() == 1
    sizes = frame["persons_served"].tolist()
    assert sizes == sorted(sizes, reverse=True)


def test_the_scorecard_adds_up_to_the_town(marts: Marts) -> None:
    frame = one_town.scorecard(marts, "YL-01", 2014, "zh")
    total = one_town.standing(marts, "YL-01", 2014)
    assert sum(points for points in frame["points"] if points is not None) == total["points"] + total["bonus"]
    assert sum(lost for lost in frame["lost"] if lost is not None) == 100 - total["points"]
    assert frame["requirement"].str.len().gt(5).all()


def test_losses_add_up_over_the_towns(marts: Marts) -> None:
    frame = losses.losses(marts, 2014, "zh")
    points = marts.rows("SELECT sum(100 - points) AS lost FROM town_score WHERE year = 2014")
    assert sum(frame["lost"]) == points[0]["lost"]


def test_row_ledger_adds_up(marts: Marts) -> None:
    assert quality.deliveries(marts, "zh")["adds_up"].all()


def test_tables_say_everything_in_words_and_take_nothing_for_markup(marts: Marts) -> None:
    frame = marts.query(
        "SELECT '<b>$x' AS town_name, NULL::DECIMAL(9, 2) AS total, NULL AS grade, true AS condition_met"
    )
    shown = tables.table(frame, "zh")._repr_html_()
    assert "&lt;b&gt;$x" in shown and "—" in shown and "未定" in shown and "是" in shown
    numbers = tables.table(marts.query("SELECT 1234 AS accepted, NULL::BIGINT AS rank"), "zh")._repr_html_()
    assert '<td class="number">1,234</td>' in numbers and "—" in numbers
    with pytest.raises(KeyError):
        tables.table(marts.query("SELECT 1 AS no_such_heading"), "zh")._repr_html_()
    assert "另有 50 行" in tables.table(marts.query("SELECT range AS rank FROM range(250)"), "zh")._repr_html_()


def _html(output: Any) -> str:
    return str(output.get("data", {}).get("text/html", ""))


def _shown(executed: Any) -> str:
    return "".join(_html(output) for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs)
