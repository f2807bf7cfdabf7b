"""Every rule broken once and told with its cell; what is held is counted, withheld and never lost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from conftest import ROOT
from pipelines import quality, rubric
from pipelines.contracts import load_contracts
from pipelines.errors import Exit, KaoheError
from pipelines.ingest import ingest
from pipelines.ingest.values import is_unparsed, typed_expression, unread_bit
from pipelines.quality import expectations
from pipelines.quality.checks import every_check

Rows = list[list[Any]]

CONTRACTS = load_contracts()

#: 柳湾 was renamed and recoded in 2015, 旧港 merged away after 2013, and two units answer to 双溪.
REGISTER: Rows = [
    ["单位编号", "代码", "名称", "别名", "类型", "启用年度", "停用年度", "并入单位"],
    ["T1", "990000001", "云溪镇", "双溪", "镇", "", "", ""],
    ["T2", "990000002", "松原街道", "松原、双溪", "街道", "", "", ""],
    ["T3", "990000103", "柳湾镇", "", "镇", "", "2014", ""],
    ["T3", "990000203", "柳湾街道", "", "街道", "2015", "", ""],
    ["T4", "990000004", "旧港镇", "", "镇", "", "2013", "T1"],
]

SCORES = ["年度", "镇街", "条款", "得分", "理由", "考核人"]

#: Files in which every rule that speaks of a row is broken, once where it can be.
BROKEN: dict[str, Rows] = {
    "towns.csv": REGISTER,
    "2013/pension_renewal.xlsx": [
        ["城乡居保续保情况表"],
        ["年度", "镇街", "应续保人数", "实际续保人数", "年度目标任务", "完成数", "续保率"],
        [2013, "云溪镇", 100, 120, 10, 9, None],
        [2013, "松原街道", "约90", 80, 10, 10, "90%"],
        [2013, "柳湾镇人民政府", 100, 95, "—", 10, "95.4%"],
        [2014, "旧港镇", -5, None, 1, 1, None],
        [2013, "云西镇", 1, 1, 1, 1, None],
        [2013, "双溪", 1, 1, 1, 1, None],
    ],
    "2013/information_accuracy.csv": [
        ["镇街", "核查记录数", "准确记录数"],
        ["云溪镇", "100", "99"],
        ["松原", "100", "98"],
    ],
    "2013/information_accuracy-补.csv": [["镇街", "核查记录数", "准确记录数"], ["990000001", "100", "97"]],
    "2013/activities.csv": [
        ["镇街", "类型", "日期", "主题"],
        ["云溪镇", "聚餐", "2013-05-01", "甲"],
        ["云溪镇", "培训", "2013-02-30", "乙"],
        ["云溪镇", "培训", "2013-06-01", ""],
        ["不知何处", "会议", "2013-07-01", "丙"],
        ["云溪镇", "会议", "2013-08-01", "丁"],
    ],
    "2013/online_filing.csv": [["月份", "镇街", "参保企业数", "网上申报企业数"], ["13", "云溪镇", "10", "9"]],
    "2013/publicity.csv": [["镇街", "宣传橱窗", "工作简报"], ["云溪镇", "大概", "是"]],
    "2015/publicity.csv": [
        ["镇街", "宣传橱窗", "工作简报"],
        ["柳湾镇", "是", "是"],
        ["旧港镇", "是", "是"],
        ["云溪镇", "是", "是"],
    ],
    "2013/staffing.csv": [["序号", "镇街", "专职人员", "服务对象", "驻村人员"], ["1", "云溪镇", "2", "9000", "5"]],
    "2013/assessor_scores.csv": [
        SCORES,
        ["2013", "云溪镇", "1.1", "6.5", "", "考核员甲"],
        ["2013", "云溪镇", "9.9", "1", "", "考核员甲"],
        ["2013", "云溪镇", "3.3.1", "2", "", "考核员甲"],
        ["2013", "松原街道", "1.3", "6", "", "考核员甲"],
        ["2013", "松原街道", "1.3", "4", "", "考核员乙"],
        ["2013", "松原街道", "1.2", "3", "", "考核员甲"],
        ["2013", "松原街道", "1.2", "2.1", "", "考核员乙"],
        ["2013", "松原街道", "1.4.B", "4", "", "考核员甲"],
        ["2013", "松原街道", "3.4.B", "1.5", "", "考核员甲"],
        ["2013", "不知何处", "2.1.1", "2", "", "考核员甲"],
        ["2013", "云溪镇", "1.3", "9999999999999999.99", "", "考核员甲"],
        ["2013", "柳湾镇", "1.4.B", "9999999999999999.99", "", "考核员甲"],
    ],
    "2013/adjustments.csv": [
        ["镇街", "条款", "更正后得分", "理由", "批准人", "批准日期"],
        ["云溪镇", "3.3.1", "2.5", "复核", "局办公室", "2014-02-01"],
        ["云溪镇", "3.3.0", "1", "复核", "局办公室", "2014-02-01"],
    ],
    "2013/reconciliation.xlsx": [
        ["月份", "镇街", "核对单位", "核对人数", "相符人数", "核对笔数", "相符笔数"],
        [1, "云溪镇", "社保", 10, 10, 5, 5],
        [1, "云溪镇", "财政", 20, 20, 6, "六"],
        ["小计", None, None, 30, 30, 11, 9],
        [1, "松原街道", "社保", 40, 40, 7, 7],
        ["小计", None, None, 40, 41, 7, 7],
        ["合计", None, None, 70, 70, 18, 12],
    ],
    "2013/citizen_card.xlsx": [
        [None] * 25 + ["镇街", "应发卡人数", "持卡人数", "申领数", "按时制卡数"],
        [None] * 25 + ["云溪镇", 1, 1, 1, 2],
    ],
    "2013/business_ledger.xlsx": [
        ["月份", "镇街", "险种", "应报日期", "上报日期", "台账", "汇总表"],
        [1, "云溪镇", "养老", "2013-02-05", "2013-02-04", "是", "是"],
    ],
    "2013/statistical_reports.csv": [
        ["镇街", "报表", "期别", "应报日期", "上报日期", "差错数"],
        ["合计", "", "", "", "", "4"],
    ],
    "2013/contributions.csv": [
        ["镇街", "证件号", "缴费日期", "缴费金额"],
        ["云溪镇", "990001195001010015", "2013-03-01", "-1.00"],
        ["云溪镇", "990001195001010023", "2013-03-01", "5"],
        ["云溪镇", "990001195001010023", "2013-03-01", "5"],
        ["云溪镇", "990001195001010032", "2013-03-01", "5"],
    ],
}


@dataclass(frozen=True)
class Gate:
    """A world past the gate."""

    connection: duckdb.DuckDBPyConnection
    result: quality.GateResult

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()


def _write(raw: Path, files: Mapping[str, Rows]) -> None:
    for name, rows in files.items():
        path = raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".xlsx":
            workbook = openpyxl.Workbook()
            assert workbook.active is not None
            for row in rows:
                workbook.active.append(row)
            workbook.save(path)
        else:
            text = io.StringIO()
            csv.writer(text).writerows(rows)
            path.write_text(text.getvalue(), encoding="utf-8")


def _read(connection: duckdb.DuckDBPyConnection, raw: Path, files: Mapping[str, Rows]) -> None:
    _write(raw, files)
    ingest(connection, raw, CONTRACTS, lambda _: None)
    edition = rubric.load_edition(ROOT / "rubric" / "2013")
    rubric.load_into(connection, edition, [rubric.scenario(edition)])


def _gate(raw: Path, files: Mapping[str, Rows]) -> Gate:
    connection = duckdb.connect()
    _read(connection, raw, files)
    result = quality.run_checks(connection, CONTRACTS)
    quality.quarantine(connection, CONTRACTS)
    return Gate(connection, result)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return _gate(tmp_path_factory.mktemp("broken"), BROKEN)


#: check → the cells it is broken in, with the value as written.
BREAKS: dict[str, list[tuple[str, str, str]]] = {
    "pension_renewal.not_above.renewed": [("2013/pension_renewal.xlsx", "D3", "120")],
    "pension_renewal.type.due": [("2013/pension_renewal.xlsx", "C4", "约90")],
    "pension_renewal.reported.renewed": [("2013/pension_renewal.xlsx", "D6", "")],
    "pension_renewal.reported.task": [("2013/pension_renewal.xlsx", "E5", "—")],
    "pension_renewal.stated_rate.stated_rate": [("2013/pension_renewal.xlsx", "G5", "95.4%")],
    "pension_renewal.minimum.due": [("2013/pension_renewal.xlsx", "C6", "-5")],
    "pension_renewal.folder_year.year": [("2013/pension_renewal.xlsx", "A6", "2014")],
    "pension_renewal.town_in_year.town": [("2013/pension_renewal.xlsx", "B6", "旧港镇")],
    "pension_renewal.known_town.town": [
        ("2013/pension_renewal.xlsx", "B7", "云西镇"),
        ("2013/pension_renewal.xlsx", "B8", "双溪"),
    ],
    "information_accuracy.unique": [
        ("2013/information_accuracy-补.csv", "line 2", "2013 / 990000001"),
        ("2013/information_accuracy.csv", "line 2", "2013 / 云溪镇"),
    ],
    "activities.set.kind": [("2013/activities.csv", "line 2", "聚餐")],
    "activities.type.held_on": [("2013/activities.csv", "line 3", "2013-02-30")],
    "activities.required.title": [("2013/activities.csv", "line 4", "")],
    "activities.known_town.town": [("2013/activities.csv", "line 5", "不知何处")],
    "online_filing.maximum.month": [("2013/online_filing.csv", "line 2", "13")],
    "publicity.type.has_window": [("2013/publicity.csv", "line 2", "大概")],
    "publicity.town_in_year.town": [
        ("2015/publicity.csv", "line 2", "柳湾镇"),
        ("2015/publicity.csv", "line 3", "旧港镇"),
    ],
    "staffing.known_column": [("2013/staffing.csv", "line 1", "驻村人员")],
    "assessor_scores.maximum.score": [
        ("2013/assessor_scores.csv", "line 12", "9999999999999999.99"),
        ("2013/assessor_scores.csv", "line 13", "9999999999999999.99"),
    ],
    "assessor_scores.score_above_points.score": [
        ("2013/assessor_scores.csv", "line 12", "9999999999999999.99"),
        ("2013/assessor_scores.csv", "line 2", "6.5"),
    ],
    "assessor_scores.known_town.town": [("2013/assessor_scores.csv", "line 11", "不知何处")],
    "assessor_scores.known_item.item": [("2013/assessor_scores.csv", "line 3", "9.9")],
    "assessor_scores.item_not_judged.item": [("2013/assessor_scores.csv", "line 4", "3.3.1")],
    "assessor_scores.assessors_apart.score": [
        ("2013/assessor_scores.csv", "line 5", "6"),
        ("2013/assessor_scores.csv", "line 6", "4"),
    ],
    "assessor_scores.bonus_high.score": [
        ("2013/assessor_scores.csv", "line 10", "1.50"),
        ("2013/assessor_scores.csv", "line 13", "9999999999999999.99"),
        ("2013/assessor_scores.csv", "line 9", "4.00"),
    ],
    "assessor_scores.reason_missing.reason": [
        ("2013/assessor_scores.csv", f"line {line}", "") for line in (10, 13, 6, 8, 9)
    ],
    "adjustments.adjustment_out_of_range.score": [("2013/adjustments.csv", "line 2", "2.5")],
    "adjustments.adjustment_of_condition.item": [("2013/adjustments.csv", "line 3", "3.3.0")],
    "reconciliation.total_agrees.persons_matched": [("2013/reconciliation.xlsx", "E6", "41")],
    "reconciliation.type.payments_matched": [("2013/reconciliation.xlsx", "G3", "六")],
    "citizen_card.not_above.on_time": [("2013/citizen_card.xlsx", "AD2", "2")],
    "statistical_reports.total_agrees.errors": [("2013/statistical_reports.csv", "line 2", "4")],
    "contributions.minimum.amount_yuan": [("2013/contributions.csv", "line 2", "-1.00")],
    "contributions.identity.person_id": [("2013/contributions.csv", "line 5", "***")],
    "contributions.unique": [
        ("2013/contributions.csv", "line 3", "2013 / 云溪镇 / *** / 2013-03-01 / 5"),
        ("2013/contributions.csv", "line 4", "2013 / 云溪镇 / *** / 2013-03-01 / 5"),
    ],
}


@pytest.mark.parametrize("check", BREAKS)
def test_a_broken_rule_is_told_with_its_cell(check: str, broken: Gate) -> None:
    told = broken.rows(
        f"SELECT source_file, cell, coalesce(value, '') FROM check_failure WHERE check_name = '{check}' ORDER BY ALL"
    )
    assert told == BREAKS[check]


def test_nothing_else_about_a_row_is_found_broken(broken: Gate) -> None:
    found = broken.rows("SELECT DISTINCT check_name FROM check_failure WHERE source_row IS NOT NULL")
    assert {name for (name,) in found} == set(BREAKS)


def test_what_is_absent_is_named(broken: Gate) -> None:
    absent = broken.rows(
        "SELECT source_file, town_id, message_zh FROM check_failure "
        "WHERE check_name = 'information_accuracy.expected' ORDER BY ALL"
    )
    assert absent == [
        ("2013/information_accuracy*", "T3", "缺：柳湾镇"),
        ("2013/information_accuracy*", "T4", "缺：旧港镇"),
    ]
    months = broken.rows(
        "SELECT count(*), bool_or(message_zh = '缺：云溪镇 12 月') FROM check_failure "
        "WHERE check_name = 'online_filing.expected'"
    )
    assert months == [(4 * 12, True)]


@pytest.mark.parametrize(
    ("check", "year", "towns"),
    [
        ("activities.no_rows", 2013, ["T2", "T3", "T4"]),
        ("assessor_scores.not_yet_judged", 2015, ["T1", "T2", "T3"]),
        ("business_ledger.no_rows", 2013, ["T2", "T3", "T4"]),
        ("towns.not_delivered", 2013, [None] * 4),
    ],
)
def test_towns_and_sources_without_rows_are_warned_of(
    check: str, year: int, towns: list[str | None], broken: Gate
) -> None:
    found = broken.rows(
        f"SELECT town_id FROM check_failure WHERE check_name = '{check}' AND year = {year} "
        "AND severity = 'warning' ORDER BY town_id"
    )
    assert [town for (town,) in found] == towns


def test_an_unknown_town_is_told_its_nearest_and_never_taken_for_one(broken: Gate) -> None:
    told = dict(
        broken.rows("SELECT value, message_zh FROM check_failure WHERE check_name = 'pension_renewal.known_town.town'")
    )
    assert told["云西镇"].startswith("名录中没有此镇街；相近的有：云溪镇")
    assert told["双溪"] == "名录中有多个单位用此名称：云溪镇、松原街道"
    assert broken.rows("SELECT count(*) FROM accepted_pension_renewal WHERE town_id IS NULL") == [(0,)]


def test_a_retired_name_is_told_the_one_in_use(broken: Gate) -> None:
    told = dict(
        broken.rows("SELECT value, message_zh FROM check_failure WHERE check_name = 'publicity.town_in_year.town'")
    )
    assert told["柳湾镇"] == "此名称或代码 2015 年度不使用，该年度为「柳湾街道」"
    assert told["旧港镇"] == "该单位 2015 年度不在名录中"


def test_both_rows_of_a_double_point_at_each_other(broken: Gate) -> None:
    told = broken.rows(
        "SELECT message_en FROM check_failure WHERE check_name = 'information_accuracy.unique' ORDER BY source_file"
    )
    assert ["information_accuracy.csv row 2" in message for (message,) in told] == [True, False]
    assert ["information_accuracy-补.csv row 2" in message for (message,) in told] == [False, True]


def test_problems_are_all_there_in_order_and_say_what_to_do(broken: Gate) -> None:
    critical = quality.problems(broken.connection, "critical")
    assert len(critical) == broken.result.critical_failures == len(broken.result.problems)
    assert [problem.file for problem in critical] == sorted(problem.file for problem in critical)
    assert len(quality.problems(broken.connection, "warning")) == broken.result.warnings
    for problem in critical:
        assert problem.remedy_zh and problem.remedy_en and problem.message_zh and problem.message_en and problem.cell
    renewed = next(problem for problem in critical if problem.rule == "pension_renewal.not_above.renewed")
    assert (renewed.sheet, renewed.cell, renewed.column, renewed.value) == ("Sheet", "D3", "实际续保人数", "120")
    refusal = broken.result.refusal()
    assert refusal.code == Exit.GATE
    assert refusal.problems == tuple(critical)


def test_a_sheet_with_a_wrong_total_is_held_whole_and_other_sheets_are_not(broken: Gate) -> None:
    held = broken.rows(
        "SELECT source_row, cell FROM gate_quarantine "
        "WHERE rule = 'total_agrees' AND source = 'reconciliation' ORDER BY source_row"
    )
    assert held == [(2, "E6"), (3, "E6"), (5, "E6")]
    assert broken.rows("SELECT count(*) FROM accepted_reconciliation") == [(0,)]
    assert broken.rows("SELECT town_id FROM accepted_staffing") == [("T1",)]


def test_a_total_over_a_cell_that_cannot_be_read_is_not_held_against_the_sheet(broken: Gate) -> None:
    found = broken.rows(
        "SELECT success FROM gate_check WHERE check_name = 'reconciliation.total_agrees.payments_matched'"
    )
    assert found == [(True,)]


def test_what_is_held_keeps_the_row_as_received_without_what_is_personal(broken: Gate) -> None:
    rows = broken.rows(
        "SELECT row_text, value, rule FROM gate_quarantine WHERE source = 'contributions' ORDER BY source_row"
    )
    assert json.loads(rows[0][0]) == {
        "year": "2013", "town": "云溪镇", "town_code": None, "person_id": "***", "paid_on": "2013-03-01",
        "amount_yuan": "-1.00",
    }  # fmt: skip
    everything = broken.rows("SELECT string_agg(COLUMNS(*)::VARCHAR) FROM check_failure") + broken.rows(
        "SELECT string_agg(COLUMNS(*)::VARCHAR) FROM gate_quarantine"
    )
    everything += broken.rows("SELECT string_agg(COLUMNS(*)::VARCHAR) FROM raw_contributions")
    assert "9500101" not in str(everything)


def test_every_row_read_is_accepted_quarantined_or_ignored(broken: Gate) -> None:
    ledger = broken.rows(
        "SELECT source_file, rows_read, accepted, quarantined, ignored, ignored_reasons FROM gate_delivery"
    )
    assert len(ledger) == len(BROKEN)
    assert all(read == accepted + held + ignored for _, read, accepted, held, ignored, _ in ledger)
    by_file = {file: rest for file, *rest in ledger}
    assert by_file["2013/reconciliation.xlsx"] == [7, 0, 3, 4, "header 1; subtotal 2; total 1"]
    assert by_file["2013/pension_renewal.xlsx"] == [8, 1, 5, 2, "header 1; title 1"]


def test_a_held_row_withholds_what_it_would_have_fed(broken: Gate) -> None:
    withheld = broken.rows("SELECT source, year, town_id, item FROM withheld ORDER BY ALL")
    # Known town and year; a sum or a count of the other rows would look whole.
    assert ("contributions", 2013, "T1", None) in withheld
    assert ("pension_renewal", 2013, "T1", None) in withheld
    # A row of 旧港 that says 2014 in the folder of 2013.
    assert ("pension_renewal", 2013, "T4", None) in withheld
    # An unknown town could be any that is counted, and is missing anyway where each town has one row a year.
    assert {row[2] for row in withheld if row[0] == "activities"} == {"T1", "T2", "T3", "T4"}
    assert ("pension_renewal", 2013, "T3", None) not in withheld
    # An unknown town's score touches that item of every town; an unknown item every item of that town.
    assert {row[2] for row in withheld if row[0] == "assessor_scores" and row[3] == "2.1.1"} == {"T1", "T2", "T3", "T4"}
    assert ("assessor_scores", 2013, "T1", None) in withheld
    assert ("assessor_scores", 2013, "T2", None) not in withheld
    assert ("adjustments", 2013, "T1", "3.3.1") in withheld
    # A total of rows that are not there: any town may have had them.
    assert {row[2] for row in withheld if row[0] == "statistical_reports"} == {"T1", "T2", "T3", "T4"}
    # Nothing is withheld for warnings.
    assert not [row for row in withheld if row[0] == "staffing"]


CLEAN: dict[str, Rows] = {
    "towns.csv": REGISTER[:3],
    "2013/pension_renewal.xlsx": [
        ["城乡居保续保情况表"],
        ["单位：人"],
        ["镇街", "应续保人数", "实际续保人数", "年度目标任务", "完成数", "续保率"],
        ["云溪镇", "１，２００", 1180, 10, 10, "98.3%"],
        ["松原", 800, 720, 20, 25, 0.9],
        ["合计", 2000, 1900, 30, 35, 0.95],
        ["填表人：统计员"],
    ],
    "2013/information_accuracy.csv": [
        ["镇街", "核查记录数", "准确记录数"],
        ["云溪镇", "9", "9"],
        ["松原街道", "8", "0"],
    ],
}


def test_a_clean_world_is_green(tmp_path: Path) -> None:
    gate = _gate(tmp_path, CLEAN)
    assert gate.result.critical_failures == 0
    assert gate.result.problems == ()
    red = gate.rows("SELECT check_name FROM gate_check WHERE NOT success ORDER BY 1")
    assert red == [("assessor_scores.not_yet_judged",), ("towns.not_delivered",)]
    assert gate.rows("SELECT count(*) FROM gate_quarantine") == gate.rows("SELECT count(*) FROM withheld") == [(0,)]
    assert gate.rows("SELECT renewed FROM accepted_pension_renewal ORDER BY 1") == [(720,), (1180,)]
    assert gate.rows("SELECT DISTINCT rows_checked FROM gate_check WHERE source = 'pension_renewal'") == [(2,)]


@pytest.mark.long
def test_thousands_of_failing_rows_are_all_had(tmp_path: Path) -> None:
    rows = [
        [f"{'无名' if at < 1000 else '云溪'}镇", "培训", "2013-13-01" if at >= 3000 else "2013-12-01", f"第{at}期"]
        for at in range(5000)
    ]
    gate = _gate(tmp_path, {"towns.csv": REGISTER, "2013/activities.csv": [["镇街", "类型", "日期", "主题"], *rows]})
    assert gate.result.critical_failures == 3000
    assert len(gate.result.problems) == 3000
    assert gate.rows("SELECT count(DISTINCT source_row) FROM gate_quarantine") == [(3000,)]
    assert gate.rows("SELECT count(*), min(title) FROM accepted_activities") == [(2000, "第1000期")]


@pytest.mark.long
def test_a_broken_register_leaves_nothing_to_publish(tmp_path: Path) -> None:
    overlapping = [*REGISTER, ["T2", "990000302", "松原镇", "", "镇", "2014", "", ""]]
    with pytest.raises(KaoheError) as refused:
        _gate(tmp_path, {**CLEAN, "towns.csv": overlapping})
    assert refused.value.code == Exit.GATE
    assert {problem.cell for problem in refused.value.problems} == {"line 3", "line 7"}


def test_suites_are_those_of_great_expectations() -> None:
    checks = every_check(CONTRACTS)
    suites = expectations.suites(checks)
    assert set(suites) == set(CONTRACTS)
    assert all(isinstance(suite, expectations.gx.ExpectationSuite) for suite in suites.values())
    inside = [expectation for suite in suites.values() for expectation in suite.expectations]
    assert all(isinstance(each, expectations.gx.expectations.Expectation) for each in inside)
    assert [(each.meta["check"], each.severity) for each in inside] == sorted(
        ((check.name, check.severity) for check in checks), key=lambda told: list(suites).index(told[0].split(".")[0])
    )
    assert len({check.name for check in checks}) == len(checks)


def test_great_expectations_decides_and_a_count_that_differs_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = duckdb.connect()
    _read(connection, tmp_path, BROKEN)
    before_parting = [check for check in every_check(CONTRACTS) if not check.models]
    decided = expectations.validate(connection, before_parting)
    assert decided["pension_renewal.known_town.town"] == 2
    monkeypatch.setattr(
        expectations, "validate", lambda _connection, checks: dict.fromkeys((c.name for c in checks), 0)
    )
    assert quality.run_checks(connection, CONTRACTS).critical_failures == 0
    decided["pension_renewal.known_town.town"] = 3
    monkeypatch.setattr(expectations, "validate", lambda _connection, _checks: decided)
    with pytest.raises(KaoheError, match="3 rows break it, but 2") as broken_off:
        quality.run_checks(connection, CONTRACTS)
    assert broken_off.value.code == Exit.INTEGRITY


def test_a_lost_row_ends_the_run(tmp_path: Path) -> None:
    gate = _gate(tmp_path, CLEAN)
    gate.connection.execute("DELETE FROM typed_information_accuracy WHERE town_id = 'T1'")
    with pytest.raises(KaoheError, match="3 read, 1 accepted, 0 quarantined, 1 ignored") as lost:
        quality.quarantine(gate.connection, CONTRACTS)
    assert lost.value.code == Exit.INTEGRITY


@pytest.mark.long
def test_checking_writes_no_file_prints_nothing_and_leaves_the_warehouse_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    warehouse = tmp_path / "warehouse.duckdb"
    connection = duckdb.connect(str(warehouse))
    _read(connection, tmp_path / "raw", CLEAN)
    quality.run_checks(connection, CONTRACTS)
    connection.close()
    assert not list(here.iterdir())
    assert capfd.readouterr() == ("", "")
    # DuckDB refuses another configuration while the file is open anywhere in the process.
    duckdb.connect(str(warehouse), read_only=True).close()


def _breaking_rows(check_name: str, source: str, rows: list[dict[str, Any]]) -> list[int]:
    """The rows of hand-made tables that a check finds; total rows have a ``row_kind``."""
    connection = duckdb.connect()
    contract = CONTRACTS[source]
    names = [field.name for field in contract.fields]
    texts = ", ".join(f'"{name}" VARCHAR' for name in names)
    keys = "source_file VARCHAR, source_sheet VARCHAR, source_row BIGINT, row_kind VARCHAR"
    connection.execute(f"CREATE TABLE raw_{source} ({keys}, {texts})")
    for number, row in enumerate(rows, start=1):
        cells = [row.get(name) for name in names]
        marks = ", ".join("?" * (len(cells) + 4))
        connection.execute(
            f"INSERT INTO raw_{source} VALUES ({marks})", ["f.csv", "", number, row.get("row_kind", "data"), *cells]
        )
    typed = ", ".join(f'{typed_expression(field)} AS "{field.name}"' for field in contract.fields)
    unread = " + ".join(
        f"CASE WHEN {is_unparsed(field)} THEN {unread_bit(contract, field)} ELSE 0 END" for field in contract.fields
    )
    connection.execute(
        f"CREATE TABLE typed_{source} AS "
        f"SELECT source_file, source_sheet, source_row, row_kind, {typed}, {unread} AS unread FROM raw_{source}"
    )
    check = next(check for check in every_check(CONTRACTS) if check.name == check_name)
    return sorted(row[0] for row in connection.execute(f"SELECT source_row FROM ({check.query})").fetchall())


@pytest.mark.parametrize(
    ("stated", "renewed", "due", "agrees"),
    [
        ("98.3%", "118", "120", True),  # 98.333…
        ("98.33", "118", "120", True),
        ("98.4%", "118", "120", False),
        ("98%", "118", "120", True),
        ("97%", "118", "120", False),
        ("12.5%", "1", "8", True),
        ("12%", "1", "8", True),  # half a unit off, either way
        ("13%", "1", "8", True),
        ("12.4%", "1", "8", False),
        ("0.983333333333333", "118", "120", True),  # a workbook's percentage
        ("0.983333333333333%", "118", "120", False),
        ("1", "120", "120", True),
        ("1", "85", "100", False),
        ("0.9", "904", "1000", True),
        ("0.9", "95", "100", False),
        ("100%", "0", "0", True),  # nothing to divide by: nothing to compare
        ("—", "1", "2", True),
        ("50%", "", "2", True),
        ("50%", "4611686018427387904", "9223372036854775807", True),
        ("999999999999%", "1", "9223372036854775807", False),  # beyond what can be multiplied
    ],
)
def test_a_stated_rate_agrees_to_half_a_unit_of_its_last_digit(
    stated: str, renewed: str, due: str, agrees: bool
) -> None:
    row = {"year": "2013", "town": "云溪镇", "due": due, "renewed": renewed, "stated_rate": stated}
    found = _breaking_rows("pension_renewal.stated_rate.stated_rate", "pension_renewal", [row])
    assert found == ([] if agrees else [1])


@pytest.mark.parametrize(
    ("figures", "wrong"),
    [
        (["1", "2", "total 3"], []),
        (["1", "2", "total 4"], [3]),
        (["1", "2", "total "], []),
        (["1", "—", "total 1"], []),
        (["1", "1,5", "total 9"], []),  # a cell nobody can read: told as such, and not twice
        (["1", "2", "subtotal 3", "4", "subtotal 4", "total 7"], []),
        (["1", "2", "subtotal 3", "4", "subtotal 7", "total 7"], [5]),
        (["1", "subtotal 1", "x", "subtotal 9", "total 9"], []),
        (["1", "subtotal 2", "x", "subtotal 9", "total 9"], [2]),
        (["total 3", "1", "2"], []),
        (["1", "2", "total 3", "4", "total 4"], []),  # a total under each block of the sheet
        (["1", "2", "total 3", "4", "total 7"], []),  # or a running one
        (["1", "2", "total 3", "4", "total 5"], [5]),
        (["total 5"], [1]),  # every row it covers was taken for something else
    ],
)
def test_totals_and_subtotals_are_the_sums_of_the_rows_they_cover(figures: list[str], wrong: list[int]) -> None:
    rows = []
    for figure in figures:
        kind, _, number = figure.rpartition(" ")
        rows.append({"row_kind": kind or "data", "due": number, "town": "云溪镇"})
    assert _breaking_rows("pension_renewal.total_agrees.due", "pension_renewal", rows) == wrong
