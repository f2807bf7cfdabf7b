"""Workbooks are read in a process of their own, with limits of memory and time: what one breaks, breaks there alone.

The process is asked for one file after another. It answers in lines of JSON: for each sheet a dictionary, then its rows
in lists; at the end null, or what is wrong with the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pipelines.ingest.sheets import MergedArea, Row, Sheet, UnreadableError

#: Seconds without an answer after which a file is given up, and seconds of computing that a file may take altogether.
PATIENCE, COMPUTING = 60, 300
#: Bytes of memory the process may use: a sheet of a million rows and a dozen columns takes a good third of it.
MEMORY = 4 << 30
#: Rows are handed over once they are about so many characters.
_PIECE = 1 << 18

_PACKAGES = Path(__file__).parent.parent.parent


class WorkbookProcess:
    """Opens workbooks; the process begins with the first, ends with the ``with`` block, and is renewed if it breaks."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> WorkbookProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def open(self, path: Path) -> Iterator[Sheet]:
        """The worksheets of an xlsx file in order, hidden ones included; the rows of one end where the next begins.

        Raises UnreadableError, also between sheets and rows.
        """
        process = self._process = self._process or _begin()
        is_whole = False
        try:
            _send(process, path)
            message = _received(process)
            while isinstance(message, dict) and "name" in message:
                end: list[Any] = []
                rows = _rows(process, end)
                merged = tuple(MergedArea(*area) for area in message["merged"])
                yield Sheet(message["name"], "", rows, merged)
                for _ in rows:
                    pass
                message = end[0]
            is_whole = True
            if message is not None:
                raise UnreadableError(**message)
        finally:
            # What has not answered to the end would go on answering about this file when asked about the next.
            if not is_whole:
                self._end()

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _begin() -> subprocess.Popen[bytes]:
    # Where this module was found, the process finds it; it looks for nothing in the folder it happens to run in.
    paths = [str(_PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {__name__} import serve; serve({MEMORY}, {COMPUTING})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )


def _send(process: subprocess.Popen[bytes], path: Path) -> None:
    assert process.stdin
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(str(path)).encode() + b"\n")
        process.stdin.flush()


def _received(process: subprocess.Popen[bytes]) -> Any:
    """The next line of the answer; UnreadableError where the process ended or had to be ended."""
    assert process.stdout
    watchdog = threading.Timer(PATIENCE, process.kill)
    begun = time.monotonic()
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    if line.endswith(b"\n"):
        return json.loads(line)
    remedy = (
        "请将数据复制到新建的工作簿后报送；数据很多时请拆分，或改报 .csv、.parquet",
        "copy the table into a new workbook; if it is large, split it or send .csv or .parquet",
    )
    if time.monotonic() - begun >= PATIENCE:
        raise UnreadableError(
            f"读取工作簿超过 {PATIENCE:g} 秒，已放弃",
            f"reading the workbook took more than {PATIENCE:g} s",
            remedy=remedy,
        )
    raise UnreadableError(
        f"读取工作簿时中断：它所需内存超过 {MEMORY / (1 << 30):g} GB，或已损坏",
        f"reading the workbook broke off: it needs more than {MEMORY / (1 << 30):g} GB of memory, or is damaged",
        remedy=remedy,
    )


def _rows(process: subprocess.Popen[bytes], end: list[Any]) -> Iterator[Row]:
    """The rows of a sheet; what comes after them is put into ``end``."""
    while isinstance(message := _received(process), list):
        yield from message
    end.append(message)


# What runs in the process.


def serve(memory: int, computing: int) -> None:
    """Answer about each file named on standard input, within the limits given."""
    import python_calamine  # noqa: F401 - loaded before memory is limited

    from pipelines.ingest.workbook import open_workbook

    answers = sys.stdout.buffer
    _limit(memory)
    for request in sys.stdin.buffer:
        _limit_computing(computing)
        fault: dict[str, Any] | None = None
        try:
            for sheet in open_workbook(Path(json.loads(request))):
                areas = [(area.top, area.left, area.bottom, area.right, area.text) for area in sheet.merged]
                _answer(answers, json.dumps({"name": sheet.name, "merged": areas}))
                for piece in _pieces(sheet.rows):
                    _answer(answers, piece)
        except UnreadableError as error:
            fault = {"zh": error.zh, "en": error.en, "remedy": error.remedy}
        _answer(answers, json.dumps(fault))
        answers.flush()


def _pieces(rows: Iterator[Row]) -> Iterator[str]:
    piece: list[str] = []
    size = 0
    for row in rows:
        piece.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
        size += len(piece[-1])
        if size > _PIECE:
            yield f"[{','.join(piece)}]"
            piece, size = [], 0
    yield f"[{','.join(piece)}]"


def _answer(answers: IO[bytes], line: str) -> None:
    answers.write(line.encode() + b"\n")


def _limit(memory: int) -> None:
    """Bound the memory of this process and let it write no file; where the system has no limits, time alone bounds."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        for what, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_AS, memory)):
            resource.setrlimit(what, (limit, limit))


def _limit_computing(seconds: int) -> None:
    """Let this process compute for so long from now on, also when nobody is left to end it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        limit = int(time.process_time()) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
