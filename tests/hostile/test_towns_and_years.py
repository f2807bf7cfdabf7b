"""Which town and which year a row is about: found by the register, never by a guess, and told where it is in doubt."""

from __future__ import annotations

import csv
import io
import shutil
from typing import Any

import pytest
from office import Office, Told

from pipelines.analysis.marts import open_marts
from pipelines.errors import Exit

pytestmark = pytest.mark.group("5 towns and years")

#: 柳湾 was renamed and recoded in 2015, 旧港 was merged into 云溪 after 2013; 云溪 and 云汐 differ in one character.
REGISTER = [
    ["单位编号", "代码", "名称", "别名", "类型", "启用年度", "停用年度", "并入单位"],
    ["T1", "990000001", "云溪镇", "", "镇", "", "", ""],
    ["T2", "990000002", "松原街道", "松原", "街道", "", "", ""],
    ["T3", "990000103", "柳湾镇", "", "镇", "", "2014", ""],
    ["T3", "990000203", "柳湾街道", "", "街道", "2015", "", ""],
    ["T4", "990000004", "旧港镇", "", "镇", "", "2013", "T1"],
    ["T5", "990000005", "云汐镇", "", "镇", "", "", ""],
]
TOWNS = {
    2013: ["云溪镇", "松原", "柳湾镇人民政府", "旧港镇", "云汐镇"],
    2014: ["990000001", "松原街道办事处", "990000103", "云汐镇"],
    2015: ["云溪镇", "松原街道", "柳湾街道", "990000005"],
}


def text(rows: list[list[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def staffing(year: int) -> list[list[Any]]:
    return [["镇街", "专职人员", "服务对象"], *([name, 3, 9000 + at] for at, name in enumerate(TOWNS[year]))]


@pytest.fixture
def bureau(office: Office) -> Office:
    """Three years of one source under a register in which towns were renamed and merged; not yet run."""
    shutil.rmtree(office.raw)
    for year in TOWNS:
        (office.raw / str(year)).mkdir(parents=True)
        office.receive(f"{year}/staffing.csv", text(staffing(year)))
    (office.raw / "towns.csv").write_text(text(REGISTER), encoding="utf-8")
    return office


def rows(office: Office, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in open_marts(office.settings.marts).rows(query)]


def warned(office: Office) -> set[str]:
    return {rule for (rule,) in rows(office, "SELECT rule FROM quality_check WHERE NOT success")}


def problem(told: Told, file: str, rule: str) -> Any:
    [found] = [each for each in told.problems if (each.file, each.rule.partition(".")[2]) == (file, rule)]
    return found


@pytest.mark.long
def test_names_aliases_codes_and_renames_are_one_town_and_a_year_left_out_is_told(bureau: Office) -> None:
    assert bureau.run().code == Exit.DONE
    moved = "SELECT year, town_id, town_name FROM town_score WHERE town_id IN ('T3', 'T4') ORDER BY 1, 2"
    assert rows(bureau, moved) == [
        (2013, "T3", "柳湾镇"), (2013, "T4", "旧港镇"), (2014, "T3", "柳湾镇"), (2015, "T3", "柳湾街道"),
    ]  # fmt: skip
    reported = (
        "SELECT year, count(*) FROM indicator_value WHERE indicator = 'persons_per_staff' AND status = 'reported'"
    )
    assert rows(bureau, f"{reported} GROUP BY year ORDER BY year") == [(2013, 5), (2014, 4), (2015, 4)]
    assert not {"year_missing", "same_bytes", "expected"} & warned(bureau)
    # The whole year gone: said, and no year that was never assessed is graded.
    shutil.rmtree(bureau.raw / "2014")
    assert bureau.run().code == Exit.DONE
    assert "year_missing" in warned(bureau)
    assert rows(bureau, "SELECT DISTINCT year FROM town_score ORDER BY year") == [(2013,), (2015,)]
    # The file of one year in the folder of another, without a column that says so.
    (bureau.raw / "2014").mkdir()
    shutil.copy(bureau.raw / "2015" / "staffing.csv", bureau.raw / "2014" / "staffing.csv")
    told = bureau.run()
    assert told.code == Exit.GATE, "a name not yet in use gives it away"
    assert problem(told, "2014/staffing.csv", "town_in_year.town").value == "柳湾街道"
    (bureau.raw / "2014" / "staffing.csv").write_text(text([*staffing(2014)[:3], staffing(2014)[4]]), encoding="utf-8")
    shutil.copy(bureau.raw / "2014" / "staffing.csv", bureau.raw / "2014" / "staffing-补.csv")
    told = bureau.run()
    assert {each.rule for each in told.problems} == {"staffing.unique"}


@pytest.mark.long
def test_every_doubt_about_a_town_or_year_is_told_at_once_with_its_row(bureau: Office) -> None:
    bureau.receive("2015/staffing.csv", text([
        ["镇街", "专职人员", "服务对象"],
        ["云西镇", 3, 9000],
        ["松原街道", 3, 9001],
        ["柳湾镇", 3, 9002],
        ["旧港镇", 3, 9003],
        ["云溪", 3, 9004],
    ]))  # fmt: skip
    recovered = ["镇街", "冒领金额", "追回金额"]
    bureau.receive("2013/overpayment_recovery.csv", text([recovered, ["云溪镇", 1, 1], ["990000001", 1, 1]]))
    bureau.receive("2014/overpayment_recovery.csv", text([recovered, ["云溪镇", 1, 1], ["云溪镇", 2, 1]]))
    bureau.receive("2014/information_accuracy.csv", text([
        ["年度", "镇街", "核查记录数", "准确记录数"],
        [2013, "云溪镇", 10, 9],
        [2014, "松原", 10, 9],
    ]))  # fmt: skip
    # As many rows as towns, and yet one is absent: another is there twice.
    bureau.receive("2014/benefit_authentication.csv", text([
        ["镇街", "应认证人数", "已认证人数"], ["云溪镇", 9, 9], ["松原", 9, 9], ["柳湾镇", 9, 9], ["松原街道", 9, 8],
    ]))  # fmt: skip
    # The code of one town beside the name of another; an old code of the same town is its own.
    bureau.receive("2015/publicity.csv", text([
        ["代码", "镇街", "宣传橱窗", "工作简报"],
        ["990000001", "云汐镇", "是", "是"],
        ["990000103", "柳湾街道", "是", "是"],
        ["999999999", "松原街道", "是", "是"],
    ]))  # fmt: skip
    told = bureau.run()
    assert told.code == Exit.GATE
    assert {(each.file, each.cell, each.rule.partition(".")[2], each.value) for each in told.problems} == {
        ("2015/staffing.csv", "line 2", "known_town.town", "云西镇"),
        ("2015/staffing.csv", "line 4", "town_in_year.town", "柳湾镇"),
        ("2015/staffing.csv", "line 5", "town_in_year.town", "旧港镇"),
        ("2015/staffing.csv", "line 6", "known_town.town", "云溪"),
        ("2013/overpayment_recovery.csv", "line 2", "unique", "2013 / 云溪镇"),
        ("2013/overpayment_recovery.csv", "line 3", "unique", "2013 / 990000001"),
        ("2014/overpayment_recovery.csv", "line 2", "unique", "2014 / 云溪镇"),
        ("2014/overpayment_recovery.csv", "line 3", "unique", "2014 / 云溪镇"),
        ("2014/information_accuracy.csv", "line 2", "folder_year.year", "2013"),
        ("2014/benefit_authentication.csv", "line 3", "unique", "2014 / 松原"),
        ("2014/benefit_authentication.csv", "line 5", "unique", "2014 / 松原街道"),
        ("2015/publicity.csv", "line 2", "code_agrees.town_code", "990000001"),
        ("2015/publicity.csv", "line 4", "code_agrees.town_code", "999999999"),
    }
    assert "该代码是「云溪镇」" in next(each.message_zh for each in told.problems if each.value == "990000001")
    nearest = next(each for each in told.problems if each.value == "云西镇")
    assert "云溪镇" in nearest.message_zh and "云汐镇" in nearest.message_en, "both that it could be are offered"
    assert "「柳湾街道」" in next(each.message_zh for each in told.problems if each.value == "柳湾镇")
    assert "2015 年度不在名录中" in next(each.message_zh for each in told.problems if each.value == "旧港镇")
    # Published around them, the rows in doubt count for nobody.
    assert bureau.run(allow_partial=True).code == Exit.PARTIAL
    figures = (
        "SELECT town_id, status, numerator FROM indicator_value WHERE year = 2015 AND indicator = 'persons_per_staff'"
    )
    assert rows(bureau, f"{figures} ORDER BY town_id") == [
        ("T1", "missing", None), ("T2", "reported", 9001), ("T3", "withheld", None), ("T5", "missing", None),
    ]  # fmt: skip
    held = rows(bureau, "SELECT source_file, count(DISTINCT source_row) FROM quarantined_row GROUP BY 1 ORDER BY 1")
    assert held == [
        ("2013/overpayment_recovery.csv", 2),
        ("2014/benefit_authentication.csv", 2),
        ("2014/information_accuracy.csv", 1),
        ("2014/overpayment_recovery.csv", 2),
        ("2015/publicity.csv", 2),
        ("2015/staffing.csv", 4),
    ]
    assert {"expected", "unique", "known_town", "town_in_year", "folder_year"} <= warned(bureau)
