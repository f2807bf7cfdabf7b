"""An interrupt ends the work, wherever it lands: it is remembered, so that no library on the way can swallow it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

_at_work: list[duckdb.DuckDBPyConnection] = []
_is_asked = False
_is_deaf = False


def listen() -> None:
    """Take SIGINT (Ctrl-C) and SIGTERM (a scheduler's stop) for interrupts, from now until the process ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)


def is_asked() -> bool:
    """Whether the process was interrupted, whatever became of the exception that said so."""
    return _is_asked


def check() -> None:
    """KeyboardInterrupt where the process was interrupted and something on the way swallowed it."""
    if _is_asked:
        raise KeyboardInterrupt


def checking(report: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """``report`` with a look at every step whether the work was interrupted."""

    def told(step: str, detail: str) -> None:
        check()
        report(step, detail)

    return told


def last_call() -> None:
    """KeyboardInterrupt where the process was interrupted; from here on it is too late for an interrupt."""
    global _is_deaf  # noqa: PLW0603
    _is_deaf = True
    check()


@contextlib.contextmanager
def reaches(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let an interrupt stop what ``connection`` is at work on; DuckDB alone would finish the query first."""
    _at_work.append(connection)
    try:
        yield
    finally:
        _at_work.remove(connection)


def _on_signal(*_: Any) -> None:
    global _is_asked  # noqa: PLW0603
    if _is_deaf:
        return
    _is_asked = True
    for connection in _at_work:
        connection.interrupt()
    raise KeyboardInterrupt
