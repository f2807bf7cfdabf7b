"""Publishing: marts are written aside, then one rename makes them the published set.

``data/marts/current`` points at one folder below ``data/marts/.publications``; the files beside it
(``town_score.parquet`` …) are links through ``current``. Moving ``current`` is the one atomic step, and a reader who
follows it once reads one set, old or new, never a mix. A folder that was published is never moved or written again.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import interruption
from pipelines.errors import Exit, KaoheError
from pipelines.publish import chain
from pipelines.publish.chain import CURRENT, JOURNAL, MANIFEST, STORE, Publication, sha256
from pipelines.publish.received import file_name, keep_received
from pipelines.publish.suppression import shared
from pipelines.sql_text import literal
from pipelines.transform import Model, describe, tables

if TYPE_CHECKING:
    import duckdb

    from pipelines.contracts import Contract

KEPT = 5

#: Rows a sheet of Excel holds below its header. CSV is there to be opened in it: a longer mart is Parquet alone.
MOST_CSV_ROWS = 1_048_575

_MARK = "\ufeff"

#: What nobody sees in front of a text.
_BLANK = r"[\s\x00-\x20\x{a0}\x{ad}\x{200b}-\x{200f}\x{2060}\x{3000}\x{feff}]"
#: How a text begins that a spreadsheet may take for a formula; Chinese ones know the full-width signs too.
_FORMULA = rf"^{_BLANK}*[{{]?[=+@\-\x{{ff1d}}\x{{ff0b}}\x{{ff0d}}\x{{ff20}}]|^[\t\r\n]"
#: A figure, or a sign that stands for there being none.
_NUMBER = "^[-+]?([0-9]+([.][0-9]+)?%?)?$"

_TABLE_SCHEMA_TYPES = {"VARCHAR": "string", "BOOLEAN": "boolean", "DATE": "date", "DECIMAL": "number"}


def read_manifest(marts: Path) -> dict[str, Any] | None:
    """The manifest of the published set, or None where nothing is published or it cannot be read."""
    try:
        manifest: dict[str, Any] = json.loads((marts / CURRENT / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest


def publish(
    connection: duckdb.DuckDBPyConnection,
    marts: Path,
    models: Sequence[Model],
    manifest: Mapping[str, Any],
    report: Callable[[str], None] = lambda _: None,
    received: Sequence[Contract] = (),
    unchanged: Collection[str] = (),
) -> Path:
    """Write every mart as Parquet and CSV with its data package and manifest, and make them the published set.

    A mart of more than ``MOST_CSV_ROWS`` rows is written as Parquet alone. The rows as received of the sources
    ``received`` are kept with them. ``manifest`` holds what went in (its ``run_id`` names the publication); the files
    written and the place in the chain are added to it. The files of the marts and sources ``unchanged`` are those
    published now. Returns the folder of the publication. Whatever fails, the set published before stays as it was.
    """

    def write(folder: Path) -> Mapping[str, Any]:
        rows = {}
        for model in models:
            if model.name in unchanged:
                rows[model.name] = _count(connection, f"SELECT count(*) FROM {model.name}")
            else:
                report(model.name)
                rows[model.name] = _write_mart(connection, model, folder)
        _write_json(folder / "datapackage.json", _data_package(connection, models, manifest, rows))
        if unchanged:
            kept = {
                f"{model.name}.{form}" for model in models if model.name in unchanged for form in ("parquet", "csv")
            }
            kept |= {file_name(contract) for contract in received if contract.name in unchanged}
            _copy(marts / CURRENT, folder, kept)
        keep_received(connection, [contract for contract in received if contract.name not in unchanged], folder)
        return {**manifest, "rows": rows}

    return _make_current(marts, str(manifest["run_id"]), write)


def restore(marts: Path, run_id: str) -> Publication:
    """Publish the newest kept result of ``run_id`` again, as a publication of its own; what it is in the chain.

    Where that result is what is published, and whole, nothing is done. KaoheError (usage) for a run that is not kept,
    (integrity) for one that is no longer what it was.
    """
    published = chain.read_chain(marts)
    kept = [publication for publication in published if (marts / STORE / publication.folder).is_dir()]
    found = [publication for publication in kept if publication.run_id == run_id]
    if not found:
        listed = " ".join(dict.fromkeys(publication.run_id for publication in reversed(kept)))
        told = f"{run_id}: 没有保留这次运行的结果，可恢复的有 no result of this run is kept; there are: {listed}"
        raise KaoheError(Exit.USAGE, told)
    whole = [publication for publication in found if chain.is_whole(marts, publication)]
    if not whole:
        told = f"{run_id}: 保留的结果已损坏，不能恢复 what is kept of it is damaged and was not restored"
        raise KaoheError(Exit.INTEGRITY, told, chain.verify(marts).problems)
    brought_back = whole[-1]
    if brought_back == published[-1] and chain.is_intact(marts):
        return brought_back
    source = marts / STORE / brought_back.folder

    def copy(folder: Path) -> Mapping[str, Any]:
        manifest = _copy(source, folder)
        went_in = {key: value for key, value in manifest.items() if key not in {"sequence", "previous", "files"}}
        return {**went_in, "restored": brought_back.sequence}

    _make_current(marts, run_id, copy)
    return chain.read_chain(marts)[-1]


def whose() -> str:
    """User and host this process works for."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


def check_marts(connection: duckdb.DuckDBPyConnection, models: Sequence[Model], left_out: Collection[str] = ()) -> None:
    """Prove of the built marts what must hold of every publication; KaoheError (integrity) naming all that does not.

    Of the models ``left_out`` nothing was computed, and nothing is promised.
    """
    broken = []
    for model in models:
        key = ", ".join(model.key)
        doubled = _count(connection, f"SELECT count(*) - count(DISTINCT ({key})) FROM {model.name}")
        if doubled:
            broken.append(f"{model.name}: {doubled} rows share ({key}) with another")
    for promise, query in _PROMISES.items():
        if tables(query).intersection(left_out):
            continue
        failing = _count(connection, query)
        if failing:
            broken.append(f"{promise}: {failing} rows break it")
    if broken:
        raise KaoheError(Exit.INTEGRITY, "the marts contradict themselves; nothing was published: " + "; ".join(broken))


#: What must hold between marts: promise → query counting the rows that break it.
_PROMISES = {
    "a town's points are the sum of its items": """
        SELECT count(*) FROM town_score AS town
        LEFT JOIN (
            SELECT year, town_id, sum(points_low) AS low, sum(points_high) AS high, bool_or(points IS NULL) AS is_open
            FROM item_score WHERE kind = 'scored' GROUP BY year, town_id
        ) AS item USING (year, town_id)
        WHERE (town.status = 'final' AND (town.points <> item.low OR town.points <> item.high OR item.is_open))
            OR item.low IS NULL""",
    "areas and sections add up to the town": """
        SELECT count(*) FROM town_score AS town
        LEFT JOIN (SELECT year, town_id, sum(points) AS points FROM area_score GROUP BY ALL) AS area
            USING (year, town_id)
        LEFT JOIN (SELECT year, town_id, sum(points) AS points FROM section_score GROUP BY ALL) AS section
            USING (year, town_id)
        WHERE town.status = 'final'
            AND (town.points IS DISTINCT FROM area.points OR town.points IS DISTINCT FROM section.points)""",
    "every town has every item of the rubric once": """
        SELECT count(*) FROM (
            SELECT town.year, town.town_id, count(item.item) AS items
            FROM town_score AS town LEFT JOIN item_score AS item USING (year, town_id) GROUP BY ALL
        ) WHERE items <> (SELECT count(*) FROM rubric_item)""",
    "every item has one of the four statuses and points within its bounds": """
        SELECT count(*) FROM item_score
        WHERE status NOT IN ('scored', 'judged', 'missing', 'not_applicable') OR status IS NULL
            OR (status = 'missing') <> (points IS NULL)
            OR points_low > points_high OR points_low < 0 OR (kind = 'scored' AND points_high > available)""",
    "a final town has a grade and a rank, a provisional one no rank": """
        SELECT count(*) FROM town_score
        WHERE (status = 'final') <> (rank IS NOT NULL)
            OR (status = 'final' AND grade IS NULL AND condition_met IS NOT NULL)""",
    "the parts of a change add up to it": """
        SELECT count(*) FROM town_score AS town
        INNER JOIN town_score AS previous ON town.town_id = previous.town_id AND town.year = previous.year + 1
        LEFT JOIN (
            SELECT year, town_id, sum(points) AS points, sum(points_low) AS low, sum(points_high) AS high
            FROM change_part GROUP BY ALL
        ) AS part ON town.year = part.year AND town.town_id = part.town_id
        WHERE coalesce(part.low, 0) <> town.total_low - previous.total_low
            OR coalesce(part.high, 0) <> town.total_high - previous.total_high
            OR coalesce(part.points, 0) <> coalesce(town.total - previous.total, 0)""",
    "every town of the register is graded in every year": """
        SELECT count(*) FROM town_year LEFT JOIN town_score USING (year, town_id) WHERE town_score.status IS NULL""",
}


def _write_mart(connection: duckdb.DuckDBPyConnection, model: Model, folder: Path) -> int:
    columns = [row[:2] for row in connection.execute(f"DESCRIBE {model.name}").fetchall()]
    order = ", ".join(model.key)
    parquet, csv = folder / f"{model.name}.parquet", folder / f"{model.name}.csv"
    connection.execute(f"COPY (FROM ({shared(model)}) ORDER BY {order}) TO {literal(parquet)} (FORMAT parquet)")
    rows = _count(connection, f"SELECT count(*) FROM {model.name}")
    if rows > MOST_CSV_ROWS:
        return rows
    # A byte order mark in front of the first header is how Excel knows a CSV file for UTF-8.
    marked = ", ".join(
        f'{_inert(name, kind)} AS "{_MARK if at == 0 else ""}{name}"' for at, (name, kind) in enumerate(columns)
    )
    connection.execute(
        f"COPY (SELECT {marked} FROM read_parquet({literal(parquet)})) TO {literal(csv)} (FORMAT csv, HEADER)"
    )
    return rows


def _copy(published: Path, folder: Path, names: Collection[str] | None = None) -> dict[str, Any]:
    """Copy the files of a publication, or those of them among ``names``; its manifest.

    KaoheError (integrity) where one is not what the manifest says.
    """
    manifest: dict[str, Any] = json.loads((published / MANIFEST).read_text(encoding="utf-8"))
    for name, entry in manifest["files"].items():
        if names is None or name in names:
            shutil.copyfile(published / name, folder / name)
            if sha256(folder / name) != entry["sha256"]:
                told = f"{published / name}: changed while it was copied; nothing was published"
                raise KaoheError(Exit.INTEGRITY, told)
    return manifest


def _inert(column: str, kind: str) -> str:
    """SQL for a column as a spreadsheet may open it: a text it would take for a formula has an apostrophe in front.

    Figures are no texts, and a text that is a figure stays one; the Parquet file has every text as it is.
    """
    if kind != "VARCHAR":
        return f'"{column}"'
    return (
        f"CASE WHEN regexp_matches(\"{column}\", '{_FORMULA}') AND NOT regexp_matches(\"{column}\", '{_NUMBER}') "
        f"THEN '''' || \"{column}\" ELSE \"{column}\" END"
    )


def _data_package(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[Model],
    manifest: Mapping[str, Any],
    rows: Mapping[str, int],
) -> dict[str, Any]:
    resources = []
    for model in models:
        fields = [
            {
                "name": name,
                "type": _TABLE_SCHEMA_TYPES.get(kind.partition("(")[0], "integer"),
                "description": describe(model, name),
            }
            for name, kind, *_ in connection.execute(f"DESCRIBE {model.name}").fetchall()
        ]
        resources.append(
            {
                "name": model.name,
                "path": f"{model.name}.{'csv' if rows[model.name] <= MOST_CSV_ROWS else 'parquet'}",
                "description": model.grain,
                "encoding": "utf-8",
                "schema": {"fields": fields, "primaryKey": list(model.key)},
            }
        )
    return {
        "name": "kaohe-marts",
        "id": manifest["run_id"],
        "title": "考核结果",
        "description": "合成数据 synthetic data" if manifest["is_synthetic"] else "",
        "resources": resources,
    }


def _make_current(marts: Path, run_id: str, write: Callable[[Path], Mapping[str, Any]]) -> Path:
    """Have ``write`` fill a folder aside, then make it the published set as the next of the chain; that folder.

    Everything that can fail comes before the one step that counts, and is undone where it does. What comes after it
    only tidies up, and what is left undone there is done by the next publication.
    """
    published = chain.read_chain(marts)
    before = published[-1] if published else None
    sequence = before.sequence + 1 if before else 1
    store = marts / STORE
    while _is_current(marts, folder := store / Publication(sequence, run_id, "", None).folder):
        # Damaged so that the chain does not know it, and yet what readers have open.
        sequence += 1
    building = folder.with_suffix(".building")
    made = [path for path in (store, marts) if not path.exists()]
    links: list[Path] = []
    try:
        # What a killed run left under our name was never published.
        for leftover in (building, folder):
            shutil.rmtree(leftover, ignore_errors=True)
        building.mkdir(parents=True)
        content = write(building)
        files = {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in _sorted(building)}
        place = {"sequence": sequence, "previous": before and before.manifest, "restored": None}
        _write_json(building / MANIFEST, {**place, **content, "files": files})
        for path in (*_sorted(building), building):
            _flush(path)
        building.rename(folder)
        _flush(store)
        names = [path.name for path in _sorted(folder)]
        for name in names:
            if not (marts / name).is_symlink():
                links.append(marts / name)
            _link(marts / name, Path(CURRENT) / name)
        now = chain.described(folder)
        interruption.last_call()
        _link(marts / CURRENT, folder.relative_to(marts))
    except BaseException:
        if not _is_current(marts, folder):
            _undo((building, folder), links, made)
            raise
    _tidy(marts, [*published, replace(now, at=datetime.now().astimezone().isoformat(timespec="seconds"), by=whose())])
    return folder


def settle(marts: Path) -> None:
    """Do what a run that was killed right after it published has left to do."""
    published = chain.read_chain(marts)
    if published != chain.read_journal(marts):
        _tidy(marts, published)


def _tidy(marts: Path, published: Sequence[Publication]) -> None:
    """Enter ``published`` in the journal and remove what is out of use; what cannot be done now is done later."""
    store = marts / STORE
    with contextlib.suppress(OSError):
        _flush(marts)
        aside = store / f"{JOURNAL}.new"
        lines = [json.dumps(asdict(publication), ensure_ascii=False) + "\n" for publication in published]
        aside.write_text("".join(lines), encoding="utf-8")
        _flush(aside)
        aside.replace(store / JOURNAL)
        _flush(store)
        names = {CURRENT, *(path.name for path in (marts / CURRENT).iterdir())}
        for path in marts.iterdir():
            is_ours = path.is_symlink() and path.readlink().parent in {Path(CURRENT), Path(STORE)}
            if is_ours and path.name not in names:
                path.unlink()
        _forget_old(marts, published)


def _is_current(marts: Path, folder: Path) -> bool:
    link = marts / CURRENT
    return link.is_symlink() and link.readlink() == folder.relative_to(marts)


def _undo(folders: Iterable[Path], links: Iterable[Path], made: Iterable[Path]) -> None:
    """Take back what a publication that failed has left, as far as that can be done."""
    for path in folders:
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        for path in links:
            path.unlink(missing_ok=True)
        for path in made:
            path.rmdir()


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    aside = link.with_name(f".{link.name}.new")
    aside.unlink(missing_ok=True)
    try:
        aside.symlink_to(target)
        aside.replace(link)
    finally:
        aside.unlink(missing_ok=True)


def _forget_old(marts: Path, published: Sequence[Publication]) -> None:
    """Keep the last ``KEPT`` publications that could be restored and what is being read, and nothing half built."""
    store = marts / STORE
    kept = {JOURNAL, published[-1].folder}
    for publication in reversed(published):
        if len(kept) <= KEPT and chain.is_whole(marts, publication):
            kept.add(publication.folder)
    for path in store.iterdir():
        if path.name not in kept:
            if path.is_dir():
                _forget(path)
            else:
                path.unlink()


def _forget(folder: Path) -> None:
    """Remove ``folder`` unless a reader holds it; out of sight in one step, so that nobody meets a half of it."""
    import fcntl

    aside = folder.with_suffix(".forgotten")
    try:
        with (folder / MANIFEST).open("rb") as manifest:
            fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder.rename(aside)
    except BlockingIOError:
        return
    except OSError:
        # Never finished, or on a file system without locks.
        aside = folder
    shutil.rmtree(aside, ignore_errors=True)


def _sorted(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _flush(path: Path) -> None:
    """Have what was written put on the disk, so that a power cut cannot undo the order of steps."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
