"""Where a run works: alone, and in a warehouse of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import increments, interruption
from pipelines.errors import Exit, KaoheError
from pipelines.publish import publication
from pipelines.settings import MEMORY

if TYPE_CHECKING:
    import duckdb


@contextlib.contextmanager
def alone(*places: Path) -> Iterator[None]:
    """Let one run at a time work on each of ``places``; KaoheError (busy) says who is at work and since when.

    The system gives a lock back when its holder ends, however it ends: a file left by a killed run locks nobody out.
    """
    from filelock import FileLock, Timeout

    with contextlib.ExitStack() as held:
        for place in (path.resolve() for path in places):
            place.parent.mkdir(parents=True, exist_ok=True)
            holder = place.with_name(f"{place.name}.run.json")
            try:
                held.enter_context(FileLock(place.with_name(f"{place.name}.lock")).acquire(timeout=0))
            except Timeout:
                raise KaoheError(Exit.BUSY, _busy(place, holder)) from None
            held.callback(holder.unlink, missing_ok=True)
            since = datetime.now().astimezone().isoformat(timespec="seconds")
            told = {"process": os.getpid(), "by": publication.whose(), "since": since}
            holder.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        yield


def _busy(place: Path, holder: Path) -> str:
    try:
        told = json.loads(holder.read_text(encoding="utf-8"))
        who = f"{told['by']}, 进程 process {told['process']}, 自 since {told['since']}"
    except (OSError, ValueError, KeyError):
        who = "它没有说明 it did not say who it is"
    return f"{place}: 另一次运行正在进行，请等它结束 another run is at work here; wait for it to end ({who})"


@contextlib.contextmanager
def warehouse(
    path: Path, memory_limit: str | None = None, is_kept: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new, empty warehouse at ``path``; what an earlier run left there is working data and goes, or ``is_kept``."""
    import duckdb

    from pipelines.ingest.sheets import ARRIVING

    for leftover in () if is_kept else (path, path.with_name(path.name + ".wal")):
        leftover.unlink(missing_ok=True)
    # Copies of files that a killed run was reading may hold what the warehouse keeps from view, too.
    for folder in (path.with_name(path.name + ".tmp"), *path.parent.glob(f"{ARRIVING}*")):
        shutil.rmtree(folder, ignore_errors=True)
    connection = duckdb.connect(str(path))
    # It holds every row received, and what of them may not be shown.
    path.chmod(0o600)
    try:
        # Progress is told by the run itself, in one place.
        connection.execute("SET enable_progress_bar = false")
        is_less = "SELECT parse_formatted_bytes(current_setting('memory_limit')) <= parse_formatted_bytes(?)"
        if memory_limit or not connection.execute(is_less, [MEMORY]).fetchall()[0][0]:
            try:
                connection.execute("SET memory_limit = ?", [memory_limit or MEMORY])
            except duckdb.ParserException as error:
                raise KaoheError(Exit.USAGE, f"{memory_limit}: 请写作 write it as 2GB, 512MB ({error})") from None
        with interruption.reaches(connection):
            if is_kept:
                increments.unmark(connection)
            yield connection
    finally:
        connection.close()
