"""Scores worlds laid out in memory with the product's own models, past the readers and the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow

from pipelines import rubric, transform
from pipelines.contracts import load_contracts
from pipelines.ingest.values import sql_type
from second_opinion import World

EDITION = Path(__file__).parent.parent / "rubric" / "2013"

Item = tuple[str, Decimal | None, Decimal, Decimal, Decimal | None]
Town = tuple[Any, ...]


@dataclass(frozen=True)
class ProductScores:
    """What the product makes of a world.

    Attributes:
        items: (scenario, year, town_id, item) → status, points, points_low, points_high, points_before_adjustment.
        towns: (scenario, year, town_id) → status, points, bonus, total, total_low, total_high, grade, grade_low,
            grade_high, rank, condition_met.
    """

    items: dict[tuple[str, int, str, str], Item]
    towns: dict[tuple[str, int, str], Town]


def empty_warehouse(
    years_and_towns: list[tuple[int, str]], delivered: set[tuple[str, int]]
) -> duckdb.DuckDBPyConnection:
    """A database with every table the models read, empty but for the register and what was delivered."""
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE town_year (year INTEGER, town_id VARCHAR, town_code VARCHAR, town_name VARCHAR, kind VARCHAR, "
        "district VARCHAR, managed_by VARCHAR)"
    )
    insert(
        connection, "town_year", [{"year": y, "town_id": t, "town_code": t, "town_name": t} for y, t in years_and_towns]
    )
    connection.execute("CREATE TABLE delivery_file (source_file VARCHAR, source VARCHAR, year INTEGER)")
    insert(
        connection,
        "delivery_file",
        [{"source_file": f"{y}/{s}.csv", "source": s, "year": y} for s, y in sorted(delivered)],
    )
    connection.execute(
        "CREATE TABLE delivery_column (source_file VARCHAR, source_sheet VARCHAR, field VARCHAR, position INTEGER, "
        "header VARCHAR)"
    )
    connection.execute("CREATE TABLE withheld (source VARCHAR, year INTEGER, town_id VARCHAR, item VARCHAR)")
    # No correction is declared in a world laid out past the readers.
    connection.execute(
        "CREATE TABLE applied_correction (entry INTEGER, source VARCHAR, source_file VARCHAR, source_sheet VARCHAR, "
        "source_row BIGINT, field VARCHAR, header VARCHAR, cell VARCHAR, received VARCHAR, corrected VARCHAR, "
        "reason VARCHAR, declared_by VARCHAR, declared_on DATE, names_row BOOLEAN, year INTEGER, town_id VARCHAR, "
        "item VARCHAR)"
    )
    for contract in load_contracts().values():
        columns = ", ".join(f'"{field.name}" {sql_type(field)}' for field in contract.fields)
        town = ", town_id VARCHAR" if contract.town_field else ""
        connection.execute(
            f"CREATE TABLE accepted_{contract.name} (source_file VARCHAR, source_sheet VARCHAR, source_row BIGINT, "
            f"{columns}{town})"
        )
    return connection


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    """Put rows into a table; columns a row does not name are NULL."""
    if not rows:
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    connection.register("arriving", pyarrow.table({name: [row.get(name) for row in rows] for name in names}))
    listed = ", ".join(f'"{name}"' for name in names)
    connection.execute(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM arriving")
    connection.unregister("arriving")


@cache
def loaded_edition(folder: Path = EDITION) -> rubric.Edition:
    """The edition in ``folder``, read once."""
    return rubric.load_edition(folder)


def run_scores(connection: duckdb.DuckDBPyConnection, scenarios: Mapping[str, Mapping[str, str]]) -> ProductScores:
    """Score what ``connection`` holds under every scenario given: name → options."""
    loaded = loaded_edition()
    rubric.load_into(
        connection, loaded, [rubric.scenario(loaded, name, options) for name, options in scenarios.items()]
    )
    transform.run_models(connection, transform.upstream("scored_town"))
    items = connection.execute(
        "SELECT scenario, year, town_id, item, status, points, points_low, points_high, points_before_adjustment "
        "FROM scored_item"
    ).fetchall()
    towns = connection.execute(
        "SELECT scenario, year, town_id, status, points, bonus, total, total_low, total_high, grade, grade_low, "
        "grade_high, rank, condition_met FROM scored_town"
    ).fetchall()
    return ProductScores({row[:4]: row[4:] for row in items}, {row[:3]: row[3:] for row in towns})


def laid_out(world: World) -> duckdb.DuckDBPyConnection:
    """A database that holds a drawn world as if the gate had accepted every row of it."""
    connection = empty_warehouse(
        [(year, town) for year in world.years for town in world.towns_of(year)], world.delivered
    )
    contracts = load_contracts()
    for source, rows in world.rows.items():
        fields = {field.name for field in contracts[source].fields} | {"town_id"}
        placed = [
            {"source_file": f"{row['year']}/{source}.csv", "source_sheet": "", "source_row": number}
            | {name: value for name, value in row.items() if name in fields}
            for number, row in enumerate(rows, start=2)
        ]
        insert(connection, f"accepted_{source}", placed)
    transform.trace_indicators(connection, contracts)
    return connection


def score_world(world: World, scenarios: Mapping[str, Mapping[str, str]]) -> ProductScores:
    """Score a drawn world with the product under every scenario given."""
    return run_scores(laid_out(world), scenarios)
