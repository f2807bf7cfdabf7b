"""The models on Spark, for whoever outgrows one machine: the same files, transpiled, with the same digits.

Tables go over as Parquet in a folder that every worker sees, and results come back the same way. Each model is written
before the next one reads it, so that losing a worker costs the tasks it was at and no more.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import transform
from pipelines.errors import Exit, KaoheError
from pipelines.sql_text import literal

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

#: Seconds without a single worker after which a run gives up.
PATIENCE = 120

#: Spark's setting for how many pieces files are read in, at the least.
_PIECES = "spark.sql.leafNodeDefaultParallelism"

#: DuckDB's 128-bit integers. What is too large for 38 digits is an error on both, never another number.
_WHOLE = "DECIMAL(38, 0)"

#: Spark has no greatest common divisor. Euclid's way takes 184 steps at most for numbers of 38 digits.
_GCD = f"""
    CREATE OR REPLACE TEMPORARY FUNCTION gcd(a {_WHOLE}, b {_WHOLE}) RETURNS {_WHOLE} RETURN aggregate(
        sequence(1, 184),
        named_struct('a', a, 'b', b),
        (pair, step) -> CASE WHEN pair.b = 0 THEN pair ELSE named_struct('a', pair.b, 'b', pair.a % pair.b) END,
        pair -> abs(pair.a))"""


def to_spark(select: str, *, is_counted: bool = False) -> str:
    """A SELECT in DuckDB's words in Spark's. sqlglot does nearly all of it; what it leaves is done here.

    Of a query whose rows are only counted, what merely says something of them is left out where Spark cannot say it.
    UnsupportedError for what neither knows how to say.
    """
    import sqlglot
    from sqlglot import ErrorLevel, exp

    tree = sqlglot.parse_one(select, dialect="duckdb")
    mends: tuple[tuple[type[exp.Expr], Callable[[Any], None]], ...] = (
        (exp.Try, _try),
        (exp.CTE, _leave_it_to_spark_what_to_keep),
        (exp.Table, _read_file),
        (exp.DataType, _whole_number),
        (exp.IntDiv, _divide),
        (exp.Select, _replace_columns),
        (exp.Anonymous, _add_fractions),
        (exp.Anonymous, _call_by_other_name),
        (exp.RegexpFullMatch, _match_fully),
        (exp.RegexpLike, _end_with_the_text),
        (exp.RegexpReplace, _end_with_the_text),
        (exp.RegexpExtract, _end_with_the_text),
    )
    if is_counted:
        mends += ((exp.JarowinklerSimilarity, _leave_likeness_out),)
    for kind, mend in mends:
        # The innermost first, so that what stands around it takes it as mended.
        for node in reversed(list(tree.find_all(kind))):
            mend(node)
    return tree.sql("spark", unsupported_level=ErrorLevel.RAISE)


def _try(attempt: exp.Try) -> None:
    """``TRY(a * b)`` is NULL where the product is too large, ``TRY(make_date(…))`` where there is no such day.

    Spark says so at each sign and function, and not around them.
    """
    from sqlglot import exp

    for kind, name in ((exp.Mul, "try_multiply"), (exp.Add, "try_add"), (exp.Sub, "try_subtract")):
        for sign in reversed(list(attempt.find_all(kind))):
            sign.replace(exp.Anonymous(this=name, expressions=[sign.this, sign.expression]))
    for date in attempt.find_all(exp.DateFromParts):
        parts = [date.args[part] for part in ("year", "month", "day")]
        written = exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string("-"), *parts])
        date.replace(exp.TryCast(this=written, to=exp.DataType.build("date"), safe=True))
    attempt.replace(attempt.this)


def _match_fully(match: exp.RegexpFullMatch) -> None:
    """Spark looks for a pattern anywhere in a text."""
    from sqlglot import exp

    whole = exp.Literal.string(rf"\A(?:{match.expression.name})\z")
    match.replace(exp.RegexpLike(this=match.this, expression=whole))


def _whole_number(kind: exp.DataType) -> None:
    """128-bit integers become decimals."""
    from sqlglot import exp

    if kind.is_type("INT128"):
        kind.replace(exp.DataType.build(_WHOLE))


def _leave_it_to_spark_what_to_keep(part: exp.CTE) -> None:
    """Spark takes no NOT MATERIALIZED."""
    part.set("materialized", None)


def _read_file(table: exp.Table) -> None:
    """``read_parquet('a', file_row_number = TRUE)``, the one call for a file that is known of."""
    from sqlglot import exp

    if isinstance(table.this, exp.ReadParquet):
        url = _url(Path(table.this.expressions[0].name)).replace("`", "``")
        read = f"SELECT *, _metadata.row_index AS file_row_number FROM parquet.`{url}`"
        table.replace(exp.maybe_parse(read, dialect="spark").subquery())


def _call_by_other_name(call: exp.Anonymous) -> None:
    """Functions that sqlglot does not know, and Spark does; a variable has none in Spark."""
    from sqlglot import exp

    match call.name.lower():
        case "strlen":
            call.replace(exp.Anonymous(this="octet_length", expressions=call.expressions))
        case "getvariable":
            call.replace(exp.column(call.expressions[0].name))


def _divide(division: exp.IntDiv) -> None:
    """``a // b`` exactly: Spark's DIV ends at 64 bits, and its / rounds unless nothing is left over."""
    from sqlglot import exp

    if all(map(_is_of_64_bits, (division.this, division.expression))):
        return
    a, b = (exp.cast(each, _WHOLE) for each in (division.this, division.expression))
    whole = exp.paren(exp.Sub(this=a, expression=exp.Mod(this=a.copy(), expression=b)))
    division.replace(exp.cast(exp.Div(this=whole, expression=b.copy(), typed=True), _WHOLE))


def _is_of_64_bits(number: exp.Expr) -> bool:
    """Whether a number says of itself that it is; DIV is ten times as fast on such."""
    from sqlglot import exp

    if isinstance(number, exp.Cast):
        return bool(number.to.is_type("BIGINT"))
    return isinstance(number, exp.Literal) and not number.is_string and int(number.name) < 1 << 63


def _replace_columns(select: exp.Select) -> None:
    """``* REPLACE (x AS a)`` becomes ``* EXCEPT (a), x AS a``: the same columns in another order."""
    from sqlglot import exp

    for star in [each for each in select.expressions if isinstance(each, exp.Star) and each.args.get("replace")]:
        replaced = star.args["replace"]
        star.set("replace", None)
        star.set("except_", [*(star.args.get("except_") or ()), *(exp.to_identifier(each.alias) for each in replaced)])
        select.set("expressions", [*select.expressions, *replaced])


def _add_fractions(call: exp.Anonymous) -> None:
    """``list_reduce`` is used for one thing, adding n/d to n/d; Spark's ``aggregate`` wants the 0/1 it begins with."""
    from sqlglot import exp

    if call.name.lower() == "list_reduce":
        fractions, add = call.expressions
        for part in add.this.expressions:
            part.set("expression", exp.cast(part.expression, _WHOLE))
        nothing: exp.Expr = exp.maybe_parse(f"{{'n': CAST(0 AS {_WHOLE}), 'd': CAST(1 AS {_WHOLE})}}", dialect="duckdb")
        call.replace(exp.Anonymous(this="aggregate", expressions=[fractions, nothing, add]))


def _end_with_the_text(call: exp.RegexpLike | exp.RegexpReplace | exp.RegexpExtract) -> None:
    """In Java's patterns ``$`` also stands before a line break at the end of a text, and ``.`` for fewer signs."""
    from sqlglot import exp

    pattern = call.expression
    if isinstance(pattern, exp.Literal):
        # Outside of brackets, and not escaped.
        parts = re.findall(r"\\.|\[(?:\\.|[^\]\\])*\]|.", pattern.name, re.DOTALL)
        ended = "".join(r"\z" if part == "$" else _in_ranges(part) for part in parts)
        pattern.replace(exp.Literal.string(f"(?d){ended}"))


def _in_ranges(part: str) -> str:
    """A class of single characters with ranges of those that follow one another: Java would try each in turn."""
    characters = part[1:-1]
    if not part.startswith("[") or set(characters) & set("^-&[]\\"):
        return part
    ranges: list[list[str]] = []
    for character in sorted(set(characters)):
        if ranges and ord(character) == ord(ranges[-1][1]) + 1:
            ranges[-1][1] = character
        else:
            ranges.append([character, character])
    return "[" + "".join(first if first == last else f"{first}-{last}" for first, last in ranges) + "]"


def _leave_likeness_out(likeness: exp.JarowinklerSimilarity) -> None:
    """Spark does not know how alike two names are: a message offers the nearest, and no row is counted by it."""
    from sqlglot import exp

    likeness.replace(exp.cast(exp.Literal.number(0), "double"))


class _NoWorkerError(KaoheError):
    """No worker was left."""


class Spark:
    """Runs models on Spark for a warehouse; made by ``connect``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path, session: Any) -> None:
        self._connection = connection
        self._folder = folder
        self._session = session
        self._there: set[str] = set()

    def run_models(self, models: Sequence[transform.Model], report: Callable[[str], None] = lambda _: None) -> None:
        """What ``transform.run_models`` does, on Spark.

        The warehouse has afterwards the table of every mart, and of every other model that more than one reads; what
        only one reads is a part of its query. KaoheError (environment) where Spark fails or every worker is gone.
        """
        every = list(transform.load_models().values())
        indicators = [model for model in every if model.layer == "indicators"]
        # The analysis rests on tables of towns, and part of it on DuckDB's own hashes: it stays where it is.
        left = transform.analysis()
        there = [model for model in models if model.name not in left]
        readers = Counter(need for model in every for need in model.needs)
        needed = {need for model in every if model.name in left for need in model.needs}
        kept = [model for model in there if model.layer == "marts" or readers[model.name] > 1 or model.name in needed]
        types = self._types(there)
        with self._watched():
            for model in there:
                report(model.name)
                if transform.INDICATOR_FIGURE in model.needs:
                    gathered = to_spark(transform.gathered(indicators))
                    self._session.sql(gathered).createOrReplaceTempView(transform.INDICATOR_FIGURE)
                for table in sorted(model.needs - self._there - {transform.INDICATOR_FIGURE}):
                    self._hand_over(table)
                made = self._session.sql(to_spark(model.select))
                if model in kept:
                    made.write.parquet(f"file://{self._folder / model.name}")
                    self._see(model.name, self._folder / model.name, made.schema)
                else:
                    made.createOrReplaceTempView(model.name)
                    self._there.add(model.name)
        for model in kept:
            made_there = _cast_from(self._folder / model.name, types[model.name])
            self._connection.execute(f"CREATE OR REPLACE TABLE {model.name} AS {made_there}")

        transform.run_models(self._connection, [model for model in models if model.name in left], report)

    def fill(self, table: str, select: str, parameters: Sequence[Any] = ()) -> bool:
        """Insert into a table of the warehouse what a SELECT over tables and files yields; its columns are the table's.

        False, and nothing is inserted, where Spark fails: it may be that a worker does not see the file, or that the
        file is not whole, of which the database tells more. KaoheError (environment) where every worker is gone.
        """
        made = self._folder / f"{table}.made"
        try:
            with self._watched(), self._variables(select):
                for need in sorted(transform.tables(select) - self._there - {""}):
                    self._hand_over(need)
                rows = self._session.sql(to_spark(select), args=list(parameters))
                rows.write.mode("overwrite").parquet(f"file://{made}")
        except _NoWorkerError:
            raise
        except KaoheError:
            return False
        types = {name: kind for name, kind, *_ in self._connection.execute(f"DESCRIBE {table}").fetchall()}
        self._connection.execute(f"INSERT INTO {table} {_cast_from(made, types)}")
        shutil.rmtree(made)
        return True

    def number_lines(self, view: str, path: Path, delimiter: str, width: int, longest: int) -> bool:
        """Let queries read a text file as ``view``; see ``ingest.Reader``.

        Nothing of a line is moved from one worker to another: they are counted in each piece of the file, and a piece
        is told where its numbers begin.
        """
        from pyspark.sql import functions

        try:
            with self._watched():
                # The pieces must be the same in every query, also when a worker has come or gone.
                self._session.conf.set(_PIECES, str(self._session.sparkContext.defaultParallelism))
                lines = self._session.read.text(_url(path)).select(
                    "value",
                    functions.split("value", f"[{delimiter}]").alias("cells"),
                    functions.col("_metadata.file_block_start").alias("piece"),
                    functions.monotonically_increasing_id().alias("place"),
                )
                pieces = lines.groupBy("piece").agg(
                    functions.count("*").alias("count"),
                    functions.min("place").alias("first"),
                    functions.max(functions.size("cells")).alias("width"),
                    functions.max(functions.octet_length("value")).alias("longest"),
                    functions.bool_or(functions.expr("value = '' OR contains(value, '\"')")).alias("is_mixed"),
                )
                begin, told = 0, []
                for piece in pieces.orderBy("piece").collect():
                    if piece["is_mixed"] or piece["width"] > width or piece["longest"] > longest:
                        return False
                    told += [functions.lit(int(piece["piece"])), functions.lit(begin - int(piece["first"]))]
                    begin += piece["count"]
                begins = functions.create_map(*(each.cast("bigint") for each in told))
                cells = [
                    functions.nullif(functions.get("cells", functions.lit(at)), functions.lit(""))
                    for at in range(width)
                ]
                numbered = (functions.col("place") + begins[functions.col("piece")]).alias("rowid")
                lines.select(
                    numbered, *(cell.alias(f"c{at}") for at, cell in enumerate(cells))
                ).createOrReplaceTempView(view)
        except _NoWorkerError:
            raise
        except KaoheError:
            return False
        self._there.add(view)
        return True

    def forget(self, view: str) -> None:
        """Take back what ``number_lines`` let queries see."""
        self._session.conf.unset(_PIECES)
        self._session.catalog.dropTempView(view)
        self._there.discard(view)

    def cursor(self) -> _Cursor:
        """A cursor to count with what breaks a check, over tables of the warehouse and of models made here."""
        return _Cursor(self._ask)

    @contextlib.contextmanager
    def _variables(self, select: str) -> Iterator[None]:
        """Let Spark know the variables of the database that a SELECT names, for no longer than it takes."""
        names = dict.fromkeys(re.findall(r"getvariable\('(\w+)'\)", select))
        for name in names:
            value = self._connection.execute(f"SELECT getvariable('{name}')").fetchall()[0][0]
            self._session.sql(f"DECLARE OR REPLACE VARIABLE {name} BINARY")
            self._session.sql(f"SET VARIABLE {name} = ?", args=[bytearray(value)])
        try:
            yield
        finally:
            for name in names:
                self._session.sql(f"DROP TEMPORARY VARIABLE {name}")

    def _ask(self, query: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The columns and rows that answer a query in DuckDB's words."""
        with self._watched():
            for table in sorted(transform.tables(query) - self._there):
                self._hand_over(table)
            answer = self._session.sql(to_spark(query, is_counted=True), args=list(parameters))
            return answer.columns, [tuple(row) for row in answer.collect()]

    def _hand_over(self, table: str) -> None:
        """Let Spark see a table of the warehouse, as Parquet."""
        from sqlglot import exp

        path = self._folder / f"{table}.parquet"
        columns = {name: kind for name, kind, *_ in self._connection.execute(f"DESCRIBE {table}").fetchall()}
        # Parquet has no 128-bit integers; DuckDB would write floats.
        exact = {name: kind.replace("HUGEINT", _WHOLE) for name, kind in columns.items()}
        cast = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in exact.items())
        self._connection.execute(f"COPY (SELECT {cast} FROM {table}) TO {literal(path)} (FORMAT parquet)")
        in_spark = {name: exp.DataType.build(kind, dialect="duckdb").sql("spark") for name, kind in exact.items()}
        self._see(table, path, ", ".join(f"`{name}` {kind}" for name, kind in in_spark.items()))

    def _see(self, table: str, path: Path, schema: Any) -> None:
        """Let Spark read a table from ``path``. With its schema given, Spark need not run a job to learn it."""
        self._session.read.schema(schema).parquet(f"file://{path}").createOrReplaceTempView(table)
        self._there.add(table)

    def _types(self, models: Sequence[transform.Model]) -> dict[str, dict[str, str]]:
        """The type each column has in DuckDB, by model and column: its models run on no rows at all."""
        import duckdb

        names = {model.name for model in models}
        given = {need for model in models for need in model.needs} - names - {transform.INDICATOR_FIGURE}
        empty = duckdb.connect()
        for table in sorted(given):
            columns = self._connection.execute(f"DESCRIBE {table}").fetchall()
            defined = ", ".join(f'"{name}" {kind}' for name, kind, *_ in columns)
            empty.execute(f"CREATE TABLE {table} ({defined})")
        transform.run_models(empty, models)
        found = {
            name: {column: kind for column, kind, *_ in empty.execute(f"DESCRIBE {name}").fetchall()} for name in names
        }
        empty.close()
        return found

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Make Spark's failures ours, and give up where no worker is left: Spark itself would wait for ever."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        context = self._session.sparkContext
        done, deserted = threading.Event(), threading.Event()

        def watch() -> None:
            alone_since = time.monotonic()
            while not done.wait(1):
                # The driver is among them.
                if context.master.startswith("local") or len(_executors(context)) > 1:
                    alone_since = time.monotonic()
                elif time.monotonic() - alone_since > PATIENCE:
                    deserted.set()
                    context.cancelAllJobs()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            # Of a cluster nothing is there yet when its master answers.
            self._session.conf.set("spark.sql.shuffle.partitions", str(context.defaultParallelism))
            yield
        except (Py4JError, PySparkException) as error:
            reason = (
                f"Spark 没有可用的工作节点，已等待 {PATIENCE} 秒 no worker has been there for {PATIENCE} s"
                if deserted.is_set()
                else f"Spark: {_first_line(error)}"
            )
            told = f"{reason}；先前发布的结果不变 the result published before stands"
            raise (_NoWorkerError if deserted.is_set() else KaoheError)(Exit.ENVIRONMENT, told) from error
        finally:
            done.set()
            watcher.join()


class _Cursor:
    """As much of a cursor of the Python database API as counting asks for; as in DuckDB, it is a connection too."""

    description: Sequence[tuple[Any, ...]] = ()
    rowcount = -1

    def __init__(self, ask: Callable[[str, Sequence[Any]], tuple[list[str], list[tuple[Any, ...]]]]) -> None:
        self._ask = ask
        self._rows: list[tuple[Any, ...]] = []

    def cursor(self) -> _Cursor:
        """Another one."""
        return _Cursor(self._ask)

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> None:
        """Have the query answered. KaoheError (environment) where Spark fails or every worker is gone."""
        columns, self._rows = self._ask(query, parameters)
        self.description = [(name, None, None, None, None, None, None) for name in columns]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that were not fetched yet."""
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None after the last."""
        return self._rows.pop(0) if self._rows else None

    def interrupt(self) -> None:
        """Nothing to do: waiting for Spark ends with the interrupt, and its jobs with the session."""

    def close(self) -> None:
        """Nothing to do: the rows are here."""


@contextlib.contextmanager
def connect(connection: duckdb.DuckDBPyConnection, warehouse: Path, master: str) -> Iterator[Spark]:
    """Spark at ``master`` (``local[2]``, ``spark://host:7077``), working in a folder beside ``warehouse``.

    KaoheError (environment) where Spark or Java is not there.
    """
    # It warns of the pandas there is, of which nothing here makes use, and logs errors that are told by ours.
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
    logging.getLogger("SQLQueryContextLogger").disabled = True
    try:
        from py4j.protocol import Py4JError
        from pyspark import SparkContext
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        told = "没有安装 Spark：pip install 'kaohe[spark]' Spark is not installed"
        raise KaoheError(Exit.ENVIRONMENT, told) from error
    folder = warehouse.with_name(warehouse.name + ".spark").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    session = None
    try:
        try:
            session = (
                SparkSession.builder.appName("kaohe")
                .master(master)
                .config("spark.ui.enabled", "false")
                .config("spark.ui.showConsoleProgress", "false")
                .config("spark.log.level", "ERROR")
                # A plan may hold the key for identity numbers. What of it Spark puts on a disk where memory is short is
                # enciphered, under a key that it forgets.
                .config("spark.eventLog.enabled", "false")
                .config("spark.io.encryption.enabled", "true")
                # What overflows or cannot be cast is an error and not NULL.
                .config("spark.sql.ansi.enabled", "true")
                .config("spark.sql.session.timeZone", "UTC")
                .getOrCreate()
            )
            session.sql(_GCD)
        except (Py4JError, PySparkException, RuntimeError, OSError) as error:
            told = (
                f"Spark 无法启动（需要 Java 17，主机 {master} 须在运行）"
                f" Spark does not start; it needs Java 17 and {master} at work: {_first_line(error)}"
            )
            raise KaoheError(Exit.ENVIRONMENT, told) from error
        yield Spark(connection, folder, session)
    finally:
        # Without a session there may still be a context, which the next one would take for its own.
        for left in (session, SparkContext._active_spark_context):
            if left is not None:
                left.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _cast_from(folder: Path, types: Mapping[str, str]) -> str:
    """A SELECT of what Spark wrote into a folder, each column in its type."""
    cast = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in types.items())
    return f"SELECT {cast} FROM read_parquet({literal(folder / '*.parquet')})"


def _url(path: Path) -> str:
    """What Spark calls a file. KaoheError (environment) where it would take the name for a pattern and read others."""
    if set(str(path.absolute())) & set("*?[]{}\\"):
        raise KaoheError(Exit.ENVIRONMENT, f"Spark 会把 {path} 当作通配符 Spark takes {path} for a pattern")
    return f"file://{path.absolute()}"


def _executors(context: Any) -> list[Any]:
    return list(context._jsc.sc().statusTracker().getExecutorInfos())


def _first_line(error: Exception) -> str:
    """What Spark says in short; of an error of Java's what Java says, and not how Python came to know."""
    said = str(getattr(error, "java_exception", error))
    return next((line for line in said.splitlines() if line.strip()), type(error).__name__)
