"""Synthetic deliveries of a fictional city, so that there is something to grade; every row grows from one seed.

``draws.sql`` is how chance is drawn, ``unit.sql`` the city, ``town_year.sql`` its units in one year, and ``sources/``
holds one SELECT for each source, with the column names of its contract; ``persons/`` those of single persons.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.contracts import load_contracts
from pipelines.demo.offices import CITY, STYLES, Office, Style, Unit, write_as_offices_do
from pipelines.errors import Exit, KaoheError
from pipelines.sql_text import identifier, literal

if TYPE_CHECKING:
    import duckdb

__all__ = ["write_demo"]

FOLDER = Path(__file__).parent
#: Up to here files are styled as offices style them; a larger city is written plainly.
STYLED_TOWNS = 100
FORMATS = ("csv", "parquet")
PERSONS = (FOLDER / "persons" / "bank_receipts.sql", FOLDER / "persons" / "contributions.sql")
#: The fictional city has names and codes for this many units.
MOST_TOWNS = 36**3
#: A district has identity numbers for so many payers in each of its towns.
MOST_PAYERS = 1_000_000


def write_demo(
    folder: Path,
    seed: int = 2013,
    years: tuple[int, ...] = (2013, 2014, 2015, 2016, 2017),
    towns: int = 22,
    report: Callable[[str], None] = lambda _: None,
    file_format: str = "",
    person_level: int = 0,
) -> None:
    """Write ``towns.csv``, ``<year>/<source>.csv`` or ``.xlsx`` and a README.md into ``folder``.

    ``file_format``, one of ``FORMATS``, writes every delivery plainly in it; ``person_level`` is how many contributions
    of single persons there are in all years, with what the bank received of them: always Parquet.
    The same arguments give the same bytes. ``report`` hears of each year. An earlier demo in ``folder`` is replaced
    while nothing in it has changed; where anything else lies, KaoheError (usage), since deliveries are evidence.
    """
    if not years or not 0 < towns <= MOST_TOWNS:
        raise KaoheError(Exit.USAGE, f"--years: 至少一年 one year at least; --towns: 1–{MOST_TOWNS}")
    if file_format not in ("", *FORMATS):
        raise KaoheError(Exit.USAGE, f"--format: {' / '.join(FORMATS)}")
    most = MOST_PAYERS * len(years) * towns
    if not 0 <= person_level <= most:
        raise KaoheError(Exit.USAGE, f"--person-level: 0–{most}")
    earlier = _files(folder)
    if earlier and not _is_untouched_demo(folder):
        raise KaoheError(
            Exit.USAGE,
            f"{folder} 中有并非由 demo 生成、或生成后改动过的文件，未写入任何内容；请用 --raw 指定一个空文件夹 "
            f"({folder} holds files that are no demo or were changed since; nothing was written; "
            "give --raw an empty folder)",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=folder.parent) as name:
        aside = Path(name) / "raw"
        aside.mkdir()
        _write_deliveries(aside, seed, sorted(years), towns, report, file_format, person_level)
        command = f"kaohe demo --seed {seed} --years {min(years)}-{max(years)} --towns {towns}"
        command += f" --format {file_format}" if file_format else ""
        command += f" --person-level {person_level}" if person_level else ""
        (aside / "README.md").write_text(_readme(aside, command, seed, sorted(years), towns), encoding="utf-8")
        for path in earlier:
            path.unlink()
        shutil.copytree(aside, folder, dirs_exist_ok=True, copy_function=shutil.move)
        for path in folder.iterdir():
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _write_deliveries(
    folder: Path,
    seed: int,
    years: Sequence[int],
    towns: int,
    report: Callable[[str], None],
    file_format: str,
    person_level: int,
) -> None:
    import duckdb

    variables = {
        "seed": seed,
        "towns": towns,
        "first_year": years[0],
        "last_year": years[-1],
        "renamed_in": years[len(years) // 2],
        "payers": person_level // len(years),
    }
    imprint = f"合成数据（synthetic data），由 kaohe demo 以种子 {seed} 生成，不涉及任何真实单位。"
    sources = [path.stem for path in sorted((FOLDER / "sources").glob("*.sql")) if path.stem != "towns"]

    def style_of(source: str, elapsed: int) -> Style | None:
        styles = STYLES[source]
        return styles[elapsed % len(styles)] if towns <= STYLED_TOWNS and not file_format else None

    with duckdb.connect() as connection, ThreadPoolExecutor() as pool:
        for name, value in variables.items():
            connection.execute(f"SET VARIABLE {name} = {value}")
        connection.execute(_sql("draws"))
        connection.execute(f"CREATE TABLE unit AS {_sql('unit')}")
        connection.execute(_sql("persons/digits"))
        _write(connection, folder / "towns", style_of("towns", 0), "", imprint, file_format or "csv")
        for elapsed, year in enumerate(years):
            report(f"{year} …")
            connection.execute(f"SET VARIABLE year = {year}")
            connection.execute(f"CREATE OR REPLACE TABLE town_year AS {_sql('town_year')}")
            connection.execute(f"CREATE OR REPLACE VIEW payment AS {_sql('persons/payment')}")
            (folder / str(year)).mkdir()
            # One core writes a file, so several files are written at a time.
            writing = [
                pool.submit(
                    _write,
                    connection.cursor(),
                    folder / str(year) / source,
                    style_of(source, elapsed),
                    f"{year}年度",
                    imprint,
                    file_format or "csv",
                )
                for source in sources
            ]
            if person_level:
                writing += [
                    pool.submit(_write_plainly, connection.cursor(), folder / str(year) / path.stem, query, "parquet")
                    for path in PERSONS
                    for query in [path.read_text(encoding="utf-8")]
                ]
            for each in writing:
                each.result()


def _write(
    connection: duckdb.DuckDBPyConnection,
    stem: Path,
    style: Style | None,
    period: str,
    imprint: str,
    file_format: str,
) -> None:
    """Write the source ``stem`` is named after: in a style, or plainly.

    A source in a style that has no rows in the year is not delivered.
    """
    query = _sql(f"sources/{stem.name}")
    if style is None:
        _write_plainly(connection, stem, query, file_format)
    elif rows := connection.execute(query).fetchall():
        columns = [row[0] for row in connection.execute(f"DESCRIBE {query}").fetchall()]
        described = connection.execute("SELECT town_name, town_code, short_name, kind, district FROM unit").fetchall()
        units = {name: Unit(*more) for name, *more in described}
        contract = load_contracts()[stem.name]
        write_as_offices_do(stem, contract, columns, rows, Office(style, units, period, imprint))


def _write_plainly(connection: duckdb.DuckDBPyConnection, stem: Path, query: str, file_format: str) -> None:
    """Write what ``query`` gives of the source ``stem`` is named after straight from the database."""
    contract = load_contracts()[stem.name]
    columns = [row[0] for row in connection.execute(f"DESCRIBE {query}").fetchall()]
    headed = ", ".join(f"{identifier(name)} AS {identifier(contract.field(name).title)}" for name in columns)
    path = literal(stem.with_suffix(f".{file_format}"))
    connection.execute(f"COPY (SELECT {headed} FROM ({query})) TO {path} (FORMAT {file_format})")


def _sql(name: str) -> str:
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    """Everything in ``folder`` but hidden files."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _fingerprint(folder: Path) -> str:
    """One hash of the names and contents of all deliveries in ``folder``."""
    whole = hashlib.sha256()
    for path in _files(folder):
        if path.relative_to(folder).as_posix() != "README.md":
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            whole.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return whole.hexdigest()


def _is_untouched_demo(folder: Path) -> bool:
    """Whether the README.md in ``folder`` vouches for every file beside it."""
    readme = folder / "README.md"
    return readme.is_file() and _fingerprint(folder) in readme.read_text(encoding="utf-8")


def _readme(folder: Path, command: str, seed: int, years: Sequence[int], towns: int) -> str:
    span = f"{years[0]}–{years[-1]}"
    return f"""\
# 合成数据 Synthetic data

本文件夹中的全部报送文件均为**合成数据**，由 `{command}` 生成（种子 {seed}，{span} 年，{towns} 个镇街）。
{CITY}及其镇街、考核人、各项数字均属虚构，代码以 99 开头，不对应任何真实区划，也不代表任何真实单位的工作。
同一命令生成的内容相同；请勿手工修改，要用真实数据，请另设文件夹或整体替换。

Every delivery in this folder is **synthetic**, made by `{command}` (seed {seed}, {span}, {towns} towns).
The city of {CITY}, its towns, its assessors and all figures are invented; the codes begin with 99 and belong to no real
county, and nothing here says anything about a real office. The same command writes the same content; do not edit it by
hand, and put real deliveries into a folder of their own or in place of all of it.

指纹 fingerprint: `{_fingerprint(folder)}`
"""
