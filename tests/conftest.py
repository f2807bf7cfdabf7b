"""What tests share: the committed deliveries, run once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import run as flow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def person_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A key for identity numbers of the tests' own; nobody's settings are touched."""
    path = tmp_path_factory.mktemp("settings") / "person.key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAOHE_KEY_FILE", str(path))
        yield path


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
