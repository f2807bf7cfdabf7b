"""The whole flow on one page: received files → checked rows → scores → one published set.

========  =======================  ==================================================================================
step      done by                  makes
========  =======================  ==================================================================================
ingest    ``ingest``               ``raw_<source>``, ``typed_<source>``, ``delivery_…``, ``town_year``
rubric    ``rubric``               ``rubric_…``
check     ``quality``              ``check_failure``, ``gate_…``, ``accepted_<source>``, ``withheld``
score     ``transform``, models/   indicators, ``indicator_figure`` (all of them), ``scored_…``, the marts
publish   ``publish``              the folder of marts with its manifest; the files given back
========  =======================  ==================================================================================
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines import changes, contracts, increments, interruption, review, transform
from pipelines.errors import Exit, KaoheError
from pipelines.manifest import inputs_of, manifest_of
from pipelines.publish import chain, publication, returned
from pipelines.publish.received import compared
from pipelines.settings import Settings
from pipelines.workplace import alone, warehouse

if TYPE_CHECKING:
    import duckdb

    from pipelines.quality import GateResult


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
        is_intact = published is not None and chain.is_intact(settings.marts)
        if published and is_intact and published["inputs"] == inputs and not settings.force:
            code = Exit(published["exit_code"])
            if code == Exit.DONE:
                returned.give_back(settings.raw, settings.marts, ())
            return Outcome(published, is_new=False, code=code)
        for told in changes.superseded(settings.marts, inputs["deliveries"]):
            report("warning", changes.superseded_in_words(told))
        kept_files = None
        if is_intact and settings.engine == "duckdb" and not settings.force:
            kept_files = increments.kept_files(settings.warehouse, inputs, published)
        with (
            warehouse(settings.warehouse, settings.memory_limit, is_kept=kept_files is not None) as connection,
            engine(connection, settings, kept_files) as there,
            returned.refusals(settings.raw, settings.marts, report),
        ):
            gate, made = load_and_check(connection, settings, report, there)
            if gate.critical_failures and not settings.allow_partial:
                raise gate.refusal()
            marts = score(connection, settings, report, there, made)
            publication.check_marts(connection, marts, _left_out(settings))
            review.hold_to_sign_off(connection, settings.marts / "current")
            code = Exit.PARTIAL if gate.critical_failures else Exit.DONE
            manifest = manifest_of(connection, inputs, code)
            report("publish", "")
            publication.publish(
                connection,
                settings.marts,
                marts,
                manifest,
                lambda name: report("publish", name),
                compared(),
                unchanged=there.unchanged() if isinstance(there, increments.TakenOver) else (),
            )
            if settings.engine == "duckdb" and code == Exit.DONE:
                increments.mark(connection, inputs)
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
    taken_over = there if isinstance(there, increments.TakenOver) else None
    report("ingest", "")
    changed = ingest.ingest(
        connection,
        settings.raw,
        sources,
        lambda detail: report("ingest", detail),
        key=settings.key,
        declared=settings.corrections,
        kept=taken_over.kept_files if taken_over else None,
        reader=there if isinstance(there, ingest.Reader) else None,
    )
    # Everything received is in: what runs from here on needs no file but those it publishes or hands to Spark.
    exchange = settings.warehouse.with_name(f"{settings.warehouse.name}.spark").resolve()
    transform.lock(connection, settings.marts, exchange)
    report("rubric", "")
    edition = rubric.load_edition(settings.rubric)
    indicators = {model.name for model in transform.load_models().values() if model.layer == "indicators"}
    if broken := rubric.laws_broken(edition, settings.rubric, indicators):
        raise KaoheError(Exit.REJECTED, f"the rubric breaks {len(broken)} of its laws; nothing was published", broken)
    rubric.load_into(connection, edition, [rubric.scenario(edition)])
    report("check", "")
    gate = quality.run_checks(
        connection, sources, lambda detail: report("check", detail), there, changed if taken_over else None
    )
    quality.quarantine(connection, sources)
    # What rows in quarantine would have fed is known by no town or year in particular: then all is made anew.
    if taken_over and not gate.critical_failures:
        taken_over.reach(sources, changed)
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
def engine(
    connection: duckdb.DuckDBPyConnection, settings: Settings, kept_files: frozenset[str] | None = None
) -> Iterator[transform.Engine]:
    """What runs models and checks for ``connection``: DuckDB itself, or Spark beside it.

    ``kept_files`` are those a warehouse that was taken over holds the rows of.
    """
    if kept_files is not None:
        yield increments.TakenOver(connection, kept_files)
    elif settings.engine == "duckdb":
        yield transform.InDuckDB(connection)
    else:
        from pipelines import spark

        with spark.connect(connection, settings.warehouse, settings.spark_master) as there:
            yield there
