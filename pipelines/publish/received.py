"""The received rows behind a publication, kept with it as text: what a file sent anew is compared with.

One file a source, ``received_row_<source>.parquet``. Sources with personal fields are left out: nothing personal is
kept, and what they move is seen in the scores. The typed figures alone do not say which cell changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.contracts import Contract, load_contracts
from pipelines.sql_text import literal

if TYPE_CHECKING:
    import duckdb


def compared() -> list[Contract]:
    """The contracts of the sources whose rows are kept."""
    return [each for each in load_contracts().values() if not any(field.personal for field in each.fields)]


def file_name(contract: Contract) -> str:
    """What the file with the rows of a source is called."""
    return f"received_row_{contract.name}.parquet"


def rows_as_read(contract: Contract) -> str:
    """A SELECT of every accepted row as text, corrections applied, with what names it: year, town_id and row_key.

    ``row_key`` is the typed value of the other fields of the primary key, so that a date written otherwise is the same.
    """
    year, town = ("typed.year", "typed.town_id") if contract.town_field else ("NULL::INTEGER", "NULL::VARCHAR")
    others = [name for name in contract.primary_key if name not in ("year", contract.town_field)]
    key = f"""concat_ws(' / ', {", ".join(f'typed."{name}"' for name in others)})""" if others else "''"
    return f"""
        SELECT {year} AS row_year, {town} AS row_town_id, {key} AS row_key, received.* EXCLUDE (row_kind)
        FROM accepted_{contract.name} AS typed
        INNER JOIN raw_{contract.name} AS received USING (source_file, source_sheet, source_row)"""


def keep_received(connection: duckdb.DuckDBPyConnection, sources: Iterable[Contract], publication: Path) -> None:
    """Write the rows of ``sources`` behind what is being published into the folder ``publication``."""
    # A source nobody delivered has its empty file too, so that one delivered later is seen to be new.
    for contract in sources:
        connection.execute(
            f"COPY ({rows_as_read(contract)} ORDER BY source_file, source_sheet, source_row) "
            f"TO {literal(publication / file_name(contract))} (FORMAT parquet)"
        )
