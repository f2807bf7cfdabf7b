"""A refused file comes back with every bad cell marked; mended and put in place of the old one, it loads."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from office import YEAR, Office, Told
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill

from pipelines.analysis.marts import open_marts
from pipelines.errors import Exit
from pipelines.publish import returned

pytestmark = pytest.mark.group("7 re-submission")

STAFFING, OVERPAID = f"{YEAR}/staffing.xlsx", f"{YEAR}/overpayment_recovery.csv"
IDENTITY = "330402199001011234"
#: What a spreadsheet would calculate, were it taken for more than a text.
HOSTILE = ("=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x","y")')


@dataclass(frozen=True)
class Refusal:
    """A bureau after a run that refused several files at once."""

    office: Office
    told: Told
    towns: list[str]

    def book(self, name: str) -> Any:
        return openpyxl.load_workbook(self.office.settings.marts / "returned" / name)

    def problems(self) -> list[dict[str, str]]:
        path = self.office.settings.marts / "returned" / "problems.csv"
        assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "Excel would not know it for UTF-8"
        return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def towns(office: Office) -> list[str]:
    rows = open_marts(office.settings.marts).rows("SELECT town_name FROM town_score ORDER BY town_id")
    return [row["town_name"] for row in rows]


def dressed_workbook(names: list[str], path: Path) -> None:
    """As an office makes them: a title over merged cells, widths, a fill and a comment of its own, formulas."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "张三's 表"
    sheet["A1"] = "人员配备情况表"
    sheet["A1"].font = Font(name="黑体", size=20)
    sheet.merge_cells("A1:D1")
    sheet.column_dimensions["B"].width = 33.5
    for column, text in enumerate(["镇街", "专职人员", "服务对象", "备注"], start=1):
        sheet.cell(3, column, text)
    for row, name in enumerate(names, start=4):
        for column, value in enumerate([name, 3, 9000], start=1):
            sheet.cell(row, column, value)
    sheet["B4"].fill = PatternFill("solid", fgColor="FF00FF00")
    sheet["C5"] = "九千"
    sheet["C5"].comment = Comment("问过小王", "office")
    sheet["D5"] = f"经办人{IDENTITY}已核"
    sheet["B5"].comment = Comment(f"见{IDENTITY}", "office")
    sheet["A6"] = "云水镇"
    for column, text in enumerate(HOSTILE, start=4):
        cell = sheet.cell(4, column)
        cell.value = text
        cell.data_type = "s"
    workbook.save(path)


@pytest.fixture(scope="module")
def refusal(clean: Office, tmp_path_factory: pytest.TempPathFactory) -> Refusal:
    home = tmp_path_factory.mktemp("refused") / "bureau"
    shutil.copytree(clean.raw.parent, home, symlinks=True, ignore=shutil.ignore_patterns("warehouse*"))
    settings = replace(clean.settings, raw=home / "raw", marts=home / "marts", warehouse=home / "warehouse.duckdb")
    office = Office(settings)
    names = towns(office)
    dressed_workbook(names, office.receive(STAFFING, b""))
    lines = [f"冒领追缴表{IDENTITY},,,", "镇街,冒领金额,追回金额,编号", *(f"{name},100,90,007" for name in names)]
    lines[3] = f"{names[1]},100,120,=1+1"
    office.receive(OVERPAID, "\r\n".join(lines), "gb18030")
    text = f"镇街,证件号,姓名,缴费日期,缴费金额\n{names[0]},330402199001011234,王小二,2013-13-01,5\n"
    office.receive(f"{YEAR}/contributions.csv", text)
    return Refusal(office, office.run(), names)


def marked(sheet: Any) -> set[str]:
    """The filled cells of a sheet given back, other than those the sender filled."""
    ours = returned._MARK
    return {cell.coordinate for row in sheet.iter_rows() for cell in row if cell.fill.fgColor.rgb == ours}


def test_the_refusal_says_where_the_files_are_and_nothing_else_is_given_back(refusal: Refusal) -> None:
    assert refusal.told.code == Exit.GATE
    folder = refusal.office.settings.marts / "returned"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == {
        "problems.csv", f"{YEAR}/staffing.xlsx", f"{YEAR}/overpayment_recovery.xlsx", f"{YEAR}/contributions.xlsx",
    }  # fmt: skip
    listed = [(row["file"], row["rule"], row["cell"]) for row in refusal.problems()]
    assert sorted(listed) == sorted((each.file, each.rule, each.cell) for each in refusal.told.problems)
    assert {row["returned"] for row in refusal.problems()} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.xlsx")
    }


def test_a_workbook_comes_back_as_it_was_with_its_bad_cells_marked(refusal: Refusal) -> None:
    book = refusal.book(STAFFING)
    sheet = book["张三's 表"]
    assert marked(sheet) == {"C5", "A6"}
    comment = sheet["C5"].comment.text
    problem = next(each for each in refusal.told.problems if each.cell == "C5")
    for said in (problem.value, problem.rule, problem.message_zh, problem.message_en, problem.remedy_zh,
                 problem.remedy_en, "问过小王"):  # fmt: skip
        assert said in comment
    assert (sheet["A1"].font.name, sheet["A1"].font.sz) == ("黑体", 20)
    assert [str(area) for area in sheet.merged_cells.ranges] == ["A1:D1"]
    assert sheet.column_dimensions["B"].width == 33.5
    assert sheet["B4"].fill.fgColor.rgb == "FF00FF00"
    assert (sheet["C5"].value, sheet["B5"].value, sheet["A6"].value) == ("九千", 3, "云水镇")


def test_the_first_sheet_lists_every_problem_and_leads_to_its_cell(refusal: Refusal) -> None:
    book = refusal.book(STAFFING)
    listed = book.worksheets[0]
    assert book.active is listed
    assert [sheet.title for sheet in book.worksheets if sheet.sheet_view.tabSelected] == [listed.title]
    of_file = [each for each in refusal.told.problems if each.file == STAFFING]
    rows = [[cell.value for cell in row] for row in listed.iter_rows(min_row=6)]
    assert rows == [
        [each.sheet, each.cell, each.column or None, each.value or None, each.rule,
         f"{each.message_zh}\n{each.message_en}", f"{each.remedy_zh}\n{each.remedy_en}"]
        for each in of_file
    ]  # fmt: skip
    links = {row[1].value: row[1].hyperlink.location for row in listed.iter_rows(min_row=6)}
    assert links == {each.cell: f"'张三''s 表'!{each.cell}" for each in of_file}


def test_a_text_file_comes_back_row_for_row_as_text(refusal: Refusal) -> None:
    sheet = refusal.book(OVERPAID.replace("csv", "xlsx")).worksheets[1]
    assert [cell.value for cell in sheet[3]] == [refusal.towns[0], "100", "90", "007"]
    assert [cell.value for cell in sheet[4]] == [refusal.towns[1], "100", "120", "=1+1"]
    assert marked(sheet) == {"C4"}
    assert "not_above" in sheet["C4"].comment.text


def test_no_text_becomes_a_formula(refusal: Refusal) -> None:
    sheet = refusal.book(STAFFING)["张三's 表"]
    texts = [sheet.cell(4, column) for column in range(4, 4 + len(HOSTILE))]
    texts.append(refusal.book(OVERPAID.replace("csv", "xlsx")).worksheets[1]["D4"])
    assert [(cell.value, cell.data_type, cell.quotePrefix) for cell in texts] == [
        (text, "s", True) for text in (*HOSTILE, "=1+1")
    ]


def test_an_identity_number_in_a_note_does_not_come_back(refusal: Refusal) -> None:
    sheet = refusal.book(STAFFING).worksheets[1]
    assert (sheet["D5"].value, sheet["B5"].comment.text) == ("经办人***已核", "见***")
    assert "问过小王" in sheet["C5"].comment.text
    for path in (refusal.office.settings.marts / "returned").rglob("*.xlsx"):
        with zipfile.ZipFile(path) as package:
            assert not any(IDENTITY.encode() in package.read(part) for part in package.namelist()), path.name


def test_what_is_personal_is_masked_and_the_masked_copy_cannot_be_loaded(refusal: Refusal) -> None:
    name = f"{YEAR}/contributions"
    book = refusal.book(f"{name}.xlsx")
    everything = " ".join(
        f"{cell.value} {cell.comment.text if cell.comment else ''}"
        for sheet in book.worksheets for row in sheet.iter_rows() for cell in row
    )  # fmt: skip
    everything += str(refusal.problems())
    assert "330402199001011234" not in everything and "王小二" not in everything
    assert "2013-13-01" in everything and marked(book.worksheets[1]) == {"B2", "D2"}
    folder, office = refusal.office.settings.marts / "returned", refusal.office
    copied = folder.parent.parent / "masked"
    shutil.copytree(office.raw, copied)
    (copied / f"{name}.csv").unlink()
    shutil.copy(folder / f"{name}.xlsx", copied / f"{name}.xlsx")
    masked = Office(
        replace(office.settings, raw=copied, marts=copied.parent / "m", warehouse=copied.parent / "w.duckdb")
    )
    told = masked.run()
    assert told.code == Exit.REJECTED
    assert [(each.file, each.rule) for each in told.problems] == [(f"{name}.xlsx", "column_missing")]


@pytest.mark.long
def test_mended_and_put_in_place_it_loads_and_the_folder_is_gone(office: Office) -> None:
    names = towns(office)
    dressed_workbook(names, office.receive(STAFFING, b""))
    lines = ["镇街,冒领金额,追回金额", *(f"{name},100,{900 if name == names[2] else 90}" for name in names)]
    office.receive(OVERPAID, "\r\n".join(lines), "gb18030")
    folder = office.settings.marts / "returned"
    assert office.run().code == Exit.GATE
    # Half mended and sent again, only what is left is marked.
    book = openpyxl.load_workbook(folder / STAFFING)
    book["张三's 表"]["A6"] = names[2]
    book.save(office.receive(STAFFING, b""))
    told = office.run()
    assert told.about(STAFFING) == [("staffing.type.persons_served", "C5", "九千")]
    book = openpyxl.load_workbook(folder / STAFFING)
    sheet = book["张三's 表"]
    assert marked(sheet) == {"C5"}
    assert [each.coordinate for row in sheet.iter_rows() for each in row if each.comment] == ["B5", "C5"]
    assert (
        sheet["C5"].comment.text.count("staffing.type.persons_served") == 1 and "问过小王" in sheet["C5"].comment.text
    )
    assert len(book.worksheets) == 2
    sheet["C5"] = 9000
    book.save(office.receive(STAFFING, b""))
    book = openpyxl.load_workbook(folder / OVERPAID.replace("csv", "xlsx"))
    book.worksheets[1]["C4"] = "90"
    book.save(office.receive(OVERPAID.replace("csv", "xlsx"), b""))
    told = office.run()
    assert told.code == Exit.DONE, told.problems
    assert not folder.exists(), "what is no longer refused is still given back"


@pytest.mark.long
def test_what_cannot_be_read_is_listed_and_with_allow_partial_the_held_rows_come_back(office: Office) -> None:
    folder = office.settings.marts / "returned"
    office.receive(f"{YEAR}/activities.xlsx", b"PK no workbook at all")
    office.receive(f"{YEAR}/publicity.csv", "镇街,宣传橱窗\n甲,是\n")
    told = office.run()
    assert told.code == Exit.REJECTED
    rows = list(csv.DictReader(io.StringIO((folder / "problems.csv").read_text(encoding="utf-8-sig"))))
    assert [(row["file"], row["rule"], row["returned"]) for row in rows] == [
        (f"{YEAR}/activities.xlsx", "readable", ""),
        (f"{YEAR}/publicity.csv", "column_missing", f"{YEAR}/publicity.xlsx"),
    ]
    sheet = openpyxl.load_workbook(folder / f"{YEAR}/publicity.xlsx").worksheets[1]
    assert marked(sheet) == {"A1", "B1"} and "column_missing" in sheet["A1"].comment.text
    for name in ("activities", "publicity"):
        for path in office.file(str(YEAR)).glob(f"{name}*"):
            path.unlink()
    names = towns(office)
    office.receive(
        OVERPAID, "镇街,冒领金额,追回金额\n" + f"{names[0]},1,x\n" + "".join(f"{n},1,1\n" for n in names[1:])
    )
    assert office.run(allow_partial=True).code == Exit.PARTIAL
    assert {path.name for path in folder.rglob("*.*")} == {"problems.csv", "overpayment_recovery.xlsx"}


@pytest.mark.long
def test_a_failure_to_give_back_does_not_hide_the_refusal(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.receive(OVERPAID, "镇街,冒领金额,追回金额\n云溪镇,1,x\n")
    blocked = office.settings.marts / "returned.building"
    blocked.write_text("a file where the folder is to be made")
    told = office.run()
    assert told.code == Exit.GATE and told.problems

    def broken(*_: object) -> None:
        raise ValueError("no cells for you")

    blocked.unlink()
    monkeypatch.setattr(returned, "_mark", broken)
    told = office.run()
    assert told.code == Exit.GATE and told.problems
    assert {path.name for path in (office.settings.marts / "returned").iterdir()} >= {"problems.csv"}
