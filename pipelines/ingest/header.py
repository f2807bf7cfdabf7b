"""Finding the header line below titles, and which column holds which field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.contracts import Contract, ContractField
from pipelines.ingest.sheets import Row

#: The header is looked for in this many rows from the top.
SEARCHED = 30

#: How a unit may stand in brackets behind a header.
_UNITS = {
    "persons": "人",
    "yuan": "元",
    "percent": "%",
    "employers": "家户个",
    "payments": "笔",
    "records": "条",
    "cards": "张份人",
    "points": "分",
    "errors": "个处",
    "month": "月",
}


@dataclass(frozen=True)
class Header:
    """Where the header line is and what it says.

    Attributes:
        row: its row, counted from 1.
        columns: field name → position of its column, counted from 0.
        written: position → the header as the sender wrote it, unrecognised columns included.
        missing: fields the contract asks for that no column holds.
        doubled: fields that more than one column claims.
    """

    row: int
    columns: dict[str, int]
    written: dict[int, str]
    missing: tuple[ContractField, ...]
    doubled: tuple[ContractField, ...]


def find_header(contract: Contract, top: Sequence[Row]) -> Header | None:
    """The row among ``top`` in which most cells are headers of the contract; None where no row has two of them."""
    known = {plain(header): field for field in contract.fields for header in field.headers}
    found: tuple[int, dict[int, ContractField]] = (0, {})
    for number, row in enumerate(top[:SEARCHED], start=1):
        fields = {at: field for at, cell in enumerate(row) if cell and (field := _field(cell, known))}
        if len({field.name for field in fields.values()}) > len({field.name for field in found[1].values()}):
            found = (number, fields)
    number, fields = found
    if len(fields) < 2:
        return None
    names = [field.name for field in fields.values()]
    return Header(
        row=number,
        columns={field.name: at for at, field in reversed(fields.items())},
        written={at: cell for at, cell in enumerate(top[number - 1]) if cell},
        missing=tuple(field for field in contract.fields if field.name not in names and not field.optional),
        doubled=tuple(field for field in contract.fields if names.count(field.name) > 1),
    )


def plain(text: str) -> str:
    """A header with white space gone and full-width forms made ASCII, in lower case."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).lower()


def _field(cell: str, known: dict[str, ContractField]) -> ContractField | None:
    text = plain(cell)
    if text in known:
        return known[text]
    bare, bracket, unit = text.rstrip(")").partition("(")
    field = known.get(bare)
    # Another unit in the brackets (万人, 千元, ‰) would change every figure below: then it is not this column.
    if field and bracket and unit and unit in _UNITS.get(field.unit, ""):
        return field
    return None
