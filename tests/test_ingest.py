"""Received files are read whole: every row is found again with file, sheet and row, and nothing is guessed."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import duckdb
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import ingest as ingest_module
from pipelines.contracts import Contract, load_contracts
from pipelines.errors import Exit, KaoheError, Problem
from pipelines.ingest import ingest, tables, text
from pipelines.ingest.deliveries import discover
from pipelines.ingest.header import WRITTEN_UNITS, find_header, plain
from pipelines.ingest.sheets import UnreadableError, lines_if_plain
from pipelines.ingest.workbook import open_workbook
from pipelines.ingest.workbook_process import WorkbookProcess
from pipelines.places import place

CONTRACTS = load_contracts()
REGISTER = """\
单位编号,代码,名称,别名,类型,启用年度,停用年度
A,100000001,新丰镇,新丰;老新丰,镇,,
B,100000002,建设街道,,街道,,
C,100000103,七星镇,,镇,,2014
C,100000003,七星街道,,街道,2015,
"""
KINDS = ("raw", "typed")
RENEWAL = "年度,镇街,应续保人数,实际续保人数,年度目标任务,完成数"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "2013").mkdir(parents=True)
    (folder / "towns.csv").write_text(REGISTER, encoding="utf-8")
    return folder


def delivered(raw: Path) -> dict[str, Contract]:
    """The contracts of what lies in ``raw``: tables of the other sources would only take time."""
    return {name: CONTRACTS[name] for name in sorted({"towns", *(each.source for each in discover(raw, CONTRACTS)[0])})}


def read(raw: Path) -> duckdb.DuckDBPyConnection:
    """What ingest makes of ``raw``; the ledger of every sheet is checked on the way."""
    connection = duckdb.connect()
    contracts = delivered(raw)
    ingest(connection, raw, contracts, lambda _: None)
    every_row = " UNION ALL ".join(f"SELECT source_file, source_sheet FROM raw_{source}" for source in contracts)
    lost = connection.execute(
        f"SELECT * FROM (SELECT source_file, source_sheet, count(*) AS kept FROM ({every_row}) GROUP BY ALL) "
        "FULL JOIN delivery_sheet USING (source_file, source_sheet) WHERE coalesce(kept, 0) IS DISTINCT FROM rows_read"
    ).fetchall()
    assert lost == []
    return connection


def refused(raw: Path) -> list[Problem]:
    with pytest.raises(KaoheError) as refusal:
        ingest(duckdb.connect(), raw, delivered(raw), lambda _: None)
    assert refusal.value.code == Exit.REJECTED
    return list(refusal.value.problems)


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    found = connection.execute(query).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def write_csv(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode(encoding))


def write_workbook(path: Path, sheets: dict[str, list[list[object]]], merged: tuple[str, ...] = ()) -> None:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, cells in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in cells:
            sheet.append(row)
        for area in merged:
            sheet.merge_cells(area)
    workbook.save(path)


# Text files


def test_titles_totals_notes_and_blank_rows_are_told_from_data(raw: Path) -> None:
    text = f"""\
云澜市城乡居民养老保险续保情况表,,,,,
单位：人,,,,,
{RENEWAL}
2013,新丰镇人民政府,"1,200",1150,１００,98
2013,建设　街道,800,—,50,
,小 计,2000,1150,150,98

{RENEWAL}
2013,七星镇,100,90,10,10
,合　计：,"2,100",1240,160,108
注：实际续保含补缴。,,,,,
填表人：甲,,,审核（签字）：,,
"""
    write_csv(raw / "2013/pension_renewal.csv", text, "gb18030")
    connection = read(raw)
    kinds = dict(connection.execute("SELECT source_row, row_kind FROM raw_pension_renewal").fetchall())
    assert kinds == {1: "title", 2: "title", 3: "header", 4: "data", 5: "data", 6: "subtotal", 7: "blank", 8: "header",
                     9: "data", 10: "total", 11: "note", 12: "note"}  # fmt: skip
    assert rows(connection, "SELECT source_row, town_id, due, renewed, task, done FROM typed_pension_renewal") == [
        (4, "A", 1200, 1150, 100, 98),
        (5, "B", 800, None, 50, None),
        (6, None, 2000, 1150, 150, 98),
        (9, "C", 100, 90, 10, 10),
        (10, None, 2100, 1240, 160, 108),
    ]
    assert rows(connection, "SELECT due FROM raw_pension_renewal WHERE source_row = 4") == ["1,200"]
    assert rows(connection, "SELECT * EXCLUDE (sha256, bytes) FROM delivery_file WHERE year IS NOT NULL") == [
        ("2013/pension_renewal.csv", "pension_renewal", 2013, "gb18030")
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encoding_and_delimiter_are_found(raw: Path, encoding: str, delimiter: str) -> None:
    # More commas than delimiters in the figures must not mislead.
    text = f"{RENEWAL}\n2013,新丰镇,'1|234|567','1|150|000',100,98\n"
    text = text.replace(",", delimiter).replace("|", ",").replace("'", '"')
    write_csv(raw / "2013/pension_renewal.csv", text, encoding)
    connection = read(raw)
    assert rows(connection, "SELECT town_id, due, done FROM typed_pension_renewal") == [("A", 1234567, 98)]
    assert rows(connection, "SELECT encoding FROM delivery_file WHERE year = 2013") == [encoding]


def test_rows_count_as_a_spreadsheet_counts_them(raw: Path) -> None:
    write_csv(
        raw / "2013/activities.csv",
        '\n\n年度,镇街,类型,日期,主题\n\n2013,A镇,培训,2013-3-1,"一\n二"\n2013,A镇,培训,,三\n',
    )
    assert rows(read(raw), "SELECT source_row, title FROM typed_activities") == [(5, "一 二"), (6, "三")]


def test_a_row_wider_than_the_header_is_refused(raw: Path) -> None:
    write_csv(raw / "2013/pension_renewal.csv", f"{RENEWAL}\n2013,新丰镇,1,200,1150,100,98\n注：,,,,,,,无\n")
    (problem,) = refused(raw)
    assert (problem.rule, problem.cell, problem.value) == ("row_width", "line 2", "98")


HEADED = "年度,镇街,宣传橱窗\n".encode()
LINE = "2013,新丰镇,有\n".encode()
IN_GB18030 = "2013,建设街道,有\n".encode("gb18030")


@pytest.mark.parametrize(
    ("content", "cell", "told"),
    [
        pytest.param(HEADED + '2013,"新丰镇\n'.encode(), "line 2", "unclosed quote", id="unclosed quote"),
        pytest.param(HEADED + LINE + IN_GB18030, "line 3", "line 1 is UTF-8, line 3 is not", id="two encodings"),
        pytest.param(IN_GB18030 * 2 + LINE, "line 3", "line 3 is UTF-8, line 1 is not", id="two the other way"),
        pytest.param(HEADED + LINE[:10], "line 2", "breaks off within a character, in line 2", id="half a letter"),
        pytest.param(HEADED + LINE + b"2013,\0,\n", "line 3", "a NUL byte", id="NUL"),
        pytest.param((HEADED + LINE).decode().encode("utf-16-le"), "", "without a byte order mark", id="no mark"),
        pytest.param((HEADED + LINE + b"\0\n").decode().encode("utf-16"), "line 3", "a NUL byte", id="NUL in UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + "年度,镇街".encode("gb18030"), "", "neither UTF-8 nor GB18030", id="false mark"),
        pytest.param(b"\xff\xfe\x00", "", "neither UTF-8 nor GB18030", id="half a character"),
    ],
)
def test_a_broken_text_file_is_refused_and_told_where_it_is_broken(
    raw: Path, content: bytes, cell: str, told: str
) -> None:
    (raw / "2013/publicity.csv").write_bytes(content)
    (problem,) = refused(raw)
    assert (problem.file, problem.rule, problem.cell) == ("2013/publicity.csv", "readable", cell)
    assert told in problem.message_en


@pytest.mark.parametrize(
    ("last", "is_cut_short"),
    [
        ("2013,建设街道,8", True), ('2013,"建设街道",8', True), ("2013,建设街道,8,7,6,5", False), ("注：无", False),
        ("合计,", True), (" ", False), ('"注：一\n二"', False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [64, 1 << 20])
def test_a_last_line_without_an_end_that_wants_cells_is_told_unless_it_is_a_note(
    raw: Path, last: str, is_cut_short: bool, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "_CHUNK", chunk)
    for encoding in ("utf-8", "gb18030", "utf-16"):
        write_csv(raw / "2013/pension_renewal.csv", f"{RENEWAL}\n2013,新丰镇,1,1,1,1\n{last}", encoding)
        if is_cut_short:
            assert [(problem.rule, problem.cell) for problem in refused(raw)] == [("cut_short", "line 3")]
        else:
            read(raw)
    write_csv(raw / "2013/pension_renewal.csv", f"{RENEWAL}\n2013,新丰镇,1,1,1,1\n{last}\n")
    read(raw)


def test_a_header_is_known_again_whatever_its_cells_begin_with(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{RENEWAL},2012年,\u200b\n2013,新丰镇,4,3,2,1,,\n{RENEWAL},2012 年 ,\u200b\n".encode()
    for small in (1 << 17, 0):
        monkeypatch.setattr(tables, "_SMALL", small)
        (raw / "2013/pension_renewal.csv").write_bytes(text)
        assert rows(read(raw), "SELECT row_kind FROM raw_pension_renewal") == ["header", "data", "header"]


def test_large_files_pass_through_in_pieces(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_BATCH", 7)
    lines = "".join(f"2013,{month},新丰镇,{month}00,{month}\n" for month in range(1, 41))
    write_csv(raw / "2013/online_filing.csv", f"年度,月份,镇街,参保企业数,网上申报企业数\n{lines}")
    assert rows(read(raw), "SELECT month FROM typed_online_filing") == list(range(1, 41))


CELLS = st.sampled_from(
    ["", " ", "新丰镇", "合计", "小 计", "注：一", "填表人", "2013", "1,234", "—", RENEWAL.split(",")[1], '"', "\n"]
)


@settings(max_examples=30, deadline=None)
@given(grid=st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=12), above=st.integers(0, 3))
def test_no_row_is_lost_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory, grid: list[list[str]], above: int
) -> None:
    raw = tmp_path_factory.mktemp("raw")
    (raw / "2013").mkdir()
    (raw / "towns.csv").write_text(REGISTER, encoding="utf-8")
    written = io.StringIO()
    csv.writer(written).writerows([["标题"] * above, *[[""]] * above, RENEWAL.split(","), *grid])
    write_csv(raw / "2013/pension_renewal.csv", written.getvalue())
    connection = read(raw)
    assert rows(connection, "SELECT count(*) FROM raw_pension_renewal") == [2 + above + len(grid)]
    is_blank = [not any(cell.strip() for cell in row) for row in grid]
    assert rows(connection, "SELECT count(*) FROM raw_pension_renewal WHERE row_kind = 'blank'") == [
        above + sum(is_blank) + (above == 0)
    ]


PIECES = st.sampled_from(
    [",", ",", ",", "\n", "\n", "\r\n", "\r", '"', '""', ' "', '" ', " ", "\t", ";", "\u3000", "\x1c", "\u2028", "\x00",
     "合计", "新丰镇", "是", "1,234", "年度", "\ufeff", "\\", "#", "'", "é", "\U00020000",
     "年度,镇街,宣传橱窗,工作简报",
     "\n 年　度 ,镇街,宣传橱窗,工作简报\n", "\n2013,新丰镇,有,无\n", '\n"2013","新丰镇","有","无"\n']
)  # fmt: skip


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(PIECES, max_size=25),
    above=st.sampled_from(["", "标题\n", "\n", "标题,,,,,\n", '"标\n题"\r\n']),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
)
def test_the_database_and_the_careful_reader_read_a_text_alike(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], above: str, end: str, encoding: str
) -> None:
    folder = tmp_path_factory.mktemp("raw")
    write_csv(folder / "2013/publicity.csv", f"{above}年度,镇街,宣传橱窗,工作简报{end}{''.join(pieces)}", encoding)
    assert made_of(folder) == made_of(folder, careful=True)


def made_of(raw: Path, careful: bool = False) -> Any:
    """What is read of the one text file in ``raw``, or why it is not, with or without the help of the database."""
    connection = duckdb.connect()
    collected = tables.Tables(connection, {"publicity": CONTRACTS["publicity"]})
    ((delivery,), _) = discover(raw, CONTRACTS)
    with pytest.MonkeyPatch.context() as patch:
        if careful:
            patch.setattr(tables.Tables, "add_text", lambda *_: False)
        patch.setattr(tables, "_SMALL", 0)
        try:
            problems = ingest_module._read(collected, delivery, CONTRACTS["publicity"], WorkbookProcess())
        except UnreadableError as error:
            return error.en
    collected._write("publicity")
    read = connection.execute("FROM raw_publicity").fetchall()
    return problems, collected.rows_beyond_header(), collected._sheets, collected._columns, read


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", 0), (b"a\nb\n", 2), (b"a\nb", 2), (b"a\r\nb\r\n", 2), (b"a\r\nb", 2), (b'a,"b"\n', 1), (b'a,"b c"\n', 1),
        (b"a\r\nb\n", None), (b"a\nb\r\n", None), (b"a\rb\n", None), (b"a\rb", None), (b'a, "b"\n', None),
        (b'a,"b" \n', None),
    ],
)  # fmt: skip
def test_lines_are_counted_only_where_every_reader_would_count_them_so(
    tmp_path: Path, content: bytes, lines: int | None
) -> None:
    (tmp_path / "text.csv").write_bytes(content)
    assert lines_if_plain(tmp_path / "text.csv") == lines


def test_most_files_of_offices_are_read_by_the_database(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the test above would hold the careful reader against itself."""
    monkeypatch.delattr(tables.Tables, "add_sheet")
    monkeypatch.setattr(tables, "_SMALL", 0)
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        for end in ("\n", "\r\n"):
            (raw / "towns.csv").write_text(REGISTER, encoding=encoding)
            text = f'表\n单位：人\n{RENEWAL}\n2013,新丰镇,"1,200",1150,100,98\n合计,,"1,200"\n注：无,,\n'
            write_csv(raw / "2013/pension_renewal.csv", text.replace("\n", end), encoding)
            assert rows(read(raw), "SELECT due FROM typed_pension_renewal WHERE row_kind = 'data'") == [1200]


# Workbooks


def test_a_workbook_as_offices_make_them(raw: Path) -> None:
    table = [
        ["2013年续保情况表"],
        ["填报单位：社保中心", None, None, None, None, None, "单位：人、%"],
        ["序号", "镇 街", "应续保\n人数（人）", "实际续保人数", "目标任务", "完成数", "续保率（%）", "备注"],
        [1, "新丰镇", 1200.0, 1150, 100, 98, 95.83, "含补缴"],
        [2, "建设街道", 800, 700, 50, 50, 87.5],
        ["合计", None, 2000, 1850, 150, 148],
        ["填表人：甲", None, "审核：乙"],
    ]
    notes = [["一、本表由镇街填报。"], ["二、逾期视为未报。"]]
    write_workbook(
        raw / "2013/pension_renewal.xlsx", {"填表说明": notes, "汇总": table, "Sheet3": []}, ("A1:H1", "A6:B6")
    )
    connection = read(raw)
    assert rows(
        connection, "SELECT source_sheet, source_row, town_id, due, stated_rate FROM typed_pension_renewal"
    ) == [
        ("汇总", 4, "A", 1200, Decimal("95.83")),
        ("汇总", 5, "B", 800, Decimal("87.5")),
        ("汇总", 6, None, 2000, None),
    ]
    kinds = rows(
        connection, "SELECT source_sheet, row_kind, count(*) FROM raw_pension_renewal GROUP BY ALL ORDER BY ALL"
    )
    assert kinds == [
        ("填表说明", "note", 2), ("汇总", "data", 2), ("汇总", "header", 1), ("汇总", "note", 1), ("汇总", "title", 2),
        ("汇总", "total", 1),
    ]  # fmt: skip
    assert rows(connection, "SELECT * EXCLUDE source_file FROM delivery_sheet WHERE source_file LIKE '2013%'") == [
        ("填表说明", None, 2), ("汇总", 3, 7), ("Sheet3", None, 0),
    ]  # fmt: skip
    assert rows(connection, "SELECT field, position, header FROM delivery_column WHERE source_file LIKE '2013%'") == [
        (None, 1, "序号"), ("town", 2, "镇 街"), ("due", 3, "应续保\n人数（人）"), ("renewed", 4, "实际续保人数"),
        ("task", 5, "目标任务"), ("done", 6, "完成数"), ("stated_rate", 7, "续保率（%）"), (None, 8, "备注"),
    ]  # fmt: skip


def test_one_sheet_a_town_and_one_workbook_a_town(raw: Path) -> None:
    table: list[list[object]] = [
        ["月份", "参保企业数", "网上申报企业数"],
        ["1月", 10, 9],
        ["2月", 11, 9],
        ["合计", 21, 18],
    ]
    write_workbook(raw / "2013/online_filing.xlsx", {"新丰镇": table, "建设街道": table})
    write_workbook(raw / "2013/online_filing-七星镇.xlsx", {"Sheet1": table})
    connection = read(raw)
    assert rows(
        connection,
        "SELECT year, town, town_id, min(month), sum(online_units) FROM typed_online_filing WHERE row_kind = 'data' "
        "GROUP BY ALL ORDER BY town_id",
    ) == [(2013, "新丰镇", "A", 1, 18), (2013, "建设街道", "B", 1, 18), (2013, "七星镇", "C", 1, 18)]
    assert rows(connection, "SELECT DISTINCT town FROM raw_online_filing WHERE source_sheet = '新丰镇'") == ["新丰镇"]


def test_merged_cells_mean_every_row_they_cover(raw: Path) -> None:
    table: list[list[object]] = [
        ["镇街", "月份", "险种", "应报日期", "上报日期", "台账", "汇总表"],
        ["新丰镇", 1, "养老", datetime.date(2013, 2, 5), "2013.2.4", "有", "√"],
        [None, 1, "医疗", None, "2013年2月6日", "无", "×"],
        ["建设街道", 1, "养老", "2013/2/5", 41310, True, False],
    ]
    write_workbook(raw / "2013/business_ledger.xlsx", {"Sheet1": table}, ("A2:A3", "D2:D3"))
    day = datetime.date
    assert rows(
        read(raw), "SELECT town_id, insurance, due_on, filed_on, has_ledger, has_summary FROM typed_business_ledger"
    ) == [
        ("A", "养老", day(2013, 2, 5), day(2013, 2, 4), True, True),
        ("A", "医疗", day(2013, 2, 5), day(2013, 2, 6), False, False),
        ("B", "养老", day(2013, 2, 5), day(2013, 2, 5), True, False),
    ]


def test_a_header_merged_over_two_rows_or_columns_is_one_header(raw: Path) -> None:
    table = [
        ["镇街", "续保", None, "任务", None, None],
        [None, "应续保人数", "实际续保人数", "目标任务", "完成数", None],
        ["新丰镇", 10, 9, 8, 7, None],
    ]
    write_workbook(raw / "2013/pension_renewal.xlsx", {"Sheet1": table}, ("A1:A2", "B1:C1", "D1:E1"))
    assert rows(read(raw), "SELECT town_id, due, renewed, task, done FROM typed_pension_renewal") == [
        ("A", 10, 9, 8, 7)
    ]
    table = [["镇街", "扩面任务", None, "完成数"], ["新丰镇", 10, None, 9]]
    write_workbook(raw / "2013/insurance_expansion.xlsx", {"Sheet1": table}, ("B1:C1", "B2:C2"))
    assert rows(read(raw), "SELECT task, done FROM typed_insurance_expansion") == [(10, 9)]


def test_a_figure_shared_by_merged_cells_is_refused(raw: Path) -> None:
    table = [
        [2013, None, None],
        ["镇街", "扩面任务", "完成数"],
        ["新丰镇", 500, 400],
        ["建设街道", None, 90],
        ["（盖章）", None, "2014年1月"],
    ]
    merged = ("A1:C1", "B3:B4", "C5:C6")
    write_workbook(raw / "2013/insurance_expansion.xlsx", {"Sheet1": table}, merged)
    (problem,) = refused(raw)
    assert (problem.rule, problem.sheet, problem.cell, problem.value) == ("merged_figure", "Sheet1", "B3", "500")


def test_a_figure_shared_by_merged_cells_of_the_last_row_is_refused_too(raw: Path) -> None:
    for above in ([], [[None, None, None]]):
        table = [*above, ["镇街", "扩面任务", "完成数"], ["新丰镇", 500, 400], ["建设街道", 90, None]]
        last = len(table)
        write_workbook(raw / "2013/insurance_expansion.xlsx", {"Sheet1": table}, (f"B{last}:C{last}",))
        (problem,) = refused(raw)
        assert (problem.rule, problem.cell, problem.value) == ("merged_figure", f"B{last}", "90")


def test_cells_of_a_workbook_become_the_text_a_person_sees(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    shown: list[tuple[object, str, str | None]] = [
        (1234.0, "General", "1234"),
        (0.985, "General", "0.985"),
        (0.1 + 0.2, "General", "0.3"),
        (1e20, "General", "1E+20"),
        (330402200001011234, "General", "3.30402200001011E+17"),
        (999999999999999, "General", "999999999999999"),
        (0.985, "0.00%", "98.5%"),
        (0.07, "0%", "7%"),
        (98.5, '0.0"%"', "98.5"),
        (datetime.date(2013, 2, 22), "yyyy-mm-dd", "2013-02-22"),
        (41327, 'yyyy"年"m"月"d"日"', "2013-02-22"),
        (datetime.datetime(2013, 2, 22, 14, 30), "yyyy-mm-dd hh:mm", "2013-02-22 14:30:00"),
        (True, "General", "TRUE"),
        ("1,234", "General", "1,234"),
        ("=B1/C1", "General", "=B1/C1"),
        ("#DIV/0!", "General", "#DIV/0!"),
        (None, "General", None),
        ("末", "General", "末"),
    ]
    for row, (value, number_format, _) in enumerate(shown, start=1):
        cell = sheet.cell(row, 2, value)
        cell.number_format = number_format
        if isinstance(value, str) and value.startswith("#"):
            cell.data_type = "e"
    workbook.save(tmp_path / "cells.xlsx")
    (read_sheet,) = open_workbook(tmp_path / "cells.xlsx")
    assert [row[1] for row in read_sheet.rows] == [text for *_, text in shown]


def first_row(path: Path) -> list[str | None]:
    return next(next(open_workbook(path)).rows)


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [(0.985, "0.00%", "98.5%"), ("=1/3", "General", "=1/3"), ("#DIV/0!", "General", "#DIV/0!"), (7, "General", "7")],
)
def test_one_cell_that_shows_another_text_than_its_value_is_enough(
    tmp_path: Path, value: object, number_format: str, shown: str
) -> None:
    workbook = openpyxl.Workbook()
    cell = workbook.active["C2"]
    cell.value, cell.number_format = value, number_format
    if value == "#DIV/0!":
        cell.data_type = "e"
    workbook.save(tmp_path / "one.xlsx")
    (sheet,) = open_workbook(tmp_path / "one.xlsx")
    assert list(sheet.rows)[1] == [None, None, shown]


def test_a_formula_that_gives_an_empty_text_is_an_empty_cell(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(['=IF(TRUE,"")', "=1/3"])
    workbook.save(tmp_path / "uncalculated.xlsx")
    with ZipFile(tmp_path / "uncalculated.xlsx") as old, ZipFile(tmp_path / "calculated.xlsx", "w") as new:
        for part in old.namelist():
            new.writestr(part, old.read(part).replace(b'<c r="A1">', b'<c r="A1" t="str">'))
    assert first_row(tmp_path / "uncalculated.xlsx") == ['=IF(TRUE,"")', "=1/3"]
    assert first_row(tmp_path / "calculated.xlsx") == [None, "=1/3"]


def test_dates_counted_from_1904_are_the_same_dates(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    workbook.active["A1"] = datetime.date(2013, 2, 22)
    workbook.save(tmp_path / "mac.xlsx")
    assert first_row(tmp_path / "mac.xlsx") == ["2013-02-22"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html><table></table></html>", "镇街,完成数".encode()])
def test_what_is_no_workbook_is_refused(raw: Path, content: bytes) -> None:
    (raw / "2013/publicity.xlsx").write_bytes(content)
    (problem,) = refused(raw)
    assert (problem.file, problem.rule) == ("2013/publicity.xlsx", "readable")


def test_what_the_database_cannot_read_is_read_with_care(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_SMALL", 0)
    long = ",".join(["长" * 20_000] * 3)
    write_csv(raw / "2013/staffing.csv", f"镇街,专职人员,服务对象,备注,又,再\n新丰镇,1,2,{long}\n建设街道,3,4,,,\n")
    found = rows(read(raw), "SELECT source_row, full_time_staff FROM typed_staffing ORDER BY source_row")
    assert found == [(2, 1), (3, 3)]


def test_where_memory_ends_no_other_reader_is_tried(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_SMALL", 0)
    wide = ",".join(["x" * 10_000] * 10)
    write_csv(raw / "2013/staffing.csv", "镇街,专职人员,服务对象,备注\n" + f"新丰镇,1,2,{wide}\n" * 100)
    connection = duckdb.connect(config={"memory_limit": "10MB", "threads": 1, "max_temp_directory_size": "0KB"})
    with pytest.raises(duckdb.OutOfMemoryException):
        ingest(connection, raw, delivered(raw), lambda _: None)


def test_rows_of_a_sheet_that_holds_nothing_are_counted(raw: Path) -> None:
    write_workbook(
        raw / "2013/staffing.xlsx",
        {"人员": [["镇街", "专职人员", "服务对象"], ["新丰镇", 1, 2]], "备用": [[" "], [None, " "], [" "]]},
    )
    connection = read(raw)
    assert rows(connection, "SELECT source_sheet, rows_read FROM delivery_sheet WHERE source_file LIKE '2013%'") == [
        ("人员", 2),
        ("备用", 3),
    ]
    assert rows(connection, "SELECT source_row, row_kind FROM raw_staffing WHERE source_sheet = '备用'") == [
        (1, "blank"),
        (2, "blank"),
        (3, "blank"),
    ]


# Parquet


@pytest.mark.parametrize("suffix", [".XLSX", ".CSV", ".Parquet"])
def test_a_format_is_known_however_its_extension_is_written(raw: Path, suffix: str) -> None:
    path = raw / f"2013/staffing{suffix}"
    if suffix == ".XLSX":
        write_workbook(path, {"人员": [["镇街", "专职人员", "服务对象"], ["新丰镇", 1, 2]]})
    else:
        duckdb.execute(
            f"COPY (SELECT '新丰镇' AS 镇街, 1 AS 专职人员, 2 AS 服务对象) TO '{path}' (FORMAT {suffix[1:]})"
        )
    assert rows(read(raw), "SELECT town_id, full_time_staff FROM typed_staffing") == [("A", 1)]


def test_a_parquet_file_is_read_like_any_other(raw: Path) -> None:
    path = raw / "2013/pension_renewal.parquet"
    duckdb.execute(
        "COPY (SELECT * FROM (VALUES ('新丰镇', 1200::DOUBLE, 1150, 7, 6, 'x'), (NULL, NULL, NULL, NULL, NULL, NULL), "
        '(\'合计\', 1200, 1150, 7, 6, NULL)) AS t(town, "应续保人数（人）", renewed, task, done, "a""b")) '
        f"TO '{path}' (FORMAT parquet)"
    )
    connection = read(raw)
    assert rows(connection, "SELECT source_row, row_kind, due FROM raw_pension_renewal") == [
        (1, "data", "1200.0"), (2, "blank", None), (3, "total", "1200.0"),
    ]  # fmt: skip
    assert rows(connection, "SELECT year, town_id, due, done FROM typed_pension_renewal WHERE row_kind = 'data'") == [
        (2013, "A", 1200, 6)
    ]
    path.write_bytes(b"PAR1 but not really")
    assert [problem.rule for problem in refused(raw)] == ["readable"]


class OtherReader:
    """Reads as the database would, on a connection of its own, and refuses what it is told to."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, refused: str) -> None:
        self._connection = connection
        self._refused = refused
        self.filled: list[str] = []

    def fill(self, table: str, select: str, parameters: Sequence[Any] = ()) -> bool:
        if self._refused == table.partition("_")[0]:
            return False
        self.filled.append(table)
        self._connection.execute(f"INSERT INTO {table} {select}", parameters)
        return True

    def number_lines(self, view: str, path: Path, delimiter: str, width: int, longest: int) -> bool:
        if self._refused == "number":
            return False
        columns = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(width))
        known = f"columns = {{{columns}}}, auto_detect = FALSE, header = FALSE, max_line_size = {longest}"
        self._connection.execute(
            f"CREATE TEMP TABLE {view} AS FROM read_csv('{path}', delim = '{delimiter}', null_padding = TRUE, {known})"
        )
        if self._refused == "count":
            self._connection.execute(f"DELETE FROM {view} WHERE rowid = 1")
        return True

    def forget(self, view: str) -> None:
        self._connection.execute(f"DROP TABLE {view}")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        return self._connection


@pytest.mark.parametrize("refused", ["", "number", "count", "raw", "typed"])
def test_what_is_very_large_is_read_elsewhere_or_else_by_the_database(
    raw: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    plain = f"{RENEWAL}\n2013,新丰镇,100,9０,10,9\n{RENEWAL}\n,合计,100,90,10,9\n"
    write_csv(raw / "2013/pension_renewal.csv", plain)
    write_csv(raw / "2013/pension_renewal-建设街道.csv", f"{RENEWAL}\n2013,建设街道,1,1,1,1,\n")
    write_csv(raw / "2013/pension_renewal-七星镇.csv", f"{RENEWAL}\n2013,七星镇,1,1,1,1\n", "gb18030")
    path = raw / "2013/citizen_card.parquet"
    titles = ", ".join(f'1 AS "{field.title}"' for field in CONTRACTS["citizen_card"].fields if field.name != "town")
    duckdb.execute(f"COPY (SELECT '七星镇' AS 镇街, {titles}) TO '{path}' (FORMAT parquet)")
    monkeypatch.setattr(tables, "_SMALL", 0)
    ours, theirs, contracts = read(raw), duckdb.connect(), delivered(raw)
    monkeypatch.setattr(tables, "_LARGE", 0)
    reader, told = OtherReader(theirs, refused), list[str]()
    ingest(theirs, raw, contracts, told.append, reader=reader)
    for table in ("delivery_sheet", "delivery_column", *(f"{kind}_{name}" for name in contracts for kind in KINDS)):
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert theirs.execute(query).fetchall() == ours.execute(query).fetchall()
    refused_texts = ["2013/pension_renewal.csv", "towns.csv"] if refused in ("number", "count", "raw") else []
    refused_files = ["2013/citizen_card.parquet"] if refused == "raw" else []
    assert sorted(text.partition("：")[0] for text in told if "DuckDB" in text) == refused_files + refused_texts
    texts, other = ({"pension_renewal", "towns"}, {"citizen_card"})
    filled = {"": texts | other, "number": other, "count": other, "raw": set(), "typed": texts | other}[refused]
    typed = set() if refused == "typed" else filled
    assert set(reader.filled) == {f"raw_{name}" for name in filled} | {f"typed_{name}" for name in typed}


def test_a_parquet_file_without_a_column_of_towns_is_of_the_town_it_is_named_after(raw: Path) -> None:
    path = raw / "2013/pension_renewal-新丰镇.parquet"
    duckdb.execute(f"COPY (SELECT 1200 AS due, 1150 AS renewed, 7 AS task, 6 AS done) TO '{path}' (FORMAT parquet)")
    connection = read(raw)
    assert rows(connection, "SELECT town, town_id, due FROM typed_pension_renewal") == [("新丰镇", "A", 1200)]
    assert rows(connection, "SELECT header_row, rows_read FROM delivery_sheet WHERE source_file LIKE '2013%'") == [
        (0, 1)
    ]


def test_what_is_wrong_with_a_parquet_file_is_told(raw: Path) -> None:
    wanting, nobody, named = (raw / f"2013/{name}.parquet" for name in ("staffing", "citizen_card", "publicity-[1]"))
    duckdb.execute(f"COPY (SELECT '新丰镇' AS \"镇街\", 1 AS \"专职人员\") TO '{wanting}' (FORMAT parquet)")
    duckdb.execute(f"COPY (SELECT 1 AS a, 2 AS b) TO '{nobody}' (FORMAT parquet)")
    named.write_bytes(wanting.read_bytes())
    harmed = raw / "2013/pension_renewal.parquet"
    figures = ("应续保人数", "实际续保人数", "年度目标任务", "完成数")
    query = (
        "SELECT '新丰镇' AS \"镇街\", "
        + ", ".join(f'i AS "{each}"' for each in figures)
        + " FROM range(100000) AS t(i)"
    )
    duckdb.execute(f"COPY ({query}) TO '{harmed}' (FORMAT parquet)")
    content = harmed.read_bytes()
    harmed.write_bytes(content[:200] + bytes(2000) + content[2200:])
    assert sorted((problem.file, problem.rule) for problem in refused(raw)) == [
        ("2013/citizen_card.parquet", "header"),
        ("2013/pension_renewal.parquet", "readable"),
        ("2013/publicity-[1].parquet", "readable"),
        ("2013/staffing.parquet", "column_missing"),
    ]
    assert "the file name holds *, ? or [" in [problem.message_en for problem in refused(raw)]


# Headers


def test_all_problems_of_all_files_are_told_in_one_pass(raw: Path) -> None:
    write_csv(
        raw / "2013/pension_renewal.csv", "镇街,应续保人数（万人）,实际续保人数,已续保人数,完成数\n新丰镇,1,1,1,1\n"
    )
    write_csv(raw / "2013/citizen_card.csv", "这是,另一张表\n1,2\n")
    write_csv(raw / "2013/staffing.csv", "")
    write_csv(raw / "2013/online_filing.csv", "年度,参保企业数,网上申报企业数\n2013,1,1\n")
    write_workbook(
        raw / "2013/overpayment_recovery.xlsx",
        {"Sheet1": [["表"], ["单位：万元"], ["镇街", "冒领金额", "追回金额"], ["新丰镇", 1, 1]]},
    )
    write_workbook(raw / "2013/publicity.xlsx", {"a": [["单位", "橱窗", "工作简报", "有无橱窗"], ["新丰镇", 1, 1, 1]]})
    problems = refused(raw)
    assert [
        (problem.file.removeprefix("2013/"), problem.rule, problem.cell, problem.column) for problem in problems
    ] == [
        ("citizen_card.csv", "header", "", ""),
        ("online_filing.csv", "column_missing", "line 1", "月份"),
        ("online_filing.csv", "column_missing", "line 1", "镇街"),
        ("overpayment_recovery.xlsx", "unit", "A2", ""),
        ("pension_renewal.csv", "column_missing", "line 1", "年度目标任务"),
        ("pension_renewal.csv", "column_doubled", "line 1", "已续保人数"),
        ("pension_renewal.csv", "unit", "line 1", "应续保人数（万人）"),
        ("publicity.xlsx", "column_doubled", "D1", "有无橱窗"),
        ("staffing.csv", "readable", "", ""),
    ]
    for problem in problems:
        assert problem.message_zh and problem.message_en and problem.remedy_zh and problem.remedy_en
    said = [problem.message_en for problem in problems]
    assert said[:2] == ["no header line in the first 30 rows", "the column month is missing"]
    assert said[4] == "the column task is missing; not recognised: 应续保人数（万人）、已续保人数"
    assert said[5] == "2 columns are renewed: 实际续保人数（line 1）、已续保人数（line 1）"
    assert said[6] == "another unit: due is to be in persons"


@pytest.mark.parametrize(
    ("text", "is_garbled"),
    [
        ("镇街,年度".encode().decode("latin-1"), True),
        ("镇街,年度".encode("gb18030").decode("latin-1"), True),
        ("镇街人员,年度".encode().decode("gb18030", "ignore"), True),
        ("镇\ufffd,年度", True),
        ("镇,年".encode().decode("latin-1"), False),
        ("Élan,Ätna", False),
        ("甲乙,丙丁", False),
    ],
)
def test_a_table_without_a_header_is_told_to_be_garbled_where_it_is(raw: Path, text: str, is_garbled: bool) -> None:
    write_csv(raw / "2013/staffing.csv", f"{text}\n1,2\n")
    (problem,) = refused(raw)
    assert problem.rule == "header"
    assert ("garbled" in problem.message_en) == is_garbled
    assert problem.value == (text.partition(",")[0] if is_garbled else "")


def test_headers_by_key_title_or_alias_in_any_order(raw: Path) -> None:
    write_csv(
        raw / "2013/pension_renewal.csv",
        "DONE,目标任务,已续保人数,应续保（人）,单位名称,考核年度,备注\n4,3,2,1,新丰镇,2013,x\n",
    )
    assert rows(read(raw), "SELECT year, town_id, due, renewed, task, done FROM typed_pension_renewal") == [
        (2013, "A", 1, 2, 3, 4)
    ]


def test_the_header_is_the_row_that_names_most_fields(raw: Path) -> None:
    write_csv(
        raw / "2013/pension_renewal.csv",
        f"单位：社保中心,,年度,2013\n单位,新丰镇,年度,2013\n{RENEWAL}\n2013,新丰镇,4,3,2,1\n",
    )
    connection = read(raw)
    assert rows(connection, "SELECT header_row FROM delivery_sheet WHERE source_file LIKE '2013%'") == [3]
    assert rows(connection, "SELECT due FROM typed_pension_renewal") == [4]


def test_no_contract_has_a_header_that_could_be_two_fields() -> None:
    for contract in CONTRACTS.values():
        fields: dict[str, set[str]] = {}
        for field in contract.fields:
            assert not field.unit or field.unit in WRITTEN_UNITS, (contract.name, field.name)
            for header in field.headers:
                fields.setdefault(plain(header), set()).add(field.name)
        assert [header for header, names in fields.items() if len(names) > 1] == [], contract.name
        header = find_header(contract, [[field.title for field in contract.fields]])
        assert header is not None
        assert list(header.columns) == [field.name for field in contract.fields]


# Rows that look like notes


def test_a_row_that_only_looks_like_a_note_is_data(raw: Path) -> None:
    table = [
        ["主题", "类型", "日期"],
        ["审核业务培训", "培训", "2013-3-1"],
        ["审核人：甲", None, "日期：2014年1月5日"],
        ["填表人甲", None, None],
        ["参保扩面工作情况小计", "分析材料", "2013-3-2"],
        ["培训小计", None, None],
    ]
    write_workbook(raw / "2013/activities.xlsx", {"新丰镇": table})
    assert rows(read(raw), "SELECT source_row, row_kind FROM raw_activities") == [
        (1, "header"), (2, "data"), (3, "note"), (4, "note"), (5, "data"), (6, "subtotal"),
    ]  # fmt: skip


# Corrections

WHO = "reason: 抄写颠倒, who: 甲, on: 2014-02-03"
RENEWED = f"{RENEWAL}\n2013,新丰镇,120,100,10,9\n2013,建设街道,80,70,5,5\n2013,七星镇,80,70,5,5\n合计,,280,240,20,19\n"


def correcting(raw: Path, declared: str) -> tuple[duckdb.DuckDBPyConnection, list[Problem]]:
    """What ingest makes of ``raw`` with the corrections declared, and the problems of those that do not fit."""
    path = raw.parent / "corrections.yml"
    path.write_text(declared, encoding="utf-8")
    connection = duckdb.connect()
    try:
        ingest(connection, raw, delivered(raw), lambda _: None, declared=path)
    except KaoheError as refusal:
        return connection, list(refusal.problems)
    return connection, []


def test_a_correction_is_read_in_place_of_what_was_received_and_both_are_kept(raw: Path) -> None:
    write_csv(raw / "2013/pension_renewal.csv", RENEWED)
    connection, problems = correcting(
        raw,
        f"- {{file: 2013/pension_renewal.csv, cell: line 2, column: 应续保人数, expect: 120, replace: 102, {WHO}}}\n"
        "- {source: pension_renewal, year: 2013, match: {镇街: 建设街道办事处, due: 80}, column: 完成数, expect: 5, "
        f"replace: '', {WHO}}}\n",
    )
    assert problems == []
    assert rows(connection, "SELECT town_id, due, done FROM typed_pension_renewal WHERE row_kind = 'data'") == [
        ("A", 102, 9), ("B", 80, None), ("C", 80, 5),
    ]  # fmt: skip
    kept = (
        "SELECT entry, source_row, field, header, cell, received, corrected, names_row, year, town_id, item "
        "FROM applied_correction ORDER BY entry"
    )
    assert rows(connection, kept) == [
        (1, 2, "due", "应续保人数", "line 2", "120", "102", False, 2013, "A", None),
        (2, 3, "done", "完成数", "line 3", "5", None, False, 2013, "B", None),
    ]
    told = "SELECT DISTINCT source, source_file, source_sheet, reason, declared_by, declared_on FROM applied_correction"
    day = datetime.date(2014, 2, 3)
    assert rows(connection, told) == [("pension_renewal", "2013/pension_renewal.csv", "", "抄写颠倒", "甲", day)]


def test_a_correction_of_a_workbook_names_its_cell_and_where_it_must_its_sheet(raw: Path) -> None:
    table: list[list[object]] = [["月份", "参保企业数", "网上申报企业数"], ["1月", 10, 9], ["2月", 11, 9]]
    write_workbook(raw / "2013/online_filing.xlsx", {"新丰镇": table, "建设街道": table})
    entry = "file: 2013/online_filing.xlsx, cell: C3, expect: 9, replace: 8"
    connection, problems = correcting(raw, f"- {{{entry}, sheet: 建设街道, {WHO}}}\n")
    assert problems == []
    moved = "SELECT town_id, month, online_units FROM typed_online_filing ORDER BY ALL"
    assert rows(connection, moved) == [("A", 1, 9), ("A", 2, 9), ("B", 1, 9), ("B", 2, 8)]
    assert rows(connection, "SELECT source_sheet, header, cell FROM applied_correction") == [
        ("建设街道", "网上申报企业数", "C3")
    ]
    _, (problem,) = correcting(raw, f"- {{{entry}, {WHO}}}\n")
    assert (problem.rule, problem.cell, problem.column) == ("correction_matches", "line 1", "C3")
    assert "2 rows match: 2013/online_filing.xlsx 3:3" in problem.message_en


def test_a_correction_that_names_a_row_of_its_key_or_an_item_says_so(raw: Path) -> None:
    write_csv(
        raw / "2013/adjustments.csv",
        "年度,镇街,条款,更正后得分,理由,批准人,批准日期\n2013,新丰镇,4.1,1,申诉,甲,2014-01-02\n",
    )
    entry = "file: 2013/adjustments.csv, cell: line 2, column"
    connection, problems = correcting(
        raw,
        f"- {{{entry}: 条款, expect: '4.1', replace: '4.2', {WHO}}}\n"
        f"- {{{entry}: 更正后得分, expect: 1, replace: 2, {WHO}}}\n",
    )
    assert problems == []
    assert rows(connection, "SELECT field, names_row, year, town_id, item FROM applied_correction ORDER BY entry") == [
        ("item", True, 2013, "A", "4.2"), ("score", False, 2013, "A", "4.2"),
    ]  # fmt: skip


BY_PLACE = "file: 2013/pension_renewal.csv, cell: line 2, column: 应续保人数"
BY_ROW = "source: pension_renewal, year: 2013, match: {镇街: 新丰镇}, column: 应续保人数"
WORDS = "expect: 120, replace: 102"


@pytest.mark.parametrize(
    ("declared", "rule", "told"),
    [
        (f"{BY_PLACE}, {BY_ROW[: BY_ROW.rindex(', ')]}, {WORDS}, {WHO}", "correction_form", "file and cell, or"),
        (f"{BY_ROW}, sheet: a, {WORDS}, {WHO}", "correction_form", "file and cell, or"),
        (f"source: pension_renewal, column: 应续保人数, {WORDS}, {WHO}", "correction_form", "file and cell, or"),
        (f"match: {{镇街: 新丰镇}}, column: 应续保人数, {WORDS}, {WHO}", "correction_form", "file and cell, or"),
        (f"source: pension_renewal, match: {{镇街: 新丰镇}}, {WORDS}, {WHO}", "correction_form", "file and cell, or"),
        (f"file: 2013/pension_renewal.csv, {WORDS}, {WHO}", "correction_form", "file and cell, or"),
        (f"cell: line 2, column: 应续保人数, {WORDS}, {WHO}", "correction_form", "file and cell, or"),
        (f"{BY_PLACE}, {WORDS}, reason: ' ', who: 甲, on: 2014-02-03", "correction_form", "reason and who"),
        (f"{BY_PLACE}, {WORDS}, reason: 错, who: '', on: 2014-02-03", "correction_form", "reason and who"),
        (f"{BY_PLACE}, {WORDS}, reason: 错, who: 甲, on: 二月三日", "correction_form", "on: a day is written as"),
        # Not seconds since 1970.
        (f"{BY_PLACE}, {WORDS}, reason: 错, who: 甲, on: 86400", "correction_form", "on: a day is written as"),
        (f"{BY_PLACE}, {WORDS}, reason: 错, who: 甲, on: 2014-02-30", "correction_form", "on: Input should"),
        (f"{BY_PLACE}, {WORDS}, {WHO}, note: x", "correction_form", "note: Extra inputs"),
        (f"{BY_PLACE.replace('renewal', 'renewals')}, {WORDS}, {WHO}", "correction_matches", "no such file or source"),
        (f"{BY_ROW.replace('renewal', 'renewals')}, {WORDS}, {WHO}", "correction_matches", "no such file or source"),
        (f"{BY_PLACE.replace('应续保', '应续')}, {WORDS}, {WHO}", "correction_matches", "column or cell: 应续人数"),
        (f"{BY_ROW.replace('镇街', '乡')}, {WORDS}, {WHO}", "correction_matches", "column or cell: 乡"),
        (f"{BY_PLACE.replace('line 2', 'line 2x')}, {WORDS}, {WHO}", "correction_matches", "column or cell: line 2x"),
        (f"{BY_PLACE.replace('line 2', 'line 9')}, {WORDS}, {WHO}", "correction_matches", "no row matches"),
        (f"{BY_PLACE.replace('line 2', 'line 1')}, {WORDS}, {WHO}", "correction_matches", "no row matches"),
        (f"{BY_ROW.replace('2013', '2014')}, {WORDS}, {WHO}", "correction_matches", "no row matches"),
        (f"{BY_ROW.replace('镇街: 新丰镇', 'due: 80')}, {WORDS}, {WHO}", "correction_matches",
         "2 rows match: 2013/pension_renewal.csv line 3、2013/pension_renewal.csv line 4"),
        (f"{BY_PLACE}, expect: 121, replace: 102, {WHO}", "correction_expects",
         "the file does not say what is expected (2013/pension_renewal.csv line 2)"),
        (f"{BY_PLACE}, expect: 121, replace: 120, {WHO}", "correction_expects",
         "the file was mended; take the entry out (2013/pension_renewal.csv line 2)"),
    ],
)  # fmt: skip
def test_a_correction_that_does_not_fit_corrects_nothing_and_is_told(
    raw: Path, declared: str, rule: str, told: str
) -> None:
    write_csv(raw / "2013/pension_renewal.csv", RENEWED)
    connection, problems = correcting(raw, f"# 更正\n- {{{declared}}}\n")
    assert [(problem.file, problem.cell, problem.rule) for problem in problems] == [("corrections.yml", "line 2", rule)]
    assert told in problems[0].message_en
    assert ("源文件已改为更正后的值" in problems[0].message_zh) == ("the file was mended" in told)
    assert problems[0].message_zh and problems[0].remedy_zh and problems[0].remedy_en
    assert rows(connection, "FROM applied_correction") == []
    assert rows(connection, "SELECT due FROM typed_pension_renewal") == [120, 80, 80, 280]


def test_the_same_cell_is_not_corrected_twice(raw: Path) -> None:
    write_csv(raw / "2013/pension_renewal.csv", RENEWED)
    connection, (problem,) = correcting(raw, f"- {{{BY_PLACE}, {WORDS}, {WHO}}}\n- {{{BY_ROW}, {WORDS}, {WHO}}}\n")
    assert (problem.rule, problem.cell) == ("correction_unique", "line 2")
    assert "line 1 corrects the same cell" in problem.message_en
    assert rows(connection, "SELECT entry, corrected FROM applied_correction") == [(1, "102")]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("", []),
        ("# 无\n", []),
        ("[", [("yaml", "line 1", "not readable YAML (expected the node content, but found '<stream end>')")]),
        (
            "- {a: 1}\n- {b: ]\n",
            [("yaml", "line 2", "not readable YAML (expected the node content, but found ']')")],
        ),
        ("file: 2013/pension_renewal.csv\n", [("correction_form", "line 1", "a list of corrections is expected")]),
        ("5\n", [("correction_form", "line 1", "a list of corrections is expected")]),
        (
            "- 5\n",
            [
                (
                    "correction_form",
                    "line 1",
                    "an entry says file and cell, or source, year, match and column; and reason and who",
                )
            ],
        ),
    ],
)
def test_what_is_no_list_of_corrections_is_told_and_an_empty_one_is_none(
    raw: Path, declared: str, told: list[tuple[str, str, str]]
) -> None:
    write_csv(raw / "2013/pension_renewal.csv", RENEWED)
    _, problems = correcting(raw, declared)
    assert [(problem.rule, problem.cell, problem.message_en) for problem in problems] == told


def test_a_word_said_twice_of_a_correction_is_told(raw: Path) -> None:
    write_csv(raw / "2013/pension_renewal.csv", RENEWED)
    _, (problem,) = correcting(raw, f"- {{{BY_PLACE}, {WORDS}, {WHO}}}\n".replace("}", ", who: 乙}"))
    assert (problem.rule, problem.cell, problem.message_en) == ("correction_form", "line 1", "who is written twice")


def test_a_list_of_corrections_that_is_not_there_is_told(raw: Path) -> None:
    with pytest.raises(KaoheError) as refusal:
        ingest(duckdb.connect(), raw, delivered(raw), lambda _: None, declared=raw / "nowhere.yml")
    assert [(problem.file, problem.rule, problem.cell) for problem in refusal.value.problems] == [
        ("nowhere.yml", "yaml", "line 1")
    ]


# Towns


def test_towns_are_known_by_name_alias_and_code_and_never_by_a_guess(raw: Path) -> None:
    (raw / "towns.csv").write_text(REGISTER + "D,100000004,新城街道,建设街道,街道,,\n", encoding="utf-8")
    names = [
        "新丰镇",
        "老新丰",
        "100000001",
        "新　丰镇人民政府",
        "七星镇",
        "七星街道办事处",
        "新峰镇",
        "建设街道",
        "—",
        "新城街道",
    ]
    lines = "".join(f"2013,{name},有,无\n" for name in names)
    write_csv(raw / "2013/publicity.csv", f"年度,镇街,宣传橱窗,工作简报\n{lines}")
    known = dict(read(raw).execute("SELECT source_row - 2, town_id FROM typed_publicity").fetchall())
    # 新峰镇 is in no register; 建设街道 is the name of one unit and an alias of another.
    assert [known[row] for row in range(len(names))] == ["A", "A", "A", "A", "C", "C", None, None, None, "D"]


def test_the_towns_of_a_year_are_those_valid_in_it(raw: Path) -> None:
    for year in (2013, 2014, 2015):
        write_csv(raw / f"{year}/publicity.csv", "年度,镇街,宣传橱窗,工作简报\n")
    assert rows(
        read(raw), "SELECT year, string_agg(town_code, ' ' ORDER BY town_id) FROM town_year GROUP BY 1 ORDER BY 1"
    ) == [
        (2013, "100000001 100000002 100000103"),
        (2014, "100000001 100000002 100000103"),
        (2015, "100000001 100000002 100000003"),
    ]


def test_without_a_register_nothing_is_read(raw: Path) -> None:
    (raw / "towns.csv").unlink()
    assert [problem.rule for problem in refused(raw)] == ["register"]


# Files and folders


def test_files_are_matched_to_sources_and_strays_are_told(raw: Path) -> None:
    for name in ("README.md", ".gitkeep", "2013/~$staffing.xlsx", "2013/.DS_Store"):
        write_csv(raw / name, "x")
    for name in ("2013/staffing-新丰镇.csv", "2013/staffing.CSV"):
        write_csv(raw / name, "x")
    strays = {
        "staffing.csv": "folder", "2013/deep/staffing.csv": "folder", "13/staffing.csv": "folder",
        "2013/towns.csv": "folder", "2013/staffings.csv": "file_name", "2013/说明.docx": "file_name",
        "2013/staffing.xls": "file_format", "2013/staffing": "file_format",
    }  # fmt: skip
    (raw / "2013/deep").mkdir()
    for name in strays:
        write_csv(raw / name, "x")
    (raw / "2014").symlink_to(raw / "2013")
    deliveries, problems = discover(raw, CONTRACTS)
    assert [(each.name, each.source, each.year, each.label) for each in deliveries] == [
        ("2013/staffing-新丰镇.csv", "staffing", 2013, "新丰镇"),
        ("2013/staffing.CSV", "staffing", 2013, ""),
        ("towns.csv", "towns", None, ""),
    ]
    assert {problem.file: problem.rule for problem in problems} == strays | {"2014": "plain_file"}
    assert "staffing.csv" in next(
        problem for problem in problems if problem.file == "2013/staffings.csv"
    ).remedy_en.replace("[-anything]", "")


def test_the_longest_source_name_wins(raw: Path) -> None:
    write_csv(raw / "2013/staffing-plan-2.csv", "x")
    deliveries, _ = discover(raw, ["towns", "staffing", "staffing-plan"])
    assert [each.source for each in deliveries] == ["staffing-plan", "towns"]


def test_every_source_has_its_tables_when_nothing_was_delivered(raw: Path) -> None:
    connection = duckdb.connect()
    ingest(connection, raw, CONTRACTS, lambda _: None)
    for source, contract in CONTRACTS.items():
        place_and_kind = ["source_file", "source_sheet", "source_row", "row_kind"]
        fields = [field.name for field in contract.fields]
        town = ["town_id"] if contract.town_field else []
        for table, columns in ((f"raw_{source}", fields), (f"typed_{source}", [*fields, *town, "unread"])):
            described = rows(connection, f"SELECT column_name FROM (DESCRIBE {table})")
            assert described == [*place_and_kind, *columns]
            assert source == "towns" or rows(connection, f"SELECT count(*) FROM {table}") == [0]


def test_of_a_file_that_changed_or_is_gone_nothing_old_is_left(raw: Path) -> None:
    publicity = "年度,镇街,宣传橱窗,工作简报\n2013,新丰镇,有,无\n"
    write_csv(raw / "2013/publicity.csv", publicity)
    write_csv(raw / "2013/staffing.csv", "镇街,专职人员,服务对象\n新丰镇,5,9000\n")
    write_csv(raw / "2013/pension_renewal.csv", f"{RENEWAL}\n2013,新丰镇,1,1,1,1\n2013,建设街道,2,2,2,2\n")
    contracts = delivered(raw)
    again, anew = duckdb.connect(), duckdb.connect()
    ingest(again, raw, contracts, lambda _: None)
    (raw / "2013/staffing.csv").unlink()
    write_csv(raw / "2013/pension_renewal.csv", f"说明\n{RENEWAL},备注\n2013,七星镇,3,3,3,3,\n")
    told: list[str] = []
    moved = ingest(again, raw, contracts, told.append, kept=frozenset({"towns.csv", "2013/publicity.csv"}))
    assert (moved, told) == ({"staffing", "pension_renewal"}, ["2013/pension_renewal.csv"])
    ingest(anew, raw, contracts, lambda _: None)
    made = [f"{kind}_{source}" for kind in ("raw", "typed") for source in contracts]
    for table in ("delivery_file", "delivery_sheet", "delivery_column", *made):
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert rows(again, query) == rows(anew, query), table


@pytest.mark.parametrize(
    ("file", "row", "position", "told"),
    [
        ("a.xlsx", 12, 3, "C12"), ("a.XLSX", 1, 26, "Z1"), ("a.xlsx", 1, 27, "AA1"), ("a.xlsx", 9, 703, "AAA9"),
        ("a.xlsx", 12, None, "12:12"), ("a.csv", 12, 3, "line 12"), ("a.parquet", 12, 3, "row 12"),
    ],
)  # fmt: skip
def test_a_place_is_told_as_its_sender_sees_it(file: str, row: int, position: int | None, told: str) -> None:
    assert place(file, row, position) == told
