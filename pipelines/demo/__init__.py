"""Synthetic deliveries of a fictional city, so that there is something to grade; every row grows from one seed.

``draws.sql`` is how chance is drawn, ``unit.sql`` the city, ``town_year.sql`` its units in one year, and ``sources/``
holds one SELECT for each source with the column names of its contract.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.contracts import Contract, load_contracts
from pipelines.demo.offices import write_as_offices_do
from pipelines.errors import Exit, KaoheError

if TYPE_CHECKING:
    import duckdb

__all__ = ["write_demo"]

FOLDER = Path(__file__).parent
CITY = "云澜市"

#: Up to here files are styled as offices style them; a larger city is written as plain CSV.
STYLED_TOWNS = 100
#: Names and codes of the fictional city go no further.
MOST_TOWNS = 36**3
_RANDOM_LOOKING_NAME = "README.md"


def write_demo(
    folder: Path,
    seed: int = 2013,
    years: tuple[int, ...] = (2013, 2014, 2015, 2016, 2017),
    towns: int = 22,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Write ``towns.csv``, ``<year>/<source>.csv`` or ``.xlsx`` and a README.md into ``folder``.

    The same arguments give the same bytes. ``report`` hears of each year. An earlier demo in ``folder`` is replaced as
    long as nothing in it was changed since; KaoheError (usage) where anything else lies there: deliveries are evidence.
    """
