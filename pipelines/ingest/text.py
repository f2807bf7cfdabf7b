"""What makes a text file no text to be read, looked for in its bytes before any row is."""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path

from pipelines.ingest.sheets import UnreadableError

#: Two Chinese characters in a row as UTF-8 has them; in GB18030 the same bytes would be three rare ones.
_CHINESE_UTF8 = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2}")
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK = 1 << 20
_ANEW = ("请重新导出或复制后报送", "export or copy it anew and send it again")


def refuse_nul(path: Path) -> None:
    """UnreadableError where a text file holds NUL characters, as damaged files and unmarked UTF-16 do."""
    with path.open("rb") as stream:
        head = stream.read(_CHUNK)
        if head.startswith(_WIDE_MARKS):
            _refuse_nul_in_wide(path)
            return
        fewer, more = sorted((head[::2].count(0), head[1::2].count(0)))
        if more * 10 > len(head) and fewer * 10 < more:
            raise UnreadableError(
                "是没有字节序标记的 UTF-16 文本，无法确定如何读",
                "UTF-16 text without a byte order mark: how to read it is not certain",
                remedy=("请另存为「CSV UTF-8」或 .xlsx", "save it as CSV UTF-8 or as .xlsx"),
            )
        row, chunk = 1, head
        while chunk:
            if b"\0" in chunk:
                raise _nul(row + chunk.count(b"\n", 0, chunk.index(b"\0")))
            row += chunk.count(b"\n")
            chunk = stream.read(_CHUNK)


def refuse_mixture(path: Path) -> None:
    """UnreadableError, with the line, where some lines of a file that is no UTF-8 as a whole are UTF-8."""
    first_utf8, first_other, fault = None, None, ""
    with path.open("rb") as stream:
        for row, line in enumerate(stream, start=1):
            if not first_other and (fault := _fault(line)):
                first_other = row
            if not first_utf8 and _CHINESE_UTF8.search(line) and not _fault(line):
                first_utf8 = row
            if first_utf8 and first_other:
                break
        else:
            return
    if fault == "unexpected end of data":
        raise UnreadableError(
            f"文件在第 {first_other} 行的一个字中间中断",
            f"the file breaks off within a character, in line {first_other}",
            row=first_other,
            remedy=_ANEW,
        )
    raise UnreadableError(
        f"同一文件混用编码：第 {first_utf8} 行是 UTF-8，第 {first_other} 行不是",
        f"a mixture of encodings: line {first_utf8} is UTF-8, line {first_other} is not",
        row=max(first_other, first_utf8),
        remedy=(
            "请用 Excel 或 WPS 另存为「CSV UTF-8」；不要把不同来源的文件直接拼接",
            "save it as CSV UTF-8 from Excel or WPS; do not join files of different origin",
        ),
    )


def _fault(line: bytes) -> str:
    """Why a line is no UTF-8; '' where it is."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason
    return ""


def unfinished_line(path: Path, encoding: str, width: int) -> bool:
    """Whether the last line of a text file has no end, and fewer cells than the ``width`` cells of the header.

    So end files whose copying broke off; so do notes written by hand, which the caller has to tell from data.
    """
    with path.open("rb") as stream:
        is_big_endian = stream.read(2) == codecs.BOM_UTF16_BE
        stream.seek(max(0, stream.seek(0, 2) - _CHUNK) // 2 * 2)
        wide = "utf-16-be" if is_big_endian else "utf-16-le"
        text = stream.read().decode(wide if encoding == "utf-16" else encoding, errors="ignore")
    last = re.split(r"[\r\n]", text)[-1]
    # An odd quote closes a cell of several lines: where that one began is not known here.
    if not last.strip() or last.count('"') % 2:
        return False
    cells = max(len(next(csv.reader([last], delimiter=delimiter))) for delimiter in ",\t;|")
    return cells < width


def _refuse_nul_in_wide(path: Path) -> None:
    row = 1
    with path.open(encoding="utf-16", errors="ignore", newline="") as stream:
        while text := stream.read(_CHUNK):
            if "\0" in text:
                raise _nul(row + text.count("\n", 0, text.index("\0")))
            row += text.count("\n")


def _nul(row: int) -> UnreadableError:
    return UnreadableError(
        "含有 NUL（0x00）字节：文件已损坏，或不是文本文件",
        "a NUL byte (0x00): the file is damaged, or is no text",
        row=row,
        remedy=_ANEW,
    )
