"""Great Expectations on the run's own DuckDB connection: checks become suites, and the suites decide."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from duckdb_sqlalchemy import ConnectionWrapper, Dialect
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
from sqlalchemy.pool import StaticPool

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx

if TYPE_CHECKING:
    import duckdb

    from pipelines.quality.checks import Check


class _BufferingContext(Dialect.execution_ctx_cls):  # type: ignore[misc]
    """Takes every row as soon as a query has run: results are read after the connection was given back."""

    def post_exec(self) -> None:
        super().post_exec()
        if self.cursor is not None and self.cursor.description:
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor, self.cursor.description, initial_buffer=self.cursor.fetchall()
            )


class BufferingDialect(Dialect):  # type: ignore[misc]
    """DuckDB's SQLAlchemy dialect with results that outlive their connection."""

    supports_statement_cache = True
    execution_ctx_cls = _BufferingContext


registry.register("duckdb.buffering", __name__, "BufferingDialect")


def suites(checks: Sequence[Check]) -> dict[str, gx.ExpectationSuite]:
    """One suite for each table that checks are about, by table."""
    return {
        table: gx.ExpectationSuite(
            name=table,
            expectations=[
                gx.expectations.UnexpectedRowsExpectation(
                    unexpected_rows_query=check.query,
                    description=check.message_en,
                    severity=check.severity,
                    meta={"check": check.name},
                )
                for check in checks
                if check.table == table
            ],
        )
        for table in dict.fromkeys(check.table for check in checks)
    }


def validate(connection: duckdb.DuckDBPyConnection, checks: Sequence[Check]) -> dict[str, int]:
    """How many rows break each check, by its name. RuntimeError where an expectation could not be evaluated."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    warehouse = context.data_sources.add_sql(
        "warehouse",
        connection_string="duckdb+buffering:///:memory:",
        create_temp_table=False,
        # The same database the run works in, not a second one.
        kwargs={"creator": lambda: ConnectionWrapper(connection.cursor()), "poolclass": StaticPool},
    )
    breaking: dict[str, int] = {}
    for table, suite in suites(checks).items():
        batch = warehouse.add_table_asset(table, table_name=table).add_batch_definition_whole_table("all").get_batch()
        for result in batch.validate(suite, result_format="BASIC").results:
            told: dict[str, Any] = result.expectation_config.meta if result.expectation_config else {}
            if "observed_value" not in result.result:
                raise RuntimeError(f"{told.get('check')} could not be evaluated: {result.exception_info}")
            breaking[told["check"]] = int(result.result["observed_value"])
    return breaking
