"""The site opens from disk, shows the figures of the marts in both languages, and takes no name for a command."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run as flow
from pipelines.report.site import write_site
from pipelines.report.site.pages import page_name
from pipelines.sql_text import literal

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

Run = tuple[flow.Settings, flow.Outcome]
CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "<img src=x onerror=alert(1)>\"'</script>`${alert(2)}"
MEGABYTE = 1024 * 1024

with_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


@pytest.fixture(scope="module")
def site(committed_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings, _ = committed_run
    return write_site(settings.marts, tmp_path_factory.mktemp("site") / "site").parent


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page on which no request leaves the disk, no error reaches the console and no dialogue opens."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else wrong.append(request.url)
    )
    opened.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    yield opened
    context.close()
    assert wrong == []


def _query(marts: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    return duckdb.execute(sql.replace("{marts}", str(marts)), parameters or None).fetchall()


def _changed_marts(source: Path, folder: Path, changes: dict[str, str]) -> Path:
    """A copy of the published set with some marts selected anew: mart → query over ``this``."""
    shutil.copytree(source / "current", folder, symlinks=False)
    for name, query in changes.items():
        path = folder / f"{name}.parquet"
        connection = duckdb.connect()
        connection.execute(f"CREATE TABLE this AS FROM '{path}'")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return folder


@pytest.mark.long
@with_browser
def test_every_page_opens_from_disk(site: Path, page: Any) -> None:
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.locator("h1").count() == 1, path
        assert "合成数据" in page.locator("footer").inner_text(), path
        assert page.locator("footer code").inner_text(), path


@with_browser
def test_no_page_is_wider_than_a_telephone(site: Path, page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    names = ["index.html", "methods.html", "quality.html", "town/YL-02.html", "year/2017.html", "pair/2014-2015.html"]
    for name in names:
        for lang in ("zh", "en"):
            page.goto(f"{(site / name).as_uri()}?lang={lang}")
            assert page.evaluate("document.documentElement.scrollWidth") == 390, (name, lang)


@with_browser
def test_search_finds_a_town_by_each_of_its_names(site: Path, page: Any, committed_run: Run) -> None:
    settings, _ = committed_run
    (renamed, present, former), *_ = _query(
        settings.marts,
        "SELECT town_id, town_name, previous_town_name FROM '{marts}/year_over_year.parquet' "
        "WHERE town_name <> previous_town_name",
    )
    page.goto((site / "index.html").as_uri())
    for typed in (present, former, present[:2], renamed.lower()):
        page.fill("#query", typed)
        link = page.locator(".results a")
        link.first.wait_for()
        assert link.all_inner_texts() == [present], typed
        assert former in page.locator(".results").inner_text()
    page.press("#query", "Enter")
    page.wait_for_url(f"**/town/{renamed}.html")
    assert page.locator("h1").inner_text() == present
    page.goto((site / "index.html").as_uri())
    page.fill("#query", "没有这个地方")
    page.locator(".found").wait_for()
    assert page.locator(".results a").count() == 0


@with_browser
def test_language_switches_and_is_remembered(site: Path, page: Any) -> None:
    page.goto((site / "index.html").as_uri())
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert page.locator("nav").first.inner_text().startswith("首页")
    page.get_by_role("button", name="English").click()
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("nav").first.inner_text().startswith("Overview")
    assert not re.search("[一-鿿]", page.locator("h2").first.inner_text())
    page.get_by_role("link", name="Data quality").click()
    assert page.locator("h1").inner_text() == "Data quality"
    assert page.title().startswith("Data quality")
    page.goto((site / "methods.html").as_uri() + "?lang=zh")
    assert page.locator("h1").inner_text() == "考核方法"
    page.goto((site / "methods.html").as_uri())
    assert page.locator("h1").inner_text() == "考核方法"


@with_browser
def test_language_is_carried_where_nothing_can_be_remembered(site: Path, browser: Any) -> None:
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})")
    page = context.new_page()
    page.goto((site / "index.html").as_uri() + "?lang=en")
    page.get_by_role("link", name="Methods").click()
    page.wait_for_url("**/methods.html?lang=en")
    assert page.locator("h1").inner_text() == "Methods"
    context.close()


@with_browser
def test_pages_are_whole_without_scripts(site: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "town" / "YL-01.html").as_uri())
    assert page.locator("h1").inner_text()
    assert "得分" in page.locator("table.scorecard").first.inner_text()
    assert "Explanation" not in page.locator("main").inner_text()
    context.close()


@with_browser
def test_a_town_page_shows_every_item_of_the_marts(site: Path, page: Any, committed_run: Run) -> None:
    settings, _ = committed_run
    towns = [
        _query(
            settings.marts,
            f"SELECT town_id, year FROM '{{marts}}/town_score.parquet' WHERE status = '{status}' LIMIT 1",
        )[0]
        for status in ("final", "provisional")
    ]
    for town_id, year in towns:
        items = _query(
            settings.marts,
            "SELECT item, kind, available, points, points_low, points_high, explanation_zh, explanation_en "
            "FROM '{marts}/item_score.parquet' WHERE town_id = ? AND year = ?",
            town_id,
            year,
        )
        page.goto((site / "town" / f"{town_id}.html").as_uri())
        rows = page.locator(f"tr.item[data-year='{year}']")
        shown = {row.get_attribute("data-item"): row.locator("td").all_text_contents() for row in rows.all()}
        assert set(shown) == {item for item, *_ in items}
        for item, kind, available, points, low, high, explanation_zh, explanation_en in items:
            _, standard, loss, score, _, reason, _ = shown[item]
            assert explanation_zh in reason
            assert explanation_en in reason
            if kind == "condition":
                continue
            assert score == (f"{low}–{high}" if points is None else str(points)), (town_id, item)
            if kind == "scored":
                assert Decimal(standard) == available
                assert loss == "—" if points is None else Decimal(loss) == available - points
        (status, total, low, high, rank), *_ = _query(
            settings.marts,
            "SELECT status, total, total_low, total_high, rank FROM '{marts}/town_score.parquet' "
            "WHERE town_id = ? AND year = ?",
            town_id,
            year,
        )
        card = page.locator(f"#year-{year}")
        assert (f"{low}–{high}" if total is None else str(total)) in card.locator("> summary").text_content()
        assert card.locator(".warning").count() == (status != "final")
        assert str(rank or "—") in card.locator("> dl").text_content()


@with_browser
def test_a_town_page_explains_down_to_the_cell_and_says_what_would_gain(
    site: Path, page: Any, committed_run: Run
) -> None:
    settings, _ = committed_run
    (town_id, year, item, file), *_ = _query(
        settings.marts,
        "SELECT town_id, year, item, source_file FROM '{marts}/term_score.parquet' WHERE loss > 0 "
        "AND indicator = 'authentication_rate' AND source_file LIKE '%.xlsx' ORDER BY ALL LIMIT 1",
    )
    page.goto((site / "town" / f"{town_id}.html").as_uri())
    told = page.locator(f"tr.item[data-year='{year}'][data-item='{item}'] details.how").text_content()
    (sha256, *_), *_ = _query(
        settings.marts, "SELECT sha256 FROM '{marts}/delivery.parquet' WHERE source_file = ?", file
    )
    assert file in told and sha256[:12] in told and "per_point=whole" in told
    assert re.search(r"已认证人数 [A-Z]+\d+", told)
    gains = _query(
        settings.marts, "SELECT explanation_zh, explanation_en FROM '{marts}/lever.parquet' WHERE town_id = ?", town_id
    )
    shown = page.locator("section:has(#levers)").text_content() if gains else ""
    assert all(zh in shown and en in shown for zh, en in gains)


@with_browser
def test_where_a_figure_was_read_is_shown(site: Path, page: Any, committed_run: Run) -> None:
    settings, _ = committed_run
    (town_id, year, item, file, sheet, row), *_ = _query(
        settings.marts,
        "SELECT town_id, year, item, source_file, source_sheet, source_row FROM '{marts}/term_score.parquet' "
        "WHERE source_sheet <> '' AND source_rows = 1 ORDER BY ALL LIMIT 1",
    )
    page.goto((site / "town" / f"{town_id}.html").as_uri())
    told = page.locator(f"tr[data-year='{year}'][data-item='{item}'] .source").text_content()
    assert f"{file} › {sheet} › 第 {row} 行" in told


@with_browser
def test_tables_sort_by_a_click_on_a_heading(site: Path, page: Any) -> None:
    page.goto((site / "year" / "2017.html").as_uri())
    heading = page.locator("table.league thead th").nth(2)
    cells = page.locator("table.league tbody tr td:nth-child(3)")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    rising = cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")
    assert rising[-1] == "", "a town without a total comes last"
    totals = [Decimal(value) for value in rising if value]
    assert totals == sorted(totals)
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    falling = cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")
    assert [Decimal(value) for value in falling if value] == sorted(totals, reverse=True)
    assert falling[-1] == ""


@with_browser
def test_a_pair_of_years_agrees_with_the_mart(site: Path, page: Any, committed_run: Run) -> None:
    settings, _ = committed_run
    page.goto((site / "pair" / "2014-2015.html").as_uri())
    shown = dict(
        page.locator("figure table tbody tr").evaluate_all(
            "rows => rows.map(row => [row.querySelector('a').textContent, row.cells[3].dataset.value])"
        )
    )
    expected = _query(
        settings.marts,
        "SELECT town_name, coalesce(change::VARCHAR, '') FROM '{marts}/year_over_year.parquet' WHERE year = 2015",
    )
    assert shown == dict(expected)
    for path in ("pair/2013-2017.html", "pair/2016-2017.html"):
        assert (site / path).exists()


@pytest.mark.long
@with_browser
def test_a_hostile_name_shows_as_text(committed_run: Run, tmp_path: Path, page: Any) -> None:
    settings, _ = committed_run
    quoted = literal(HOSTILE)
    renamed = f"SELECT * REPLACE (CASE WHEN town_id = 'YL-03' THEN {quoted} ELSE town_name END AS town_name"
    marts = _changed_marts(
        settings.marts,
        tmp_path / "marts",
        {
            "town_score": f"{renamed}, CASE WHEN town_id = 'YL-03' THEN {quoted} ELSE district END AS district, "
            f"CASE WHEN town_id = 'YL-03' THEN {quoted} ELSE managed_by END AS managed_by) FROM this",
            "year_over_year": f"{renamed}) FROM this",
            "item_score": f"SELECT * REPLACE ({quoted} AS explanation_zh) FROM this",
            "term_score": f"SELECT * REPLACE ({quoted} AS source_sheet) FROM this",
            "delivery": f"SELECT * REPLACE ({quoted} AS source_sheet, {quoted} AS ignored_reasons) FROM this",
            "quarantined_row": (
                f"SELECT {quoted} AS source_file, {quoted} AS source_sheet, 3::BIGINT AS source_row, "
                f"'type' AS rule, 'town' AS field, {quoted} AS header, 'A3' AS cell, {quoted} AS value, "
                f"'staffing' AS source, 2014 AS year, NULL AS town_id, {quoted} AS message_zh, "
                f"'wrong' AS message_en, {quoted} AS remedy_zh, 'mend it' AS remedy_en"
            ),
        },
    )
    folder = write_site(marts, tmp_path / "site").parent
    page.goto((folder / "town" / "YL-03.html").as_uri())
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.title().startswith(HOSTILE)
    page.goto((folder / "pair" / "2014-2015.html").as_uri())
    assert HOSTILE in page.locator("svg.drawing text").all_text_contents()
    page.goto((folder / "year" / "2015.html").as_uri())
    assert HOSTILE in page.locator("table.league a").all_inner_texts()
    page.goto((folder / "quality.html").as_uri())
    assert HOSTILE in page.locator("#quarantine ~ .scroll td").all_inner_texts()
    page.goto((folder / "index.html").as_uri())
    assert HOSTILE in page.locator("table.sortable a").all_inner_texts()
    page.fill("#query", "onerror")
    page.locator(".results a").first.wait_for()
    assert page.locator(".results a").first.inner_text() == HOSTILE
    for path in folder.rglob("*.html"):
        assert "<img" not in path.read_text(encoding="utf-8"), path
    for path in (folder / "data").iterdir():
        assert "<" not in path.read_text(encoding="utf-8")


@pytest.mark.long
@with_browser
def test_the_index_is_small_and_searches_forty_thousand_towns(committed_run: Run, tmp_path: Path, page: Any) -> None:
    settings, _ = committed_run
    marts = _changed_marts(
        settings.marts,
        tmp_path / "marts",
        {
            "town_score": """
                SELECT * EXCLUDE (number, place) REPLACE (
                    printf('T-%05d', number) AS town_id, (330000000 + number)::VARCHAR AS town_code,
                    town_name || number AS town_name, '第' || number // 20 || '区' AS district
                )
                FROM range(40000) AS towns (number)
                JOIN (SELECT *, row_number() OVER (ORDER BY town_id) - 1 AS place FROM this WHERE year = 2017)
                    ON place = number % 22
            """
        },
    )
    folder = write_site(marts, tmp_path / "site", pages=("index",)).parent
    data = sum(path.stat().st_size for path in (folder / "data").iterdir())
    opened = sum((folder / name).stat().st_size for name in ("index.html", "site.css", "site.js"))
    assert opened <= 2 * MEGABYTE / 10
    assert opened + data <= 2 * MEGABYTE, "even with everything a search reads"
    assert len(list(folder.glob("index*.html"))) == 160
    page.goto((folder / "index.html").as_uri())
    assert page.locator("script[src*='data/']").count() == 0, "nothing is loaded before somebody searches"
    page.fill("#query", "T-39999")
    page.locator(".results a").first.wait_for()
    assert page.locator(".results li").count() == 1
    assert "第1999区" in page.locator(".results").inner_text()


@pytest.mark.long
def test_the_same_marts_give_the_same_bytes(site: Path, committed_run: Run, tmp_path: Path) -> None:
    settings, _ = committed_run
    other = tmp_path / "site"
    other.mkdir()
    (other / "left-over.html").write_text("of an earlier site", encoding="utf-8")
    again = write_site(settings.marts, other).parent

    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert files(again) == files(site)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_methods_name_every_item_indicator_and_reading(site: Path, committed_run: Run) -> None:
    settings, outcome = committed_run
    text = (site / "methods.html").read_text(encoding="utf-8")
    for (item,) in _query(settings.marts, "SELECT item FROM '{marts}/item_definition.parquet'"):
        assert f'id="item-{item}"' in text
    for (indicator,) in _query(settings.marts, "SELECT indicator FROM '{marts}/indicator_definition.parquet'"):
        assert f'id="indicator-{indicator}"' in text
    for interpretation, option in outcome.manifest["interpretations"].items():
        row = text.split(f'id="reading-{interpretation}"')[1].split("</tr>")[0]
        in_force = re.search(r'<li class="in-force">.*?</li>', row, re.DOTALL)
        assert in_force
        assert f"<code>{option}</code>" in in_force[0]
    assert "工作定义，待主管单位确认" in text


def test_data_quality_names_every_delivery_and_its_hash(site: Path, committed_run: Run) -> None:
    _, outcome = committed_run
    text = (site / "quality.html").read_text(encoding="utf-8")
    for delivery in outcome.manifest["deliveries"]:
        assert delivery["source_file"] in text
        assert delivery["sha256"] in text


def test_links_lead_somewhere(site: Path) -> None:
    ids: dict[Path, set[str]] = {}
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    for path, text in pages.items():
        found = re.findall(r' id="([^"]+)"', text)
        assert len(found) == len(set(found)), f"an id is there twice in {path.name}"
        ids[path.resolve()] = set(found)
    for path, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            if link.startswith("data:"):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path.resolve()
            assert target.is_file(), (path.name, link)
            assert not anchor or anchor in ids[target], (path.name, link)


def test_manifest_is_in_every_footer(site: Path, committed_run: Run) -> None:
    _, outcome = committed_run
    for path in site.rglob("*.html"):
        foot = path.read_text(encoding="utf-8").split("<footer>")[1]
        for name in ("run_id", "version", "edition"):
            assert str(outcome.manifest[name]) in foot


def test_page_names_are_safe_and_apart() -> None:
    assert page_name("YL-01") == "YL-01"
    odd = ["../index", "a/b", "yl-01", "", ".", "YL 01", "街道", HOSTILE]
    names = [page_name(each) for each in odd]
    assert all(re.fullmatch(r"x[0-9a-f]{16}", name) for name in names)
    assert len(set(names)) == len(odd)


def test_words_of_the_site_are_all_used() -> None:
    """A label nobody reads is a label nobody corrects."""
    folder = Path(write_site.__code__.co_filename).parent
    text = "".join(
        path.read_text(encoding="utf-8") for path in [*folder.glob("*.py"), *(folder / "templates").iterdir()]
    )
    labels = (folder.parents[1] / "labels.yml").read_text(encoding="utf-8")
    made = re.compile(r"site_(band|figure|ignored|item|kind|basis|basis_note|unit)_")
    for key in re.findall(r"^(site_\w+):", labels, re.MULTILINE):
        assert key in text or made.match(key), key


def test_synthetic_data_is_said_on_every_page_only_where_it_is(committed_run: Run, tmp_path: Path) -> None:
    settings, _ = committed_run
    marts = _changed_marts(settings.marts, tmp_path / "marts", {})
    manifest = json.loads((marts / "manifest.json").read_text(encoding="utf-8"))
    (marts / "manifest.json").write_text(json.dumps({**manifest, "is_synthetic": False}), encoding="utf-8")
    index = write_site(marts, tmp_path / "site", pages=("index", "methods"))
    assert "合成数据" not in index.read_text(encoding="utf-8")
