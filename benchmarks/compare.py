"""Kaohe beside other ways of doing the same checks and scores on the same input.

    python benchmarks/compare.py city        22 towns, 5 years, CSV
    python benchmarks/compare.py province    1,500 towns, 5 years, Parquet
    python benchmarks/compare.py country     40,000 towns, 5 years, Parquet: near 30 million rows

Every run is a process of its own, from start to results on disk; the ways take turns, so that a busy machine is busy
for all of them. They check each other: totals, grades and ranks of every town-year have to be the same to the last
digit, and each way has to refuse an input with a figure above its limit, or nothing is measured. After each run of
Kaohe it runs again, once with nothing changed and once with one figure of one file changed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import duckdb

from pipelines import rubric
from pipelines.contracts import load_contracts
from pipelines.errors import Exit

ROOT = Path(__file__).parents[1]
PEERS = Path(__file__).with_name("peers")
EDITION = ROOT / "rubric" / "2013"
GIB = 1024 * 1024
#: How each way leaves when it refuses its input.
REFUSED = {"kaohe": Exit.GATE, "duckdb": 3, "pandas": 3, "polars": 3}

#: What is measured on: towns, format of the deliveries, ways.
INPUTS = {
    "city": (22, "csv", ("kaohe", "duckdb", "pandas", "polars", "workbook")),
    "province": (1500, "parquet", ("kaohe", "duckdb", "pandas", "polars")),
    "country": (40000, "parquet", ("kaohe", "duckdb", "pandas", "polars")),
}
WORDS = {
    "kaohe": "kaohe run --results-only",
    "unchanged": "the same again, nothing changed",
    "one file": "the same again, one file changed",
    "duckdb": "DuckDB script (the floor)",
    "pandas": "pandas script, vectorised",
    "polars": "Polars script, streaming",
    "workbook": "workbook, LibreOffice",
}

Result = dict[tuple[int, str], tuple[int | None, str | None, int | None]]


@dataclass(frozen=True)
class Spent:
    """What one process took: seconds by the clock and of work, and the most memory it held (GiB)."""

    clock: float
    work: float
    memory: float


def main() -> int:
    """Lay out the input, hold the ways to each other, measure them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=INPUTS)
    parser.add_argument("--format", choices=("csv", "parquet"), help="of the deliveries; without it what is said above")
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each way, after one that is not")
    parser.add_argument(
        "--memory-limit", default="", help="what Kaohe's database may use, as 6GB; else it takes its own"
    )
    parser.add_argument("--without", nargs="*", default=[], choices=WORDS, help="ways to leave out")
    given = parser.parse_args()
    towns, file_format, ways = INPUTS[given.name]
    file_format = given.format or file_format
    left_out = {*given.without, *(() if shutil.which("soffice") else ("workbook",))}
    ways = tuple(way for way in ways if way not in left_out)
    with tempfile.TemporaryDirectory(prefix="kaohe-benchmark-") as folder:
        home = Path(folder)
        os.environ["KAOHE_KEY_FILE"] = str(home / "person.key")
        kaohe = [sys.executable, "-c", "from pipelines.cli import main; main()"]
        demo = [*kaohe, "demo", "--towns", str(towns), "--format", file_format, "--raw", str(home / "raw")]
        subprocess.run(demo, check=True, capture_output=True, cwd=ROOT)
        _write_rules(home / "raw", home / "rules.json")
        limit = ["--memory-limit", given.memory_limit] if given.memory_limit else []
        bench = _Bench(home, kaohe, limit)
        for way in ways:
            bench.prepare(way)
        told = bench.hold_to_each_other(ways)
        spent: dict[str, list[Spent]] = {way: [] for way in WORDS if way in {*ways, *bench.again}}
        for turn in range(given.rounds):
            for way in ways[turn % len(ways) :] + ways[: turn % len(ways)]:
                spent[way].append(bench.run(way, home / "raw")[1])
                if way == "kaohe":
                    for again in bench.again:
                        spent[again].append(bench.run_again(again))
    limited = f", Kaohe within {given.memory_limit}" if given.memory_limit else ""
    print(f"{given.name}: {towns} towns, {told}, {file_format}{limited}; {_machine()}\n")
    print(_table(spent, given.rounds))
    if left_out:
        print("\nnot measured:", ", ".join(WORDS[way] for way in sorted(left_out)))
    return 0


class _Bench:
    """Runs the ways in a folder of its own."""

    again = ("unchanged", "one file")

    def __init__(self, home: Path, kaohe: list[str], limit: list[str]) -> None:
        self._home = home
        self._kaohe = kaohe
        self._limit = limit

    def prepare(self, way: str) -> None:
        """What is there before work begins: an office has its workbook, with the deliveries pasted in."""
        if way == "workbook":
            make = [sys.executable, str(PEERS / "make_workbook.py"), *map(str, (self._rules, self._home / "raw"))]
            subprocess.run([*make, str(self._home / "totals.xlsx")], check=True)

    @property
    def _rules(self) -> Path:
        return self._home / "rules.json"

    def run(self, way: str, raw: Path) -> tuple[int, Spent]:
        """Run a way from nothing; its exit code and what it took."""
        out = self._home / way
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        if way == "kaohe":
            command = self._run_kaohe(raw)
        elif way == "workbook":
            profile = f"-env:UserInstallation=file://{self._home}/office"
            convert = ("--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76", "--outdir", str(out))
            command = ["soffice", profile, *convert, str(self._home / "totals.xlsx")]
        else:
            script = PEERS / f"{way}_script.py"
            command = [sys.executable, *map(str, (script, self._rules, raw, out / "totals.csv"))]
        return self._measured(way, command)

    def run_again(self, again: str) -> Spent:
        """Run Kaohe again on what it has just worked, with nothing or one file changed."""
        raw = self._home / "raw"
        if again == "one file":
            raw = self._home / "changed"
            shutil.rmtree(raw, ignore_errors=True)
            shutil.copytree(self._home / "raw", raw)
            _change(raw, 'least("应认证人数", 1)')
        code, spent = self._measured(again, self._run_kaohe(raw))
        if code:
            sys.exit(f"{WORDS[again]} left with {code}:\n{(self._home / f'{again}.log').read_text()}")
        return spent

    def _run_kaohe(self, raw: Path) -> list[str]:
        out = self._home / "kaohe"
        where = ("--raw", raw, "--marts", out / "marts", "--warehouse", out / "warehouse.duckdb")
        rules = ("--rubric", str(EDITION.parent))
        return [*self._kaohe, "run", "--results-only", *map(str, where), *rules, *self._limit]

    def _measured(self, way: str, command: list[str]) -> tuple[int, Spent]:
        with (self._home / f"{way}.log").open("wb") as log:
            begun = time.monotonic()
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
            _, status, used = os.wait4(process.pid, 0)
            clock = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, Spent(clock, used.ru_utime + used.ru_stime, used.ru_maxrss / GIB)

    def result(self, way: str) -> Result:
        """What a way came to: (year, town_id) → total in hundredths, grade and rank, those of final totals."""
        out = self._home / way
        if way == "kaohe":
            query = f"""SELECT year, town_id, (total * 100)::BIGINT, if(total IS NULL, NULL, grade), rank
                FROM '{out}/marts/town_score.parquet'"""
        else:
            query = f"""SELECT year, town_id, total, grade, rank FROM read_csv('{out}/totals.csv', header = true,
                columns = {{year: BIGINT, town_id: VARCHAR, total: BIGINT, grade: VARCHAR, rank: BIGINT}})"""
        return {(year, town): tuple(more) for year, town, *more in duckdb.execute(query).fetchall()}

    def hold_to_each_other(self, ways: tuple[str, ...]) -> str:
        """Leave where ways differ, or where one takes a broken figure; what they agree on, in words."""
        harmed = _harmed(self._home / "raw", self._home / "harmed")
        agreed: Result = {}
        for way in ways:
            code, _ = self.run(way, self._home / "raw")
            if code:
                sys.exit(f"{WORDS[way]} left with {code}:\n{(self._home / f'{way}.log').read_text()}")
            found = self.result(way)
            agreed = agreed or found
            differing = sorted(key for key in agreed.keys() | found.keys() if agreed.get(key) != found.get(key))
            if differing:
                shown = [(key, agreed.get(key), found.get(key)) for key in differing[:5]]
                sys.exit(
                    f"{WORDS[way]} differs in {len(differing)} of {len(agreed)} town-years from {ways[0]}: {shown}"
                )
            # A workbook checks nothing.
            if way != "workbook" and self.run(way, harmed)[0] != REFUSED[way]:
                sys.exit(f"{WORDS[way]} does not refuse a figure above its limit")
        final = sum(total is not None for total, *_ in agreed.values())
        return f"{len(agreed)} town-years, {final} with a final total, alike in all {len(ways)} ways"


def _harmed(raw: Path, folder: Path) -> Path:
    """The same deliveries with one town having more recipients certified than due."""
    shutil.copytree(raw, folder)
    _change(folder, '"应认证人数" + 1')
    return folder


def _change(folder: Path, certified: str) -> None:
    """Have one town with another number of recipients certified: SQL over the row."""
    (path,) = folder.glob("2014/benefit_authentication.*")
    form = "csv, HEADER" if path.suffix == ".csv" else "parquet"
    whole = f"""SELECT * REPLACE (if(row_number() OVER () = 2, {certified}, "已认证人数") AS "已认证人数")
        FROM '{path}'"""
    duckdb.execute(f"COPY ({whole}) TO '{path}.new' (FORMAT {form})")
    path.with_name(path.name + ".new").replace(path)


def _write_rules(raw: Path, path: Path) -> None:
    """The contracts of what was delivered, and the items, as plain data: the scripts need not read YAML."""
    contracts = load_contracts()
    names = ["towns", *sorted({file.stem for file in raw.glob("[0-9]*/*.*")})]
    connection = duckdb.connect()
    edition = rubric.load_edition(EDITION)
    rubric.load_into(connection, edition, [rubric.scenario(edition)])
    items = connection.execute(
        """SELECT item, item.kind, (available * 100)::BIGINT, bool_or(term.kind IN ('judged', 'bonus'))
        FROM rubric_item AS item INNER JOIN rubric_term AS term USING (item) GROUP BY ALL ORDER BY item"""
    ).fetchall()
    rules = {
        "years": sorted(int(folder.name) for folder in raw.glob("[0-9]*")),
        "sources": {
            name: {
                "fields": [
                    {"name": field.name, "title": field.title, "type": field.type}
                    | field.constraints.model_dump(include={"required", "minimum", "maximum", "enum"})
                    for field in contracts[name].fields
                ],
                "key": contracts[name].primary_key,
                "not_above": [(rule.field, rule.limit) for rule in contracts[name].rules if rule.rule == "not_above"],
            }
            for name in names
        },
        "items": [
            {"item": item, "kind": kind, "points": points, "is_judged": is_judged}
            for item, kind, points, is_judged in items
        ],
    }
    path.write_text(json.dumps(rules, ensure_ascii=False), encoding="utf-8")


def _machine() -> str:
    processor = platform.processor() or platform.machine()
    with Path("/proc/cpuinfo").open(encoding="utf-8") as told:
        processor = next((line.partition(": ")[2].strip() for line in told if line.startswith("model name")), processor)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB / 1024
    libraries = " ".join(f"{name} {version(name)}" for name in ("duckdb", "pandas", "polars"))
    return (
        f"{os.cpu_count()} × {processor}, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {libraries}"
    )


def _table(spent: dict[str, list[Spent]], rounds: int) -> str:
    """Medians, and ratios to the floor: by the clock, of work (all cores together), and peak memory."""
    lines = [
        f"medians of {rounds} interleaved runs; × is the ratio to the floor",
        "",
        "| way | seconds | × | seconds of work | × | peak memory, GiB | × |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    medians = {
        way: [median(getattr(each, name) for each in runs) for name in ("clock", "work", "memory")]
        for way, runs in spent.items()
    }
    floor = medians["duckdb"]
    for way, found in medians.items():
        cells = [cell for value, least in zip(found, floor, strict=True) for cell in (f"{value:.2f}", value / least)]
        shown = [cell if isinstance(cell, str) else f"{cell:.1f}" for cell in cells]
        lines.append(f"| {WORDS[way]} | {' | '.join(shown)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
