"""What tests share: the committed deliveries, run once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import run as flow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def committed_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[flow.Settings, flow.Outcome]:
    """The committed deliveries, run into a folder of their own."""
    folder = tmp_path_factory.mktemp("committed")
    settings = flow.Settings(
        raw=ROOT / "data" / "raw",
        marts=folder / "marts",
        warehouse=folder / "warehouse.duckdb",
        rubric=ROOT / "rubric" / "2013",
    )
    return settings, flow.run(settings, lambda _step, _detail: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-golden", action="store_true", help="write the golden marts anew")
