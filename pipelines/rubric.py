"""The rubric as data: YAML, checked as it is read, then put into tables that the SQL models interpret.

Numbers are taken from their text into exact fractions (``0.5``, ``99%``, ``1/3``); nothing passes through a binary
float. A value that depends on how an open passage is read is written ``{interpretation: id, option: value, …}`` (or
without the values where the options are the values) and is resolved when a scenario is laid down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import YAMLError

from pipelines.errors import Exit, KaoheError, Problem
from pipelines.labels import is_labelled
from pipelines.plain_yaml import PlainComposer

if TYPE_CHECKING:
    import duckdb

IN_FORCE = "in_force"

# Numbers and text ----------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"(?P<value>[0-9]+(\.[0-9]+)?)((?P<percent>%)|/(?P<divisor>[1-9][0-9]*))?")
_FIGURE = re.compile(r"(?P<numerator>[0-9]+(\.[0-9]+)?)(/(?P<denominator>[0-9]+(\.[0-9]+)?))?")


def exact(written: object) -> Fraction:
    """The number a text such as ``3``, ``0.5``, ``99%`` or ``1/3`` names, exactly. ValueError for anything else."""
    match = _NUMBER.fullmatch(written) if isinstance(written, str) else None
    if not match:
        raise ValueError(f"{written!r} is no number such as 3, 0.5, 99% or 1/3")
    return Fraction(match["value"]) / (100 if match["percent"] else int(match["divisor"] or 1))


def as_text(number: Fraction) -> str:
    """A number as a person writes it: 1.5, or 1/3 where no decimal is exact."""
    if 10**6 % number.denominator:
        return str(number)
    return f"{Decimal(number.numerator) / Decimal(number.denominator):f}"


def figure(written: object) -> tuple[Fraction, Fraction] | None:
    """Numerator and denominator of ``58/100``, of a count such as ``3`` (over 1), or None for ``missing``.

    ValueError for anything else. The two are kept as written: ``0/0`` is nothing done of nothing due.
    """
    if written == "missing":
        return None
    match = _FIGURE.fullmatch(written) if isinstance(written, str) else None
    if not match:
        raise ValueError(f"{written!r} is no figure such as 58/100, 3 or missing")
    return Fraction(match["numerator"]), Fraction(match["denominator"] or 1)


def _positive(number: Fraction) -> Fraction:
    if number <= 0:
        raise ValueError(f"{number} should be above 0")
    return number


def _hundredths(number: Fraction) -> Fraction:
    if 100 % number.denominator:
        raise ValueError("points have two decimals at most")
    return number


_AS_NUMBER = WithJsonSchema({"type": ["number", "string"], "description": "3, 0.5, 99% or 1/3: exact as written"})
_AS_NAME = WithJsonSchema({"type": ["string", "number"]})
_AS_FIGURE = WithJsonSchema({"type": ["string", "number"], "description": "58/100, 3 or missing"})

Number = Annotated[Fraction, BeforeValidator(exact), _AS_NUMBER]
Positive = Annotated[Fraction, BeforeValidator(exact), AfterValidator(_positive), _AS_NUMBER]
Points = Annotated[Fraction, BeforeValidator(exact), AfterValidator(_hundredths), _AS_NUMBER]
SomePoints = Annotated[Points, AfterValidator(_positive)]
Figure = Annotated[tuple[Fraction, Fraction] | None, BeforeValidator(figure), _AS_FIGURE]
Name = Annotated[str, Field(min_length=1), _AS_NAME]
Words = Annotated[str, Field(min_length=1)]

#: What a field that follows an interpretation looks like to an editor.
_BY_INTERPRETATION = {
    "type": "object",
    "required": ["interpretation"],
    "properties": {"interpretation": {"type": "string"}},
    "description": "{interpretation: id} or {interpretation: id, option: value, …}",
}


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Text(_Closed):
    """The same words in Chinese and in English."""

    zh: Words
    en: Words


# Terms ---------------------------------------------------------------------------------------------------------------

Direction = Literal["at_least", "at_most"]
ZeroDenominator = Literal["missing", "not_applicable", "full", "failed"]


class Shortfall(_Closed):
    """Every step the figure falls short of its target takes points.

    Attributes:
        part_step: what a part of a step counts: nothing (``whole``), a step (``started``) or its part (``pro_rata``).
        cap: the most this term takes; without one, the item's pool is the limit.
        cliff: a figure strictly worse than this takes all the term can take, at once.
    """

    kind: Literal["shortfall"]
    indicator: Name
    direction: Direction = "at_least"
    target: Number
    step: Positive
    loss_per_step: Positive
    part_step: Literal["whole", "started", "pro_rata"]
    cap: SomePoints | None = None
    cliff: Positive | None = None
    zero_denominator: ZeroDenominator | None = None

    def loss_at(self, value: Fraction) -> Fraction:
        """What a figure of ``value`` takes, before cap, cliff and pool."""
        short = value - self.target if self.direction == "at_most" else self.target - value
        steps = max(short, Fraction(0)) / self.step
        if self.part_step != "pro_rata":
            steps = Fraction(steps.__floor__() if self.part_step == "whole" else steps.__ceil__())
        return steps * self.loss_per_step


class Proportion(_Closed):
    """Points times what was achieved of the target (``linear``), or nothing below it (``nothing``)."""

    kind: Literal["proportion"]
    indicator: Name
    direction: Direction = "at_least"
    target: Positive
    points: SomePoints
    below_target: Literal["linear", "nothing"]
    zero_denominator: ZeroDenominator | None = None


class Tier(_Closed):
    """One tier: the figure from which on it holds, and what it gives."""

    at_least: Number
    points: Points


class Tiers(_Closed):
    """The points of the highest tier the figure reaches."""

    kind: Literal["tiers"]
    indicator: Name
    points: SomePoints
    tiers: Annotated[tuple[Tier, ...], Field(min_length=2)]
    zero_denominator: ZeroDenominator | None = None


class Flag(_Closed):
    """Something that is there (1), or takes ``points`` (0)."""

    kind: Literal["flag"]
    indicator: Name
    points: SomePoints


class Judged(_Closed):
    """An assessor decides how much of the item's points is given."""

    kind: Literal["judged"]


class Bonus(_Closed):
    """An assessor may add points, as many as ``cap`` where there is one."""

    kind: Literal["bonus"]
    cap: SomePoints | None = None


class Condition(_Closed):
    """A target that carries no points: met or not met."""

    kind: Literal["condition"]
    indicator: Name
    direction: Direction = "at_least"
    target: Number
    zero_denominator: ZeroDenominator | None = None


Term = Annotated[Shortfall | Proportion | Tiers | Flag | Judged | Bonus | Condition, Field(discriminator="kind")]
_TERM: TypeAdapter[Term] = TypeAdapter(Term)
_TERM_KINDS = (Shortfall, Proportion, Tiers, Flag, Judged, Bonus, Condition)


def worst_loss(term: Term, available: Fraction) -> Fraction:
    """What ``term`` takes of an item with ``available`` points at the worst figure or judgement there can be."""
    match term:
        case Shortfall():
            pool = term.cap or available
            if term.direction == "at_most" or term.cliff is not None:
                return pool
            return min(term.cap or term.loss_at(Fraction(0)), term.loss_at(Fraction(0)))
        case Tiers():
            return term.points - min(tier.points for tier in term.tiers)
        case Proportion() | Flag():
            return term.points
        case Judged():
            return available
        case Bonus() | Condition():
            return Fraction(0)


# An edition ----------------------------------------------------------------------------------------------------------


class Item(_Closed):
    """One item of the rubric, ``terms`` and ``bars`` as written: a scenario resolves them.

    Attributes:
        basis: what the document gives: target and deduction (``stated``), a target without a deduction
            (``target_only``), a matter for an assessor (``judged``), or points whose wording is lost (``lost``).
        shown: indicators an assessor is shown beside the item.
        bars: the grade, and with it every better one, that the item bars where it is a condition that is not met.
    """

    item: Name
    clause: Words
    basis: Literal["stated", "target_only", "judged", "lost"]
    kind: Literal["scored", "bonus", "condition"] = "scored"
    points: Points = Fraction(0)
    title: Text
    requirement: Text
    shown: tuple[Name, ...] = ()
    bars: Annotated[Any, WithJsonSchema({"anyOf": [{"type": ["string", "null"]}, _BY_INTERPRETATION]})] = None
    terms: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]


class Section(_Closed):
    """A section: its items share its points."""

    section: Name
    clause: Words
    title: Text
    points: Points
    items: Annotated[tuple[Item, ...], Field(min_length=1)]


class Area(_Closed):
    """An area, one file."""

    area: Name
    title: Text
    points: SomePoints
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]


class Option(_Closed):
    """One way to read an open passage."""

    option: Name
    title: Text


class Interpretation(_Closed):
    """A passage the text leaves open, how it can be read, and how it is read unless somebody decides otherwise."""

    interpretation: Name
    question: Text
    default: Name
    options: Annotated[tuple[Option, ...], Field(min_length=2)]


class Band(_Closed):
    """A grade and the totals that earn it."""

    grade: Name
    at_least: Points | None = None
    above: Points | None = None
    at_most: Points | None = None
    below: Points | None = None

    def holds(self, total: Fraction) -> bool:
        """Whether ``total`` lies in the band."""
        return (
            (self.at_least is None or total >= self.at_least)
            and (self.above is None or total > self.above)
            and (self.at_most is None or total <= self.at_most)
            and (self.below is None or total < self.below)
        )


class Document(_Closed):
    """The document the edition restates."""

    title: Text
    number: Words
    issued: date
    issuer: Text
    replaces: Words


#: What the models can do with a total; the values an edition may choose from.
_TOTALS = {"grade_gap": {"none", "half_up"}, "bonus_cap": {"capped_100", "uncapped", "excluded"}}


class Totals(_Closed):
    """How items become a graded total; each either fixed or left to an interpretation."""

    grade_gap: Annotated[Any, WithJsonSchema({"anyOf": [{"enum": ["none", "half_up"]}, _BY_INTERPRETATION]})]
    bonus_cap: Annotated[
        Any, WithJsonSchema({"anyOf": [{"enum": ["capped_100", "uncapped", "excluded"]}, _BY_INTERPRETATION]})
    ]


class EditionFile(_Closed):
    """``edition.yml``: the document, the grades and the open readings."""

    edition: Name
    points: SomePoints
    document: Document
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    totals: Totals
    interpretations: tuple[Interpretation, ...]


class Indicator(_Closed):
    """A figure of a town: what it counts, and the source it comes from.

    Attributes:
        counted_in: what there is one more or less of when the figure moves: its numerator, or a ratio's denominator.
        sampled: whether the denominator is a sample drawn, so that another sample could have come out otherwise.
    """

    indicator: Name
    title: Text
    definition: Text
    unit: Literal["percent", "count", "ratio", "flag"]
    counted_in: Text
    sampled: bool = False
    source: Name


class IndicatorsFile(_Closed):
    """``indicators.yml``: the working definitions."""

    indicators: tuple[Indicator, ...]


@dataclass(frozen=True)
class Edition:
    """One edition of the rubric, as written.

    Attributes:
        folder: name of the folder it was read from.
        areas: the areas, in the order of the document.
        area_files: the name of each area's file.
        written: each file as read, which still knows the line of everything in it.
    """

    folder: str
    head: EditionFile
    indicators: tuple[Indicator, ...]
    areas: tuple[Area, ...]
    area_files: tuple[str, ...]
    written: Mapping[str, Any]

    @property
    def items(self) -> tuple[Item, ...]:
        """Every item, in the order of the document."""
        return tuple(item for area in self.areas for section in area.sections for item in section.items)


@dataclass(frozen=True)
class Scenario:
    """One choice of option for every interpretation of an edition, under a name."""

    name: str
    options: Mapping[str, str]


# Worked examples -----------------------------------------------------------------------------------------------------


class Given(_Closed):
    """What a town of an example starts from.

    Attributes:
        options: readings in force, the defaults elsewhere.
        indicators: figures of the town; one not named is missing.
        judged: the assessors' scores of an item; an empty list is an item not judged yet.
        adjusted: points given to an item on review.
        others: every other item that carries points has them in ``full``, or is ``missing``.
    """

    options: dict[str, Name] = {}
    indicators: dict[str, Figure] = {}
    judged: dict[str, tuple[Points, ...]] = {}
    adjusted: dict[str, Points] = {}
    others: Literal["full", "missing"] = "full"


class ItemExpectation(_Closed):
    """What must come out for one item. A field left out is not looked at; ``null`` must be empty.

    Attributes:
        losses: what each term takes, exactly and before the pool ends it, in the order of the terms.
    """

    item: Name
    status: Literal["scored", "judged", "missing", "not_applicable"] | None = None
    points: Points | None = None
    points_low: Points | None = None
    points_high: Points | None = None
    losses: tuple[Number | None, ...] = ()
    is_met: bool | None = None


class TownExpectation(_Closed):
    """What must come out for the town. A field left out is not looked at; ``null`` must be empty."""

    status: Literal["final", "provisional"] | None = None
    points: Points | None = None
    bonus: Points | None = None
    total: Points | None = None
    total_low: Points | None = None
    total_high: Points | None = None
    grade: Name | None = None
    grade_low: Name | None = None
    grade_high: Name | None = None
    condition_met: bool | None = None


def _is_about(expected: Any) -> str:
    return "about_item" if isinstance(expected, ItemExpectation) or "item" in expected else "about_town"


class Example(_Closed):
    """A worked case an official can check by hand."""

    title: Text
    given: Given
    expect: Annotated[
        Annotated[ItemExpectation, Tag("about_item")] | Annotated[TownExpectation, Tag("about_town")],
        Discriminator(_is_about),
    ]


class ExamplesFile(_Closed):
    """``examples.yml``: worked cases that run as tests."""

    examples: tuple[Example, ...]


# Reading -------------------------------------------------------------------------------------------------------------

#: A file name, then the keys and positions that lead to a place in it.
_Where = tuple[str | int, ...]


def load_edition(folder: Path) -> Edition:
    """The edition in ``folder``. KaoheError (rejected) with every problem of every file, by file, line and item."""
    problems: list[Problem] = []
    written: dict[str, Any] = {}
    head = _read(folder / "edition.yml", EditionFile, problems, written)
    indicators = _read(folder / "indicators.yml", IndicatorsFile, problems, written)
    areas = {path.name: _read(path, Area, problems, written) for path in sorted(folder.glob("area-*.yml"))}
    whole = {name: area for name, area in areas.items() if area}
    if head:
        defined = indicators.indicators if indicators else ()
        edition = Edition(folder.name, head, defined, tuple(whole.values()), tuple(whole), written)
        problems += _problems(edition, _unresolvable(edition))
        if not problems:
            return edition
    raise KaoheError(Exit.REJECTED, f"{folder}: {len(problems)} problem(s) in the rubric", problems)


def load_examples(folder: Path) -> list[Example]:
    """The worked cases beside an edition. KaoheError (rejected) where the file is not what it should be."""
    problems: list[Problem] = []
    found = _read(folder / "examples.yml", ExamplesFile, problems, {})
    if found is None:
        raise KaoheError(Exit.REJECTED, f"{folder}: {len(problems)} problem(s) in the examples", problems)
    return list(found.examples)


class _TextOnly(RoundTripConstructor):
    """Leaves numbers and dates as the text they were written in, and notes every key written twice."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.repeated: list[tuple[int, str]] = []

    def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:  # noqa: ARG002
        """Whether ``key`` is new in its mapping."""
        if key in mapping:
            self.repeated.append((key_node.start_mark.line + 1, str(key)))
        return key not in mapping


for _tag in ("int", "float", "timestamp"):
    _TextOnly.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda self, node: self.construct_scalar(node))

_Model = TypeVar("_Model", bound=BaseModel)

#: What is wrong with the shape of an entry, in Chinese, by the name pydantic gives it.
_SHAPE_ZH = {
    "missing": "缺少此项",
    "extra_forbidden": "没有这一项",
    "literal_error": "不在可选值之内",
    "value_error": "数值写法不对",
    "union_tag_invalid": "没有这种类型",
    "union_tag_not_found": "未写明类型",
    "string_too_short": "不得为空",
    "too_short": "至少要有一项",
}


def _read(path: Path, model: type[_Model], problems: list[Problem], written: dict[str, Any]) -> _Model | None:
    """One file checked against ``model``; what is wrong with it goes to ``problems`` with its line."""
    file = f"{path.parent.name}/{path.name}"
    yaml = YAML(typ="rt")
    yaml.Constructor = _TextOnly
    yaml.Composer = PlainComposer
    lines: list[str] = []
    try:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        tree = yaml.load(text)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        told = " ".join(str(getattr(error, "problem", None) or error).split())
        problems.append(_problem(file, line, _item_above(lines, line), "yaml", "不是可读的 YAML", told))
        return None
    for line, key in yaml.constructor.repeated:
        problems.append(
            _problem(file, line, _item_above(lines, line), "unique", f"{key} 写了两次", f"{key} is written twice")
        )
    written[path.name] = tree
    try:
        return model.model_validate(_plain(tree))
    except ValidationError as error:
        for each in error.errors():
            line, name = _place(tree, each["loc"], {})
            problems.append(_shape_problem(file, line, name, each["loc"], each))
    return None


def _shape_problem(file: str, line: int, item: str, path: Sequence[str | int], error: Any) -> Problem:
    field = ".".join(str(part) for part in path)
    told = error["msg"].removeprefix("Value error, ")
    value = error["input"] if isinstance(error["input"], str) else ""
    said = _SHAPE_ZH.get(error["type"], "不符合要求")
    return _problem(file, line, item, "shape", f"{field}：{said}", f"{field}: {told}", value)


def _item_above(lines: Sequence[str], line: int) -> str:
    """The item a line lies in, where the file cannot be read well enough to ask its structure."""
    named = r"^ *- \{?(?:item|section|interpretation|indicator|grade): *([^\s,}]+)"
    found = re.findall(named, "\n".join(lines[:line]), re.MULTILINE)
    return found[-1] if found else ""


def _plain(written: Any) -> Any:
    """YAML as read, without what the reader keeps beside it."""
    if isinstance(written, Mapping):
        return {str(key): _plain(value) for key, value in written.items()}
    if isinstance(written, list):
        return [_plain(value) for value in written]
    return str(written) if isinstance(written, str) else written


def _place(tree: Any, path: Sequence[str | int], options: Mapping[str, str]) -> tuple[int, str]:
    """Line of the innermost thing ``path`` leads to under ``options``, and the item (or the like) it lies in."""
    line, name, in_item = 1, "", False
    at = tree
    for part in (*path, None):
        while isinstance(at, Mapping) and isinstance(at.get(options.get(at.get("interpretation", ""))), Mapping):
            at = at[options[at["interpretation"]]]
        if isinstance(at, Mapping):
            for key in ("item", "section", "area", "interpretation", "indicator", "grade", "edition"):
                if key in at and not in_item:
                    name, in_item = str(at[key]), key == "item"
                    break
            if "given" in at and isinstance(at.get("title"), Mapping):
                name = str(at["title"].get("zh", ""))
            if part in at:
                line, at = _marks(at).key(part)[0] + 1, at[part]
        elif isinstance(at, list) and isinstance(part, int) and part < len(at):
            line, at = _marks(at).item(part)[0] + 1, at[part]
    return line, name


def _marks(at: Any) -> Any:
    """Where the entries of a mapping or list stand in its file, counted from 0."""
    return at.lc


def _problem(file: str, line: int, item: str, rule: str, zh: str, en: str, value: str = "") -> Problem:
    return Problem(
        file=file,
        cell=f"line {line}",
        column=item,
        value=value,
        rule=rule,
        message_zh=zh,
        message_en=en,
        remedy_zh="请改正此处，再运行 kaohe rubric lint",
        remedy_en="mend it and run kaohe rubric lint again",
    )


# Interpretations and scenarios ---------------------------------------------------------------------------------------


def scenario(edition: Edition, name: str = IN_FORCE, options: Mapping[str, str] | None = None) -> Scenario:
    """The scenario with ``options`` chosen and the defaults elsewhere. KaoheError (usage) for one there is not."""
    chosen = {each.interpretation: each.default for each in edition.head.interpretations}
    known = _options(edition.head)
    for interpretation, option in (options or {}).items():
        if option not in known.get(interpretation, ()):
            listed = "; ".join(f"{key}: {', '.join(values)}" for key, values in known.items())
            raise KaoheError(Exit.USAGE, f"{interpretation}={option} is no reading of the rubric. There are {listed}")
        chosen[interpretation] = option
    return Scenario(name, chosen)


def all_scenarios(edition: Edition) -> list[Scenario]:
    """Every combination of options, each named by what it departs from the defaults in; the defaults are in force."""
    defaults = {each.interpretation: each.default for each in edition.head.interpretations}
    return [
        Scenario(
            ";".join(f"{key}={option}" for key, option in choice.items() if option != defaults[key]) or IN_FORCE, choice
        )
        for choice in _combinations(edition.head, [{"interpretation": key} for key in defaults])
    ]


def resolve(written: Any, options: Mapping[str, str]) -> Any:
    """``written`` with every ``{interpretation: …}`` in it replaced by what the option in force says."""
    if isinstance(written, Mapping):
        if "interpretation" in written:
            option = options[written["interpretation"]]
            values = {key: value for key, value in written.items() if key != "interpretation"}
            return resolve(values[option], options) if values else option
        return {key: resolve(value, options) for key, value in written.items()}
    if isinstance(written, list | tuple):
        return [resolve(value, options) for value in written]
    return written


def interpretations_in(written: Any) -> set[str]:
    """Every interpretation ``written`` refers to."""
    return {str(each["interpretation"]) for _, each in _mappings(written) if "interpretation" in each}


def terms_of(item: Item, options: Mapping[str, str]) -> list[Term]:
    """The item's terms under ``options``."""
    return [_TERM.validate_python(resolve(term, options)) for term in item.terms]


def _mappings(written: Any, path: _Where = ()) -> Iterator[tuple[_Where, Mapping[str, Any]]]:
    """Every mapping in ``written``, itself included, with the path to it."""
    if isinstance(written, Mapping):
        yield path, written
        for key, value in written.items():
            yield from _mappings(value, (*path, key))
    elif isinstance(written, list | tuple):
        for position, value in enumerate(written):
            yield from _mappings(value, (*path, position))


def _options(head: EditionFile) -> dict[str, list[str]]:
    return {each.interpretation: [option.option for option in each.options] for each in head.interpretations}


def _combinations(head: EditionFile, written: Any) -> Iterator[dict[str, str]]:
    """Every way to choose among the interpretations that ``written`` refers to."""
    used = [each.interpretation for each in head.interpretations if each.interpretation in interpretations_in(written)]
    known = _options(head)
    for choice in product(*(known[name] for name in used)):
        yield dict(zip(used, choice, strict=True))


def _possible(edition: Edition, written: Any) -> set[Any]:
    """What ``written`` can resolve to."""
    return {resolve(written, choice) for choice in _combinations(edition.head, written)}


# Tables --------------------------------------------------------------------------------------------------------------


def load_into(connection: duckdb.DuckDBPyConnection, edition: Edition, scenarios: Sequence[Scenario]) -> None:
    """Make the rubric_* tables that the models interpret, for every scenario given; those there were are replaced."""
    tables = _tables(edition, scenarios)
    for table, columns in _COLUMNS.items():
        connection.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        _insert(connection, table, tables[table])


_COLUMNS = {
    "rubric_edition": "edition VARCHAR, title_zh VARCHAR, title_en VARCHAR, number VARCHAR, issued DATE, "
    "issuer_zh VARCHAR, issuer_en VARCHAR, replaces VARCHAR",
    "rubric_scenario": "scenario VARCHAR, edition VARCHAR, grade_gap VARCHAR, bonus_cap VARCHAR",
    "rubric_setting": "scenario VARCHAR, interpretation VARCHAR, option VARCHAR",
    "rubric_interpretation": "interpretation VARCHAR, option VARCHAR, position BIGINT, is_default BOOLEAN, "
    "question_zh VARCHAR, question_en VARCHAR, option_zh VARCHAR, option_en VARCHAR",
    "rubric_area": "area VARCHAR, position BIGINT, title_zh VARCHAR, title_en VARCHAR, points DECIMAL(6, 2)",
    "rubric_section": "section VARCHAR, area VARCHAR, position BIGINT, clause VARCHAR, title_zh VARCHAR, "
    "title_en VARCHAR, points DECIMAL(6, 2)",
    "rubric_item": "item VARCHAR, section VARCHAR, area VARCHAR, position BIGINT, clause VARCHAR, kind VARCHAR, "
    "basis VARCHAR, available DECIMAL(6, 2), title_zh VARCHAR, title_en VARCHAR, requirement_zh VARCHAR, "
    "requirement_en VARCHAR",
    "rubric_indicator": "indicator VARCHAR, title_zh VARCHAR, title_en VARCHAR, definition_zh VARCHAR, "
    "definition_en VARCHAR, unit VARCHAR, counted_in_zh VARCHAR, counted_in_en VARCHAR, is_sampled BOOLEAN, "
    "source VARCHAR",
    "rubric_shown_indicator": "item VARCHAR, indicator VARCHAR",
    "rubric_term": "scenario VARCHAR, item VARCHAR, term VARCHAR, term_no BIGINT, kind VARCHAR, indicator VARCHAR, "
    "title_zh VARCHAR, title_en VARCHAR, points DECIMAL(6, 2), direction VARCHAR, target_n BIGINT, target_d BIGINT, "
    "step_n BIGINT, step_d BIGINT, loss_per_step_n BIGINT, loss_per_step_d BIGINT, part_step VARCHAR, cap_n BIGINT, "
    "cap_d BIGINT, cliff_n BIGINT, cliff_d BIGINT, below_target VARCHAR, zero_denominator VARCHAR, "
    "worst_loss_n BIGINT, worst_loss_d BIGINT, interpretations VARCHAR, clause VARCHAR, rule_zh VARCHAR, "
    "rule_en VARCHAR",
    "rubric_tier": "scenario VARCHAR, item VARCHAR, term VARCHAR, tier_no BIGINT, at_least_n BIGINT, "
    "at_least_d BIGINT, points_n BIGINT, points_d BIGINT",
    "rubric_band": "scenario VARCHAR, position BIGINT, grade VARCHAR, at_least DECIMAL(9, 2), above DECIMAL(9, 2), "
    "at_most DECIMAL(9, 2), below DECIMAL(9, 2)",
    "rubric_condition": "scenario VARCHAR, item VARCHAR, bars_grade VARCHAR",
}
# What each item, and the graded total (item ''), becomes under every choice among the readings it follows itself; a
# choice is written ``reading=option; …``. A scenario of the whole rubric is made of these.
_COLUMNS |= {
    "rubric_reading_use": "item VARCHAR, interpretation VARCHAR",
    "rubric_reading_total": "scenario VARCHAR, grade_gap VARCHAR, bonus_cap VARCHAR",
    **{f"rubric_reading_{name}": _COLUMNS[f"rubric_{name}"] for name in ("term", "tier", "condition")},
}

_Rows = dict[str, list[tuple[Any, ...]]]


def _tables(edition: Edition, scenarios: Sequence[Scenario]) -> _Rows:
    rows: _Rows = {table: [] for table in _COLUMNS}
    _add_document(rows, edition)
    _add_items(rows, edition)
    for chosen in scenarios:
        _add_scenario(rows, edition, chosen)
    _add_readings(rows, edition)
    return rows


def _add_document(rows: _Rows, edition: Edition) -> None:
    head, document = edition.head, edition.head.document
    title, issuer = _both(document.title), _both(document.issuer)
    rows["rubric_edition"].append((head.edition, *title, document.number, document.issued, *issuer, document.replaces))
    for each in head.interpretations:
        for position, option in enumerate(each.options, start=1):
            named = (each.interpretation, option.option, position, option.option == each.default)
            rows["rubric_interpretation"].append((*named, *_both(each.question), *_both(option.title)))
    rows["rubric_indicator"] += [
        (
            each.indicator,
            *_both(each.title),
            *_both(each.definition),
            each.unit,
            *_both(each.counted_in),
            each.sampled,
            each.source,
        )
        for each in edition.indicators
    ]


def _add_items(rows: _Rows, edition: Edition) -> None:
    for number, area in enumerate(edition.areas, start=1):
        rows["rubric_area"].append((area.area, number, *_both(area.title), _decimal(area.points)))
        for section in area.sections:
            position = len(rows["rubric_section"]) + 1
            rows["rubric_section"].append(
                (section.section, area.area, position, section.clause, *_both(section.title), _decimal(section.points))
            )
            for item in section.items:
                position = len(rows["rubric_item"]) + 1
                named = (item.item, section.section, area.area, position, item.clause, item.kind, item.basis)
                told = (*_both(item.title), *_both(item.requirement))
                rows["rubric_item"].append((*named, _decimal(item.points), *told))
                rows["rubric_shown_indicator"] += [(item.item, indicator) for indicator in item.shown]


def _add_scenario(rows: _Rows, edition: Edition, chosen: Scenario) -> None:
    head = edition.head
    totals = resolve(head.totals.model_dump(), chosen.options)
    rows["rubric_scenario"].append((chosen.name, head.edition, totals["grade_gap"], totals["bonus_cap"]))
    rows["rubric_setting"] += [(chosen.name, name, option) for name, option in chosen.options.items()]
    for position, band in enumerate(head.bands, start=1):
        limits = (band.at_least, band.above, band.at_most, band.below)
        rows["rubric_band"].append((chosen.name, position, band.grade, *map(_decimal, limits)))
    for item in edition.items:
        _add_terms(rows, "rubric", edition, item, chosen)


def _add_readings(rows: _Rows, edition: Edition) -> None:
    head = edition.head
    totals = head.totals.model_dump()
    followers: list[tuple[str, Any]] = [("", totals)]
    followers += [(item.item, [*item.terms, item.bars]) for item in edition.items]
    for name, written in followers:
        rows["rubric_reading_use"] += [(name, used) for used in sorted(interpretations_in(written))]
    for choice in _choices(head, totals):
        told = resolve(totals, choice.options)
        rows["rubric_reading_total"].append((choice.name, told["grade_gap"], told["bonus_cap"]))
    for item in edition.items:
        for choice in _choices(head, [*item.terms, item.bars]):
            _add_terms(rows, "rubric_reading", edition, item, choice)


def _choices(head: EditionFile, written: Any) -> Iterator[Scenario]:
    """Every choice among the readings that ``written`` follows, and no other, named by its options."""
    for choice in _combinations(head, written):
        yield Scenario("; ".join(f"{key}={choice[key]}" for key in sorted(choice)), choice)


def _add_terms(rows: _Rows, tables: str, edition: Edition, item: Item, chosen: Scenario) -> None:
    from pipelines.rule_words import term_in_words

    indicators = {each.indicator: each for each in edition.indicators}
    if item.kind == "condition":
        rows[f"{tables}_condition"].append((chosen.name, item.item, resolve(item.bars, chosen.options)))
    for number, (written, term) in enumerate(zip(item.terms, terms_of(item, chosen.options), strict=True), 1):
        name = f"{item.item}.{number}"
        used = sorted(interpretations_in(written) | interpretations_in(item.bars))
        noted = "; ".join(f"{key}={chosen.options[key]}" for key in used)
        key = (chosen.name, item.item, name)
        told = (term_in_words(term, indicators, "zh"), term_in_words(term, indicators, "en"))
        rows[f"{tables}_term"].append((*key, number, *_term_row(item, term, indicators), noted, item.clause, *told))
        rows[f"{tables}_tier"] += [
            (*key, tier_no, *_parts(tier.at_least), *_parts(tier.points))
            for tier_no, tier in enumerate(getattr(term, "tiers", ()), start=1)
        ]


def _term_row(item: Item, term: Term, indicators: Mapping[str, Indicator]) -> tuple[Any, ...]:
    """The columns of ``rubric_term`` from kind to worst_loss_d; a column its kind has no use for is empty."""
    indicator = getattr(term, "indicator", None)
    has_target = isinstance(term, Shortfall | Proportion | Flag | Condition)
    pool = getattr(term, "cap", None) or getattr(term, "points", item.points)
    return (
        term.kind,
        indicator,
        *_both(indicators[indicator].title if indicator else item.title),
        _decimal(pool),
        getattr(term, "direction", "at_least") if has_target else None,
        # A flag is a figure of 1 or 0 with the target 1.
        *_parts(getattr(term, "target", Fraction(1)) if has_target else None),
        *_parts(getattr(term, "step", None)),
        *_parts(getattr(term, "loss_per_step", None)),
        getattr(term, "part_step", None),
        *_parts(getattr(term, "cap", None)),
        *_parts(getattr(term, "cliff", None)),
        getattr(term, "below_target", None),
        (getattr(term, "zero_denominator", None) or "missing") if indicator else None,
        *_parts(worst_loss(term, item.points)),
    )


def _both(text: Text) -> tuple[str, str]:
    return text.zh, text.en


def _parts(number: Fraction | None) -> tuple[int | None, int | None]:
    return (None, None) if number is None else (number.numerator, number.denominator)


def _decimal(points: Fraction | None) -> Decimal | None:
    return None if points is None else Decimal(int(points * 100)).scaleb(-2)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        # Whole columns as lists: thousands of rows in one statement, exact, and without a heavy import.
        columns = [list(values) for values in zip(*rows, strict=True)]
        connection.execute(f"INSERT INTO {table} SELECT {', '.join('unnest(?)' for _ in columns)}", columns)


# For editors ---------------------------------------------------------------------------------------------------------


def schema() -> str:
    """JSON Schema of the files of an edition, for editors to complete from: the text of ``rubric/schema.json``."""
    import json

    files = (EditionFile, IndicatorsFile, Area, ExamplesFile)
    adapters = [(model.__name__, "validation", TypeAdapter(model)) for model in (*files, *_TERM_KINDS)]
    _, made = TypeAdapter.json_schemas(adapters, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
    defined = made["$defs"]
    for kind in (model.__name__ for model in _TERM_KINDS):
        for name, field in defined[kind]["properties"].items():
            if name != "kind":
                defined[kind]["properties"][name] = {"anyOf": [field, {"$ref": "#/$defs/ByInterpretation"}]}
    terms = [{"$ref": f"#/$defs/{model.__name__}"} for model in _TERM_KINDS]
    defined["Item"]["properties"]["terms"]["items"] = {"anyOf": [*terms, {"$ref": "#/$defs/ByInterpretation"}]}
    defined["ByInterpretation"] = _BY_INTERPRETATION
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A file of an edition of the rubric",
        "anyOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in files],
        "$defs": defined,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


# Laws ----------------------------------------------------------------------------------------------------------------


class _Broken(NamedTuple):
    """A law broken: where, which, what is wrong in Chinese and English, and under which readings."""

    where: _Where
    rule: str
    zh: str
    en: str
    options: Mapping[str, str] = {}


def lint(folder: Path, known_indicators: set[str] | None = None) -> list[Problem]:
    """Every law the edition in ``folder`` breaks, by file, line and item; empty where it keeps them all.

    ``known_indicators`` are those there is a model for; None where that is not to be asked.
    """
    problems: list[Problem] = []
    written: dict[str, Any] = {}
    examples = _read(folder / "examples.yml", ExamplesFile, problems, written)
    try:
        edition = load_edition(folder)
    except KaoheError as error:
        return [*error.problems, *problems]
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
    return [*problems, *_problems(edition, broken)]


def _problems(edition: Edition, broken: Iterator[_Broken] | Sequence[_Broken]) -> list[Problem]:
    """The laws broken as problems, one for each line and message, whatever the number of readings it shows under."""
    found = []
    for each in broken:
        file = str(each.where[0])
        line, item = _place(edition.written.get(file), each.where[1:], each.options)
        found.append(_problem(f"{edition.folder}/{file}", line, item, each.rule, each.zh, each.en))
    return list(dict.fromkeys(found))


def _sections(edition: Edition) -> Iterator[tuple[_Where, Section]]:
    for file, area in zip(edition.area_files, edition.areas, strict=True):
        for position, section in enumerate(area.sections):
            yield (file, "sections", position), section


def _items(edition: Edition) -> Iterator[tuple[_Where, Item]]:
    for where, section in _sections(edition):
        for position, item in enumerate(section.items):
            yield (*where, "items", position), item


def _unresolvable(edition: Edition) -> Iterator[_Broken]:
    """Readings there are not, options left out or made up, and terms that are none of the kinds."""
    known = _options(edition.head)
    for position, each in enumerate(edition.head.interpretations):
        if each.default not in known[each.interpretation]:
            where: _Where = ("edition.yml", "interpretations", position, "default")
            told = f"the default {each.default} is none of its options"
            yield _Broken(where, "interpretation", f"默认值 {each.default} 不在选项之中", told)
    for where, item in _items(edition):
        lacking = list(_lacking((*where, "terms"), item.terms, known))
        yield from lacking or _misshapen(edition, (*where, "terms"), item.terms)
    totals = edition.head.totals.model_dump().items()
    words: list[tuple[_Where, Any]] = [(("edition.yml", "totals", name), written) for name, written in totals]
    for where, written in words + [((*where, "bars"), item.bars) for where, item in _items(edition)]:
        lacking = list(_lacking(where, written, known))
        yield from lacking
        values = [] if lacking else [resolve(written, choice) for choice in _combinations(edition.head, written)]
        if not all(value is None or isinstance(value, str) for value in values):
            yield _Broken(where, "shape", "应为一个名称", "this should be one name")


def _misshapen(edition: Edition, where: _Where, terms: Sequence[Any]) -> Iterator[_Broken]:
    for position, term in enumerate(terms):
        for choice in _combinations(edition.head, term):
            try:
                _TERM.validate_python(resolve(term, choice))
            except ValidationError as error:
                for each in error.errors():
                    # What pydantic names first is the kind of term, which is no step on the way to the place.
                    told = _shape_problem("", 0, "", each["loc"][1:] or each["loc"], each)
                    at = (*where, position, *each["loc"][1:])
                    yield _Broken(at, "shape", told.message_zh, told.message_en, choice)


def _lacking(where: _Where, written: Any, known: Mapping[str, Sequence[str]]) -> Iterator[_Broken]:
    for path, mapping in _mappings(written):
        name = mapping.get("interpretation")
        if name is None:
            continue
        at = (*where, *path)
        if name not in known:
            yield _Broken(at, "interpretation", f"没有口径 {name}", f"there is no interpretation {name}")
            continue
        valued = [key for key in mapping if key != "interpretation"]
        for option in sorted(set(known[name]) - set(valued)) if valued else ():
            yield _Broken(at, "interpretation", f"未写口径 {name} 的选项 {option}", f"{name}: no value for {option}")
        for option in sorted(set(valued) - set(known[name])):
            yield _Broken(
                (*at, option), "interpretation", f"口径 {name} 没有选项 {option}", f"{name} has no option {option}"
            )


def _names_are_unique(edition: Edition) -> Iterator[_Broken]:
    head = edition.head
    named: dict[str, list[tuple[_Where, str]]] = {
        "area": [((file, "area"), area.area) for file, area in zip(edition.area_files, edition.areas, strict=True)],
        "section": [((*where, "section"), section.section) for where, section in _sections(edition)],
        "item": [((*where, "item"), item.item) for where, item in _items(edition)],
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
                yield _Broken(where, "unique", f"编号 {name} 重复", f"{kind} {name} is there already")
            seen.add(name)
    if head.edition != edition.folder:
        yield _Broken(
            ("edition.yml", "edition"),
            "unique",
            f"版本 {head.edition} 与文件夹名 {edition.folder} 不一致",
            f"edition {head.edition} lies in a folder called {edition.folder}",
        )


def _points_add_up(edition: Edition) -> Iterator[_Broken]:
    def differs(where: _Where, claimed: Fraction, parts: Sequence[Fraction]) -> Iterator[_Broken]:
        total = sum(parts, Fraction(0))
        if claimed != total:
            told, added = as_text(claimed), as_text(total)
            yield _Broken(
                (*where, "points"),
                "points",
                f"分值 {told} 与各部分之和 {added} 不符",
                f"{told} points, but its parts add up to {added}",
            )

    yield from differs(("edition.yml",), edition.head.points, [area.points for area in edition.areas])
    for file, area in zip(edition.area_files, edition.areas, strict=True):
        yield from differs((file,), area.points, [section.points for section in area.sections])
    for where, section in _sections(edition):
        yield from differs(where, section.points, [item.points for item in section.items])
    for where, item in _items(edition):
        if (item.kind == "scored") != (item.points > 0):
            yield _Broken(
                (*where, "points"),
                "points",
                "计分条须有分值，加分条与条件条不得有分值",
                "a scored item carries points; a bonus or a condition carries none",
            )


def _bands_tile(edition: Edition) -> Iterator[_Broken]:
    """Every total falls in one band, and a better total never in a worse one, whatever becomes of the gaps."""
    head = edition.head
    for n, band in enumerate(head.bands):
        if not is_labelled(f"grade_{band.grade}"):
            where: _Where = ("edition.yml", "bands", n, "grade")
            yield _Broken(where, "bands", f"labels.yml 中没有等次 {band.grade}", f"labels.yml has no {band.grade}")
    limits = sorted({limit for band in head.bands for limit in _limits(band)} | {Fraction(0), head.points})
    beyond = limits[-1] + head.points
    exact_totals = {*limits, *((low + high) / 2 for low, high in pairwise([*limits, beyond])), beyond}
    for gap in sorted(_possible(edition, head.totals.grade_gap)):
        # Rounded to whole points first, only whole totals ever meet the bands.
        totals = {Fraction(n) for n in range(int(beyond) + 1)} if gap == "half_up" else exact_totals
        held = [(total, [n for n, band in enumerate(head.bands) if band.holds(total)]) for total in sorted(totals)]
        for total, found in held:
            if len(found) != 1:
                grades = "、".join(head.bands[n].grade for n in found)
                yield _Broken(
                    ("edition.yml", "bands", *found[-1:]),
                    "bands",
                    f"总分 {as_text(total)} 落入 {len(found)} 档（{grades}），应恰为一档（grade_gap={gap}）",
                    f"a total of {as_text(total)} falls in {len(found)} bands ({grades}), not in one (grade_gap={gap})",
                )
        placed = [(total, found[0]) for total, found in held if len(found) == 1]
        for (_, lower), (total, higher) in pairwise(placed):
            if higher > lower:
                yield _Broken(
                    ("edition.yml", "bands", higher),
                    "bands",
                    f"总分升到 {as_text(total)}，等次反而降低",
                    f"a total that rises to {as_text(total)} falls in a worse band",
                )


def _limits(band: Band) -> list[Fraction]:
    return [limit for limit in (band.at_least, band.above, band.at_most, band.below) if limit is not None]


def _totals_are_known(edition: Edition) -> Iterator[_Broken]:
    for name, known in _TOTALS.items():
        for value in sorted(_possible(edition, getattr(edition.head.totals, name)) - known):
            listed = ", ".join(sorted(known))
            yield _Broken(
                ("edition.yml", "totals", name),
                "totals",
                f"{name} 不能是 {value}，只能是 {listed}",
                f"{name} cannot be {value}; there are {listed}",
            )


def _terms_can_lose(edition: Edition) -> Iterator[_Broken]:
    """Terms fit their item, and can really take what they claim, each and together, under every reading."""
    units = {each.indicator: each.unit for each in edition.indicators}
    for where, item in _items(edition):
        for choice in _combinations(edition.head, item.terms):
            terms = terms_of(item, choice)
            for position, term in enumerate(terms):
                at = (*where, "terms", position)
                unit = units.get(getattr(term, "indicator", ""), "")
                for field, rule, zh, en in (*_kind_laws(item, term), *_term_laws(item, term), *_unit_laws(term, unit)):
                    yield _Broken((*at, *field), rule, zh, en, choice)
            together = sum((worst_loss(term, item.points) for term in terms), Fraction(0))
            if together < item.points:
                told, most = as_text(item.points), as_text(together)
                yield _Broken(
                    (*where, "points"),
                    "loss",
                    f"各计分项合计最多扣 {most} 分，扣不到分值 {told}",
                    f"its terms can take {most} together, not the {told} it carries",
                    choice,
                )


#: The field within a term, the law, and what is wrong in Chinese and English.
_TermFault = tuple[_Where, str, str, str]


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


def _bases_hold(edition: Edition) -> Iterator[_Broken]:
    """What the document leaves to a judgement is judged, what it states is computed, what is lost says so."""
    for where, item in _items(edition):
        kinds = {term.kind for choice in _combinations(edition.head, item.terms) for term in terms_of(item, choice)}
        is_judged = kinds <= {"judged", "bonus"}
        if item.basis == "lost" and not is_judged:
            yield _Broken(
                (*where, "basis"), "basis", "原文已失的条目只能评定", "what is lost can only be judged, not computed"
            )
        elif item.basis == "judged" and not is_judged:
            yield _Broken((*where, "basis"), "basis", "依据为评定，却按指标计算", "basis judged, yet it is computed")
        elif item.basis in ("stated", "target_only") and is_judged:
            yield _Broken(
                (*where, "basis"), "basis", f"依据为 {item.basis}，却由人评定", f"basis {item.basis}, yet it is judged"
            )
        if item.basis == "target_only" and not interpretations_in(item.terms):
            yield _Broken(
                (*where, "basis"),
                "basis",
                "原文只有目标，如何扣分须写成口径",
                "the text gives a target only: how it scores is an interpretation",
            )
        is_marked = "已失" in item.requirement.zh and "lost" in item.requirement.en
        if (item.basis == "lost") != is_marked:
            yield _Broken(
                (*where, "requirement"),
                "basis",
                "原文已失的须注明「已失」，其余不得注明",
                "lost wording is said to be lost in both languages, and nothing else is",
            )


def _indicators_are_used(edition: Edition, known: set[str] | None) -> Iterator[_Broken]:
    from pipelines.contracts import load_contracts

    declared = {each.indicator for each in edition.indicators}
    used: list[tuple[_Where, str]] = []
    for where, item in _items(edition):
        used += [((*where, "shown", position), name) for position, name in enumerate(item.shown)]
        for path, mapping in _mappings(item.terms):
            names = _possible(edition, mapping["indicator"]) if "indicator" in mapping else ()
            used += [((*where, "terms", *path, "indicator"), name) for name in sorted(names)]
    for where, name in used:
        if name not in declared:
            yield _Broken(where, "indicator", f"指标 {name} 未定义", f"indicator {name} is not defined")
    for position, each in enumerate(edition.indicators):
        where, name = ("indicators.yml", "indicators", position), each.indicator
        if name not in {name for _, name in used}:
            yield _Broken(where, "indicator", f"指标 {name} 没有条目使用", f"indicator {name} is used by no item")
        if known is not None and name not in known:
            yield _Broken(where, "indicator", f"指标 {name} 没有计算模型", f"indicator {name} has no model")
        if each.source not in load_contracts():
            yield _Broken(
                (*where, "source"), "indicator", f"没有数据来源 {each.source}", f"there is no source {each.source}"
            )


def _interpretations_are_used(edition: Edition) -> Iterator[_Broken]:
    used = interpretations_in(edition.head.totals.model_dump())
    for item in edition.items:
        used |= interpretations_in([*item.terms, item.bars])
    for position, each in enumerate(edition.head.interpretations):
        if each.interpretation not in used:
            where = ("edition.yml", "interpretations", position)
            yield _Broken(where, "interpretation", "没有任何规则用到此口径", "nothing depends on this interpretation")


def _conditions_bar_grades(edition: Edition) -> Iterator[_Broken]:
    grades = [band.grade for band in edition.head.bands]
    for where, item in _items(edition):
        barred = _possible(edition, item.bars) - {None}
        if barred and item.kind != "condition":
            yield _Broken((*where, "bars"), "bars", "只有条件条能限制等次", "only a condition bars a grade")
        for grade in sorted(barred - set(grades[:-1])):
            yield _Broken(
                (*where, "bars"),
                "bars",
                f"不能限制等次 {grade}：没有此等次，或其下再无等次",
                f"{grade} cannot be barred: there is no such grade, or none below it",
            )


def _examples_name_what_is(edition: Edition, examples: Sequence[Example]) -> Iterator[_Broken]:
    kinds = {item.item: {term.kind for term in terms_of(item, scenario(edition).options)} for item in edition.items}
    judged = {item for item, found in kinds.items() if found <= {"judged", "bonus"}}
    with_points = {item.item for item in edition.items if item.kind != "condition"}
    indicators = {each.indicator for each in edition.indicators}
    readings = {f"{key}={option}" for key, options in _options(edition.head).items() for option in options}
    for position, example in enumerate(examples):
        given, expect = example.given, example.expect
        looked_up: list[tuple[_Where, str, set[str]]] = [
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
                yield _Broken(
                    where, "examples", f"细则中没有可用于此处的 {name}", f"the rubric has no {name} to be had here"
                )


def _examples_suffice(edition: Edition, examples: Sequence[Example]) -> Iterator[_Broken]:
    """Three worked cases for every stated rule, two for every option of every interpretation."""
    for where, item in _items(edition):
        count = sum(isinstance(e.expect, ItemExpectation) and e.expect.item == item.item for e in examples)
        if item.basis == "stated" and count < 3:
            yield _Broken(
                where,
                "examples",
                f"只有 {count} 个算例，至少要 3 个",
                f"{count} worked example(s), at least 3 are owed",
            )
    for number, each in enumerate(edition.head.interpretations):
        for position, option in enumerate(each.options):
            count = sum(example.given.options.get(each.interpretation) == option.option for example in examples)
            if count < 2:
                yield _Broken(
                    ("edition.yml", "interpretations", number, "options", position),
                    "examples",
                    f"选项 {option.option} 只有 {count} 个算例，至少要 2 个",
                    f"option {option.option}: {count} worked example(s), at least 2 are owed",
                )
