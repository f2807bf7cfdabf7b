"""Which files were received, and which source and year each one belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import Problem

FORMATS = (".csv", ".xlsx", ".parquet")
_NOT_DELIVERIES = ("README.md", ".gitkeep", ".DS_Store", "Thumbs.db")


@dataclass(frozen=True)
class Delivery:
    """One received file.

    Attributes:
        path: where it lies.
        name: its path below the raw folder, with forward slashes; how everything downstream refers to it.
        source: the source it belongs to.
        year: the year folder it lies in; None for the register of towns, which is for all years.
        label: what follows the source in the file name, such as a town.
        sha256, size: of its bytes.
    """

    path: Path
    name: str
    source: str
    year: int | None
    label: str
    sha256: str
    size: int


def discover(raw: Path, sources: Iterable[str]) -> tuple[list[Delivery], list[Problem]]:
    """Every delivery below ``raw`` in a fixed order, and a problem for every file that is none."""
    names = sorted(sources, key=len, reverse=True)
    deliveries, problems = [], []
    for path in sorted(raw.rglob("*")):
        if not path.is_file() or path.name in _NOT_DELIVERIES or path.name.startswith(("~$", ".")):
            continue
        name = path.relative_to(raw).as_posix()
        folder = path.relative_to(raw).parts[:-1]
        source = next((each for each in names if path.stem == each or path.stem.startswith(f"{each}-")), None)
        at_home = (
            folder == () if source == "towns" else len(folder) == 1 and folder[0].isdigit() and len(folder[0]) == 4
        )
        if source is None or path.suffix.lower() not in FORMATS or not at_home:
            problems.append(_not_a_delivery(name, source))
            continue
        content = path.read_bytes()
        deliveries.append(
            Delivery(
                path=path,
                name=name,
                source=source,
                year=int(folder[0]) if folder else None,
                label=path.stem[len(source) + 1 :],
                sha256=hashlib.sha256(content).hexdigest(),
                size=len(content),
            )
        )
    return deliveries, problems


def _not_a_delivery(name: str, source: str | None) -> Problem:
    return Problem(
        file=name,
        rule="file_name",
        message_zh="文件名或所在文件夹不是任何一种报送数据" if source is None else "文件不在应在的文件夹或格式不支持",
        message_en="the file name fits no source" if source is None else "wrong folder or unsupported format",
        remedy_zh="名录放 towns.csv，其余放 <年度>/<数据名>[-说明].csv、.xlsx 或 .parquet；无关文件请移出",
        remedy_en="towns.csv at the top, all else as <year>/<source>[-anything].csv, .xlsx or .parquet; move others out",
    )
