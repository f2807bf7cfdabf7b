"""Names and texts that are commands to somebody else's program: to a spreadsheet, a browser, a database, a terminal."""

from __future__ import annotations

import csv
import io
import os
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from office import YEAR, Office, fingerprint

from pipelines import cli, rubric, transform
from pipelines import run as flow
from pipelines.analysis.explanation import explain, in_words
from pipelines.analysis.levers import read_limits
from pipelines.analysis.marts import open_marts
from pipelines.contracts import load_contracts
from pipelines.errors import Exit, KaoheError
from pipelines.ingest.corrections import apply_corrections
from pipelines.report.notebooks import write_reports
from pipelines.report.notice import write_notice
from pipelines.report.site import write_site
from pipelines.report.workbook import write_workbooks

pytestmark = pytest.mark.group("9 security")

CHROMIUM = Path("/usr/bin/chromium")

IMAGE = "<img src=x onerror=alert(1)>\"'</script>"
DRAWING = "<svg/onload=alert(2)>&lt;b&gt;"
TEMPLATE = "{{ 7 * 7 }}{% raw %}${alert(3)}`"
QUERY = "'); DROP TABLE town_score; --\""
#: Names of towns, as the register holds them.
NAMES = ["=HYPERLINK(\"x\")", "+1+1", "-2+3|cmd", "@SUM(1)", "{=1+1}", "＝甲", IMAGE, DRAWING, TEMPLATE, QUERY,
         "../../../../escaped", "con:*?<>|"]  # fmt: skip
#: Items to correct, each for one of these reasons.
ITEMS = ("1.1", "1.2", "1.3", "4.1", "4.2", "5.1", "5.2", "5.3", "2.1.1", "2.1.2")
#: What of them makes a spreadsheet calculate.
SIGNS = ("=", "+", "-", "@", "{=", "＝", "＋", "－", "＠", "\t", "\r")


@dataclass(frozen=True)
class Published:
    """An office to which every text was sent wherever a text can be sent, and its published folder."""

    office: Office
    marts: Path


@pytest.fixture(scope="module")
def published(clean: Office, tmp_path_factory: pytest.TempPathFactory) -> Published:
    import shutil
    from dataclasses import replace

    home = tmp_path_factory.mktemp("hostile") / "bureau"
    shutil.copytree(clean.raw.parent, home, symlinks=True, ignore=shutil.ignore_patterns("warehouse*"))
    office = Office(
        replace(clean.settings, raw=home / "raw", marts=home / "marts", warehouse=home / "warehouse.duckdb")
    )
    register = office.file("towns.csv")
    rows = io.StringIO()
    writer = csv.writer(rows)
    for number, name in enumerate(NAMES, start=1):
        writer.writerow([name, f"99010199{number}", name, f"{name}别名", "镇", name, name, "", ""])
    register.write_text(register.read_text(encoding="utf-8-sig").rstrip("\n") + "\n" + rows.getvalue(), "utf-8-sig")
    first, *_ = [row["town_name"] for row in open_marts(clean.settings.marts).rows("SELECT town_name FROM town_score")]
    others = [row[0] for row in rows_of(office, "SELECT town_name FROM town_score")]
    quoted_name = office.receive(f"{YEAR}/insurance_expansion-o'\"$1;.parquet", b"")
    table = " UNION ALL ".join(
        f"SELECT '{town}' AS 镇街, 100 AS 扩面任务, 90 AS 完成数, '=1' AS \"x\"\" FROM t; DROP TABLE town_year; --\""
        for town in others
    )
    duckdb.execute(f"COPY ({table}) TO ? (FORMAT parquet)", [str(quoted_name)])
    office.receive(f"{YEAR}/adjustments.csv", table_of(
        ["镇街", "条款", "更正后得分", "理由", "依据", "批准人", "批准日期"],
        *([first, item, "1", text, text, text, f"{YEAR}-12-01"] for item, text in zip(ITEMS, NAMES, strict=False)),
    ))  # fmt: skip
    office.receive(f"{YEAR}/publicity-={IMAGE.replace('/', '')}.csv", table_of(
        ["镇街", "宣传橱窗", "工作简报", IMAGE, "=1+1"], *([text, "是", text, "", ""] for text in NAMES)
    ))  # fmt: skip
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "=1+1{{7}}<b>"
    book.active.append(["镇街", "类型", "日期", "主题", "依据"])
    for text in NAMES:
        book.active.append([first, "会议", f"{YEAR}-05-01", text, text])
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s"
    book.save(office.receive(f"{YEAR}/activities.xlsx", b""))
    assert office.run(allow_partial=True).code == Exit.PARTIAL
    return Published(office, office.settings.marts)


def rows_of(office: Office, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in open_marts(office.settings.marts).rows(query)]


def table_of(*rows: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


@pytest.mark.long
def test_texts_are_published_as_they_are_and_run_nothing(published: Published) -> None:
    names = {row[0] for row in rows_of(published.office, "SELECT town_name FROM town_score")}
    assert set(NAMES) <= names
    assert {row[0] for row in rows_of(published.office, "SELECT adjustment_reason FROM adjustment")} == set(NAMES[:10])
    expanded = "SELECT count(*) FROM indicator_value WHERE indicator = 'expansion_task_completion' AND numerator = 90"
    assert rows_of(published.office, expanded) == [(3,)]
    held = rows_of(published.office, "SELECT value FROM quarantined_row WHERE field = 'has_briefing'")
    assert {row[0] for row in held} == set(NAMES)


def test_no_cell_of_a_csv_starts_a_formula_and_every_figure_stays_one(published: Published) -> None:
    neutralised = 0
    for path in sorted((published.marts / "current").glob("*.parquet")):
        # Rows as received are kept for comparison alone, and not as something to open in Excel.
        if path.name.startswith("received_row_"):
            continue
        relation = duckdb.sql(f"FROM '{path}'")
        written = list(csv.reader(io.StringIO(path.with_suffix(".csv").read_text(encoding="utf-8-sig"), newline="")))
        held = duckdb.sql(f"SELECT COLUMNS(*)::VARCHAR FROM '{path}'").fetchall()
        assert written[0] == relation.columns
        for told, kept in zip(written[1:], held, strict=True):
            for cell, text, kind in zip(told, kept, relation.types, strict=True):
                if str(kind) != "VARCHAR":
                    assert cell == (text or ""), path
                elif cell != (text or ""):
                    assert cell == f"'{text}", path
                    neutralised += 1
                else:
                    is_figure = re.fullmatch(r"[-+]?([0-9]+(\.[0-9]+)?%?)?", cell)
                    assert is_figure or not cell.lstrip("\u200b\ufeff \u3000").startswith(SIGNS), (path, cell)
    assert neutralised > len(SIGNS)


@pytest.mark.long
def test_workbooks_and_notices_hold_texts_and_no_formula_of_theirs(published: Published, tmp_path: Path) -> None:
    before = fingerprint(tmp_path.parent)
    (tmp_path / "out").mkdir()
    texts: set[str] = set()
    for path in write_workbooks(published.marts, tmp_path / "out"):
        for sheet in openpyxl.load_workbook(path).worksheets:
            for cell in (cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)):
                if cell.data_type == "f":
                    assert not any(name in cell.value for name in NAMES), (sheet.title, cell.coordinate)
                else:
                    assert cell.data_type == "s", (sheet.title, cell.coordinate, cell.value)
                    assert cell.quotePrefix or not cell.value.startswith(("=", "+", "-", "@")), cell.value
                    texts.add(cell.value)
    assert set(NAMES) <= texts
    notice = write_notice(published.marts, YEAR, tmp_path / "out")
    with zipfile.ZipFile(notice) as package:
        document = package.read("word/document.xml").decode()
        assert "<w:instrText>" not in document and "<w:fldSimple" not in document and "<img" not in document
        assert "&lt;img src=x onerror=alert(1)&gt;" in document
        assert not [name for name in package.namelist() if "vba" in name.lower()]
    written = set(fingerprint(tmp_path.parent)) - set(before)
    assert all(name.startswith(f"{tmp_path.name}/out") for name in written)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


_HANDLERS = """() => [...document.querySelectorAll('*')].filter(each => [...each.attributes].some(
    attribute => attribute.name.startsWith('on') || /^\\s*javascript:/i.test(attribute.value))).length"""


def assert_pages_run_nothing(browser: Any, pages: list[Path]) -> str:
    """Open every page in a browser: no dialogue, no error, no request beyond the disk, no handler. All their text."""
    wrong: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or wrong.append(request.url))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    seen = []
    for path in pages:
        page.goto(path.as_uri())
        assert page.evaluate(_HANDLERS) == 0, path
        assert page.locator("img[src='x']").count() == 0, path
        seen.append(page.locator("body").inner_text())
    context.close()
    assert wrong == []
    return "\n".join(seen)


@pytest.mark.long
def test_no_text_runs_in_the_site_and_no_name_leads_out_of_it(
    published: Published, browser: Any, tmp_path: Path
) -> None:
    site = write_site(published.marts, tmp_path / "site").parent
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", path.name) for path in site.rglob("*"))
    seen = assert_pages_run_nothing(browser, sorted(site.rglob("*.html")))
    for text in (IMAGE, DRAWING, TEMPLATE, QUERY):
        assert text in seen
    assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|49\{%", seen)


@pytest.mark.long
def test_no_text_runs_in_the_pages_of_the_notebooks(published: Published, browser: Any, tmp_path: Path) -> None:
    pages = write_reports(published.marts, tmp_path / "reports")
    seen = assert_pages_run_nothing(browser, pages)
    assert IMAGE in seen and QUERY in seen


def test_a_name_cannot_forge_a_line_of_what_is_told(published: Published) -> None:
    opened = open_marts(published.marts)
    told = in_words(explain(opened, "../../../../escaped", YEAR, ""), "zh", whole=False)
    assert "escaped" in told


@pytest.mark.long
def test_log_lines_cannot_be_forged(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\u202egpj\r\n严重 2013-x.csv\x1b[2J\u2028伪造\x85\x07"
    for name in (f"{YEAR}/{evil}.csv", f"{YEAR}/staffing-{evil}.csv"):
        office.file(name).write_text("x", encoding="utf-8")
    (office.file(f"{YEAR}") / os.fsdecode(b"staffing-\xff\n.csv")).write_text("x", encoding="utf-8")
    office.receive(
        f"{YEAR}/pension_renewal.csv", f'镇街,应续保人数,实际续保人数,年度目标任务,完成数\n甲,1,1,1,1,"{evil}"\n'
    )
    where = ["--raw", str(office.raw), "--warehouse", str(office.settings.warehouse)]
    assert cli._run_command(["check", *where, "--rubric", str(office.settings.rubric.parent)]) == Exit.REJECTED
    told = capsys.readouterr().err
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", told)
    starts = ("严重 ", "    ", "[", "kaohe: ")
    assert all(line.startswith(starts) for line in told.splitlines())
    assert not any(line.startswith("严重 2013-x.csv") for line in told.splitlines())
    assert "\\u202egpj" in told and "\\u001b[2J" in told
    assert office.run().code == Exit.REJECTED


def test_what_is_no_plain_file_is_not_opened(office: Office, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "staffing.csv").write_text("镇街,专职人员\n", encoding="utf-8")
    office.file(f"{YEAR}/staffing-a.csv").symlink_to("/etc/passwd")
    office.file(f"{YEAR}/staffing-b.csv").symlink_to(office.file(f"{YEAR}/staffing-b.csv"))
    office.file("2014").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(office.file(f"{YEAR}/staffing-c.csv"))
    office.file(f"{YEAR}/staffing-d.csv").mkdir()
    told = office.run()
    assert told.code == Exit.REJECTED
    assert {(problem.file, problem.rule) for problem in told.problems} == {
        (f"{YEAR}/staffing-a.csv", "plain_file"), (f"{YEAR}/staffing-b.csv", "plain_file"), ("2014", "plain_file"),
        (f"{YEAR}/staffing-c.csv", "plain_file"),
    }  # fmt: skip


@pytest.mark.long
def test_models_reach_no_file_no_network_and_no_way_back(office: Office, tmp_path: Path) -> None:
    outside, marts = tmp_path / "outside", office.settings.marts
    tried = f"""
        SELECT * FROM read_csv('/etc/passwd')
        SELECT * FROM read_text('/etc/passwd')
        SELECT * FROM read_blob('/proc/self/environ')
        SELECT * FROM glob('/etc/*')
        SELECT * FROM '{office.raw}/towns.csv'
        SELECT * FROM read_csv('{marts}/../raw/towns.csv')
        SELECT * FROM read_parquet('https://example.invalid/x.parquet')
        ATTACH '{outside}.duckdb' AS outside
        INSTALL httpfs
        LOAD httpfs
        COPY (SELECT 1) TO '{outside}.csv'
        COPY (SELECT 1) TO '{marts}/../outside.csv'
        COPY towns FROM '/etc/passwd'
        EXPORT DATABASE '{outside}'
        SET enable_external_access = true
        SET lock_configuration = false
        SET allowed_directories = ['/']
        SET temp_directory = '{outside}'
        SET log_query_path = '{outside}.log'
        PRAGMA enable_profiling
        CREATE PERSISTENT SECRET s (TYPE s3)
        SELECT * FROM sys
        SELECT getvariable('person_key_inner')::BLOB || NULL::BLOB IS NULL, error('the key is forgotten')
    """
    with flow.warehouse(office.settings.warehouse) as connection:
        with flow.engine(connection, office.settings) as run_models:
            flow.load_and_check(connection, office.settings, lambda _step, _detail: None, run_models)
        cursor = connection.cursor()
        for statement in filter(None, map(str.strip, tried.splitlines())):
            for asked in (connection, cursor):
                with pytest.raises(duckdb.Error):
                    asked.execute(statement).fetchall()
        assert connection.execute("SELECT getvariable('person_key_inner') IS NULL").fetchall() == [(True,)]
        connection.execute(f"COPY (SELECT 1 AS one) TO '{marts}/allowed.parquet' (FORMAT parquet)")
    assert not list(tmp_path.glob("outside*")) and not list(office.raw.parent.glob("outside*"))


def test_a_model_is_one_select_and_nothing_behind_it(tmp_path: Path) -> None:
    head = "/*\ngrain: one\n*/\n"
    for text in ("SELECT 1; COPY (SELECT 1) TO 'x.csv'", "ATTACH 'x'", "COPY (SELECT 1) TO 'x.csv'", "INSTALL httpfs",
                 "CREATE TABLE x AS SELECT 1", "SELECT 1; SELECT 2"):  # fmt: skip
        folder = tmp_path / str(abs(hash(text)))
        (folder / "marts").mkdir(parents=True)
        (folder / "marts" / "evil.sql").write_text(head + text, encoding="utf-8")
        with pytest.raises(ValueError, match="one SELECT"):
            transform.load_models(folder)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join([f'*{chr(97 + at)}'] * 9)}]\n" for at in range(9)
)
YAMLS = {
    "tag": "a: !!python/object/apply:os.system ['touch escaped']\n",
    "own tag": "a: !secret b\n",
    "bomb": BOMB,
    "deep": "a: " + "[" * 2_000,
    "not text": "a: \x00\n",
}


@pytest.mark.parametrize("kind", YAMLS)
def test_settings_are_plain_data_or_refused_at_once(kind: str, office: Office, tmp_path: Path) -> None:
    import shutil

    begun = time.process_time()
    limits = tmp_path / "limits.yml"
    limits.write_text(YAMLS[kind], encoding="utf-8")
    with pytest.raises(KaoheError) as error:
        read_limits(limits)
    assert error.value.code == Exit.USAGE
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "towns.yml").write_text(YAMLS[kind], encoding="utf-8")
    with pytest.raises(Exception) as refused:
        load_contracts(tmp_path / "contracts")
    assert not isinstance(refused.value, RecursionError | MemoryError)
    edition = tmp_path / "2013"
    shutil.copytree(office.settings.rubric, edition)
    for name in ("edition.yml", "area-1.yml"):
        (edition / name).write_text(YAMLS[kind], encoding="utf-8")
    problems = rubric.lint(edition)
    assert {problem.file for problem in problems} >= {"2013/edition.yml", "2013/area-1.yml"}
    assert all(problem.message_zh and problem.remedy_zh for problem in problems)
    declared = tmp_path / "corrections.yml"
    declared.write_text("- " + YAMLS[kind].replace("\n", "\n  "), encoding="utf-8")
    told = apply_corrections(duckdb.connect(), {}, declared)
    assert told and {problem.file for problem in told} == {"corrections.yml"}
    assert time.process_time() - begun < 10
    assert not Path("escaped").exists()
