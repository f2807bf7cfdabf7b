"""The models on Spark: what sqlglot leaves to us, a real cluster of a master and two workers, and losing them."""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest
from sqlglot.errors import UnsupportedError

import test_values
from pipelines import rubric, transform
from pipelines import run as flow
from pipelines.analysis import rescoring
from pipelines.demo import write_demo
from pipelines.errors import Exit, KaoheError
from pipelines.ingest import identity, ingest, tables
from pipelines.publish import publication
from pipelines.quality import expectations
from pipelines.quality.checks import every_check
from test_quality import BROKEN, CONTRACTS, REGISTER, Rows, _read, _write

pyspark = pytest.importorskip("pyspark")
from pipelines import spark  # noqa: E402

ROOT = Path(__file__).parent.parent
SISTER_CITY = ROOT / "tests" / "editions" / "2099"
SECONDS = 90

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")


# ----------------------------------------------------------------------------------------------------------------------
# Words


QUOTIENT = (
    "CAST((CAST({a} AS DECIMAL(38, 0)) - CAST({a} AS DECIMAL(38, 0)) % CAST({b} AS DECIMAL(38, 0))) "
    "/ CAST({b} AS DECIMAL(38, 0)) AS DECIMAL(38, 0))"
)


@pytest.mark.parametrize(
    ("duckdb_words", "spark_words"),
    [
        ("SELECT CAST(a AS HUGEINT) AS a FROM t", "SELECT CAST(a AS DECIMAL(38, 0)) AS a FROM t"),
        ("SELECT a // b AS a FROM t", f"SELECT {QUOTIENT.format(a='a', b='b')} AS a FROM t"),
        ("SELECT CAST(a AS HUGEINT) // b FROM t", f"SELECT {QUOTIENT.format(a='a', b='b')} FROM t"),
        ("SELECT * REPLACE (a + 1 AS a), b AS c FROM t", "SELECT * EXCEPT (a), b AS c, a + 1 AS a FROM t"),
        (
            "SELECT * EXCLUDE (z) REPLACE (a // 2 AS a) FROM t",
            f"SELECT * EXCEPT (z, a), {QUOTIENT.format(a='a', b='2')} AS a FROM t",
        ),
        (
            "SELECT list_reduce(l, lambda a, b : {'n': a.n * b.d + b.n * a.d, 'd': a.d * b.d}) AS s FROM t",
            "SELECT AGGREGATE(l, STRUCT(CAST(0 AS DECIMAL(38, 0)) AS n, CAST(1 AS DECIMAL(38, 0)) AS d), (a, b) -> "
            "STRUCT(CAST(a.n * b.d + b.n * a.d AS DECIMAL(38, 0)) AS n, CAST(a.d * b.d AS DECIMAL(38, 0)) AS d)) AS s "
            "FROM t",
        ),
        (
            "SELECT TRY(abs(a * b - 1) <= c + 1) AS x FROM t",
            "SELECT ABS(TRY_SUBTRACT(TRY_MULTIPLY(a, b), 1)) <= TRY_ADD(c, 1) AS x FROM t",
        ),
        (
            "SELECT TRY(make_date(a // 2, b, 1)) IS NULL AS x FROM t",
            "SELECT TRY_CAST(CONCAT_WS('-', " + QUOTIENT.format(a="a", b="2") + ", b, 1) AS DATE) IS NULL AS x FROM t",
        ),
        (
            r"SELECT regexp_full_match(a, '[.]|\d') AS x FROM t",
            r"SELECT a RLIKE '(?d)\\A(?:[.]|\\d)\\z' AS x FROM t",
        ),
        (
            r"SELECT regexp_matches(a, '^[$].\$$') AS x, regexp_replace(a, ' ?%$', '') AS y FROM t",
            r"SELECT a RLIKE '(?d)^[$].\\$\\z' AS x, REGEXP_REPLACE(a, '(?d) ?%\\z', '') AS y FROM t",
        ),
        (
            "SELECT regexp_matches(a, '[ca b][^bac][0-9ab][a]') AS x FROM t",
            "SELECT a RLIKE '(?d)[ a-c][^bac][0-9ab][a]' AS x FROM t",
        ),
        ("SELECT CAST(a AS BIGINT) // 10 % 10 AS x FROM t", "SELECT CAST(a AS BIGINT) DIV 10 % 10 AS x FROM t"),
        (
            "WITH c AS NOT MATERIALIZED (SELECT strlen(a) AS l, getvariable('v') AS v FROM t) SELECT * FROM c",
            "WITH c AS (SELECT OCTET_LENGTH(a) AS l, v AS v FROM t) SELECT * FROM c",
        ),
        (
            "SELECT a FROM read_parquet('/x/y `z.parquet', file_row_number = TRUE)",
            "SELECT a FROM (SELECT *, _metadata.row_index AS file_row_number FROM PARQUET.`file:///x/y ``z.parquet`)",
        ),
    ],
)
def test_what_sqlglot_leaves_is_put_in_spark_s_words(duckdb_words: str, spark_words: str) -> None:
    assert spark.to_spark(duckdb_words).casefold() == spark_words.casefold()


def test_what_cannot_be_said_is_an_error_unless_it_only_says_something_of_rows_that_are_counted() -> None:
    with pytest.raises(UnsupportedError):
        spark.to_spark("SELECT regexp_extract(a, 'x', 0, 'i') AS x FROM t")
    alike = "SELECT jaro_winkler_similarity(a, b) AS x FROM t"
    assert "JAROWINKLER" in spark.to_spark(alike)
    assert spark.to_spark(alike, is_counted=True) == "SELECT CAST(0 AS DOUBLE) AS x FROM t"


def test_checks_are_at_hand_where_spark_is_loaded_and_no_file_is_run() -> None:
    code = "import pyspark; from pipelines.quality import expectations; print(expectations.__name__)"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert made.stdout.split() == ["pipelines.quality.expectations"]


# ----------------------------------------------------------------------------------------------------------------------
# A cluster


@dataclass
class Cluster:
    """A standalone master with workers on the loopback, each in a process group of its own."""

    home: Path
    url: str
    master: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self) -> None:
        """Start one more worker and wait until the master knows it."""
        known = self._log().count("Registering worker")
        name = f"worker{known}"
        arguments = ["--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "700m"]
        self.workers.append(
            start(self.home, name, "worker.Worker", [*arguments, "--work-dir", str(self.home / name), self.url])
        )
        wait(lambda: self._log().count("Registering worker") > known)

    def kill_worker(self) -> None:
        """Have the oldest worker and its executor die at once."""
        kill(self.workers.pop(0))

    def _log(self) -> str:
        return (self.home / "master.log").read_text(encoding="utf-8")


def start(home: Path, name: str, kind: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    program = Path(pyspark.__file__).parent / "bin" / "spark-class"
    with (home / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [str(program), f"org.apache.spark.deploy.{kind}", *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait(is_there) -> None:
    begun = time.monotonic()
    while not is_there():
        assert time.monotonic() - begun < SECONDS
        time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("cluster")
    (home / "spark-defaults.conf").write_text(
        "spark.driver.host 127.0.0.1\nspark.driver.bindAddress 127.0.0.1\nspark.driver.memory 700m\n"
        "spark.executor.memory 500m\nspark.network.timeout 60s\n",
        encoding="utf-8",
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        environment.setenv("SPARK_CONF_DIR", str(home))
        environment.setenv("SPARK_LOCAL_DIRS", str(home / "local"))
        master = start(
            home, "master", "master.Master", ["--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
        )
        there = Cluster(home, f"spark://127.0.0.1:{port}", master)
        wait(lambda: "I have been elected leader" in there._log())
        there.add_worker()
        there.add_worker()
        yield there
        for process in (*there.workers, there.master):
            kill(process)


def differences(ours: duckdb.DuckDBPyConnection, theirs: duckdb.DuckDBPyConnection, tables: list[str]) -> list[str]:
    """Tables whose columns, types or cells are not the same in both."""
    return [
        table
        for table in tables
        if ours.execute(f"DESCRIBE {table}").fetchall() != theirs.execute(f"DESCRIBE {table}").fetchall()
        or ours.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
        != theirs.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
    ]


@needs_java
@pytest.mark.spark
def test_a_cluster_publishes_the_same_bytes(
    committed_run: tuple[flow.Settings, flow.Outcome],
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, outcome = committed_run
    # The longest of the texts, as far as they are in UTF-8.
    monkeypatch.setattr(tables, "_LARGE", 70_000)
    monkeypatch.setattr(tables, "_SMALL", 0)
    on_spark = replace(
        settings,
        marts=tmp_path / "marts",
        warehouse=tmp_path / "warehouse.duckdb",
        engine="spark",
        spark_master=cluster.url,
    )
    numbered = []
    number = spark.Spark.number_lines

    def counted(there: spark.Spark, view: str, path: Path, *form: Any) -> bool:
        numbered.append(number(there, view, path, *form))
        return numbered[-1]

    monkeypatch.setattr(spark.Spark, "number_lines", counted)
    made = flow.run(on_spark, lambda _step, _detail: None)
    assert numbered
    assert all(numbered)
    assert made.code == outcome.code
    marts = [path.stem for path in sorted((settings.marts / "current").glob("*.parquet"))]
    assert len(marts) > 20
    ours, theirs = duckdb.connect(), duckdb.connect()
    for mart in marts:
        ours.execute(f"CREATE VIEW {mart} AS FROM '{settings.marts / mart}.parquet'")
        theirs.execute(f"CREATE VIEW {mart} AS FROM '{on_spark.marts / mart}.parquet'")
    assert differences(ours, theirs, marts) == []
    assert made.manifest["files"] == outcome.manifest["files"]
    assert not (tmp_path / "warehouse.duckdb.spark").exists()


#: Beside what breaks the rules of rows: what breaks those that look from one row or file to another.
ACROSS: dict[str, Rows] = {
    "towns.csv": [*BROKEN["towns.csv"], ["T5", "990000005", "白沙镇", "", "镇", "2014", "2013", ""]],
    "2015/information_accuracy.csv": BROKEN["2013/information_accuracy-补.csv"],
    "2015/information_accuracy-再.csv": BROKEN["2013/information_accuracy-补.csv"],
    "2015/online_filing.csv": [
        ["月份", "镇街", "代码", "参保企业数", "网上申报企业数"],
        ["1", "云溪镇", "990000002", "10", "9"],
    ],
    "2015/activities.csv": [
        ["镇街", "类型", "日期", "主题"],
        ["云溪镇", "培训", "2041-06-01", "全角　与\u200b看不见的"],
    ],
    "2013/review_records.csv": [
        ["步骤", "镇街", "条款", "日期", "经办人", "期限", "指纹"],
        ["预告", "", "", "2013-12-01", "甲", "2014-01-20", ""],
        ["意见", "云溪镇", "3.3.1", "2013-12-05", "乙", "", ""],
        ["签发", "", "", "2014-01-10", "甲", "", ""],
    ],
    "2015/statistical_reports.csv": [
        ["镇街", "报表", "期别", "应报日期", "上报日期", "差错数"],
        ["云溪镇人民政府 ", "月报", "１", "2014年2月1日", "2014.2.3", "9223372036854775807"],
    ],
    "2015/pension_renewal.csv": [
        ["镇街", "应续保人数", "实际续保人数", "年度目标任务", "完成数", "续保率"],
        ["云溪镇", "9223372036854775807", "9223372036854775807", "1", "1", "100%"],
        ["松原街道", "3", "2", "1", "1", "0.6667"],
    ],
}
#: What is broken nowhere: a sheet as long as Excel's longest would take its time.
UNBROKEN = {"perhaps_cut"}


@needs_java
@pytest.mark.spark
def test_every_check_counts_on_a_cluster_what_it_counts_here(cluster: Cluster, tmp_path: Path) -> None:
    connection = duckdb.connect()
    _read(connection, tmp_path / "raw", {**BROKEN, **ACROSS})
    checks = [check for check in every_check(CONTRACTS) if not check.models]
    ours = expectations.validate(transform.InDuckDB(connection), checks)
    assert {check.rule for check in checks if ours[check.name]} == {check.rule for check in checks} - UNBROKEN
    with spark.connect(connection, tmp_path / "warehouse.duckdb", cluster.url) as there:
        assert expectations.validate(there, checks) == ours


#: What people and programs write into cells, and what engines might not agree about.
WRITTEN = [
    *(text for _, text, _ in test_values.test_a_text_means_what_an_office_means_by_it.pytestmark[0].args[1]),
    *(row[1] for row in REGISTER),
    *("2013-00-10", "0000-00-00", "2013年2月30日", "20130231", "2099-12-31", "1900-01-01", "60.5", "昨天", "TRUE", "t"),
    *("1E5", "Infinity", "-inf", "0x1F", "１２．５", "½", "①", "Ⅻ", "5 000", "+5", "--5", "null", "N/A", "00:00", "'5"),
    *("-0", "-0.00", "12.345678901234567890", "7\n", "\x0b7\x0c", "12.50\u2029"),
    *("9223372036854775807", "-9223372036854775808"),
    *("990001195001010015", "990001195001010023", "990001195001010032\n", "990001195001010023\u2028"),
    *("990001500101001", " 99000119500101001５", "990001501301001", "99000119500101001x", "990001195001010000"),
    *("9.90001E+17", "990001", "记于 990001195001010015 名下", "990001 19500101 0015", "13 812345678901"),
    *("x" * 5000, "多\n行\r\n文\x85字", "a" * 64 + "\n"),
    *("合计", " 小 计：", "全市合计", "注：略", "填表人：甲", "审核培训", "单位：人", "松原街道\n", "云溪镇人民政府\n"),
    *("😀", "é", "e\u0301", "İ", "ß", "⼈民", "a\\b", 'a"b', "$1", "{}", "%", "_", "\x01"),
]
#: What can stand in a line of a text that is cut at commas and nothing else.
IN_A_LINE = [text for text in WRITTEN if not set(text) & set('\n\r",')]
SOURCES = ("contributions", "business_ledger", "pension_renewal", "online_filing", "adjustments", "publicity")


def columns_of(source: str, written: list[str], rows: int) -> dict[str, list[str]]:
    """Columns under their titles, each with all that is written, one shifted against the other."""
    return {
        field.title: [written[(row + 17 * step) % len(written)] for row in range(rows)]
        for step, field in enumerate(CONTRACTS[source].fields, start=1)
    }


def write_text(path: Path, source: str, rows: int, *, end: str = "\n", mark: str = "", more: str = "") -> None:
    """A text in UTF-8 with its header twice, a line that ends early, and ``more``."""
    columns = columns_of(source, IN_A_LINE, rows)
    lines = [",".join(row) for row in zip(*columns.values(), strict=True)]
    lines = [",".join(columns), *lines, ",".join(columns), "云溪镇", *filter(None, [more])]
    path.write_bytes((mark + end.join(lines) + end).encode())


def read_both_ways(
    raw: Path, ours: duckdb.DuckDBPyConnection, theirs: duckdb.DuckDBPyConnection, there: spark.Spark
) -> tuple[list[tuple[str, str, bool]], list[str]]:
    """Have a folder read by DuckDB and with Spark; what Spark was asked to number or fill and whether it did, and what
    was told.
    """
    asked: list[tuple[str, str, bool]] = []
    told: list[str] = []

    class Told:
        forget, cursor = there.forget, there.cursor

        def fill(self, table: str, *query: Any) -> bool:
            asked.append(("fill", table, there.fill(table, *query)))
            return asked[-1][2]

        def number_lines(self, view: str, path: Path, *form: Any) -> bool:
            asked.append(("number", path.stem, there.number_lines(view, path, *form)))
            return asked[-1][2]

    ingest(ours, raw, CONTRACTS, lambda _: None)
    ingest(theirs, raw, CONTRACTS, told.append, reader=Told())
    return asked, told


@needs_java
@pytest.mark.spark
def test_a_cluster_reads_and_types_large_files_as_the_database_does(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_LARGE", 0)
    monkeypatch.setattr(tables, "_SMALL", 0)
    raw = tmp_path / "raw"
    _write(raw, {"towns.xlsx": REGISTER})
    for year in ("2013", "2014"):
        (raw / year).mkdir()
    for source in SOURCES:
        columns = {title: [cell or None for cell in cells] for title, cells in columns_of(source, WRITTEN, 120).items()}
        pyarrow.parquet.write_table(pyarrow.table(columns), raw / "2013" / f"{source}.parquet", row_group_size=40)
        write_text(raw / "2014" / f"{source}.csv", source, 400)
    # The ends of lines and the mark that Windows writes.
    write_text(raw / "2014" / "contributions-云溪镇.csv", "contributions", 300, end="\r\n", mark="\ufeff")
    # What takes more than cutting lines at commas is for the database.
    write_text(raw / "2014" / "contributions-松原街道.csv", "contributions", 30, more='"松原街道",1')
    write_text(raw / "2014" / "contributions-柳湾镇.csv", "contributions", 30, more="柳湾镇," + "x" * (1 << 17))
    # Spark would read the first of these for the second.
    write_text(raw / "2014" / "contributions-a.csv", "contributions", 30)
    write_text(raw / "2014" / "contributions-[ab].csv", "contributions", 20)
    kinds = {
        "镇街": pyarrow.array(["云溪镇", None, "松原街道"]),
        "单位代码": pyarrow.array([990000001, None, -3], pyarrow.int32()),
        "证件号": pyarrow.array([990001195001010015, None, 990001195001010023], pyarrow.int64()),
        "缴费日期": pyarrow.array([datetime.date(2013, 5, 1), None, datetime.date(1582, 10, 10)]),
        "缴费金额": pyarrow.array([Decimal("0E-8"), None, Decimal("-1234567.10000000")], pyarrow.decimal128(20, 8)),
    }
    pyarrow.parquet.write_table(pyarrow.table(kinds), raw / "2013" / "contributions-补.parquet")
    figures = pyarrow.table({"镇街": ["云溪镇"], "核查记录数": [1e16], "准确记录数": [12.5]})
    pyarrow.parquet.write_table(figures, raw / "2013" / "information_accuracy.parquet")
    ours, theirs = duckdb.connect(), duckdb.connect()
    with spark.connect(theirs, tmp_path / "warehouse.duckdb", cluster.url) as there:
        # In many pieces, as very large ones are.
        there._session.conf.set("spark.sql.files.maxPartitionBytes", "48k")
        asked, told = read_both_ways(raw, ours, theirs, there)
        # The workers' logs and what they keep meanwhile.
        key = identity.key_path(None).read_bytes().strip().ljust(64, b"\0")
        secrets = [b"9900011950010100", *(bytes(byte ^ pad for byte in key) for pad in (0x36, 0x5C))]
        kept = [path.read_bytes() for path in cluster.home.rglob("*") if path.is_file()]
        assert not [secret for secret in secrets for content in kept if secret in content]
    left = {"contributions-松原街道", "contributions-柳湾镇", "contributions-[ab]"}
    assert {name for step, name, is_done in asked if not is_done} == left
    assert {text.partition(".csv")[0] for text in told if "DuckDB" in text} == {f"2014/{name}" for name in left}
    numbered = {name for step, name, is_done in asked if step == "number" and is_done}
    assert numbered == {*SOURCES, "contributions-云溪镇", "contributions-a"}
    # Floats are written in many ways, so the database reads them itself.
    filled = [name for step, name, _ in asked if step == "fill"]
    assert sorted(filled) == sorted(
        [f"raw_{source}" for source in SOURCES] * 2
        + ["raw_contributions"] * 3
        + [f"typed_{source}" for source in SOURCES]
    )
    assert ours.execute("SELECT count(*) FROM typed_contributions WHERE length(person_id) = 64").fetchall()[0][0] > 3
    read = ["delivery_file", "delivery_sheet", "delivery_column"]
    assert (
        differences(ours, theirs, [*read, *(f"{kind}_{source}" for source in SOURCES for kind in ("raw", "typed"))])
        == []
    )


@needs_java
@pytest.mark.spark
def test_a_parquet_file_that_is_not_whole_is_told_as_such(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_LARGE", 0)
    _write(tmp_path, {"towns.csv": REGISTER})
    (tmp_path / "2013").mkdir()
    table = pyarrow.table(
        {"镇街": ["云溪镇"] * 5000, "宣传橱窗": ["是"] * 5000, "工作简报": [str(n) for n in range(5000)]}
    )
    path = tmp_path / "2013" / "publicity.parquet"
    pyarrow.parquet.write_table(table, path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle - 4000 : middle] = b"\xff" * 4000
    path.write_bytes(content)
    connection = duckdb.connect()
    with (
        spark.connect(connection, tmp_path / "warehouse.duckdb", cluster.url) as there,
        pytest.raises(KaoheError) as told,
    ):
        ingest(connection, tmp_path, CONTRACTS, lambda _: None, reader=there)
    assert told.value.code == Exit.REJECTED
    assert [(problem.file, problem.rule) for problem in told.value.problems] == [("2013/publicity.parquet", "readable")]


#: Under both readings the first two, under the one in force the others.
SCORED = ("scored_term", "scored_item", "town_score", "item_score", "term_score", "section_score", "area_score")


@needs_java
@pytest.mark.spark
def test_losing_a_worker_on_the_way_changes_no_cell_of_another_city_s_scores(
    committed_run: tuple[flow.Settings, flow.Outcome], cluster: Cluster, tmp_path: Path
) -> None:
    settings, _ = committed_run
    published, edition = (settings.marts / "current").resolve(), rubric.load_edition(SISTER_CITY)
    readings = [
        rubric.scenario(edition),
        rubric.scenario(edition, "others", {"part_of_a_step": "whole", "veto": "severe", "articles_short": "nothing"}),
    ]
    ours, theirs = (rescoring.lay_out(published, edition, readings) for _ in range(2))
    rescoring.score(ours)
    models = transform.upstream(*SCORED, given=rescoring.GIVEN)

    def lose_one(model: str) -> None:
        if model == "scored_item":
            cluster.kill_worker()

    with spark.connect(theirs, tmp_path / "warehouse.duckdb", cluster.url) as there:
        there.run_models(models, lose_one)
    assert len(cluster.workers) == 1
    assert ours.execute("SELECT count(*) FROM town_score").fetchall()[0][0] > 100
    assert differences(ours, theirs, list(SCORED)) == []


@needs_java
@pytest.mark.spark
@pytest.mark.parametrize("at", ["ingest", "check", "score"])
def test_losing_every_worker_is_told_and_nothing_is_published(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setattr(spark, "PATIENCE", 5)
    if at == "ingest":
        monkeypatch.setattr(tables, "_LARGE", 0)
        monkeypatch.setattr(tables, "_SMALL", 0)
    write_demo(tmp_path / "raw", 2013, (2013,), 3, lambda _: None)
    on_spark = flow.Settings(
        tmp_path / "raw",
        tmp_path / "marts",
        tmp_path / "warehouse.duckdb",
        ROOT / "rubric" / "2013",
        engine="spark",
        spark_master=cluster.url,
    )

    def lose_all(step: str, _: str) -> None:
        while step == at and cluster.workers:
            cluster.kill_worker()

    if not cluster.workers:
        cluster.add_worker()
    with pytest.raises(KaoheError, match="no worker") as told:
        flow.run(on_spark, lose_all)
    assert told.value.code == Exit.ENVIRONMENT
    assert publication.read_manifest(on_spark.marts) is None
    assert not (tmp_path / "warehouse.duckdb.spark").exists()


@needs_java
@pytest.mark.spark
@pytest.mark.usefixtures("cluster")
def test_a_master_that_is_not_there_is_told(tmp_path: Path) -> None:
    connection = duckdb.connect()
    with (
        pytest.raises(KaoheError, match="Spark") as told,
        spark.connect(connection, tmp_path / "warehouse.duckdb", "spark://127.0.0.1:9"),
    ):
        pass
    assert told.value.code == Exit.ENVIRONMENT
    assert list(tmp_path.iterdir()) == []
    # What does not start leaves nothing that the next one would take for its own.
    assert pyspark.SparkContext._active_spark_context is None
