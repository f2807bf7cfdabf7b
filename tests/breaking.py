"""Breaks and how they are tried, whatever is broken: each in a process of its own, until it is noticed.

``mutation.py`` breaks the models, ``mutation_python.py`` the Python around them.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

#: How many breaks are tried side by side, unless told otherwise.
TOGETHER = 2

Outcome = Literal["noticed", "not noticed", "out of time"]
#: What a process ends with that could not even try its break: no break is judged by that.
_FAILED = 70


@dataclass(frozen=True)
class Break:
    """One place changed.

    Attributes:
        where: the model or module it lies in.
        shown: how it is shown.
        made: the whole text with it.
    """

    where: str
    shown: str
    made: str


#: Whether anything is noticed with a break in place (or with nothing broken); asked in a process of its own.
Asked = Callable[[Break | None], bool]


class Trial:
    """One break tried in a process of its own, for so many seconds."""

    def __init__(self, broken: Break | None, is_noticed: Asked, seconds: float) -> None:
        self.broken = broken
        self._until = time.monotonic() + seconds
        self._process = os.fork()
        if self._process == 0:
            status = _FAILED
            try:
                status = int(is_noticed(broken))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)

    def outcome(self) -> Outcome | None:
        """What became of it; None as long as it is not known. Ends everything where the trial itself failed."""
        ended, status = os.waitpid(self._process, os.WNOHANG)
        if not ended and time.monotonic() > self._until:
            os.kill(self._process, 9)
            os.waitpid(self._process, 0)
            return "out of time"
        if not ended:
            return None
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, 1):
            sys.exit(f"the trial itself failed ({code}): {self.broken and self.broken.shown}")
        return "noticed" if code else "not noticed"


def try_all(
    tried: Sequence[Break],
    equal: Mapping[str, Mapping[str, str]],
    is_noticed: Asked,
    seconds: Callable[[Break | None], float],
    together: int = TOGETHER,
) -> int:
    """Try every break and tell those not noticed; 1 where ``equal`` has no reason for one of them."""
    whole = Trial(None, is_noticed, seconds(None))
    while (outcome := whole.outcome()) is None:
        time.sleep(0.1)
    if outcome != "not noticed":
        sys.exit(f"{outcome} with nothing broken")
    count: Counter[str] = Counter()
    for number, (broken, outcome) in enumerate(_outcomes(tried, is_noticed, seconds, together), start=1):
        is_equal = broken.shown in equal.get(broken.where, {})
        count["equal" if outcome == "not noticed" and is_equal else outcome] += 1
        if outcome != "noticed" and not (outcome == "not noticed" and is_equal):
            print(f"{broken.where}: {broken.shown}{' (out of time)' if outcome == 'out of time' else ''}", flush=True)
        print(f"{number} / {len(tried)}", end="\r", file=sys.stderr)
    print(f"{len(tried)} breaks: " + ", ".join(f"{number} {words}" for words, number in count.items()))
    return bool(count["not noticed"])


def refuse_reasons_for_nothing(every: Sequence[Break], equal: Mapping[str, Mapping[str, str]]) -> None:
    """End everything where ``equal`` names what is no break any more, of the models or modules that are broken."""
    shown = {(each.where, each.shown) for each in every}
    broken = {each.where for each in every}
    if gone := [told for where in equal if where in broken for told in equal[where] if (where, told) not in shown]:
        sys.exit("EQUAL names what is no break any more:\n" + "\n".join(gone))


def _outcomes(
    tried: Sequence[Break], is_noticed: Asked, seconds: Callable[[Break | None], float], together: int
) -> Iterator[tuple[Break, Outcome]]:
    """Each break and what became of it, as soon as that is known."""
    waiting, running = list(reversed(tried)), list[Trial]()
    while waiting or running:
        while waiting and len(running) < together:
            running.append(Trial(waiting[-1], is_noticed, seconds(waiting.pop())))
        for trial in list(running):
            outcome = trial.outcome()
            if outcome is not None and trial.broken:
                running.remove(trial)
                yield trial.broken, outcome
        time.sleep(0.02)
