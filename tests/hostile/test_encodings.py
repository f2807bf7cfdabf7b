"""Files in other encodings than the usual, and characters that are not what they look like."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from files import workbook
from office import Office, Told, understood

from pipelines.errors import Exit, Problem
from pipelines.terminal import print_problem

pytestmark = pytest.mark.group("1 encodings and text")

TABLE = "年度,镇街,专职人员,服务对象\n2013,清岚街道,5,9000\n2013,望舒街道,7,12000\n"
MORE = "2013,锦汐街道,1,2\n"
ROWS = [("YL-01", 5, 9000), ("YL-02", 7, 12000)]
UTF_16_LE, UTF_16_BE = (TABLE.encode(encoding) for encoding in ("utf-16-le", "utf-16-be"))

#: Case → the table as received; it means the same in every one.
READ: dict[str, bytes] = {
    "utf-8": TABLE.encode(),
    "utf-8-with-mark": TABLE.encode("utf-8-sig"),
    "utf-16-le": codecs.BOM_UTF16_LE + UTF_16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE + UTF_16_BE,
    "gb18030": TABLE.encode("gb18030"),
    "gb18030-of-four-bytes": TABLE.replace("\n", ",备注\n", 1).replace("9000", "9000,\U00020000㐀").encode("gb18030"),
    "windows-lines": TABLE.replace("\n", "\r\n").encode(),
    "old-mac-lines": TABLE.replace("\n", "\r").encode(),
    "zero-width": TABLE.replace("镇", "\u200b镇\u200d").replace("清", "清\u2060").replace("9", "\ufeff9\xad").encode(),
    "marks-of-direction": TABLE.replace("街", "\u200e街\u200f").replace("5", "\u200f5").encode(),
    "no-break-spaces": TABLE.replace(",", "\xa0,\xa0").replace("清", "清\xa0").encode(),
    "ideographic-spaces": TABLE.replace(",", "\u3000,\u3000").replace("清", "清\u3000").encode("gb18030"),
    "full-width": TABLE.replace("9000", "９０００").replace("12000", "１２０００").replace("2013", "２０１３").encode(),
    "full-width-comma": TABLE.replace("9000", "９，０００").encode(),
    "radicals": TABLE.replace("清岚", "⾦⼭").encode(),
}

#: Case → the file as received, the line told, and what is told of it in Chinese and English.
REFUSED: dict[str, tuple[bytes, str, str, str]] = {
    "nul": (TABLE.replace("9000", "90\x0000").encode(), "line 2", "NUL", "NUL byte"),
    "nul-in-gb18030": (TABLE.replace("12000", "12\x00").encode("gb18030"), "line 3", "NUL", "NUL byte"),
    "nul-at-the-end": (TABLE.encode() + bytes(4096), "line 4", "NUL", "NUL byte"),
    "nul-in-utf-16": (codecs.BOM_UTF16_LE + UTF_16_LE + b"\0\0", "line 4", "NUL", "NUL byte"),
    "utf-16-le-without-mark": (UTF_16_LE, "", "没有字节序标记", "without a byte order mark"),
    "utf-16-be-without-mark": (UTF_16_BE, "", "没有字节序标记", "without a byte order mark"),
    "utf-32": (TABLE.encode("utf-32"), "line 1", "NUL", "NUL byte"),
    "gb18030-then-utf-8": (TABLE.encode("gb18030") + MORE.encode(), "line 4", "混用", "line 4 is UTF-8"),
    "utf-8-then-gb18030": (TABLE.encode() + MORE.encode("gb18030"), "line 4", "混用", "line 4 is not"),
    "marked-then-gb18030": (TABLE.encode("utf-8-sig") + MORE.encode("gb18030"), "line 4", "混用", "line 4"),
    "cut-within-a-character": (TABLE.encode()[:-10], "line 3", "中间中断", "breaks off within"),
    "false-mark": (codecs.BOM_UTF8 + TABLE.encode("gb18030"), "", "编码", "neither UTF-8 nor GB18030"),
    "half-a-unit": (codecs.BOM_UTF16_LE + UTF_16_LE[:-1], "", "编码", "neither UTF-8 nor GB18030"),
    "garbled-as-gb18030": (TABLE.encode().decode("gb18030", "replace").encode(), "", "乱码", "garbled"),
    "garbled-as-latin": (TABLE.encode().decode("latin-1").encode(), "", "乱码", "garbled"),
    "gb18030-garbled-as-latin": (TABLE.encode("gb18030").decode("latin-1").encode(), "", "乱码", "garbled"),
    "replaced": (TABLE.encode("ascii", "replace").replace(b"?", "\ufffd".encode()), "", "乱码", "garbled"),
}  # fmt: skip

#: Name of a town as received → what is told of its characters.
MISLEADING = {
    "清岚街道\u0430": "а U+0430",
    "\u202e道街岚清": "U+202E",
    "清岚街\ufffd": "\ufffd U+FFFD",
    "99О1О1ОО1": "О U+041E",
    "娓呭矚琛楅亾": None,
}


@pytest.fixture(scope="module")
def meant(
    clean: Office, tmp_path_factory: pytest.TempPathFactory, _text_route: None
) -> dict[str, list[tuple[object, ...]]]:
    raw = tmp_path_factory.mktemp("encodings")
    (raw / "2013").mkdir()
    register = clean.file("towns.csv").read_text(encoding="utf-8-sig").replace("清岚,街道", "清岚;金山街道,街道")
    (raw / "towns.csv").write_text(register, encoding="utf-8")
    for case, content in READ.items():
        (raw / f"2013/staffing-{case}.csv").write_bytes(content)
    return understood(raw, "staffing", "town_id, full_time_staff, persons_served")


@pytest.mark.parametrize("case", READ)
def test_the_same_table_is_read_however_it_is_encoded(case: str, meant: dict[str, list[tuple[object, ...]]]) -> None:
    assert meant[f"2013/staffing-{case}.csv"] == ROWS


@pytest.fixture(scope="module")
def told(shared_office: Office, _text_route: None) -> Told:
    for case, (content, *_) in REFUSED.items():
        shared_office.file(f"2013/staffing-{case}.csv").write_bytes(content)
    return shared_office.run()


@pytest.mark.parametrize("case", REFUSED)
def test_a_text_that_cannot_be_read_for_certain_is_refused_with_its_line(case: str, told: Told) -> None:
    _, cell, zh, en = REFUSED[case]
    (problem,) = (problem for problem in told.problems if problem.file == f"2013/staffing-{case}.csv")
    assert problem.cell == cell, problem
    assert zh in problem.message_zh, problem
    assert en in problem.message_en, problem


def test_they_are_all_told_in_one_pass_and_mended(told: Told, shared_office: Office, clean: Office) -> None:
    assert told.code == Exit.REJECTED
    assert len(told.problems) == len(REFUSED)
    shared_office.mend(clean)


@pytest.mark.long
def test_characters_that_are_not_what_they_look_like_are_named(office: Office, clean: Office) -> None:
    lines = "".join(f"2013,{name},5,9000\n" for name in MISLEADING)
    office.receive("2013/staffing.csv", f"年度,镇街,专职人员,服务对象\n2013,清岚街道,５О,\u202e0009\n{lines}")
    told = office.run()
    assert told.code == Exit.GATE
    assert ("staffing.type.full_time_staff", "line 2", "５О") in told.about("2013/staffing.csv")
    assert ("staffing.type.persons_served", "line 2", "\u202e0009") in told.about("2013/staffing.csv")
    by_line = {problem.cell: problem for problem in told.problems if problem.column == "镇街"}
    for line, (name, character) in enumerate(MISLEADING.items(), start=3):
        problem = by_line[f"line {line}"]
        assert problem.value == name
        assert ("不同的字符" in problem.message_zh) == bool(character), problem
        assert (character or "") in problem.message_zh
        assert (character or "") in problem.message_en
        assert "\u202e" not in problem.message_zh + problem.message_en
    office.mend(clean)


def test_a_terminal_obeys_nothing_that_was_received(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("a.csv", "type", "不是整数", "no integer", "请更正", "correct it", value="\x1b[2J\u202e12\n3\x9b")
    print_problem(problem, "zh", "critical")
    assert "「<U+001B>[2J<U+202E>12 3<U+009B>」" in capsys.readouterr().err


def test_what_a_workbook_holds_is_as_hostile_as_a_text(clean: Office, tmp_path: Path) -> None:
    (tmp_path / "2013").mkdir()
    (tmp_path / "towns.csv").write_bytes(clean.file("towns.csv").read_bytes())
    table = [["镇街", "专职\u200b人员", "服务　对象"], ["清岚街道\u200f", "\ufeff５", "９，０００\xa0"]]
    (tmp_path / "2013/staffing.xlsx").write_bytes(workbook({"人员配备": table}))
    assert understood(tmp_path, "staffing", "town_id, full_time_staff, persons_served") == {
        "2013/staffing.xlsx": [("YL-01", 5, 9000)]
    }
