"""The rubric as data: what it says, what its laws catch, and its worked examples scored by the product's own SQL."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from ruamel.yaml import YAML

from pipelines import rubric, transform
from pipelines.errors import Exit, KaoheError, Problem
from worlds import EDITION, empty_warehouse, insert

README = EDITION.parent / "README.md"
SCHEMA = EDITION.parent / "schema.json"
YEAR = 2013

AS_WRITTEN = rubric.load_edition(EDITION)
EXAMPLES = rubric.load_examples(EDITION)
SISTER_CITY = EDITION.parents[1] / "tests" / "editions" / "2099"
KINDS = (
    rubric.Shortfall,
    rubric.Proportion,
    rubric.Tiers,
    rubric.Flag,
    rubric.Judged,
    rubric.Bonus,
    rubric.Condition,
)


def points_of(edition: rubric.Edition) -> dict[str, Fraction]:
    return {item.item: item.points for item in edition.items}


# ----------------------------------------------------------------------------------------------------------------------
# The edition of 2013 is the document

#: item: clause, points, basis, as the digest of the document has them.
DIGEST = {
    "1.1": ("一(一)", 6, "lost"),
    "1.2": ("一(二)", 3, "lost"),
    "1.3": ("一(三)", 6, "lost"),
    "1.4.1": ("一(四)1", 1, "judged"),
    "1.4.2": ("一(四)2", 2, "judged"),
    "1.4.3": ("一(四)3", 2, "stated"),
    "1.4.4": ("一(四)4", 3, "stated"),
    "1.4.5": ("一(四)5", 2, "target_only"),
    "1.4.B": ("一(四)", 0, "judged"),
    "2.1.1": ("二(一)1", 2, "judged"),
    "2.1.2": ("二(一)2", 2, "judged"),
    "2.2.1": ("二(二)1", 3, "judged"),
    "2.2.2": ("二(二)2", 3, "judged"),
    "2.2.3": ("二(二)3", 4, "judged"),
    "2.2.4": ("二(二)4", 2, "target_only"),
    "2.2.5": ("二(二)5", 2, "target_only"),
    "2.2.6": ("二(二)6", 2, "judged"),
    "3.1.1": ("三(一)1", 2, "judged"),
    "3.1.2": ("三(一)2", 1, "judged"),
    "3.1.3": ("三(一)3", 1, "target_only"),
    "3.2.1": ("三(二)1", 1, "judged"),
    "3.2.2": ("三(二)2", 1, "judged"),
    "3.2.3": ("三(二)3", 2, "stated"),
    "3.2.4": ("三(二)4", 4, "judged"),
    "3.2.5": ("三(二)5", 2, "judged"),
    "3.2.6": ("三(二)6", 2, "judged"),
    "3.3.0": ("三(三)", 0, "stated"),
    "3.3.1": ("三(三)1", 2, "stated"),
    "3.3.2": ("三(三)2", 2, "stated"),
    "3.3.R": ("三(三)3", 5, "lost"),
    "3.4.B": ("三(四)", 0, "lost"),
    "4.1": ("四(一)", 10, "lost"),
    "4.2": ("四(二)", 5, "lost"),
    "5.1": ("五(一)", 5, "lost"),
    "5.2": ("五(二)", 7, "lost"),
    "5.3": ("五(三)", 3, "lost"),
}


def test_every_item_of_the_document_is_there_with_its_clause_points_and_basis() -> None:
    assert {item.item: (item.clause, item.points, item.basis) for item in AS_WRITTEN.items} == DIGEST


def test_areas_carry_the_points_of_the_document_and_half_of_them_is_lost() -> None:
    assert [area.points for area in AS_WRITTEN.areas] == [25, 20, 25, 15, 15]
    lost = sum(item.points for item in AS_WRITTEN.items if item.basis == "lost")
    assert lost == 50


def test_the_seven_readings_and_their_defaults() -> None:
    options = {each.interpretation: [o.option for o in each.options] for each in AS_WRITTEN.head.interpretations}
    assert options == {
        "per_point": ["whole", "started", "pro_rata"],
        "grade_gap": ["none", "half_up"],
        "bonus_cap": ["capped_100", "uncapped", "excluded"],
        "count_short": ["linear", "all_or_nothing"],
        "online_filing": ["proportional", "tiers"],
        "headline": ["condition", "no_excellence"],
        "recovery_none": ["not_applicable", "full"],
    }
    assert all(each.default == options[each.interpretation][0] for each in AS_WRITTEN.head.interpretations)


def test_the_edition_keeps_every_law() -> None:
    models = {model.name for model in transform.load_models().values() if model.layer == "indicators"}
    assert rubric.lint(EDITION, models) == []


# ----------------------------------------------------------------------------------------------------------------------
# Numbers


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("3", Fraction(3)),
        ("0.5", Fraction(1, 2)),
        ("99%", Fraction(99, 100)),
        ("0.1", Fraction(1, 10)),
        ("1/3", Fraction(1, 3)),
    ],
)
def test_numbers_are_exact_as_written(written: str, number: Fraction) -> None:
    assert rubric.exact(written) == number


@pytest.mark.parametrize(
    ("number", "written"), [(Fraction(3, 2), "1.5"), (Fraction(3), "3"), (Fraction(1, 3), "1/3"), (Fraction(0), "0")]
)
def test_numbers_are_written_as_a_person_writes_them(number: Fraction, written: str) -> None:
    assert rubric.as_text(number) == written


@pytest.mark.parametrize("written", ["", "1,5", "-1", "1e3", "1/0", "99%/2", "９９%", ".5", 0.5, None, "nan"])
def test_what_is_no_number_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="no number"):
        rubric.exact(written)


def test_figures_keep_numerator_and_denominator() -> None:
    assert rubric.figure("58/100") == (58, 100)
    assert rubric.figure("0/0") == (0, 0)
    assert rubric.figure("8999.99/10000") == (Fraction("8999.99"), 10000)
    assert rubric.figure("3") == (3, 1)
    assert rubric.figure("missing") is None
    for refused in ("58%", "none", "1/", "/2", "1/2/3"):
        with pytest.raises(ValueError, match="no figure"):
            rubric.figure(refused)


# ----------------------------------------------------------------------------------------------------------------------
# Scenarios and tables


def test_a_scenario_has_the_defaults_but_for_what_is_chosen() -> None:
    chosen = rubric.scenario(AS_WRITTEN, "strict", {"per_point": "started"})
    assert chosen.name == "strict"
    assert chosen.options == rubric.scenario(AS_WRITTEN).options | {"per_point": "started"}


@pytest.mark.parametrize("options", [{"per_point": "half"}, {"per_pint": "whole"}])
def test_a_reading_there_is_not_is_a_usage_error_that_lists_those_there_are(options: dict[str, str]) -> None:
    with pytest.raises(KaoheError, match="per_point: whole, started, pro_rata") as caught:
        rubric.scenario(AS_WRITTEN, "wrong", options)
    assert caught.value.code == Exit.USAGE


def test_all_scenarios_are_every_combination_once_and_one_is_in_force() -> None:
    scenarios = rubric.all_scenarios(AS_WRITTEN)
    assert len(scenarios) == 3 * 2 * 3 * 2 * 2 * 2 * 2
    assert len({each.name for each in scenarios}) == len({tuple(each.options.items()) for each in scenarios}) == 288
    assert scenarios[0] == rubric.scenario(AS_WRITTEN)


def loaded(edition: rubric.Edition, *scenarios: rubric.Scenario) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    rubric.load_into(connection, edition, scenarios or [rubric.scenario(edition)])
    return connection


def test_tables_have_the_columns_and_types_the_models_rely_on() -> None:
    columns = loaded(AS_WRITTEN).execute(
        "SELECT table_name, string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_index) "
        "FROM duckdb_columns() WHERE table_name LIKE 'rubric_%' GROUP BY table_name"
    )
    described = dict(columns.fetchall())
    assert sorted(described) == [
        "rubric_area",
        "rubric_band",
        "rubric_condition",
        "rubric_edition",
        "rubric_indicator",
        "rubric_interpretation",
        "rubric_item",
        "rubric_reading_condition",
        "rubric_reading_term",
        "rubric_reading_tier",
        "rubric_reading_total",
        "rubric_reading_use",
        "rubric_scenario",
        "rubric_section",
        "rubric_setting",
        "rubric_shown_indicator",
        "rubric_term",
        "rubric_tier",
    ]
    assert not re.search("FLOAT|DOUBLE", " ".join(described.values()))
    assert described["rubric_tier"] == (
        "scenario VARCHAR, item VARCHAR, term VARCHAR, tier_no BIGINT, at_least_n BIGINT, at_least_d BIGINT, "
        "points_n BIGINT, points_d BIGINT"
    )


def test_everything_is_numbered_from_one_in_the_order_of_the_document() -> None:
    connection = loaded(AS_WRITTEN)
    sections = [section.section for area in AS_WRITTEN.areas for section in area.sections]
    for name, in_order in (
        ("area", [area.area for area in AS_WRITTEN.areas]),
        ("section", sections),
        ("item", [item.item for item in AS_WRITTEN.items]),
    ):
        numbered = connection.execute(f"SELECT position, {name} FROM rubric_{name} ORDER BY position").fetchall()
        assert numbered == list(enumerate(in_order, start=1))
    options = "SELECT position, option FROM rubric_interpretation WHERE interpretation = 'grade_gap' ORDER BY position"
    assert connection.execute(options).fetchall() == [(1, "none"), (2, "half_up")]
    bands = connection.execute("SELECT position, grade FROM rubric_band ORDER BY position").fetchall()
    assert bands == [(1, "优胜"), (2, "合格"), (3, "基本合格"), (4, "不合格")]


def test_the_document_an_edition_restates_is_laid_down() -> None:
    document = AS_WRITTEN.head.document
    laid_down = loaded(AS_WRITTEN).execute("SELECT edition, title_zh, number, issued FROM rubric_edition").fetchall()
    assert laid_down == [("2013", document.title.zh, document.number, document.issued)]


@pytest.mark.parametrize(
    ("part_step", "taken"), [("whole", Fraction(1)), ("started", Fraction(2)), ("pro_rata", Fraction(3, 2))]
)
def test_a_part_of_a_step_takes_what_its_reading_says(part_step: str, taken: Fraction) -> None:
    steps = {"target": "0.99", "step": "0.02", "loss_per_step": "1", "part_step": part_step}
    term = rubric.Shortfall.model_validate({"kind": "shortfall", "indicator": "information_accuracy", **steps})
    assert term.loss_at(Fraction("0.96")) == taken


def test_the_readings_of_each_scenario_are_laid_down() -> None:
    strict = rubric.scenario(AS_WRITTEN, "strict", {"per_point": "started"})
    connection = loaded(AS_WRITTEN, rubric.scenario(AS_WRITTEN), strict)
    chosen = connection.execute("SELECT scenario, interpretation, option FROM rubric_setting").fetchall()
    for scenario in (rubric.scenario(AS_WRITTEN), strict):
        assert {name: option for which, name, option in chosen if which == scenario.name} == scenario.options


def test_an_item_is_laid_down_under_every_choice_among_the_readings_it_follows() -> None:
    laid_down = "SELECT DISTINCT scenario FROM rubric_reading_term WHERE item = ?"
    connection = loaded(AS_WRITTEN)
    assert {name for (name,) in connection.execute(laid_down, ["3.3.2"]).fetchall()} == {
        f"per_point={part}; recovery_none={none}"
        for part in ("whole", "started", "pro_rata")
        for none in ("not_applicable", "full")
    }
    assert connection.execute(laid_down, ["1.4.1"]).fetchall() == [("",)]


def test_terms_are_loaded_as_exact_ratios() -> None:
    rows = loaded(AS_WRITTEN).execute(
        "SELECT term, kind, points, target_n, target_d, step_n, step_d, loss_per_step_n, loss_per_step_d, part_step, "
        "worst_loss_n, worst_loss_d, zero_denominator, interpretations FROM rubric_term "
        "WHERE item = '3.3.2' ORDER BY term"
    )
    step = (1, 100, 1, 2, "whole")
    readings = "per_point=whole; recovery_none=not_applicable"
    assert rows.fetchall() == [
        ("3.3.2.1", "shortfall", Decimal("2.00"), 1, 1, *step, 50, 1, "missing", "per_point=whole"),
        ("3.3.2.2", "shortfall", Decimal("2.00"), 9, 10, *step, 45, 1, "not_applicable", readings),
    ]


def test_each_term_governs_its_cap_or_points_or_else_all_of_its_item() -> None:
    found = loaded(rubric.load_edition(SISTER_CITY)).execute(
        "SELECT term, points FROM rubric_term WHERE item IN ('1.1', '1.2', '1.3', '1.4.B', '2.2', '3.1') ORDER BY term"
    )
    assert dict(found.fetchall()) == {
        "1.1.1": 6, "1.2.1": 6, "1.3.1": 2, "1.3.2": 6, "1.4.B.1": Decimal("0.5"), "2.2.1": 8, "2.2.2": 4, "3.1.1": 4,
        "3.1.2": 3,
    }  # fmt: skip


SENTENCES = {
    "1.1.1": "assessors decide",
    "1.2.1": "training sessions by tier: 6 from 4, 3 from 2, 0 from 0",
    "1.3.1": "no publicity window or briefing takes 2",
    "1.3.2": "6 for articles ≥ 6, nothing below",
    "1.4.B.1": "bonus, at most 0.5",
    "2.1.1": ("renewal rate by tier: 15 from 95%, 12 from 90%, 8 from 85%, 0 from 0%; nothing to divide by: reached"),
    "2.2.1": (
        "benefit authentication rate ≥ 99%, each 0.5% short takes 1 (in proportion), at most 8, all of it beyond 96%; "
        "nothing to divide by: missing"
    ),
    "2.V.1": "renewal rate ≥ 80% is required; nothing to divide by: not applicable",
    "3.1.1": (
        "errors in statistical reports ≤ 0, each 1 short takes 0.5 (whole steps only), at most 4, all of it beyond 6"
    ),
    "3.1.2": (
        "statistical reports on time ≥ 100%, each 5% short takes 1 (each step begun), at most 3; "
        "nothing to divide by: missing"
    ),
    "3.3.1": "5 for persons served per staff ≤ 3000, in proportion below; nothing to divide by: the worst",
}


def test_a_rule_is_told_as_a_sentence() -> None:
    edition = rubric.load_edition(SISTER_CITY)
    strict = rubric.scenario(edition, options={"articles_short": "nothing"})
    told = loaded(edition, strict).execute("SELECT term, rule_en, rule_zh FROM rubric_term").fetchall()
    assert {term: en for term, en, _ in told if term in SENTENCES} == SENTENCES
    assert {term: zh for term, _, zh in told if term in {"2.2.1", "3.V.1"}} == {
        "2.2.1": "资格认证率 ≥ 99%，每差 0.5% 扣 1 分（按比例），最多扣 8 分，差过 96% 即全扣；分母为 0 为暂缺",
        "3.V.1": "须统计报表差错数 ≤ 8",
    }


def test_each_scenario_is_resolved_by_its_own_options() -> None:
    tiered = rubric.scenario(AS_WRITTEN, "tiered", {"online_filing": "tiers", "headline": "no_excellence"})
    connection = loaded(AS_WRITTEN, rubric.scenario(AS_WRITTEN), tiered)
    kinds = connection.execute("SELECT scenario, kind FROM rubric_term WHERE item = '2.2.5' ORDER BY ALL").fetchall()
    assert kinds == [("in_force", "proportion"), ("tiered", "tiers")]
    tiers = connection.execute("SELECT scenario, tier_no, at_least_n, at_least_d FROM rubric_tier ORDER BY ALL")
    assert tiers.fetchall() == [("tiered", 1, 9, 10), ("tiered", 2, 7, 10), ("tiered", 3, 1, 2), ("tiered", 4, 0, 1)]
    barred = connection.execute("SELECT scenario, bars_grade FROM rubric_condition ORDER BY ALL").fetchall()
    assert barred == [("in_force", None), ("tiered", "优胜")]


def test_each_scenario_has_tiers_of_its_own(tmp_path: Path) -> None:
    copy = tmp_path / "2013"
    shutil.copytree(EDITION, copy)
    area = copy / "area-2.yml"
    text = area.read_text(encoding="utf-8")
    floor = "{interpretation: per_point, whole: 90%, started: 80%, pro_rata: 95%}"
    area.write_text(text.replace("at_least: 90%", f"at_least: {floor}"), encoding="utf-8")
    edition = rubric.load_edition(copy)
    options = [{"online_filing": "tiers", "per_point": each} for each in ("whole", "started", "pro_rata")]
    connection = empty_warehouse([(2013, "A")], {("online_filing", 2013)})
    figures = {"year": 2013, "town_id": "A", "month": 1, "insured_units": 100, "online_units": 90}
    insert(connection, "accepted_online_filing", [figures])
    rubric.load_into(connection, edition, [rubric.scenario(edition, each["per_point"], each) for each in options])
    transform.run_models(connection, transform.upstream("scored_item"))
    query = "SELECT scenario, points FROM scored_item WHERE item = '2.2.5'"
    assert dict(connection.execute(query).fetchall()) == {
        "whole": Decimal(2), "started": Decimal(2), "pro_rata": Decimal("1.5"),
    }  # fmt: skip


def test_loading_again_replaces_what_was_there() -> None:
    connection = loaded(AS_WRITTEN)
    first = connection.execute("FROM rubric_term").fetchall()
    rubric.load_into(connection, AS_WRITTEN, [rubric.scenario(AS_WRITTEN)])
    assert connection.execute("FROM rubric_term").fetchall() == first


# ----------------------------------------------------------------------------------------------------------------------
# Worked examples, scored by the product's own models


def outcomes(edition: rubric.Edition, examples: Sequence[rubric.Example]) -> list[dict[str, Any]]:
    """What the models make of each example, one town each: the fields its expectation names."""
    connection = empty_warehouse([(YEAR, f"{n}") for n in range(len(examples))], set())
    settings: dict[tuple[tuple[str, str], ...], rubric.Scenario] = {}
    figures: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    corrections: list[dict[str, Any]] = []
    for number, example in enumerate(examples):
        given = example.given
        key = tuple(sorted(given.options.items()))
        settings[key] = rubric.scenario(edition, str(key), given.options)
        town = {"year": YEAR, "town_id": str(number)}
        for indicator, figure in given.indicators.items():
            if figure:
                figures.append(town | {"indicator": indicator, "numerator": figure[0], "denominator": figure[1]})
        for item, each in given.judged.items():
            scores += [town | {"item": item, "score": score, "assessor": f"考核员{n}"} for n, score in enumerate(each)]
        adjusted = given.adjusted | (untouched(edition, example) if given.others == "full" else {})
        corrections += [town | {"item": item, "score": points} for item, points in adjusted.items()]
    connection.execute(
        "CREATE TABLE indicator_value (year INTEGER, town_id VARCHAR, indicator VARCHAR, numerator DECIMAL(20, 2), "
        "denominator DECIMAL(20, 2))"
    )
    for table, rows in (
        ("indicator_value", figures),
        ("accepted_assessor_scores", scores),
        ("accepted_adjustments", corrections),
    ):
        insert(connection, table, [{name: in_decimals(value) for name, value in row.items()} for row in rows])
    rubric.load_into(connection, edition, list(settings.values()))
    transform.run_models(connection, transform.upstream("scored_town", given={"indicator_value"}))
    items = by_key(connection, "SELECT scenario, town_id, item, * FROM scored_item", 3)
    towns = by_key(connection, "SELECT scenario, town_id, * FROM scored_town", 2)
    losses = by_key(
        connection,
        "SELECT scenario, town_id, item, list({'n': loss_n, 'd': loss_d} ORDER BY term_no) AS losses FROM scored_term "
        "GROUP BY ALL",
        3,
    )
    found = []
    for number, example in enumerate(examples):
        where = (str(tuple(sorted(example.given.options.items()))), str(number))
        if isinstance(example.expect, rubric.ItemExpectation):
            at = (*where, example.expect.item)
            taken = [None if each["n"] is None else Fraction(each["n"], each["d"]) for each in losses[at]["losses"]]
            row = items[at] | {"losses": tuple(taken)}
        else:
            row = towns[where]
        found.append({name: in_fractions(row[name]) for name in example.expect.model_fields_set})
    return found


def untouched(edition: rubric.Edition, example: rubric.Example) -> dict[str, Fraction]:
    """Full points for every item with points that the example says nothing about."""
    given, expect = example.given, example.expect
    said = {*given.judged, *given.adjusted, getattr(expect, "item", "")}
    options = rubric.scenario(edition, "of the example", given.options).options
    for item in edition.items:
        terms = rubric.terms_of(item, options)
        if any(getattr(term, "indicator", None) in given.indicators for term in terms):
            said.add(item.item)
    return {item.item: item.points for item in edition.items if item.kind == "scored" and item.item not in said}


def by_key(connection: duckdb.DuckDBPyConnection, query: str, keys: int) -> dict[tuple[Any, ...], dict[str, Any]]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return {row[:keys]: dict(zip(names, row, strict=True)) for row in result.fetchall()}


def in_decimals(value: Any) -> Any:
    return Decimal(value.numerator) / Decimal(value.denominator) if isinstance(value, Fraction) else value


def in_fractions(value: Any) -> Any:
    return Fraction(value) if isinstance(value, Decimal) else value


def expected(example: rubric.Example) -> dict[str, Any]:
    return {name: getattr(example.expect, name) for name in example.expect.model_fields_set}


@pytest.fixture(scope="module")
def scored_examples() -> list[dict[str, Any]]:
    return outcomes(AS_WRITTEN, EXAMPLES)


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=[example.title.en for example in EXAMPLES])
def test_example(number: int, scored_examples: list[dict[str, Any]]) -> None:
    assert scored_examples[number] == expected(EXAMPLES[number])


def test_the_worst_figure_takes_what_the_term_claims() -> None:
    readings = [{each.interpretation: o.option} for each in AS_WRITTEN.head.interpretations for o in each.options]
    # A judgement has no figure, a condition no points, and where less is better no figure is the worst.
    lowest_is_worst = [item for item in AS_WRITTEN.items if item.basis != "judged" and item.item != "3.1.3"]
    without = ("judged", "bonus", "condition")
    claimed, examples = [], []
    for options in readings:
        resolved = rubric.scenario(AS_WRITTEN, "", options).options
        for item in lowest_is_worst:
            terms = [term for term in rubric.terms_of(item, resolved) if term.kind not in without]
            if terms:
                claimed.append(tuple(rubric.worst_loss(term, item.points) for term in terms))
                given = {"options": options, "indicators": {term.indicator: "0/1" for term in terms}}
                expect = {"item": item.item, "losses": []}
                case = {"title": {"zh": "例", "en": "case"}, "given": given, "expect": expect}
                examples.append(rubric.Example.model_validate(case))
    assert [found["losses"] for found in outcomes(AS_WRITTEN, examples)] == claimed


# ----------------------------------------------------------------------------------------------------------------------
# The README

BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_a_sister_citys_edition_keeps_the_laws_and_its_examples_come_out() -> None:
    assert rubric.lint(SISTER_CITY) == []
    examples = rubric.load_examples(SISTER_CITY)
    found = outcomes(rubric.load_edition(SISTER_CITY), examples)
    assert dict(zip((e.title.en for e in examples), found, strict=True)) == {e.title.en: expected(e) for e in examples}


def test_a_sister_citys_edition_uses_every_kind_of_term_with_all_it_can_have() -> None:
    shown: dict[str, set[str]] = {}
    for item in rubric.load_edition(SISTER_CITY).items:
        for term in item.terms:
            shown.setdefault(term["kind"], set()).update(term)
    assert shown == {kind.model_fields["kind"].annotation.__args__[0]: set(kind.model_fields) for kind in KINDS}


@pytest.fixture(scope="module")
def readme_edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README's items as an edition: one area, filled up to 100 points with one more judged item."""
    folder = tmp_path_factory.mktemp("readme") / "2013"
    folder.mkdir()
    items, examples, points = "", "examples:\n", Fraction(100)
    for block in BLOCKS:
        item, _, cases = block.partition("examples:\n")
        items += "      - " + item.replace("\n", "\n        ").rstrip() + "\n"
        examples += cases
        carried = re.search(r"^points: (\S+)$", item, re.MULTILINE)
        points -= rubric.exact(carried[1]) if carried else 0
    filler = f"""\
      - item: rest
        clause: 其余
        basis: judged
        points: {points}
        title: {{zh: 其余, en: the rest}}
        requirement: {{zh: 其余, en: the rest}}
        terms: [{{kind: judged}}]
"""
    head = "area: 1\ntitle: {zh: 示例, en: examples}\npoints: 100\nsections:\n  - section: 1\n    clause: 示例\n"
    section = "    title: {zh: 示例, en: examples}\n    points: 100\n    items:\n"
    (folder / "area-1.yml").write_text(head + section + items + filler, encoding="utf-8")
    (folder / "examples.yml").write_text(examples, encoding="utf-8")
    for name in ("edition.yml", "indicators.yml"):
        shutil.copy(EDITION / name, folder / name)
    return folder


def test_the_examples_of_the_readme_come_out_as_written(readme_edition: Path) -> None:
    examples = rubric.load_examples(readme_edition)
    found = outcomes(rubric.load_edition(readme_edition), examples)
    assert dict(zip((e.title.en for e in examples), found, strict=True)) == {e.title.en: expected(e) for e in examples}
    assert len(examples) >= len(BLOCKS) > 7


def test_the_items_of_the_readme_keep_the_laws_of_items(readme_edition: Path) -> None:
    problems = [problem for problem in rubric.lint(readme_edition) if problem.file == "2013/area-1.yml"]
    assert [problem for problem in problems if problem.rule != "examples"] == []


def test_the_readme_shows_every_kind_of_term_and_all_a_shortfall_can_have(readme_edition: Path) -> None:
    shown: dict[str, set[str]] = {}
    for item in rubric.load_edition(readme_edition).items:
        for term in item.terms:
            shown.setdefault(term["kind"], set()).update(term)
    assert set(shown) == {"shortfall", "proportion", "tiers", "flag", "judged", "bonus", "condition"}
    assert shown["shortfall"] == set(rubric.Shortfall.model_fields)


def test_the_readme_names_every_law() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path(rubric.__file__).parent.glob("*.py"))
    table = README.read_text(encoding="utf-8").partition("## 规律")[2]
    used = {case.rule for case in BROKEN}
    assert {rule for rule in used if f"`{rule}`" not in table} == set()
    assert all(f'"{rule}"' in source for rule in used)


# ----------------------------------------------------------------------------------------------------------------------
# The schema


def test_the_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == rubric.schema(), "run make docs"


def as_json(path: Path) -> Any:
    found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return json.loads(json.dumps(found, default=lambda day: day.isoformat() if isinstance(day, date) else str(day)))


@pytest.mark.parametrize("path", sorted(EDITION.glob("*.yml")), ids=lambda path: path.name)
def test_the_schema_takes_the_files_as_they_are(path: Path) -> None:
    jsonschema.validate(as_json(path), json.loads(rubric.schema()))


def test_the_schema_refuses_a_key_it_does_not_know() -> None:
    area = as_json(EDITION / "area-1.yml")
    area["sections"][3]["items"][2]["terms"][0]["los_per_step"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(area, json.loads(rubric.schema()))


# ----------------------------------------------------------------------------------------------------------------------
# The laws, each broken once


@dataclass(frozen=True)
class Case:
    """One thing broken, and where it must be reported.

    Attributes:
        old, new: the first ``old`` in ``file`` after the text ``after`` becomes ``new``.
        at: text on the line that must be named, the first one after ``near`` (or ``after``) once it is broken.
        item: the item, section, area, interpretation, indicator, grade or edition that must be named.
        says: part of the message.
        where: the file that must be named, if it is another one than the one broken.
    """

    rule: str
    file: str
    after: str
    old: str
    new: str
    at: str
    item: str
    says: str
    near: str | None = None
    where: str | None = None


LINEAR = "{interpretation: count_short, linear: linear, all_or_nothing: nothing}"
SPARE_INDICATOR = """\
indicators:
  - indicator: spare
    title: {zh: 备用, en: spare}
    definition: {zh: 备用, en: spare}
    unit: count
    counted_in: {zh: 个, en: pieces}
    source: activities
"""
SPARE_READING = """\
interpretations:
  - interpretation: spare
    question: {zh: 备用, en: spare}
    default: one
    options:
      - {option: one, title: {zh: 一, en: one}}
      - {option: two, title: {zh: 二, en: two}}
"""
PER_POINT_AGAIN = """\
  - question: {zh: 备用, en: spare}
    interpretation: per_point
    default: whole
    options:
      - {option: whole, title: {zh: 一, en: one}}
      - {option: started, title: {zh: 二, en: two}}
      - {option: pro_rata, title: {zh: 三, en: three}}
  - interpretation: grade_gap
"""
ONE_EXAMPLE = """\
examples:
  - title: {zh: 例, en: case}
    given: {GIVEN}
    expect: {EXPECT}
"""


def example(given: str, expect: str, at: str, item: str, says: str) -> Case:
    broken = ONE_EXAMPLE.replace("GIVEN", given).replace("EXPECT", expect)
    return Case("examples", "examples.yml", "", "examples: []\n", broken, at, item, says)


A1, A2, A3, ED, IN = "area-1.yml", "area-2.yml", "area-3.yml", "edition.yml", "indicators.yml"

TIERS = [f"{{at_least: {floor}%, points: {points}}}" for floor, points in ((90, 2), (70, 1.5), (50, 1), (0, 0))]
SINKING = "\n                - ".join(TIERS)
LEVEL = re.sub("points: [0-9.]+", "points: 2", SINKING)

BROKEN = [
    # Files that cannot be read, and entries that are none
    Case("yaml", A1, "item: 1.4.1", "basis: judged", "basis: [judged", "points: 1", "1.4.1", "expected"),
    Case("shape", A1, "item: 1.4.1", "basis:", "bases:", "bases: judged", "1.4.1", "Extra inputs"),
    Case("shape", A1, "item: 1.4.1", "        clause: 一(四)1\n", "", "item: 1.4.1", "1.4.1", "clause: Field required"),
    Case("shape", A1, "item: 1.4.1", "clause: 一(四)1", 'clause: ""', 'clause: ""', "1.4.1", "at least 1 character"),
    Case("shape", A1, "item: 1.4.1", "points: 1", 'points: "1,5"', "points: ", "1.4.1", "'1,5' is no number"),
    Case("shape", A1, "item: 1.4.1", "points: 1", "points: 1.005", "points: ", "1.4.1", "two decimals"),
    Case("shape", A1, "item: 1.4.1", "kind: judged", "kind: jugded", "kind: ", "1.4.1", "does not match any"),
    Case("shape", A1, "item: 1.4.3", "step: 1", "step: 0", "step: 0", "1.4.3", "above 0"),
    Case("shape", ED, "", "points: 100\n", "", "", "2013", "points: Field required"),
    Case("shape", "examples.yml", "", "examples: []", "examples: [{title: case, given: {}, expect: {total: 1}}]",
         "title: case", "", "should be a valid dictionary"),
    Case("shape", A1, "item: 1.4.3", "part_step: whole", "part_step: hole", "part_step: ", "1.4.3",
         "'whole', 'started'"),
    Case("shape", A1, "item: 1.4.3", "loss_per_step", "los_per_step", "los_per_step: 1", "1.4.3", "Extra inputs"),
    Case("shape", A2, "item: 2.2.5", "at_least: 70%", "at_least: high", "at_least: high", "2.2.5",
         "'high' is no number"),
    Case("shape", A3, "item: 3.3.0", "no_excellence: 优胜", "no_excellence: [优胜]", "bars: ", "3.3.0", "one name"),
    # Names
    Case("unique", A1, "item: 1.4.1", "points: 1", "points: 1\n        points: 1", "points: 1\n        t", "1.4.1",
         "twice"),
    Case("unique", A1, "item: 1.4.2", "item: 1.4.3", "item: 1.4.2", "item: 1.4.2\n        clause: 一(四)3", "1.4.2",
         "already"),
    Case("unique", A1, "section: 1.2", "section: 1.3", "section: 1.2", "section: 1.2\n    clause: 一(三)", "1.2",
         "already"),
    Case("unique", A2, "", "area: 2", "area: 1", "area: 1", "1", "area 1 is there already"),
    Case("unique", IN, "", "indicator: articles", "indicator: analyses", "analyses\n    title: {zh: 分", "analyses",
         "already"),
    Case("unique", ED, "", "{grade: 合格", "{grade: 优胜", "{grade: 优胜, at_least: 85", "优胜", "already"),
    Case("unique", ED, "default: none", "option: half_up", "option: none", "none, title: {zh: 先", "grade_gap",
         "already"),
    Case("unique", ED, "default: none", "    default", "    default: half_up\n    default", "default: cap", "bonus_cap",
         "twice"),
    Case("unique", ED, "default: whole", "  - interpretation: grade_gap\n", PER_POINT_AGAIN,
         "interpretation: per_point", "per_point", "interpretation per_point is there already"),
    Case("unique", ED, "", "edition: 2013", "edition: 2014", "edition: 2014", "2014", "a folder called 2013"),
    # Points add up
    Case("points", A1, "item: 1.4.3", "points: 2", "points: 3", "points: 10", "1.4", "add up to 11",
         near="section: 1.4"),
    Case("points", A1, "", "points: 25", "points: 26", "points: 26", "1", "26 points, but its parts add up to 25"),
    Case("points", A1, "", "points: 25", "points: 26", "points: 100", "2013", "add up to 101", where=ED),
    Case("points", A1, "item: 1.4.1", "        points: 1\n", "", "item: 1.4.1", "1.4.1", "carries points"),
    Case("points", A1, "item: 1.4.B", "kind:", "points: 1\n        kind:", "points: 1", "1.4.B", "carries none"),
    # Every total has one grade
    Case("bands", ED, "", "at_least: 85", "at_least: 86", "bands:", "2013", "a total of 85 falls in 0 bands"),
    Case("bands", ED, "", "at_least: 85", "above: 85", "bands:", "2013", "a total of 85 falls in 0 bands"),
    Case("bands", ED, "", "at_most: 75", "below: 75", "bands:", "2013", "a total of 75 falls in 0 bands"),
    Case("bands", ED, "", "at_least: 95", "at_least: 95, at_most: 100", "bands:", "2013", "falls in 0 bands"),
    Case("bands", ED, "", "below: 85", "below: 86", "grade: 基本合格", "基本合格",
         "85 falls in 2 bands (合格、基本合格)"),
    Case("bands", ED, "", "below: 85", "at_most: 85", "grade: 基本合格", "基本合格", "85 falls in 2 bands"),
    Case("bands", ED, "", "{grade: 合格, at_least: 85, below: 95}\n  - {grade: 基本合格, above: 75, below: 85}",
         "{grade: 合格, above: 75, below: 85}\n  - {grade: 基本合格, at_least: 85, below: 95}",
         "grade: 基本合格", "基本合格", "rises to 85 falls in a worse band"),
    Case("bands", ED, "", "grade: 优胜", "grade: 特优", "grade: 特优", "特优", "labels.yml has no 特优"),
    Case("totals", ED, "", "grade_gap: {interpretation: grade_gap}", "grade_gap: up", "grade_gap: up", "2013",
         "cannot be up"),
    Case("totals", ED, "", "option: uncapped", "option: open", "bonus_cap: {", "bonus_cap", "cannot be open"),
    # Tiers
    Case("tiers", A2, "item: 2.2.5", "at_least: 0%", "at_least: 10%", "at_least: 10%", "2.2.5", "begins at 0"),
    Case("tiers", A2, "item: 2.2.5", "at_least: 70%", "at_least: 95%", "at_least: 95%", "2.2.5", "high to low"),
    Case("tiers", A2, "item: 2.2.5", "50%, points: 1}", "50%, points: 1.75}", "at_least: 50%", "2.2.5", "gives more"),
    Case("tiers", A2, "item: 2.2.5", "90%, points: 2}", "90%, points: 1.9}", "points: 2\n              t", "2.2.5",
         "all the"),
    Case("loss", A2, "item: 2.2.5", SINKING, LEVEL, "tiers:\n                - ", "2.2.5", "gives the same"),
    # A term can lose what it claims
    Case("loss", A1, "item: 1.4.3", "step: 1", "step: 4", "step: 4", "1.4.3", "never takes anything"),
    Case("loss", A1, "item: 1.4.3", "loss_per_step: 1", "loss_per_step: 0.5", "points: 2", "1.4.3",
         "take 1.5 together"),
    Case("loss", A1, "item: 1.4.4", "points: 1", "points: 3.5", "points: 3.5", "1.4.4", "governs 3.5 points, more"),
    Case("loss", A1, "item: 1.4.4", "step: 1", "step: 1\n            cap: 2.5", "cap: 2.5", "1.4.4",
         "never its cap of 2.5"),
    Case("loss", A3, "item: 3.3.1", "step: 1%", "step: 1%\n            cliff: 100%", "cliff: 100%", "3.3.1",
         "good side"),
    Case("loss", A3, "item: 3.3.1", "step: 1%", "step: 1%\n            cliff: 97%", "cliff: 97%", "3.3.1",
         "all is taken"),
    Case("loss", A3, "item: 3.3.0", "target: 95%", "target: 0%", "target: 0%", "3.3.0", "always met"),
    Case("loss", A2, "item: 2.2.5", "50%, points: 1}\n                - {at_least: 0%, points: 0}",
         "50%, points: 1}\n                - {at_least: 0%, points: 1}", "points: 2", "2.2.5", "take 1 together"),
    # Terms fit their item and their indicator
    Case("kind", A1, "item: 1.4.3", "part_step: whole", "part_step: whole\n          - kind: judged", "kind: judged",
         "1.4.3",
         "one term only"),
    Case("kind", A1, "item: 1.4.1", "kind: judged", "kind: bonus", "kind: bonus", "1.4.1", "has no bonus term"),
    Case("kind", A1, "item: 1.4.B", "kind: bonus\n", "kind: condition\n", "kind: bonus", "1.4.B", "has no bonus term"),
    Case("indicator", A1, "item: 1.4.4", "has_publicity", "meetings", "indicator: meetings", "1.4.4",
         "does not look at a count"),
    Case("zero_denominator", A3, "item: 3.2.3", "            zero_denominator: missing\n", "", "- kind", "3.2.3",
         "is not said"),
    Case("zero_denominator", A1, "item: 1.4.3", "step: 1", "step: 1\n            zero_denominator: full",
         "zero_denominator: full", "1.4.3", "a count has no denominator"),
    # The basis of each item
    Case("basis", A1, "item: 1.4.3", "basis: stated", "basis: lost", "basis: lost", "1.4.3", "can only be judged"),
    Case("basis", A1, "item: 1.4.3", "basis: stated", "basis: judged", "basis: judged", "1.4.3", "yet it is computed"),
    Case("basis", A1, "item: 1.4.1", "basis: judged", "basis: stated", "basis: stated", "1.4.1", "yet it is judged"),
    Case("basis", A1, "item: 1.4.5", LINEAR, "linear", "basis: target_only", "1.4.5", "is an interpretation"),
    Case("basis", A1, "item: 1.2", "the wording is lost, only", "only", "requirement:", "1.2", "said to be lost"),
    Case("basis", A1, "item: 1.2", "basis: lost", "basis: judged", "requirement:", "1.2", "nothing else is"),
    # Indicators
    Case("indicator", A1, "item: 1.4.3", "training_sessions", "trainings", "indicator: trainings", "1.4.3",
         "not defined"),
    Case("indicator", A1, "item: 1.4.2", "report_errors", "errors", "shown:", "1.4.2", "errors is not defined"),
    Case("indicator", IN, "", "indicators:\n", SPARE_INDICATOR, "indicator: spare", "spare", "used by no item"),
    Case("indicator", IN, "", "indicators:\n", SPARE_INDICATOR, "indicator: spare", "spare", "has no model"),
    Case("indicator", IN, "", "source: staffing", "source: staff", "source: staff", "persons_per_staff",
         "no source staff"),
    # Interpretations
    Case("interpretation", A3, "item: 3.2.3", "{interpretation: per_point}", "{interpretation: points}", "part_step: ",
         "3.2.3", "no interpretation points"),
    Case("interpretation", A1, "item: 1.4.5", ", all_or_nothing: nothing", "", "below_target", "1.4.5",
         "no value for all_or"),
    Case("interpretation", A1, "item: 1.4.5", "all_or_nothing: nothing", "all_or_nothing: nothing, half: nothing",
         "below_target", "1.4.5", "no option half"),
    Case("interpretation", ED, "", "{interpretation: grade_gap}", "{interpretation: gap}", "grade_gap: ", "gap",
         "no interpretation gap"),
    Case("interpretation", ED, "", "default: whole", "default: half", "default: half", "per_point",
         "none of its options"),
    Case("interpretation", ED, "", "interpretations:\n", SPARE_READING, "interpretation: spare", "spare",
         "nothing depends"),
    # Conditions
    Case("bars", A3, "item: 3.3.0", "no_excellence: 优胜", "no_excellence: 特优", "bars: ", "3.3.0",
         "特优 cannot be barred"),
    Case("bars", A3, "item: 3.3.0", "no_excellence: 优胜", "no_excellence: 不合格", "bars: ", "3.3.0", "none below it"),
    Case("bars", A3, "item: 3.3.1", "points: 2", "points: 2\n        bars: 优胜", "bars: 优胜", "3.3.1",
         "only a condition"),
    # Examples
    example("judged: {1.9: [1]}", "item: '1.1'", "given: {j", "例", "the rubric has no 1.9"),
    example("judged: {1.4.3: [1]}", "item: 1.4.3", "given: {j", "例", "no 1.4.3 to be had here"),
    example("adjusted: {3.3.0: 1}", "item: 1.4.3", "given: {a", "例", "no 3.3.0 to be had here"),
    example("indicators: {training: 3}", "item: 1.4.3", "given: {i", "例", "the rubric has no training"),
    example("options: {per_point: half}", "item: 1.4.3", "given: {o", "例", "the rubric has no per_point=half"),
    example("", "item: 1.9", "expect: {item: 1.9}", "1.9", "the rubric has no 1.9"),
    Case("examples", A1, "", "points: 25", "points: 25", "item: 1.4.3", "1.4.3", "0 worked example(s), at least 3"),
    Case("examples", ED, "", "points: 100", "points: 100", "option: half_up", "grade_gap",
         "half_up: 0 worked example(s)"),
]  # fmt: skip


def broken(folder: Path, case: Case) -> Path:
    """A copy of the edition, without its examples, with the one thing broken."""
    copy = folder / "2013"
    shutil.copytree(EDITION, copy)
    (copy / "examples.yml").write_text("examples: []\n", encoding="utf-8")
    text = (copy / case.file).read_text(encoding="utf-8")
    start = text.index(case.after)
    assert case.old in text[start:]
    (copy / case.file).write_text(text[:start] + text[start:].replace(case.old, case.new, 1), encoding="utf-8")
    return copy


def line_of(path: Path, near: str, at: str) -> int:
    text = path.read_text(encoding="utf-8")
    return text.count("\n", 0, text.index(at, text.index(near))) + 1


@pytest.mark.parametrize("case", BROKEN, ids=[f"{case.rule}: {case.says}" for case in BROKEN])
def test_a_law_broken_is_told_with_file_line_and_item(tmp_path: Path, case: Case) -> None:
    folder = broken(tmp_path, case)
    models = {each.indicator for each in AS_WRITTEN.indicators}
    where = case.where or case.file
    near = case.near if case.near is not None else case.after if where == case.file else ""
    told = [problem for problem in rubric.lint(folder, models) if problem.rule == case.rule]
    wanted = (f"2013/{where}", f"line {line_of(folder / where, near, case.at)}", case.item)
    assert wanted in {(p.file, p.cell, p.column) for p in told if case.says in p.message_en}, told
    assert all(problem.message_zh and problem.remedy_zh and problem.remedy_en for problem in told)


@pytest.mark.parametrize(
    ("old", "new", "zh", "value"),
    [
        ("        clause: 一(四)1\n", "", "clause：缺少此项", ""),
        ("basis: judged", "bases: judged", "bases：没有这一项", "judged"),
        ("basis: judged", "basis: said", "basis：不在可选值之内", "said"),
        ("points: 1", "points: 1。5", "points：数值写法不对", "1。5"),
        ("kind: judged", "kind: jugded", "：没有这种类型", ""),
        ("kind: judged", "sort: judged", "：未写明类型", ""),
        ("clause: 一(四)1", 'clause: ""', "clause：不得为空", ""),
        ("clause: 一(四)1", "clause: [一]", "clause：不符合要求", ""),
        ("terms:\n          - kind: judged", "terms: []", "terms：至少要有一项", ""),
    ],
)
def test_what_is_wrong_with_the_shape_of_an_entry_is_told_in_chinese_too(
    tmp_path: Path, old: str, new: str, zh: str, value: str
) -> None:
    told = rubric.lint(broken(tmp_path, Case("", A1, "item: 1.4.1", old, new, "", "", "")))
    assert [problem.value for problem in told if problem.message_zh.endswith(zh)] == [value]


@pytest.mark.parametrize(
    ("file", "after", "name", "again"),
    [
        (A1, "points: 25", "section: 1.2", "section: 1.1"),
        (A1, "section: 1.4", "item: 1.4.3", "item: 1.4.2"),
        (A2, "#", "area: 2", "area: 1"),
        (IN, "", "indicator: analyses", "indicator: articles"),
        (ED, "", "grade: 合格", "grade: 优胜"),
        (ED, "default: none", "option: half_up", "option: none"),
    ],
)
def test_a_name_used_twice_is_told_on_its_own_line(
    tmp_path: Path, file: str, after: str, name: str, again: str
) -> None:
    """Also where it is not what its entry begins with."""
    folder = broken(tmp_path, Case("", file, after, name, "SPARE", "", "", ""))
    text = (folder / file).read_text(encoding="utf-8")
    entry = re.search(r"^( *(?:- )?(?:\{)?)SPARE(.*)$", text, re.MULTILINE)
    assert entry
    indent = entry[1].replace("-", " ").replace("{", " ")
    if "{" in entry[1]:
        moved = f"{entry[1]}{entry[2].removeprefix(', ')[:-1]},\n{indent}{again}}}"
    else:
        following = re.compile(r"\n *(.*(?:\n" + indent + r" .*)*)").match(text, entry.end())
        assert following
        moved = f"{entry[1]}{following[1]}\n{indent}{again}"
        text = text[: entry.end()] + text[following.end() :]
    (folder / file).write_text(text[: entry.start()] + moved + text[entry.end() :], encoding="utf-8")
    line = text.count("\n", 0, entry.start()) + moved.count("\n") + 1
    told = [problem for problem in rubric.lint(folder) if problem.rule == "unique"]
    assert [(problem.file, problem.cell) for problem in told] == [(f"2013/{file}", f"line {line}")], told


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    folder = broken(tmp_path, Case("", A1, "", "area: 1", "area: 1", "", "", ""))
    (folder / A1).write_text((EDITION / A1).read_text(encoding="utf-8"), encoding="gb18030")
    told = [(problem.file, problem.cell) for problem in rubric.lint(folder) if problem.rule == "yaml"]
    assert told == [(f"2013/{A1}", "line 1")]


def test_every_file_is_told_of_in_one_pass(tmp_path: Path) -> None:
    folder = broken(tmp_path, Case("", A1, "item: 1.4.1", "points: 1", "points: one", "", "", ""))
    for name, old, new in (
        (A3, "basis: stated", "basis: said"),
        (IN, "unit: ratio", "unit: rate"),
        (ED, "100", "lots"),
    ):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(KaoheError) as caught:
        rubric.load_edition(folder)
    assert caught.value.code == Exit.REJECTED
    assert {problem.file for problem in caught.value.problems} == {f"2013/{name}" for name in (A1, A3, IN, ED)}
    assert sum(problem.file == f"2013/{A3}" for problem in caught.value.problems) == 4


def test_broken_examples_do_not_hide_what_is_broken_elsewhere(tmp_path: Path) -> None:
    folder = broken(tmp_path, Case("", A1, "item: 1.4.3", "points: 2", "points: 3", "", "", ""))
    (folder / "examples.yml").write_text("examples: {}\n", encoding="utf-8")
    assert [(problem.file, problem.rule) for problem in rubric.lint(folder)] == [
        ("2013/examples.yml", "shape"),
        ("2013/area-1.yml", "points"),
    ]


def test_a_missing_file_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    with pytest.raises(KaoheError) as caught:
        rubric.load_edition(tmp_path / "2013")
    assert [problem.file for problem in caught.value.problems] == ["2013/edition.yml", "2013/indicators.yml"]
    assert {(problem.cell, problem.column) for problem in caught.value.problems} == {("line 1", "")}
    assert all("No such file" in problem.message_en for problem in caught.value.problems)
    with pytest.raises(KaoheError):
        rubric.load_examples(tmp_path / "2013")


def test_what_a_total_cannot_be_is_told_in_a_fixed_order(tmp_path: Path) -> None:
    three = "bonus_cap: {interpretation: per_point, whole: shut, started: open, pro_rata: ajar}"
    told = rubric.lint(broken(tmp_path, Case("", ED, "", "bonus_cap: {interpretation: bonus_cap}", three, "", "", "")))
    said = [problem.message_en.partition(";")[0] for problem in told if problem.rule == "totals"]
    assert said == [f"bonus_cap cannot be {each}" for each in ("ajar", "open", "shut")]


def test_whole_bands_do_where_totals_are_rounded_first(tmp_path: Path) -> None:
    whole = "grade: 合格, at_least: 85, at_most: 94}\n  - {grade: 基本合格, at_least: 76, at_most: 84}"
    exact = "grade: 合格, at_least: 85, below: 95}\n  - {grade: 基本合格, above: 75, below: 85}"
    folder = broken(tmp_path, Case("", ED, "", exact, whole, "", "", ""))

    def told() -> list[Problem]:
        return [problem for problem in rubric.lint(folder) if problem.rule == "bands"]

    assert {problem.message_en.partition(" falls")[0] for problem in told()} == {
        "a total of 75.5",
        "a total of 84.5",
        "a total of 94.5",
    }
    text = (folder / ED).read_text(encoding="utf-8")
    (folder / ED).write_text(text.replace("{interpretation: grade_gap}", "half_up"), encoding="utf-8")
    assert told() == []
