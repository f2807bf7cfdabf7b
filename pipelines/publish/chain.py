"""The chain of publications: each names the one before by hash, and what is there can be held to it.

``data/marts/.publications/journal.jsonl`` has a line for every publication there ever was, first to last. A line gives
the hash of the publication's manifest; the manifest gives the hashes of its files and of the manifest before it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import Exit, KaoheError, Problem
from pipelines.labels import Language, both, label

STORE = ".publications"
JOURNAL = "journal.jsonl"
CURRENT = "current"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Publication:
    """One publication, as the journal has it.

    Attributes:
        sequence: 1, 2, 3 … in the order published, whatever the clock said.
        run_id: the hash of what went in.
        manifest, previous: SHA-256 of its manifest and of the manifest of the publication before it.
        restored: sequence of the earlier publication that this one brought back; None for the result of a run.
        at, by: when and by whom by the machine's own account; None where the run was killed before it could say.
    """

    sequence: int
    run_id: str
    manifest: str
    previous: str | None
    restored: int | None = None
    at: str | None = None
    by: str | None = None

    @property
    def folder(self) -> str:
        """Name of its folder in the store. No two publications share one, so none is ever put in another's place."""
        return f"{self.sequence:06d}-{self.run_id}"


@dataclass(frozen=True)
class Verdict:
    """What ``verify`` found.

    Attributes:
        current: what is published, None where it is none of the chain.
        problems: everything wrong; empty where all is whole.
        kept: the publications still there, newest first, and whether each is whole.
        known: how many publications the chain knows of.
    """

    current: Publication | None
    problems: tuple[Problem, ...]
    kept: tuple[tuple[Publication, bool], ...]
    known: int

    @property
    def last_good(self) -> Publication | None:
        """The newest publication that is whole and can be restored."""
        return next((publication for publication, is_whole in self.kept if is_whole), None)

    def as_json(self) -> dict[str, Any]:
        """Everything found, for a machine to read."""
        return {
            "is_whole": not self.problems,
            "current": self.current and asdict(self.current),
            "last_good": self.last_good and asdict(self.last_good),
            "known": self.known,
            "kept": [{**asdict(publication), "is_whole": is_whole} for publication, is_whole in self.kept],
            "problems": [asdict(problem) for problem in self.problems],
        }


class Hold:
    """Keeps the publication in ``folder`` from being forgotten for as long as this lives, or its process.

    Where the system or the file system has no such locks, a reader who stays over ``KEPT`` publications loses it.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            self._descriptor = os.open(folder / MANIFEST, os.O_RDONLY)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of the file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_chain(marts: Path) -> list[Publication]:
    """Every publication there ever was, first to last. KaoheError (integrity) where the journal cannot be read.

    A run killed right after it published leaves one the journal has no line for; it follows from its manifest.
    """
    chain = read_journal(marts)
    try:
        newest = described(marts / CURRENT)
    except (OSError, ValueError, KeyError, TypeError):
        return chain
    if not chain or (newest.sequence > chain[-1].sequence and newest.previous == chain[-1].manifest):
        chain.append(newest)
    return chain


def read_journal(marts: Path) -> list[Publication]:
    """The publications entered in the journal, first to last. KaoheError (integrity) where it cannot be read."""
    journal = marts / STORE / JOURNAL
    try:
        lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
        return [Publication(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        told = both("fault_journal")
        raise KaoheError(Exit.INTEGRITY, f"{journal}: {told}", [_problem(f"{STORE}/{JOURNAL}", "journal")]) from error


def described(folder: Path) -> Publication:
    """The publication in ``folder`` by its own manifest; OSError, ValueError, KeyError or TypeError for no such one."""
    manifest = _read(folder / MANIFEST)
    told = {key: manifest[key] for key in ("sequence", "run_id", "previous", "restored")}
    return Publication(manifest=sha256(folder / MANIFEST), **told)


def is_intact(marts: Path) -> bool:
    """Whether what is published is the newest of the chain, every file as it was published and under its name."""
    chain = read_chain(marts)
    return bool(chain) and not list(_current_faults(marts, chain))


def is_whole(marts: Path, publication: Publication) -> bool:
    """Whether a publication is still there with every file as it was published."""
    return (marts / STORE / publication.folder).is_dir() and not list(_faults(marts, publication))


def verify(marts: Path) -> Verdict:
    """Hold everything kept in ``marts`` to the chain. KaoheError (environment) where nothing was ever published."""
    while True:
        before = _stamp(marts)
        try:
            found = _verify(marts)
        except FileNotFoundError:
            if _stamp(marts) == before:
                raise
            continue
        # What is published or forgotten meanwhile looks like damage to who has read half of it before.
        if not found.problems or _stamp(marts) == before:
            return found


def in_words(verdict: Verdict, lang: Language) -> str:
    """The verdict, and what there is to restore."""

    def say(key: str, **values: object) -> str:
        return label(f"verify_{key}", lang).format(**values)

    told = [say("whole") if not verdict.problems else say("broken", count=len(verdict.problems))]
    if verdict.current:
        told.append(say("current", sequence=verdict.current.sequence, run_id=verdict.current.run_id))
    told.append(say("known", count=verdict.known))
    for publication, is_good in verdict.kept:
        restored = say("restored", sequence=publication.restored) if publication.restored else ""
        facts = (publication.run_id, publication.at or "", publication.by or "", restored)
        mark = "✓" if is_good else "✗"
        told.append(f"  {mark} {publication.sequence:>6}  " + "  ".join(filter(None, facts)))
    if verdict.problems:
        good = verdict.last_good
        told.append(say("last_good", sequence=good.sequence, run_id=good.run_id) if good else say("no_good"))
    return "\n".join(told)


def _verify(marts: Path) -> Verdict:
    try:
        chain = read_chain(marts)
    except KaoheError as error:
        return Verdict(None, error.problems, (), 0)
    if not chain and not (marts / CURRENT).is_symlink():
        told = f"{marts}: 尚未发布结果，请先运行 make pipeline nothing is published here; run `make pipeline` first"
        raise KaoheError(Exit.ENVIRONMENT, told)
    problems = [
        _problem(f"{STORE}/{JOURNAL}", "chain", sequence=after.sequence)
        for before, after in itertools.pairwise(chain)
        if after.sequence <= before.sequence or after.previous != before.manifest
    ]
    at = _target(marts)
    current = next((publication for publication in chain if publication.folder == at), None)
    problems += _current_faults(marts, chain)
    kept = []
    for publication in reversed(chain):
        if (marts / STORE / publication.folder).is_dir():
            faults = list(_faults(marts, publication))
            kept.append((publication, not faults))
            problems += faults if publication != chain[-1] else []
    return Verdict(current, tuple(problems), tuple(kept), len(chain))


def _current_faults(marts: Path, chain: list[Publication]) -> Iterator[Problem]:
    """What is wrong with what is published: where it points, the names beside it, and its files."""
    at = _target(marts)
    if not chain or at is None or not (marts / CURRENT / MANIFEST).is_file():
        yield _problem(CURRENT, "nothing_published")
        return
    newest = chain[-1]
    if at != newest.folder:
        yield _problem(CURRENT, "rolled_back", current=at, newest=newest.folder)
        return
    yield from _faults(marts, newest)
    for name in sorted(path.name for path in (marts / CURRENT).iterdir()):
        link = marts / name
        if not link.is_symlink() or link.readlink() != Path(CURRENT) / name:
            yield _problem(name, "name")


def _faults(marts: Path, publication: Publication) -> Iterator[Problem]:
    """What is wrong with the files of one publication."""
    folder = marts / STORE / publication.folder
    place = f"{STORE}/{publication.folder}"
    manifest = folder / MANIFEST
    if not manifest.is_file():
        yield _problem(f"{place}/{MANIFEST}", "missing_file")
        return
    if sha256(manifest) != publication.manifest:
        yield _problem(f"{place}/{MANIFEST}", "manifest")
    try:
        files = {str(name): (int(entry["bytes"]), entry["sha256"]) for name, entry in _read(manifest)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    for name, (size, digest) in sorted(files.items()):
        path = folder / name
        if not path.is_file():
            yield _problem(f"{place}/{name}", "missing_file")
        elif path.stat().st_size < size:
            yield _problem(f"{place}/{name}", "truncated", size=size, found=path.stat().st_size)
        elif sha256(path) != digest:
            yield _problem(f"{place}/{name}", "changed")
    for path in sorted(folder.iterdir()):
        if path.name not in files and path.name != MANIFEST:
            yield _problem(f"{place}/{path.name}", "extra_file")


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _target(marts: Path) -> str | None:
    """Name of the folder of the store that is published."""
    link = marts / CURRENT
    return link.readlink().name if link.is_symlink() else None


def _stamp(marts: Path) -> tuple[str | None, bytes, set[str]]:
    """What is another once something was published or forgotten."""
    store = marts / STORE
    journal = (store / JOURNAL).read_bytes() if (store / JOURNAL).is_file() else b""
    return _target(marts), journal, {path.name for path in store.iterdir()} if store.is_dir() else set()


def _problem(file: str, fault: str, **values: object) -> Problem:
    remedy = f"remedy_{fault}" if fault in _REMEDIES else "remedy_fault"
    zh, en = ([label(key, lang).format(**values) for key in (f"fault_{fault}", remedy)] for lang in ("zh", "en"))
    return Problem(file, f"publication.{fault}", zh[0], en[0], zh[1], en[1])


#: Faults that another publication does not mend.
_REMEDIES = {"journal", "chain", "name"}
