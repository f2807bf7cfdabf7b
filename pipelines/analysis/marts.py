"""Reading the published marts: one publication for as long as it is open, and every figure exact.

marts = open_marts()
marts.query("SELECT town_name, total FROM town_score WHERE year = ?", [2014])
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import Exit, KaoheError
from pipelines.publish import chain
from pipelines.sql_text import identifier, literal

if TYPE_CHECKING:
    import duckdb
    import pandas

#: Where the package lies; the rubric and the reference data lie beside it.
ROOT = Path(__file__).parents[2]
MARTS = ROOT / "data" / "marts"
RUBRICS = ROOT / "rubric"

#: DuckDB's types to those of pandas that keep a missing value apart from every real one. Whatever is not named here,
#: decimals and dates before all, stays the Python object it is: a score never passes through a binary float.
_PANDAS_TYPES = {
    "BOOLEAN": "boolean",
    "INTEGER": "Int64",
    "BIGINT": "Int64",
    "HUGEINT": "Int64",
    "UBIGINT": "Int64",
    "VARCHAR": "str",
    "DOUBLE": "Float64",
}


@dataclass(frozen=True)
class Marts:
    """One publication, opened.

    Attributes:
        folder: the folder of the publication itself, not the link that may point at another one a moment later.
        manifest: its manifest.
    """

    folder: Path
    manifest: dict[str, Any]
    _connection: duckdb.DuckDBPyConnection
    _hold: chain.Hold

    @property
    def is_synthetic(self) -> bool:
        """Whether the figures are made up."""
        return bool(self.manifest["is_synthetic"])

    @property
    def has_analysis(self) -> bool:
        """Whether the marts of the analysis were computed; ``kaohe run --results-only`` leaves them empty."""
        return not self.manifest["inputs"].get("results_only", False)

    @property
    def years(self) -> list[int]:
        """The years assessed, first to last."""
        return [row["year"] for row in self.rows("SELECT DISTINCT year FROM town_score ORDER BY year")]

    def table(self, name: str) -> pandas.DataFrame:
        """A whole mart."""
        return self.query(f'FROM "{name}"')

    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> pandas.DataFrame:
        """The answer to ``sql``, in which every mart is a view; decimals are ``decimal.Decimal``."""
        import pandas

        cursor = self._connection.cursor()
        cursor.execute(sql, parameters or None)
        described = [(column[0], str(column[1])) for column in cursor.description or ()]
        columns = list(zip(*cursor.fetchall(), strict=True)) or [()] * len(described)
        return pandas.DataFrame(
            {
                name: pandas.Series(list(values), dtype=_PANDAS_TYPES.get(kind, "object"))
                for (name, kind), values in zip(described, columns, strict=True)
            }
        )

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """The answer to ``sql`` as plain rows, for code that draws or writes rather than shows a table."""
        cursor = self._connection.cursor()
        cursor.execute(sql, parameters or None)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def town_id(self, town: str, year: int | None = None) -> str:
        """The identifier of a town given by identifier, code or any name it ever had; KaoheError for any other."""
        found = self.rows(
            """SELECT DISTINCT town_id FROM town_score
            WHERE $town IN (town_id, town_code, town_name) AND ($year IS NULL OR year = $year OR town_id = $town
                OR NOT EXISTS (FROM town_score WHERE year = $year AND $town IN (town_code, town_name)))""",
            {"town": town, "year": year},
        )
        if len(found) != 1:
            raise KaoheError(Exit.USAGE, f"{town}: 没有这个镇街，或不止一个 no such town, or more than one")
        return str(found[0]["town_id"])


def open_marts(folder: Path | str = MARTS) -> Marts:
    """Open what is published in ``folder`` (``data/marts``), or a publication's own folder.

    KaoheError where nothing is published there.
    """
    import duckdb

    folder = Path(folder)
    # Followed once: a run that publishes meanwhile must not leave us with half of each.
    current = (folder / "current" if (folder / "current").exists() else folder).resolve()
    hold = chain.Hold(current)
    try:
        manifest = json.loads((current / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if current.parent.name == chain.STORE and (folder / "current").resolve() != current:
            # So much was published since we followed the link that this one is gone.
            return open_marts(folder)
        told = f"{folder}: 尚未发布结果，请先运行 make pipeline nothing is published here; run `make pipeline` first"
        raise KaoheError(Exit.ENVIRONMENT, told) from error
    connection = duckdb.connect()
    for path in sorted(current.glob("*.parquet")):
        connection.execute(f"CREATE VIEW {identifier(path.stem)} AS FROM read_parquet({literal(path)})")
    return Marts(current, manifest, connection, hold)
