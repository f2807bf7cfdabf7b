"""Ledgers of single persons: the whole of Kaohe beside the bare queries, and with little memory.

    python benchmarks/persons.py 10000000                   contributions, and what the bank received of them
    python benchmarks/persons.py 100000000 --memory-limit 2GB

The bare queries are the models of renewal and reconciliation on the files as they are: nothing is checked, hashed, kept
or told. Both have to come to the same counts, or nothing is told. The work of the models within Kaohe is measured too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from pipelines import transform

ROOT = Path(__file__).parents[1]
GIB = 1024 * 1024
MODELS = ("renewal_count", "record_mismatch")
SOURCES = {
    "contributions": '"缴费日期" AS paid_on, "缴费金额" AS amount_yuan',
    "bank_receipts": '"到账日期" AS received_on, "到账金额" AS amount_yuan',
}
#: What both have to agree on, of the tables in a warehouse.
AGREED = {
    "renewal": "SELECT year, town_id, insured_before, renewed FROM renewal_count ORDER BY ALL",
    "outcomes": "SELECT year, town_id, outcome, count(*) FROM record_mismatch GROUP BY ALL ORDER BY ALL",
}


def main() -> int:
    """Lay out the ledgers, run both ways and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("payments", type=int, help="contributions of single persons in all")
    parser.add_argument("--towns", type=int, default=300)
    parser.add_argument("--memory-limit", default="")
    parser.add_argument("--bare", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        _bare(*given.bare, given.memory_limit)
        return 0
    with tempfile.TemporaryDirectory(prefix="kaohe-benchmark-") as folder:
        home = Path(folder)
        os.environ["KAOHE_KEY_FILE"] = str(home / "person.key")
        kaohe = [sys.executable, "-c", "from pipelines.cli import main; main()"]
        sizes = ["--years", "2013-2014", "--towns", str(given.towns), "--person-level", str(given.payments)]
        subprocess.run(
            [*kaohe, "demo", "--format", "parquet", *sizes, "--raw", str(home / "raw")], check=True, cwd=ROOT
        )
        bare = [sys.executable, __file__, str(given.payments), "--bare", str(home / "raw"), str(home / "bare.duckdb")]
        where = ["--raw", home / "raw", "--marts", home / "marts", "--warehouse", home / "kaohe.duckdb"]
        limit = ["--memory-limit", given.memory_limit] if given.memory_limit else []
        spent = {
            "bare queries": _measured([*bare, *limit]),
            "kaohe run --results-only": _measured([*kaohe, "run", "--results-only", *map(str, where), *limit]),
        }
        for question, query in AGREED.items():
            found = [_asked(home / f"{name}.duckdb", query) for name in ("bare", "kaohe")]
            if found[0] != found[1] or not found[0]:
                sys.exit(f"{question}: {len(found[0])} and {len(found[1])} rows differ")
        spent["its models alone, on its own tables"] = _measured([*bare[:4], str(home / "kaohe.duckdb"), "-", *limit])
    print(f"{given.payments:,} payments; {given.memory_limit or 'no'} memory limit; load {os.getloadavg()[0]:.1f}\n")
    print("| way | seconds | seconds of work | × | peak memory, GiB |\n|---|--:|--:|--:|--:|")
    floor = spent["bare queries"][1]
    for way, (clock, work, memory) in spent.items():
        print(f"| {way} | {clock:.1f} | {work:.1f} | {work / floor:.2f} | {memory:.2f} |")
    return 0


def _bare(raw: Path, database: Path, memory_limit: str) -> None:
    """Run the models on the files below ``raw``, or where ``raw`` is a warehouse on its tables."""
    is_warehouse = raw.suffix == ".duckdb"
    with duckdb.connect(str(raw if is_warehouse else database)) as connection:
        if memory_limit:
            connection.execute("SET memory_limit = ?", [memory_limit])
        if not is_warehouse:
            _lay_out(connection, raw)
        models = transform.load_models()
        for name in MODELS:
            connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS\n{models[name].select}")
            if not is_warehouse:
                connection.execute(f"CREATE TABLE {name} AS FROM made")


def _lay_out(connection: duckdb.DuckDBPyConnection, raw: Path) -> None:
    connection.execute(f"CREATE TABLE town AS FROM '{raw}/towns.parquet'")
    for source, columns in SOURCES.items():
        connection.execute(f"""
            CREATE VIEW accepted_{source} AS
            SELECT payment."年度" AS year, town."单位编号" AS town_id, payment."证件号" AS person_id, {columns},
                payment.filename AS source_file, '' AS source_sheet, payment.file_row_number AS source_row
            FROM read_parquet('{raw}/*/{source}.parquet', filename = TRUE, file_row_number = TRUE) AS payment
            INNER JOIN town ON payment."镇街" = town."名称\"""")
    connection.execute("""
        CREATE TABLE accepted_pension_exits (year INTEGER, town_id VARCHAR, person_id VARCHAR);
        CREATE TABLE record_scope AS
        SELECT DISTINCT year, town_id, 'computable' AS reconciliation_status FROM accepted_contributions""")
    connection.execute(f"CREATE TABLE receipt_tolerance AS {transform.load_models()['receipt_tolerance'].select}")


def _asked(database: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def _measured(command: list[str]) -> tuple[float, float, float]:
    """Seconds by the clock and of work, and GiB held at most."""
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{json.dumps(command)} left with {process.returncode}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / GIB


if __name__ == "__main__":
    sys.exit(main())
