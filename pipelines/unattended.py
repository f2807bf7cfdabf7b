"""A run that nobody watches: its log, which is rotated, and a command that is called once the run has ended."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from pipelines import interruption
from pipelines.errors import Exit
from pipelines.labels import Language, label
from pipelines.masking import one_line
from pipelines.openlineage import Lineage

#: A log takes so many bytes, and so many earlier ones are kept.
LOG_SIZE, LOGS_KEPT = 2_000_000, 5
#: Seconds that a command called afterwards may take.
PATIENCE = 600

_log = logging.getLogger("kaohe")
_log.propagate = False


def note(line: str) -> None:
    """Enter one line, free of signs that would forge another, in the log, where a run keeps one."""
    _log.info(line)


@dataclass
class Attendance:
    """What is done around a run in place of somebody who watches. Without ``begin`` it does nothing.

    Attributes:
        is_new: whether the run published a result; its caller sets it.
    """

    marts: Path | None = None
    log: _Log | None = None
    on_success: str = ""
    on_failure: str = ""
    lineage: Lineage | None = None
    is_new: bool = False

    def begin(
        self, marts: Path, log: Path | None, on_success: str, on_failure: str, lineage: Lineage | None = None
    ) -> None:
        """Keep a log from here on, and remember what to call. OSError where log or lineage cannot be written."""
        self.marts, self.on_success, self.on_failure = marts.absolute(), on_success, on_failure
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            self.log = _Log(log.absolute(), maxBytes=LOG_SIZE, backupCount=LOGS_KEPT, encoding="utf-8")
            _log.addHandler(self.log)
            _log.setLevel(logging.INFO)
            note(one_line(f"kaohe run {self.marts}"))
        if lineage:
            lineage.started()
            self.lineage = lineage

    def end(self, code: Exit | int, lang: Language, tell: Callable[[str], None]) -> None:
        """Enter the exit code in the log and call the command for it. What fails here is told and changes nothing."""
        from pipelines.publish.publication import read_manifest

        if self.marts is None:
            return
        manifest = read_manifest(self.marts) or {}
        if self.lineage:
            try:
                self.lineage.ended(code, manifest, self.is_new)
            except OSError as error:
                tell(f"kaohe: {label('lineage_failed', lang).format(told=error)}")
        note(label("log_ended", lang).format(code=int(code)))
        if command := self.on_success if code == Exit.DONE else self.on_failure:
            with contextlib.suppress(KeyboardInterrupt):
                interruption.last_call()
            if wrong := _call(command, self._environment(self.marts, code, str(manifest.get("run_id", "")))):
                tell(f"kaohe: {label('hook_failed', lang).format(told=wrong)}")
        if self.log:
            _log.removeHandler(self.log)
            # What a full disk did not take yet is tried once more.
            with contextlib.suppress(OSError):
                self.log.close()

    def _environment(self, marts: Path, code: Exit | int, run_id: str) -> dict[str, str]:
        """What the command is told. It is no part of the command's text, so nothing in it can be one."""
        # A command that runs kaohe itself is not called by that run again.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("KAOHE_ON_")}
        return ours | {
            "KAOHE_EXIT_CODE": str(int(code)),
            "KAOHE_RUN_ID": run_id,
            "KAOHE_IS_NEW": str(int(self.is_new)),
            "KAOHE_MARTS": str(marts),
            "KAOHE_LOG": self.log.baseFilename if self.log else "",
            "KAOHE_LINEAGE": str(self.lineage.file.absolute() if self.lineage else ""),
        }


class _Log(RotatingFileHandler):
    """Lines with time and process. Whatever is entered stands on stderr too, so a full disk here stops no run."""

    def format(self, record: logging.LogRecord) -> str:
        """The line as it stands in the file."""
        now = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
        return f"{now} {record.process} {record.getMessage()}"

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave the line out."""


def _call(command: str, environment: dict[str, str]) -> str:
    """Run ``command``, through no shell; what went wrong, or nothing. What it says goes to stderr."""
    try:
        ended = subprocess.run(
            shlex.split(command), env=environment, stdin=subprocess.DEVNULL, stdout=2, timeout=PATIENCE, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return str(error)
    return f"{command}: {ended.returncode}" if ended.returncode else ""
