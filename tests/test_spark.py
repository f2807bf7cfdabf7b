"""The models on Spark: what sqlglot leaves to us, a real cluster of a master and two workers, and losing them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pytest
from sqlglot.errors import UnsupportedError

from pipelines import rubric, transform
from pipelines import run as flow
from pipelines.analysis import rescoring
from pipelines.demo import write_demo
from pipelines.errors import Exit, KaoheError
from pipelines.publish import publication
from pipelines.quality import expectations
from pipelines.quality.checks import every_check
from test_quality import BROKEN, CONTRACTS, Rows, _read

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
        (r"SELECT regexp_full_match(a, '[.]|\d') AS x FROM t", r"SELECT a RLIKE '\\A(?:[.]|\\d)\\z' AS x FROM t"),
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
    committed_run: tuple[flow.Settings, flow.Outcome], cluster: Cluster, tmp_path: Path
) -> None:
    settings, outcome = committed_run
    on_spark = replace(
        settings,
        marts=tmp_path / "marts",
        warehouse=tmp_path / "warehouse.duckdb",
        engine="spark",
        spark_master=cluster.url,
    )
    made = flow.run(on_spark, lambda _step, _detail: None)
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
@pytest.mark.parametrize("at", ["check", "score"])
def test_losing_every_worker_is_told_and_nothing_is_published(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setattr(spark, "PATIENCE", 5)
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
