"""Workbooks that are none, are broken, or were built to do harm: told for what they are, and the others still read."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
from files import SHEET, container, repacked, replacing, saved, swollen, workbook
from office import Office, Told
from openpyxl.chart import BarChart
from openpyxl.styles import Font

from pipelines.errors import Exit
from pipelines.ingest import workbook as reading
from pipelines.ingest import workbook_process
from pipelines.ingest.kinds import refuse_other_kind
from pipelines.ingest.sheets import UnreadableError
from pipelines.ingest.workbook_process import WorkbookProcess

pytestmark = pytest.mark.group("6 workbooks")

STAFFING = [["镇街", "专职人员", "服务对象"], ["清岚街道", 5, 9000]]
PLAIN = workbook({"Sheet1": STAFFING})
DTD = b"<!DOCTYPE worksheet [%s]><worksheet"
LAUGHS = b'<!ENTITY a "ha">' + b"".join(b'<!ENTITY %c "%s">' % (c + 1, b"&%c;" % c * 10) for c in range(97, 110))


def declaring(entities: bytes, used: bytes) -> bytes:
    def change(sheet: bytes) -> bytes:
        return replacing(b"<v>9000</v>", b"<v>%s</v>" % used)(replacing(b"<worksheet", DTD % entities)(sheet))

    return repacked(PLAIN, {SHEET: change})


def corners() -> bytes:
    """A workbook of two cells, in the first and the last corner of a sheet: half a terabyte if laid out."""
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "镇街", 1
    return saved(book)


def ods() -> bytes:
    return repacked(workbook({"a": []}), added=[("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")])


def locked(content: bytes) -> bytes:
    """A workbook packed with a password, as packers do and offices do not."""
    return content.replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\1").replace(
        b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1"
    )


#: File below 2013/ → its content, what is told of it in Chinese and English, and part of the remedy.
REFUSED: dict[str, tuple[bytes, str, str, str]] = {
    "staffing-password.xlsx": (container("EncryptionInfo", "EncryptedPackage"), "密码", "a password", "去掉密码"),
    "staffing-old.xlsx": (container("Workbook"), "旧版 Excel", "an old .xls workbook", "另存为 .xlsx"),
    "staffing-old.xls": (container("Workbook"), "旧版 Excel", "an old .xls workbook", "另存为 .xlsx"),
    "staffing-older.xls": (container("Book"), "旧版 Excel", "an old .xls workbook", "另存为 .xlsx"),
    "staffing-word.xlsx": (container("WordDocument"), "Word 文档", "a Word document", "数据表"),
    "staffing-page.xls": (b"\r\n<HTML><table><tr><td>1</td></tr></table>", "HTML 网页", "an HTML page", "另存为"),
    "staffing-page.xlsx": (b"\xef\xbb\xbf<!DOCTYPE html>\n<html></html>", "HTML 网页", "an HTML page", "另存为"),
    "staffing-archived.xls": (b"MIME-Version: 1.0\r\nX: y", "MHTML", "a web archive", "另存为"),
    "staffing-xml.xls": (
        b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?><Workbook/>', "XML 表格", "an XML spreadsheet",
        "另存为",
    ),
    "staffing-new.xls": (PLAIN, "xlsx 工作簿", "an .xlsx workbook", "扩展名改为 .xlsx"),
    "staffing-ods.xlsx": (ods(), "OpenDocument", "an OpenDocument spreadsheet", "另存为"),
    "staffing-ods.ods": (ods(), "OpenDocument", "an OpenDocument spreadsheet", "另存为"),
    "staffing-binary.xlsb": (repacked(PLAIN, added=[("xl/workbook.bin", b"")]), "二进制工作簿", ".xlsb", "另存为"),
    "staffing-macros.xlsx": (repacked(PLAIN, added=[("xl/vbaProject.bin", b"VBA")]), "含宏", "macros", "不含宏"),
    "staffing-macros.xlsm": (
        repacked(PLAIN, {"[Content_Types].xml": replacing(b"officedocument.spreadsheetml.sheet.main",
                                                          b"ms-excel.sheet.macroEnabled.main")}),
        "含宏", "macros", "不含宏",
    ),
    "staffing-text.xlsx": ("镇街,专职人员\n".encode(), "文本文件", "a text file", "扩展名改为 .csv"),
    "staffing-json.xlsx": (b'[{"town": 1}]', "JSON 文件", "a JSON file", "数据表"),
    "staffing-pdf.xlsx": (b"%PDF-1.7\n", "PDF 文档", "a PDF document", "数据表"),
    "staffing-picture.xlsx": (b"\x89PNG\r\n\x1a\n", "PNG 图片", "a PNG picture", "数据表"),
    "staffing-packed.xlsx": (b"Rar!\x1a\x07", "RAR", "a RAR archive", "解压"),
    "staffing-parquet.xlsx": (b"PAR1....PAR1", "Parquet 文件", "a Parquet file", "扩展名改为 .parquet"),
    "staffing-empty.xlsx": (b"", "空文件", "an empty file", "重新导出"),
    "staffing-cut.xlsx": (PLAIN[:-40], "不完整", "cut short", "重新"),
    "staffing-locked.xlsx": (locked(PLAIN), "不完整", "damaged", "重新"),
    "staffing-cut-early.xlsx": (PLAIN[:1500], "不完整", "cut short", "重新"),
    "staffing-broken.xlsx": (
        PLAIN[: PLAIN.index(b"sheet1.xml") + 60] + b"\xff" * 40 + PLAIN[PLAIN.index(b"sheet1.xml") + 100 :],
        "不是完好的 xlsx", "not a whole xlsx", "另存",
    ),
    "staffing-laughs.xlsx": (declaring(LAUGHS, b"&n;"), "实体", "entities", "新建"),
    "staffing-entity.xlsx": (declaring(b'<!ENTITY x SYSTEM "file:///etc/passwd">', b"&x;"), "实体", "entities", "新建"),
    "staffing-simple-entity.xlsx": (declaring(b'<!ENTITY x "77">', b"&x;"), "实体", "entities", "新建"),
    "staffing-wide.xlsx": (
        repacked(PLAIN, {SHEET: lambda part: part.decode().encode("utf-16")}), "实体", "entities", "新建",
    ),
    "staffing-twice.xlsx": (repacked(PLAIN, added=[(SHEET.upper(), b"<x/>")]), "重名", "bear one name", "新建"),
    "staffing-outside.xlsx": (
        repacked(
            PLAIN,
            {"xl/_rels/workbook.xml.rels": replacing(b"/xl/worksheets/sheet1.xml", b"../../../etc/passwd")},
        ),
        "不是完好的 xlsx", "not a whole xlsx", "另存",
    ),
    "staffing-row.xlsx": (
        repacked(PLAIN, {SHEET: replacing(
            b"</sheetData>", b'<row r="99999999999"><c r="A1"><f>1</f></c></row></sheetData>',
        )}),
        "不是完好的 xlsx", "not a whole xlsx", "另存",
    ),
    "staffing-figure.xlsx": (
        repacked(PLAIN, {SHEET: replacing(b"<v>9000</v>", b"<v>9,000</v>")}), "不是完好的 xlsx", "not a whole", "另存",
    ),
    "staffing-long.xlsx": (
        repacked(PLAIN, {SHEET: replacing(
            b'r="A2" t="inlineStr"><is><t>', b'r="A2" t="inlineStr"><is><t>' + b"x" * 39_996,
        )}),
        "40,000 字", "40,000 characters", "新建",
    ),
    "staffing-merged.xlsx": (
        repacked(workbook({"a": STAFFING * 20}), {SHEET: replacing(
            b"</sheetData>",
            b"</sheetData><mergeCells>" + b'<mergeCell ref="A3:B40"/>' * 60_000 + b"</mergeCells>",
        )}),
        "合并单元格", "merged cells overlap", "新建",
    ),
    "staffing-corners.xlsx": (corners(), "内存", "of memory", "拆分"),
    "staffing-nothing.xlsx": (workbook({"Sheet1": []}), "找不到表头", "no header line", "表头应有"),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(shared_office: Office) -> Told:
    """All of them received at once; the last in order is a workbook that can be read, and wants a column."""
    for name, (content, *_) in REFUSED.items():
        shared_office.file(f"2013/{name}").write_bytes(content)
    last = workbook({"Sheet1": [["镇街", "专职人员"], ["清岚街道", 5]]})
    shared_office.file("2013/staffing-zz.xlsx").write_bytes(last)
    return shared_office.run()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sound_workbook_is_told_for_what_it_is(name: str, told: Told) -> None:
    _, zh, en, remedy = REFUSED[name]
    (problem,) = (problem for problem in told.problems if problem.file == f"2013/{name}")
    assert zh in problem.message_zh, problem
    assert en in problem.message_en, problem
    assert remedy in problem.remedy_zh, problem


#: Workbooks by their bytes, whatever is wrong further in.
WORKBOOKS = {
    f"staffing-{name}.xlsx"
    for name in ("broken", "laughs", "entity", "simple-entity", "wide", "twice", "outside", "row", "figure", "long",
                 "merged", "corners", "nothing")
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_file_is_shows_in_its_bytes_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    content, zh, en, remedy = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(content)
    if name in WORKBOOKS:
        refuse_other_kind(path)
        return
    with pytest.raises(UnreadableError) as refused:
        refuse_other_kind(path)
    assert zh in refused.value.zh
    assert en in refused.value.en
    assert refused.value.remedy and remedy in refused.value.remedy[0]


#: What the reader itself finds, and not the limits of the process it runs in; cells out of reach besides.
READ_HERE = ["twice", "laughs", "merged", "row", "long", "figure", "outside", "broken"]
BEYOND = {
    "a row beyond": (b'<row r="1048577"><c r="A1048577"><f>1</f></c></row>', "row 1048577"),
    "a column beyond": (b'<row r="9"><c r="XFE9"><f>1</f></c></row>', "column 16385"),
}


@pytest.mark.parametrize("name", [*READ_HERE, *BEYOND])
def test_the_reader_itself_takes_no_harm(name: str, tmp_path: Path) -> None:
    if name in BEYOND:
        cell, told = BEYOND[name]
        content = repacked(PLAIN, {SHEET: replacing(b"</sheetData>", cell + b"</sheetData>")})
    else:
        content, _, told, _ = REFUSED[f"staffing-{name}.xlsx"]
    (tmp_path / "harm.xlsx").write_bytes(content)
    with pytest.raises(UnreadableError) as refused:
        for sheet in reading.open_workbook(tmp_path / "harm.xlsx"):
            list(sheet.rows)
    assert told in refused.value.en


def test_what_a_workbook_declares_is_found_behind_pictures_too(tmp_path: Path) -> None:
    written = io.BytesIO()
    harmful = zipfile.ZipFile(io.BytesIO(declaring(b'<!ENTITY x "77">', b"&x;")))
    with zipfile.ZipFile(written, "w") as package:
        package.writestr("xl/media/image1.png", b"\x89PNG")
        for name in harmful.namelist():
            package.writestr(name, harmful.read(name))
    (tmp_path / "harm.xlsx").write_bytes(written.getvalue())
    with pytest.raises(UnreadableError, match="entities"):
        list(reading.open_workbook(tmp_path / "harm.xlsx"))


def test_merged_cells_below_the_last_row_do_not_make_up_for_too_many_above(tmp_path: Path) -> None:
    content, *_ = REFUSED["staffing-merged.xlsx"]
    below = b'<mergeCells><mergeCell ref="A1048575:B1048576"/><mergeCell ref="C1048575:D1048576"/>'
    (tmp_path / "harm.xlsx").write_bytes(repacked(content, {SHEET: replacing(b"<mergeCells>", below)}))
    with pytest.raises(UnreadableError, match="merged cells overlap"):
        list(reading.open_workbook(tmp_path / "harm.xlsx"))


def test_a_sheet_that_is_a_chart_holds_no_rows_and_a_picture_is_not_looked_into(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook({"甲": STAFFING}, merged=["A1:A2"])))
    book.create_chartsheet("图").add_chart(BarChart())
    (tmp_path / "chart.xlsx").write_bytes(repacked(saved(book), added=[("xl/media/image1.png", b"<!DOCTYPE")]))
    (sheet,) = reading.open_workbook(tmp_path / "chart.xlsx")
    assert (sheet.name, list(sheet.rows)[1]) == ("甲", ["镇街", "5", "9000"])
    assert [(area.top, area.bottom, area.text) for area in sheet.merged] == [(0, 1, "镇街")]


def test_all_is_told_in_one_pass_and_what_follows_a_broken_file_is_read(
    told: Told, shared_office: Office, clean: Office
) -> None:
    assert told.code == Exit.REJECTED
    assert {problem.file for problem in told.problems} == {f"2013/{name}" for name in [*REFUSED, "staffing-zz.xlsx"]}
    assert [problem.rule for problem in told.problems if problem.file == "2013/staffing-zz.xlsx"] == ["column_missing"]
    shared_office.mend(clean)


def rewritten(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


@pytest.mark.long
def test_what_is_odd_in_a_workbook_and_harmless_changes_no_result(office: Office, clean: Office) -> None:
    """Each delivery is received in another shape, and every result is that of the clean bureau."""
    changed = {}
    for name in ("staffing", "retiree_management", "pension_renewal", "publicity", "statistical_reports", "activities"):
        path = office.file(f"2013/{name}.xlsx")
        changed[name] = path, rewritten(path.read_bytes())
    path, book = changed["staffing"]
    book.active.sheet_state = "hidden"
    book.create_sheet("空表")
    book.active = 1
    path, book = changed["retiree_management"]
    for row in range(4, 7):
        book.active.row_dimensions[row].hidden = True
    book.active.auto_filter.ref = "A3:D9"
    path, book = changed["pension_renewal"]
    book.active["A1048576"].font = Font(bold=True)
    for path, book in changed.values():
        path.write_bytes(saved(book))
    dimension = {SHEET: lambda part: part.replace(b'<dimension ref="', b'<dimension ref="A1:XFD1048576" old="', 1)}
    path = office.file("2013/publicity.xlsx")
    path.write_bytes(repacked(path.read_bytes(), dimension))
    # Paths that lead out of the folder a careless reader would unpack to; a link to another workbook.
    evil = [("../../../evil.txt", b"x"), ("/tmp/evil-of-kaohe", b"x"), ("C:\\evil.txt", b"x"),
            ("xl/externalLinks/externalLink1.xml", b'<externalLink xmlns:r="u"/>'),
            ("xl/externalLinks/_rels/externalLink1.xml.rels",
             b'<Relationships><Relationship Id="rId1" Target="file:///etc/passwd" TargetMode="External"/></Relationships>')]  # fmt: skip  # noqa: E501
    path = office.file("2013/activities.xlsx")
    path.write_bytes(repacked(path.read_bytes(), added=evil))
    told = office.run()
    assert told.code == Exit.DONE, told.problems
    assert office.results() == clean.results()
    assert not Path("/tmp/evil-of-kaohe").exists()
    office.mend(clean)


def test_a_workbook_that_takes_too_long_is_given_up_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow.xlsx").write_bytes(swollen(PLAIN, SHEET, 900))
    (tmp_path / "plain.xlsx").write_bytes(PLAIN)
    with WorkbookProcess() as workbooks:
        # Begun beforehand, so that the time it takes to begin does not count.
        assert [sheet.name for sheet in workbooks.open(tmp_path / "plain.xlsx")] == ["Sheet1"]
        monkeypatch.setattr(workbook_process, "PATIENCE", 0.2)
        begun = time.monotonic()
        with pytest.raises(UnreadableError, match=r"more than 0\.2 s"):
            list(workbooks.open(tmp_path / "slow.xlsx"))
        assert time.monotonic() - begun < 5
        monkeypatch.setattr(workbook_process, "PATIENCE", 60)
        (sheet,) = ((sheet.name, list(sheet.rows)) for sheet in workbooks.open(tmp_path / "plain.xlsx"))
        assert sheet == ("Sheet1", [["镇街", "专职人员", "服务对象"], ["清岚街道", "5", "9000"]])


def test_a_workbook_left_half_read_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "long.xlsx").write_bytes(workbook({"一": [[number] for number in range(30_000)], "二": [["x"]]}))
    (tmp_path / "plain.xlsx").write_bytes(PLAIN)
    with WorkbookProcess() as workbooks:
        sheets = workbooks.open(tmp_path / "long.xlsx")
        assert next(next(sheets).rows) == ["0"]
        assert (following := next(sheets)).name == "二"
        assert list(following.rows) == [["x"]]
        assert next(sheets, None) is None
        sheets = workbooks.open(tmp_path / "long.xlsx")
        next(sheets)
        sheets.close()  # type: ignore[attr-defined]
        assert [list(sheet.rows)[1] for sheet in workbooks.open(tmp_path / "plain.xlsx")] == [["清岚街道", "5", "9000"]]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST", 64 << 20)
    bomb = tmp_path / "bomb.xlsx"
    bomb.write_bytes(swollen(PLAIN, SHEET, 100))
    assert bomb.stat().st_size < 1 << 18
    with pytest.raises(UnreadableError, match="unpacks to more than"):
        list(reading.open_workbook(bomb))
    # One text of which every cell is a copy: small unpacked as well, and large once it is read.
    cells = b"".join(
        b'<row r="%d">%s</row>' % (row, b"".join(b'<c t="s"><v>0</v></c>' for _ in range(100))) for row in range(3, 60)
    )
    texts = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>%s</t></si></sst>'
    sheet = {SHEET: replacing(b"</sheetData>", cells + b"</sheetData>")}
    shared = repacked(PLAIN, sheet, added=[("xl/sharedStrings.xml", texts % (b"x" * 30_000))])
    (tmp_path / "shared.xlsx").write_bytes(shared)
    with pytest.raises(UnreadableError, match="unpacks to more than"):
        for sheet in reading.open_workbook(tmp_path / "shared.xlsx"):
            list(sheet.rows)


@pytest.mark.long
def test_a_real_bomb_and_a_sheet_of_a_million_empty_rows_are_bounded(office: Office, clean: Office) -> None:
    office.file("2013/staffing-bomb.xlsx").write_bytes(swollen(PLAIN, SHEET, 3000))
    begun = time.monotonic()
    told = office.run()
    assert told.code == Exit.REJECTED
    assert ["1 GB" in problem.message_en for problem in told.problems] == [True]
    assert time.monotonic() - begun < 60
    office.file("2013/staffing-bomb.xlsx").unlink()
    path = office.file("2013/staffing.xlsx")
    book = rewritten(path.read_bytes())
    book.active["C1048576"] = " "
    path.write_bytes(saved(book))
    told = office.run()
    assert told.code == Exit.DONE
    assert told.manifest
    (sheet,) = (each for each in told.manifest["deliveries"] if each["source"] == "staffing")  # type: ignore[attr-defined]
    assert (sheet["rows_read"], sheet["accepted"]) == (1048576, 3)
    assert office.results() == clean.results()
