"""Columns doubled, missing, moved or in another unit, and figures that are in each other's place."""

from __future__ import annotations

import duckdb
import pytest
from files import separated, workbook
from office import Office, Told, understood

from pipelines.errors import Exit

pytestmark = pytest.mark.group("3 columns")

ROWS = [("YL-01", 5, 9000), ("YL-02", 7, 12000)]
COLUMNS = {
    "年度": ["2013", "2013"],
    "镇街": ["清岚街道", "望舒街道"],
    "专职人员": ["5", "7"],
    "服务对象": ["9000", "12000"],
    "备注": ["—", "1"],
}


def table(*headers: str) -> list[list[str]]:
    """The columns named, in this order; a header may be written as ``written=column``."""
    parts = [header.partition("=") for header in headers]
    columns = [COLUMNS[name or written] for written, _, name in parts]
    return [[written for written, _, _ in parts], *map(list, zip(*columns, strict=True))]


USUAL = ("年度", "镇街", "专职人员", "服务对象")
#: Case → the table as received; it means the same in every one.
READ = {
    "as-asked": table(*USUAL),
    "reordered": table("服务对象", "专职人员", "镇街", "年度"),
    "by-key": table("year=年度", "town=镇街", "full_time_staff=专职人员", "persons_served=服务对象"),
    "by-key-in-capitals": table("YEAR=年度", "Town=镇街", "FULL_TIME_STAFF=专职人员", "Persons_Served=服务对象"),
    "by-alias": table("考核年度=年度", "单位名称=镇街", "专职工作人员=专职人员", "服务人数=服务对象"),
    "with-units": table("年度", "镇街", "专职人员（人）=专职人员", "服务对象[人]=服务对象"),
    "in-full-width": table("年度", "镇街", "ｆｕｌｌ＿ｔｉｍｅ＿ｓｔａｆｆ=专职人员", "服务对象（人）=服务对象"),
    "broken-over-lines": table("年\n度=年度", "镇 街=镇街", "专职\n人员\n（人）=专职人员", "服务　对象=服务对象"),
    "with-others": table("备注", "年度", "镇街", "驻村=备注", "专职人员", "服务对象", "序号=备注"),
    "without-year": table("镇街", "专职人员", "服务对象"),
    "with-others-doubled": table("备注", "年度", "镇街", "备注=备注", "专职人员", "服务对象"),
}

#: Case → the table as received and what is told: rule and column as written.
REFUSED: dict[str, tuple[list[list[str]], list[tuple[str, str]]]] = {
    "doubled": (table(*USUAL, "服务对象"), [("column_doubled", "服务对象")]),
    "aliased-twice": (table(*USUAL, "服务人数=服务对象"), [("column_doubled", "服务人数")]),
    "aliased-thrice": (
        table("服务对象数=服务对象", *USUAL, "服务人数=服务对象"), [("column_doubled", "服务对象")],
    ),
    "key-and-title": (table(*USUAL, "full_time_staff=专职人员"), [("column_doubled", "full_time_staff")]),
    "two-towns": (table(*USUAL, "填报单位=镇街"), [("column_doubled", "填报单位")]),
    "missing": (table("年度", "镇街", "专职人员"), [("column_missing", "服务对象")]),
    "all-missing": (table("年度", "镇街", "备注"), [("column_missing", "专职人员"), ("column_missing", "服务对象")]),
    "misspelt": (table("年度", "镇街", "专职人员", "服务对像=服务对象"), [("column_missing", "服务对象")]),
    "look-alike": (table("年度", "镇街", "专职人员", "реrsоns_sеrvеd=服务对象"), [("column_missing", "服务对象")]),
    "ten-thousands": (table("年度", "镇街", "专职人员", "服务对象（万人）=服务对象"), [("unit", "服务对象（万人）")]),
    "thousands": (table("年度", "镇街", "专职人员", "服务对象(千人)=服务对象"), [("unit", "服务对象(千人)")]),
    "per-mille": (table("年度", "镇街", "专职人员", "服务对象（‰）=服务对象"), [("unit", "服务对象（‰）")]),
    "percent": (table("年度", "镇街", "专职人员", "服务对象（%）=服务对象"), [("unit", "服务对象（%）")]),
    "households": (table("年度", "镇街", "专职人员", "服务对象（户）=服务对象"), [("unit", "服务对象（户）")]),
    "unit-above": ([["单位：万人", "", "", ""], *table(*USUAL)], [("unit", "")]),
    "unit-in-the-title": ([["人员配备情况表（单位：千人）", "", "", ""], *table(*USUAL)], [("unit", "")]),
    "bare-unit-above": ([["", "", "", "（万人）"], *table(*USUAL)], [("unit", "")]),
}  # fmt: skip


@pytest.fixture(scope="module")
def meant(clean: Office, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    raw = tmp_path_factory.mktemp("columns")
    (raw / "2013").mkdir()
    (raw / "towns.csv").write_bytes(clean.file("towns.csv").read_bytes())
    for case, rows in READ.items():
        (raw / f"2013/staffing-{case}.csv").write_text(separated(rows), encoding="utf-8", newline="")
        (raw / f"2013/staffing-{case}.xlsx").write_bytes(workbook({"Sheet1": rows}))
    return understood(raw, "staffing", "town_id, full_time_staff, persons_served")


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("case", READ)
def test_columns_are_known_by_their_headers(case: str, ending: str, meant: dict[str, list[tuple[object, ...]]]) -> None:
    assert meant[f"2013/staffing-{case}.{ending}"] == ROWS


@pytest.fixture(scope="module")
def told(shared_office: Office) -> Told:
    for case, (rows, _) in REFUSED.items():
        shared_office.file(f"2013/staffing-{case}.csv").write_text(separated(rows), encoding="utf-8", newline="")
        shared_office.file(f"2013/staffing-{case}.xlsx").write_bytes(workbook({"Sheet1": rows}))
    return shared_office.run()


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("case", REFUSED)
def test_columns_that_cannot_be_told_apart_or_are_in_another_unit_are_refused(
    case: str, ending: str, told: Told
) -> None:
    problems = [problem for problem in told.problems if problem.file == f"2013/staffing-{case}.{ending}"]
    assert [(problem.rule, problem.column) for problem in problems] == REFUSED[case][1]
    assert all(problem.cell.startswith("line ") == (ending == "csv") for problem in problems)


def test_they_are_all_told_in_one_pass_and_mended(told: Told, shared_office: Office, clean: Office) -> None:
    assert told.code == Exit.REJECTED
    assert len(told.problems) == 2 * sum(len(expected) for _, expected in REFUSED.values())
    shared_office.mend(clean)


@pytest.mark.long
def test_figures_in_each_others_place_and_rates_of_two_kinds(office: Office, clean: Office) -> None:
    """Numerator above denominator is told; a rate as 0.95 and as 95 is the same rate, and one of neither is told."""
    office.receive(
        "2013/pension_renewal.csv",
        "镇街,实际续保人数,应续保人数,年度目标任务,完成数,续保率\n"
        "清岚街道,100,95,10,10,95%\n望舒街道,95,100,10,10,0.95\n锦汐街道,190,200,10,10,95\n",
    )
    told = office.run()
    assert told.code == Exit.GATE
    about = [problem for problem in told.problems if problem.file == "2013/pension_renewal.csv"]
    assert [(problem.rule, problem.cell, problem.column, problem.value) for problem in about] == [
        ("pension_renewal.not_above.renewed", "line 2", "实际续保人数", "100")
    ]
    assert "填反" in about[0].remedy_zh
    assert "swapped" in about[0].remedy_en
    with duckdb.connect(str(office.settings.warehouse), read_only=True) as warehouse:
        doubted = warehouse.execute("SELECT cell, value FROM check_failure WHERE rule = 'stated_rate'").fetchall()
    assert doubted == [("line 2", "95%")]
    office.mend(clean)
