"""The command as processes to kill, interrupt and starve.

They fork from a server that has the heavy libraries loaded, so that harm lands in the work and not in an import.
Everything that goes wrong here is done by the operating system, but for ``at_change``, which steps in where Python asks
the system to change a file.
"""

from __future__ import annotations

import ctypes
import errno
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["pipelines.cli", "pipelines.run", "pipelines.quality.expectations"])

#: A child that is at work for longer has met something without bounds.
SECONDS = 300

Harm = Callable[[], None]


@dataclass(frozen=True)
class Running:
    """A command at work, and the file where it tells what it does."""

    process: ForkServerProcess
    log: Path

    def told(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def wait_until_it_tells(self, words: str) -> None:
        until = time.monotonic() + SECONDS
        while words not in self.told() and self.process.is_alive():
            assert time.monotonic() < until, f"{words} was never told"
            time.sleep(0.005)

    def send(self, number: signal.Signals) -> None:
        if self.process.is_alive():
            os.kill(self.process.pid or 0, number)

    def end(self) -> int:
        """Its exit code, or the signal that killed it as a negative number."""
        self.process.join(SECONDS)
        assert self.process.exitcode is not None, "no bound of time"
        assert "Traceback" not in self.told()
        return self.process.exitcode


def start(log: Path, *arguments: Any, harm: Harm | None = None, work: Harm | None = None) -> Running:
    """``kaohe`` with ``arguments`` (or other ``work``), after ``harm`` was done to its process."""
    log.unlink(missing_ok=True)
    process = _SERVER.Process(target=_command, args=(log, [str(each) for each in arguments], harm, work))
    process.start()
    return Running(process, log)


def _command(log: Path, arguments: list[str], harm: Harm | None, work: Harm | None) -> None:
    from pipelines.cli import main

    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(written, stream)
    sys.argv = ["kaohe", *arguments]
    if harm:
        harm()
    (work or main)()


# Harm. Picklable: these are the ``functools.partial`` of what a test wants ------------------------------------------


def at_change(number: int, folder: Path, deed: Harm, counted: Path | None = None) -> None:
    """Do ``deed`` just before the ``number``-th change below ``folder`` that Python asks for, counted from 1."""
    seen: list[str] = []

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            is_change = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            path = arguments[1] if event in {"os.rename", "os.symlink"} else arguments[0] if arguments else None
            is_change = event in {"os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "shutil.rmtree"}
        if is_change and isinstance(path, str | os.PathLike) and Path(path).is_relative_to(folder):
            seen.append(f"{event} {Path(path).relative_to(folder)}")
            if counted:
                os.write(counting, f"{seen[-1]}\n".encode())
            if len(seen) == number:
                deed()

    counting = os.open(counted, os.O_WRONLY | os.O_CREAT) if counted else -1
    sys.addaudithook(listen)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def find_the_disk_full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_no_file_beyond(size: int) -> None:
    """Have the system refuse every write that would make a file longer than ``size`` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def lose_the_powers_of_root() -> None:
    """Have permissions hold for root as they do for everyone (no CAP_DAC_OVERRIDE, no CAP_DAC_READ_SEARCH)."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    version = (ctypes.c_uint32 * 2)(0x20080522, 0)
    powers = (ctypes.c_uint32 * 6)()
    assert libc.capget(version, powers) == 0
    powers[0] &= ~0b110
    assert libc.capset(version, powers) == 0, os.strerror(ctypes.get_errno())


def interrupt_a_check(number: int) -> None:
    """Send ourselves the signal while the database is at work on the fifth query of Great Expectations."""
    from pipelines.quality.expectations import WarehouseDialect

    calls = [0]

    class Slow:
        """A cursor whose query takes half a minute before it is run."""

        def __init__(self, cursor: Any) -> None:
            self.cursor = cursor

        def execute(self, *query: Any) -> None:
            calls[0] += 1
            if calls[0] == 5:
                threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
                self.cursor.execute(
                    "SELECT count(*) FROM range(300000) a, range(5000) b WHERE a.range * b.range % 7 = 3"
                )
            self.cursor.execute(*query)

        def interrupt(self) -> None:
            self.cursor.interrupt()

    execute = WarehouseDialect.do_execute
    WarehouseDialect.do_execute = lambda self, cursor, *query: execute(self, Slow(cursor), *query)  # type: ignore[method-assign]
