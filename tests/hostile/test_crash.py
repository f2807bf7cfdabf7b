"""Killed, interrupted, out of disk, memory or permission: what was published stands, or the next set does, whole."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from office import YEAR, Office, fingerprint
from process import (
    Harm,
    Running,
    at_change,
    die,
    find_the_disk_full,
    interrupt_a_check,
    lose_the_powers_of_root,
    start,
    write_no_file_beyond,
)
from test_sign_off import adjust, towns
from test_verify import publish, published

from pipelines import run
from pipelines.analysis.marts import open_marts
from pipelines.errors import Exit
from pipelines.ingest.sheets import in_utf8
from pipelines.publish import chain, publication

pytestmark = pytest.mark.group("8 crash, disk, concurrency")

KILLS = 50
MIB = 1 << 20


@dataclass(frozen=True)
class Bureau:
    """An office with two states of its deliveries, of which clean runs came to ``results``: hashes by run."""

    office: Office
    town: str
    results: dict[str, Any]

    def receive(self, is_adjusted: bool) -> None:
        """Have the deliveries with a correction, or without."""
        if is_adjusted:
            adjust(self.office, self.town, "4.1", "1.25", "2014-03-25")
        else:
            self.office.file(f"{YEAR}/adjustments.csv").unlink(missing_ok=True)

    def receive_news(self) -> None:
        """Have the deliveries that are not what is published."""
        self.receive(not self.office.file(f"{YEAR}/adjustments.csv").exists())

    def start(self, *options: str, harm: Harm | None = None) -> Running:
        told = self.office.settings
        places = ("--raw", told.raw, "--marts", told.marts, "--warehouse", told.warehouse)
        rubric = ("--rubric", told.rubric.parent, "--edition", told.rubric.name)
        return start(self.office.raw.parent / "marts.log", "run", *places, *rubric, *options, harm=harm)

    def assert_whole(self) -> str:
        """What is published is one of the two results, byte for byte, and can be read; which."""
        assert chain.verify(self.office.settings.marts).problems == ()
        marts = open_marts(self.office.settings.marts)
        assert marts.manifest["files"] == self.results[marts.manifest["run_id"]]
        assert marts.rows("SELECT count(*) AS towns FROM town_score")[0]["towns"] == 3
        return str(marts.manifest["run_id"])

    def assert_refused(self, running: Running, code: Exit, words: str) -> None:
        """The run ended with ``code`` and ``words`` and published nothing."""
        before = self.assert_whole()
        received, marts = fingerprint(self.office.raw), fingerprint(self.office.settings.marts)
        assert running.end() == code, running.told()
        assert words in running.told()
        assert fingerprint(self.office.raw) == received
        assert fingerprint(self.office.settings.marts) == marts
        assert self.assert_whole() == before

    def assert_mended(self) -> None:
        """A run now comes to what a clean run of the same deliveries came to."""
        before = self.assert_whole()
        assert self.start().end() == Exit.DONE
        assert self.assert_whole() != before
        assert not list(self.office.settings.marts.glob(".publications/*.building"))


@pytest.fixture(scope="module")
def both_results(clean: Office, tmp_path_factory: pytest.TempPathFactory) -> Bureau:
    """A bureau that has published the adjusted deliveries after the others."""
    home = tmp_path_factory.mktemp("both")
    for name in ("raw", "marts"):
        shutil.copytree(clean.raw.parent / name, home / name, symlinks=True)
    places = {"raw": home / "raw", "marts": home / "marts", "warehouse": home / "warehouse.duckdb"}
    office = Office(replace(clean.settings, **places))
    results = [office.run().manifest]
    adjust(office, towns(office)[1][1], "4.1", "1.25", "2014-03-25")
    results.append(office.run().manifest)
    assert all(results)
    return Bureau(office, towns(office)[1][1], {each["run_id"]: each["files"] for each in results if each})


@pytest.fixture
def bureau(both_results: Bureau, tmp_path: Path) -> Bureau:
    """A copy of that bureau to do harm to, with the deliveries that are not what is published."""
    home = tmp_path / "bureau"
    settings = both_results.office.settings
    shutil.copytree(settings.raw.parent, home, symlinks=True, ignore=shutil.ignore_patterns("warehouse*", "*.log"))
    places = {"raw": home / "raw", "marts": home / "marts", "warehouse": home / "warehouse.duckdb"}
    copied = replace(both_results, office=Office(replace(settings, **places)))
    copied.receive_news()
    return copied


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_one_whole_result(bureau: Bureau) -> None:
    at_random = random.Random(KILLS)
    assert bureau.start().end() == Exit.DONE
    begun = time.monotonic()
    bureau.receive_news()
    assert bureau.start().end() == Exit.DONE
    took = time.monotonic() - begun
    now = bureau.assert_whole()
    bureau.receive_news()
    for _ in range(KILLS):
        received = fingerprint(bureau.office.raw)
        running = bureau.start()
        time.sleep(at_random.uniform(0, took))
        running.send(signal.SIGKILL)
        assert running.end() in {-signal.SIGKILL, Exit.DONE}
        assert fingerprint(bureau.office.raw) == received
        before, now = now, bureau.assert_whole()
        if now != before:
            bureau.receive_news()
    bureau.assert_mended()


def test_copies_a_killed_run_was_reading_are_gone_with_the_next(tmp_path: Path) -> None:
    text = tmp_path / "contributions.csv"
    text.write_text("身份证号", encoding="gb18030")
    left = tmp_path / "left"
    with in_utf8(text, "gb18030", tmp_path) as copy:
        shutil.copytree(copy.parent, left)
        name = copy.parent.name
    left.rename(tmp_path / name)
    with run.warehouse(tmp_path / "warehouse.duckdb"):
        assert not (tmp_path / name).exists()


def _steps(marts: Path, log: Path, *command: Any) -> int:
    """How many changes below ``marts`` a command makes, done to a copy."""
    copy = shutil.copytree(marts, log.with_name("counted"), symlinks=True)
    seen = log.with_name("steps")
    assert start(log, *command, "--marts", copy, harm=partial(at_change, 0, copy, die, seen)).end() == Exit.DONE
    return len(seen.read_text(encoding="utf-8").splitlines())


@pytest.mark.long
@pytest.mark.parametrize("harm", [die, find_the_disk_full])
def test_every_step_of_a_publication_may_be_the_last(tmp_path: Path, harm: Harm) -> None:
    """Two results, the first published again: before each change it makes, the power fails or the disk is full."""
    for run_id in ("one", "two"):
        publish(tmp_path / "kept", run_id)
    log, marts = tmp_path / "log", tmp_path / "marts"
    steps = _steps(tmp_path / "kept", log, "restore", "one")
    ended = []
    for number in range(1, steps + 1):
        shutil.copytree(tmp_path / "kept", marts, symlinks=True)
        before = fingerprint(marts)
        ended.append(start(log, "restore", "one", "--marts", marts, harm=partial(at_change, number, marts, harm)).end())
        assert chain.verify(marts).problems == ()
        now = published(marts)
        if ended[-1] == Exit.ENVIRONMENT:
            assert fingerprint(marts) == before
            assert "磁盘已满" in log.read_text(encoding="utf-8")
        assert now == ("one" if ended[-1] == Exit.DONE else now)
        publication.settle(marts)
        assert chain.read_journal(marts) == chain.read_chain(marts)
        publication.restore(marts, "one")
        publish(marts, "three")
        assert (published(marts), chain.verify(marts).problems) == ("three", ())
        assert not [path for path in (*marts.iterdir(), *marts.glob(".publications/*")) if "new" in path.suffix]
        shutil.rmtree(marts)
    assert steps > 10
    assert set(ended) == ({-signal.SIGKILL} if harm is die else {Exit.ENVIRONMENT, Exit.DONE})


@pytest.mark.long
def test_every_step_of_the_first_publication_may_be_the_last(tmp_path: Path) -> None:
    log, marts, seen = tmp_path / "log", tmp_path / "marts", tmp_path / "steps"
    first = partial(publish, marts, "one")
    assert start(log, harm=partial(at_change, 0, marts, die, seen), work=first).end() == 0
    steps = len(seen.read_text(encoding="utf-8").splitlines())
    whole = 0
    for number in range(1, steps + 1):
        shutil.rmtree(marts)
        assert start(log, harm=partial(at_change, number, marts, die), work=first).end() == -signal.SIGKILL
        if (marts / "current").is_symlink():
            whole += 1
            assert (published(marts), chain.verify(marts).problems) == ("one", ())
        publish(marts, "two")
        assert (published(marts), chain.verify(marts).problems) == ("two", ())
    assert 0 < whole < steps


@pytest.mark.long
@pytest.mark.parametrize("number", [1, 2, 40, 120])
def test_a_first_publication_that_fails_leaves_nothing(bureau: Bureau, number: int) -> None:
    marts = bureau.office.settings.marts
    shutil.rmtree(marts)
    running = bureau.start(harm=partial(at_change, number, marts, find_the_disk_full))
    assert running.end() == Exit.ENVIRONMENT, running.told()
    assert not marts.exists()


# The disk -------------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("size", [1 << 16, MIB, 4 * MIB])
def test_no_room_for_the_warehouse(bureau: Bureau, size: int) -> None:
    running = bureau.start(harm=partial(write_no_file_beyond, size))
    bureau.assert_refused(running, Exit.ENVIRONMENT, "磁盘已满")
    bureau.assert_mended()


@pytest.mark.long
@pytest.mark.parametrize("size", [1000, 6000, 12000])
def test_no_room_for_a_mart(bureau: Bureau, size: int) -> None:
    """From the first change of a publication on, no file may be longer than ``size``; the warehouse is written."""
    deed = partial(write_no_file_beyond, size)
    running = bureau.start(harm=partial(at_change, 1, bureau.office.settings.marts, deed))
    bureau.assert_refused(running, Exit.ENVIRONMENT, "磁盘已满")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def _resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def _used(disk: Path) -> int:
    told = os.statvfs(disk)
    return (told.f_blocks - told.f_bfree) * told.f_frsize


@pytest.mark.long
@pytest.mark.parametrize("is_warehouse_there", [True, False], ids=["warehouse and marts", "marts"])
def test_a_disk_that_fills_up_at_any_write(bureau: Bureau, disk: Path, is_warehouse_there: bool) -> None:
    settings = bureau.office.settings
    marts = Path(shutil.copytree(settings.marts, disk / "marts", symlinks=True))
    warehouse = disk / "warehouse.duckdb" if is_warehouse_there else settings.warehouse
    bureau = replace(bureau, office=Office(replace(settings, marts=marts, warehouse=warehouse)))
    begun = _used(disk)
    _resize(disk, 100 * MIB)
    assert bureau.start().end() == Exit.DONE
    # What a publication needs, less than that in steps, and nothing at all.
    needed = _used(disk) - begun
    bureau.receive_news()
    for leftover in disk.glob("warehouse*"):
        leftover.unlink()
    refused = 0
    for part in range(0, 10, 2):
        _resize(disk, max(_used(disk) + needed * part // 10 // 4096 * 4096, 4096))
        before, was = bureau.assert_whole(), fingerprint(marts)
        running = bureau.start()
        if running.end() == Exit.DONE:
            # The warehouse is working data: where it alone could not be brought to its final size, the result stands.
            assert bureau.assert_whole() != before
            bureau.receive_news()
        else:
            refused += 1
            bureau.assert_refused(running, Exit.ENVIRONMENT, "磁盘已满")
            assert fingerprint(marts) == was
        for leftover in disk.glob("warehouse*"):
            leftover.unlink()
    assert refused
    _resize(disk, 100 * MIB)
    bureau.assert_mended()


# Memory and permission ------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_too_little_memory_is_said(bureau: Bureau) -> None:
    bureau.assert_refused(bureau.start("--memory-limit", "100KB"), Exit.ENVIRONMENT, "--memory-limit")
    bureau.assert_refused(bureau.start("--memory-limit", "3MB"), Exit.ENVIRONMENT, "--memory-limit")
    bureau.assert_refused(bureau.start("--memory-limit", "很多"), Exit.USAGE, "2GB")
    assert bureau.start("--memory-limit", "2GB").end() == Exit.DONE
    bureau.assert_whole()


@pytest.mark.long
@pytest.mark.parametrize("folder", ["marts", "marts/.publications", "."])
def test_where_nothing_may_be_written_that_is_said(bureau: Bureau, folder: str) -> None:
    place = bureau.office.raw.parent / folder
    (bureau.office.raw.parent / "marts.log").touch()
    place.chmod(0o555)
    running = bureau.start(harm=lose_the_powers_of_root)
    try:
        bureau.assert_refused(running, Exit.ENVIRONMENT, "没有写入权限")
    finally:
        place.chmod(0o755)
    bureau.assert_mended()


@pytest.mark.long
def test_a_file_where_the_folder_of_results_should_be(bureau: Bureau, tmp_path: Path) -> None:
    file = tmp_path / "results"
    file.write_text("a file", encoding="utf-8")
    elsewhere = replace(bureau, office=Office(replace(bureau.office.settings, marts=file)))
    running = elsewhere.start()
    assert running.end() == Exit.ENVIRONMENT, running.told()
    assert "应为文件夹之处是文件" in running.told()
    assert file.read_text(encoding="utf-8") == "a file"


# Interrupts -----------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_in_the_middle_of_a_check_is_not_swallowed(bureau: Bureau, number: int) -> None:
    bureau.assert_refused(bureau.start(harm=partial(interrupt_a_check, number)), Exit.INTERRUPTED, "已中断")


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_at_any_step_is_honest(bureau: Bureau, number: signal.Signals) -> None:
    at_random = random.Random(int(number))
    codes = []
    for words in ("查找报送文件", "读取报送文件", "载入考核细则", "检查数据", "计算得分", "发布结果") * 2:
        before = bureau.assert_whole()
        running = bureau.start()
        running.wait_until_it_tells(words)
        time.sleep(at_random.uniform(0, 0.1))
        running.send(number)
        codes.append(running.end())
        assert codes[-1] == (Exit.INTERRUPTED if bureau.assert_whole() == before else Exit.DONE), running.told()
        if codes[-1] == Exit.DONE:
            bureau.receive_news()
        else:
            assert not list(bureau.office.settings.marts.glob(".publications/*.building"))
    assert codes.count(Exit.INTERRUPTED) > len(codes) / 2
    bureau.assert_mended()
