"""Which files were received, and which source and year each one belongs to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from pipelines.errors import Problem
from pipelines.ingest.kinds import kind_of
from pipelines.masking import masked

FORMATS = (".csv", ".xlsx", ".parquet")
_NOT_DELIVERIES = ("README.md", ".gitkeep", ".DS_Store", "Thumbs.db")
_YEAR = re.compile(r"(19|20)[0-9]{2}")


@dataclass(frozen=True)
class Delivery:
    """One received file.

    Attributes:
        path: where it lies.
        name: its path below the raw folder as ``shown_name`` has it; how everything downstream refers to it.
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

    def is_as_found(self) -> bool:
        """Whether the file still holds the bytes whose hash is kept."""
        return self.path.is_file() and _digest(self.path) == self.sha256


def is_delivery(file_name: str) -> bool:
    """Whether a file of this name is taken for a delivery, and not for what systems and people leave beside them."""
    return file_name not in _NOT_DELIVERIES and not file_name.startswith("~$")


def discover(raw: Path, sources: Iterable[str]) -> tuple[list[Delivery], list[Problem]]:
    """Every delivery below ``raw`` in a fixed order, and a problem for every file that is none."""
    names = sorted(sources, key=lambda name: (-len(name), name))
    deliveries, problems, taken = [], [], set()
    for path in sorted(raw.rglob("*"), key=lambda path: path.relative_to(raw).parts):
        if not is_delivery(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            continue
        name = shown_name(path, raw)
        source = next((each for each in names if path.stem == each or path.stem.startswith(f"{each}-")), None)
        problem = _problem(path, name, source, names) or (names_alike(name) if name in taken else None)
        taken.add(name)
        if problem or source is None:
            problems += [problem] if problem else []
            continue
        deliveries.append(
            Delivery(
                path=path,
                name=name,
                source=source,
                year=None if source == "towns" else int(path.parent.name),
                label=PurePosixPath(name).stem[len(source) + 1 :],
                sha256=_digest(path),
                size=path.stat().st_size,
            )
        )
    return deliveries, problems


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def shown_name(path: Path, raw: Path) -> str:
    """The path of a file below ``raw`` as it is shown: forward slashes, identity numbers masked, and fit to be written.

    A file system may hold names that are no text; what is not is written as ``\\udcff``.
    """
    return masked(path.relative_to(raw).as_posix()).encode("utf-8", "backslashreplace").decode()


def names_alike(file: str, sheet: str = "") -> Problem:
    """Several files, or sheets of a file, are called the same once identity numbers are masked."""
    return Problem(
        file=file,
        sheet=sheet,
        rule="file_name",
        message_zh="多个文件或工作表的名称只有证件号不同，隐去后无法区分",
        message_en="files or sheets whose names differ in an identity number alone cannot be told apart",
        remedy_zh="请改名，名称中不要写证件号",
        remedy_en="rename them without the numbers",
    )


def _problem(path: Path, name: str, source: str | None, sources: list[str]) -> Problem | None:
    """Why a file is no delivery; None where it is one."""
    folder = Path(name).parts[:-1]
    if path.is_symlink() or not path.is_file():
        return Problem(
            file=name,
            rule="plain_file",
            message_zh="不是普通文件（链接、管道等不予读取）",
            message_en="not a plain file; links and pipes are not followed",
            remedy_zh="请放入文件本身",
            remedy_en="put the file itself there",
        )
    if source is None:
        near = get_close_matches(path.stem, sources, n=1) or ["<数据名 source>"]
        return Problem(
            file=name,
            rule="file_name",
            message_zh="文件名不是任何一种报送数据",
            message_en="the file name fits no source",
            remedy_zh=f"请改名为 {near[0]}[-说明]{path.suffix}；无关文件请移出",
            remedy_en=f"name it {near[0]}[-anything]{path.suffix}, or move it out",
        )
    if path.suffix.lower() not in FORMATS:
        kind = kind_of(path)
        return Problem(
            file=name,
            rule="file_format",
            message_zh=f"不支持 {path.suffix or '无扩展名'} 格式；此文件实为{kind.zh}",
            message_en=f"{path.suffix or 'no extension'} is not a format that is read; this is {kind.en}",
            remedy_zh=kind.remedy_zh,
            remedy_en=kind.remedy_en,
        )
    if not (folder == () if source == "towns" else len(folder) == 1 and _YEAR.fullmatch(folder[0])):
        home = "" if source == "towns" else "<年度 year>/"
        return Problem(
            file=name,
            rule="folder",
            message_zh="文件不在应在的文件夹",
            message_en="the file is not in the folder it belongs to",
            remedy_zh=f"请移到 {home}{path.name}",
            remedy_en=f"move it to {home}{path.name}",
        )
    return None
