"""What would change if the deliveries as they lie were published now: files, cells, items, totals and grades.

Everything is read, checked and scored as for a publication, then compared with what is published; nothing is written.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.labels import Language, both, label
from pipelines.places import place
from pipelines.publish.chain import CURRENT, STORE
from pipelines.publish.publication import read_manifest
from pipelines.publish.received import compared, file_name, rows_as_read
from pipelines.sql_text import literal

if TYPE_CHECKING:
    import duckdb

    from pipelines.contracts import Contract

#: As many changed cells of a source are told; beyond, only how many there are.
MOST_CELLS = 200

_Row = dict[str, Any]


def superseded(marts: Path, deliveries: Mapping[str, str]) -> list[_Row]:
    """The files (name → SHA-256) that are copies older than what is published: ``file``, ``run_id``, ``replaced_by``.

    Known from the publications kept below ``marts``: an earlier one rests on these very bytes under any name, and the
    one published now does not.
    """
    published = read_manifest(marts)
    if published is None:
        return []
    current = {each["sha256"] for each in published["deliveries"]}
    runs = _history(marts)
    old = []
    for name, sha256 in deliveries.items():
        if sha256 in current:
            continue
        held = [at for at, run in enumerate(runs) if sha256 in {each["sha256"] for each in run["deliveries"]}]
        if held and held[-1] + 1 < len(runs):
            last, after = runs[held[-1]], runs[held[-1] + 1]
            old.append({"file": name, "run_id": last["run_id"], "replaced_by": after["run_id"]})
    return old


def superseded_in_words(old: _Row) -> str:
    """One entry of ``superseded`` as a sentence, in both languages."""
    return both("changes_superseded", " / ", **old)


def _history(marts: Path) -> list[_Row]:
    """The manifests of the publications kept, oldest first."""
    kept = []
    for path in (marts / STORE).glob("*/manifest.json"):
        # A manifest that was harmed is for ``verify`` to name; what the others tell does not depend on it.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            manifest = json.loads(path.read_text(encoding="utf-8"))
            kept.append((manifest["sequence"], manifest["run_id"], manifest))
    return [manifest for *_, manifest in sorted(kept, key=lambda each: each[:2])]


def changes(connection: duckdb.DuckDBPyConnection, marts: Path, inputs: Mapping[str, Any]) -> _Row:
    """What differs between the scored warehouse, made from ``inputs``, and what is published in ``marts``.

    Returns ``run_id`` (None where nothing is published), ``rules_changed`` (whether rubric or program moved as well),
    ``files`` (file, source, state, changed cells or None where they are not compared, rows, the run whose file it is),
    ``cells`` (what a cell said and says; a row that came or went has no field), ``cells_left_out``, ``items`` and
    ``towns`` (before and after). Points are decimals.
    """
    published = read_manifest(marts)
    if published is None:
        return {"run_id": None}
    folder = (marts / CURRENT).resolve()
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE changed_cell (source VARCHAR, year INTEGER, town_id VARCHAR, row_key VARCHAR, "
        "field VARCHAR, header VARCHAR, before VARCHAR, after VARCHAR, file_before VARCHAR, sheet_before VARCHAR, "
        "row_before BIGINT, file VARCHAR, sheet VARCHAR, row BIGINT, position INTEGER)"
    )
    for contract in compared():
        _compare(connection, contract, folder / file_name(contract))
    cells = _rows(
        connection,
        f"""SELECT cell.*, town_name, applied.entry AS correction
        FROM changed_cell AS cell
        LEFT JOIN (
            SELECT year, town_id, town_name FROM read_parquet({literal(folder / "town_score.parquet")})
            UNION SELECT year, town_id, town_name FROM town_year
        ) AS town USING (year, town_id)
        LEFT JOIN applied_correction AS applied
            ON cell.file = applied.source_file AND cell.sheet = applied.source_sheet
            AND cell.row = applied.source_row AND cell.field = applied.field
        QUALIFY row_number() OVER (PARTITION BY cell.source ORDER BY year, town_id, row_key, cell.position, cell.field)
            <= {MOST_CELLS}
        ORDER BY cell.source, year, town_id, row_key, cell.position, cell.field""",
    )
    for cell in cells:
        cell["cell"] = place(cell["file"], cell["row"], cell["position"]) if cell["file"] else ""
        cell["cell_before"] = place(cell["file_before"], cell["row_before"]) if cell["file_before"] else ""
    count = connection.execute("SELECT count(*) FROM changed_cell").fetchall()[0][0]
    rules = ("rubric", "rules", "code")
    return {
        "run_id": published["run_id"],
        "rules_changed": any(published["inputs"].get(name) != inputs[name] for name in rules),
        "files": _files(connection, marts, published),
        "cells": cells,
        "cells_left_out": count - len(cells),
        "items": _scores(connection, folder, "item_score", ["year", "town_id", "item"], ["points", "status"]),
        "towns": _scores(
            connection, folder, "town_score", ["year", "town_id"],
            ["total", "total_low", "total_high", "grade", "rank", "status"],
        ),
    }  # fmt: skip


def _files(connection: duckdb.DuckDBPyConnection, marts: Path, published: _Row) -> list[_Row]:
    """Every file that came, went or has other bytes."""
    now = dict(connection.execute("SELECT source_file, sha256 FROM delivery_file").fetchall())
    before = {each["source_file"]: each["sha256"] for each in published["deliveries"]}
    sources = {each["source_file"]: each["source"] for each in published["deliveries"]}
    sources |= dict(connection.execute("SELECT source_file, source FROM delivery_file").fetchall())
    cells = dict(
        connection.execute(
            "SELECT file, count(*) FROM (SELECT file FROM changed_cell UNION ALL "
            "SELECT file_before FROM changed_cell WHERE file_before IS DISTINCT FROM file) "
            "WHERE file IS NOT NULL GROUP BY file"
        ).fetchall()
    )
    old = {each["file"]: each for each in superseded(marts, now)}
    rows = dict(connection.execute("SELECT source_file, sum(accepted) FROM gate_delivery GROUP BY ALL").fetchall())
    rows_before: dict[str, int] = {}
    for each in published["deliveries"]:
        rows_before[each["source_file"]] = rows_before.get(each["source_file"], 0) + each["accepted"]
    known = {contract.name for contract in compared()}
    return [
        {
            "file": name,
            "source": sources[name],
            "state": "new" if name not in before else "withdrawn" if name not in now else "changed",
            "cells": cells.get(name, 0) if sources[name] in known else None,
            "rows_before": rows_before.get(name, 0),
            "rows": int(rows.get(name, 0)),
            "superseded": old.get(name),
        }
        for name in sorted({*now, *before})
        if now.get(name) != before.get(name)
    ]


def _compare(connection: duckdb.DuckDBPyConnection, contract: Contract, published: Path) -> None:
    """Put every cell of a source that means something else into changed_cell, and every row that came or went.

    1,234 and 1234 mean the same, and so do a date written one way and the other; a town or year names the row.
    """
    from pipelines.ingest.values import typed_expression

    if not published.is_file():
        return
    fields = [field for field in contract.fields if field.name not in ("year", contract.town_field)]
    cells = ", ".join(
        f"{{'field': '{field.name}', 'text': \"{field.name}\", "
        f"'meaning': coalesce(CAST(({typed_expression(field)}) AS VARCHAR), '')}}"
        for field in fields
    )
    row = "row_year, row_town_id, row_key, source_file, source_sheet, source_row"
    connection.execute(f"""
        INSERT INTO changed_cell
        WITH was AS (SELECT {row}, [{cells}] AS cells FROM read_parquet({literal(published)})),
        now AS (SELECT {row}, [{cells}] AS cells FROM ({rows_as_read(contract)})),
        met AS (
            SELECT coalesce(now.row_year, was.row_year) AS year, coalesce(now.row_town_id, was.row_town_id) AS town_id,
                coalesce(now.row_key, was.row_key) AS row_key, was.source_file AS file_before,
                was.source_sheet AS sheet_before, was.source_row AS row_before, now.source_file AS file,
                now.source_sheet AS sheet, now.source_row AS row, was.cells AS cells_before, now.cells AS cells_now
            FROM was FULL JOIN now
                ON was.row_year IS NOT DISTINCT FROM now.row_year
                AND was.row_town_id IS NOT DISTINCT FROM now.row_town_id AND was.row_key = now.row_key
            WHERE was.cells IS DISTINCT FROM now.cells
        ),
        cell AS (
            SELECT * EXCLUDE (cells_before, cells_now), unnest(list_zip(cells_before, cells_now)) AS pair
            FROM met WHERE file_before IS NOT NULL AND file IS NOT NULL
        )
        SELECT '{contract.name}', year, town_id, row_key, pair[1].field, header.header, pair[1].text, pair[2].text,
            file_before, sheet_before, row_before, file, sheet, row, header.position
        FROM cell
        LEFT JOIN delivery_column AS header
            ON cell.file = header.source_file AND cell.sheet = header.source_sheet AND header.field = pair[1].field
        WHERE pair[1].meaning <> pair[2].meaning
        UNION ALL
        SELECT '{contract.name}', year, town_id, row_key, NULL, NULL, NULL, NULL, file_before, sheet_before,
            row_before, file, sheet, row, NULL
        FROM met WHERE file_before IS NULL OR file IS NULL""")


def _scores(
    connection: duckdb.DuckDBPyConnection, folder: Path, mart: str, key: list[str], columns: list[str]
) -> list[_Row]:
    """The rows of a mart in which any of ``columns`` differs, as before_<column> and after_<column>."""
    named = "town_name" if mart == "town_score" else "title_zh, title_en"
    both = ", ".join(f"was.{name} AS before_{name}, now.{name} AS after_{name}" for name in columns)
    differs = " OR ".join(f"was.{name} IS DISTINCT FROM now.{name}" for name in columns)
    told = ", ".join(f"coalesce(now.{name}, was.{name}) AS {name}" for name in named.split(", "))
    return _rows(
        connection,
        f"""SELECT {", ".join(key)}, {told}, {both}
        FROM {mart} AS now FULL JOIN read_parquet({literal(folder / f"{mart}.parquet")}) AS was USING ({", ".join(key)})
        WHERE {differs} ORDER BY ALL""",
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[_Row]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# In words -------------------------------------------------------------------------------------------------------------


def changes_in_words(found: _Row, lang: Language) -> str:
    """The changes as lines: files with their cells, then each town with the items that move it."""
    return "\n".join(_lines(found, lang))


def _lines(found: _Row, lang: Language) -> Iterator[str]:
    def say(key: str, **filled: Any) -> str:
        return label(f"changes_{key}", lang).format(**filled)

    if found["run_id"] is None:
        yield say("unpublished")
        return
    yield say("against", run=found["run_id"])
    if found["rules_changed"]:
        yield f"※ {say('rules')}"
    if not (found["files"] or found["cells"] or found["towns"] or found["items"]):
        yield say("none")
        return
    told = set()
    for file in found["files"]:
        moved = (
            say("not_compared", before=file["rows_before"], after=file["rows"])
            if file["cells"] is None
            else say("cells", count=file["cells"]) if file["cells"] else say("same")
        )  # fmt: skip
        yield f"{say(file['state'])} {file['file']}  {moved}"
        if file["superseded"]:
            yield f"  ※ {superseded_in_words(file['superseded'])}"
        for at, cell in enumerate(found["cells"]):
            if at not in told and file["file"] in (cell["file"], cell["file_before"]):
                told.add(at)
                yield f"  {_cell_line(cell, say)}"
    # What no file moved was moved by a declared correction.
    yield from (_cell_line(cell, say) for at, cell in enumerate(found["cells"]) if at not in told)
    if found["cells_left_out"]:
        yield f"  {say('left_out', count=found['cells_left_out'])}"
    towns = {(town["year"], town["town_id"]): town for town in found["towns"]}
    for key in dict.fromkeys([*towns, *((item["year"], item["town_id"]) for item in found["items"])]):
        town = towns.get(key)
        name = town["town_name"] if town else key[1]
        yield f"{name} {key[0]}" + (f"  {_town(town, 'before', lang)} → {_town(town, 'after', lang)}" if town else "")
        for item in found["items"]:
            # A town that came or went did so with all its items.
            is_both = item["before_status"] and item["after_status"]
            if (item["year"], item["town_id"]) == key and is_both:
                before, after = (_points(item, side, lang) for side in ("before", "after"))
                yield f"  {item['item']} {item[f'title_{lang}']}  {before} → {after}"


def _cell_line(cell: _Row, say: Any) -> str:
    row = "  ".join(str(part) for part in (cell["town_name"] or cell["town_id"], cell["year"], cell["row_key"]) if part)
    if cell["field"] is None:
        where = f"{cell['file_before']} {cell['sheet_before']} {cell['cell_before']}"
        if cell["file"]:
            where = f"{cell['file']} {cell['sheet']} {cell['cell']}"
        return f"{say('row_new' if cell['file'] else 'row_gone')} {row}  {' '.join(where.split())}"
    texts = [cell[side] if cell[side] is not None else "—" for side in ("before", "after")]
    why = f"  {say('by_correction', line=cell['correction'])}" if cell["correction"] else ""
    return f"{cell['cell']} {cell['header'] or cell['field']}  {texts[0]} → {texts[1]}  {row}{why}"


def _town(town: _Row, side: str, lang: Language) -> str:
    total, low, high, grade, rank, status = (
        town[f"{side}_{name}"] for name in ("total", "total_low", "total_high", "grade", "rank", "status")
    )
    if status is None:
        return "—"
    points = f"{low}–{high}" if total is None else str(total)
    place_of = label("explain_rank", lang).format(rank=rank) if rank else ""
    return " ".join(filter(None, (points, label(f"grade_{grade or ''}", lang), place_of)))


def _points(item: _Row, side: str, lang: Language) -> str:
    points, status = item[f"{side}_points"], item[f"{side}_status"]
    return str(points) if points is not None else label(f"site_item_{status}", lang) if status else "—"
