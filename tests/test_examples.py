"""Every worked case beside the rubric, and every one in its guide, holds when the product's own models score it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipelines import rubric
from worlds import EDITION, ProductScores, empty_warehouse, insert, run_scores

YEAR = 2013
GUIDE = Path(__file__).parent.parent / "rubric" / "README.md"


def _score(examples: Sequence[rubric.Example]) -> ProductScores:
    """All examples in one pass: each is a town of its own, under a scenario of its own."""
    edition = rubric.load_edition(EDITION)
    connection = empty_warehouse([(YEAR, _town(at)) for at in range(len(examples))], set())
    figures, scores, adjustments = [], [], []
    for at, example in enumerate(examples):
        given = example.given
        town = {"year": YEAR, "town_id": _town(at)}
        for indicator, figure in given.indicators.items():
            if figure != "missing":
                numerator, _, denominator = figure.partition("/")
                parts = {"numerator": Decimal(numerator), "denominator": Decimal(denominator or 1)}
                figures.append(town | {"indicator": indicator} | parts)
        for item, given_scores in given.judged.items():
            scores += [
                town | {"item": item, "score": _decimal(score), "assessor": str(number), "source_file": "x"}
                for number, score in enumerate(given_scores)
            ]
        adjusted = {item: _decimal(points) for item, points in given.adjusted.items()}
        if given.others == "full":
            spoken_of = {*given.judged, *given.adjusted, example.expect.item}
            for item in edition.items:
                uses = {term.get("indicator") for term in item.terms} | {
                    each.get("indicator") for term in item.terms for each in term.values() if isinstance(each, dict)
                }
                if item.kind == "scored" and item.item not in spoken_of and not uses & set(given.indicators):
                    adjusted[item.item] = _decimal(item.points)
        adjustments += [
            town | {"item": item, "score": points, "reason": "x", "source_file": "x"}
            for item, points in adjusted.items()
        ]
    insert(connection, "accepted_assessor_scores", scores)
    insert(connection, "accepted_adjustments", adjustments)
    connection.execute(
        "CREATE TABLE given_figure (indicator VARCHAR, year INTEGER, town_id VARCHAR, numerator DECIMAL(20, 2), "
        "denominator DECIMAL(20, 2), first_source STRUCT(file VARCHAR, sheet VARCHAR, row BIGINT), source_rows BIGINT)"
    )
    insert(connection, "given_figure", figures)
    scenarios = {_town(at): example.given.options for at, example in enumerate(examples)}
    return run_scores(connection, scenarios, figures="given_figure")


def _town(at: int) -> str:
    return f"example-{at}"


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def _check(examples: Sequence[rubric.Example]) -> None:
    product = _score(examples)
    wrong = []
    for at, example in enumerate(examples):
        expect = example.expect
        if expect.item:
            names = ("status", "points", "points_low", "points_high", "points_before_adjustment")
            found: tuple[Any, ...] = product.items[_town(at), YEAR, _town(at), expect.item]
        else:
            names = (
                *("status", "points", "bonus", "total", "total_low", "total_high", "grade", "grade_low", "grade_high"),
                *("rank", "condition_met"),
            )
            found = product.towns[_town(at), YEAR, _town(at)]
        got = dict(zip(names, found, strict=True))
        for name in expect.model_fields_set - {"item"}:
            wanted = getattr(expect, name)
            if got[name] != (_decimal(wanted) if isinstance(wanted, Fraction) else wanted):
                wrong.append(f"{example.title.en}: {name} is {got[name]}, expected {wanted}")
    assert not wrong, "\n".join(wrong)


def test_every_worked_case_of_the_edition_holds() -> None:
    examples = rubric.load_examples(EDITION)
    assert len(examples) >= 30
    _check(examples)


def test_every_case_in_the_guide_holds_and_every_term_kind_has_one() -> None:
    blocks = re.findall(r"```yaml\n# example\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    written = [YAML(typ="base").load(block) for block in blocks]
    examples = [rubric.Example.model_validate(each["example"]) for each in written]
    kinds = {each["kind"] for each in written}
    assert kinds == {"shortfall", "proportion", "tiers", "flag", "judged", "bonus", "condition"}
    _check(examples)


def test_a_wrong_expectation_is_noticed() -> None:
    example = rubric.load_examples(EDITION)[0]
    wrong = example.model_copy(update={"expect": rubric.Expect(item="1.1", points=Fraction(1, 4))})
    with pytest.raises(AssertionError, match="expected 1/4"):
        _check([wrong])
