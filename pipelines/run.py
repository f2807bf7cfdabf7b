"""The whole flow on one page: received files → checked rows → scores → one published set."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines import changes, contracts, interruption, review, transform
from pipelines.errors import Exit, KaoheError
from pipelines.publish import chain, publication, returned
from pipelines.publish.received import compared

if TYPE_CHECKING:
    import duckdb

    from pipelines.quality import GateResult

PACKAGE = Path(__file__).parent
LOCK_FILE = PACKAGE.parent / "requirements.lock"


@dataclass(frozen=True)
class Settings:
    """Where a run reads and writes, and what runs the models.

    ``allow_partial`` publishes around quarantined rows instead of refusing. ``results_only`` leaves the marts of the
    analysis empty. ``memory_limit`` is how much memory the database may take, such as ``2GB``; None leaves it to the
    database. The engine changes no digit, so it is no part of
    what a run depends on. ``key`` is the file with the key for identity numbers; None takes the usual one.
    ``corrections`` is the file of declared corrections, if there is one.
    """

    raw: Path
    marts: Path
    warehouse: Path
    rubric: Path
    allow_partial: bool = False
    results_only: bool = False
    memory_limit: str | None = None
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = "local[2]"
    key: Path | None = None
    corrections: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run came to: the manifest of the published set, whether it was made anew, and the exit code."""

    manifest: dict[str, Any]
    is_new: bool
    code: Exit


def run(settings: Settings, report: Callable[[str, str], None]) -> Outcome:
    """Load, check, score and publish what lies in ``settings.raw``.

    ``report(step, detail)`` hears of progress. Raises KaoheError where nothing could be published.
    """
    report = interruption.checking(report)
    with alone(settings.warehouse, settings.marts):
        report("discover", "")
        publication.settle(settings.marts)
        inputs = inputs_of(settings)
        published = publication.read_manifest(settings.marts)
        if published and chain.is_intact(settings.marts) and published["inputs"] == inputs:
            code = Exit(published["exit_code"])
            if code == Exit.DONE:
                returned.give_back(settings.raw, settings.marts, ())
            return Outcome(published, is_new=False, code=code)
        for told in changes.superseded(settings.marts, inputs["deliveries"]):
            report("warning", changes.superseded_in_words(told))
        with (
            warehouse(settings.warehouse, settings.memory_limit) as connection,
            engine(connection, settings) as there,
            returned.refusals(settings.raw, settings.marts, report),
        ):
            gate, made = load_and_check(connection, settings, report, there)
            if gate.critical_failures and not settings.allow_partial:
                raise gate.refusal()
            marts = score(connection, settings, report, there, made)
            publication.check_marts(connection, marts, _left_out(settings))
            review.hold_to_sign_off(connection, settings.marts / "current")
            code = Exit.PARTIAL if gate.critical_failures else Exit.DONE
            manifest = _manifest(connection, inputs, code)
            report("publish", "")
            publication.publish(
                connection, settings.marts, marts, manifest, lambda name: report("publish", name), compared()
            )
        returned.give_back(settings.raw, settings.marts, gate.problems, report)
        written = publication.read_manifest(settings.marts)
        if written is None or written["run_id"] != manifest["run_id"]:
            raise KaoheError(Exit.INTEGRITY, "the publication just made cannot be read back")
        return Outcome(written, is_new=True, code=code)


def load_and_check(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    report: Callable[[str, str], None],
    there: transform.Engine,
) -> tuple[GateResult, list[transform.Model]]:
    """Fill the warehouse up to the gate: every row read, typed, checked, and accepted or in quarantine.

    Returns what the gate found, and the models that were made because checks read them.
    """
    from pipelines import ingest, quality, rubric

    sources = contracts.load_contracts()
    report("ingest", "")
    ingest.ingest(
        connection,
        settings.raw,
        sources,
        lambda detail: report("ingest", detail),
        key=settings.key,
        declared=settings.corrections,
    )
    # Everything received is in: what runs from here on needs no file but those it publishes or hands to Spark.
    exchange = settings.warehouse.with_name(f"{settings.warehouse.name}.spark").resolve()
    transform.lock(connection, settings.marts, exchange)
    report("rubric", "")
    edition = rubric.load_edition(settings.rubric)
    indicators = {model.name for model in transform.load_models().values() if model.layer == "indicators"}
    if broken := rubric.lint(settings.rubric, indicators):
        raise KaoheError(Exit.REJECTED, f"the rubric breaks {len(broken)} of its laws; nothing was published", broken)
    rubric.load_into(connection, edition, [rubric.scenario(edition)])
    report("check", "")
    gate = quality.run_checks(connection, sources, lambda detail: report("check", detail), there)
    quality.quarantine(connection, sources)
    return gate, quality.run_checks_of_records(connection, sources, there)


def score(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    report: Callable[[str, str], None],
    there: transform.Engine,
    made: Collection[transform.Model],
) -> list[transform.Model]:
    """Run every model that is not ``made`` yet on what the gate accepted; the marts among them."""
    left_out = _left_out(settings)
    models = [
        transform.emptied(model) if model.name in left_out else model for model in transform.load_models().values()
    ]
    report("score", "")
    transform.trace_indicators(connection, contracts.load_contracts())
    there.run_models([model for model in models if model not in made], lambda name: report("score", name))
    marts = [model for model in models if model.layer == "marts"]
    transform.comment(connection, models if settings.engine == "duckdb" else marts)
    return marts


def _left_out(settings: Settings) -> Collection[str]:
    """Names of the models that are to have no rows."""
    return transform.analysis() if settings.results_only else ()


@contextlib.contextmanager
def alone(*places: Path) -> Iterator[None]:
    """Let one run at a time work on each of ``places``; KaoheError (busy) says who is at work and since when.

    The system gives a lock back when its holder ends, however it ends: a file left by a killed run locks nobody out.
    """
    from filelock import FileLock, Timeout

    with contextlib.ExitStack() as held:
        for place in (path.resolve() for path in places):
            place.parent.mkdir(parents=True, exist_ok=True)
            holder = place.with_name(f"{place.name}.run.json")
            try:
                held.enter_context(FileLock(place.with_name(f"{place.name}.lock")).acquire(timeout=0))
            except Timeout:
                raise KaoheError(Exit.BUSY, _busy(place, holder)) from None
            held.callback(holder.unlink, missing_ok=True)
            since = datetime.now().astimezone().isoformat(timespec="seconds")
            told = {"process": os.getpid(), "by": publication.whose(), "since": since}
            holder.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        yield


def _busy(place: Path, holder: Path) -> str:
    try:
        told = json.loads(holder.read_text(encoding="utf-8"))
        who = f"{told['by']}, 进程 process {told['process']}, 自 since {told['since']}"
    except (OSError, ValueError, KeyError):
        who = "它没有说明 it did not say who it is"
    return f"{place}: 另一次运行正在进行，请等它结束 another run is at work here; wait for it to end ({who})"


@contextlib.contextmanager
def engine(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[transform.Engine]:
    """What runs models and checks for ``connection``: DuckDB itself, or Spark beside it."""
    if settings.engine == "duckdb":
        yield transform.InDuckDB(connection)
    else:
        from pipelines import spark

        with spark.connect(connection, settings.warehouse, settings.spark_master) as there:
            yield there


@contextlib.contextmanager
def warehouse(path: Path, memory_limit: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new, empty warehouse at ``path``; what an earlier run left there is working data and goes."""
    import duckdb

    from pipelines.ingest.sheets import ARRIVING

    for leftover in (path, path.with_name(path.name + ".wal")):
        leftover.unlink(missing_ok=True)
    # Copies of files that a killed run was reading may hold what the warehouse keeps from view, too.
    for folder in (path.with_name(path.name + ".tmp"), *path.parent.glob(f"{ARRIVING}*")):
        shutil.rmtree(folder, ignore_errors=True)
    connection = duckdb.connect(str(path))
    # It holds every row received, and what of them may not be shown.
    path.chmod(0o600)
    try:
        # Progress is told by the run itself, in one place.
        connection.execute("SET enable_progress_bar = false")
        if memory_limit:
            try:
                connection.execute("SET memory_limit = ?", [memory_limit])
            except duckdb.ParserException as error:
                raise KaoheError(Exit.USAGE, f"{memory_limit}: 请写作 write it as 2GB, 512MB ({error})") from None
        with interruption.reaches(connection):
            yield connection
    finally:
        connection.close()


def inputs_of(settings: Settings) -> dict[str, Any]:
    """Everything the result depends on, as hashes: same inputs, same bytes."""
    from pipelines.ingest.deliveries import shown_name

    received = _hashes(settings.raw, "**/*")
    return {
        "deliveries": {shown_name(settings.raw / name, settings.raw): digest for name, digest in received.items()},
        "person_key": _key_fingerprint(settings),
        "corrections": chain.sha256(settings.corrections) if settings.corrections else None,
        "rubric": _digest(_hashes(settings.rubric, "**/*.yml")),
        "rules": _digest(_hashes(PACKAGE, "**/*.yml") | _hashes(PACKAGE, "**/*.sql")),
        "code": _digest(_hashes(PACKAGE, "**/*.py")),
        "lock": chain.sha256(LOCK_FILE) if LOCK_FILE.is_file() else None,
        "allow_partial": settings.allow_partial,
        "results_only": settings.results_only,
    }


def _key_fingerprint(settings: Settings) -> str | None:
    """Which key identity numbers are hashed under, where a person-level source lies among the deliveries."""
    from pipelines.ingest.identity import fingerprint, read_key

    sources = [contract.name for contract in contracts.load_contracts().values() if contract.is_person_level]
    if not any(path for source in sources for path in settings.raw.glob(f"*/{source}[.-]*")):
        return None
    return fingerprint(read_key(settings.key, [settings.raw, settings.marts, PACKAGE.parent]))


def _hashes(folder: Path, pattern: str) -> dict[str, str]:
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): chain.sha256(path) for path in files}


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _manifest(connection: duckdb.DuckDBPyConnection, inputs: dict[str, Any], code: Exit) -> dict[str, Any]:
    from importlib.metadata import version

    def rows(query: str) -> list[dict[str, Any]]:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    settings = rows("SELECT interpretation, option FROM rubric_setting WHERE scenario = 'in_force' ORDER BY 1")
    return {
        "run_id": _digest(inputs)[:16],
        "version": version("kaohe"),
        "edition": rows("SELECT edition FROM rubric_scenario WHERE scenario = 'in_force'")[0]["edition"],
        "interpretations": {row["interpretation"]: row["option"] for row in settings},
        "is_synthetic": rows("SELECT coalesce(bool_or(is_synthetic), false) AS found FROM town_score")[0]["found"],
        "exit_code": int(code),
        "inputs": inputs,
        "deliveries": rows("SELECT * FROM delivery ORDER BY source_file, source_sheet"),
        "checks": rows(
            "SELECT severity, count(*) AS checks, count(*) FILTER (WHERE NOT success) AS failed "
            "FROM quality_check GROUP BY severity ORDER BY severity"
        ),
        "grades": rows(
            "SELECT year, coalesce(grade, '') AS grade, count(*) AS towns FROM town_score GROUP BY ALL ORDER BY 1, 2"
        ),
    }
