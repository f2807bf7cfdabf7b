"""The gate: every row is checked in the database, and is accepted or goes to quarantine with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines import transform
from pipelines.contracts import Contract
from pipelines.errors import Exit, KaoheError, Problem
from pipelines.ingest.values import misleading_characters
from pipelines.places import place_sql
from pipelines.quality.checks import Check, Severity, every_check, spanning_checks
from pipelines.quality.parting import part_rows
from pipelines.transform import Engine, InDuckDB, Model

if TYPE_CHECKING:
    import duckdb

__all__ = ["GateResult", "problems", "quarantine", "run_checks", "run_checks_of_records"]


@dataclass(frozen=True)
class GateResult:
    """What the checks found: rows broken by severity, and every critical problem."""

    critical_failures: int
    warnings: int
    problems: tuple[Problem, ...]

    def refusal(self) -> KaoheError:
        """The error that ends a run which may publish nothing."""
        count = self.critical_failures
        told = f"数据有 {count} 处严重问题，未发布任何结果 / {count} critical problem(s); nothing was published"
        return KaoheError(Exit.GATE, told, self.problems)


def run_checks(
    connection: duckdb.DuckDBPyConnection,
    contracts: Mapping[str, Contract],
    report: Callable[[str], None] = lambda _: None,
    there: Engine | None = None,
    changed: Collection[str] | None = None,
) -> GateResult:
    """Evaluate every check of received rows and keep all rows that break one: gate_check and check_failure.

    ``there`` counts the rows that break a check, the database itself unless given; which they are the database finds.
    Of sources that are not ``changed`` what was found before is kept, unless that is None. KaoheError (integrity) where
    the count that decided and the rows found differ.
    """
    checks = every_check(contracts)
    if changed is None:
        _begin(connection)
    else:
        spanning = {check.name for check in spanning_checks() if _may_have_moved(check, contracts.keys() - changed)}
        checks = [check for check in checks if check.source in changed or check.name in spanning]
        for table in ("check_failure", "gate_check"):
            names = [[check.name for check in checks]]
            connection.execute(f"DELETE FROM {table} WHERE check_name IN (SELECT unnest(?))", names)
    checks = [check for check in checks if not check.models]
    report(f"{len(checks)} checks")
    _evaluate(connection, there or InDuckDB(connection), contracts, checks)
    counts = dict(connection.execute("SELECT severity, sum(rows_failed) FROM gate_check GROUP BY severity").fetchall())
    return GateResult(
        int(counts.get("critical", 0)), int(counts.get("warning", 0)), tuple(problems(connection, "critical"))
    )


def _may_have_moved(check: Check, unchanged: Collection[str]) -> bool:
    """Whether a check that spans sources reads anything but the rubric, the register and sources ``unchanged``."""
    still = {"town_year", "town_register", *(f"typed_{source}" for source in unchanged)}
    return any(table not in still and not table.startswith("rubric_") for table in transform.tables(check.query))


def _begin(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "CREATE OR REPLACE TABLE check_failure (check_name VARCHAR, source VARCHAR, rule VARCHAR, severity VARCHAR, "
        "source_file VARCHAR, source_sheet VARCHAR, source_row BIGINT, field VARCHAR, header VARCHAR, cell VARCHAR, "
        "value VARCHAR, year INTEGER, town_id VARCHAR, message_zh VARCHAR, message_en VARCHAR, remedy_zh VARCHAR, "
        "remedy_en VARCHAR)"
    )
    connection.execute(
        "CREATE OR REPLACE TABLE gate_check (check_name VARCHAR, source VARCHAR, rule VARCHAR, field VARCHAR, "
        "severity VARCHAR, rows_checked BIGINT, rows_failed BIGINT, success BOOLEAN, description_zh VARCHAR, "
        "description_en VARCHAR)"
    )


def quarantine(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> None:
    """Part the rows that ``run_checks`` judged: accepted_<source>, gate_quarantine, withheld and gate_delivery.

    KaoheError (gate) where the register of towns has a row in quarantine: without it no town can be told from another,
    so there is no part to publish. KaoheError (integrity) where, for any file and sheet, rows read are not accepted +
    quarantined + ignored.
    """
    part_rows(connection, contracts)
    held = connection.execute("SELECT count(*) FROM gate_quarantine WHERE source = 'towns'").fetchall()[0][0]
    if held:
        told = (
            f"镇街名录有 {held} 处问题，全部得分以其为准，未发布任何结果 / "
            f"{held} problem(s) in the register of towns, on which every score rests; nothing was published"
        )
        raise KaoheError(Exit.GATE, told, problems(connection, "critical"))


def run_checks_of_records(
    connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], there: Engine
) -> list[Model]:
    """Make the models that checks read, over accepted rows, and evaluate those checks; returns the models made."""
    checks = [check for check in every_check(contracts) if check.models]
    models = transform.upstream(*sorted({name for check in checks for name in check.models}))
    there.run_models(models, lambda _: None)
    _evaluate(connection, there, contracts, checks)
    return models


def problems(connection: duckdb.DuckDBPyConnection, severity: Severity) -> list[Problem]:
    """Every failure of a severity, told for its sender, by file, sheet and row."""
    rows = connection.execute(
        "SELECT coalesce(source_file, ''), check_name, message_zh, message_en, remedy_zh, remedy_en, "
        "coalesce(source_sheet, ''), coalesce(cell, ''), coalesce(header, ''), coalesce(value, '') "
        "FROM check_failure WHERE severity = ? ORDER BY 1, 7, coalesce(source_row, 0), 2, 3, 10",
        [severity],
    ).fetchall()
    return [Problem(*row) for row in rows]


def _evaluate(
    connection: duckdb.DuckDBPyConnection, there: Engine, contracts: Mapping[str, Contract], checks: Sequence[Check]
) -> None:
    """Have Great Expectations decide, then keep every breaking row in check_failure and every check in gate_check."""
    from pipelines.quality.expectations import validate

    breaking = validate(there, checks)
    for check in checks:
        if breaking[check.name]:
            found = _keep_failures(connection, contracts[check.source], check)
            if found != breaking[check.name]:
                raise KaoheError(
                    Exit.INTEGRITY, f"{check.name}: {breaking[check.name]} rows break it, but {found} were found"
                )
    _keep_checks(connection, checks, breaking)


def _keep_failures(connection: duckdb.DuckDBPyConnection, contract: Contract, check: Check) -> int:
    """Put every row that breaks ``check`` into check_failure, with its cell as the sender knows it; how many."""
    is_personal = check.field and contract.field(check.field).personal
    written = f'received."{check.field}"' if check.field else "NULL"
    if is_personal:
        written = f"CASE WHEN {written} IS NOT NULL THEN '***' END"
    misleading = misleading_characters(written) if check.field and not is_personal else "NULL"
    cell = place_sql("failing.source_file", "failing.source_row", "coalesce(failing.position, header.position)")
    year, town = ("typed.year", "typed.town_id") if contract.town_field else ("NULL", "NULL")
    # Made first, so that the database knows how few rows it looks up among those received.
    connection.execute(f"""
        CREATE TEMP TABLE failing AS
        SELECT NULL::VARCHAR AS source_file, NULL::VARCHAR AS source_sheet, NULL::BIGINT AS source_row,
            NULL::INTEGER AS position, NULL::INTEGER AS year, NULL::VARCHAR AS town_id,
            NULL::VARCHAR AS value, NULL::VARCHAR AS message_zh, NULL::VARCHAR AS message_en
        WHERE FALSE
        UNION ALL BY NAME ({check.query})""")
    found = connection.execute(
        f"""
        INSERT INTO check_failure
        SELECT
            $name, $source, $rule, $severity,
            failing.source_file, failing.source_sheet, failing.source_row, nullif($field, ''), header.header,
            {cell},
            coalesce(failing.value, {written}),
            coalesce(failing.year, {year}, file.year), coalesce(failing.town_id, {town}),
            coalesce(failing.message_zh, $message_zh)
                || coalesce('；所填内容含有形似而不同的字符：' || {misleading}, ''),
            coalesce(failing.message_en, $message_en)
                || coalesce('; it holds characters that are not what they look like: ' || {misleading}, ''),
            $remedy_zh, $remedy_en
        FROM failing
        LEFT JOIN raw_{check.source} AS received USING (source_file, source_sheet, source_row)
        LEFT JOIN typed_{check.source} AS typed USING (source_file, source_sheet, source_row)
        LEFT JOIN delivery_file AS file USING (source_file)
        LEFT JOIN delivery_column AS header
            ON header.source_file = failing.source_file AND header.source_sheet = failing.source_sheet
            AND header.field = $field
        ORDER BY failing.source_file, failing.source_sheet, failing.source_row""",
        {
            "name": check.name, "source": check.source, "rule": check.rule, "severity": check.severity,
            "field": check.field, "message_zh": check.message_zh, "message_en": check.message_en,
            "remedy_zh": check.remedy_zh, "remedy_en": check.remedy_en,
        },
    ).fetchall()[0][0]  # fmt: skip
    connection.execute("DROP TABLE failing")
    return int(found)


def _keep_checks(connection: duckdb.DuckDBPyConnection, checks: Sequence[Check], breaking: Mapping[str, int]) -> None:
    """gate_check: every check with how many rows there were and how many break it."""
    sources = dict.fromkeys(check.source for check in checks)
    counts = " UNION ALL ".join(
        f"SELECT '{source}', count(*) FROM raw_{source} WHERE row_kind = 'data'" for source in sources
    )
    rows_checked = dict(connection.execute(counts).fetchall())
    rows = [
        {
            "check_name": check.name,
            "source": check.source,
            "rule": check.rule,
            "field": check.field or None,
            "severity": check.severity,
            "rows_checked": rows_checked[check.source],
            "rows_failed": breaking[check.name],
            "success": breaking[check.name] == 0,
            "description_zh": check.message_zh,
            "description_en": check.message_en,
        }
        for check in checks
    ]
    connection.execute(
        "INSERT INTO gate_check SELECT unnest(entry, recursive := TRUE) FROM (SELECT unnest($rows) AS entry)",
        {"rows": rows},
    )
