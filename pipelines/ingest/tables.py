"""The warehouse tables that reading fills: what arrived, as text, and what it means, typed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pipelines.contracts import Contract
from pipelines.ingest.header import Header, find_header, plain
from pipelines.ingest.identity import without_identity_numbers
from pipelines.ingest.sheets import UnreadableError, first_cell, in_utf8, lines_if_plain
from pipelines.ingest.values import (
    is_unparsed,
    sql_type,
    squeezed_text,
    town_key,
    typed_expression,
    unread_bit,
)
from pipelines.masking import masked
from pipelines.sql_text import identifier, literal

if TYPE_CHECKING:
    import duckdb

    from pipelines.ingest.deliveries import Delivery
    from pipelines.ingest.sheets import Row, Sheet

_BATCH = 50_000
#: Up to so many bytes, planning a query for a file takes the database longer than Python takes to read it.
_SMALL = 1 << 17
#: From so many bytes on, a file is worth what it costs to hand its rows to another reader and take them back.
_LARGE = 1 << 26
#: Types whose values every engine writes alike; floats and times are not among them.
_WRITTEN_ALIKE = {"VARCHAR", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "BOOLEAN", "DATE"}
#: A longer line is left to the careful reader, which has a bound of its own on one cell.
_LONGEST_LINE = 1 << 17
#: All of what Python knows for white space, as a text may hold it.
_WHITE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

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
_ROW = {"source_file": "VARCHAR", "source_sheet": "VARCHAR", "source_row": "BIGINT", "row_kind": "VARCHAR"}
#: What is known of each row before it is classified. header_row: NULL in a sheet that only explains; first_cell: the
#: first that is not blank; beyond: the first that is not blank to the right of the header of a text file.
_RECEIVED = {"source_file": "VARCHAR", "source_sheet": "VARCHAR", "source_row": "BIGINT", "header_row": "INTEGER",
             "is_header": "BOOLEAN", "first_cell": "VARCHAR", "beyond": "VARCHAR"}  # fmt: skip


@runtime_checkable
class Reader(Protocol):
    """What may read and type what is very large in place of the database, by the same queries."""

    def fill(self, table: str, select: str, parameters: Sequence[Any] = ()) -> bool:
        """Insert into a table of the database what a SELECT yields; False, and nothing is, where it cannot."""

    def number_lines(self, view: str, path: Path, delimiter: str, width: int, longest: int) -> bool:
        """Let queries read a text file as ``view``: ``rowid`` from 0 and cells ``c0`` to ``c<width - 1>``, '' as NULL.

        False where it cannot, or where it takes more than cutting at the delimiter: lines that are blank, hold quotes,
        more than ``width`` cells or more than ``longest`` bytes.
        """

    def forget(self, view: str) -> None:
        """Take back what ``number_lines`` let queries see."""

    def cursor(self) -> Any:
        """A cursor of the Python database API, that reads views too."""


class Tables:
    """Collects rows of text by source and writes them to the warehouse in large pieces."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contracts: Mapping[str, Contract],
        kept: frozenset[str] | None = None,
        reader: Reader | None = None,
    ) -> None:
        """Without ``kept`` all tables begin empty; else they keep what they hold of the files it names.

        ``reader`` reads and types what is very large; without it the database does.
        """
        self._connection = connection
        self._reader = reader
        #: The sources of which it read a file, and the names of files that it could not read.
        self._large: set[str] = set()
        self.left_to_database: list[str] = []
        self._contracts = contracts
        self._kept = kept
        #: The sources whose rows are not as they were.
        self.sources = set(contracts)
        self._waiting: dict[str, list[tuple[Any, ...]]] = {source: [] for source in contracts}
        self._files: list[tuple[Any, ...]] = []
        self._sheets: list[tuple[Any, ...]] = []
        self._columns: list[tuple[Any, ...]] = []
        self._beyond: list[tuple[str, int, str]] = []
        self._unfinished: list[Delivery] = []
        if kept is None:
            for contract in contracts.values():
                columns = _defined(_ROW | _fields(contract))
                connection.execute(f"CREATE OR REPLACE TABLE raw_{contract.name} ({columns})")
        else:
            self.sources = self._forget_others(kept)

    def _forget_others(self, kept: frozenset[str]) -> set[str]:
        """Take out the rows of files that are not ``kept``; their sources. What these rows said is in forgotten_…."""
        self._connection.execute("CREATE OR REPLACE TEMP TABLE kept_file AS SELECT unnest(?) AS source_file", [[*kept]])
        gone = self._connection.execute(
            "SELECT DISTINCT source FROM delivery_file ANTI JOIN kept_file USING (source_file)"
        ).fetchall()
        for (source,) in gone:
            self._connection.execute(f"CREATE TEMP TABLE forgotten_{source} AS {self._of_files_not_kept(source)}")
            for table in (f"raw_{source}", f"typed_{source}"):
                self._connection.execute(f"DELETE FROM {table} WHERE source_file NOT IN (FROM kept_file)")
        for table in ("delivery_file", "delivery_sheet", "delivery_column"):
            self._connection.execute(f"DELETE FROM {table} WHERE source_file NOT IN (FROM kept_file)")
        return {source for (source,) in gone}

    @staticmethod
    def _of_files_not_kept(source: str) -> str:
        return f"SELECT * FROM typed_{source} WHERE source_file NOT IN (FROM kept_file)"

    def _note_moved(self, source: str) -> None:
        """The towns and years with a row that is not as it was, in moved_accepted_<source>, where rows have a town."""
        if not self._contracts[source].town_field:
            return
        # Of a source of which no file is gone nothing was forgotten.
        self._connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS forgotten_{source} AS FROM typed_{source} LIMIT 0")
        before, now = f"(FROM forgotten_{source})", f"({self._of_files_not_kept(source)})"
        self._connection.execute(f"""
            CREATE TEMP TABLE moved_accepted_{source} AS SELECT DISTINCT year, town_id
            FROM (({before} EXCEPT ALL {now}) UNION ALL ({now} EXCEPT ALL {before}))""")

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

    def add_sheet(self, delivery: Delivery, sheet: str, header: Header, rows: Iterator[Row], town: str) -> None:
        """Record every row of a sheet; ``town`` fills the town column where the sheet has none."""
        self._add_columns(delivery, sheet, header)
        source = delivery.source
        told = [(header.columns.get(name), text) for name, text in self._elsewhere(delivery, town).items()]
        heading = [(at, plain(text)) for at, text in header.written.items()]
        end = header.width if not sheet else None
        number = 0
        for number, row in enumerate(rows, start=1):
            first = first_cell(row)
            is_header = first is not None and all(
                at < len(row) and plain(row[at] or "") == text for at, text in heading
            )
            beyond = first_cell(row[end:]) if end is not None else None
            width = len(row)
            cells = [text if at is None else row[at] if at < width else None for at, text in told]
            self._wait(source, (delivery.name, sheet, number, header.row, is_header, first, beyond, *cells))
        self._sheets.append((delivery.name, sheet, header.row, number))

    def add_text(self, delivery: Delivery, sheet: Sheet, header: Header, width: int, town: str) -> bool:
        """Record every row of a text file without bringing it into Python; False, and nothing is, where it cannot be.

        The database must find one row in each line, or its rows would not be numbered as a person counts them. A file
        with blank lines, line breaks within quotes, rows of more than ``width`` cells or errors is for ``add_sheet``,
        and so is a small one.
        """
        if delivery.size < _SMALL:
            return False
        with in_utf8(delivery.path, sheet.encoding, self._folder()) as path:
            lines = lines_if_plain(path)
            if lines is None:
                return False
            is_seen_by_all = path == delivery.path and width == header.width
            is_read = is_seen_by_all and self._read_text_there(delivery, sheet.delimiter, header, lines, town)
            if not (is_read or self._read_text_here(delivery, path, sheet.delimiter, header, width, lines, town)):
                return False
        self._add_columns(delivery, "", header)
        self._sheets.append((delivery.name, "", header.row, lines))
        return True

    def _read_text_here(
        self, delivery: Delivery, path: Path, delimiter: str, header: Header, width: int, lines: int, town: str
    ) -> bool:
        """Record every row of a text file, which in UTF-8 lies in ``path``; False, and none is, where it cannot be."""
        import duckdb

        columns = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(width))
        try:
            self._connection.execute(f"""
                CREATE OR REPLACE TEMP TABLE lines AS SELECT * FROM read_csv(
                    {literal(path)}, columns = {{{columns}}}, auto_detect = FALSE, header = FALSE,
                    delim = {literal(delimiter)}, quote = '"', escape = '"', null_padding = TRUE,
                    max_line_size = {_LONGEST_LINE})""")
        except duckdb.OperationalError:
            # Memory or disk: no other reader would do better.
            raise
        except duckdb.Error:
            return False
        try:
            return self._keep_lines(self._connection, delivery, header, width, lines, town)
        finally:
            self._connection.execute("DROP TABLE lines")

    def _read_text_there(self, delivery: Delivery, delimiter: str, header: Header, lines: int, town: str) -> bool:
        """Have the reader record every row of a very large text file; False, and none is, where it cannot."""
        reader = self._reader_of(delivery)
        if not reader:
            return False
        is_read = False
        if reader.number_lines("lines", delivery.path, delimiter, header.width, _LONGEST_LINE):
            try:
                is_read = self._keep_lines(reader.cursor(), delivery, header, header.width, lines, town, reader)
            finally:
                reader.forget("lines")
        if not is_read:
            self.left_to_database.append(delivery.name)
        return is_read

    def _keep_lines(
        self,
        asked: Any,
        delivery: Delivery,
        header: Header,
        width: int,
        lines: int,
        town: str,
        reader: Reader | None = None,
    ) -> bool:
        """Record the rows of the table ``lines``, which ``asked`` is asked of; False where not each line is a row."""
        asked.execute("SELECT count(*), min(rowid), max(rowid) FROM lines")
        if asked.fetchall() != [(lines, 0, lines - 1)]:
            return False
        place = (
            f"1 + rowid AS source_row, {header.row} AS header_row, {self._is_header(header, asked)} AS is_header, "
            f"{_first_cell(f'c{at}' for at in range(width))} AS first_cell, "
            f"{_first_cell(f'c{at}' for at in range(header.width, width))} AS beyond"
        )
        texts = {at: f"c{at}" for at in header.columns.values()}
        return self._keep_table(
            delivery, "lines", place, header, texts, town, has_beyond=width > header.width, reader=reader
        )

    def _reader_of(self, delivery: Delivery) -> Reader | None:
        """What reads a file in place of the database, where it is large enough."""
        return self._reader if delivery.size >= _LARGE else None

    def _is_written_alike(self, table: str) -> bool:
        """Whether every engine writes the values of a Parquet file alike."""
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
        return {kind.partition("(")[0] for _, kind, *_ in described} <= _WRITTEN_ALIKE

    @staticmethod
    def _is_header(header: Header, asked: Any) -> str:
        """SQL condition: a row of the table ``lines`` is the header, which may stand in a file more than once."""
        heading = [(at, plain(text)) for at, text in header.written.items()]
        # A cell that begins with a digit is no header that does not, so few rows remain to be compared.
        tests = [f"(c{at} < '0' OR c{at} >= ':')" for at, text in heading if text and text[0] not in "0123456789"]
        cells = ", ".join(f"c{at}" for at, _ in heading)
        alike = f"SELECT rowid, {cells} FROM lines WHERE {' AND '.join(tests) or 'TRUE'}"
        asked.execute(alike)
        rows = [
            str(row)
            for row, *texts in asked.fetchall()
            if all(plain(cell or "") == text for cell, (_, text) in zip(texts, heading, strict=True))
        ]
        return f"rowid IN ({', '.join(rows)})"

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

    def add_parquet(self, delivery: Delivery, header: Header, town: str) -> None:
        """Record every row of a Parquet file without bringing it into Python; its rows count from 1.

        Raises UnreadableError.
        """
        import duckdb

        self._add_columns(delivery, "", header)
        table = f"read_parquet({literal(delivery.path)}, file_row_number = TRUE)"
        texts = {at: f"CAST({identifier(name)} AS VARCHAR)" for at, name in header.written.items()}
        place = (
            "1 + file_row_number AS source_row, 0 AS header_row, FALSE AS is_header, "
            f"{_first_cell(texts.values())} AS first_cell"
        )
        try:
            reader = self._reader_of(delivery)
            reader = reader if reader and self._is_written_alike(table) else None
            keep = partial(self._keep_table, delivery, table, place, header, texts, town, has_beyond=False)
            if not (reader and keep(reader=reader)):
                if reader:
                    self.left_to_database.append(delivery.name)
                keep()
        except duckdb.Error as error:
            raise _broken_parquet(error) from error
        rows = self._connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        self._sheets.append((delivery.name, "", 0, rows[0][0]))

    def write(self) -> None:
        """Write what is still waiting: raw_<source>, every row with its kind and all of it text."""
        for source in self._waiting:
            self._write(source)
        self._add("delivery_file", _FILE, self._files)
        self._add("delivery_sheet", _SHEET, self._sheets)
        self._add("delivery_column", _COLUMN, self._columns)
        self.sources |= {delivery_source for _, delivery_source, *_ in self._files}

    def finish(self) -> None:
        """Type the fields and resolve the towns; after write."""
        if "towns" in self.sources:
            self._type(self._contracts["towns"])
            self._register()
        for name in sorted(self.sources - {"towns"}):
            self._type(self._contracts[name])
            if self._kept is not None:
                self._note_moved(name)

    def rows_beyond_header(self) -> list[tuple[str, int, str]]:
        """File, row and text of every data row of a text file that goes on to the right of the header; after finish."""
        return sorted(self._beyond)

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

    def _folder(self) -> Path | None:
        """The folder the warehouse lies in; None where it is in memory."""
        query = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
        path = self._connection.execute(query).fetchall()[0][0]
        return Path(path).parent if path else None

    def _elsewhere(self, delivery: Delivery, town: str) -> dict[str, str | None]:
        """For each field what the folder, sheet or file name says where no column does."""
        contract = self._contracts[delivery.source]
        told = {"year": str(delivery.year) if delivery.year else None, contract.town_field: town}
        return {field.name: told.get(field.name) for field in contract.fields}

    def _add_columns(self, delivery: Delivery, sheet: str, header: Header) -> None:
        fields = {at: name for name, at in header.columns.items()}
        for at, text in header.written.items():
            self._columns.append((delivery.name, sheet, fields.get(at), at + 1, masked(text)))

    def _wait(self, source: str, row: tuple[Any, ...]) -> None:
        self._waiting[source].append(row)
        if len(self._waiting[source]) >= _BATCH:
            self._write(source)

    def _write(self, source: str) -> None:
        rows = self._waiting[source]
        if rows:
            contract = self._contracts[source]
            beyond = list(_RECEIVED).index("beyond")
            has_beyond = any(row[beyond] for row in rows)
            with self._arriving(_received(contract), rows):
                self._keep(contract, "SELECT * FROM arriving", [], has_beyond=has_beyond)
            rows.clear()

    def _add(self, table: str, columns: Mapping[str, str], rows: list[tuple[Any, ...]]) -> None:
        if self._kept is None:
            self._connection.execute(f"CREATE OR REPLACE TABLE {table} ({_defined(columns)})")
        if rows:
            with self._arriving(columns, rows):
                self._connection.execute(f"INSERT INTO {table} SELECT * FROM arriving")

    @contextlib.contextmanager
    def _arriving(self, columns: Mapping[str, str], rows: list[tuple[Any, ...]]) -> Iterator[None]:
        """Let the database read rows as the table ``arriving``; row-wise inserts would be slower by two orders."""
        import pyarrow

        types = {
            "VARCHAR": pyarrow.string(),
            "INTEGER": pyarrow.int32(),
            "BIGINT": pyarrow.int64(),
            "BOOLEAN": pyarrow.bool_(),
        }
        arrays = [
            pyarrow.array(values, type=types[kind])
            for kind, values in zip(columns.values(), zip(*rows, strict=True), strict=True)
        ]
        self._connection.register("arriving", pyarrow.table(arrays, names=list(columns)))
        yield
        self._connection.unregister("arriving")

    def _keep_table(
        self,
        delivery: Delivery,
        table: str,
        place: str,
        header: Header,
        texts: Mapping[int, str],
        town: str,
        *,
        has_beyond: bool,
        reader: Reader | None = None,
    ) -> bool:
        """Record the rows of a ``table``, see ``_keep``. ``texts``: position → SQL for the text of the cell there."""
        cells, given = [], []
        for name, text in self._elsewhere(delivery, town).items():
            if name in header.columns:
                cells.append(f'{texts[header.columns[name]]} AS "{name}"')
            else:
                cells.append(f'CAST(? AS VARCHAR) AS "{name}"')
                given.append(text)
        return self._keep(
            self._contracts[delivery.source],
            f"SELECT CAST(? AS VARCHAR) AS source_file, '' AS source_sheet, {place}, {', '.join(cells)} FROM {table}",
            [delivery.name, *given],
            has_beyond=has_beyond,
            reader=reader,
        )

    def _keep(
        self,
        contract: Contract,
        received: str,
        parameters: list[str | None],
        *,
        has_beyond: bool,
        reader: Reader | None = None,
    ) -> bool:
        """Classify the rows that the query ``received`` gives and put them into raw_<source>, fit to be kept.

        A row that is merely odd is data, for the gate to judge. False, and none is put there, where the ``reader`` is
        to do it and cannot.
        """
        received = without_identity_numbers(contract, f"({received})", has_beyond=has_beyond)
        keys = [contract.field(name) for name in contract.primary_key]
        told = ["first_cell", *(f'"{key.name}"' for key in keys if key.type in ("string", "integer", "year"))]
        # Few rows say 计 anywhere; only these are looked at more closely.
        mentions_sum = " OR ".join(f"coalesce(contains({text}, '计'), FALSE)" for text in told)
        fields = ", ".join(f'"{field.name}"' for field in contract.fields)
        names_nothing = " OR ".join(f'"{key.name}" IS NULL' for key in keys)

        def any_is(pattern: str) -> str:
            matches = " OR ".join(f"regexp_matches({squeezed_text(text)}, '{pattern}')" for text in told)
            return f"({mentions_sum}) AND ({matches})"

        first = squeezed_text("first_cell")
        kind = f"""
            CASE
                WHEN first_cell IS NULL THEN 'blank'
                WHEN header_row IS NULL THEN 'note'
                WHEN source_row < header_row THEN 'title'
                WHEN is_header THEN 'header'
                WHEN NOT ({mentions_sum}) AND first_cell >= '0' AND first_cell < ':' THEN 'data'
                WHEN {any_is(_TOTAL)} THEN 'total'
                WHEN {any_is(_SUBTOTAL)} THEN 'subtotal'
                WHEN regexp_matches({first}, '{_NOTE}') THEN 'note'
                WHEN regexp_matches({first}, '{_LIKELY_NOTE}') AND ({names_nothing}) THEN 'note'
                ELSE 'data'
            END"""
        table = f"raw_{contract.name}"
        rows = f"SELECT source_file, source_sheet, source_row, {kind} AS row_kind, {fields} FROM ({received})"
        if reader:
            if not reader.fill(table, rows, parameters):
                return False
            self._large.add(contract.name)
            return True
        self._connection.execute(f"INSERT INTO {table} {rows}", parameters)
        if has_beyond:
            self._beyond += self._connection.execute(
                f"SELECT source_file, source_row, beyond FROM ({received}) "
                f"WHERE beyond IS NOT NULL AND {kind} IN ('data', 'total', 'subtotal')",
                parameters,
            ).fetchall()
        return True

    def _type(self, contract: Contract) -> None:
        """typed_<source>: data and total rows with every field parsed, and the town resolved.

        The bits of ``unread`` are the fields whose cell says something that is no value: see ``unread_bit``.
        """
        parsed = ", ".join(f'({typed_expression(field)}) AS "parsed {field.name}"' for field in contract.fields)
        fields = ", ".join(
            f'CAST(told."parsed {field.name}" AS {sql_type(field)}) AS "{field.name}"' for field in contract.fields
        )
        unread = " + ".join(
            f"CASE WHEN {is_unparsed(field, value)} THEN {unread_bit(contract, field)} ELSE 0 END"
            for field in contract.fields
            for value in [identifier(f"parsed {field.name}")]
        )
        town = known = ""
        if contract.town_field:
            # Each spelling is looked up once. A name that two units bear is nobody's: the town stays unknown.
            spelt = identifier(f"parsed {contract.town_field}")
            town = ", known.town_id"
            known = f"""
                LEFT JOIN (
                    SELECT spelt.spelling, min(lookup.town_id) AS town_id
                    FROM (SELECT DISTINCT {spelt} AS spelling FROM told) AS spelt
                    INNER JOIN town_name_lookup AS lookup ON lookup.name = {town_key("spelt.spelling")}
                    GROUP BY spelt.spelling HAVING count(DISTINCT lookup.town_id) = 1
                ) AS known ON known.spelling = told.{spelt}"""
        table, read = f"typed_{contract.name}", "row_kind IN ('data', 'total', 'subtotal')"
        if self._kept is not None:
            read = f"{read} AND source_file NOT IN (FROM kept_file)"
        rows = f"""
            WITH told AS NOT MATERIALIZED (
                SELECT *, {parsed} FROM raw_{contract.name} WHERE {read}
            )
            SELECT
                source_file, source_sheet, source_row, row_kind, {fields}{town},
                CAST({unread} AS BIGINT) AS unread
            FROM told{known}"""
        if self._reader and contract.name in self._large:
            self._connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM ({rows}) LIMIT 0")
            if self._reader.fill(table, rows):
                return
        begin = f"CREATE OR REPLACE TABLE {table} AS" if self._kept is None else f"INSERT INTO {table}"
        self._connection.execute(f"{begin} {rows}")

    def _register(self) -> None:
        """The register of towns, every name it may be called by, and who was to be assessed in which year."""
        self._connection.execute("""
            CREATE OR REPLACE TABLE town_register AS
            SELECT * EXCLUDE (row_kind, unread) FROM typed_towns WHERE row_kind = 'data'""")
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
    return _RECEIVED | _fields(contract)


def _fields(contract: Contract) -> dict[str, str]:
    return {field.name: "VARCHAR" for field in contract.fields}


def _first_cell(texts: Iterable[str]) -> str:
    """SQL for the first of ``texts`` (SQL expressions) that holds more than white space."""
    told = ", ".join(f"CASE WHEN {_holds_text(text)} THEN {text} END" for text in texts)
    return f"coalesce({told}, NULL)" if told else "CAST(NULL AS VARCHAR)"


def _holds_text(text: str) -> str:
    """SQL condition: ``text`` is more than white space. Its first character nearly always says so."""
    return (
        f"(({text} >= '!' AND {text} < chr(127)) OR {text} >= '\u3001' OR NOT regexp_full_match({text}, '[{_WHITE}]*'))"
    )


def _defined(columns: Mapping[str, str]) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
