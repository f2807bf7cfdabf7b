"""Breaks the models that scores rest on, one place at a time, and tells which breaks no test notices.

    .venv/bin/python tests/mutation.py                     every such model: hours
    .venv/bin/python tests/mutation.py scored_item         one of them
    .venv/bin/python tests/mutation.py --every 10          one break in ten: a sample

A break changes one place of a SELECT: a comparison, sign or constant, AND for OR; or a condition, branch, default or
join is left out. Each is tried in a process of its own, with the broken model in place of the right one, until it is
noticed. Breaks that change no result stand in ``EQUAL`` with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp, parse_one

import test_agreement
from breaking import Break, refuse_reasons_for_nothing, try_all
from drawn_worlds import Recipe
from pipelines import transform
from second_opinion import TownResult, World, score

ROOT = Path(__file__).parents[1]
#: Worlds whose scores the second opinion has told before anything is broken: most breaks are noticed there, at once.
WORLDS = [
    Recipe(seed=seed, years=2, undelivered=(("publicity", 1), ("activities", seed % 2)), patchy=0.3, town_years=60)
    for seed in range(6)
]
#: What else has to notice.
TESTS = (
    ("tests/test_figures.py", "tests/test_agreement.py", "-k", "figures or where_a_grade or never_equals"),
    ("tests/test_rubric.py", "-k", "test_example or worst_figure or readme or of_its_own or sister"),
    ("tests/test_records.py", "tests/test_golden.py", "-m", "not long"),
)
#: Seconds after which a break is given up.
SECONDS = 300

_NOT_THERE = "what there is nothing to divide by has its loss said before tiers and cliffs are asked"
_STEPS = "no other kind of term looks at its steps"
_ONE = "one text or fraction is what a list of one comes to; the list only costs more"
#: Model → how a break of it is shown → why no result can tell it.
EQUAL: dict[str, dict[str, str]] = {
    "delivered_source": {
        "SELECT DISTINCT source, year FROM delivery_file WHERE NOT year IS NULL | WHERE NOT year IS NULL → left out": (
            "a year of a town equals no missing year"
        ),
    },
    "adjustment": {
        "SELECT year, town_id, item, score AS adjusted_points, reason …  BY approved_on DESC) = 1 | "
        "WHERE NOT score IS NULL → left out": "no decision without a score is accepted: its contract",
    },
    "judgement": {
        "score.year = whole.year AND score.town_id = whole.town_id AN … m AND whole.assessors > 1 | "
        "whole.assessors > 1 → whole.assessors >= 1": _ONE,
    },
    "scored_term": {
        "standing.kind = 'tiers' AND standing.d > 0 → standing.kind = 'tiers'": _NOT_THERE,
        "standing.kind = 'tiers' AND standing.d > 0 → standing.kind = 'tiers' OR standing.d > 0": _NOT_THERE,
        "d > 0 AND CASE WHEN direction = 'at_most' THEN n * cliff_d > … cliff_d < cliff_n * d END | d > 0 → d >= 0": (
            _NOT_THERE
        ),
        "CASE WHEN kind <> 'shortfall' OR status <> 'scored' OR d = 0 … ' THEN short_d ELSE 1 END → without branch 1": (
            _STEPS
        ),
        "CASE WHEN loss_n < 0 THEN -cap_n END | loss_n < 0 → loss_n <= 0": "a loss of nothing is under every cap",
    },
    "scored_item": {
        "BOOL_AND(CAST(term.kind IN ('judged', 'bonus') AS BOOLEAN)) → "
        "BOOL_OR(CAST(term.kind IN ('judged', 'bonus') AS BOOLEAN))": "what is judged has one term, by law",
        "ARRAY_AGG({'n': term.worst_n, 'd': term.worst_d}) FILTER(WHERE term.terms_of_item > 1) → "
        "ARRAY_AGG({'n': term.worst_n, 'd': term.worst_d})": _ONE,
    },
    "scored_town": {
        "GREATEST(band_high.position, COALESCE(condition.best_position, 1)) | "
        "COALESCE(condition.best_position, 1) → condition.best_position": "the greater of a number and nothing is it",
    },
}

OTHER: dict[type[exp.Expression], tuple[type[exp.Expression], ...]] = {
    exp.LT: (exp.LTE, exp.GTE),
    exp.LTE: (exp.LT, exp.GT),
    exp.GT: (exp.GTE, exp.LTE),
    exp.GTE: (exp.GT, exp.LT),
    exp.EQ: (exp.NEQ,),
    exp.NEQ: (exp.EQ,),
    exp.Add: (exp.Sub,),
    exp.Sub: (exp.Add,),
    exp.Mul: (exp.Add,),
    exp.IntDiv: (exp.Mul,),
    exp.And: (exp.Or,),
    exp.Or: (exp.And,),
    exp.Least: (exp.Greatest,),
    exp.Greatest: (exp.Least,),
    exp.Min: (exp.Max,),
    exp.Max: (exp.Min,),
    exp.LogicalOr: (exp.LogicalAnd,),
    exp.LogicalAnd: (exp.LogicalOr,),
}

Change = Callable[[Any], object]


def breaks(model: transform.Model) -> Iterator[Break]:
    """Every break of a model, one place at a time."""
    tree = parse_one(model.select, dialect="duckdb")
    for place, node in enumerate(list(tree.walk())):
        for words, change in _changes(node):
            copied = tree.copy()
            change(list(copied.walk())[place])
            yield Break(model.name, f"{_around(node)}{_short(node)} → {words}", copied.sql(dialect="duckdb"))


def _changes(node: Any) -> Iterator[tuple[str, Change]]:
    """What can be done to a place, in words and as done to a copy of it."""
    for made in _instead(node):
        yield _short(made), lambda there, made=made: there.replace(made.copy())
    match node:
        case exp.Where():
            yield "left out", lambda there: there.pop()
        case exp.Case():
            for number in range(len(node.args["ifs"]) if len(node.args["ifs"]) > 1 else 0):
                yield f"without branch {number + 1}", lambda there, number=number: there.args["ifs"][number].pop()
            if node.args.get("default"):
                yield "without ELSE", lambda there: there.set("default", None)
        case exp.Join() if node.side == "LEFT":
            yield "inner", lambda there: there.set("side", None)
        case exp.Ordered():
            yield "the other way round", lambda there: there.set("desc", not there.args.get("desc"))


def _instead(node: Any) -> Iterator[exp.Expression]:
    for kind in OTHER.get(type(node), ()):
        yield kind(**node.copy().args)
    match node:
        case exp.Literal() if node.is_string:
            yield exp.Literal.string(f"{node.this}~")
        case exp.Literal() if node.is_int and not isinstance(node.parent, exp.DataTypeParam):
            yield exp.Literal.number(int(node.this) + 1)
        case exp.Boolean():
            yield exp.Boolean(this=not node.this)
        case exp.Not() | exp.Neg() | exp.Abs() | exp.Coalesce() | exp.Nullif() | exp.Filter():
            yield node.this
        case exp.Is():
            yield exp.Not(this=exp.Paren(this=node.copy()))
        case exp.And():
            yield node.left
            yield node.right


def _around(node: exp.Expression) -> str:
    """What a small place stands in, so that it can be told from others like it."""
    if len(node.sql(dialect="duckdb")) > 40 or node.parent is None:
        return ""
    return f"{_short(node.parent)} | "


def _short(node: exp.Expression) -> str:
    text = " ".join(node.sql(dialect="duckdb").split())
    return text if len(text) < 90 else f"{text[:60]} … {text[-25:]}"


def is_noticed(broken: Break | None) -> bool:
    """Whether anything is noticed with the break in place (or with nothing broken); for a process of its own."""
    if broken:
        models = transform.load_models()
        models[broken.where] = replace(models[broken.where], select=broken.made)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            for recipe in WORLDS:
                test_agreement.assert_agreement(_world(recipe), test_agreement.ONE_APART)
        except Exception:
            return True
        return any(pytest.main(["-x", "-p", "no:cacheprovider", *selection]) for selection in TESTS)


@cache
def _world(recipe: Recipe) -> World:
    return recipe.world()


@cache
def _told(recipe: Recipe, options: tuple[tuple[str, str], ...]) -> Mapping[tuple[int, str], TownResult]:
    return score(_world(recipe), dict(options))


def _prepare() -> None:
    """Import what the tests import and have the second opinion on every world; no database is opened before a fork."""
    recipes = {id(_world(recipe)): recipe for recipe in WORLDS}
    test_agreement.score = lambda world, options: (
        _told(recipes[id(world)], tuple(options.items())) if id(world) in recipes else score(world, options)
    )
    for recipe in WORLDS:
        for options in test_agreement.ONE_APART.values():
            _told(recipe, tuple(options.items()))
    for selection in TESTS:
        with contextlib.redirect_stdout(io.StringIO()):
            pytest.main(["--collect-only", *selection])


def main() -> int:
    """Break, try, tell; 1 where a break is not noticed and ``EQUAL`` has no reason for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    scoring = [model.name for model in transform.upstream("scored_town")]
    parser.add_argument("models", nargs="*", default=scoring, metavar="MODEL", help="without any: all a score rests on")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one break in N")
    given = parser.parse_args()
    os.chdir(ROOT)
    every = [each for name in given.models for each in breaks(transform.load_models()[name])]
    refuse_reasons_for_nothing(every, EQUAL)
    _prepare()
    return try_all(every[:: given.every], EQUAL, is_noticed, lambda _: SECONDS)


if __name__ == "__main__":
    sys.exit(main())
