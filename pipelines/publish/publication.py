"""Publishing: marts are written aside, then one rename makes them the published set.

``data/marts/current`` points at one folder below ``data/marts/.publications``; the files beside it
(``town_score.parquet`` …) are links through ``current``. Moving ``current`` is the one atomic step, and a reader who
follows it once reads one set, old or new, never a mix.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import Exit, KaoheError
from pipelines.transform import Model, describe

if TYPE_CHECKING:
    import duckdb

PUBLICATIONS = ".publications"
CURRENT = "current"
MANIFEST = "manifest.json"
KEPT = 5

_MARK = "\ufeff"

_TABLE_SCHEMA_TYPES = {"VARCHAR": "string", "BOOLEAN": "boolean", "DATE": "date", "DECIMAL": "number"}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of the file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(marts: Path) -> dict[str, Any] | None:
    """The manifest of the published set, or None where nothing is published or it cannot be read."""
    try:
        manifest: dict[str, Any] = json.loads((marts / CURRENT / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest


def is_intact(marts: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether every published file is there with the hash its manifest gives."""
    folder = marts / CURRENT
    return all(
        (folder / name).is_file() and sha256(folder / name) == entry["sha256"]
        for name, entry in manifest["files"].items()
    )


def publish(
    connection: duckdb.DuckDBPyConnection,
    marts: Path,
    models: Sequence[Model],
    manifest: Mapping[str, Any],
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write every mart as Parquet and CSV with its data package and manifest, and make them the published set.

    ``manifest`` holds what went in (its ``run_id`` names the publication); the files written are added to it.
    Returns the folder of the publication. Whatever fails, the set published before stays as it was.
    """
    store = marts / PUBLICATIONS
    building = store / f"{manifest['run_id']}.building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    rows = {}
    for model in models:
        report(model.name)
        rows[model.name] = _write_mart(connection, model, building)
    _write_json(building / "datapackage.json", _data_package(connection, models, manifest))
    files = {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in sorted(building.iterdir())}
    _write_json(building / MANIFEST, {**manifest, "rows": rows, "files": files})
    for path in building.iterdir():
        _flush(path)
    folder = store / str(manifest["run_id"])
    if folder.exists():
        # The same input was published before; what stands there may have been damaged since.
        aside = store / f"{manifest['run_id']}.replaced"
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
    building.rename(folder)
    _flush(store)
    _point_at(marts, folder)
    _forget_old(store, folder)
    return folder


def check_marts(connection: duckdb.DuckDBPyConnection, models: Sequence[Model]) -> None:
    """Prove of the built marts what must hold of every publication; KaoheError (integrity) naming all that does not."""
    broken = []
    for model in models:
        key = ", ".join(model.key)
        doubled = _count(connection, f"SELECT count(*) - count(DISTINCT ({key})) FROM {model.name}")
        if doubled:
            broken.append(f"{model.name}: {doubled} rows share ({key}) with another")
    for promise, query in _PROMISES.items():
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
    columns = [row[0] for row in connection.execute(f"DESCRIBE {model.name}").fetchall()]
    order = ", ".join(model.key)
    parquet, csv = folder / f"{model.name}.parquet", folder / f"{model.name}.csv"
    connection.execute(f"COPY (SELECT * FROM {model.name} ORDER BY {order}) TO '{_quoted(parquet)}' (FORMAT parquet)")
    # A byte order mark in front of the first header is how Excel knows a CSV file for UTF-8.
    marked = ", ".join(f'"{name}" AS "{_MARK if at == 0 else ""}{name}"' for at, name in enumerate(columns))
    connection.execute(
        f"COPY (SELECT {marked} FROM read_parquet('{_quoted(parquet)}')) TO '{_quoted(csv)}' (FORMAT csv, HEADER)"
    )
    return _count(connection, f"SELECT count(*) FROM {model.name}")


def _data_package(
    connection: duckdb.DuckDBPyConnection, models: Sequence[Model], manifest: Mapping[str, Any]
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
                "path": f"{model.name}.csv",
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


def _point_at(marts: Path, folder: Path) -> None:
    """Make ``folder`` the published set: links for its files first, then the one step that counts."""
    names = {path.name for path in folder.iterdir()}
    for name in names:
        _link(marts / name, Path(CURRENT) / name)
    _link(marts / CURRENT, folder.relative_to(marts))
    _flush(marts)
    for path in marts.iterdir():
        if path.is_symlink() and path.name != CURRENT and path.name not in names:
            path.unlink()


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    aside = link.with_name(f".{link.name}.new")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(link)


def _forget_old(store: Path, newest: Path) -> None:
    """Keep the last ``KEPT`` publications, and nothing that was left half built."""
    whole = sorted((path for path in store.iterdir() if not path.suffix), key=lambda path: path.stat().st_mtime_ns)
    for path in store.iterdir():
        if path != newest and path not in whole[-KEPT:]:
            shutil.rmtree(path, ignore_errors=True)


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


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
