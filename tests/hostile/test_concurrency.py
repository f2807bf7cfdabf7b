"""Several at once: a second run, a restore during a run, and readers while results are published."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from process import start
from test_crash import Bureau, both_results, bureau  # noqa: F401
from test_verify import publish, published

from pipelines.analysis.marts import open_marts
from pipelines.cli import _run_command
from pipelines.errors import Exit
from pipelines.publish import chain, publication

pytestmark = pytest.mark.group("8 crash, disk, concurrency")


@pytest.mark.long
def test_who_comes_second_is_refused_with_who_is_at_work(
    bureau: Bureau,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = bureau.office.settings
    raw, marts, warehouse = settings.raw, settings.marts, settings.warehouse
    seconds = [
        ["run", "--raw", raw, "--marts", marts, "--warehouse", warehouse],
        ["run", "--raw", raw, "--marts", marts, "--warehouse", tmp_path / "other.duckdb"],
        ["run", "--raw", raw, "--marts", tmp_path / "other", "--warehouse", warehouse],
        ["check", "--raw", raw, "--warehouse", warehouse],
        ["restore", chain.read_chain(marts)[0].run_id, "--marts", marts],
    ]
    before = bureau.assert_whole()
    running = bureau.start()
    running.wait_until_it_tells("检查数据")
    running.send(signal.SIGSTOP)
    try:
        for second in seconds:
            assert _run_command([str(each) for each in second]) == Exit.BUSY, second
            told = capsys.readouterr().err
            assert f"process {running.process.pid}" in told
            assert publication.whose() in told
            assert "T" in told.partition("since")[2]
        assert bureau.assert_whole() == before
    finally:
        running.send(signal.SIGCONT)
    assert running.end() == Exit.DONE
    assert bureau.assert_whole() != before


@pytest.mark.long
def test_what_a_killed_run_left_locks_nobody_out(bureau: Bureau) -> None:  # noqa: F811
    running = bureau.start()
    running.wait_until_it_tells("检查数据")
    running.send(signal.SIGKILL)
    assert running.end() == -signal.SIGKILL
    home = bureau.office.raw.parent
    assert {path.name for path in home.glob("*.run.json")} == {"warehouse.duckdb.run.json", "marts.run.json"}
    bureau.assert_mended()
    assert not list(home.glob("*.run.json"))


@pytest.mark.long
def test_a_reader_sees_one_result_at_a_time_and_never_an_error(tmp_path: Path) -> None:
    """Two results are published in turn by another process, and read without pause."""
    marts, stop = tmp_path / "marts", tmp_path / "stop"
    for run_id in ("odd", "even"):
        publish(marts, run_id)
    publishing = start(tmp_path / "log", work=_Publishing(marts, stop))
    seen: list[str] = []
    changes = 0
    try:
        while changes < 12:
            reader = open_marts(marts)
            one = reader.rows("SELECT edition FROM edition")[0]["edition"]
            other = reader.rows("SELECT edition FROM read_csv(?)", [str(reader.folder / "edition.csv")])
            assert {reader.manifest["run_id"], one, *(next(iter(row.values())) for row in other)} == {one}
            changes += bool(seen) and seen[-1] != one
            seen.append(one)
            assert publishing.process.is_alive(), publishing.told()
    finally:
        stop.touch()
    assert publishing.end() == 0
    assert set(seen) == {"odd", "even"}
    assert chain.verify(marts).problems == ()


class _Publishing:
    """Publishes two results in turn until told to stop."""

    def __init__(self, marts: Path, stop: Path) -> None:
        self.marts, self.stop = marts, stop

    def __call__(self) -> None:
        while not self.stop.exists():
            for run_id in ("odd", "even"):
                publication.restore(self.marts, run_id)


@pytest.mark.long
def test_verify_does_not_mistake_a_publication_under_way_for_damage(tmp_path: Path) -> None:
    marts, stop = tmp_path / "marts", tmp_path / "stop"
    for run_id in ("odd", "even"):
        publish(marts, run_id)
    publishing = start(tmp_path / "log", work=_Publishing(marts, stop))
    known = set()
    try:
        while len(known) < 12:
            verdict = chain.verify(marts)
            assert verdict.problems == ()
            known.add(verdict.known)
            assert publishing.process.is_alive(), publishing.told()
    finally:
        stop.touch()
    assert publishing.end() == 0


def test_locks_hold_through_other_ways_to_the_same_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path / "marts", "one")
    publish(tmp_path / "marts", "two")
    (tmp_path / "by_another_name").symlink_to("marts")
    from pipelines import run as flow

    with flow.alone(tmp_path / "marts"):
        assert _run_command(["restore", "one", "--marts", str(tmp_path / "by_another_name")]) == Exit.BUSY
        relative = os.path.relpath(tmp_path / "marts")
        assert _run_command(["restore", "one", "--marts", relative]) == Exit.BUSY
    assert "另一次运行" in capsys.readouterr().err
    assert published(tmp_path / "marts") == "two"
