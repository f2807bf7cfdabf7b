"""What has not changed is not made again: a run takes over what the last one left in its warehouse.

A run that published leaves a mark in the warehouse that says what its result depends on. Where the next one differs in
nothing but some files, it reads these alone, checks their sources, and makes the tables they reach anew: of a model
``by_town`` only the rows of the towns and years that moved. The mark goes before anything is changed, so that a run
which fails leaves nothing to be taken over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pipelines import transform
from pipelines.errors import Exit
from pipelines.sql_text import literal

if TYPE_CHECKING:
    import duckdb

    from pipelines.contracts import Contract
    from pipelines.transform import Model

_MARK = "last_run"

#: Made anew in every run, by reading and by the gate.
_ALWAYS_MADE = ("delivery_file", "delivery_sheet", "delivery_column", "check_failure", "gate_check", "gate_delivery")


def kept_files(
    warehouse: Path, inputs: Mapping[str, Any], published: Mapping[str, Any] | None
) -> frozenset[str] | None:
    """Names of the files whose rows in ``warehouse`` are those of a run on ``inputs``; None where it is no such run's.

    Everything but the files must be as it was for ``published``, the register of towns and the years among it, no
    correction may be declared, and no row may have been in quarantine.
    """
    import duckdb

    if published is None or published["exit_code"] != Exit.DONE or not warehouse.is_file():
        return None
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            left = connection.execute(f"SELECT inputs FROM {_MARK}").fetchall()
    except duckdb.Error:
        return None
    if [json.loads(inputs) for (inputs,) in left] != [published["inputs"]]:
        return None
    if inputs != {**published["inputs"], "deliveries": inputs["deliveries"]} or inputs["corrections"] is not None:
        return None
    before, now = (_deliveries(each["deliveries"]) for each in (published["inputs"], inputs))
    same = frozenset(name for name, digest in now.items() if before.get(name) == digest)
    if any("/" not in name for name in {*before, *now} - same) or _years(before) != _years(now):
        return None
    return same


def _deliveries(files: Mapping[str, str]) -> dict[str, str]:
    from pipelines.ingest.deliveries import is_delivery

    return {name: digest for name, digest in files.items() if is_delivery(PurePosixPath(name).name)}


def _years(names: Collection[str]) -> set[str]:
    return {name.partition("/")[0] for name in names if "/" in name}


def mark(connection: duckdb.DuckDBPyConnection, inputs: Mapping[str, Any]) -> None:
    """Say in the warehouse that all of it is what a run on ``inputs`` came to."""
    connection.execute(f"CREATE OR REPLACE TABLE {_MARK} AS SELECT {literal(json.dumps(inputs))} AS inputs")


def unmark(connection: duckdb.DuckDBPyConnection) -> None:
    """Have it on the disk that the warehouse is being changed."""
    connection.execute(f"DROP TABLE {_MARK}")
    connection.execute("CHECKPOINT")


def by_town_tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of the tables and views whose rows have a year and a town."""
    found = connection.execute(
        "SELECT table_name FROM duckdb_columns() WHERE schema_name = 'main' AND NOT internal "
        "AND column_name IN ('year', 'town_id') GROUP BY database_name, table_name HAVING count(*) = 2"
    ).fetchall()
    return {name for (name,) in found}


def for_towns(model: Model, towns: str, by_town: Collection[str]) -> str:
    """The SELECT of a model ``by_town`` for the year and town_id of table ``towns`` alone.

    Within it each table it reads that is ``by_town`` stands for those rows of it.
    """
    narrowed = ", ".join(
        f"{table} AS (SELECT * FROM main.{table} SEMI JOIN {towns} USING (year, town_id))"
        for table in sorted(model.needs & set(by_town))
    )
    return f"SELECT * FROM (WITH {narrowed} SELECT * FROM (\n{model.select}\n))"


class TakenOver:
    """A warehouse that was taken over: makes models anew as far as the files reach that are not ``kept_files``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, kept_files: frozenset[str]) -> None:
        self._connection = connection
        self.kept_files = kept_files
        #: The sources whose rows are as they were, and the models whose table is.
        self._kept_sources: set[str] = set()
        self._kept_models: set[str] = set()
        #: Table → whether its rows that moved are known by town and year, in moved_<table>. None: all is made anew.
        self._moved: dict[str, bool] | None = None

    def reach(self, sources: Mapping[str, Contract], changed: Collection[str]) -> None:
        """Let only what of all ``sources`` is ``changed`` be followed, each to the towns of moved_accepted_<source>."""
        self._kept_sources = sources.keys() - changed
        self._moved = dict.fromkeys(_ALWAYS_MADE, False)
        for source in changed:
            has_town = sources[source].town_field is not None
            self._moved |= {f"raw_{source}": False, f"typed_{source}": False, f"accepted_{source}": has_town}

    def unchanged(self) -> set[str]:
        """Names of the models whose tables, and of the sources whose rows, are those of the run before."""
        return self._kept_sources | self._kept_models

    def run_models(self, models: Sequence[Model], report: Callable[[str], None]) -> None:
        """Bring the table of every model up to date, in the order given."""
        if self._moved is None:
            transform.run_models(self._connection, models, report)
            return
        moved = self._moved
        by_town = by_town_tables(self._connection)
        indicators = [model.name for model in models if model.layer == "indicators"]
        for model in models:
            needs = set(model.needs)
            if transform.INDICATOR_FIGURE in needs:
                needs |= set(indicators)
            reached = sorted(needs & moved.keys())
            if not reached:
                self._kept_models.add(model.name)
                continue
            report(model.name)
            if model.by_town and all(moved[table] for table in reached):
                self._make_rows(model, reached, by_town)
                moved[model.name] = True
            elif self._make_whole(model, by_town):
                moved[model.name] = model.name in by_town
            else:
                self._kept_models.add(model.name)

    def cursor(self) -> Any:
        """A cursor of the database, for the checks."""
        return self._connection.cursor()

    def _make_rows(self, model: Model, reached: Sequence[str], by_town: Collection[str]) -> None:
        """Make the rows of the towns and years that moved in ``reached``."""
        moved = f"moved_{model.name}"
        keys = " UNION ".join(f"SELECT year, town_id FROM moved_{table}" for table in reached)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {moved} AS {keys}")
        self._connection.execute(f"DELETE FROM {model.name} WHERE (year, town_id) IN (FROM {moved})")
        self._connection.execute(f"INSERT INTO {model.name} {for_towns(model, moved, by_town)}")

    def _make_whole(self, model: Model, by_town: Collection[str]) -> bool:
        """Make all rows, and see which of them moved; whether any did."""
        name = model.name
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE made_anew AS\n{model.select}")
        differing = (
            f"(FROM main.{name} EXCEPT ALL FROM made_anew) UNION ALL (FROM made_anew EXCEPT ALL FROM main.{name})"
        )
        columns = "year, town_id" if name in by_town else "1"
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE moved_{name} AS SELECT DISTINCT {columns} FROM ({differing})"
        )
        has_moved = bool(self._connection.execute(f"SELECT count(*) FROM moved_{name}").fetchall()[0][0])
        if has_moved:
            self._connection.execute(f"CREATE OR REPLACE TABLE {name} AS FROM made_anew")
        self._connection.execute("DROP TABLE made_anew")
        return has_moved
