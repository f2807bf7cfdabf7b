"""The whole flow on one page: received files → checked rows → scores → one published set."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines import changes, contracts, interruption, review, transform
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
        if published and chain.is_intact(settings.marts) and published["inputs"] == inputs:
            code = Exit(published["exit_code"])
            if code == Exit.DONE:
                returned.give_back(settings.raw, settings.marts, ())
            return Outcome(published, is_new=False, code=code)
        for told in changes.superseded(settings.marts, inputs["deliveries"]):
            report("warning", changes.superseded_in_words(told))
        with (
            warehouse(settings.warehouse, settings.memory_limit) as connection,
            engine(connection, settings) as run_models,
            returned.refusals(settings.raw, settings.marts, report),
        ):
            gate, made = load_and_check(connection, settings, report, run_models)
            if gate.critical_failures and not settings.allow_partial:
                raise gate.refusal()
            marts = score(connection, settings, report, run_models, made)
            publication.check_marts(connection, marts, _left_out(settings))
            review.hold_to_sign_off(connection, settings.marts / "current")
            code = Exit.PARTIAL if gate.critical_failures else Exit.DONE
            manifest = manifest_of(connection, inputs, code)
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
    run_models: transform.RunModels,
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
    gate = quality.run_checks(connection, sources, lambda detail: report("check", detail))
    quality.quarantine(connection, sources)
    return gate, quality.run_checks_of_records(connection, sources, run_models)


def score(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    report: Callable[[str, str], None],
    run_models: transform.RunModels,
    made: Collection[transform.Model],
) -> list[transform.Model]:
    """Run every model that is not ``made`` yet on what the gate accepted; the marts among them."""
    left_out = _left_out(settings)
    models = [
        transform.emptied(model) if model.name in left_out else model for model in transform.load_models().values()
    ]
    report("score", "")
    transform.trace_indicators(connection, contracts.load_contracts())
    run_models([model for model in models if model not in made], lambda name: report("score", name))
    marts = [model for model in models if model.layer == "marts"]
    transform.comment(connection, models if settings.engine == "duckdb" else marts)
    return marts


def _left_out(settings: Settings) -> Collection[str]:
    """Names of the models that are to have no rows."""
    return transform.analysis() if settings.results_only else ()


@contextlib.contextmanager
def engine(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[transform.RunModels]:
    """What runs the models for ``connection``: DuckDB itself, or Spark beside it."""
    if settings.engine == "duckdb":
        yield partial(transform.run_models, connection)
    else:
        from pipelines import spark

        with spark.connect(connection, settings.warehouse, settings.spark_master) as there:
            yield there.run_models
