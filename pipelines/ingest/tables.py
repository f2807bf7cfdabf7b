"""The warehouse tables that reading fills: what arrived, as text, and what it means, typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipelines.contracts import Contract
from pipelines.ingest.header import Header, find_header, plain
from pipelines.ingest.sheets import UnreadableError, first_cell
from pipelines.ingest.values import sql_type, squeezed_text, town_key, typed_expression

if TYPE_CHECKING:
    import duckdb

    from pipelines.ingest.deliveries import Delivery
    from pipelines.ingest.sheets import Row

_BATCH = 50_000

_TOTAL = "^(全市|全区|本级|本镇|本街道|各镇街)?(合计|总计|累计):?$"
#: What is subtotalled is named shortly; a longer text that ends so may be a title.
_SUBTOTAL = "^.{0,6}小计:?$"
_SIGNED = (
    "填表人|填报人|填表单位|填报单位|制表|审核|复核|负责人|单位负责人|分管领导|经办人|联系人|联系电话"
    "|填报日期|报送日期|填表日期|制表日期"
)
#: A note or signature by its own look.
_NOTE = (
    "^[(]?(注|备注|说明)[0-9一二三四五六七八九十]*[:.、)]"
    f"|^[(]?({_SIGNED}|日期|单位)(人|签字|签名|签章|盖章|[(][^)]*[)])*:"
    "|^[(]?(签名|签字|签章|盖章|公章)[):]"
)
#: A note or signature only in a row that names nothing: 审核培训 may also be the title of a training session.
_LIKELY_NOTE = f"^[(]?({_SIGNED}|注|备注|说明|签名|签字|签章|盖章)"

_FILE = {"source_file": "VARCHAR", "source": "VARCHAR", "year": "INTEGER", "sha256": "VARCHAR", "bytes": "BIGINT",
         "encoding": "VARCHAR"}  # fmt: skip
_SHEET = {"source_file": "VARCHAR", "source_sheet": "VARCHAR", "header_row": "INTEGER", "rows_read": "BIGINT"}
_COLUMN = {"source_file": "VARCHAR", "source_sheet": "VARCHAR", "field": "VARCHAR", "position": "INTEGER",
           "header": "VARCHAR"}  # fmt: skip
#: What is known of each row before it is classified. header_row: NULL in a sheet that only explains; first_cell: the
#: first that is not blank; beyond: the first that is not blank to the right of the header of a text file.
_RECEIVED = {"source_file": "VARCHAR", "source_sheet": "VARCHAR", "source_row": "BIGINT", "header_row": "INTEGER",
             "is_header": "BOOLEAN", "first_cell": "VARCHAR", "beyond": "VARCHAR"}  # fmt: skip


class Tables:
    """Collects rows of text by source and writes them to the warehouse in large pieces."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> None:
        self._connection = connection
        self._contracts = contracts
        self._waiting: dict[str, list[tuple[Any, ...]]] = {source: [] for source in contracts}
        self._files: list[tuple[Any, ...]] = []
        self._sheets: list[tuple[Any, ...]] = []
        self._columns: list[tuple[Any, ...]] = []
        self._unfinished: list[Delivery] = []
        for contract in contracts.values():
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE received_{contract.name} ({_defined(_received(contract))})"
            )

    def add_file(self, delivery: Delivery, encoding: str) -> None:
        """Record a file; ``encoding`` is '' for workbooks and Parquet."""
        self._files.append((delivery.name, delivery.source, delivery.year, delivery.sha256, delivery.size, encoding))

    def add_unread_sheet(self, delivery: Delivery, sheet: str, rows: Iterable[Row]) -> None:
        """Record a sheet that is empty or only explains: its rows are counted and ignored."""
        nothing = [None] * len(self._contracts[delivery.source].fields)
        number = 0
        for number, row in enumerate(rows, start=1):
            self._wait(delivery.source, (delivery.name, sheet, number, None, False, first_cell(row), None, *nothing))
        self._sheets.append((delivery.name, sheet, None, number))

    def add_sheet(self, delivery: Delivery, sheet: str, header: Header, rows: Iterator[Row], town: str | None) -> None:
        """Record every row of a sheet; ``town`` fills the town column where the sheet has none."""
        self._add_columns(delivery, sheet, header)
        source = delivery.source
        told = self._told(delivery, header, town)
        heading = [(at, plain(text)) for at, text in header.written.items()]
        end = header.width if not sheet else None
        number = 0
        for number, row in enumerate(rows, start=1):
            first = first_cell(row)
            is_header = first is not None and all(
                at < len(row) and plain(row[at] or "") == text for at, text in heading
            )
            beyond = first_cell(row[end:]) if end is not None and len(row) > end else None
            width = len(row)
            cells = [text if at is None else row[at] if at < width else None for at, text in told]
            self._wait(source, (delivery.name, sheet, number, header.row, is_header, first, beyond, *cells))
        self._sheets.append((delivery.name, sheet, header.row, number))

    def add_unfinished(self, delivery: Delivery) -> None:
        """Record that the last line of a text file may have broken off; whether it is data is known after finish."""
        self._unfinished.append(delivery)

    def parquet_header(self, delivery: Delivery) -> Header | None:
        """The column names of a Parquet file as a header. Raises UnreadableError."""
        import duckdb

        if set(delivery.name) & set("*?["):
            raise UnreadableError("文件名含有 * ? 或 [", "the file name holds *, ? or [")
        try:
            query = "DESCRIBE SELECT * FROM read_parquet(?)"
            described = self._connection.execute(query, [str(delivery.path)]).fetchall()
        except duckdb.Error as error:
            raise _broken_parquet(error) from error
        return find_header(self._contracts[delivery.source], [[name for name, *_ in described]])

    def add_parquet(self, delivery: Delivery, header: Header, town: str | None) -> None:
        """Record every row of a Parquet file without bringing it into Python; its rows count from 1.

        Raises UnreadableError.
        """
        import duckdb

        self._add_columns(delivery, "", header)
        texts = {at: f"CAST({_name(name)} AS VARCHAR)" for at, name in header.written.items()}
        told = self._told(delivery, header, town)
        cells = [texts[at] if at is not None else "?" for at, _ in told]
        given = [text for at, text in told if at is None]
        first = ", ".join(f"nullif(trim({text}), '')" for text in texts.values())
        try:
            self._connection.execute(
                f"INSERT INTO received_{delivery.source} "
                f"SELECT ?, '', 1 + file_row_number, 0, FALSE, coalesce({first}), NULL, {', '.join(cells)} "
                "FROM read_parquet(?, file_row_number = TRUE)",
                [delivery.name, *given, str(delivery.path)],
            )
        except duckdb.Error as error:
            raise _broken_parquet(error) from error
        rows = self._connection.execute("SELECT count(*) FROM read_parquet(?)", [str(delivery.path)]).fetchall()
        self._sheets.append((delivery.name, "", 0, rows[0][0]))

    def finish(self) -> None:
        """Write what is still waiting, classify every row, type the fields and resolve the towns."""
        for source in self._waiting:
            self._write(source)
        self._create("delivery_file", _FILE, self._files)
        self._create("delivery_sheet", _SHEET, self._sheets)
        self._create("delivery_column", _COLUMN, self._columns)
        for contract in self._contracts.values():
            self._classify(contract)
        self._type(self._contracts["towns"])
        self._register()
        for contract in self._contracts.values():
            if contract.name != "towns":
                self._type(contract)

    def rows_beyond_header(self) -> list[tuple[str, int, str]]:
        """File, row and text of every data row of a text file that goes on to the right of the header; after finish."""
        return [
            row
            for contract in self._contracts.values()
            for row in self._connection.execute(
                f"SELECT source_file, source_row, beyond FROM received_{contract.name} "
                f"INNER JOIN raw_{contract.name} USING (source_file, source_sheet, source_row) "
                "WHERE beyond IS NOT NULL AND row_kind IN ('data', 'total', 'subtotal') ORDER BY ALL"
            ).fetchall()
        ]

    def rows_cut_short(self) -> list[tuple[str, int]]:
        """File and row of every last row that may have broken off and is no note; after finish."""
        found = []
        for delivery in self._unfinished:
            kind, row = self._connection.execute(
                f"SELECT arg_max(row_kind, source_row), max(source_row) FROM raw_{delivery.source} "
                "WHERE source_file = ?", [delivery.name],
            ).fetchall()[0]  # fmt: skip
            if kind in ("data", "total", "subtotal"):
                found.append((delivery.name, row))
        return found

    def _told(self, delivery: Delivery, header: Header, town: str | None) -> list[tuple[int | None, str | None]]:
        """For each field its column, or what the folder, sheet or file name says in its place."""
        contract = self._contracts[delivery.source]
        elsewhere = {"year": str(delivery.year) if delivery.year else None, contract.town_field: town}
        return [(header.columns.get(field.name), elsewhere.get(field.name)) for field in contract.fields]

    def _add_columns(self, delivery: Delivery, sheet: str, header: Header) -> None:
        fields = {at: name for name, at in header.columns.items()}
        for at, text in header.written.items():
            self._columns.append((delivery.name, sheet, fields.get(at), at + 1, text))

    def _wait(self, source: str, row: tuple[Any, ...]) -> None:
        self._waiting[source].append(row)
        if len(self._waiting[source]) >= _BATCH:
            self._write(source)

    def _write(self, source: str) -> None:
        self._insert(f"received_{source}", list(_received(self._contracts[source]).items()), self._waiting[source])
        self._waiting[source].clear()

    def _create(self, table: str, columns: Mapping[str, str], rows: list[tuple[Any, ...]]) -> None:
        self._connection.execute(f"CREATE OR REPLACE TABLE {table} ({_defined(columns)})")
        self._insert(table, list(columns.items()), rows)

    def _insert(self, table: str, columns: list[tuple[str, str]], rows: list[tuple[Any, ...]]) -> None:
        """Hand rows to the database as Arrow columns; row-wise inserts would be slower by two orders."""
        if not rows:
            return
        import pyarrow

        types = {
            "VARCHAR": pyarrow.string(),
            "INTEGER": pyarrow.int32(),
            "BIGINT": pyarrow.int64(),
            "BOOLEAN": pyarrow.bool_(),
        }
        arrays = [
            pyarrow.array(values, type=types[kind])
            for (_, kind), values in zip(columns, zip(*rows, strict=True), strict=True)
        ]
        self._connection.register("arriving", pyarrow.table(arrays, names=[name for name, _ in columns]))
        self._connection.execute(f'INSERT INTO "{table}" SELECT * FROM arriving')
        self._connection.unregister("arriving")

    def _classify(self, contract: Contract) -> None:
        """raw_<source>: every row with its kind. A row that is merely odd is data, for the gate to judge."""
        keys = [contract.field(name) for name in contract.primary_key]
        told = ["first_cell", *(f'"{key.name}"' for key in keys if key.type in ("string", "integer", "year"))]
        # Few rows say 计 anywhere; only these are looked at more closely.
        mentions_sum = f"contains(concat({', '.join(told)}), '计')"
        fields = ", ".join(f'"{field.name}"' for field in contract.fields)
        names_nothing = " OR ".join(f'"{key.name}" IS NULL' for key in keys)

        def any_is(pattern: str) -> str:
            matches = " OR ".join(f"regexp_matches({squeezed_text(text)}, '{pattern}')" for text in told)
            return f"{mentions_sum} AND ({matches})"

        first = squeezed_text("first_cell")
        self._connection.execute(f"""
            CREATE OR REPLACE TABLE raw_{contract.name} AS
            SELECT
                source_file, source_sheet, source_row,
                CASE
                    WHEN first_cell IS NULL THEN 'blank'
                    WHEN header_row IS NULL THEN 'note'
                    WHEN source_row < header_row THEN 'title'
                    WHEN is_header THEN 'header'
                    WHEN {any_is(_TOTAL)} THEN 'total'
                    WHEN {any_is(_SUBTOTAL)} THEN 'subtotal'
                    WHEN regexp_matches({first}, '{_NOTE}') THEN 'note'
                    WHEN regexp_matches({first}, '{_LIKELY_NOTE}') AND ({names_nothing}) THEN 'note'
                    ELSE 'data'
                END AS row_kind,
                {fields}
            FROM received_{contract.name}""")

    def _type(self, contract: Contract) -> None:
        """typed_<source>: data and total rows with every field parsed, and the town resolved."""
        fields = ", ".join(
            f'CAST(({typed_expression(field)}) AS {sql_type(field)}) AS "{field.name}"' for field in contract.fields
        )
        typed = f"""
            SELECT source_file, source_sheet, source_row, row_kind, {fields}
            FROM raw_{contract.name} WHERE row_kind IN ('data', 'total', 'subtotal')"""
        if contract.town_field:
            # A name that two units bear is nobody's: the town stays unknown.
            typed = f"""
                SELECT typed.*, known.town_id
                FROM ({typed}) AS typed
                LEFT JOIN (
                    SELECT name, min(town_id) AS town_id FROM town_name_lookup
                    GROUP BY name HAVING count(DISTINCT town_id) = 1
                ) AS known ON known.name = {town_key(f'typed."{contract.town_field}"')}"""
        self._connection.execute(f"CREATE OR REPLACE TABLE typed_{contract.name} AS {typed}")

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
                    unnest([town_name, town_code] || string_split_regex(coalesce(aliases, ''), '[、,，;；|]')) AS given,
                    town_id, valid_from, valid_to
                FROM town_register
            )
            WHERE trim(given) <> ''
            ORDER BY ALL""")
        self._connection.execute("""
            CREATE OR REPLACE TABLE town_year AS
            SELECT
                years.year, town.town_id, town.town_code, town.town_name, town.kind, town.district, town.managed_by
            FROM (SELECT DISTINCT year FROM delivery_file WHERE year IS NOT NULL) AS years
            INNER JOIN town_register AS town
                ON years.year >= coalesce(town.valid_from, years.year)
                AND years.year <= coalesce(town.valid_to, years.year)
            ORDER BY ALL""")


def _broken_parquet(error: duckdb.Error) -> UnreadableError:
    reason = str(error).splitlines()[0]
    return UnreadableError(f"不是完好的 Parquet 文件（{reason}）", f"not a whole Parquet file ({reason})")


def _received(contract: Contract) -> dict[str, str]:
    return _RECEIVED | {field.name: "VARCHAR" for field in contract.fields}


def _defined(columns: Mapping[str, str]) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in columns.items())


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
