"""Parting the rows: what is accepted, what is held, what may therefore not be computed, and that none is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.contracts import Contract
from pipelines.errors import Exit, KaoheError
from pipelines.quality.checks import TOTAL_AGREES

if TYPE_CHECKING:
    import duckdb

_KEY = "source_file, source_sheet, source_row"


def part_rows(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> None:
    """Make gate_quarantine, accepted_<source>, withheld and gate_delivery from check_failure.

    ``gate_quarantine`` has a row for each data row and check it breaks; ``row_text`` is the row as received, as JSON.
    ``withheld`` names the figures these rows would have fed; an empty item means all. KaoheError (integrity) where, for
    any file and sheet, rows read are not accepted + quarantined + ignored.
    """
    connection.execute(
        "CREATE OR REPLACE TABLE gate_quarantine (source VARCHAR, source_file VARCHAR, source_sheet VARCHAR, "
        "source_row BIGINT, rule VARCHAR, field VARCHAR, header VARCHAR, cell VARCHAR, value VARCHAR, year INTEGER, "
        "town_id VARCHAR, message_zh VARCHAR, message_en VARCHAR, remedy_zh VARCHAR, remedy_en VARCHAR, "
        "row_text VARCHAR)"
    )
    connection.execute("CREATE OR REPLACE TABLE withheld (source VARCHAR, year INTEGER, town_id VARCHAR, item VARCHAR)")
    broken = connection.execute("SELECT DISTINCT source FROM check_failure WHERE severity = 'critical'").fetchall()
    for contract in contracts.values():
        if (contract.name,) in broken:
            _hold(connection, contract)
            if contract.town_field:
                _withhold(connection, contract)
        connection.execute(f"""
            CREATE OR REPLACE VIEW accepted_{contract.name} AS
            SELECT typed.* EXCLUDE (row_kind, unread) FROM typed_{contract.name} AS typed
            ANTI JOIN (SELECT * FROM gate_quarantine WHERE source = '{contract.name}') AS held USING ({_KEY})
            WHERE typed.row_kind = 'data'""")
    _count(connection, contracts)


def _hold(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Every data row of the source with a critical failure of its own or of its whole sheet."""
    name = contract.name
    cells = ", ".join(
        f"'{field.name}': " + (f"CASE WHEN received.\"{field.name}\" IS NOT NULL THEN '***' END" if field.personal
                               else f'received."{field.name}"')
        for field in contract.fields
    )  # fmt: skip
    year, town = ("typed.year", "typed.town_id") if contract.town_field else ("NULL", "NULL")
    connection.execute(f"""
        INSERT INTO gate_quarantine
        WITH failure AS (
            SELECT * FROM check_failure WHERE source = '{name}' AND severity = 'critical' AND rule <> '{TOTAL_AGREES}'
            UNION ALL
            -- A sheet whose total is not the sum of its rows is wrong somewhere: none of its rows can be relied on.
            SELECT wrong.* REPLACE (received.source_row AS source_row)
            FROM (
                SELECT DISTINCT ON (source_file, source_sheet, field) * FROM check_failure
                WHERE source = '{name}' AND rule = '{TOTAL_AGREES}'
                ORDER BY source_file, source_sheet, field, source_row
            ) AS wrong
            INNER JOIN raw_{name} AS received USING (source_file, source_sheet)
        )
        SELECT DISTINCT
            failure.source, failure.source_file, failure.source_sheet, failure.source_row, failure.rule,
            coalesce(failure.field, ''), failure.header, failure.cell, failure.value,
            coalesce({year}, failure.year), coalesce({town}, failure.town_id),
            failure.message_zh, failure.message_en, failure.remedy_zh, failure.remedy_en, to_json({{{cells}}})
        FROM failure
        INNER JOIN raw_{name} AS received USING ({_KEY})
        INNER JOIN typed_{name} AS typed USING ({_KEY})
        WHERE received.row_kind = 'data'
        ORDER BY ALL""")


def _withhold(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """What may not be computed: the town's year; where the row names no town of that year, every town it could be."""
    name = contract.name
    has_item = any(key.reference.resource == "rubric_item" for key in contract.foreign_keys)
    item = "CASE WHEN typed.item IN (SELECT item FROM rubric_item) THEN typed.item END" if has_item else "NULL"
    # Where a town has one row a year, the town and year that a row was meant for have none and are missing anyway.
    # Where rows are counted or added up, the rest would look like the whole.
    has_many_rows = bool(set(contract.primary_key) - {"year", contract.town_field})
    years = "[coalesce(typed.year, file.year), file.year]" if has_many_rows else "[file.year]"
    connection.execute(f"""
        INSERT INTO withheld
        WITH held AS (
            SELECT DISTINCT unnest({years}) AS year, typed.town_id, {item} AS item
            FROM (SELECT DISTINCT {_KEY} FROM gate_quarantine WHERE source = '{name}') AS held
            INNER JOIN typed_{name} AS typed USING ({_KEY})
            INNER JOIN delivery_file AS file USING (source_file)
            UNION ALL
            -- A total over no rows at all: they were there, and whose they were nobody can tell.
            SELECT file.year, NULL, NULL
            FROM check_failure AS failure
            INNER JOIN delivery_file AS file USING (source_file)
            ANTI JOIN gate_quarantine AS held USING (source_file, source_sheet)
            WHERE failure.source = '{name}' AND failure.rule = '{TOTAL_AGREES}'
        )
        SELECT DISTINCT '{name}', town_year.year, town_year.town_id, held.item
        FROM held
        LEFT JOIN town_year AS known ON known.year = held.year AND known.town_id = held.town_id
        INNER JOIN town_year
            ON town_year.year = held.year
            AND (town_year.town_id = held.town_id OR (known.town_id IS NULL AND {has_many_rows}))
        ORDER BY ALL""")


def _count(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> None:
    """gate_delivery: what became of every row of every file and sheet."""
    kinds = " UNION ALL ".join(
        f"SELECT source_file, source_sheet, row_kind, count(*) AS counted FROM raw_{name} "
        "WHERE row_kind <> 'data' GROUP BY ALL"
        for name in contracts
    )
    accepted = " UNION ALL ".join(
        f"SELECT source_file, source_sheet, count(*) AS accepted FROM accepted_{name} GROUP BY ALL"
        for name in contracts
    )
    connection.execute(f"""
        CREATE OR REPLACE TABLE gate_delivery AS
        WITH ignored AS (
            SELECT source_file, source_sheet, CAST(sum(counted) AS BIGINT) AS ignored,
                string_agg(row_kind || ' ' || counted, '; ' ORDER BY row_kind) AS reasons
            FROM ({kinds}) GROUP BY ALL
        ),
        held AS (
            SELECT source_file, source_sheet, count(DISTINCT source_row) AS quarantined
            FROM gate_quarantine GROUP BY ALL
        )
        SELECT
            file.source_file, sheet.source_sheet, file.source, file.year, file.sha256, file.bytes, file.encoding,
            sheet.header_row, sheet.rows_read, coalesce(accepted.accepted, 0) AS accepted,
            coalesce(held.quarantined, 0) AS quarantined, coalesce(ignored.ignored, 0) AS ignored,
            coalesce(ignored.reasons, '') AS ignored_reasons
        FROM delivery_sheet AS sheet
        INNER JOIN delivery_file AS file USING (source_file)
        LEFT JOIN ({accepted}) AS accepted USING (source_file, source_sheet)
        LEFT JOIN held USING (source_file, source_sheet)
        LEFT JOIN ignored USING (source_file, source_sheet)
        ORDER BY file.source_file, sheet.source_sheet""")
    lost = connection.execute(
        "SELECT source_file, source_sheet, rows_read, accepted, quarantined, ignored FROM gate_delivery "
        "WHERE rows_read <> accepted + quarantined + ignored ORDER BY ALL"
    ).fetchall()
    if lost:
        told = "; ".join(
            f"{file} {sheet}: {read} read, {taken} accepted, {held} quarantined, {ignored} ignored"
            for file, sheet, read, taken, held, ignored in lost
        )
        raise KaoheError(Exit.INTEGRITY, f"rows were lost or doubled: {told}")
