"""What is released is whole: the wheel, installed, works in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import ROOT

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]


@pytest.mark.long
def test_the_wheel_makes_and_publishes_the_sample_in_an_empty_folder(tmp_path: Path) -> None:
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run([*PIP, *build], check=True)
    (wheel,) = tmp_path.glob("kaohe-*.whl")
    site, empty = tmp_path / "site", tmp_path / "empty"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    empty.mkdir()
    around = {**os.environ, "PYTHONPATH": str(site)}
    for arguments in (["demo", "--towns", "3", "--years", "2013-2014"], ["run", "--lang", "en"]):
        code = "import pipelines; from pipelines.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments],
            cwd=empty, env=around, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "data/marts/town_score.csv" in done.stdout
    assert (empty / "data" / "marts" / "town_score.csv").is_file()
    source = subprocess.run(
        [sys.executable, "-P", "-c", "import pipelines; print(pipelines.__file__)"],
        cwd=empty, env=around, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert source.stdout.startswith(str(site)), "it is the wheel that was tried"
