"""The synthetic deliveries: the same for the same seed, in the forms offices use, and with something of everything."""

from __future__ import annotations

import csv
import io
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import duckdb
import openpyxl
import pytest

import second_opinion
from pipelines import demo
from pipelines.contracts import ContractField, load_contracts
from pipelines.demo import write_demo
from pipelines.errors import Exit, KaoheError
from second_opinion import World

COMMITTED = Path(__file__).parent.parent / "data" / "raw"
YEARS = range(2013, 2018)
#: Person-level ledgers, which are optional, and the records of a review, which is people's work.
NOT_IN_A_DEMO = {"contributions", "bank_receipts", "pension_exits", "review_records"}
Row = dict[str, Any]


# ----------------------------------------------------------------------------------------------------------------------
# A reader of its own, for the forms the demo writes and no others


def grids(path: Path) -> dict[str, list[list[Any]]]:
    """The cells of each sheet ('' for CSV), merged cells filled in."""
    if path.suffix == ".csv":
        content = path.read_bytes()
        encoding = "gb18030"
        for candidate in ("utf-8-sig", "gb18030"):
            try:
                content.decode(candidate)
            except UnicodeDecodeError:
                continue
            encoding = candidate
            break
        return {"": list(csv.reader(io.StringIO(content.decode(encoding))))}
    workbook = openpyxl.load_workbook(path)
    found = {}
    for sheet in workbook:
        cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
        for area in sheet.merged_cells.ranges:
            for row, column in area.cells:
                cells[row - 1][column - 1] = cells[area.min_row - 1][area.min_col - 1]
        found[sheet.title] = cells
    return found


def value_of(cell: Any, field: ContractField) -> Any:
    if cell in (None, "", "—"):
        return None
    text = unicodedata.normalize("NFKC", str(cell)).replace(",", "").removesuffix("%")
    match field.type:
        case "integer" | "year":
            return int(text.removesuffix("月"))
        case "number":
            return Decimal(text)
        case "boolean":
            return {"有": True, "√": True, "true": True, "无": False, "×": False, "false": False}[str(cell)]
        case "date":
            if isinstance(cell, datetime):
                return cell.date()
            return date(*(int(part) for part in re.findall(r"\d+", text)))
        case _:
            return str(cell)


def rows_of(path: Path, year: int | None) -> Iterator[Row]:
    """The data rows of one file, by field; the town as it is written."""
    contract = load_contracts()[path.stem]
    fields = {header: field for field in contract.fields for header in field.headers}
    for sheet, grid in grids(path).items():
        at = next((n for n, cells in enumerate(grid) if sum(cell in fields for cell in cells) > 1), None)
        if at is None:
            continue
        header = grid[at]
        for cells in grid[at + 1 :]:
            texts = [str(cell) for cell in cells if cell]
            if texts[0].startswith(("注：", "填表人：")) or any(text.endswith(("合计", "小计")) for text in texts[:2]):
                continue
            written = {
                fields[name].name: value_of(cell, fields[name])
                for name, cell in zip(header, cells, strict=False)
                if name in fields
            }
            yield (
                ({"year": year} if year else {}) | ({"town": sheet} if year and "town" not in written else {}) | written
            )


def deliveries(folder: Path) -> dict[str, list[Row]]:
    """All rows by source, towns by their id."""
    found: dict[str, list[Row]] = {source: [] for source in load_contracts()}
    found["towns"] = list(rows_of(folder / "towns.csv", None))
    ids = {row[name]: row["town_id"] for row in found["towns"] for name in ("town_name", "aliases", "town_code")}
    for path in sorted(folder.glob("*/*")):
        for row in rows_of(path, int(path.parent.name)):
            town = row.pop("town").removesuffix("人民政府").removesuffix("办事处")
            found[path.stem].append(row | {"town_id": ids[town]})
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@cache
def committed() -> dict[str, list[Row]]:
    return deliveries(COMMITTED)


@cache
def results() -> dict[tuple[int, str], second_opinion.TownResult]:
    rows = committed()
    world = World(
        towns=[(row["town_id"], row["valid_from"], row["valid_to"]) for row in rows["towns"]],
        years=list(YEARS),
        rows={source: its_rows for source, its_rows in rows.items() if source != "towns"},
        delivered={(source, row["year"]) for source, its_rows in rows.items() for row in its_rows if "year" in row},
    )
    return second_opinion.score(world, second_opinion.DEFAULTS)


# ----------------------------------------------------------------------------------------------------------------------
# The same for the same seed


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes by default."""
    folder = tmp_path_factory.mktemp("demo") / "raw"
    write_demo(folder)
    return folder


@pytest.mark.long
def test_the_same_seed_gives_the_same_bytes(fresh: Path, tmp_path: Path) -> None:
    write_demo(tmp_path / "raw")
    assert contents(tmp_path / "raw") == contents(fresh)


@pytest.mark.long
def test_another_seed_gives_other_figures_for_the_same_city(fresh: Path, tmp_path: Path) -> None:
    write_demo(tmp_path / "raw", seed=7, years=(2013,))
    there, here = contents(tmp_path / "raw"), contents(fresh)
    figures = [name for name in there if name.startswith("2013/")]
    assert len(figures) == 16
    assert all(there[name] != here[name] for name in figures)
    assert deliveries(tmp_path / "raw")["towns"][0]["town_name"] == committed()["towns"][0]["town_name"]


def test_a_workbook_does_not_tell_when_it_was_made(fresh: Path) -> None:
    for path in fresh.rglob("*.xlsx"):
        with ZipFile(path) as archive:
            assert {part.date_time for part in archive.infolist()} == {(2013, 1, 1, 0, 0, 0)}
            assert b">2013-01-01T00:00:00Z</dcterms:modified>" in archive.read("docProps/core.xml")


def test_the_committed_deliveries_are_what_the_command_writes(fresh: Path) -> None:
    here, there = contents(COMMITTED), contents(fresh)
    assert here.keys() == there.keys()
    for name, content in here.items():
        if name.endswith(".xlsx"):  # Another machine may pack the same parts into other bytes.
            with ZipFile(io.BytesIO(content)) as ours, ZipFile(io.BytesIO(there[name])) as theirs:
                assert ours.namelist() == theirs.namelist()
                assert all(ours.read(part) == theirs.read(part) for part in ours.namelist()), name
        elif name != "README.md":
            assert content == there[name], name
    assert sum(map(len, here.values())) < 3_000_000


@pytest.mark.long
def test_styled_files_say_what_plain_ones_say(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "STYLED_TOWNS", 0)
    write_demo(tmp_path / "raw")
    plain, styled = deliveries(tmp_path / "raw"), deliveries(fresh)
    assert {source for source, rows in styled.items() if not rows} == NOT_IN_A_DEMO
    assert styled == plain


@pytest.mark.long
def test_threads_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = duckdb.connect
    for threads in (1, 2):
        monkeypatch.setattr(duckdb, "connect", lambda threads=threads: connect(config={"threads": threads}))
        write_demo(tmp_path / str(threads), years=(2013,), towns=5000)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


# ----------------------------------------------------------------------------------------------------------------------
# In the forms offices use


def test_every_file_says_that_it_is_synthetic(fresh: Path) -> None:
    for path in sorted(fresh.rglob("*")):
        if path.suffix in (".csv", ".xlsx"):
            for sheet, grid in grids(path).items():
                told = " ".join(str(cell) for cells in grid for cell in cells if cell)
                assert "合成数据" in told and "synthetic data" in told, (path, sheet)
    readme = (fresh / "README.md").read_text(encoding="utf-8")
    assert "合成数据" in readme and "synthetic" in readme and "--seed 2013" in readme


def test_encodings_and_forms_are_mixed() -> None:
    begun: Counter[str] = Counter()
    for path in COMMITTED.rglob("*.csv"):
        content = path.read_bytes()
        try:
            content.decode("utf-8")
            begun["bom" if content.startswith(b"\xef\xbb\xbf") else "utf-8"] += 1
        except UnicodeDecodeError:
            content.decode("gb18030")
            begun["gb18030"] += 1
    begun["xlsx"] = len(list(COMMITTED.rglob("*.xlsx")))
    assert all(begun[form] >= 8 for form in ("utf-8", "bom", "gb18030", "xlsx")), begun


def test_one_source_comes_with_one_sheet_for_each_town() -> None:
    names = {row["town_name"]: row for row in committed()["towns"]}
    for year in YEARS:
        workbook = openpyxl.load_workbook(COMMITTED / str(year) / "reconciliation.xlsx")
        assert len(workbook.sheetnames) == 23 and workbook.sheetnames[-1] == "填表说明"
        assert set(workbook.sheetnames[:-1]) < set(names)
        assert all("镇街" not in [cell.value for cell in sheet[3]] for sheet in workbook)


def test_workbooks_have_titles_units_totals_and_signatures() -> None:
    sheet = openpyxl.load_workbook(COMMITTED / "2013" / "pension_renewal.xlsx").active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0][0] == "云澜市2013年度城乡居保续保（合成数据 synthetic data）"
    assert rows[1][0] == "单位：人"
    assert rows[2] == ["序号", "镇街", "应续保人数", "实际续保人数", "年度目标任务", "完成数", "续保率"]
    assert [row[1] for row in rows[25:26]] == ["合计"]
    assert rows[25][2:6] == [sum(row[at] for row in rows[3:25]) for at in range(2, 6)]
    assert rows[26][0].startswith("注：") and rows[27][0].startswith("填表人：")


@pytest.mark.parametrize(
    ("file", "cell"),
    [
        ("2014/pension_renewal.xlsx", r"\d{1,3},\d{3}"),
        ("2013/staffing.xlsx", "[０-９]+"),
        ("2013/staffing.xlsx", ".+(人民政府|办事处)"),
        ("2014/online_filing.csv", r"99010[12]\d{3}"),
        ("2013/online_filing.csv", "—"),
        ("2013/business_ledger.csv", "2013年3月2[0-9]日"),
        ("2014/activities.csv", r"2014\.\d+\.\d+"),
        ("2013/pension_renewal.xlsx", r"\d+\.\d\d%"),
        ("2013/publicity.xlsx", "[有无]"),
        ("2014/publicity.csv", "[√×]"),
        ("2013/retiree_management.xlsx", "澄湖区小计"),
        ("2013/reconciliation.xlsx", "12月"),
    ],
)
def test_cells_are_written_as_offices_write_them(file: str, cell: str) -> None:
    written = {
        value
        for grid in grids(COMMITTED / file).values()
        for cells in grid
        for value in cells
        if isinstance(value, str)
    }
    assert any(re.fullmatch(cell, value) for value in written)


def test_dates_and_numbers_of_workbooks_are_real_ones_where_an_office_keeps_them_so() -> None:
    grid = grids(COMMITTED / "2013" / "activities.xlsx")["工作活动台账"]
    assert all(isinstance(cells[2], datetime) for cells in grid[2:-2])
    merged = openpyxl.load_workbook(COMMITTED / "2013" / "activities.xlsx").active
    assert merged is not None and len(merged.merged_cells.ranges) > 20


# ----------------------------------------------------------------------------------------------------------------------
# With something of everything


def test_the_city_is_fictional_and_has_22_units_each_year() -> None:
    towns = committed()["towns"]
    assert all(row["town_code"].startswith("99") for row in towns)
    assert len({row["town_code"] for row in towns}) == len(towns) == 23
    assert {row["kind"] for row in towns} == {"街道", "镇"}
    assert all(row["district"] and row["managed_by"] for row in towns)
    assert Counter(year for year, _ in results()) == dict.fromkeys(YEARS, 22)


def test_one_unit_is_renamed_and_recoded_in_mid_series() -> None:
    before, after = (row for row in committed()["towns"] if row["valid_from"] or row["valid_to"])
    assert before["town_id"] == after["town_id"]
    assert (before["kind"], before["valid_to"]) == ("镇", 2014)
    assert (after["kind"], after["valid_from"]) == ("街道", 2015)
    assert before["town_code"] != after["town_code"] and before["town_name"] != after["town_name"]
    for year in YEARS:
        sheets = grids(COMMITTED / str(year) / "reconciliation.xlsx")
        assert (after if year >= 2015 else before)["town_name"] in sheets
        assert (before if year >= 2015 else after)["town_name"] not in sheets


def test_every_town_level_source_is_delivered_every_year() -> None:
    for source, rows in committed().items():
        if source not in {"towns"} | NOT_IN_A_DEMO:
            assert {row["year"] for row in rows} == set(YEARS), source


def test_every_grade_occurs_and_most_pass() -> None:
    grades = Counter(result.grade for result in results().values() if result.grade)
    assert grades["合格"] > sum(grades.values()) / 2
    assert 8 <= grades["优胜"] <= 20 and 15 <= grades["基本合格"] <= 35 and 3 <= grades["不合格"] <= 10


@pytest.mark.parametrize("boundary", [95, 85, 75])
def test_a_few_towns_are_near_each_boundary(boundary: int) -> None:
    near = [
        result.total for result in results().values() if result.total and abs(result.total - boundary) <= Decimal("0.5")
    ]
    assert 2 <= len(near) <= 10
    assert min(near) < boundary <= max(near)


def test_towns_improve_slowly_and_some_fall_back() -> None:
    def mean(year: int) -> Decimal:
        totals = [result.total for (its_year, _), result in results().items() if its_year == year and result.total]
        return sum(totals, Decimal(0)) / len(totals)

    assert Decimal(1) < mean(2017) - mean(2013) < Decimal(5)
    totals = {key: result.total for key, result in results().items() if result.total}
    assert any(total < totals.get((year - 1, town), 0) for (year, town), total in totals.items())


def test_one_town_year_waits_for_judgements() -> None:
    waiting = {key: result for key, result in results().items() if result.status == "provisional"}
    assert list(waiting) == [(2017, "YL-02")]
    (result,) = waiting.values()
    assert result.grade is None
    assert {item for item, its in result.items.items() if its.status == "missing"} == {
        "4.1",
        "4.2",
        "5.1",
        "5.2",
        "5.3",
    }


def test_in_some_town_years_nothing_was_wrongly_drawn() -> None:
    none = [row for row in committed()["overpayment_recovery"] if row["overpaid_yuan"] == row["recovered_yuan"] == 0]
    assert 1 <= len(none) <= 15
    assert (2013, "YL-03") in {(row["year"], row["town_id"]) for row in none}


def test_judgements_have_reasons_two_assessors_in_some_years_a_few_bonuses_and_corrections() -> None:
    rows = committed()
    scores = Counter((row["year"], row["town_id"], row["item"]) for row in rows["assessor_scores"])
    assert {year for (year, _, _), assessors in scores.items() if assessors == 2} == {2014, 2016}
    assert {row["assessor"] for row in rows["assessor_scores"]} == {"考核员甲", "考核员乙"}
    assert all(row["reason"] and row["evidence"] for row in rows["assessor_scores"])
    assert 4 <= sum(result.bonus > 0 for result in results().values()) <= 15
    assert 5 <= len(rows["adjustments"]) <= 12
    assert {row["approved_by"] for row in rows["adjustments"]} == {"局办公室"}
    held = Counter((row["year"], row["town_id"], row["kind"]) for row in rows["activities"])
    assert {held[(*key, "分析材料")] for key in results()} == {0, 1, 2, 3}


def test_judged_items_are_those_of_the_rubric_within_their_points() -> None:
    points = second_opinion.AVAILABLE
    for source in ("assessor_scores", "adjustments"):
        for row in committed()[source]:
            assert row["item"] in points or row["item"] in second_opinion.BONUS
            assert 0 <= row["score"] <= points.get(row["item"], 5)
    judged = {row["item"] for row in committed()["assessor_scores"]}
    assert judged == {*second_opinion.JUDGED, *second_opinion.BONUS}
    full = {row["item"] for row in committed()["assessor_scores"] if row["score"] == points.get(row["item"])}
    assert full == set(second_opinion.JUDGED)


def test_figures_agree_with_each_other() -> None:
    rows = committed()
    for source, part, whole in (
        ("pension_renewal", "renewed", "due"),
        ("benefit_authentication", "certified", "due"),
        ("overpayment_recovery", "recovered_yuan", "overpaid_yuan"),
        ("information_accuracy", "correct", "checked"),
        ("retiree_management", "managed", "retirees"),
        ("citizen_card", "on_time", "applications"),
        ("reconciliation", "persons_matched", "persons_checked"),
        ("reconciliation", "payments_matched", "payments_checked"),
    ):
        assert all(0 <= row[part] <= row[whole] for row in rows[source]), source
    reported = [row for row in rows["online_filing"] if row["insured_units"] is not None]
    assert 0 < len(rows["online_filing"]) - len(reported) < 20
    assert all(0 < row["online_units"] <= row["insured_units"] for row in reported)
    assert all(row["full_time_staff"] >= 1 for row in rows["staffing"])
    recipients = {(row["year"], row["town_id"]): row["due"] for row in rows["benefit_authentication"]}
    assert all(row["persons_served"] > recipients[row["year"], row["town_id"]] for row in rows["staffing"])


def test_dates_lie_in_their_year_and_judgements_in_the_first_quarter_after_it() -> None:
    for source, rows in committed().items():
        for row in rows:
            for field, day in row.items():
                if isinstance(day, date):
                    late = source in ("assessor_scores", "adjustments")
                    assert day.year == row["year"] + late, (source, field, row)
                    assert not late or day.month <= 3


# ----------------------------------------------------------------------------------------------------------------------
# A larger city, and folders that hold something


def test_a_larger_city_is_plain_csv_with_names_and_codes_of_its_own(tmp_path: Path) -> None:
    write_demo(tmp_path / "raw", years=(2013,), towns=300)
    written = [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]
    assert {path.suffix for path in written} == {".csv", ".md"}
    with (tmp_path / "raw" / "2013" / "online_filing.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["年度", "月份", "镇街", "参保企业数", "网上申报企业数"]
    assert len(rows) == 300 * 12
    towns = deliveries(tmp_path / "raw")["towns"]
    for name in ("town_code", "town_name"):
        assert len({row[name] for row in towns}) == 301
    assert all(len(row["town_code"]) == 9 for row in towns)


@pytest.mark.long
def test_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    write_demo(tmp_path, years=(2012, 2013))
    write_demo(tmp_path, years=(2013,), towns=3)
    assert not (tmp_path / "2012").exists()
    assert len(deliveries(tmp_path)["towns"]) == 3


@pytest.mark.parametrize("changed", ["towns.csv", "2013/staffing.xlsx", "2013/staffing-更正.csv", "README.md"])
def test_nothing_else_is_ever_overwritten(changed: str, fresh: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(fresh, tmp_path / "raw")
    (folder / changed).write_text("单位编号,代码\n", encoding="utf-8")
    before = contents(folder)
    with pytest.raises(KaoheError) as refused:
        write_demo(folder)
    assert refused.value.code == Exit.USAGE
    assert contents(folder) == before


@pytest.mark.parametrize(("years", "towns"), [((), 22), ((2013,), 0), ((2013,), 36**3 + 1)])
def test_what_cannot_be_made_is_refused(years: tuple[int, ...], towns: int, tmp_path: Path) -> None:
    with pytest.raises(KaoheError) as refused:
        write_demo(tmp_path / "raw", years=years, towns=towns)
    assert refused.value.code == Exit.USAGE
    assert not (tmp_path / "raw").exists()


# Single persons, and files written plainly


def test_persons_have_numbers_that_pass_the_check_and_belong_to_no_county(tmp_path: Path) -> None:
    write_demo(tmp_path / "raw", 2013, (2013, 2014), 12, lambda _: None, "parquet", 2400)
    assert {path.suffix for path in (tmp_path / "raw").rglob("*") if path.is_file()} == {".md", ".parquet"}
    paid = duckdb.execute(
        f"SELECT 年度, 镇街, 证件号, 缴费金额 FROM read_parquet('{tmp_path}/raw/*/contributions.parquet')"
    ).fetchall()
    assert len(paid) == 2400
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    for _, _, number, _ in paid:
        assert number.startswith("99") and len(number) == 18
        assert number[17] == "10X98765432"[sum(int(n) * w for n, w in zip(number[:17], weights, strict=True)) % 11]
    persons = {year: {number for each, _, number, _ in paid if each == year} for year in (2013, 2014)}
    assert [len(numbers) for numbers in persons.values()] == [1200, 1200]
    assert 0.9 < len(persons[2013] & persons[2014]) / 1200 < 1
    received = duckdb.execute(f"SELECT count(*) FROM read_parquet('{tmp_path}/raw/*/bank_receipts.parquet')").fetchall()
    assert 2350 < received[0][0] < 2400
