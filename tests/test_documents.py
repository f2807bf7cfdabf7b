"""Documents that are generated are what would be generated now; ``make docs`` renews them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from pipelines import run as flow
from pipelines import terminal
from pipelines.reference import DOCUMENTS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_generated_documents_are_not_stale(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == DOCUMENTS[path](), "run make docs"


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_shows_what_a_run_of_the_committed_deliveries_prints(
    name: str, committed_run: tuple[flow.Settings, flow.Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    settings, outcome = committed_run
    terminal.summarise(outcome, settings.marts, "zh")
    _, _, rest = (ROOT / name).read_text(encoding="utf-8").partition("<!-- sample:begin -->")
    shown = _figures(rest.partition("<!-- sample:end -->")[0], "|")
    assert len(shown) == 5
    assert shown == _figures(capsys.readouterr().out, "│")


def _figures(table: str, rule: str) -> list[list[str]]:
    """The rows of ``table`` that begin with a year, cell by cell."""
    rows = [[cell.strip() for cell in line.strip(f"{rule} ").split(rule)] for line in table.splitlines()]
    return [row for row in rows if re.fullmatch(r"[0-9]{4}", row[0])]


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("rubric/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken


def test_every_document_is_among_the_contents() -> None:
    contents = ROOT / "docs" / "index.md"
    linked = {
        (contents.parent / target).resolve()
        for target in re.findall(r"\]\(([^)#]+)\)", contents.read_text(encoding="utf-8"))
    }
    there = {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "rubric" / "README.md"} - {contents}
    assert there <= linked


def test_the_page_of_tests_names_every_one_of_them_and_no_other() -> None:
    page = (ROOT / "docs" / "tests.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:tests/)?((?:hostile/)?[a-z_]+\.py)`", page)) - {"pipelines/spark.py"}
    there = {path.relative_to(ROOT / "tests").as_posix() for path in ROOT.glob("tests/**/*.py")}
    assert named <= there
    assert {name for name in there if name.startswith("test_")} <= named


@pytest.mark.long
def test_the_documents_make_a_site_that_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", ROOT / "docs", "-b", "html"]
    told = subprocess.run(
        [*build, "-d", tmp_path / "doctrees", ROOT, site], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    loaded = re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc="([^"]+)|<link[^>]*\shref="([^"]+)""")
    for page in pages:
        for found in loaded.finditer(page.read_text(encoding="utf-8")):
            target = (found[1] or found[2]).partition("?")[0].partition("#")[0]
            assert not target or (page.parent / target).is_file(), f"{page.name} loads {target}"
    for path in [*site.rglob("*.css"), *site.rglob("*.svg"), *site.rglob("*.js")]:
        elsewhere = re.findall(
            r"""(?:url\(|@import|import\(|fetch\()\s*["']?(?:https?:)?//[^\s"')]+""", path.read_text(encoding="utf-8")
        )
        assert not elsewhere, path.name


def test_every_make_target_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named
    assert named <= targets
