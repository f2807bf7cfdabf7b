"""Everything a cell can hold that is no value: told of its cell, never rounded, guessed at or taken for nothing."""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest
from files import SHEET, repacked, replacing, saved, separated
from office import Office, Told, understood

from pipelines.errors import Exit

pytestmark = pytest.mark.group("4 values")

#: What stands in a column of whole numbers, and is none.
NO_FIGURES = [
    "12.5", "1e400", "1E5", "nan", "NaN", "inf", "-Infinity", "1_000", "0x1F", "1,23", "１２．５", "٣", "一百二十",
    "12人", "3万", "约90", "90以上", "+5", "5-", "--5", "½", "①", "Ⅻ", "5 000", "#DIV/0!", "#REF!", "#VALUE!", "#N/A",
    "#NAME?", "#NUM!", "#NULL!", "=B2*2", "TRUE", "2013-02-22", "9223372036854775808", "00:00", "￥5", "''5", "null",
    "None", "N/A",
]  # fmt: skip
#: What stands in a column of dates, with the rule it breaks.
NO_DATES = {
    "2013-02-30": "type", "2013-02-29": "type", "2013-13-01": "type", "2013-00-10": "type", "0000-00-00": "type",
    "2013/2/31": "type", "2013年2月30日": "type", "20130231": "type", "2月22日": "type", "22/02/2013": "type",
    "2013-02": "type", "9999": "type", "0": "type", "-1": "type", "60.5": "type", "1e5": "type", "昨天": "type",
    "2031-02-22": "date_in_reach", "1913-02-22": "date_in_reach", "2099-12-31": "date_in_reach",
    "1900-01-01": "date_in_reach", "2010年1月1日": "date_in_reach",
}  # fmt: skip
#: Cell → what a workbook holds there, and what is told as its value.
CELLS = {"C2": ("#N/A", "#N/A"), "C3": ("=B3*2", "=B3*2"), "C4": (True, "TRUE"),
         "B4": (datetime.date(2013, 2, 22), "2013-02-22"), "B2": (1e20, "1E+20"), "B3": (12.5, "12.5")}  # fmt: skip


@pytest.fixture(scope="module")
def told(shared_office: Office) -> Told:
    office = shared_office
    header = ["镇街", "专职人员", "服务对象"]
    office.receive("2013/staffing.csv", separated([header, *[["清岚街道", text, "9000"] for text in NO_FIGURES]]))
    office.receive(
        "2013/activities.csv",
        separated([["镇街", "类型", "日期", "主题"], *[["清岚街道", "培训", text, "甲"] for text in NO_DATES]]),
    )
    book = openpyxl.Workbook()
    for row in (header, ["清岚街道", 1, 2], ["望舒街道", 3, 4], ["锦汐街道", 5, 6], ["不存在的镇", 77, 6]):
        book.active.append(row)
    for cell, (value, _) in CELLS.items():
        book.active[cell] = value
    book.active["C2"].data_type = "e"
    office.file("2013/staffing-cells.xlsx").write_bytes(
        repacked(saved(book), {SHEET: replacing(b"<v>77</v>", b"<v>1e400</v>")})
    )
    office.receive(
        "2013/contributions.csv",
        "镇街,证件号,缴费日期,缴费金额\n清岚街道,3.30402E+17,2013-05-01,100\n清岚街道,TEST-0001,2013-05-01,1.005\n",
    )
    book = openpyxl.Workbook()
    book.active.append(["镇街", "证件号", "到账日期", "到账金额"])
    book.active.append(["清岚街道", 990402200001011234, datetime.date(2013, 5, 2), 100])
    office.file("2013/bank_receipts.xlsx").write_bytes(saved(book))
    office.receive(
        "2013/pension_renewal.csv",
        "镇街,应续保人数,实际续保人数,年度目标任务,完成数,续保率\n"
        "清岚街道,100,95,10,10,95.4\n望舒街道,100,95,10,10,9.5%\n锦汐街道,—,95,10,10,95%\n",
    )
    return office.run()


@pytest.mark.parametrize("text", NO_FIGURES)
def test_what_is_no_whole_number_is_told_as_it_was_written(text: str, told: Told) -> None:
    line = f"line {NO_FIGURES.index(text) + 2}"
    assert ("staffing.type.full_time_staff", line, text) in told.about("2013/staffing.csv")


@pytest.mark.parametrize("text", NO_DATES)
def test_a_date_that_cannot_be_or_is_far_from_its_year_is_told(text: str, told: Told) -> None:
    line = f"line {list(NO_DATES).index(text) + 2}"
    assert (f"activities.{NO_DATES[text]}.held_on", line, text) in told.about("2013/activities.csv")


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_of_a_workbook_is_told_as_it_is_shown(cell: str, told: Told) -> None:
    about = told.about("2013/staffing-cells.xlsx")
    assert [value for rule, at, value in about if at == cell and ".type." in rule] == [CELLS[cell][1]]


def test_a_number_beyond_all_numbers_is_told(told: Told) -> None:
    assert ("staffing.type.full_time_staff", "B5", "Infinity") in told.about("2013/staffing-cells.xlsx")


@pytest.mark.parametrize(("file", "cell"), [("contributions.csv", "line 2"), ("bank_receipts.xlsx", "B2")])
def test_an_identity_number_read_as_a_figure_is_told_and_not_shown(file: str, cell: str, told: Told) -> None:
    source = file.partition(".")[0]
    (problem,) = (
        problem for problem in told.problems
        if (problem.rule, problem.cell) == (f"{source}.identity.person_id", cell)
    )  # fmt: skip
    assert "***" in problem.value
    assert "后几位已丢失" in problem.message_zh, problem
    assert not any("E+17" in problem.value + problem.message_zh for problem in told.problems)


def test_a_third_decimal_of_money_is_told(told: Told) -> None:
    assert ("contributions.type.amount_yuan", "line 3", "1.005") in told.about("2013/contributions.csv")


def test_a_stated_rate_that_disagrees_is_a_warning_and_scores_nothing(told: Told, shared_office: Office) -> None:
    assert told.about("2013/pension_renewal.csv") == []
    with duckdb.connect(str(shared_office.settings.warehouse), read_only=True) as warehouse:
        doubted = warehouse.execute("SELECT cell, value FROM check_failure WHERE rule = 'stated_rate'").fetchall()
    assert doubted == [("line 2", "95.4"), ("line 3", "9.5%")]


def test_all_is_told_in_one_pass_and_mended(told: Told, shared_office: Office, clean: Office) -> None:
    assert told.code == Exit.GATE
    assert {problem.file for problem in told.problems} == {
        f"2013/{name}" for name in ("staffing.csv", "staffing-cells.xlsx", "activities.csv", "contributions.csv",
                                    "bank_receipts.xlsx")
    }  # fmt: skip
    shared_office.mend(clean)


@pytest.mark.parametrize(
    "epoch", [openpyxl.utils.datetime.CALENDAR_WINDOWS_1900, openpyxl.utils.datetime.CALENDAR_MAC_1904]
)
def test_dates_of_both_systems_are_the_same_dates(epoch: datetime.datetime, tmp_path: Path, clean: Office) -> None:
    (tmp_path / "2013").mkdir()
    (tmp_path / "towns.csv").write_bytes(clean.file("towns.csv").read_bytes())
    days = [
        datetime.date(2013, 1, 1),
        datetime.date(2013, 2, 28),
        datetime.date(2014, 3, 1),
        datetime.date(2012, 2, 29),
    ]
    book = openpyxl.Workbook()
    book.epoch = epoch
    book.active.append(["镇街", "类型", "日期", "主题"])
    for number, day in enumerate(days):
        book.active.append(["清岚街道", "培训", day, f"第{number}期"])
    (tmp_path / "2013/activities.xlsx").write_bytes(saved(book))
    assert understood(tmp_path, "activities", "held_on") == {"2013/activities.xlsx": [(day,) for day in days]}


@pytest.mark.long
def test_part_of_a_delivery_is_published_only_when_asked_and_says_so(office: Office, clean: Office) -> None:
    office.receive(
        "2013/staffing.csv", "镇街,专职人员,服务对象\n清岚街道,12.5,9000\n望舒街道,7,12000\n锦汐街道,7,12000\n"
    )
    assert office.run().code == Exit.GATE
    told = office.run(allow_partial=True)
    assert told.code == Exit.PARTIAL
    assert told.manifest
    (sheet,) = (each for each in told.manifest["deliveries"] if each["source"] == "staffing")  # type: ignore[attr-defined]
    assert (sheet["rows_read"], sheet["accepted"], sheet["quarantined"], sheet["ignored"]) == (4, 2, 1, 1)
    office.mend(clean)
