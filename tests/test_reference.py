"""The real tables that ship with the project pass through the same reader and the same contracts as deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts import Contract, load_contracts
from pipelines.ingest import ingest
from pipelines.ingest.header import find_header
from pipelines.ingest.values import is_unparsed, reports_nothing

REFERENCE = Path(__file__).parent.parent / "data" / "reference"
YEARBOOK = load_contracts(REFERENCE)
TOWNS = {name: contract for name, contract in load_contracts().items() if name in ("towns", "publicity")}


def read(raw: Path, contracts: Mapping[str, Contract], deliveries: Mapping[str, bytes]) -> duckdb.DuckDBPyConnection:
    """Everything ingest makes of the real register and the given files, content by path below the raw folder."""
    files = {"towns.csv": (REFERENCE / "jiaxing_towns.csv").read_bytes(), **deliveries}
    for name, content in files.items():
        (raw / name).parent.mkdir(exist_ok=True)
        (raw / name).write_bytes(content)
    connection = duckdb.connect()
    ingest(connection, raw, contracts, lambda _: None)
    return connection


@pytest.fixture
def yearbook(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    content = (REFERENCE / "yearbook_10-9_2010.csv").read_bytes()
    contracts = {"towns": TOWNS["towns"], **YEARBOOK}
    return read(tmp_path / "raw", contracts, {"2010/pensioners_by_province.csv": content})


def test_the_provinces_of_the_yearbook_add_up_to_its_national_row(yearbook: duckdb.DuckDBPyConnection) -> None:
    nation, *others = yearbook.execute(
        "SELECT paid_persons, managed_persons FROM typed_pensioners_by_province ORDER BY source_row"
    ).fetchall()
    assert nation == (Decimal("5805.80"), Decimal("4344.00"))
    assert len(others) == 32
    assert sum(paid for paid, _ in others) == nation[0]
    assert sum(managed for _, managed in others if managed is not None) == nation[1]


def test_the_blank_province_of_the_yearbook_is_missing_and_not_zero(yearbook: duckdb.DuckDBPyConnection) -> None:
    blank = yearbook.execute(
        "SELECT source_row, region, paid_persons FROM typed_pensioners_by_province "
        "WHERE managed_persons IS NULL AND managed_share IS NULL"
    ).fetchall()
    assert blank == [(29, "西 藏", Decimal("3.10"))]


def test_the_yearbook_is_read_as_it_was_printed(yearbook: duckdb.DuckDBPyConnection) -> None:
    assert yearbook.execute("SELECT encoding FROM delivery_file WHERE year = 2010").fetchall() == [("gb18030",)]
    kinds = yearbook.execute(
        "SELECT row_kind, count(*) FROM raw_pensioners_by_province GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert kinds == [("data", 33), ("header", 1), ("title", 1)]
    headers = yearbook.execute(
        "SELECT field, header FROM delivery_column WHERE source_file LIKE '2010/%' ORDER BY position"
    ).fetchall()
    assert headers == [
        ("region", "地 区"),
        ("region_en", "Region"),
        ("paid_persons", "社会化发放人数(万人)"),
        ("managed_persons", "纳入社区管理的企业退休人数(万人)"),
        ("managed_share", "占企业退休人员总数的比例(%)"),
    ]


def test_every_cell_of_the_yearbook_but_the_two_blank_ones_holds_a_value(yearbook: duckdb.DuckDBPyConnection) -> None:
    for field in YEARBOOK["pensioners_by_province"].fields:
        counted = yearbook.execute(
            f"SELECT count(*) FILTER ({is_unparsed(field)}), count(*) FILTER ({reports_nothing(field)}) "
            "FROM raw_pensioners_by_province WHERE row_kind = 'data'"
        ).fetchall()
        assert counted == [(0, 1 if field.name in ("managed_persons", "managed_share") else 0)]


def test_a_unit_stated_above_the_table_must_be_that_of_the_contract() -> None:
    contract = YEARBOOK["pensioners_by_province"]
    names: list[str | None] = ["地区", "Region", "社会化发放人数"]
    own, other = (find_header(contract, [["表", unit], names]) for unit in ("单位：万人", "单位：亿人"))
    assert own is not None and own.unit_line is None
    assert other is not None and other.unit_line == (1, 1, "单位：亿人")


def test_the_register_has_22_units_in_every_year_and_follows_the_rename(tmp_path: Path) -> None:
    empty = {f"{year}/publicity.csv": "镇街,宣传橱窗,工作简报\n".encode() for year in range(2013, 2018)}
    connection = read(tmp_path / "raw", TOWNS, empty)
    counted = connection.execute(
        "SELECT year, count(*), count(DISTINCT town_id) FROM town_year GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert counted == [(year, 22, 22) for year in range(2013, 2018)]
    renamed = connection.execute(
        "SELECT year, town_code, town_name, kind FROM town_year WHERE town_id = 'NH-QX' ORDER BY year"
    ).fetchall()
    assert renamed == [
        (2013, "330402104", "七星镇", "镇"),
        (2014, "330402104", "七星镇", "镇"),
        (2015, "330402015", "七星街道", "街道"),
        (2016, "330402015", "七星街道", "街道"),
        (2017, "330402015", "七星街道", "街道"),
    ]


def test_every_unit_is_known_by_its_name_its_code_and_its_government(tmp_path: Path) -> None:
    query = "SELECT town_id, town_name, town_code FROM town_register"
    register = read(tmp_path / "register", TOWNS, {}).execute(query).fetchall()
    written = [
        (town_id, way)
        for town_id, name, code in register
        for way in (name, f"{name}人民政府", f"{name}办事处", " ".join(name), code)
    ]
    lines = ["镇街,宣传橱窗,工作简报", *(f"{way},有,无" for _, way in written)]
    connection = read(tmp_path / "raw", TOWNS, {"2013/publicity.csv": "\n".join(lines).encode()})
    known = connection.execute("SELECT town_id FROM typed_publicity ORDER BY source_row").fetchall()
    assert [town_id for (town_id,) in known] == [town_id for town_id, _ in written]
