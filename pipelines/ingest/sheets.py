"""Opening a received file: every sheet's rows as text, numbered as a person sees them."""

from __future__ import annotations

import codecs
import contextlib
import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

Row = list[str | None]

#: Byte order marks and the encodings they announce.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS = (",", "\t", ";", "|")
_CHUNK = 1 << 20
#: What the folders of copies made while reading are called, before a part that no two share.
ARRIVING = ".arriving-"


class UnreadableError(Exception):
    """The file cannot be read as what its name says it is; the text says why, in Chinese and English.

    ``row`` is the row or line it stands in, where one can be named; ``remedy``, in both languages, what to do where it
    is not the usual: to save the file again.
    """

    def __init__(self, zh: str, en: str, row: int | None = None, remedy: tuple[str, str] | None = None) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en
        self.row, self.remedy = row, remedy


@dataclass(frozen=True)
class MergedArea:
    """Merged cells of a workbook, from ``top``, ``left`` to ``bottom``, ``right``, all counted from 0 and included.

    ``text`` is what they hold together.
    """

    top: int
    left: int
    bottom: int
    right: int
    text: str | None


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes:
        name: '' for a text file.
        encoding: what its text came in; '' for workbooks.
        rows: in order from the first row of the file or sheet, blank ones included, so that counting gives row numbers.
            A merged area's text stands in its leftmost cell in every row.
        merged: the merged areas.
        delimiter: what parts the cells of a text file; '' for workbooks.
    """

    name: str
    encoding: str
    rows: Iterator[Row]
    merged: tuple[MergedArea, ...] = ()
    delimiter: str = ""


def first_cell(row: Row) -> str | None:
    """The first cell of a row that holds more than white space."""
    return next((cell for cell in row if cell and not cell.isspace()), None)


def spread(rows: Iterator[Row], merged: Iterable[MergedArea]) -> Iterator[Row]:
    """``rows`` with the text of each merged area in all its cells."""
    ahead = sorted(merged, key=lambda area: area.top, reverse=True)
    current: list[MergedArea] = []
    for number, row in enumerate(rows):
        while ahead and ahead[-1].top <= number:
            current.append(ahead.pop())
        if current:
            current = [area for area in current if area.bottom >= number]
            for area in current:
                row[area.left : area.right + 1] = [area.text] * len(row[area.left : area.right + 1])
        yield row


def open_text(path: Path, score: Callable[[list[Row]], int], searched: int) -> Sheet:
    """The one sheet of a text file of separated values. Raises UnreadableError, also while its rows are read.

    Of the delimiters the one is taken that makes ``score`` of the first ``searched`` rows the highest.
    """
    encoding = _encoding(path)

    def top(delimiter: str) -> list[Row]:
        try:
            return list(islice(_rows(path, encoding, delimiter), searched))
        except UnreadableError:
            return []

    delimiter = max(_DELIMITERS, key=lambda delimiter: score(top(delimiter)))
    return Sheet("", encoding, _rows(path, encoding, delimiter), delimiter=delimiter)


@contextlib.contextmanager
def in_utf8(path: Path, encoding: str, aside: Path | None) -> Iterator[Path]:
    """The text file itself where it is in UTF-8, or else a copy of it that is; the copy lies below ``aside``."""
    if encoding.startswith("utf-8"):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix=ARRIVING, dir=aside) as folder:
        copy = Path(folder) / path.name
        with path.open(encoding=encoding, newline="") as stream, copy.open("w", encoding="utf-8", newline="") as out:
            while text := stream.read(_CHUNK):
                out.write(text)
        yield copy


def lines_if_plain(path: Path) -> int | None:
    """How many lines a text file in UTF-8 has; None where readers may differ over what is a line or a cell.

    They differ over line ends of several kinds in one file, and over spaces before or behind quotes.
    """
    lines = returns = pairs = 0
    last = b""
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            lines += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            window = last + chunk
            pairs += window.count(b"\r\n") if returns else 0
            if b'"' in window and (b' "' in window or b'" ' in window):
                return None
            last = chunk[-1:]
    if returns != pairs or pairs not in (0, lines):
        return None
    return lines + (last not in (b"\n", b""))


def _rows(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    number = 0
    with path.open(encoding=encoding, newline="") as stream:
        try:
            for row in csv.reader(stream, delimiter=delimiter, strict=True):
                number += 1
                yield [cell or None for cell in row]
        except csv.Error as error:
            raise UnreadableError(
                f"CSV 格式错误，多为引号不成对（{error}）",
                f"broken CSV, often an unclosed quote ({error})",
                row=number + 1,
            ) from error


def _encoding(path: Path) -> str:
    """The encoding of a file, all of which was tried: half a file in another encoding is not read as something else."""
    with path.open("rb") as stream:
        head = stream.read(4)
    marked = [encoding for mark, encoding in _MARKS if head.startswith(mark)]
    for encoding in marked or ("utf-8", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        try:
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise UnreadableError(
        "编码既不是 UTF-8 也不是 GB18030，或同一文件混用编码", "neither UTF-8 nor GB18030, or a mixture of encodings"
    )
