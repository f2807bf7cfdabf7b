"""Tables of every make: other delimiters, titles and notes around them, cut short, or no table at all."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest
from files import separated
from office import YEAR, Office, Told, understood

from pipelines import ingest
from pipelines.contracts import load_contracts
from pipelines.errors import Exit, KaoheError

pytestmark = pytest.mark.group("2 tables")

HEADER = ["年度", "镇街", "专职人员", "服务对象"]
DATA = [["2013", "清岚街道", "5", "9000"], ["2013", "望舒街道", "7", "12000"]]
TABLE = [HEADER, *DATA]
TITLES = [["2013年度人员配备情况表", "", "", ""], ["填报单位：社保中心", "", "", "单位：人"]]
AROUND = [["", "合计", "12", "21000"], ["注：含窗口人员。", "", "", ""], ["填表人：甲", "", "审核：乙", ""]]
ROWS = [("YL-01", 5, 9000), ("YL-02", 7, 12000)]

#: Case → the table as received; it means the same in every one.
READ: dict[str, str] = {
    "semicolons": separated(TABLE, ";"),
    "tabs": separated(TABLE, "\t"),
    "bars": separated(TABLE, "|"),
    "commas-in-quotes": separated([HEADER, ["2013", "清岚街道", "5", "9,000"], ["2013", "望舒街道", "7", "12,000"]]),
    "bars-and-commas-in-figures": separated(
        [HEADER, ["2013", "清岚街道", "5", "9,000"], ["2013", "望舒街道", "7", "12,000"]], "|"
    ),
    "all-in-quotes": "\n".join(",".join(f'"{cell}"' for cell in row) for row in TABLE),
    "no-end-of-the-last-line": separated(TABLE).rstrip(),
    "a-note-without-end": separated(TABLE) + "填表人：甲,审核：乙",
    "titles-above": separated([*TITLES, *TABLE]),
    "titles-far-above": separated([*[["", "", "", ""]] * 20, *TITLES, *TABLE]),
    "title-of-one-cell": "2013年度人员配备情况表\n" + separated(TABLE),
    "title-in-brackets": "[2013年度]人员配备情况表\n" + separated(TABLE),
    "two-level-header": separated([["基本情况", "", "人数", ""], *TABLE]),
    "repeated-header": separated([*TABLE[:2], HEADER, *TABLE[2:]]),
    "totals-and-notes": separated([*TABLE, *AROUND]),
    "subtotals": separated([HEADER, DATA[0], ["", "小计", "5", "9000"], DATA[1], ["", "合 计", "12", "21000"]]),
    "blank-lines": "\n\n" + separated([TABLE[0]]) + "\n,,,\n" + separated(DATA) + "\n\n",
    "short-rows-of-notes": separated(TABLE) + "注：一\n\n二\n"[:5],
    "trailing-delimiters": separated([[*row, "", "", ""] for row in TABLE]),
    "line-breaks-in-a-header": separated([["年度", "镇\n街", "专职\r\n人员", "服务对象"], *DATA]),
    "quotes-in-quotes": separated([[*HEADER, "备注"], [*DATA[0], '称"先进"'], [*DATA[1], "无"]]),
    "quote-within-a-cell": separated([[*HEADER, "备注"], [*DATA[0], "x"], [*DATA[1], "无"]]).replace("x", '5" 屏'),
    "header-only-above-nothing": separated([HEADER]),
}

#: Case → the file as received, the cells told, and what is told of it in Chinese and English.
REFUSED: dict[str, tuple[str | bytes, list[str], str, str]] = {
    "unclosed-quote": (
        separated(TABLE).replace("望舒", '"望舒').replace("\r\n", "\n"), ["line 3"], "引号", "unclosed quote",
    ),
    "unclosed-quote-early": (separated(TABLE).replace("清岚", '"清岚'), ["line 2"], "引号", "unclosed quote"),
    "text-behind-a-quote": (separated(TABLE).replace("清岚街道", '"清岚"街道'), ["line 2"], "引号", "quote"),
    "figure-in-two-cells": (separated(TABLE).replace("9000", "9,000"), ["line 2"], "多于表头", "more columns"),
    "wider-rows": (
        separated([HEADER, [*DATA[0], "6"], [*DATA[1], "6"]]), ["line 2", "line 3"], "多于表头", "more columns",
    ),
    "cut-in-a-row": (separated(TABLE)[:-9], ["line 3"], "中断", "breaks off"),
    "cut-behind-a-delimiter": (separated(TABLE)[: -len("7,12000\r\n")], ["line 3"], "列数不足", "breaks off"),
    "cut-in-a-quote": (separated([[*row, "一\n二"] for row in TABLE]).rstrip()[:-1], ["line 3"], "引号", "quote"),
    "cut-in-utf-16": (separated(TABLE)[:-9].encode("utf-16"), ["line 3"], "中断", "breaks off"),
    "empty": ("", [""], "空文件", "empty file"),
    "blank": (" \n\n,,\n", [""], "找不到表头", "no header line"),
    "only-a-mark": (b"\xef\xbb\xbf", [""], "找不到表头", "no header line"),
    "data-without-header": (separated(DATA), [""], "找不到表头", "no header line"),
    "header-too-far-down": (separated([*[["表"]] * 40, *TABLE]), [""], "找不到表头", "no header line"),
    "another-table": ("姓名,电话\n甲,1\n", [""], "找不到表头", "no header line"),
    "page": ("<html><body><table><tr><td>年度</td></tr></table></body></html>", [""], "HTML 网页", "an HTML page"),
    "page-behind-a-comment": ("\n<!-- 导出 -->\n<TABLE border=1>", [""], "HTML 网页", "an HTML page"),
    "page-in-utf-16": ("<!DOCTYPE HTML><html>".encode("utf-16"), [""], "HTML 网页", "an HTML page"),
    "page-in-gb18030": ('<meta charset="gbk"><table>年度'.encode("gb18030"), [""], "HTML 网页", "an HTML page"),
    "json": ('{"年度": 2013}', [""], "JSON 文件", "a JSON file"),
    "json-rows": ('\n[\n  {"年度": 2013}]', [""], "JSON 文件", "a JSON file"),
    "json-nothing": ("[]", [""], "JSON 文件", "a JSON file"),
    "xml": ('<?xml version="1.0"?><rows/>', [""], "XML 文件", "an XML file"),
    "rich-text": ("{\\rtf1 年度}", [""], "RTF", "an RTF document"),
    "gzip": (b"\x1f\x8b\x08\x00", [""], "gzip", "a gzip archive"),
}  # fmt: skip


@pytest.fixture(scope="module")
def meant(
    clean: Office, tmp_path_factory: pytest.TempPathFactory, _text_route: None
) -> dict[str, list[tuple[object, ...]]]:
    raw = tmp_path_factory.mktemp("tables")
    (raw / "2013").mkdir()
    (raw / "towns.csv").write_bytes(clean.file("towns.csv").read_bytes())
    for case, text in READ.items():
        (raw / f"2013/staffing-{case}.csv").write_bytes(text.encode())
    return understood(raw, "staffing", "town_id, full_time_staff, persons_served")


@pytest.mark.parametrize("case", READ)
def test_the_same_table_is_read_however_it_is_laid_out(case: str, meant: dict[str, list[tuple[object, ...]]]) -> None:
    assert meant.get(f"2013/staffing-{case}.csv", []) == ([] if case.startswith("header-only") else ROWS)


@pytest.fixture(scope="module")
def told(shared_office: Office, _text_route: None) -> Told:
    for case, (content, *_) in REFUSED.items():
        path = shared_office.file(f"2013/staffing-{case}.csv")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return shared_office.run()


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_whole_table_is_refused_and_told_what_it_is(case: str, told: Told) -> None:
    _, cells, zh, en = REFUSED[case]
    problems = [problem for problem in told.problems if problem.file == f"2013/staffing-{case}.csv"]
    assert [problem.cell for problem in problems] == cells, problems
    for problem in problems:
        assert zh in problem.message_zh, problem
        assert en in problem.message_en, problem


def test_they_are_all_told_in_one_pass_and_mended(told: Told, shared_office: Office, clean: Office) -> None:
    assert told.code == Exit.REJECTED
    assert {problem.file for problem in told.problems} == {f"2013/staffing-{case}.csv" for case in REFUSED}
    shared_office.mend(clean)


@pytest.mark.parametrize("change", ["grows", "is replaced", "is removed", "is written again as it was"])
def test_a_file_that_changes_while_it_is_read_is_refused(change: str, office: Office) -> None:
    """Changed in the very run: when its name is told, its hash is taken, and its rows are not yet read."""
    path = office.file("2013/online_filing.csv")
    before = path.read_bytes()

    def meanwhile(name: str) -> None:
        if name == "2013/online_filing.csv":
            if change == "grows":
                with path.open("ab") as stream:
                    stream.write(f"{YEAR},12,清岚街道,1,1\r\n".encode())
            elif change == "is replaced":
                path.write_bytes(before.replace(b"9", b"8"))
            elif change == "is removed":
                path.unlink()
        elif name == "2013/overpayment_recovery.csv" and change == "is written again as it was":
            path.write_bytes(before)

    try:
        ingest.ingest(duckdb.connect(), office.raw, load_contracts(), meanwhile)
        told = []
    except KaoheError as error:
        assert error.code == Exit.REJECTED
        told = [(problem.file, problem.rule) for problem in error.problems]
    expected = [] if change == "is written again as it was" else [("2013/online_filing.csv", "unchanged")]
    assert list(dict.fromkeys(told)) == expected


@pytest.mark.long
def test_a_file_that_another_program_is_still_writing_is_never_taken_for_whole(office: Office) -> None:
    path = office.file("2013/business_ledger.csv")
    line = path.read_bytes().splitlines(keepends=True)[1]
    done = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as stream:
            while not done.wait(0.001):
                stream.write(line)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(KaoheError) as refusal:
            ingest.ingest(duckdb.connect(), office.raw, load_contracts(), lambda _: None)
    finally:
        done.set()
        writer.join()
    assert "unchanged" in {problem.rule for problem in refusal.value.problems}


@pytest.mark.long
def test_a_header_without_rows_is_nothing_reported(office: Office, clean: Office) -> None:
    office.receive("2013/staffing.csv", separated([HEADER]))
    told = office.run()
    assert told.code == Exit.DONE
    assert told.manifest
    (sheet,) = (each for each in told.manifest["deliveries"] if each["source"] == "staffing")  # type: ignore[attr-defined]
    assert (sheet["rows_read"], sheet["accepted"], sheet["ignored"]) == (1, 0, 1)
    assert office.results() != clean.results(), "what is not reported is missing, not what it was"


def test_a_long_cell_is_bounded(tmp_path: Path, clean: Office) -> None:
    (tmp_path / "2013").mkdir()
    (tmp_path / "towns.csv").write_bytes(clean.file("towns.csv").read_bytes())
    (tmp_path / "2013/staffing.csv").write_text(separated([*TABLE, ["x" * (1 << 20), "", "", ""]]), encoding="utf-8")
    with pytest.raises(KaoheError) as refusal:
        understood(tmp_path, "staffing", "town_id")
    (problem,) = refusal.value.problems
    assert (problem.rule, problem.cell) == ("readable", "line 4")
