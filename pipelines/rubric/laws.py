"""The laws an edition keeps, beyond the shape of its files; what breaks them is told by line and item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipelines.contracts import load_contracts
from pipelines.errors import KaoheError, Problem
from pipelines.labels import is_labelled
from pipelines.rubric.edition import TOTALS, Band, Edition, Item
from pipelines.rubric.examples import Example, ExamplesFile, ItemExpectation
from pipelines.rubric.faults import Broken, Where, items_of, problems_of, sections_of
from pipelines.rubric.files import load_edition, read_file
from pipelines.rubric.numbers import as_text
from pipelines.rubric.readings import (
    combinations,
    interpretations_in,
    known_options,
    mappings_in,
    possible_values,
    scenario,
    terms_of,
)
from pipelines.rubric.terms import Bonus, Condition, Flag, Shortfall, Term, Tiers, worst_loss


def lint(folder: Path, known_indicators: set[str] | None = None) -> list[Problem]:
    """Every law the edition in ``folder`` breaks, by file, line and item; empty where it keeps them all.

    ``known_indicators`` are those there is a model for; None where that is not to be asked.
    """
    try:
        edition = load_edition(folder)
    except KaoheError as error:
        problems: list[Problem] = []
        read_file(folder / "examples.yml", ExamplesFile, problems, {})
        return [*error.problems, *problems]
    return laws_broken(edition, folder, known_indicators)


def laws_broken(edition: Edition, folder: Path, known_indicators: set[str] | None = None) -> list[Problem]:
    """What ``lint`` finds of an edition that was loaded from ``folder``."""
    problems: list[Problem] = []
    written: dict[str, Any] = {}
    examples = read_file(folder / "examples.yml", ExamplesFile, problems, written)
    edition = replace(edition, written={**edition.written, **written})
    broken = [
        *_names_are_unique(edition),
        *_points_add_up(edition),
        *_bands_tile(edition),
        *_totals_are_known(edition),
        *_terms_can_lose(edition),
        *_bases_hold(edition),
        *_indicators_are_used(edition, known_indicators),
        *_interpretations_are_used(edition),
        *_conditions_bar_grades(edition),
    ]
    if examples:
        broken += [*_examples_name_what_is(edition, examples.examples), *_examples_suffice(edition, examples.examples)]
    return [*problems, *problems_of(edition, broken)]


def _names_are_unique(edition: Edition) -> Iterator[Broken]:
    head = edition.head
    named: dict[str, list[tuple[Where, str]]] = {
        "area": [((file, "area"), area.area) for file, area in zip(edition.area_files, edition.areas, strict=True)],
        "section": [((*where, "section"), section.section) for where, section in sections_of(edition)],
        "item": [((*where, "item"), item.item) for where, item in items_of(edition)],
        "indicator": [
            (("indicators.yml", "indicators", n, "indicator"), each.indicator)
            for n, each in enumerate(edition.indicators)
        ],
        "grade": [(("edition.yml", "bands", n, "grade"), band.grade) for n, band in enumerate(head.bands)],
        "interpretation": [
            (("edition.yml", "interpretations", n, "interpretation"), each.interpretation)
            for n, each in enumerate(head.interpretations)
        ],
    }
    for n, each in enumerate(head.interpretations):
        named[f"option of {each.interpretation}"] = [
            (("edition.yml", "interpretations", n, "options", position, "option"), option.option)
            for position, option in enumerate(each.options)
        ]
    for kind, places in named.items():
        seen: set[str] = set()
        for where, name in places:
            if name in seen:
                yield Broken(where, "unique", f"编号 {name} 重复", f"{kind} {name} is there already")
            seen.add(name)
    if head.edition != edition.folder:
        yield Broken(
            ("edition.yml", "edition"),
            "unique",
            f"版本 {head.edition} 与文件夹名 {edition.folder} 不一致",
            f"edition {head.edition} lies in a folder called {edition.folder}",
        )


def _points_add_up(edition: Edition) -> Iterator[Broken]:
    def differs(where: Where, claimed: Fraction, parts: Sequence[Fraction]) -> Iterator[Broken]:
        total = sum(parts, Fraction(0))
        if claimed != total:
            told, added = as_text(claimed), as_text(total)
            yield Broken(
                (*where, "points"),
                "points",
                f"分值 {told} 与各部分之和 {added} 不符",
                f"{told} points, but its parts add up to {added}",
            )

    yield from differs(("edition.yml",), edition.head.points, [area.points for area in edition.areas])
    for file, area in zip(edition.area_files, edition.areas, strict=True):
        yield from differs((file,), area.points, [section.points for section in area.sections])
    for where, section in sections_of(edition):
        yield from differs(where, section.points, [item.points for item in section.items])
    for where, item in items_of(edition):
        if (item.kind == "scored") != (item.points > 0):
            yield Broken(
                (*where, "points"),
                "points",
                "计分条须有分值，加分条与条件条不得有分值",
                "a scored item carries points; a bonus or a condition carries none",
            )


def _bands_tile(edition: Edition) -> Iterator[Broken]:
    """Every total falls in one band, and a better total never in a worse one, whatever becomes of the gaps."""
    head = edition.head
    for n, band in enumerate(head.bands):
        if not is_labelled(f"grade_{band.grade}"):
            where: Where = ("edition.yml", "bands", n, "grade")
            yield Broken(where, "bands", f"labels.yml 中没有等次 {band.grade}", f"labels.yml has no {band.grade}")
    limits = sorted({limit for band in head.bands for limit in _limits(band)} | {Fraction(0), head.points})
    beyond = limits[-1] + head.points
    exact_totals = {*limits, *((low + high) / 2 for low, high in pairwise([*limits, beyond])), beyond}
    for gap in sorted(possible_values(edition, head.totals.grade_gap)):
        # Rounded to whole points first, only whole totals ever meet the bands.
        totals = {Fraction(n) for n in range(int(beyond) + 1)} if gap == "half_up" else exact_totals
        held = [(total, [n for n, band in enumerate(head.bands) if band.holds(total)]) for total in sorted(totals)]
        for total, found in held:
            if len(found) != 1:
                grades = "、".join(head.bands[n].grade for n in found)
                yield Broken(
                    ("edition.yml", "bands", *found[-1:]),
                    "bands",
                    f"总分 {as_text(total)} 落入 {len(found)} 档（{grades}），应恰为一档（grade_gap={gap}）",
                    f"a total of {as_text(total)} falls in {len(found)} bands ({grades}), not in one (grade_gap={gap})",
                )
        placed = [(total, found[0]) for total, found in held if len(found) == 1]
        for (_, lower), (total, higher) in pairwise(placed):
            if higher > lower:
                yield Broken(
                    ("edition.yml", "bands", higher),
                    "bands",
                    f"总分升到 {as_text(total)}，等次反而降低",
                    f"a total that rises to {as_text(total)} falls in a worse band",
                )


def _limits(band: Band) -> list[Fraction]:
    return [limit for limit in (band.at_least, band.above, band.at_most, band.below) if limit is not None]


def _totals_are_known(edition: Edition) -> Iterator[Broken]:
    for name, known in TOTALS.items():
        for value in sorted(possible_values(edition, getattr(edition.head.totals, name)) - known):
            listed = ", ".join(sorted(known))
            yield Broken(
                ("edition.yml", "totals", name),
                "totals",
                f"{name} 不能是 {value}，只能是 {listed}",
                f"{name} cannot be {value}; there are {listed}",
            )


def _terms_can_lose(edition: Edition) -> Iterator[Broken]:
    """Terms fit their item, and can really take what they claim, each and together, under every reading."""
    units = {each.indicator: each.unit for each in edition.indicators}
    for where, item in items_of(edition):
        for choice in combinations(edition.head, item.terms):
            terms = terms_of(item, choice)
            for position, term in enumerate(terms):
                at = (*where, "terms", position)
                unit = units.get(getattr(term, "indicator", ""), "")
                for field, rule, zh, en in (*_kind_laws(item, term), *_term_laws(item, term), *_unit_laws(term, unit)):
                    yield Broken((*at, *field), rule, zh, en, choice)
            together = sum((worst_loss(term, item.points) for term in terms), Fraction(0))
            if together < item.points:
                told, most = as_text(item.points), as_text(together)
                yield Broken(
                    (*where, "points"),
                    "loss",
                    f"各计分项合计最多扣 {most} 分，扣不到分值 {told}",
                    f"its terms can take {most} together, not the {told} it carries",
                    choice,
                )


#: The field within a term, the law, and what is wrong in Chinese and English.
_TermFault = tuple[Where, str, str, str]


def _kind_laws(item: Item, term: Term) -> Iterator[_TermFault]:
    wanted = {"bonus": {"bonus"}, "condition": {"condition"}}.get(
        item.kind, {"shortfall", "proportion", "tiers", "flag", "judged"}
    )
    if term.kind not in wanted:
        yield ("kind",), "kind", f"{item.kind} 条不能有 {term.kind} 项", f"a {item.kind} item has no {term.kind} term"
    elif term.kind in ("judged", "bonus") and len(item.terms) > 1:
        yield ("kind",), "kind", "考核员按条评分，此项须单独成条", "assessors score an item as a whole: one term only"


def _term_laws(item: Item, term: Term) -> Iterator[_TermFault]:
    if isinstance(term, Shortfall):
        yield from _shortfall_laws(item, term)
    elif isinstance(term, Tiers):
        yield from _tier_laws(term)
    elif isinstance(term, Condition) and term.direction == "at_least" and term.target == 0:
        yield ("target",), "loss", "目标为 0，永远达到", "a target of 0 is always met"
    for field in ("points", "cap"):
        claimed = getattr(term, field, None) or Fraction(0)
        # A bonus comes on top: its limit is its own.
        if claimed > item.points and not isinstance(term, Bonus):
            yield (
                (field,),
                "loss",
                f"{as_text(claimed)} 分超过本条分值 {as_text(item.points)}",
                f"it governs {as_text(claimed)} points, more than the item's {as_text(item.points)}",
            )


def _shortfall_laws(item: Item, term: Shortfall) -> Iterator[_TermFault]:
    most = worst_loss(term, item.points)
    if most == 0:
        yield ("step",), "loss", "无论多差都扣不到分", "it never takes anything, however bad the figure"
    elif term.cap is not None and most < term.cap:
        told, claimed = as_text(most), as_text(term.cap)
        yield ("cap",), "loss", f"最多扣 {told} 分，扣不到 {claimed}", f"it can take {told}, never its cap of {claimed}"
    if term.cliff is None:
        return
    if term.cliff > term.target if term.direction == "at_least" else term.cliff < term.target:
        yield ("cliff",), "loss", "断崖须在目标的差的一侧", "the cliff lies on the good side of the target"
    elif term.loss_at(term.cliff) >= most:
        yield ("cliff",), "loss", "到断崖前分已扣完，断崖不起作用", "all is taken before the cliff is reached"


def _tier_laws(term: Tiers) -> Iterator[_TermFault]:
    floors = [tier.at_least for tier in term.tiers]
    given = [tier.points for tier in term.tiers]
    if floors[-1] != 0:
        yield ("tiers", len(floors) - 1), "tiers", "最低一档须从 0 起", "the lowest tier begins at 0"
    for position, (high, low) in enumerate(pairwise(floors), start=1):
        if low >= high:
            yield ("tiers", position, "at_least"), "tiers", "各档须由高到低", "tiers go from high to low"
    for position, (high, low) in enumerate(pairwise(given), start=1):
        if low > high:
            yield ("tiers", position, "points"), "tiers", "档越低，得分不得越高", "a lower tier gives more points"
    if given[0] != term.points:
        yield ("points",), "tiers", "最高一档须给全部分值", "the highest tier gives all the points"
    if len(set(given)) == 1:
        yield ("tiers",), "loss", "各档得分相同，扣不到分", "every tier gives the same: it never takes anything"


def _unit_laws(term: Term, unit: str) -> Iterator[_TermFault]:
    """A figure with a denominator says what follows where there is nothing to divide by; a count has none."""
    if unit and isinstance(term, Flag) != (unit == "flag"):
        yield (
            ("indicator",),
            "indicator",
            f"{term.kind} 不能用 {unit} 类指标",
            f"a {term.kind} does not look at a {unit}",
        )
    stated = getattr(term, "zero_denominator", None)
    if unit in ("percent", "ratio") and stated is None:
        yield (), "zero_denominator", "未写明分母为 0 时如何处理", "what follows a denominator of 0 is not said"
    elif unit in ("count", "flag") and stated is not None:
        yield ("zero_denominator",), "zero_denominator", "计数指标没有分母", "a count has no denominator"


def _bases_hold(edition: Edition) -> Iterator[Broken]:
    """What the document leaves to a judgement is judged, what it states is computed, what is lost says so."""
    for where, item in items_of(edition):
        kinds = {term.kind for choice in combinations(edition.head, item.terms) for term in terms_of(item, choice)}
        is_judged = kinds <= {"judged", "bonus"}
        if item.basis == "lost" and not is_judged:
            yield Broken(
                (*where, "basis"), "basis", "原文已失的条目只能评定", "what is lost can only be judged, not computed"
            )
        elif item.basis == "judged" and not is_judged:
            yield Broken((*where, "basis"), "basis", "依据为评定，却按指标计算", "basis judged, yet it is computed")
        elif item.basis in ("stated", "target_only") and is_judged:
            yield Broken(
                (*where, "basis"), "basis", f"依据为 {item.basis}，却由人评定", f"basis {item.basis}, yet it is judged"
            )
        if item.basis == "target_only" and not interpretations_in(item.terms):
            yield Broken(
                (*where, "basis"),
                "basis",
                "原文只有目标，如何扣分须写成口径",
                "the text gives a target only: how it scores is an interpretation",
            )
        is_marked = "已失" in item.requirement.zh and "lost" in item.requirement.en
        if (item.basis == "lost") != is_marked:
            yield Broken(
                (*where, "requirement"),
                "basis",
                "原文已失的须注明「已失」，其余不得注明",
                "lost wording is said to be lost in both languages, and nothing else is",
            )


def _indicators_are_used(edition: Edition, known: set[str] | None) -> Iterator[Broken]:
    declared = {each.indicator for each in edition.indicators}
    used: list[tuple[Where, str]] = []
    for where, item in items_of(edition):
        used += [((*where, "shown", position), name) for position, name in enumerate(item.shown)]
        for path, mapping in mappings_in(item.terms):
            names = possible_values(edition, mapping["indicator"]) if "indicator" in mapping else ()
            used += [((*where, "terms", *path, "indicator"), name) for name in sorted(names)]
    for where, name in used:
        if name not in declared:
            yield Broken(where, "indicator", f"指标 {name} 未定义", f"indicator {name} is not defined")
    for position, each in enumerate(edition.indicators):
        where, name = ("indicators.yml", "indicators", position), each.indicator
        if name not in {name for _, name in used}:
            yield Broken(where, "indicator", f"指标 {name} 没有条目使用", f"indicator {name} is used by no item")
        if known is not None and name not in known:
            yield Broken(where, "indicator", f"指标 {name} 没有计算模型", f"indicator {name} has no model")
        if each.source not in load_contracts():
            yield Broken(
                (*where, "source"), "indicator", f"没有数据来源 {each.source}", f"there is no source {each.source}"
            )


def _interpretations_are_used(edition: Edition) -> Iterator[Broken]:
    used = interpretations_in(edition.head.totals.model_dump())
    for item in edition.items:
        used |= interpretations_in([*item.terms, item.bars])
    for position, each in enumerate(edition.head.interpretations):
        if each.interpretation not in used:
            where = ("edition.yml", "interpretations", position)
            yield Broken(where, "interpretation", "没有任何规则用到此口径", "nothing depends on this interpretation")


def _conditions_bar_grades(edition: Edition) -> Iterator[Broken]:
    grades = [band.grade for band in edition.head.bands]
    for where, item in items_of(edition):
        barred = possible_values(edition, item.bars) - {None}
        if barred and item.kind != "condition":
            yield Broken((*where, "bars"), "bars", "只有条件条能限制等次", "only a condition bars a grade")
        for grade in sorted(barred - set(grades[:-1])):
            yield Broken(
                (*where, "bars"),
                "bars",
                f"不能限制等次 {grade}：没有此等次，或其下再无等次",
                f"{grade} cannot be barred: there is no such grade, or none below it",
            )


def _examples_name_what_is(edition: Edition, examples: Sequence[Example]) -> Iterator[Broken]:
    kinds = {item.item: {term.kind for term in terms_of(item, scenario(edition).options)} for item in edition.items}
    judged = {item for item, found in kinds.items() if found <= {"judged", "bonus"}}
    with_points = {item.item for item in edition.items if item.kind != "condition"}
    indicators = {each.indicator for each in edition.indicators}
    readings = {f"{key}={option}" for key, options in known_options(edition.head).items() for option in options}
    for position, example in enumerate(examples):
        given, expect = example.given, example.expect
        looked_up: list[tuple[Where, str, set[str]]] = [
            *((("given", "judged", name), name, judged) for name in given.judged),
            *((("given", "adjusted", name), name, with_points) for name in given.adjusted),
            *((("given", "indicators", name), name, indicators) for name in given.indicators),
            *((("given", "options", key), f"{key}={option}", readings) for key, option in given.options.items()),
        ]
        if isinstance(expect, ItemExpectation):
            looked_up.append((("expect", "item"), expect.item, set(kinds)))
        for path, name, known in looked_up:
            if name not in known:
                where = ("examples.yml", "examples", position, *path)
                yield Broken(
                    where, "examples", f"细则中没有可用于此处的 {name}", f"the rubric has no {name} to be had here"
                )


def _examples_suffice(edition: Edition, examples: Sequence[Example]) -> Iterator[Broken]:
    """Three worked cases for every stated rule, two for every option of every interpretation."""
    for where, item in items_of(edition):
        count = sum(isinstance(e.expect, ItemExpectation) and e.expect.item == item.item for e in examples)
        if item.basis == "stated" and count < 3:
            yield Broken(
                where,
                "examples",
                f"只有 {count} 个算例，至少要 3 个",
                f"{count} worked example(s), at least 3 are owed",
            )
    for number, each in enumerate(edition.head.interpretations):
        for position, option in enumerate(each.options):
            count = sum(example.given.options.get(each.interpretation) == option.option for example in examples)
            if count < 2:
                yield Broken(
                    ("edition.yml", "interpretations", number, "options", position),
                    "examples",
                    f"选项 {option.option} 只有 {count} 个算例，至少要 2 个",
                    f"option {option.option}: {count} worked example(s), at least 2 are owed",
                )
