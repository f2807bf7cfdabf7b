"""Opening a received file: every sheet's rows as text, numbered as a person sees them."""

from __future__ import annotations

import codecs
import csv
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

Row = list[str | None]

#: Byte order marks, longest first.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DELIMITERS = (",", "\t", ";")
_CHUNK = 1 << 20


class UnreadableError(Exception):
    """The file cannot be read as what its name says it is; the text says why, in Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass
class Sheet:
    """One sheet: its name ('' for a text file), the encoding its text came in ('' for workbooks) and its rows in order.

    ``rows`` starts with the first row of the file or sheet, blank ones included, so that counting gives row numbers.
    """

    name: str
    encoding: str
    rows: Iterator[Row]


def open_sheets(path: Path) -> list[Sheet]:
    """The sheets of a .csv or .xlsx file. Raises UnreadableError."""
    return [_text_sheet(path)] if path.suffix.lower() == ".csv" else _workbook_sheets(path)


def _text_sheet(path: Path) -> Sheet:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as stream:
        head = list(islice(stream, 40))
    delimiter = max(_DELIMITERS, key=lambda mark: sum(line.count(mark) for line in head))

    def rows() -> Iterator[Row]:
        with path.open(encoding=encoding, newline="") as stream:
            try:
                for row in csv.reader(stream, delimiter=delimiter, strict=True):
                    yield [cell or None for cell in row]
            except csv.Error as error:
                raise UnreadableError(f"CSV 格式错误（{error}）", f"broken CSV ({error})") from error

    return Sheet("", encoding, rows())


def _encoding(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    for encoding in ("utf-8", "gb18030"):
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


def _workbook_sheets(path: Path) -> list[Sheet]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        workbook = CalamineWorkbook.from_path(str(path))
        return [Sheet(name, "", iter(_sheet_rows(workbook.get_sheet_by_name(name)))) for name in workbook.sheet_names]
    except PasswordError as error:
        raise UnreadableError("工作簿设有密码，请去掉密码后重报", "the workbook has a password; remove it") from error
    except CalamineError as error:
        raise UnreadableError(f"不是完好的 xlsx 工作簿（{error}）", f"not a whole xlsx workbook ({error})") from error


def _sheet_rows(sheet: CalamineSheet) -> list[Row]:
    rows = [[_cell_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        # Excel keeps a merged area's value in its top left cell only; every row of the area means it.
        for row in rows[top : bottom + 1]:
            row[left : right + 1] = [rows[top][left]] * len(row[left : right + 1])
    return rows


def _cell_text(cell: object) -> str | None:
    """A workbook cell as text: numbers in full, dates as ISO dates."""
    match cell:
        case None | "":
            return None
        case bool():
            return "TRUE" if cell else "FALSE"
        case float():
            return format(Decimal(repr(cell)).normalize(), "f")
        case datetime.datetime():
            return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(sep=" ")
        case _:
            return str(cell)
