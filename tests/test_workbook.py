"""The workbook: recalculated in LibreOffice it gives every figure of the marts, and a changed input is followed."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from drawn_worlds import Recipe
from pipelines import rubric, transform
from pipelines import run as flow
from pipelines.analysis.marts import Marts, open_marts
from pipelines.publish import publication
from pipelines.report.workbook import write_workbooks
from second_opinion import DEFAULTS
from worlds import EDITION, insert, laid_out

SOFFICE = shutil.which("soffice")
calculates = pytest.mark.skipif(
    SOFFICE is None, reason="LibreOffice (soffice) is not installed: nothing here can recalculate a workbook"
)

#: What LibreOffice writes beside the cells, and openpyxl leaves out when it reads them back.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")

PENDING, REACHED, NOT_REACHED = "待定", "达到", "未达到"
HOSTILE = (
    "=1+1",
    "+1+1",
    "-2+3",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    '=HYPERLINK("http://example.invalid","x")',
    "#REF!",
    "a'b[1]:*?/\\c",
    "乙 & <b>丙</b>",
    "很长的名字" * 12,
    "很长的名字" * 12,
    "*",
    "",
)


# ----------------------------------------------------------------------------------------------------------------------
# Publications to make workbooks of


def publish_world(folder: Path, recipe: Recipe, options: Mapping[str, str], names: Sequence[str] = ()) -> Path:
    """Score a drawn world under ``options`` and publish it; the folder of its marts. Some of it is in quarantine."""
    world = recipe.world()
    connection = laid_out(world)
    held = [
        {"source": source, "year": year, "town_id": world.towns_of(year)[at], "item": item}
        for year in world.years
        for at, (source, item) in enumerate(
            (("assessor_scores", "1.4.B"), ("adjustments", "5.2"), ("adjustments", "1.4.B"))
        )
    ]
    insert(connection, "withheld", held)
    connection.execute("UPDATE town_year SET kind = '镇', district = '某区'")
    for number, name in enumerate(names):
        town = sorted(world.towns_of(world.years[0]))[number]
        connection.execute(
            "UPDATE town_year SET town_name = ?, kind = ?, district = ? WHERE town_id = ?", [name] * 3 + [town]
        )
    edition = rubric.load_edition(EDITION)
    rubric.load_into(connection, edition, [rubric.scenario(edition, options=options)])
    # Nothing was received here, so there is nothing to tell of deliveries and checks.
    models = [model for model in transform.load_models().values() if not any("gate_" in need for need in model.needs)]
    transform.run_models(connection, models)
    manifest = {"run_id": "0123456789abcdef", "version": "0", "edition": "2013", "interpretations": dict(options),
                "is_synthetic": True, "inputs": {}}  # fmt: skip
    publication.publish(connection, folder, [model for model in models if model.layer == "marts"], manifest)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A small world whose towns have hostile names: its marts and workbooks."""
    folder = tmp_path_factory.mktemp("small")
    marts = publish_world(folder / "marts", Recipe(7, 2, (), 0.3, 2 * len(HOSTILE) + 2), DEFAULTS, HOSTILE)
    return marts, write_workbooks(marts, folder / "books")


@pytest.fixture(scope="module")
def committed(
    committed_run: tuple[flow.Settings, flow.Outcome], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Path]]:
    """The committed deliveries: their marts and workbooks."""
    marts = committed_run[0].marts
    return marts, write_workbooks(marts, tmp_path_factory.mktemp("committed_books"))


# ----------------------------------------------------------------------------------------------------------------------
# Reading a workbook


def recalculated(paths: Sequence[Path], folder: Path) -> list[Any]:
    """What LibreOffice makes of each workbook out of its inputs alone: every stored result is taken out first."""
    stripped, output, profile = (folder / name for name in ("stripped", "recalculated", "profile"))
    stripped.mkdir()
    for path in paths:
        with zipfile.ZipFile(path) as given, zipfile.ZipFile(stripped / path.name, "w") as bare:
            for name in given.namelist():
                bare.writestr(name, re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", given.read(name)))
    subprocess.run(
        [str(SOFFICE), f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", "xlsx",
         "--outdir", str(output), *(str(stripped / path.name) for path in paths)],
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    return [read(output / path.name) for path in paths]


def read(path: Path) -> Any:
    """The results of a workbook."""
    return openpyxl.load_workbook(path, data_only=True)


def exact(value: Any) -> Any:
    """A number as the decimal it is written as, a text as it is."""
    return Decimal(repr(value)) if isinstance(value, int | float) else value


def cards_of(book: Any) -> dict[int, Any]:
    """The 评分表 by the number of their town."""
    return {sheet["I2"].value: sheet for sheet in book.worksheets if sheet["A4"].value == "序号"}


def labelled_row(sheet: Any, word: str) -> int:
    """The row whose 项目 begins with ``word``."""
    return next(row for row in range(5, sheet.max_row + 1) if str(sheet.cell(row, 2).value or "").startswith(word))


def differences(book: Any, marts: Marts, year: int) -> list[str]:
    """Every figure of a calculated workbook that is not the one in the marts."""
    found: list[str] = []

    def compare(place: str, got: Any, wanted: Any) -> None:
        if exact(got) != (PENDING if wanted is None else wanted):
            found.append(f"{place}: {got!r}, marts have {wanted!r}")

    towns = marts.rows("SELECT * FROM town_score WHERE year = ? ORDER BY town_code, town_id", [year])
    items = marts.rows("SELECT * FROM item_score WHERE year = ?", [year])
    areas = {
        (row["town_id"], row["area"]): row for row in marts.rows("SELECT * FROM area_score WHERE year = ?", [year])
    }
    order = [item.item for item in rubric.load_edition(EDITION).items]
    scores = {(row["town_id"], row["item"]): row for row in items}
    cards, summary = cards_of(book), book["汇总表"]
    assert sorted(cards) == list(range(1, len(towns) + 1))
    heads = {cell.value: cell.column for cell in summary[5] if cell.value} | {
        str(cell.value).partition("\n")[0]: cell.column for cell in summary[4] if cell.value
    }
    sums = [cell.column for cell in summary[5] if cell.value == "小计"]
    for number, town in enumerate(towns, start=1):
        card, name = cards[number], f"{year} {town['town_id']}"
        listed = {
            card.cell(row, 1).value: row
            for row in range(5, card.max_row + 1)
            if isinstance(card.cell(row, 1).value, int)
        }
        assert sorted(listed) == list(range(1, len(order) + 1))
        open_bonus = False
        for position, item in enumerate(order, start=1):
            score, row = scores[town["town_id"], item], listed[position]
            place, points = f"{name} {item}", score["points"]
            got = [card.cell(row, 6).value, summary.cell(7 + number, heads[item]).value]
            if score["kind"] == "condition":
                wanted = {None: None, True: REACHED, False: NOT_REACHED}[score["is_met"]]
                for value in got:
                    compare(place, value, wanted)
                continue
            open_bonus |= score["kind"] == "bonus" and points is None
            for value in got:
                compare(place, value, points)
            compare(f"{place} low", card.cell(row, 9).value, score["points_low"])
            compare(f"{place} high", card.cell(row, 10).value, score["points_high"])
            if score["kind"] == "scored":
                compare(f"{place} standard", card.cell(row, 3).value, score["available"])
                # Nothing is deducted yet from what is pending: the cell is blank.
                lost = PENDING if points is None else score["available"] - points
                compare(
                    f"{place} lost",
                    card.cell(row, 5).value or PENDING if points is None else card.cell(row, 5).value,
                    lost,
                )
            status = {"scored": "计分", "judged": "评分", "missing": "暂缺", "not_applicable": "不适用"}[
                score["status"]
            ]
            compare(f"{place} status", card.cell(row, 8).value, status)
        subtotals = [row for row in range(5, card.max_row + 1) if str(card.cell(row, 2).value or "").startswith("小计")]
        for area, row, column in zip(sorted({row["area"] for row in items}), subtotals, sums, strict=True):
            wanted = areas[town["town_id"], area]
            compare(f"{name} area {area}", card.cell(row, 6).value, wanted["points"])
            compare(f"{name} area {area} in 汇总表", summary.cell(7 + number, column).value, wanted["points"])
            compare(f"{name} area {area} low", card.cell(row, 9).value, wanted["points_low"])
            compare(f"{name} area {area} high", card.cell(row, 10).value, wanted["points_high"])
        bonus = None if open_bonus else town["bonus"]
        results = {
            "合计": town["points"],
            "加分": bonus,
            "总分": town["total"],
            "等次": town["grade"],
            "名次": town["rank"],
        }
        for word, wanted in results.items():
            compare(f"{name} {word}", card.cell(labelled_row(card, word), 6).value, wanted)
            compare(f"{name} {word} in 汇总表", summary.cell(7 + number, heads[word]).value, wanted)
        for end, column in (("low", 9), ("high", 10)):
            compare(f"{name} total {end}", card.cell(labelled_row(card, "总分"), column).value, town[f"total_{end}"])
            compare(f"{name} grade {end}", card.cell(labelled_row(card, "等次"), column).value, town[f"grade_{end}"])
        compare(f"{name} missing", summary.cell(7 + number, heads["暂缺"]).value, town["missing_items"])
    ranked = sorted(enumerate(towns), key=lambda each: (each[1]["rank"] is None, each[1]["rank"] or 0, each[0]))
    for row, (_, town) in enumerate(ranked, start=5):
        sheet = book["排名"]
        for column, wanted in ((1, town["rank"]), (5, town["total"]), (6, town["grade"]), (7, town["total_low"])):
            compare(f"{year} ranking {row}", sheet.cell(row, column).value, wanted)
    by_id = {town["town_id"]: town for town in towns}
    changes = marts.rows("SELECT * FROM year_over_year WHERE year = ?", [year])
    changes.sort(key=lambda change: (by_id[change["town_id"]]["town_code"], change["town_id"]))
    for row, change in enumerate(changes, start=5):
        got = [book["同比"].cell(row, column).value for column in range(3, 11)]
        names = ("previous_total", "total", "change", "previous_grade", "grade", "previous_rank", "rank")
        climbed = (
            None if None in (change["previous_rank"], change["rank"]) else change["previous_rank"] - change["rank"]
        )
        for name, value, wanted in zip(
            (*names, "places"), got, (*(change[name] for name in names), climbed), strict=True
        ):
            # A difference to a pending figure is a blank cell.
            is_blank = name in ("change", "places") and wanted is None and not value
            compare(f"{year} {name} {change['town_id']}", PENDING if is_blank else value, wanted)
    assert book["同比"].max_row == max(4, 4 + len(changes))
    return found


def errors_in(book: Any) -> list[str]:
    """Cells that hold an error."""
    return [
        f"{sheet.title}!{cell.coordinate} {cell.value}"
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "e"
    ]


def years_of(paths: Sequence[Path]) -> list[int]:
    return [int(path.name[:4]) for path in paths]


# ----------------------------------------------------------------------------------------------------------------------
# Figures


def test_stored_results_are_those_of_the_marts(small: tuple[Path, list[Path]]) -> None:
    marts, paths = small
    opened = open_marts(marts)
    assert years_of(paths) == opened.years
    for year, path in zip(opened.years, paths, strict=True):
        assert differences(read(path), opened, year) == []


@pytest.mark.long
@calculates
def test_recalculated_figures_are_those_of_the_marts(small: tuple[Path, list[Path]], tmp_path: Path) -> None:
    """Names that look like formulas or errors included."""
    marts, paths = small
    for year, book in zip(years_of(paths), recalculated(paths, tmp_path), strict=True):
        assert errors_in(book) == []
        assert differences(book, open_marts(marts), year) == []
        towns = open_marts(marts).rows("SELECT town_name FROM town_score WHERE year = ?", [year])
        hostile = {town["town_name"] for town in towns} & {
            "=1+1",
            "+1+1",
            "-2+3",
            "@SUM(1,1)",
            "#REF!",
            "乙 & <b>丙</b>",
        }
        assert hostile
        for sheet, first in (("汇总表", 8), ("排名", 5)):
            assert hostile <= {book[sheet].cell(row, 2).value for row in range(first, book[sheet].max_row + 1)}


@calculates
@pytest.mark.long
def test_recalculated_figures_of_the_committed_deliveries(committed: tuple[Path, list[Path]], tmp_path: Path) -> None:
    marts, paths = committed
    for path, book in zip(paths, recalculated(paths, tmp_path), strict=True):
        assert errors_in(book) == []
        assert differences(book, open_marts(marts), int(path.name[:4])) == []
        assert differences(read(path), open_marts(marts), int(path.name[:4])) == []
        formulas, stored = openpyxl.load_workbook(path), read(path)
        for sheet in formulas.worksheets:
            for row in sheet.iter_rows():
                for cell in row:
                    if cell.data_type == "f":
                        got, kept = (each[sheet.title][cell.coordinate].value for each in (book, stored))
                        assert (got or "") == pytest.approx(kept or "", abs=1e-4), f"{sheet.title} {cell.coordinate}"


READINGS = (
    {"per_point": "pro_rata", "online_filing": "tiers", "headline": "no_excellence", "recovery_none": "full",
     "bonus_cap": "uncapped", "grade_gap": "half_up"},
    {"per_point": "started", "count_short": "all_or_nothing", "bonus_cap": "excluded", "headline": "no_excellence"},
    {"grade_gap": "half_up"},
)  # fmt: skip


@calculates
@pytest.mark.long
@pytest.mark.parametrize("number", range(len(READINGS)))
def test_recalculated_figures_under_other_readings(number: int, tmp_path: Path) -> None:
    recipe = Recipe(100 + number, 2, (("activities", 0), ("adjustments", 1)), 0.4, 60)
    marts = publish_world(tmp_path / "marts", recipe, DEFAULTS | READINGS[number])
    paths = write_workbooks(marts, tmp_path / "books")
    for year, book in zip(years_of(paths), recalculated(paths, tmp_path), strict=True):
        assert errors_in(book) == []
        assert differences(book, open_marts(marts), year) == []


# ----------------------------------------------------------------------------------------------------------------------
# What follows a change


def data_row(sheet: Any, town: int, term: str) -> int:
    return next(
        row for row in range(5, sheet.max_row + 1)
        if sheet.cell(row, 1).value == town and sheet.cell(row, 6).value == term
    )  # fmt: skip


def column_of(sheet: Any, head: int, word: str) -> int:
    return next(cell.column for cell in sheet[head] if str(cell.value or "").partition("\n")[0] == word)


@calculates
@pytest.mark.long
def test_a_changed_input_is_followed(committed: tuple[Path, list[Path]], tmp_path: Path) -> None:
    marts, paths = committed
    opened = open_marts(marts)
    before = read(paths[0])
    book = openpyxl.load_workbook(paths[0])
    data, rules = book["数据"], book["规则"]
    columns = {
        word: column_of(data, 4, word) for word in ("分子", "分母", "更正得分", "评分人数", "差步数", "扣分", "状态")
    }
    changes: tuple[tuple[int, str, dict[str, Any]], ...] = (
        (1, "3.2.3.1", {"分子": 58, "分母": 100}),
        (2, "1.1.1", {"更正得分": 1.25}),
        (3, "1.2.1", {"评分人数": None}),
    )
    for town, term, cells in changes:
        for word, value in cells.items():
            data.cell(data_row(data, town, term), columns[word]).value = value
    head = next(
        row for row in range(1, 30) if rules.cell(row, 1).value and str(rules.cell(row, 1).value).startswith("条款")
    )
    training = next(row for row in range(head, rules.max_row + 1) if rules.cell(row, 2).value == "1.4.3.1")
    rules.cell(training, column_of(rules, head, "目标")).value = 1000
    changed = tmp_path / "changed.xlsx"
    book.save(changed)
    (after,) = recalculated([changed], tmp_path)
    assert errors_in(after) == []
    assert after["数据"].cell(data_row(data, 1, "3.2.3.1"), columns["差步数"]).value == 42
    assert after["数据"].cell(data_row(data, 1, "3.2.3.1"), columns["扣分"]).value == 42
    order = [item.item for item in rubric.load_edition(EDITION).items]
    scores = {
        (row["town_id"], row["item"]): row["points"]
        for row in opened.rows("SELECT * FROM item_score WHERE year = 2013")
    }
    towns = opened.rows("SELECT * FROM town_score WHERE year = 2013 ORDER BY town_code, town_id")
    cards, cards_before = cards_of(after), cards_of(before)

    def points_of(town: int, item: str) -> Any:
        position = order.index(item) + 1
        row = next(row for row in range(5, 100) if cards[town].cell(row, 1).value == position)
        return exact(cards[town].cell(row, 6).value)

    assert points_of(1, "3.2.3") == 0
    assert points_of(2, "1.1") == Decimal("1.25")
    assert points_of(3, "1.2") == PENDING
    totals = {}
    for number, town in enumerate(towns, start=1):
        assert points_of(number, "1.4.3") == 0
        lost = scores[town["town_id"], "1.4.3"]
        lost += {1: scores[town["town_id"], "3.2.3"], 2: scores[town["town_id"], "1.1"] - Decimal("1.25")}.get(
            number, 0
        )
        total = exact(cards[number].cell(labelled_row(cards[number], "总分"), 6).value)
        if number == 3:
            assert total == PENDING
            assert cards[number].cell(labelled_row(cards[number], "名次"), 6).value == PENDING
        elif town["bonus"] == 0:
            assert total == town["total"] - lost
        totals[number] = total
    numbers = {number: total for number, total in totals.items() if total != PENDING}
    for number, total in numbers.items():
        rank = cards[number].cell(labelled_row(cards[number], "名次"), 6).value
        assert rank == 1 + sum(other > total for other in numbers.values())
        grade = cards[number].cell(labelled_row(cards[number], "等次"), 6).value
        wanted = "优胜" if total >= 95 else "合格" if total >= 85 else "不合格" if total <= 75 else "基本合格"
        assert grade == wanted
    assert cards_before[1].cell(labelled_row(cards_before[1], "总分"), 6).value != totals[1]


# ----------------------------------------------------------------------------------------------------------------------
# Form


@pytest.mark.long
def test_text_from_data_is_inert(small: tuple[Path, list[Path]]) -> None:
    for path in small[1]:
        for sheet in openpyxl.load_workbook(path).worksheets:
            for row in sheet.iter_rows():
                for cell in row:
                    if cell.data_type == "f":
                        assert re.match(r"=[A-Z('规数汇0-9\-]", str(cell.value)), cell.value
                        assert "HYPERLINK(" not in str(cell.value)
                    elif isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
                        assert cell.data_type == "s"
                        assert cell.style and cell._style.quotePrefix == 1, cell.coordinate
        assert errors_in(openpyxl.load_workbook(path)) == []
    book = read(small[1][0])
    names = {book["汇总表"].cell(row, 2).value for row in range(8, book["汇总表"].max_row + 1)}
    assert {"=1+1", "@SUM(1,1)", "#REF!", "乙 & <b>丙</b>"} <= names


@pytest.mark.long
def test_same_marts_same_bytes(small: tuple[Path, list[Path]], tmp_path: Path) -> None:
    marts, paths = small
    again = write_workbooks(marts, tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
    assert write_workbooks(marts / "current", tmp_path / "folder")[0].read_bytes() == paths[0].read_bytes()


def test_form_of_the_sheets(small: tuple[Path, list[Path]]) -> None:
    marts, paths = small
    run_id = open_marts(marts).manifest["run_id"]
    book = openpyxl.load_workbook(paths[1])
    assert book.sheetnames[:4] == ["README", "汇总表", "排名", "同比"]
    assert book.sheetnames[-2:] == ["规则", "数据"]
    assert book.calculation.fullCalcOnLoad
    for sheet in book.worksheets:
        assert (sheet.page_setup.paperSize, sheet.sheet_properties.pageSetUpPr.fitToPage) == (9, True)
        assert run_id in sheet.oddFooter.left.text
        assert "&P" in sheet.oddFooter.center.text
        assert "合成数据" in sheet.oddHeader.right.text
        if sheet.title != "README":
            assert sheet.print_title_rows
            assert sheet.auto_filter.ref
            assert sheet.freeze_panes or sheet.title == "规则"
            assert sheet.conditional_formatting or sheet.title == "规则"
            assert any("合成数据" in str(cell.value) for cell in sheet["A"][:3])
    card = book[book.sheetnames[4]]
    assert [card.cell(4, column).value for column in range(1, 7)] == [
        "序号", "项目", "标准分", "考核内容及计分方法", "扣分", "得分",
    ]  # fmt: skip
    for row in range(5, labelled_row(card, "名次") + 1):
        for column in (3, 5, 6):
            value = card.cell(row, column).value
            assert not (isinstance(value, str) and re.fullmatch(r"[0-9.]+", value)), "a number written as text"
    numbers = [card.cell(row, 6) for row in range(5, labelled_row(card, "名次") + 1) if card.cell(row, 2).value]
    assert all(cell.data_type == "f" for cell in numbers)
    readme = "\n".join(str(cell.value) for row in book["README"].iter_rows() for cell in row if cell.value)
    files = open_marts(marts).manifest["files"]
    assert run_id in readme
    assert "嘉社〔2013〕6号" in readme
    assert all(entry["sha256"] in readme for name, entry in files.items() if name.endswith(".parquet"))
    assert all(f"{key} = " in readme for key in DEFAULTS)
