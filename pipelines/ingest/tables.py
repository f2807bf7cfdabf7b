"""The warehouse tables that reading fills: what arrived, as text, and what it means, typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.contracts import Contract
from pipelines.ingest.values import sql_type, town_key, typed_expression

if TYPE_CHECKING:
    import duckdb

    from pipelines.ingest.deliveries import Delivery
    from pipelines.ingest.header import Header
    from pipelines.ingest.sheets import Row

_PLACE = ("source_file", "source_sheet", "source_row")
_BATCH = 50_000

_TOTAL = "^(全市|全区|本级|本镇|本街道|各镇街)?(合计|总计|累计)[:：]?$"
_SUBTOTAL = "小计[:：]?$"
_NOTE = (
    "^([（(]?注[:：）)0-9一二三]|备注[:：]|说明[:：]|填表人|填报人|填表单位|制表|审核|负责人|单位负责人|分管领导"
    "|经办人|联系电话|填报日期|报送日期|填表日期|单位[:：（(]|[（(]?盖章|签名|签字)"
)
_ROW_KINDS = ("data", "total", "subtotal")


class Tables:
    """Collects rows of text by source and writes them to the warehouse in large pieces."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> None:
        self._connection = connection
        self._contracts = contracts
        self._waiting: dict[str, list[tuple[Any, ...]]] = {source: [] for source in contracts}
        self._files: list[tuple[Any, ...]] = []
        self._sheets: list[tuple[Any, ...]] = []
        self._columns: list[tuple[Any, ...]] = []
        for contract in contracts.values():
            fields = ", ".join(f'"{field.name}" VARCHAR' for field in contract.fields)
            connection.execute(
                f"CREATE OR REPLACE TABLE received_{contract.name} (source_file VARCHAR, source_sheet VARCHAR, "
                f"source_row BIGINT, header_row BIGINT, first_cell VARCHAR, is_header BOOLEAN, {fields})"
            )

    def add_file(self, delivery: Delivery, encoding: str) -> None:
        """Record a file; ``encoding`` is '' for workbooks and Parquet."""
        self._files.append((delivery.name, delivery.source, delivery.year, delivery.sha256, delivery.size, encoding))

    def add_unread_sheet(self, delivery: Delivery, sheet: str, rows: Iterable[Row]) -> None:
        """Record a sheet that is empty or only explains: its rows are counted and ignored."""
        width = len(self._contracts[delivery.source].fields)
        count = 0
        for count, row in enumerate(rows, start=1):
            first = next((cell for cell in row if cell), None)
            self._waiting[delivery.source].append((delivery.name, sheet, count, 2**62, first, False, *[None] * width))
        self._sheets.append((delivery.name, sheet, None, count))

    def add_sheet(
        self, delivery: Delivery, sheet: str, contract: Contract, header: Header, rows: Iterator[Row], town: str | None
    ) -> None:
        """Record every row of a sheet; ``town`` fills the town column where the sheet has none."""
        self._add_columns(delivery, sheet, header)
        positions = [header.columns.get(field.name) for field in contract.fields]
        told = [
            str(delivery.year)
            if field.name == "year" and delivery.year
            else town
            if field.name == contract.town_field
            else None
            for field in contract.fields
        ]
        heading = [_squeezed(header.written.get(at)) for at in range(max(header.written) + 1)]
        waiting = self._waiting[delivery.source]
        count = 0
        for count, row in enumerate(rows, start=1):
            width = len(row)
            first = next((cell for cell in row if cell and not cell.isspace()), None)
            is_header = first is not None and [_squeezed(cell) for cell in row[: len(heading)]] == heading
            cells = [
                told[index] if at is None and first is not None else row[at] if at is not None and at < width else None
                for index, at in enumerate(positions)
            ]
            waiting.append((delivery.name, sheet, count, header.row, first, is_header, *cells))
            if len(waiting) >= _BATCH:
                self._write(delivery.source)
        self._sheets.append((delivery.name, sheet, header.row, count))

    def parquet_columns(self, path: Path) -> list[str]:
        """Names of the columns of a Parquet file."""
        described = self._connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        return [row[0] for row in described]

    def add_parquet(self, delivery: Delivery, contract: Contract, header: Header) -> None:
        """Record every row of a Parquet file without bringing it into Python; its first row is number 2."""
        self._add_columns(delivery, "", header)
        cells = []
        for field in contract.fields:
            at = header.columns.get(field.name)
            told = f"'{delivery.year}'" if field.name == "year" and delivery.year else "NULL"
            cells.append(f'CAST("{header.written[at]}" AS VARCHAR)' if at is not None else told)
        self._connection.execute(
            f"INSERT INTO received_{contract.name} SELECT ?, '', 2 + file_row_number, 1, '-', FALSE, {', '.join(cells)} "
            "FROM read_parquet(?, file_row_number = TRUE)",
            [delivery.name, str(delivery.path)],
        )
        count = self._connection.execute("SELECT count(*) FROM read_parquet(?)", [str(delivery.path)]).fetchall()[0][0]
        self._sheets.append((delivery.name, "", 1, count))

    def finish(self) -> None:
        """Write what is still waiting, classify every row, type the fields and resolve the towns."""
        for source in self._waiting:
            self._write(source)
        self._write_ledgers()
        for contract in self._contracts.values():
            self._classify(contract)
        self._type(self._contracts["towns"])
        self._register()
        for contract in self._contracts.values():
            if contract.name != "towns":
                self._type(contract)

    def _add_columns(self, delivery: Delivery, sheet: str, header: Header) -> None:
        fields = {at: name for name, at in header.columns.items()}
        for at, text in header.written.items():
            self._columns.append((delivery.name, sheet, fields.get(at), at + 1, text))

    def _write(self, source: str) -> None:
        names = [*_PLACE, "header_row", "first_cell", "is_header", *(f.name for f in self._contracts[source].fields)]
        types = {"source_row": "int64", "header_row": "int64", "is_header": "bool"}
        self._insert(f"received_{source}", names, self._waiting[source], types)
        self._waiting[source].clear()

    def _write_ledgers(self) -> None:
        connection = self._connection
        connection.execute(
            "CREATE OR REPLACE TABLE delivery_file (source_file VARCHAR, source VARCHAR, year INTEGER, sha256 VARCHAR, "
            "bytes BIGINT, encoding VARCHAR)"
        )
        names = ["source_file", "source", "year", "sha256", "bytes", "encoding"]
        self._insert("delivery_file", names, self._files, {"year": "int64", "bytes": "int64"})
        connection.execute(
            "CREATE OR REPLACE TABLE delivery_sheet (source_file VARCHAR, source_sheet VARCHAR, header_row BIGINT, "
            "rows_read BIGINT)"
        )
        names = ["source_file", "source_sheet", "header_row", "rows_read"]
        self._insert("delivery_sheet", names, self._sheets, {"header_row": "int64", "rows_read": "int64"})
        connection.execute(
            "CREATE OR REPLACE TABLE delivery_column (source_file VARCHAR, source_sheet VARCHAR, field VARCHAR, "
            "position INTEGER, header VARCHAR)"
        )
        names = ["source_file", "source_sheet", "field", "position", "header"]
        self._insert("delivery_column", names, self._columns, {"position": "int64"})

    def _insert(self, table: str, names: list[str], rows: list[tuple[Any, ...]], types: Mapping[str, str]) -> None:
        """Hand rows to the database as Arrow columns; row-wise inserts would be slower by two orders."""
        if not rows:
            return
        import pyarrow

        columns = [
            pyarrow.array(values, type=types.get(name, "string"))
            for name, values in zip(names, zip(*rows, strict=True), strict=True)
        ]
        self._connection.register("arriving", pyarrow.table(columns, names=names))
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM arriving")
        self._connection.unregister("arriving")

    def _classify(self, contract: Contract) -> None:
        """raw_<source>: every row with what kind of row it is. A row that is merely odd is data, for the gate to judge."""
        texts = [f'"{field.name}"' for field in contract.fields if field.type in ("string", "year", "integer")]
        squeezed = [f"regexp_replace(coalesce({text}, ''), '\\s', '', 'g')" for text in ("first_cell", *texts[:4])]
        fields = ", ".join(f'"{field.name}"' for field in contract.fields)

        def any_matches(pattern: str) -> str:
            return " OR ".join(f"regexp_matches({text}, '{pattern}')" for text in squeezed)

        self._connection.execute(f"""
            CREATE OR REPLACE TABLE raw_{contract.name} AS
            SELECT
                source_file, source_sheet, source_row,
                CASE
                    WHEN source_row < header_row AND header_row < {2**62} THEN 'title'
                    WHEN is_header THEN 'header'
                    WHEN first_cell IS NULL THEN 'blank'
                    WHEN header_row = {2**62} THEN 'note'
                    WHEN {any_matches(_TOTAL)} THEN 'total'
                    WHEN {any_matches(_SUBTOTAL)} THEN 'subtotal'
                    WHEN regexp_matches({squeezed[0]}, '{_NOTE}') THEN 'note'
                    ELSE 'data'
                END AS row_kind,
                {fields}
            FROM received_{contract.name}""")
        self._connection.execute(f"DROP TABLE received_{contract.name}")

    def _type(self, contract: Contract) -> None:
        """typed_<source>: data and total rows with every field parsed, and the town resolved."""
        fields = ", ".join(
            f'CAST(({typed_expression(field)}) AS {sql_type(field)}) AS "{field.name}"' for field in contract.fields
        )
        kinds = ", ".join(f"'{kind}'" for kind in _ROW_KINDS)
        town = contract.town_field
        town_id, join = "", ""
        if town:
            town_id = ", name.town_id"
            join = f"""
                LEFT JOIN (
                    SELECT name, min(town_id) AS town_id FROM town_name_lookup
                    GROUP BY name HAVING count(DISTINCT town_id) = 1
                ) AS name ON name.name = {town_key(f'received."{town}"')}"""
        self._connection.execute(f"""
            CREATE OR REPLACE TABLE typed_{contract.name} AS
            SELECT received.source_file, received.source_sheet, received.source_row, received.row_kind,
                {fields}{town_id}
            FROM raw_{contract.name} AS received{join}
            WHERE received.row_kind IN ({kinds})""")

    def _register(self) -> None:
        """The register of towns, every name it may be called by, and who was to be assessed in which year."""
        self._connection.execute("""
            CREATE OR REPLACE TABLE town_register AS
            SELECT * EXCLUDE (row_kind) FROM typed_towns WHERE row_kind = 'data'""")
        self._connection.execute(f"""
            CREATE OR REPLACE TABLE town_name_lookup AS
            SELECT DISTINCT {town_key("given")} AS name, town_id, valid_from, valid_to
            FROM (
                SELECT
                    unnest(string_split_regex(
                        concat_ws(';', town_name, town_code, aliases), '[、,，;；|/]'
                    )) AS given,
                    town_id, valid_from, valid_to
                FROM town_register
            )
            WHERE given <> ''""")
        self._connection.execute("""
            CREATE OR REPLACE TABLE town_year AS
            SELECT
                years.year, town.town_id, town.town_code, town.town_name, town.kind, town.district, town.managed_by
            FROM (SELECT DISTINCT year FROM delivery_file WHERE year IS NOT NULL) AS years
            INNER JOIN town_register AS town
                ON years.year >= coalesce(town.valid_from, years.year)
                AND years.year <= coalesce(town.valid_to, years.year)""")


def _squeezed(text: str | None) -> str:
    return re.sub(r"\s", "", text or "")
