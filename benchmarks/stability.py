"""How long it takes to ask whether results stand: the full factorial of the sample, and 1,000 draws of a large city.

    python benchmarks/stability.py data/marts

Prints seconds by the clock and of work (both cores together), which tell how busy the machine was besides. The large
city is the latest year of what is published, its towns repeated until there are 3,000.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines import rubric, transform
from pipelines.analysis import rescoring
from pipelines.analysis.marts import ROOT, open_marts

THREADS = 2
TOWNS = 3000


def main(marts: Path) -> None:
    """Measure both and print them."""
    opened = open_marts(marts)
    edition = rubric.load_edition(ROOT / "rubric" / opened.manifest["edition"])
    sample = rescoring.lay_out(opened.folder, edition)
    factorial = _measured(sample, ["reading_scored_town", "reading_effect", "reading_alternative"])
    cells = _count(sample, "reading_cell")
    print(f"full factorial: {cells} combinations, {_count(sample, 'town_year')} town-years: {factorial}")

    city = rescoring.lay_out(opened.folder, edition)
    _grow(city, TOWNS)
    draws = _measured(city, ["drawn_town"])
    print(f"draws: {_count(city, 'drawn_town'):,} rows, {_count(city, 'town_year')} towns: {draws}")


def _grow(connection: duckdb.DuckDBPyConnection, towns: int) -> None:
    connection.execute("CREATE TABLE latest AS SELECT max(year) AS year FROM town_year")
    found = connection.execute("SELECT count(*) FROM town_year SEMI JOIN latest USING (year)").fetchall()[0][0]
    for table in ("town_year", *rescoring.GIVEN):
        connection.execute(f"""
            CREATE TABLE grown AS
            SELECT given.* REPLACE (given.town_id || '-' || copy.range AS town_id)
            FROM {table} AS given SEMI JOIN latest USING (year) CROSS JOIN range({-(-towns // found)}) AS copy;
            DELETE FROM {table};
            INSERT INTO {table} FROM grown;
            DROP TABLE grown;
            """)


def _measured(connection: duckdb.DuckDBPyConnection, wanted: Sequence[str]) -> str:
    connection.execute(f"SET threads = {THREADS}")
    models = transform.upstream(*wanted, given=rescoring.GIVEN)
    begun, worked = time.monotonic(), time.process_time()
    transform.run_models(connection, models)
    return f"{time.monotonic() - begun:.1f} s by the clock, {time.process_time() - worked:.1f} s of work"


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
