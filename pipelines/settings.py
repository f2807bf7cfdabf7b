"""What a run is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: The editions that come with an installed package.
_BROUGHT = Path(__file__).with_name("editions")

#: What the database may take unless told otherwise, and where that is less, four fifths of what the machine has: enough
#: for forty thousand towns, and what a machine with other work to do can spare.
MEMORY = "6GB"


def usual_rubric() -> Path:
    """The folder of editions: ``rubric`` where the command is called, or else what the package brought along."""
    here = Path("rubric")
    return _BROUGHT if _BROUGHT.is_dir() and not here.is_dir() else here


@dataclass(frozen=True)
class Settings:
    """Where a run reads and writes, and what runs the models.

    Attributes:
        allow_partial: publish around quarantined rows instead of refusing.
        results_only: leave the marts of the analysis empty.
        memory_limit: how much memory the database may take, such as ``2GB``; None stands for ``MEMORY``.
        engine: what runs the models; it changes no digit, so it is no part of what a run depends on.
        key: the file with the key for identity numbers; None takes the usual one.
        corrections: the file of declared corrections, if there is one.
        force: do all the work again, whatever an earlier run has left.
    """

    raw: Path
    marts: Path
    warehouse: Path
    rubric: Path
    allow_partial: bool = False
    results_only: bool = False
    memory_limit: str | None = None
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = "local[2]"
    key: Path | None = None
    corrections: Path | None = None
    force: bool = False
