"""What tests of hostile input share: a clean bureau, a copy to do harm to, and a table of the groups at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import ROOT, YEAR, Office

from pipelines import run as flow
from pipelines.demo import write_demo
from pipelines.errors import Exit
from pipelines.ingest import tables


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Three towns and one year of clean deliveries, run and published. Not to be changed: see ``office``."""
    home = tmp_path_factory.mktemp("clean")
    write_demo(home / "raw", 2013, (YEAR,), 3, lambda _: None)
    office = Office(flow.Settings(home / "raw", home / "marts", home / "warehouse.duckdb", ROOT / "rubric" / "2013"))
    assert office.run().code == Exit.DONE
    return office


@pytest.fixture
def office(clean: Office, tmp_path: Path) -> Office:
    """A copy of the clean bureau, to do harm to."""
    return clean.copied(tmp_path / "bureau")


@pytest.fixture(scope="module")
def shared_office(clean: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A copy for the cases of a whole file: all harm is done at once, and each case finds what was told of it."""
    return clean.copied(tmp_path_factory.mktemp("shared") / "bureau")


@pytest.fixture(scope="module", params=["by Python", "by the database"])
def _text_route(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways in which text files are read, whatever their size."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "by the database":
            patch.setattr(tables, "_SMALL", 0)
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "group(name): the group of hostile cases that a test counts for")


_held: Counter[str] = Counter()
_tried: Counter[str] = Counter()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Carry the group of a test in its report, which is all that comes back from another process."""
    outcome = yield
    marker = item.get_closest_marker("group")
    outcome.get_result().group = marker.args[0] if marker else ""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    group = getattr(report, "group", "")
    if group and (report.when == "call" or report.outcome != "passed") and report.outcome != "skipped":
        _tried[group] += 1
        _held[group] += report.outcome == "passed"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The groups, the cases tried in each and those that held."""
    if _tried:
        terminalreporter.section("hostile cases")
        for group in sorted(_tried, key=lambda name: (int(name.split()[0]), name)):
            terminalreporter.line(f"{group:<40} tried {_tried[group]:4}   held {_held[group]:4}")
