"""Finding the header line below titles, and which column holds which field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipelines.contracts import Contract, ContractField
from pipelines.ingest.sheets import Row

#: The header is looked for in this many rows from the top.
SEARCHED = 30

#: How a contract's unit may stand in brackets behind a header.
WRITTEN_UNITS = {
    "persons": ("人",),
    "ten thousand persons": ("万人",),
    "yuan": ("元",),
    "percent": ("%",),
    "employers": ("家", "户", "个"),
    "payments": ("笔",),
    "records": ("条",),
    "cards": ("张", "份"),
    "points": ("分",),
    "errors": ("处", "个"),
    "month": ("月",),
}
_UNIT = "[十百千万亿]*(人次|人|元|家|户|个|笔|条|张|份|件|分|处|月)|%|‰|百分比|千分比"
_BRACKETED = re.compile(r"(.+)[(\[【](.+)[)\]】]")
_MULTIPLE = "([十百千万亿]+(?:人次|人|元|家|户|个|笔|条|张|份|件))"
#: A line such as 单位：万元 or （万元） above the table, with the multiples that would change every figure.
_UNIT_LINE = re.compile(rf"单位[:：]?.*?{_MULTIPLE}|[(\[【]{_MULTIPLE}[)\]】]")


@dataclass(frozen=True)
class Header:
    """Where the header line is and what it says; positions count from 0.

    Attributes:
        row: its row, counted from 1.
        columns: field name → position of its column.
        written: position → the header as the sender wrote it, unrecognised columns included.
        width: number of cells of the header row.
        missing: fields the contract asks for that no column holds.
        doubled: field → the positions that all claim it.
        other_unit: position → field that this column would be if it were not in another unit.
        unit_line: row, position and text of a line above that states a multiple no field of the contract is in.
    """

    row: int
    columns: dict[str, int]
    written: dict[int, str]
    width: int
    missing: tuple[ContractField, ...]
    doubled: dict[ContractField, tuple[int, ...]]
    other_unit: dict[int, ContractField]
    unit_line: tuple[int, int, str] | None


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
    cells = top[number - 1]
    claims = {field: tuple(at for at in fields if fields[at] is field) for field in contract.fields}
    return Header(
        row=number,
        columns={field.name: places[0] for field, places in claims.items() if places},
        written={at: cell for at, cell in enumerate(cells) if cell},
        width=len(cells),
        missing=tuple(field for field, places in claims.items() if not places and not field.optional),
        doubled={field: places for field, places in claims.items() if len(places) > 1},
        other_unit={at: field for at, cell in enumerate(cells) if cell and (field := _in_other_unit(cell, known))},
        unit_line=_unit_line(contract, top[: number - 1]),
    )


@lru_cache(maxsize=1 << 14)
def plain(text: str) -> str:
    """A header with white space gone and full-width forms made ASCII, in lower case."""
    return re.sub(r"\s|[\xad\u200b-\u200f\u2060\ufeff]", "", unicodedata.normalize("NFKC", text)).lower()


def _field(cell: str, known: dict[str, ContractField]) -> ContractField | None:
    text = plain(cell)
    if text in known:
        return known[text]
    field, unit = _bracketed(text, known)
    return field if field and unit in WRITTEN_UNITS.get(field.unit, ()) else None


def _in_other_unit(cell: str, known: dict[str, ContractField]) -> ContractField | None:
    """The field a header names in a unit that is not the contract's, such as 万人 for 人."""
    if _field(cell, known):
        return None
    field, unit = _bracketed(plain(cell), known)
    return field if re.fullmatch(_UNIT, unit) else None


def _bracketed(text: str, known: dict[str, ContractField]) -> tuple[ContractField | None, str]:
    parts = _BRACKETED.fullmatch(text)
    return (known.get(parts[1]), parts[2]) if parts else (None, "")


def _unit_line(contract: Contract, above: Sequence[Row]) -> tuple[int, int, str] | None:
    ours = {unit for field in contract.fields for unit in WRITTEN_UNITS.get(field.unit, ())}
    for number, row in enumerate(above, start=1):
        for at, cell in enumerate(row):
            stated = _UNIT_LINE.search(plain(cell)) if cell else None
            if cell and stated and (stated[1] or stated[2]) not in ours:
                return number, at, cell
    return None
