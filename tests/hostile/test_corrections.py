"""A declared correction mends a figure in the open, and fails as soon as it no longer fits what was received."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from files import workbook
from office import YEAR, Office

from pipelines.analysis.explanation import explain, in_words
from pipelines.analysis.marts import open_marts
from pipelines.contracts import load_contracts
from pipelines.errors import Exit, KaoheError
from pipelines.ingest import ingest
from pipelines.report.site import write_site

pytestmark = pytest.mark.group("7 re-submission")

OVERPAID = f"{YEAR}/overpayment_recovery.csv"
WHO = "reason: 抄写颠倒，见原始凭证, who: 甲, on: 2014-02-03"


def correcting(office: Office, *entries: str) -> Office:
    """The bureau with these corrections declared."""
    path = office.raw.parent / "corrections.yml"
    path.write_text("# 更正\n" + "".join(f"- {{{entry}}}\n" for entry in entries), encoding="utf-8")
    return Office(replace(office.settings, corrections=path))


def towns(office: Office) -> list[tuple[str, str]]:
    rows = open_marts(office.settings.marts).rows("SELECT town_id, town_name FROM town_score ORDER BY town_id")
    return [(row["town_id"], row["town_name"]) for row in rows]


def recovery(office: Office, figures: list[tuple[str, str, str]]) -> None:
    lines = ["镇街,冒领金额,追回金额", *(",".join(each) for each in figures)]
    office.receive(OVERPAID, "".join(f"{line}\n" for line in lines))


def rows(office: Office, query: str, *parameters: Any) -> list[dict[str, Any]]:
    return open_marts(office.settings.marts).rows(query, list(parameters))


@pytest.mark.long
def test_a_correction_moves_the_score_and_shows_wherever_the_score_is_explained(office: Office, tmp_path: Path) -> None:
    (first, name), (_, second), (_, third) = towns(office)
    recovery(office, [(name, "200", "110"), (second, "200", "200"), (third, "007", "7")])
    assert office.run().code == Exit.DONE
    term = "FROM term_score WHERE town_id = ? AND indicator = 'recovery_rate'"
    before = rows(office, term, first)[0]
    assert before["numerator"] == 110 and before["loss"] > 0 and before["correction"] is None
    corrected = correcting(
        office,
        f"source: overpayment_recovery, year: {YEAR}, match: {{镇街: {name}人民政府}}, column: 追回金额, "
        f"expect: 110, replace: 200, {WHO}",
        f"file: {OVERPAID}, cell: line 4, column: overpaid_yuan, expect: 007, replace: 7.00, {WHO}",
    )
    raw = office.file(OVERPAID).read_bytes()
    assert corrected.run().code == Exit.DONE
    assert office.file(OVERPAID).read_bytes() == raw
    after = rows(office, term, first)[0]
    assert after["numerator"] == 200 and after["loss"] == 0
    told = "追回金额 110 → 200（抄写颠倒，见原始凭证，甲 2014-02-03）"
    assert after["correction"] == told
    assert after["explanation_zh"].endswith(f"；数据已更正：{told}")
    item = rows(office, "FROM item_score WHERE town_id = ? AND item = ?", first, after["item"])[0]
    assert told in item["explanation_zh"] and f"figure corrected: {told}" in item["explanation_en"]
    words = in_words(explain(open_marts(office.settings.marts), first, YEAR), "zh", whole=False)
    assert told in words, "an item that lost nothing is still told where a correction touched it"
    write_site(office.settings.marts, tmp_path / "site", lambda _: None)
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html")]
    assert any("追回金额 110 → 200" in page for page in pages)
    # No other term says so: the figures behind it are not those corrected.
    touched = rows(office, "SELECT DISTINCT town_id, indicator FROM term_score WHERE correction IS NOT NULL")
    assert {(row["town_id"], row["indicator"]) for row in touched} == {
        (first, "recovery_rate"), (towns(office)[2][0], "recovery_rate"),
    }  # fmt: skip
    listed = rows(office, "FROM correction ORDER BY entry")
    assert [
        (row["entry"], row["cell"], row["header"], row["received"], row["corrected"], row["town_id"], row["indicators"])
        for row in listed
    ] == [
        (2, "line 2", "追回金额", "110", "200", first, "recovery_rate"),
        (3, "line 4", "冒领金额", "007", "7.00", towns(office)[2][0], "recovery_rate"),
    ]


def test_a_correction_that_does_not_fit_is_told_with_its_line_in_one_pass(office: Office) -> None:
    (_, name), (_, second), (_, third) = towns(office)
    recovery(office, [(name, "200", "200"), (second, "200", "200"), (third, "7", "7")])
    row = f"source: overpayment_recovery, year: {YEAR}"
    rest = f"column: 追回金额, expect: 110, replace: 200, {WHO}"
    told = correcting(
        office,
        f"{row}, match: {{镇街: {name}}}, {rest}",
        f"{row}, match: {{镇街: 云水镇}}, {rest}",
        f"{row}, match: {{冒领金额: 200}}, {rest}",
        f"source: overpayment_recovery, year: {YEAR - 1}, match: {{镇街: {name}}}, {rest}",
        f"{row}, match: {{镇街: {name}}}, column: 没有的列, expect: 1, replace: 2, {WHO}",
        f"file: 2013/没有.csv, cell: line 2, {rest}",
        f"file: {OVERPAID}, cell: line 4, column: 追回金额, expect: 7, replace: 8, {WHO}",
        f"file: {OVERPAID}, cell: line 4, column: 追回金额, expect: 7, replace: 9, {WHO}",
        f"file: {OVERPAID}, cell: line 3, column: 追回金额, expect: 201, replace: 9, {WHO}",
        "file: x, expect: 1, replace: 2, reason: 甲, who: 甲, on: 昨天",
    ).run()
    assert told.code == Exit.REJECTED
    assert all(problem.file == "corrections.yml" for problem in told.problems)
    assert sorted((int(problem.cell.split()[1]), problem.rule, problem.value) for problem in told.problems) == [
        (2, "correction_expects", "200"),
        (3, "correction_matches", ""),
        (4, "correction_matches", ""),
        (5, "correction_matches", ""),
        (6, "correction_matches", ""),
        (7, "correction_matches", ""),
        (9, "correction_unique", ""),
        (10, "correction_expects", "200"),
        (11, "correction_form", ""),
    ]
    # The file was mended since: the entry is asked to go.
    assert "请删去此条" in next(each.message_zh for each in told.problems if each.cell == "line 2")
    assert "line 2" in next(each.message_en for each in told.problems if each.cell == "line 4")


@pytest.mark.long
def test_what_no_list_of_corrections_is_is_refused_and_an_empty_one_is_none(office: Office) -> None:
    corrected = correcting(office)
    assert corrected.run().code == Exit.DONE
    assert corrected.settings.corrections
    for text in ("source: x\n", "- [unclosed\n"):
        corrected.settings.corrections.write_text(text, encoding="utf-8")
        told = corrected.run()
        assert told.code == Exit.REJECTED and [problem.file for problem in told.problems] == ["corrections.yml"]


def applied(office: Office, *entries: str) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
    """The cells that entries correct, and the line and English words of what is told of the others."""
    declared = correcting(office, *entries).settings.corrections
    with duckdb.connect() as connection:
        try:
            ingest(connection, office.raw, load_contracts(), lambda _: None, declared=declared)
        except KaoheError as error:
            return [], [(problem.cell, problem.message_en) for problem in error.problems]
        return connection.execute(
            "SELECT source_file, source_sheet, cell, header, received, corrected, town_id FROM applied_correction"
        ).fetchall(), []


def test_a_cell_of_a_workbook_is_named_as_excel_names_it(office: Office) -> None:
    (first, name), *_ = towns(office)
    sheet = [["冒领追回情况"], ["镇街", "冒领金额", "追回金额"], [name, 200, 110]]
    workbooks = workbook({"一": sheet, "填表说明": [["说明", "如实填写"]]})
    office.receive(f"{YEAR}/overpayment_recovery.xlsx", workbooks)
    file = f"file: {YEAR}/overpayment_recovery.xlsx"
    rest = f"expect: 110, replace: 200, {WHO}"
    for cell in ("cell: C3", "cell: C3, sheet: 一", "cell: row 3, column: 追回金额"):
        assert applied(office, f"{file}, {cell}, {rest}") == (
            [(f"{YEAR}/overpayment_recovery.xlsx", "一", "C3", "追回金额", "110", "200", first)],
            [],
        ), cell
    for cell in ("cell: D3", "cell: C9", "cell: C3, sheet: 二", "cell: 第三行", "cell: C2"):
        found, told = applied(office, f"{file}, {cell}, {rest}")
        assert not found and told, cell


def test_a_cell_of_the_register_is_corrected_like_any_other(office: Office) -> None:
    (_, name), *_ = towns(office)
    entry = f"source: towns, match: {{名称: {name}}}, column: 启用年度, expect: '', replace: 2010, {WHO}"
    ((file, _, cell, header, *texts, town_id),), told = applied(office, entry)
    assert (file, cell, header, texts, town_id, told) == ("towns.csv", "line 3", "启用年度", [None, "2010"], None, [])


def test_an_entry_names_one_cell_and_says_why_and_by_whom(office: Office) -> None:
    row, rest = f"source: staffing, year: {YEAR}, match: {{镇街: 甲}}, column: 专职人员", "expect: 1, replace: 2"
    found, told = applied(
        office,
        f"{row}, file: {YEAR}/staffing.csv, cell: line 2, {rest}, {WHO}",
        f"{row}, {rest}, reason: ' ', who: 甲, on: 2014-02-03",
        f"source: staffing, year: {YEAR}, match: {{没有的列: 甲}}, column: 专职人员, {rest}, {WHO}",
        f"source: nothing, year: {YEAR}, match: {{镇街: 甲}}, column: 专职人员, {rest}, {WHO}",
    )
    assert not found
    assert sorted(told) == [
        ("line 2", "file and cell, or source, year, match and column"),
        ("line 3", "reason and who"),
        ("line 4", "no such column or cell: 没有的列"),
        ("line 5", "no such file or source"),
    ]
