"""What others wrote, as it may stand in SQL. Parameters come first; these are for where SQL takes none.

Names that the contracts, models and rubric hold to small letters and underscores need no more than quotes around them.
"""

from __future__ import annotations

from pathlib import Path


def literal(text: str | Path) -> str:
    """``text``, or a path, as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """``name`` as the quoted name of a table or column."""
    return '"' + name.replace('"', '""') + '"'
