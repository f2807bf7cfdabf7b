"""The draft notice, opened and compared with the marts."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml.ns import qn

from pipelines import run as flow
from pipelines.analysis.marts import Marts, open_marts
from pipelines.errors import Exit, KaoheError
from pipelines.report.notice import CLAUSES, write_notice

GRADES = ["优胜", "合格", "基本合格", "不合格"]


@pytest.fixture(scope="module")
def marts(committed_run: tuple[flow.Settings, flow.Outcome]) -> Path:
    return committed_run[0].marts


@pytest.fixture(scope="module")
def notices(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("notices")
    return {year: write_notice(marts, year, folder / f"{year}.docx") for year in open_marts(marts).years}


def tables_of(document: Any) -> dict[str, list[list[str]]]:
    """Rows of every table by the heading of its last column and its first."""
    found = {}
    for table in document.tables:
        rows = [[cell.text for cell in row.cells] for row in table.rows]
        heads = [text.partition("\n")[0] for text in rows[0]]
        found["+".join((heads[0], heads[-1]))] = rows[1:]
    return found


def two(number: Decimal) -> str:
    return str(number.quantize(Decimal("0.01"), ROUND_HALF_UP))


def towns_of(opened: Marts, year: int) -> list[dict[str, Any]]:
    return opened.rows("SELECT * FROM town_score WHERE year = ? ORDER BY rank NULLS LAST, town_code", [year])


def test_figures_are_those_of_the_marts(marts: Path, notices: dict[int, Path]) -> None:
    opened = open_marts(marts)
    for year, path in notices.items():
        document = docx.Document(str(path))
        tables = tables_of(document)
        text = "\n".join(paragraph.text for paragraph in document.paragraphs)
        towns = towns_of(opened, year)
        final = [town for town in towns if town["status"] == "final"]
        provisional = [town for town in towns if town["status"] != "final"]
        counts = Counter(town["grade"] for town in final)
        rows = {row[0]: row for row in tables["等次+镇（街道）"]}
        for grade in GRADES:
            assert rows[grade][1] == str(counts[grade])
            names = [town["town_name"] for town in final if town["grade"] == grade]
            assert rows[grade][2] == ("、".join(names) or "—")
        assert ("待定" in rows) == bool(provisional)
        totals = [town["total"] for town in final]
        assert f"平均 {two(sum(totals) / len(totals))} 分，最高 {max(totals)} 分，最低 {min(totals)} 分" in text
        for town in final:
            assert (f"{town['town_name']}（{town['total']} 分）" in text) == (town["grade"] == "优胜")
        ranked = [[str(town["rank"]), town["town_name"], str(town["total"]), town["grade"]] for town in final]
        assert tables["名次+等次"] == ranked
        if provisional:
            open_ones = {row[0]: row for row in tables["镇（街道）+暂缺条款"]}
            for town in provisional:
                row = open_ones[town["town_name"]]
                assert row[1] == f"{town['total_low']}–{town['total_high']}"
                assert town["grade_low"] in row[2]
                assert len(row[3].split("、")) >= town["missing_items"]
        else:
            assert "镇（街道）+暂缺条款" not in tables
            assert "全部镇（街道）均已终评" in text
    assert {True, False} == {
        "尚有条款暂缺" in "".join(p.text for p in docx.Document(str(path)).paragraphs) for path in notices.values()
    }


def test_common_losses_are_those_of_the_marts(marts: Path, notices: dict[int, Path]) -> None:
    opened = open_marts(marts)
    for year, path in notices.items():
        items: dict[str, list[Any]] = {}
        for row in opened.rows("SELECT * FROM item_score WHERE year = ? AND kind = 'scored'", [year]):
            if row["points"] is not None:
                items.setdefault(f"{row['clause']} {row['title_zh']}", []).append(row)
        means = {
            name: sum(row["available"] - row["points"] for row in rows) / len(rows) for name, rows in items.items()
        }
        table = tables_of(docx.Document(str(path)))["条款+失分个数"]
        assert len(table) == CLAUSES
        assert [Decimal(row[2]) for row in table] == [
            Decimal(two(mean)) for mean in sorted(means.values(), reverse=True)[:CLAUSES]
        ]
        for name, available, mean, share, losing in table:
            rows = items[name]
            assert Decimal(available) == rows[0]["available"]
            assert mean == two(means[name])
            assert share == f"{(means[name] / rows[0]['available'] * 100).quantize(Decimal('0.1'), ROUND_HALF_UP)}%"
            assert losing == f"{sum(row['points'] < row['available'] for row in rows)} / {len(rows)}"


def test_form(marts: Path, notices: dict[int, Path]) -> None:
    manifest = open_marts(marts).manifest
    for year, path in notices.items():
        document = docx.Document(str(path))
        text = "\n".join(paragraph.text for paragraph in document.paragraphs)
        assert document.paragraphs[0].text == f"关于 {year} 年度社会保障业务经办管理考核结果的通报"
        assert "征求意见稿" in document.paragraphs[1].text
        assert "嘉社〔2013〕6号" in text
        assert manifest["run_id"] in text
        assert "合成数据" in text
        header = document.sections[0].header.paragraphs[0].text
        assert "征求意见稿" in header
        assert "合成数据" in header
        assert manifest["run_id"] in document.sections[0].footer.paragraphs[0].text
        runs = [run for paragraph in document.paragraphs for run in paragraph.runs if run.text.strip()]
        runs += [
            run for table in document.tables for row in table.rows for cell in row.cells
            for paragraph in cell.paragraphs for run in paragraph.runs
        ]  # fmt: skip
        assert all(run._r.rPr.rFonts.get(qn("w:eastAsia")) in ("仿宋", "黑体", "宋体") for run in runs)


def test_same_marts_same_bytes(marts: Path, notices: dict[int, Path], tmp_path: Path) -> None:
    year = min(notices)
    again = write_notice(marts, year, tmp_path)
    assert again == tmp_path / f"{year}考核通报（征求意见稿）.docx"
    assert again.read_bytes() == notices[year].read_bytes()


def test_a_year_that_is_not_published(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(KaoheError) as refused:
        write_notice(marts, 1999, tmp_path)
    assert refused.value.code == Exit.USAGE
    assert list(tmp_path.iterdir()) == []
