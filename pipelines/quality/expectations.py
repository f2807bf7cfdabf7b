"""Great Expectations on what the run itself works in: checks become suites, and the suites decide.

Importing this module imports Great Expectations, which takes seconds: import it where it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import literal_column
from sqlalchemy.dialects import registry
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import StaticPool

from pipelines import interruption
from pipelines.errors import KaoheError

# What importing Great Expectations would import as well, where it finds it, for no check here: a grammar that JSON
# Schema compiles (a fourth of the time), and Spark, whose client ends the process where it takes it for a doctest: the
# client also in a run on Spark.
_PUT_OFF = [name for name in ("rfc3987_syntax", "pyspark", "pyspark.sql.connect") if name not in sys.modules]
sys.modules.update(dict.fromkeys(_PUT_OFF))  # type: ignore[arg-type]

import great_expectations as gx  # noqa: E402
from great_expectations.compatibility import pydantic  # noqa: E402
from great_expectations.core.metric_domain_types import MetricDomainTypes  # noqa: E402
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes  # noqa: E402
from great_expectations.data_context.types.base import (  # noqa: E402
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.execution_engine import SqlAlchemyExecutionEngine  # noqa: E402
from great_expectations.expectations.expectation import BatchExpectation  # noqa: E402
from great_expectations.expectations.metrics.metric_provider import metric_partial  # noqa: E402
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider  # noqa: E402

for _name in _PUT_OFF:
    del sys.modules[_name]

if TYPE_CHECKING:
    from pipelines.quality.checks import Check
    from pipelines.transform import Engine

_DIALECT = "kaohe"


class _EndsTheRun(BaseException):
    """Carries an error that no check is to blame for past all that catches an ``Exception``."""


class WarehouseDialect(DefaultDialect):
    """Reads through a DuckDB connection that is already open.

    Great Expectations gives its connection back before it reads a result. The published DuckDB dialects lose the
    result by then; here a result lives in a cursor of its own.
    """

    name = "duckdb"
    supports_statement_cache = False

    @classmethod
    def import_dbapi(cls) -> Any:
        """The module whose errors and parameter style apply."""
        import duckdb

        return duckdb

    def initialize(self, connection: Any) -> None:
        """Ask the database nothing before it is used."""

    def do_execute(self, cursor: Any, statement: Any, parameters: Any, *_: Any) -> None:
        """Run a query; what ends the run does so at once, for Great Expectations would try it again and go on."""
        import duckdb

        interruption.check()
        try:
            with interruption.reaches(cursor):
                cursor.execute(statement, parameters)
        except Exception as error:
            interruption.check()
            if isinstance(error, duckdb.OutOfMemoryException | duckdb.IOException | KaoheError):
                raise _EndsTheRun from error
            raise

    def do_begin(self, dbapi_connection: Any) -> None:
        """Leave transactions to the run, whose connection this is."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Leave transactions to the run, whose connection this is."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Leave transactions to the run, whose connection this is."""


registry.register(_DIALECT, __name__, WarehouseDialect.__name__)


class RowsWhere(TableMetricProvider):  # type: ignore[misc]
    """How many rows of a table an SQL condition is true of; all that are asked for are counted in one pass."""

    metric_name = "table.rows_where"
    value_keys = ("condition",)

    @metric_partial(  # type: ignore[untyped-decorator]
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(cls, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> tuple[Any, Any, Any]:
        counted: Any = literal_column(f"count(*) FILTER (WHERE {metric_value_kwargs['condition']})")
        return counted, metric_domain_kwargs, {}


class _Counted:
    """Holds where the one metric it rests on, a count, is zero; the count is what it tells."""

    metric_dependencies: ClassVar[tuple[str, ...]]

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        breaking = metrics[self.metric_dependencies[0]]
        return {"success": breaking == 0, "result": {"observed_value": breaking}}


class NoRowWhere(_Counted, BatchExpectation):  # type: ignore[misc]
    """``condition`` is true of no row."""

    condition: str

    metric_dependencies: ClassVar[tuple[str, ...]] = (RowsWhere.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("condition",)


class NoBreakingRow(_Counted, gx.expectations.UnexpectedRowsExpectation):  # type: ignore[misc]
    """``unexpected_rows_query`` selects no row. They are counted and not fetched: all of them are had elsewhere."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count",)

    @pydantic.validator("unexpected_rows_query")  # type: ignore[untyped-decorator]
    def _validate_query(cls, query: str) -> str:
        # The parent prints about a query that names its tables itself; a check does so to look across tables.
        return query


def suites(checks: Sequence[Check]) -> dict[str, gx.ExpectationSuite]:
    """One suite for each source, by source, with one expectation for each of its checks."""
    return {
        source: gx.ExpectationSuite(
            name=source, expectations=[_expectation(check) for check in checks if check.source == source]
        )
        for source in dict.fromkeys(check.source for check in checks)
    }


def _expectation(check: Check) -> gx.expectations.Expectation:
    told = {"description": check.message_en, "severity": check.severity, "meta": {"check": check.name}}
    if check.condition:
        return NoRowWhere(condition=check.condition, **told)
    # The query is formatted before it runs; what is a brace in SQL is doubled.
    return NoBreakingRow(unexpected_rows_query=check.query.replace("{", "{{").replace("}", "}}"), **told)


def validate(there: Engine, checks: Sequence[Check]) -> dict[str, int]:
    """How many rows break each check, by its name, as ``there`` counts them.

    RuntimeError where an expectation could not be evaluated.

    Writes no file, asks no network and leaves nothing open.
    """
    in_memory = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=in_memory, analytics_enabled=False, progress_bars=ProgressBarsConfig(globally=False)
        ),
    )
    cursor = there.cursor()
    of_sources = suites(checks)
    breaking: dict[str, int] = {}
    try:
        warehouse = context.data_sources.add_sql(
            "warehouse",
            connection_string=f"{_DIALECT}://",
            # What the run works in, not a second database.
            kwargs={"creator": lambda: cursor, "poolclass": StaticPool},
            # All at once: adding them one by one would write the whole configuration each time.
            assets=[
                {
                    "type": "table",
                    "name": source,
                    "table_name": f"typed_{source}",
                    "batch_definitions": [{"name": "all"}],
                }
                for source in of_sources
            ],
        )
        for source, suite in of_sources.items():
            batch = warehouse.get_asset(source).get_batch_definition("all").get_batch()
            for result in batch.validate(suite, result_format="BASIC").results:
                told: dict[str, Any] = result.expectation_config.meta if result.expectation_config else {}
                if "observed_value" not in result.result:
                    raise RuntimeError(f"{told.get('check')} could not be evaluated: {result.exception_info}")
                breaking[told["check"]] = int(result.result["observed_value"])
    except _EndsTheRun as ended:
        raise ended.__cause__ or ended from None
    finally:
        context.data_sources.delete("warehouse")
        cursor.close()
    return breaking
