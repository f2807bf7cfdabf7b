"""The templates: filled in and put back they load without a problem or warning, every value as it was meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from pipelines import quality
from pipelines import run as flow
from pipelines.contracts import Contract, ContractField, NotAbove, StatedRate, load_contracts
from pipelines.publish.templates import HEADER, write_templates
from second_opinion import AVAILABLE, JUDGED

YEAR = 2014
TOWNS = ("甲镇", "乙街道")
EDITION = Path(__file__).parent.parent / "rubric" / "2013"
CONTRACTS = load_contracts()


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates")
    assert [path.stem for path in write_templates(folder)] == list(CONTRACTS)
    return folder


def register() -> list[dict[str, Any]]:
    return [
        {"town_id": f"T-{at}", "town_code": f"0099000{at}", "town_name": name, "aliases": None, "kind": name[1:],
         "district": "某区", "managed_by": None, "valid_from": 2013 if at else None, "valid_to": None,
         "merged_into": None}
        for at, name in enumerate(TOWNS)
    ]  # fmt: skip


#: Of a place there is not, with their check digits.
PERSONS = ["990001195001010111", "99000119500101012X"]


def value_of(field: ContractField, number: int) -> Any:
    """Something a town might fill in, different from row to row."""
    low = field.constraints.minimum or 0
    match field.type:
        case "year":
            return YEAR
        case "date":
            return date(YEAR, 1 + number % 12, 1 + number % 28)
        case "boolean":
            return number % 2 == 0
        case "integer":
            return low + 1000 * (number % 3) + number
        case "number":
            return Decimal(number * 100 + 25).scaleb(-2) + low
    if field.name == "town_code":
        return None
    if field.personal:
        return PERSONS[number % len(PERSONS)]
    if field.name == "item":
        return JUDGED[number % len(JUDGED)]
    return f"{field.title}{number}"


def rows_of(contract: Contract) -> Iterator[dict[str, Any]]:
    """Rows that keep every rule of the contract, one for every combination it expects."""
    if contract.name == "towns":
        yield from register()
        return
    if contract.name in ("assessor_scores", "adjustments"):
        for number, (town, item) in enumerate(product(TOWNS, JUDGED)):
            if contract.name == "assessor_scores" or number < 2:
                row = {field.name: value_of(field, number) for field in contract.fields}
                yield row | {"town": town, "item": item, "score": Decimal(AVAILABLE[item]) - Decimal("0.25")}
        return
    expected: list[tuple[Any, ...]] = []
    for name in contract.coverage:
        field = contract.field(name)
        expected.append(TOWNS if name == contract.town_field else field.constraints.enum or tuple(range(1, 13)))
    kinds = (
        {}
        if "kind" in contract.coverage
        else {f.name: f.constraints.enum for f in contract.fields if f.constraints.enum}
    )
    for number, combination in enumerate(product(*(expected or [TOWNS]))):
        row = {field.name: value_of(field, number) for field in contract.fields}
        row |= {name: enum[number % len(enum)] for name, enum in kinds.items()}
        row |= dict(zip(contract.coverage or ("town",), combination, strict=True))
        for rule in contract.rules:
            if isinstance(rule, NotAbove):
                row[rule.field] = min(row[rule.field], row[rule.limit])
            elif isinstance(rule, StatedRate):
                row[rule.field] = Decimal(100) if row[rule.numerator] == row[rule.denominator] else None
        yield row


def every_row(contract: Contract) -> list[dict[str, Any]]:
    rows = list(rows_of(contract))
    if contract.name == "activities":
        # Every town has something of every kind, so that nothing is left to warn of.
        kinds = contract.field("kind").constraints.enum
        rows = [rows[0] | {"town": town, "kind": kind, "title": f"{town}{kind}"} for town in TOWNS for kind in kinds]
    return rows


def fill(template: Path, contract: Contract, path: Path) -> list[dict[str, Any]]:
    """Fill a template in as a town would, by its headers; the rows written."""
    book = openpyxl.load_workbook(template)
    sheet = book[contract.title]
    rows = every_row(contract)
    for number, row in enumerate(rows, start=HEADER + 1):
        for column, field in enumerate(contract.fields, start=1):
            assert sheet.cell(HEADER, column).value.startswith(field.title)
            value = row[field.name]
            sheet.cell(number, column).value = {True: "是", False: "否"}[value] if isinstance(value, bool) else value
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return rows


@pytest.fixture(scope="module")
def loaded(templates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, list[Any]]]]:
    """Every template filled, put back, read and checked."""
    raw = tmp_path_factory.mktemp("filled")
    written = {}
    for contract in CONTRACTS.values():
        home = raw if contract.name == "towns" else raw / str(YEAR)
        written[contract.name] = fill(templates / f"{contract.name}.xlsx", contract, home / f"{contract.name}.xlsx")
    connection = duckdb.connect()
    settings = flow.Settings(raw, raw / "marts", raw / "warehouse.duckdb", EDITION)
    with flow.engine(connection, settings) as run_models:
        gate, _ = flow.load_and_check(connection, settings, lambda _step, _detail: None, run_models)
    assert gate.problems == ()
    yield connection, written
    connection.close()


@pytest.mark.parametrize("source", CONTRACTS)
def test_a_filled_template_loads_as_it_was_meant(loaded: tuple[Any, dict[str, list[Any]]], source: str) -> None:
    connection, written = loaded
    contract = CONTRACTS[source]
    names = [field.name for field in contract.fields]
    listed = ", ".join(f'"{name}"' for name in names)
    got = connection.execute(f"SELECT {listed} FROM accepted_{source} ORDER BY source_row").fetchall()
    # Of identity numbers only a hash is kept, and it is the privacy tests that look at it.
    open_fields = [at for at, field in enumerate(contract.fields) if not field.personal]
    wanted = [tuple(row[names[at]] for at in open_fields) for row in written[source]]
    assert [tuple(row[at] for at in open_fields) for row in got] == wanted
    kinds = connection.execute(f"SELECT row_kind, count(*) FROM raw_{source} GROUP BY row_kind").fetchall()
    assert dict(kinds)["data"] == len(wanted)
    assert set(dict(kinds)) <= {"data", "title", "header", "note", "blank"}


def test_filled_templates_raise_no_warning(loaded: tuple[Any, dict[str, list[Any]]]) -> None:
    connection, _ = loaded
    warned = [(each.file, each.rule, each.message_zh) for each in quality.problems(connection, "warning")]
    # A ledger of one year alone tells nothing of renewals, and says so.
    assert {rule for _, rule, _ in warned} == {"contributions.renewal_not_computed"}


@pytest.mark.parametrize("source", CONTRACTS)
def test_form_of_a_template(templates: Path, source: str) -> None:
    contract = CONTRACTS[source]
    book = openpyxl.load_workbook(templates / f"{source}.xlsx")
    assert book.sheetnames == [contract.title, "填表说明"]
    sheet = book[contract.title]
    assert sheet.freeze_panes == f"A{HEADER + 1}"
    offered = {
        str(each.sqref).partition(":")[0].rstrip("0123456789"): each for each in sheet.data_validations.dataValidation
    }
    for cell, field in zip(sheet[HEADER], contract.fields, strict=True):
        note = cell.comment.text
        assert field.title in note
        assert field.title_en in note
        for text in field.description.split("。"):
            assert text.strip() in note
        assert ("必填" in note) == field.constraints.required
        rule = offered.get(cell.column_letter)
        if field.constraints.enum:
            assert rule.formula1 == f'"{",".join(field.constraints.enum)}"'
        elif field.type == "boolean":
            assert rule.formula1 == '"是,否"'
        elif field.type == "string":
            assert rule is None
            assert sheet.column_dimensions[cell.column_letter].number_format == "@"
        else:
            assert rule.type == {"integer": "whole", "number": "decimal", "date": "date", "year": "whole"}[field.type]
            if field.constraints.minimum is not None and field.type != "year":
                assert rule.formula1 == str(field.constraints.minimum)
        if rule:
            assert rule.allow_blank
            assert len(rule.prompt) <= 255
    told = "\n".join(str(cell.value) for row in book["填表说明"].iter_rows() for cell in row if cell.value)
    assert all(field.title in told and field.title_en in told for field in contract.fields)
    assert f"{source}.xlsx" in told


def test_same_contracts_same_bytes(templates: Path, tmp_path: Path) -> None:
    for path in write_templates(tmp_path):
        assert path.read_bytes() == (templates / path.name).read_bytes()
    assert datetime(2013, 2, 22) == openpyxl.load_workbook(tmp_path / "towns.xlsx").properties.modified
