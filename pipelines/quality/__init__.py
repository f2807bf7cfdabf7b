"""The gate: every row is checked in the database, and is accepted or goes to quarantine with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.contracts import Contract
from pipelines.errors import Exit, KaoheError, Problem
from pipelines.quality.checks import Check, Severity, every_check

if TYPE_CHECKING:
    import duckdb

__all__ = ["GateResult", "problems", "quarantine", "run_checks"]


@dataclass(frozen=True)
class GateResult:
    """What the checks found: rows broken by severity, and every critical problem."""

    critical_failures: int
    warnings: int
    problems: tuple[Problem, ...]

    def refusal(self) -> KaoheError:
        """The error that ends a run which may publish nothing."""
        return KaoheError(
            Exit.GATE, f"{self.critical_failures} critical problem(s); nothing was published", self.problems
        )


def run_checks(
    connection: duckdb.DuckDBPyConnection,
    contracts: Mapping[str, Contract],
    report: Callable[[str], None] = lambda _: None,
) -> GateResult:
    """Evaluate every check and keep all rows that break one: gate_check and check_failure.

    KaoheError (integrity) where the count that decided and the rows found differ.
    """
    from pipelines.quality.expectations import validate

    checks = every_check(contracts)
    report(f"{len(checks)} checks")
    breaking = validate(connection, checks)
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
    rows_checked = {
        source: connection.execute(f"SELECT count(*) FROM raw_{source} WHERE row_kind = 'data'").fetchall()[0][0]
        for source in contracts
    }
    for check in checks:
        if breaking[check.name]:
            found = _keep_failures(connection, contracts[check.source], check)
            if found != breaking[check.name]:
                raise KaoheError(
                    Exit.INTEGRITY, f"{check.name}: {breaking[check.name]} rows break it, but {found} were found"
                )
    connection.executemany(
        "INSERT INTO gate_check VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (check.name, check.source, check.rule, check.field or None, check.severity, rows_checked[check.source],
             breaking[check.name], not breaking[check.name], check.message_zh, check.message_en)
            for check in checks
        ],
    )  # fmt: skip
    counts = dict(connection.execute("SELECT severity, sum(rows_failed) FROM gate_check GROUP BY severity").fetchall())
    return GateResult(
        int(counts.get("critical", 0)), int(counts.get("warning", 0)), tuple(problems(connection, "critical"))
    )


def _keep_failures(connection: duckdb.DuckDBPyConnection, contract: Contract, check: Check) -> int:
    """Put every row that breaks ``check`` into check_failure, with its cell as the sender knows it; how many."""
    value = "failing.value"
    if check.field:
        written = f'received."{check.field}"'
        if contract.field(check.field).personal:
            written = f"CASE WHEN {written} IS NOT NULL THEN '***' END"
        value = f"coalesce(failing.value, {written})"
    typed_year, typed_town = (
        ("typed.year", "typed.town_id") if contract.town_field else ("NULL::INTEGER", "NULL::VARCHAR")
    )
    query = check.query.format(batch=check.table)
    connection.execute(
        f"""
        INSERT INTO check_failure
        SELECT
            $name, $source, $rule, $severity,
            failing.source_file, failing.source_sheet, failing.source_row, nullif($field, ''), header.header,
            CASE
                WHEN failing.source_row IS NULL THEN NULL
                WHEN NOT ends_with(lower(failing.source_file), '.xlsx') THEN 'line ' || failing.source_row
                WHEN header.position > 26
                    THEN chr(64 + (header.position - 1) // 26) || chr(65 + (header.position - 1) % 26)
                        || failing.source_row
                ELSE coalesce(chr(64 + header.position), '') || failing.source_row
            END,
            {value},
            coalesce(failing.year, {typed_year}), coalesce(failing.town_id, {typed_town}),
            coalesce(failing.message_zh, $message_zh), coalesce(failing.message_en, $message_en),
            $remedy_zh, $remedy_en
        FROM ({query}) AS failing
        LEFT JOIN raw_{check.source} AS received USING (source_file, source_sheet, source_row)
        LEFT JOIN typed_{check.source} AS typed USING (source_file, source_sheet, source_row)
        LEFT JOIN delivery_column AS header
            ON header.source_file = failing.source_file AND header.source_sheet = failing.source_sheet
            AND header.field = $field""",
        {
            "name": check.name, "source": check.source, "rule": check.rule, "severity": check.severity,
            "field": check.field, "message_zh": check.message_zh, "message_en": check.message_en,
            "remedy_zh": check.remedy_zh, "remedy_en": check.remedy_en,
        },
    )  # fmt: skip
    counted = connection.execute("SELECT count(*) FROM check_failure WHERE check_name = ?", [check.name]).fetchall()
    return int(counted[0][0])


def quarantine(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> None:
    """Part the rows: accepted_<source>, gate_quarantine, withheld and gate_delivery.

    ``withheld`` names the figures that rows in quarantine would have fed. KaoheError (integrity) where, for any file
    and sheet, rows read are not accepted + quarantined + ignored.
    """
    connection.execute("CREATE OR REPLACE TABLE withheld (source VARCHAR, year INTEGER, town_id VARCHAR, item VARCHAR)")
    connection.execute("""
        CREATE OR REPLACE TABLE gate_quarantine AS
        SELECT DISTINCT
            source, source_file, source_sheet, source_row, rule, coalesce(field, '') AS field, header, cell, value, year,
            town_id, message_zh, message_en, remedy_zh, remedy_en
        FROM check_failure
        WHERE severity = 'critical' AND rule <> 'total_agrees'""")
    ledgers = []
    for contract in contracts.values():
        name = contract.name
        # A sheet whose total is not the sum of its rows is wrong somewhere: all its rows go to quarantine.
        connection.execute(f"""
            INSERT INTO gate_quarantine
            SELECT
                '{name}', typed.source_file, typed.source_sheet, typed.source_row, 'total_agrees', failure.field,
                failure.header, failure.cell, failure.value, {
            "typed.year, typed.town_id" if contract.town_field else "NULL, NULL"
        },
                failure.message_zh, failure.message_en, failure.remedy_zh, failure.remedy_en
            FROM check_failure AS failure
            INNER JOIN typed_{name} AS typed
                ON typed.source_file = failure.source_file AND typed.source_sheet = failure.source_sheet
            WHERE failure.source = '{name}' AND failure.rule = 'total_agrees' AND typed.row_kind = 'data'
            QUALIFY row_number() OVER (
                PARTITION BY typed.source_file, typed.source_sheet, typed.source_row, failure.field
                ORDER BY failure.source_row
            ) = 1""")
        connection.execute(f"""
            CREATE OR REPLACE TABLE accepted_{name} AS
            SELECT typed.* EXCLUDE (row_kind) FROM typed_{name} AS typed
            ANTI JOIN gate_quarantine AS held
                ON held.source = '{name}' AND held.source_file = typed.source_file
                AND held.source_sheet = typed.source_sheet AND held.source_row = typed.source_row
            WHERE typed.row_kind = 'data'""")
        if contract.town_field:
            _withhold(connection, contract)
        ledgers.append(f"SELECT source_file, source_sheet, source_row, row_kind, '{name}' AS source FROM raw_{name}")
    connection.execute(f"""
        CREATE OR REPLACE TABLE gate_delivery AS
        WITH each_row AS ({" UNION ALL ".join(ledgers)}),
        held AS (SELECT DISTINCT source, source_file, source_sheet, source_row FROM gate_quarantine),
        counted AS (
            SELECT
                each_row.source_file, each_row.source_sheet,
                count(*) FILTER (WHERE row_kind = 'data' AND held.source_row IS NULL) AS accepted,
                count(held.source_row) AS quarantined,
                count(*) FILTER (WHERE row_kind <> 'data') AS ignored
            FROM each_row LEFT JOIN held USING (source, source_file, source_sheet, source_row)
            GROUP BY ALL
        ),
        reasons AS (
            SELECT source_file, source_sheet, string_agg(row_kind || ' ' || kinds, '; ' ORDER BY row_kind) AS reasons
            FROM (SELECT source_file, source_sheet, row_kind, count(*) AS kinds FROM each_row
                  WHERE row_kind <> 'data' GROUP BY ALL)
            GROUP BY ALL
        )
        SELECT
            file.source_file, sheet.source_sheet, file.source, file.year, file.sha256, file.bytes, file.encoding,
            sheet.header_row, sheet.rows_read, coalesce(counted.accepted, 0) AS accepted,
            coalesce(counted.quarantined, 0) AS quarantined, coalesce(counted.ignored, 0) AS ignored,
            coalesce(reasons.reasons, '') AS ignored_reasons
        FROM delivery_sheet AS sheet
        INNER JOIN delivery_file AS file USING (source_file)
        LEFT JOIN counted USING (source_file, source_sheet)
        LEFT JOIN reasons USING (source_file, source_sheet)""")
    lost = connection.execute(
        "SELECT source_file, source_sheet FROM gate_delivery WHERE rows_read <> accepted + quarantined + ignored"
    ).fetchall()
    if lost:
        raise KaoheError(Exit.INTEGRITY, f"rows were lost or doubled in {lost}")


def _withhold(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """What may not be computed: the town's year; where the town is not known, that of every town it could be."""
    name = contract.name
    has_item = any(key.reference.resource == "rubric_item" for key in contract.foreign_keys)
    item = "CASE WHEN typed.item IN (SELECT item FROM rubric_item) THEN typed.item END" if has_item else "NULL"
    # Where a town has one row a year, the town behind an unknown name is missing anyway.
    could_be_any = "TRUE" if set(contract.primary_key) - {"year", contract.town_field} else "FALSE"
    connection.execute(f"""
        INSERT INTO withheld
        SELECT DISTINCT '{name}', town_year.year, town_year.town_id, {item}
        FROM gate_quarantine AS held
        INNER JOIN typed_{name} AS typed
            ON typed.source_file = held.source_file AND typed.source_sheet = held.source_sheet
            AND typed.source_row = held.source_row
        INNER JOIN delivery_file AS file ON file.source_file = held.source_file
        INNER JOIN town_year
            ON town_year.year = coalesce(file.year, typed.year)
            AND (town_year.town_id = typed.town_id OR (typed.town_id IS NULL AND {could_be_any}))
        WHERE held.source = '{name}'""")


def problems(connection: duckdb.DuckDBPyConnection, severity: Severity) -> list[Problem]:
    """Every failure of a severity, told for its sender, by file, sheet and row."""
    rows = connection.execute(
        "SELECT DISTINCT coalesce(source_file, ''), check_name, message_zh, message_en, remedy_zh, remedy_en, "
        "coalesce(source_sheet, ''), coalesce(cell, ''), coalesce(header, ''), coalesce(value, ''), "
        "coalesce(source_row, 0) FROM check_failure WHERE severity = ? ORDER BY 1, 7, 11, 2, 3",
        [severity],
    ).fetchall()
    return [Problem(*row[:10]) for row in rows]
