"""What is published is held to the chain: whatever is damaged, edited or put back is found, and can be mended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from office import Office, fingerprint

from pipelines.analysis.marts import open_marts
from pipelines.cli import _run_command
from pipelines.errors import Exit, KaoheError
from pipelines.publish import chain, publication
from pipelines.publish.chain import CURRENT, JOURNAL, MANIFEST, STORE
from pipelines.transform import load_models

pytestmark = pytest.mark.group("8 crash, disk, concurrency")

ONE_MART = [load_models()["edition"]]


def publish(marts: Path, run_id: str) -> Path:
    """Publish a set of one small mart that holds ``run_id``; the folder of the publication."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE edition AS SELECT '{run_id}' AS edition")
        return publication.publish(connection, marts, ONE_MART, {"run_id": run_id, "is_synthetic": True})


def published(marts: Path) -> str:
    """The run whose result a reader of ``marts`` meets."""
    return open_marts(marts).rows("SELECT edition FROM edition")[0]["edition"]


def faults(marts: Path) -> list[tuple[str, str]]:
    return [(problem.rule.split(".")[1], problem.file) for problem in chain.verify(marts).problems]


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """Three publications, the third current."""
    for run_id in ("one", "two", "three"):
        publish(tmp_path / "marts", run_id)
    return tmp_path / "marts"


def cut(marts: Path) -> None:
    file = marts / "edition.csv"
    os.truncate(file, file.stat().st_size - 1)


def change(marts: Path) -> None:
    file = marts / "edition.csv"
    file.write_bytes(file.read_bytes().replace(b"three", b"eerht"))


def remove(marts: Path) -> None:
    (marts / "edition.csv").resolve().unlink()


def add(marts: Path) -> None:
    (marts / CURRENT / "grades.csv").write_text("a", encoding="utf-8")


def edit_the_manifest(marts: Path) -> None:
    """A changed mart with a manifest changed to agree with it."""
    change(marts)
    manifest = marts / CURRENT / MANIFEST
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["files"]["edition.csv"]["sha256"] = chain.sha256(marts / "edition.csv")
    manifest.write_text(json.dumps(content), encoding="utf-8")


def break_the_manifest(marts: Path) -> None:
    (marts / CURRENT / MANIFEST).write_text("[]", encoding="utf-8")


def roll_back(marts: Path) -> None:
    (marts / CURRENT).unlink()
    (marts / CURRENT).symlink_to(Path(STORE) / "000002-two")


def roll_back_and_remove(marts: Path) -> None:
    roll_back(marts)
    shutil.rmtree(marts / STORE / "000003-three")


def unlink_current(marts: Path) -> None:
    (marts / CURRENT).unlink()


def remove_the_folder(marts: Path) -> None:
    shutil.rmtree((marts / CURRENT).resolve())


def save_over_the_link(marts: Path) -> None:
    """What an office program does that writes aside and renames."""
    copy = marts / "edition.csv~"
    copy.write_bytes((marts / "edition.csv").read_bytes())
    copy.replace(marts / "edition.csv")


DAMAGE = {
    cut: {("truncated", f"{STORE}/000003-three/edition.csv")},
    change: {("changed", f"{STORE}/000003-three/edition.csv")},
    remove: {("missing_file", f"{STORE}/000003-three/edition.csv")},
    add: {("extra_file", f"{STORE}/000003-three/grades.csv"), ("name", "grades.csv")},
    edit_the_manifest: {("manifest", f"{STORE}/000003-three/{MANIFEST}")},
    break_the_manifest: {("manifest", f"{STORE}/000003-three/{MANIFEST}")},
    roll_back: {("rolled_back", CURRENT)},
    roll_back_and_remove: {("rolled_back", CURRENT)},
    unlink_current: {("nothing_published", CURRENT)},
    remove_the_folder: {("nothing_published", CURRENT)},
    save_over_the_link: {("name", "edition.csv")},
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_found_the_last_good_publication_named_and_the_next_one_mends_it(
    marts: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run_command(["verify", "--marts", str(marts)]) == Exit.DONE
    assert "完整" in capsys.readouterr().out
    damage(marts)
    assert set(faults(marts)) == DAMAGE[damage]
    is_kept = damage in {roll_back, unlink_current, save_over_the_link}
    good = "three" if is_kept else "two"
    for lang, words in (("zh", "最近一次完好的发布"), ("en", "the last good publication")):
        assert _run_command(["verify", "--marts", str(marts), "--lang", lang]) == Exit.INTEGRITY
        told = capsys.readouterr()
        assert f"kaohe restore {good}" in told.out
        assert words in told.out
        assert all(file in told.err for _, file in DAMAGE[damage])
    assert _run_command(["verify", "--marts", str(marts), "--json"]) == Exit.INTEGRITY
    verdict = json.loads(capsys.readouterr().out)
    assert not verdict["is_whole"]
    assert verdict["last_good"]["run_id"] == good
    assert {problem["file"] for problem in verdict["problems"]} == {file for _, file in DAMAGE[damage]}
    assert not chain.is_intact(marts)
    publish(marts, "four")
    assert faults(marts) == []
    assert published(marts) == "four"


def test_a_journal_that_was_edited_or_cannot_be_read_is_told(marts: Path) -> None:
    journal = marts / STORE / JOURNAL
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join([lines[0], lines[2]]), encoding="utf-8")
    assert faults(marts) == [("chain", f"{STORE}/{JOURNAL}")]
    journal.write_text("".join(lines[:2]), encoding="utf-8")
    assert faults(marts) == [], "a run killed before it could enter itself"
    journal.write_text("".join(lines[:1]), encoding="utf-8")
    assert faults(marts) == [("rolled_back", CURRENT)]
    journal.write_text("三", encoding="utf-8")
    assert faults(marts) == [("journal", f"{STORE}/{JOURNAL}")]
    with pytest.raises(KaoheError) as refused:
        publish(marts, "four")
    assert refused.value.code == Exit.INTEGRITY
    journal.unlink()
    publish(marts, "four")
    assert faults(marts) == []
    assert chain.read_chain(marts)[-1].sequence == 4


def test_where_nothing_was_ever_published_there_is_nothing_to_verify(tmp_path: Path) -> None:
    assert _run_command(["verify", "--marts", str(tmp_path)]) == Exit.ENVIRONMENT


def test_the_last_publications_are_kept_in_their_order_whatever_the_clock_says(tmp_path: Path) -> None:
    for number in range(1, 9):
        folder = publish(tmp_path, f"run{number}")
        os.utime(folder, (10**9 - number * 10**6,) * 2)
    verdict = chain.verify(tmp_path)
    assert [each.run_id for each, _ in verdict.kept] == ["run8", "run7", "run6", "run5", "run4"]
    assert len(verdict.kept) == publication.KEPT
    assert (verdict.known, verdict.problems) == (8, ())
    assert {path.name for path in (tmp_path / STORE).iterdir()} == {JOURNAL, *(p.folder for p, _ in verdict.kept)}


def test_an_earlier_result_is_restored_as_a_publication_of_its_own(
    marts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = fingerprint(marts / STORE / "000001-one")
    assert _run_command(["restore", "one", "--marts", str(marts)]) == Exit.DONE
    assert "第 4 次" in capsys.readouterr().out
    assert published(marts) == "one"
    assert faults(marts) == []
    restored = fingerprint(marts / CURRENT)
    assert {k: v for k, v in restored.items() if k != MANIFEST} == {k: v for k, v in first.items() if k != MANIFEST}
    newest = chain.read_chain(marts)[-1]
    assert (newest.sequence, newest.run_id, newest.restored) == (4, "one", 1)
    assert newest.by and newest.at
    before = fingerprint(marts)
    assert _run_command(["restore", "one", "--marts", str(marts)]) == Exit.DONE
    assert fingerprint(marts) == before, "it was there already"
    assert _run_command(["restore", "five", "--marts", str(marts)]) == Exit.USAGE
    assert "one three two" in capsys.readouterr().err
    change_of = marts / STORE / "000002-two" / "edition.csv"
    change_of.write_bytes(b"edition\nother\n")
    assert _run_command(["restore", "two", "--marts", str(marts)]) == Exit.INTEGRITY
    assert str(change_of.relative_to(marts)) in capsys.readouterr().err
    assert published(marts) == "one"


@pytest.mark.long
def test_a_run_does_not_take_what_was_rolled_back_or_saved_over_for_unchanged(office: Office) -> None:
    marts = office.settings.marts
    first = office.run()
    assert first.code == Exit.DONE
    save_over_the_link(marts) if (marts / "edition.csv").exists() else None
    assert faults(marts) == [("name", "edition.csv")]
    assert office.run().code == Exit.DONE
    assert faults(marts) == []
    assert (marts / "edition.csv").is_symlink()
    assert office.run().manifest == open_marts(marts).manifest, "unchanged"
    chain_now = chain.read_chain(marts)
    assert [each.sequence for each in chain_now] == [1, 2]
    (marts / CURRENT).unlink()
    (marts / CURRENT).symlink_to(Path(STORE) / chain_now[0].folder)
    assert office.run().code == Exit.DONE
    assert [each.sequence for each in chain.read_chain(marts)] == [1, 2, 3]
    assert faults(marts) == []


def test_what_a_reader_has_open_stays_however_much_is_published(marts: Path) -> None:
    reader = open_marts(marts)
    for number in range(2 * publication.KEPT):
        publish(marts, f"later{number}")
    assert reader.rows("SELECT edition FROM edition") == [{"edition": "three"}]
    folder = reader.folder
    del reader
    publish(marts, "last")
    assert not folder.exists()


def test_what_stood_aside_of_a_killed_run_does_not_count_as_a_publication(marts: Path) -> None:
    left = marts / STORE / "000004-killed"
    shutil.copytree(marts / STORE / "000003-three", left)
    (marts / STORE / "000004-killed.building").mkdir()
    (marts / ".edition.csv.new").symlink_to(f"{CURRENT}/edition.csv")
    assert faults(marts) == []
    with pytest.raises(KaoheError):
        publication.restore(marts, "killed")
    publish(marts, "four")
    assert sorted(path.name for path in (marts / STORE).iterdir()) == [
        "000001-one", "000002-two", "000003-three", "000004-four", JOURNAL,
    ]  # fmt: skip
    assert not (marts / ".edition.csv.new").is_symlink()


def test_the_same_run_published_again_never_takes_the_place_of_what_is_current(marts: Path) -> None:
    folder = (marts / CURRENT).resolve()
    was = fingerprint(folder)
    again = publish(marts, "three")
    assert again != folder
    assert fingerprint(folder) == was
    # And where a killed run left the journal behind and its manifest was damaged since.
    journal = marts / STORE / JOURNAL
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]), encoding="utf-8")
    (again / MANIFEST).write_text("{}", encoding="utf-8")
    later = publish(marts, "three")
    assert later.name > again.name
    assert faults(marts) == []


@pytest.mark.long
def test_settings_have_no_part_in_the_result(office: Office) -> None:
    limited = Office(replace(office.settings, memory_limit="2GB"))
    assert limited.run().manifest == office.run().manifest


def test_a_terminal_without_chinese_is_no_failure(marts: Path) -> None:
    code = "from pipelines.cli import main; main()"
    told = subprocess.run(
        [sys.executable, "-c", code, "verify", "--marts", str(marts)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (Exit.DONE, "")
    assert "three" in told.stdout
