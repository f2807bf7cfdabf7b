"""Why a town has its score: what is told adds up, leads to the received row, and is told at once."""

from __future__ import annotations

import csv
import json
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from pipelines import run as flow
from pipelines.analysis.explanation import explain, in_words
from pipelines.analysis.marts import Marts, open_marts
from pipelines.cli import app
from pipelines.errors import Exit, KaoheError

Explained = dict[str, Any]
FULL_WIDTH = {0xFF10 + digit: str(digit) for digit in range(10)} | {0xFF0E: ".", 0xFF0C: None}


@pytest.fixture(scope="module")
def marts(committed_run: tuple[flow.Settings, flow.Outcome]) -> Marts:
    settings, _ = committed_run
    return open_marts(settings.marts)


@pytest.fixture(scope="module")
def explained(marts: Marts) -> list[Explained]:
    """Every town of one year, and one town in every year."""
    towns = [(row["town_id"], 2017) for row in marts.rows("SELECT town_id FROM town_score WHERE year = 2017")]
    return [explain(marts, town, year) for town, year in [*towns, *((towns[0][0], year) for year in marts.years)]]


def test_the_parts_add_up_from_the_terms_to_the_total(explained: list[Explained]) -> None:
    for each in explained:
        town, items = each["town"], each["items"]
        scored = [item for item in items if item["kind"] == "scored"]
        for end in ("low", "high"):
            bonus = sum(item[f"points_{end}"] for item in items if item["kind"] == "bonus")
            points = sum(item[f"points_{end}"] for item in scored)
            assert town[f"total_{end}"] == min(points + bonus, Decimal(100))
            assert sum(area[f"points_{end}"] for area in each["areas"]) == points
        for item in scored:
            if item["points"] is None or item["adjustment_reason"]:
                continue
            lost = sum(Fraction(int(t["loss_numerator"]), int(t["loss_denominator"])) for t in item["terms"])
            left = min(max(Fraction(item["available"]) - lost, Fraction(0)), Fraction(item["available"]))
            assert Fraction(item["points"]) == Fraction(int(left * 100 + Fraction(1, 2)), 100)


def test_every_loss_names_its_rule_its_cause_and_the_rows_received(explained: list[Explained]) -> None:
    losing = [
        (item, term)
        for each in explained
        for item in each["items"]
        for term in item["terms"]
        if term["loss"] and term["loss"] > 0
    ]
    assert len(losing) > 200
    for item, term in losing:
        assert item["clause"]
        assert term["rule_zh"]
        assert term["rule_en"]
        assert term["explanation_zh"]
        received = term["received"]
        if received["source_rows"] == 0:
            assert received["without_rows_in"]
            continue
        assert len(received["sha256"]) == 64
        assert received["source_row"] > 0
        if term["kind"] == "judged":
            assert item["judgements"]
            assert received["source_rows"] == len(item["judgements"])


def test_the_received_row_holds_the_figure(marts: Marts, committed_run: tuple[flow.Settings, flow.Outcome]) -> None:
    settings, _ = committed_run
    row = marts.rows(
        "SELECT town_id, year, source_file FROM indicator_value WHERE indicator = 'authentication_rate' "
        "AND source_file LIKE '%.csv' ORDER BY year, town_id LIMIT 1"
    )[0]
    terms = [
        term
        for item in explain(marts, row["town_id"], row["year"])["items"]
        for term in item["terms"]
        if term["indicator"] == "authentication_rate"
    ]
    received = terms[0]["received"]
    text = (settings.raw / received["source_file"]).read_bytes()
    decoded = text.decode("utf-8-sig" if text.startswith(b"\xef\xbb\xbf") else "gb18030")
    cells = list(csv.reader(decoded.splitlines()))[received["source_row"] - 1]
    assert {str(int(terms[0]["numerator"])), str(int(terms[0]["denominator"]))} <= {c.replace(",", "") for c in cells}


def test_the_cell_named_holds_the_figure(marts: Marts, committed_run: tuple[flow.Settings, flow.Outcome]) -> None:
    """In workbooks, of figures read from one row: its parts stand in the cells named, and so does every judgement."""
    settings, _ = committed_run
    seen = {"figure": 0, "judgement": 0}
    sheets: dict[tuple[str, str], Any] = {}

    def held(file: str, sheet: str, cell: str) -> Decimal:
        if (file, sheet) not in sheets:
            sheets[file, sheet] = openpyxl.load_workbook(settings.raw / file, data_only=True)[sheet]
        return Decimal(str(sheets[file, sheet][cell].value).replace(",", "").translate(FULL_WIDTH))

    for town in marts.rows("SELECT town_id, year FROM town_score WHERE year IN (2015, 2017) ORDER BY ALL"):
        for item in explain(marts, town["town_id"], town["year"])["items"]:
            for term in item["terms"]:
                received = term["received"]
                cells = {each["part"]: each["cell"] for each in received["cells"]}
                if received["source_rows"] == 1 and term["unit"] == "percent" and received["source_file"][-1] == "x":
                    for part, cell in cells.items():
                        assert held(received["source_file"], received["source_sheet"], cell) == term[part]
                        seen["figure"] += 1
            for judged in item["judgements"]:
                if judged["source_file"].endswith(".xlsx"):
                    cell = judged["cells"][0]["cell"]
                    assert held(judged["source_file"], judged["source_sheet"], cell) == judged["score"]
                    seen["judgement"] += 1
    assert min(seen.values()) > 50, seen


def test_the_readings_in_force_are_spelled_out(explained: list[Explained]) -> None:
    told = {
        (reading["interpretation"], reading["option"])
        for each in explained
        for item in each["items"]
        for term in item["terms"]
        for reading in term["interpretations"]
    }
    assert ("per_point", "whole") in told
    assert all(
        reading["question_zh"] and reading["option_en"]
        for each in explained
        for item in each["items"]
        for term in item["terms"]
        for reading in term["interpretations"]
    )


def test_what_would_do_does(explained: list[Explained]) -> None:
    """The figure named as enough reaches the target, and one less does not."""
    asked = 0
    for each in explained:
        for item in each["items"]:
            for term in item["terms"]:
                if term["numerator_for_full"] is not None:
                    asked += 1
                    target, denominator = Fraction(term["target"]), Fraction(term["denominator"])
                    assert Fraction(term["numerator_for_full"]) / denominator >= target
                    assert Fraction(term["numerator_for_full"] - 1) / denominator < target
    assert asked > 50


def test_the_words_tell_what_the_data_tells(explained: list[Explained]) -> None:
    for each in explained:
        for lang in ("zh", "en"):
            told = in_words(each, lang, whole=True)  # type: ignore[arg-type]
            assert each["town"]["town_name"] in told
            assert str(each["town"]["total"] or each["town"]["total_low"]) in told
            for item in each["items"]:
                assert item[f"title_{lang}"] in told
                assert all(term[f"explanation_{lang}"] in told for term in item["terms"])
            assert "None" not in told
        short = in_words(each, "zh", whole=False)
        assert len(short) <= len(in_words(each, "zh", whole=True))
        assert all(item["title_zh"] in short for item in each["items"])


def test_a_review_names_who_and_why_and_what_was_before(marts: Marts) -> None:
    review = marts.rows("FROM adjustment ORDER BY ALL LIMIT 1")[0]
    each = explain(marts, review["town_id"], review["year"], review["item"])
    assert [item["item"] for item in each["items"]] == [review["item"]]
    told = in_words(each, "zh", whole=True)
    for part in ("adjusted_points", "adjustment_reason", "approved_by", "approved_on"):
        assert str(review[part]) in told
    assert f"← {each['items'][0]['points_before_adjustment']}" in told


def test_the_command_answers_within_a_second(marts: Marts, committed_run: tuple[flow.Settings, flow.Outcome]) -> None:
    settings, _ = committed_run
    town = marts.rows("SELECT town_name FROM town_score WHERE year = 2014 ORDER BY town_id LIMIT 1")[0]["town_name"]

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(
            app, ["explain", town, "2014", *arguments, "--marts", str(settings.marts)], standalone_mode=False
        )
        assert result.exception is None
        return result.output

    begun = time.process_time()
    said()
    assert time.process_time() - begun < 1
    assert "rank" in said("--lang", "en") or "undecided" in said("--lang", "en")
    told = json.loads(said("3.3.2", "--json"))
    assert [item["item"] for item in told["items"]] == ["3.3.2"]
    assert isinstance(told["items"][0]["points"], str), "a decimal does not pass through a float"


@pytest.mark.parametrize(
    ("town", "year", "item"), [("没有这个镇", 2014, ""), ("YL-01", 1999, ""), ("YL-01", 2014, "9.9")]
)
def test_what_there_is_not_is_said(marts: Marts, town: str, year: int, item: str) -> None:
    with pytest.raises(KaoheError) as caught:
        explain(marts, town, year, item)
    assert caught.value.code == Exit.USAGE


def test_nothing_is_read_but_what_is_published(marts: Marts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert explain(marts, "YL-02", 2014)["items"]
