"""Giving refused files back: a copy of each with every bad cell marked, and a list of all problems of the run.

They lie in ``returned`` below the marts folder, are no part of any publication, and are what the last run found.
Whoever mends the marked cells and puts the workbook in place of the old file is done.
"""

from __future__ import annotations

import contextlib
import csv
import re
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.contracts import Contract, load_contracts
from pipelines.errors import Exit, KaoheError, Problem
from pipelines.ingest.deliveries import Delivery, discover
from pipelines.ingest.header import SEARCHED, find_header, plain
from pipelines.ingest.sheets import Row, open_text
from pipelines.labels import both, label
from pipelines.masking import masked

if TYPE_CHECKING:
    from pipelines.publish.book import Book

RETURNED = "returned"
PROBLEMS = "problems.csv"

#: What is larger is given back as the list alone: a workbook of it would take longer than mending the original.
MOST_ROWS = 50_000
MOST_BYTES = 64_000_000
MOST_MARKS = 5_000

#: Who our comments are by and the fill that marks a cell; both are taken off a file that comes back a second time.
_AUTHOR = "考核退回 kaohe returned"
_MARK = "FFFFD9C7"
_THEIRS = "\n――――――\n"
#: What begins like a formula and is no plain number; a spreadsheet that opens a CSV file would calculate it.
_FORMULA_LIKE = re.compile(r"[=@\t\r\n]|[-+](?![0-9.,]*%?$)")
_ADDRESS = re.compile(r"([A-Z]{1,3})([0-9]+)")
_ROW = re.compile(r"(?:line |row )?([0-9]+)(?::\1)?")


@contextlib.contextmanager
def refusals(raw: Path, marts: Path, report: Callable[[str, str], None]) -> Iterator[None]:
    """Give the files back that a refusal within is about; the refusal goes on, and says where they are."""
    try:
        yield
    except KaoheError as refusal:
        if refusal.code not in (Exit.REJECTED, Exit.GATE):
            raise
        for told in give_back(raw, marts, refusal.problems, report):
            refusal.add_note(told)
        raise


def give_back(
    raw: Path, marts: Path, problems: Sequence[Problem], report: Callable[[str, str], None] = lambda *_: None
) -> list[str]:
    """Make ``returned`` below ``marts`` what ``problems`` of the deliveries in ``raw`` ask for; gone if there are none.

    Returns where the files are, in words, and why some or all are not; never raises for a file that cannot be written,
    since the refusal itself is what must be heard.
    """
    folder, building = marts / RETURNED, marts / f"{RETURNED}.building"
    try:
        shutil.rmtree(building, ignore_errors=True)
        if not problems:
            shutil.rmtree(folder, ignore_errors=True)
            return []
        report("returned", "")
        building.mkdir(parents=True)
        failed = _write(raw, building, problems, report)
        old = marts / f"{RETURNED}.old"
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        building.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        return [both("returned_failed", " / ", files=str(error))]
    told = [both("returned_told", " / ", folder=str(folder))]
    return [*told, both("returned_failed", " / ", files="; ".join(failed))] if failed else told


def _write(raw: Path, folder: Path, problems: Sequence[Problem], report: Callable[[str, str], None]) -> list[str]:
    """Write every workbook and the list; which files could not be given back, and why."""
    contracts = load_contracts()
    deliveries = {delivery.name: delivery for delivery in discover(raw, contracts)[0]}
    by_file: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        contract = contracts[deliveries[problem.file].source] if problem.file in deliveries else None
        by_file[problem.file].append(_masked(problem, contract) if contract else problem)
    places: dict[str, str] = {}
    failed = []
    for name, told in by_file.items():
        if name not in deliveries or not _has_table(told):
            continue
        delivery = deliveries[name]
        place = Path(name).with_suffix(".xlsx").as_posix()
        if place in places.values():
            place = f"{place.removesuffix('.xlsx')}-{delivery.path.suffix[1:]}.xlsx"
        report("returned", place)
        try:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            _give_back(delivery, contracts[delivery.source], told, folder / place)
            places[name] = place
        # Whatever a strange file does to the library that writes workbooks, its problems are in the list.
        except Exception as error:
            (folder / place).unlink(missing_ok=True)
            failed.append(f"{name} ({type(error).__name__}: {error})")
    with (folder / PROBLEMS).open("w", encoding="utf-8-sig", newline="") as stream:
        fields = ("file", "sheet", "cell", "column", "value", "rule", "message_zh", "message_en", "remedy_zh",
                  "remedy_en")  # fmt: skip
        writer = csv.writer(stream)
        writer.writerow((*fields, "returned"))
        for problem in (each for told in by_file.values() for each in told):
            writer.writerow([*(_inert(getattr(problem, field)) for field in fields), places.get(problem.file, "")])
    return failed


def _masked(problem: Problem, contract: Contract) -> Problem:
    """The problem without what may be personal: the value of any column not known to hold nothing of the kind."""
    if not problem.value or not any(field.personal for field in contract.fields):
        return problem
    open_headers = {plain(header) for field in contract.fields if not field.personal for header in field.headers}
    return problem if plain(problem.column) in open_headers else replace(problem, value="***")


def _has_table(problems: Sequence[Problem]) -> bool:
    """Whether anything of the file could be read: a problem then has a place, or says that no header was found."""
    return any(problem.cell or problem.rule == "header" for problem in problems)


def _inert(text: str) -> str:
    return f"'{text}" if _FORMULA_LIKE.match(text) else text


# One file -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """A sheet of the workbook given back, how far its rows are below those received, and where its columns are."""

    sheet: Any
    shift: int
    positions: dict[str, int]


def _give_back(delivery: Delivery, contract: Contract, problems: Sequence[Problem], path: Path) -> None:
    from pipelines.publish.book import Book

    is_personal = any(field.personal for field in contract.fields)
    book, tables = Book(), None
    if delivery.path.suffix.lower() == ".xlsx" and not is_personal and _unpacked(delivery.path) <= MOST_BYTES:
        # What another library reads and this one does not is written anew, with its rows where they were.
        with contextlib.suppress(Exception):
            book, tables = _as_it_was(delivery.path)
    if tables is None:
        tables = _written_anew(book, delivery, contract, is_personal)
    _mark(book, tables, problems)
    _list(book, tables, delivery, problems, is_personal)
    book.save(path)


def _unpacked(path: Path) -> int:
    with zipfile.ZipFile(path) as package:
        return sum(part.file_size for part in package.infolist())


def _as_it_was(path: Path) -> tuple[Book, dict[str, _Table]]:
    """The workbook as received, without the marks of an earlier return; formulas keep what they came to."""
    from openpyxl import load_workbook
    from openpyxl.comments import Comment
    from openpyxl.styles import PatternFill

    from pipelines.publish.book import Book

    workbook = load_workbook(path)
    values = None
    book = Book(workbook)
    for name in [name for name in workbook.sheetnames if name.startswith(label("returned_sheet", "zh"))]:
        workbook.remove(workbook[name])
    tables = {}
    for sheet in workbook.worksheets:
        if masked(sheet.title) != sheet.title:
            raise ValueError("no sheet may bear a masked name")
        for row in sheet.iter_rows():
            for cell in row:
                if cell.comment:
                    theirs, author = cell.comment.text, cell.comment.author
                    if author == _AUTHOR:
                        (_, _, theirs), author = theirs.partition(_THEIRS), ""
                    cell.comment = Comment(masked(theirs), author) if theirs else None
                if cell.data_type == "s" and (shown := masked(str(cell.value))) != cell.value:
                    cell.value, cell.data_type = shown, "s"
                if cell.has_style and cell.fill.fgColor.rgb == _MARK:
                    cell.fill = PatternFill()
                if cell.data_type == "f":
                    values = values or load_workbook(path, data_only=True)
                    book.remember(cell, values[sheet.title][cell.coordinate].value)
                elif cell.data_type == "s" and str(cell.value).startswith(("=", "+", "-", "@", "\t", "\r")):
                    # Still a text once somebody has clicked into it and out again.
                    cell._style.quotePrefix = 1
        tables[sheet.title] = _Table(sheet, 0, {})
    return book, tables


def _written_anew(book: Book, delivery: Delivery, contract: Contract, is_personal: bool) -> dict[str, _Table]:
    """Every row at its number, as text; what is personal is masked, and its column headed so that nobody loads that."""
    tables = {}
    for received, rows, shift in _rows(delivery, contract):
        kept = list(islice(rows, MOST_ROWS + 1))
        if len(kept) > MOST_ROWS:
            return {}
        header = find_header(contract, kept[:SEARCHED])
        open_columns = set(range(1 << 14))
        if is_personal:
            named = header.columns.items() if header else ()
            open_columns = {at for field, at in named if not contract.field(field).personal}
        name = masked(received)
        # A masked name holds signs that no sheet may bear.
        sheet = book.sheet(name.replace("*", "＊") or contract.title)
        below = header.row if header else 0
        for number, row in enumerate(kept, start=1):
            for at, text in enumerate(row):
                if text is None:
                    continue
                shown = masked(text)
                if number == below and at not in open_columns:
                    shown = f"{text}（{both('returned_masked')}）"
                elif number > below and at not in open_columns:
                    shown = "***"
                book.put(sheet, number, at + 1, shown, "head" if number == below else "received")
        for at, text in header.written.items() if header else ():
            sheet.column_dimensions[_letter(at + 1)].width = min(40, max(12, 2 * len(text) + 2))
        positions = {masked(text): at + 1 for at, text in header.written.items()} if header else {}
        tables[name] = _Table(sheet, shift, positions)
    return tables


def _rows(delivery: Delivery, contract: Contract) -> Iterator[tuple[str, Iterable[Row], int]]:
    """Name and rows of each sheet as text, and how far below their own numbers the rows stand."""
    match delivery.path.suffix.lower():
        case ".parquet":
            import duckdb

            with duckdb.connect() as connection:
                found = connection.execute(
                    f"SELECT COLUMNS(*)::VARCHAR FROM read_parquet(?) LIMIT {MOST_ROWS + 1}", [str(delivery.path)]
                )
                names: Row = [column[0] for column in found.description or ()]
                # The names of the columns take the first row.
                yield "", [names, *map(list, found.fetchall())], 1
        case ".csv":

            def score(top: list[Row]) -> int:
                header = find_header(contract, top)
                return len(header.columns) if header else 0

            yield "", open_text(delivery.path, score, SEARCHED).rows, 0
        case _:
            from pipelines.ingest.workbook import open_workbook

            for sheet in open_workbook(delivery.path):
                yield sheet.name, sheet.rows, 0


# Marks and the list ---------------------------------------------------------------------------------------------------


def _mark(book: Book, tables: dict[str, _Table], problems: Sequence[Problem]) -> None:
    """Fill every bad cell and hang on it what is wrong; where a whole row is meant, on its first cell."""
    from openpyxl.styles import PatternFill

    fill = PatternFill("solid", fgColor=_MARK)
    notes: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems[:MOST_MARKS]:
        place = _place(tables, problem)
        if place is None:
            continue
        table, row, column = place
        columns = [column] if column else range(1, table.sheet.max_column + 1)
        cells = [_whole(table.sheet, row, at) for at in columns]
        for cell in cells:
            cell._style = copy(cell._style)
            cell.fill = fill
        first = next((cell for cell in cells if cell.value is not None), cells[0])
        notes[table.sheet.title, first.coordinate].append(problem)
    for (sheet, place_of_cell), told in notes.items():
        cell = book.workbook[sheet][place_of_cell]
        cell.comment = _comment("\n\n".join(map(_note, told)), cell.comment.text if cell.comment else "")


def _place(tables: dict[str, _Table], problem: Problem) -> tuple[_Table, int, int | None] | None:
    """The sheet, row and column (None for the whole row) that a problem is about; None where its sheet is not here."""
    table = tables.get(problem.sheet)
    if table is None:
        return None
    if address := _ADDRESS.fullmatch(problem.cell):
        return table, int(address[2]), _position(address[1])
    if row := _ROW.fullmatch(problem.cell):
        return table, int(row[1]) + table.shift, table.positions.get(problem.column)
    return table, 1, 1


def _whole(sheet: Any, row: int, column: int) -> Any:
    """The cell, or the first one of the merged cells it is part of, which holds the value of all."""
    from openpyxl.cell.cell import MergedCell

    cell = sheet.cell(row, column)
    if isinstance(cell, MergedCell):
        area = next(each for each in sheet.merged_cells.ranges if cell.coordinate in each)
        return sheet.cell(area.min_row, area.min_col)
    return cell


def _note(problem: Problem) -> str:
    value = f"{both('value')}: {problem.value}\n" if problem.value else ""
    return (
        f"{value}{both('rule')}: {problem.rule}\n{problem.message_zh}\n{problem.message_en}\n"
        f"→ {problem.remedy_zh}\n→ {problem.remedy_en}"
    )


def _comment(ours: str, theirs: str) -> Any:
    """A comment; what the sender had written there stays below ours."""
    from openpyxl.comments import Comment

    text = f"{ours}{_THEIRS}{theirs}" if theirs else ours
    comment = Comment(text, _AUTHOR)
    comment.width, comment.height = 360, min(420, 20 * (2 + text.count("\n") + len(text) // 40))
    return comment


def _list(
    book: Book, tables: dict[str, _Table], delivery: Delivery, problems: Sequence[Problem], is_personal: bool
) -> None:
    """The first sheet: every problem in a row, with a link to its cell. Its name is one that ingest passes over."""
    sheet = book.sheet(label("returned_sheet", "zh"))
    book.workbook.move_sheet(sheet, -book.workbook.index(sheet))
    book.put(sheet, 1, 1, f"{delivery.name}: {both('returned_title', ' / ', count=str(len(problems)))}", "title_left")
    key = "returned_list_only" if not tables else "returned_not_to_load" if is_personal else "returned_how"
    place = Path(delivery.name).with_suffix(".xlsx")
    for row, told_how in enumerate((label(key, "zh"), label(key, "en")), start=2):
        book.put(sheet, row, 1, told_how.format(file=place), "line")
    headings = ("source_sheet", "cell", "header", "value", "rule", "message", "remedy")
    for column, (heading, width) in enumerate(zip(headings, (16, 12, 18, 22, 26, 56, 48), strict=True), start=1):
        words = both(f"column_{heading}", "\n")
        book.put(sheet, 5, column, words, "head")
        sheet.column_dimensions[_letter(column)].width = width
    book.fit(sheet, 5)
    for row, problem in enumerate(problems[:MOST_MARKS], start=6):
        told = (
            problem.sheet, problem.cell, problem.column, problem.value, problem.rule,
            f"{problem.message_zh}\n{problem.message_en}", f"{problem.remedy_zh}\n{problem.remedy_en}",
        )  # fmt: skip
        for column, text in enumerate(told, start=1):
            book.put(sheet, row, column, text or None, "text")
        if found := _place(tables, problem):
            table, at, position = found
            target = _whole(table.sheet, at, position or 1)
            link = book.put(sheet, row, 2, problem.cell or target.coordinate, "link")
            book.lead_to(link, table.sheet.title, target.coordinate)
        book.fit(sheet, row)
    if len(problems) > MOST_MARKS:
        more = both("returned_more", " / ", shown=str(MOST_MARKS), file=PROBLEMS)
        book.put(sheet, MOST_MARKS + 6, 1, more, "notice")
    sheet.freeze_panes = "A6"
    sheet.auto_filter.ref = f"A5:G{5 + min(len(problems), MOST_MARKS)}"
    book.workbook.active = 0
    for each in book.workbook.worksheets:
        # Two sheets selected together would be edited together.
        each.sheet_view.tabSelected = each is sheet


def _letter(position: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(position))


def _position(letters: str) -> int:
    from openpyxl.utils import column_index_from_string

    return int(column_index_from_string(letters))
