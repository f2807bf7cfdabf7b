"""A bureau with its deliveries and its published set, and what must hold of every run of it.

Whatever goes wrong, what ``Office.run`` asserts holds. The tests say what is told, of which cell, and with which code.
``pytest tests/hostile -m "long or not long"`` runs all of it and ends with a table of the groups.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import duckdb

from pipelines import run as flow
from pipelines.contracts import load_contracts
from pipelines.errors import Exit, KaoheError, Problem
from pipelines.ingest import ingest

ROOT = Path(__file__).parent.parent.parent
YEAR = 2013
#: A run of so few rows computes for seconds; what computes for minutes has met something without bounds.
SECONDS = 120

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Told:
    """What a run came to: its exit code, every problem it told, and what it published (None where nothing)."""

    code: Exit
    problems: tuple[Problem, ...]
    manifest: dict[str, object] | None

    def about(self, file: str) -> list[tuple[str, str, str]]:
        """Rule, cell and value of every problem of a file."""
        return [(problem.rule, problem.cell, problem.value) for problem in self.problems if problem.file == file]


@dataclass(frozen=True)
class Office:
    """A folder of deliveries with its marts and warehouse."""

    settings: flow.Settings

    @property
    def raw(self) -> Path:
        """The folder of received files."""
        return self.settings.raw

    def file(self, name: str) -> Path:
        """The path of a delivery, such as ``2013/staffing.csv``."""
        return self.raw / name

    def receive(self, name: str, content: bytes | str, encoding: str = "utf-8") -> Path:
        """Put a delivery in place of every file of its source and year."""
        path = self.file(name)
        for other in path.parent.glob(f"{path.stem.partition('-')[0]}[.-]*"):
            other.unlink()
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def copied(self, home: Path) -> Office:
        """A bureau like this one at ``home``, but for the warehouse."""
        shutil.copytree(self.raw.parent, home, symlinks=True, ignore=shutil.ignore_patterns("warehouse*"))
        return Office(
            replace(self.settings, raw=home / "raw", marts=home / "marts", warehouse=home / "warehouse.duckdb")
        )

    def run(self, allow_partial: bool = False) -> Told:
        """Run everything and assert what holds of every run, however it ends."""
        raw, marts = fingerprint(self.raw), fingerprint(self.settings.marts)
        around = self._around()
        begun = time.process_time()
        try:
            with patch.object(socket.socket, "connect", _refuse_to_connect):
                outcome = flow.run(replace(self.settings, allow_partial=allow_partial), lambda _step, _detail: None)
            told = Told(outcome.code, (), outcome.manifest)
        except KaoheError as error:
            told = Told(error.code, error.problems, None)
        assert time.process_time() - begun < SECONDS, "no bound of time"
        assert fingerprint(self.raw) == raw, "what was received was changed"
        assert self._around() == around, "something was written outside the output folders"
        if told.manifest is None:
            after = fingerprint(self.settings.marts)
            assert {k: v for k, v in after.items() if not k.startswith("returned")} == {
                k: v for k, v in marts.items() if not k.startswith("returned")
            }, "something was published by a run that failed"
        else:
            for sheet in told.manifest["deliveries"]:  # type: ignore[attr-defined]
                assert sheet["rows_read"] == sheet["accepted"] + sheet["quarantined"] + sheet["ignored"], sheet
        if told.code == Exit.GATE:
            self._assert_ledger()
        for problem in told.problems:
            assert_told_whole(problem)
        return told

    def published(self) -> dict[str, str]:
        """Every published file with the hash of its bytes, but for the manifest, which counts the publications."""
        files = fingerprint(self.settings.marts / "current")
        return {name: digest for name, digest in files.items() if name != "manifest.json"}

    def results(self) -> dict[str, list[tuple[object, ...]]]:
        """The marts of results as rows, without what says from where in which file they are."""
        found = {}
        with duckdb.connect() as connection:
            for mart in ("town_score", "item_score", "indicator_value"):
                path = self.settings.marts / f"{mart}.parquet"
                query = f"SELECT COLUMNS(lambda name: NOT starts_with(name, 'source_')) FROM '{path}' ORDER BY ALL"
                found[mart] = connection.execute(query).fetchall()
        return found

    def mend(self, clean: Office) -> None:
        """Put the clean deliveries back, run, and find published to the byte what the clean bureau publishes."""
        shutil.rmtree(self.raw)
        shutil.copytree(clean.raw, self.raw)
        assert self.run().code == Exit.DONE
        assert self.published() == clean.published()

    def _around(self) -> set[str]:
        ours = (self.settings.warehouse.name, self.settings.marts.name)
        return {path.name for path in self.raw.parent.iterdir() if not path.name.startswith(ours)}

    def _assert_ledger(self) -> None:
        with duckdb.connect(str(self.settings.warehouse), read_only=True) as warehouse:
            lost = "SELECT * FROM gate_delivery WHERE rows_read <> accepted + quarantined + ignored"
            assert not warehouse.execute(lost).fetchall()


def _refuse_to_connect(*_: object) -> None:
    raise AssertionError("a run goes to the network")


def assert_told_whole(problem: Problem) -> None:
    """A problem says in both languages what is wrong and what to do."""
    assert problem.rule
    assert problem.message_zh and _CHINESE.search(problem.message_zh), problem
    assert problem.remedy_zh and _CHINESE.search(problem.remedy_zh), problem
    assert problem.message_en and problem.remedy_en, problem


def understood(raw: Path, source: str, fields: str) -> dict[str, list[tuple[object, ...]]]:
    """File → what is read of its data rows, without the gate; that no row is lost is seen to on the way."""
    contracts = {name: contract for name, contract in load_contracts().items() if name in ("towns", source)}
    with duckdb.connect() as connection:
        ingest(connection, raw, contracts, lambda _: None)
        lost = connection.execute(
            f"SELECT * FROM delivery_sheet WHERE rows_read <> (SELECT count(*) FROM raw_{source} AS kept WHERE "
            "kept.source_file = delivery_sheet.source_file AND kept.source_sheet = delivery_sheet.source_sheet) "
            "AND source_file <> 'towns.csv'"
        ).fetchall()
        assert lost == []
        rows = connection.execute(
            f"SELECT source_file, {fields} FROM typed_{source} WHERE row_kind = 'data' ORDER BY source_file, source_row"
        ).fetchall()
        found: dict[str, list[tuple[object, ...]]] = {}
        for file, *values in rows:
            found.setdefault(file, []).append(tuple(values))
        return found


def fingerprint(folder: Path) -> dict[str, str]:
    """Relative path → what is there: the hash of a file, the target of a link."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = "special"
    return found
