"""Where in a received file something stands, told as its sender sees it."""

from __future__ import annotations


def place(file: str, row: int, position: int | None = None) -> str:
    """The address of a cell (``position`` counts columns from 1) or of a whole row: C12 or 12:12, line 12, row 12."""
    if file.lower().endswith(".csv"):
        return f"line {row}"
    if file.lower().endswith(".parquet"):
        return f"row {row}"
    if position is None:
        return f"{row}:{row}"
    letters = ""
    while position:
        position, letter = divmod(position - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def place_sql(file: str, row: str, position: str) -> str:
    """SQL for what ``place`` says of three SQL expressions; NULL where the row is."""
    letters = f"""CASE
        WHEN {position} <= 26 THEN chr(64 + {position})
        WHEN {position} <= 702 THEN chr(64 + ({position} - 1) // 26) || chr(65 + ({position} - 1) % 26)
        ELSE chr(64 + ({position} - 27) // 676) || chr(65 + ({position} - 27) // 26 % 26)
            || chr(65 + ({position} - 27) % 26)
    END"""
    return f"""CASE
        WHEN ends_with(lower({file}), '.csv') THEN 'line ' || {row}
        WHEN ends_with(lower({file}), '.parquet') THEN 'row ' || {row}
        WHEN {position} IS NULL THEN {row} || ':' || {row}
        ELSE {letters} || {row}
    END"""
