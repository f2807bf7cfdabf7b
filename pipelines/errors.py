"""The ways a command can end: exit codes, problems a sender can mend, and the errors that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

from pipelines.masking import masked


class Exit(IntEnum):
    """Exit codes of the command; monitoring relies on the numbers."""

    DONE = 0
    USAGE = 2
    REJECTED = 3
    PARTIAL = 4
    GATE = 5
    BUSY = 6
    ENVIRONMENT = 7
    INTEGRITY = 8
    INTERNAL = 70
    INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One thing wrong with something received, told so that its sender can mend it.

    Attributes:
        file: path below the raw (or rubric) folder, with forward slashes.
        rule: the rule broken, by its identifier.
        message_zh, message_en: what is wrong, one sentence each.
        remedy_zh, remedy_en: what to do about it, one sentence each.
        sheet: sheet name; empty for files without sheets.
        cell: spreadsheet address such as ``C12``, or ``line 12`` of a text file, ``row 12`` of a Parquet file; empty
            when about the whole file.
        column: the column as the sender wrote it.
        value: the value as the sender wrote it (masked where personal).

    An identity number in any of these texts is masked, whoever states the problem.
    """

    file: str
    rule: str
    message_zh: str
    message_en: str
    remedy_zh: str
    remedy_en: str
    sheet: str = ""
    cell: str = ""
    column: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, masked(getattr(self, field.name)))


class KaoheError(Exception):
    """Ends the command with ``code`` and without a traceback; ``problems`` are printed, all of them."""

    def __init__(self, code: Exit, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(masked(message))
        self.code = code
        self.problems = tuple(problems)
