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
