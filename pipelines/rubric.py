"""The rubric as data: YAML, checked as it is read, then put into tables that the SQL models interpret.

Numbers are taken from their text into exact fractions (``0.5``, ``99%``, ``1/3``); nothing passes through a binary
float. A value that depends on how an open passage is read is written ``{interpretation: id, option: value, …}`` (or
without the values where the options are the values) and is resolved when a scenario is laid down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import YAMLError

from pipelines.errors import Exit, KaoheError, Problem

if TYPE_CHECKING:
    import duckdb

IN_FORCE = "in_force"

_NUMBER = re.compile(r"(?P<value>[0-9]+(\.[0-9]+)?)(?P<percent>%)?(/(?P<divisor>[1-9][0-9]*))?")


def exact(value: object) -> Fraction:
    """The number a text such as ``3``, ``0.5``, ``99%`` or ``1/3`` names, exactly. ValueError for anything else."""
    match = _NUMBER.fullmatch(str(value))
    if not match or isinstance(value, float):
        raise ValueError(f"{value!r} is no number such as 3, 0.5, 99% or 1/3")
    number = Fraction(match["value"]) / (100 if match["percent"] else 1)
    return number / int(match["divisor"] or 1)


Number = Annotated[Fraction, BeforeValidator(exact)]
Direction = Literal["at_least", "at_most"]
ZeroDenominator = Literal["missing", "not_applicable", "full", "failed"]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Text(_Closed):
    """The same in both languages."""

    zh: str
    en: str


class Shortfall(_Closed):
    """Every step the figure lies short of its target takes points, up to ``cap``; past ``cliff`` all is lost."""

    kind: Literal["shortfall"]
    indicator: str
    direction: Direction = "at_least"
    target: Number
    step: Number
    loss_per_step: Number
    part_step: Literal["whole", "started", "pro_rata"]
    cap: Number | None = None
    cliff: Number | None = None
    zero_denominator: ZeroDenominator = "missing"

    def worst_loss(self, available: Fraction) -> Fraction:
        """What it takes at the worst figure there can be."""
        most = available if self.cap is None else self.cap
        if self.direction == "at_most" or self.cliff is not None:
            return most
        steps = self.target / self.step
        if self.part_step != "pro_rata":
            steps = Fraction(steps.__floor__() if self.part_step == "whole" else steps.__ceil__())
        return min(most, steps * self.loss_per_step) if self.cap is not None else steps * self.loss_per_step


class Proportion(_Closed):
    """Points times what was achieved of the target, or nothing below the target."""

    kind: Literal["proportion"]
    indicator: str
    direction: Direction = "at_least"
    target: Number
    points: Number
    below_target: Literal["linear", "nothing"]
    zero_denominator: ZeroDenominator = "missing"

    def worst_loss(self, available: Fraction) -> Fraction:  # noqa: ARG002 - one signature for every kind
        """What it takes at the worst figure there can be."""
        return self.points


class Tier(_Closed):
    """From this figure up, these points."""

    at_least: Number
    points: Number


class Tiers(_Closed):
    """The points of the highest tier the figure reaches."""

    kind: Literal["tiers"]
    indicator: str
    points: Number
    tiers: tuple[Tier, ...]
    zero_denominator: ZeroDenominator = "missing"

    def worst_loss(self, available: Fraction) -> Fraction:  # noqa: ARG002
        """What it takes at the worst figure there can be."""
        return self.points - min((tier.points for tier in self.tiers), default=Fraction(0))


class Flag(_Closed):
    """Something that is there (1) or takes ``points`` (0)."""

    kind: Literal["flag"]
    indicator: str
    points: Number

    def worst_loss(self, available: Fraction) -> Fraction:  # noqa: ARG002
        """What it takes at the worst figure there can be."""
        return self.points


class Judged(_Closed):
    """An assessor decides."""

    kind: Literal["judged"]

    def worst_loss(self, available: Fraction) -> Fraction:
        """What it takes at the worst judgement there can be."""
        return available


class Bonus(_Closed):
    """An assessor may add points."""

    kind: Literal["bonus"]

    def worst_loss(self, available: Fraction) -> Fraction:  # noqa: ARG002
        """Nothing is ever taken."""
        return Fraction(0)


class Condition(_Closed):
    """A target that carries no points: met or not met."""

    kind: Literal["condition"]
    indicator: str
    direction: Direction = "at_least"
    target: Number
    zero_denominator: ZeroDenominator = "missing"

    def worst_loss(self, available: Fraction) -> Fraction:  # noqa: ARG002
        """Nothing is ever taken."""
        return Fraction(0)


Term = Annotated[Shortfall | Proportion | Tiers | Flag | Judged | Bonus | Condition, Field(discriminator="kind")]
_TERM: TypeAdapter[Term] = TypeAdapter(Term)


class Item(_Closed):
    """One item of the rubric. ``terms`` and ``bars`` are as written; a scenario resolves them."""

    item: str
    clause: str
    basis: Literal["stated", "target_only", "judged", "lost"]
    kind: Literal["scored", "bonus", "condition"] = "scored"
    points: Number = Fraction(0)
    title: Text
    requirement: Text
    shown: tuple[str, ...] = ()
    bars: Any = None
    terms: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]


class Section(_Closed):
    """A section of an area and its items."""

    section: str
    clause: str
    title: Text
    points: Number
    items: Annotated[tuple[Item, ...], Field(min_length=1)]


class Area(_Closed):
    """One area, one file."""

    area: str
    title: Text
    points: Number
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]


class Option(_Closed):
    """One way to read an open passage."""

    option: str
    title: Text


class Interpretation(_Closed):
    """A question the text leaves open, its answers, and the one in force."""

    interpretation: str
    question: Text
    default: str
    options: Annotated[tuple[Option, ...], Field(min_length=2)]


class Band(_Closed):
    """The totals that earn a grade."""

    grade: str
    at_least: Number | None = None
    above: Number | None = None
    at_most: Number | None = None
    below: Number | None = None

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
    number: str
    issued: str
    issuer: Text
    replaces: str


class Totals(_Closed):
    """How items become a graded total; each either fixed or left to an interpretation."""

    grade_gap: Any
    bonus_cap: Any


class _EditionFile(_Closed):
    edition: str
    points: Number
    document: Document
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    totals: Totals
    interpretations: tuple[Interpretation, ...]


class Indicator(_Closed):
    """What is measured, as defined for now."""

    indicator: str
    title: Text
    definition: Text
    unit: Literal["percent", "count", "ratio", "flag"]
    source: str


class _IndicatorFile(_Closed):
    indicators: tuple[Indicator, ...]


@dataclass(frozen=True)
class Edition:
    """One edition of the rubric, as written. ``lines`` says where (file, line) an area, section or item stands."""

    head: _EditionFile
    indicators: tuple[Indicator, ...]
    areas: tuple[Area, ...]
    lines: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def items(self) -> tuple[Item, ...]:
        """Every item, in the order of the document."""
        return tuple(item for area in self.areas for section in area.sections for item in section.items)


@dataclass(frozen=True)
class Scenario:
    """One choice of option for every interpretation of an edition, under a name."""

    name: str
    options: Mapping[str, str]


class Given(_Closed):
    """What an example starts from. Items it does not mention have full points, or are missing with ``others: missing``."""

    options: dict[str, str] = {}
    indicators: dict[str, str] = {}
    judged: dict[str, tuple[Number, ...]] = {}
    adjusted: dict[str, Number] = {}
    others: Literal["full", "missing"] = "full"


class Expect(_Closed):
    """What must come out: of ``item`` where one is named, of the town otherwise."""

    item: str | None = None
    points: Number | None = None
    points_low: Number | None = None
    points_high: Number | None = None
    is_met: bool | None = None
    status: str | None = None
    bonus: Number | None = None
    total: Number | None = None
    total_low: Number | None = None
    total_high: Number | None = None
    grade: str | None = None
    grade_low: str | None = None
    grade_high: str | None = None
    condition_met: bool | None = None


class Example(_Closed):
    """A worked case an official can check by hand."""

    title: Text
    given: Given
    expect: Expect


class _ExampleFile(_Closed):
    examples: tuple[Example, ...]


def load_edition(folder: Path) -> Edition:
    """The edition in ``folder``. KaoheError (rejected) with every problem of every file, by file, line and item."""
    problems: list[Problem] = []
    lines: dict[str, tuple[str, int]] = {}
    head = _read(folder / "edition.yml", _EditionFile, problems, lines)
    indicators = _read(folder / "indicators.yml", _IndicatorFile, problems, lines)
    areas = [_read(path, Area, problems, lines) for path in sorted(folder.glob("area-*.yml"))]
    if not problems and head and indicators:
        edition = Edition(head, indicators.indicators, tuple(area for area in areas if area), lines)
        problems = [problem for item in edition.items for problem in _unresolvable(edition, item)]
        if not problems:
            return edition
    raise KaoheError(Exit.REJECTED, f"{folder}: {len(problems)} problem(s) in the rubric", problems)


def load_examples(folder: Path) -> tuple[Example, ...]:
    """The worked cases beside an edition. KaoheError (rejected) where the file is not what it should be."""
    problems: list[Problem] = []
    found = _read(folder / "examples.yml", _ExampleFile, problems, {})
    if found is None:
        raise KaoheError(Exit.REJECTED, f"{folder}: the examples cannot be read", problems)
    return found.examples


def scenario(edition: Edition, name: str = IN_FORCE, options: Mapping[str, str] | None = None) -> Scenario:
    """The scenario with ``options`` chosen and the defaults elsewhere. ValueError for an option there is not."""
    chosen = {each.interpretation: each.default for each in edition.head.interpretations}
    known = {each.interpretation: {option.option for option in each.options} for each in edition.head.interpretations}
    for interpretation, option in (options or {}).items():
        if option not in known.get(interpretation, ()):
            raise ValueError(f"no option {option!r} of interpretation {interpretation!r}")
        chosen[interpretation] = option
    return Scenario(name, chosen)


def every_scenario(edition: Edition) -> Iterator[Scenario]:
    """The full factorial of the interpretations, each named by its options."""
    names = [each.interpretation for each in edition.head.interpretations]
    for choice in product(*([option.option for option in each.options] for each in edition.head.interpretations)):
        yield Scenario(";".join(choice), dict(zip(names, choice, strict=True)))


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
    if isinstance(written, Mapping):
        own = {str(written["interpretation"])} if "interpretation" in written else set()
        return own.union(*(interpretations_in(value) for value in written.values()))
    if isinstance(written, list | tuple):
        return set().union(*(interpretations_in(value) for value in written))
    return set()


def terms_of(item: Item, options: Mapping[str, str]) -> list[Term]:
    """The item's terms under ``options``. ``pydantic.ValidationError`` where one is none of the kinds."""
    return [_TERM.validate_python(resolve(term, options)) for term in item.terms]


def schema() -> str:
    """JSON Schema of the area files, for editors to complete from."""
    import json

    from pydantic.json_schema import GenerateJsonSchema

    class Exact(GenerateJsonSchema):
        def is_instance_schema(self, schema: Any) -> dict[str, Any]:  # noqa: ARG002
            return {"type": ["number", "string"], "description": "an exact number: 3, 0.5, 99% or 1/3"}

    return json.dumps(Area.model_json_schema(schema_generator=Exact), ensure_ascii=False, indent=2) + "\n"


def load_into(connection: duckdb.DuckDBPyConnection, edition: Edition, scenarios: Sequence[Scenario]) -> None:
    """Make the rubric_* tables that the models interpret, for every scenario given."""
    tables = _tables(edition, scenarios)
    for table, ddl in _DDL.items():
        connection.execute(f"CREATE OR REPLACE TABLE {table} ({ddl})")
        _insert(connection, table, tables[table])


_DDL = {
    "rubric_edition": "edition VARCHAR, title_zh VARCHAR, title_en VARCHAR, number VARCHAR, issued VARCHAR, "
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
    "definition_en VARCHAR, unit VARCHAR, source VARCHAR",
    "rubric_shown_indicator": "item VARCHAR, indicator VARCHAR",
    "rubric_term": "scenario VARCHAR, item VARCHAR, term VARCHAR, term_no BIGINT, kind VARCHAR, indicator VARCHAR, "
    "title_zh VARCHAR, title_en VARCHAR, points DECIMAL(6, 2), direction VARCHAR, target_n BIGINT, target_d BIGINT, "
    "step_n BIGINT, step_d BIGINT, loss_per_step_n BIGINT, loss_per_step_d BIGINT, part_step VARCHAR, cap_n BIGINT, "
    "cap_d BIGINT, cliff_n BIGINT, cliff_d BIGINT, below_target VARCHAR, zero_denominator VARCHAR, worst_loss_n BIGINT, "
    "worst_loss_d BIGINT, interpretations VARCHAR, clause VARCHAR",
    "rubric_tier": "scenario VARCHAR, item VARCHAR, term VARCHAR, tier_no BIGINT, at_least_n BIGINT, at_least_d BIGINT, "
    "points_n BIGINT, points_d BIGINT",
    "rubric_band": "scenario VARCHAR, position BIGINT, grade VARCHAR, at_least DECIMAL(9, 2), above DECIMAL(9, 2), "
    "at_most DECIMAL(9, 2), below DECIMAL(9, 2)",
    "rubric_condition": "scenario VARCHAR, item VARCHAR, bars_grade VARCHAR",
}


def _tables(edition: Edition, scenarios: Sequence[Scenario]) -> dict[str, list[tuple[Any, ...]]]:
    head = edition.head
    document = head.document
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _DDL}
    rows["rubric_edition"].append(
        (head.edition, document.title.zh, document.title.en, document.number, document.issued, document.issuer.zh,
         document.issuer.en, document.replaces)
    )  # fmt: skip
    for interpretation in head.interpretations:
        for position, option in enumerate(interpretation.options, start=1):
            rows["rubric_interpretation"].append(
                (interpretation.interpretation, option.option, position, option.option == interpretation.default,
                 interpretation.question.zh, interpretation.question.en, option.title.zh, option.title.en)
            )  # fmt: skip
    for each in edition.indicators:
        rows["rubric_indicator"].append(
            (
                each.indicator,
                each.title.zh,
                each.title.en,
                each.definition.zh,
                each.definition.en,
                each.unit,
                each.source,
            )
        )
    position = section_position = 0
    for area_position, area in enumerate(edition.areas, start=1):
        rows["rubric_area"].append((area.area, area_position, area.title.zh, area.title.en, _decimal(area.points)))
        for section in area.sections:
            section_position += 1
            rows["rubric_section"].append(
                (section.section, area.area, section_position, section.clause, section.title.zh, section.title.en,
                 _decimal(section.points))
            )  # fmt: skip
            for item in section.items:
                position += 1
                rows["rubric_item"].append(
                    (item.item, section.section, area.area, position, item.clause, item.kind, item.basis,
                     _decimal(item.points), item.title.zh, item.title.en, item.requirement.zh, item.requirement.en)
                )  # fmt: skip
                rows["rubric_shown_indicator"] += [(item.item, indicator) for indicator in item.shown]
    titles = {each.indicator: each.title for each in edition.indicators}
    for chosen in scenarios:
        totals = resolve(head.totals.model_dump(), chosen.options)
        rows["rubric_scenario"].append((chosen.name, head.edition, totals["grade_gap"], totals["bonus_cap"]))
        rows["rubric_setting"] += [(chosen.name, name, option) for name, option in chosen.options.items()]
        for number, band in enumerate(head.bands, start=1):
            limits = (band.at_least, band.above, band.at_most, band.below)
            rows["rubric_band"].append((chosen.name, number, band.grade, *map(_decimal, limits)))
        for item in edition.items:
            if item.kind == "condition":
                rows["rubric_condition"].append((chosen.name, item.item, resolve(item.bars, chosen.options)))
            for number, (written, term) in enumerate(zip(item.terms, terms_of(item, chosen.options), strict=True), 1):
                name = f"{item.item}.{number}"
                used = sorted(interpretations_in(written) | interpretations_in(item.bars))
                noted = "; ".join(f"{key}={chosen.options[key]}" for key in used)
                rows["rubric_term"].append(_term_row(chosen.name, item, name, number, term, titles, noted))
                for tier_no, tier in enumerate(getattr(term, "tiers", ()), start=1):
                    rows["rubric_tier"].append(
                        (chosen.name, item.item, name, tier_no, *_parts(tier.at_least), *_parts(tier.points))
                    )
    return rows


def _term_row(
    scenario_name: str, item: Item, name: str, number: int, term: Term, titles: Mapping[str, Text], noted: str
) -> tuple[Any, ...]:
    indicator = getattr(term, "indicator", None)
    title = titles[indicator] if indicator else item.title
    has_target = not isinstance(term, Tiers | Judged | Bonus)
    return (
        scenario_name,
        item.item,
        name,
        number,
        term.kind,
        indicator,
        title.zh,
        title.en,
        _decimal(getattr(term, "points", item.points)),
        getattr(term, "direction", "at_least") if has_target else None,
        # A flag is a figure of 1 or 0 with the target 1.
        *_parts(getattr(term, "target", Fraction(1)) if has_target else None),
        *_parts(getattr(term, "step", None)),
        *_parts(getattr(term, "loss_per_step", None)),
        getattr(term, "part_step", None),
        *_parts(getattr(term, "cap", None)),
        *_parts(getattr(term, "cliff", None)),
        getattr(term, "below_target", None),
        getattr(term, "zero_denominator", "missing") if indicator else None,
        *_parts(term.worst_loss(item.points)),
        noted,
        item.clause,
    )


def _parts(number: Fraction | None) -> tuple[int | None, int | None]:
    return (None, None) if number is None else (number.numerator, number.denominator)


def _decimal(number: Fraction | None) -> Decimal | None:
    """Points as a decimal with two places; the lint sees to it that none has more."""
    return None if number is None else Decimal(number.numerator * 100 // number.denominator).scaleb(-2)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    import pyarrow

    names = [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()]
    arriving = pyarrow.table([list(values) for values in zip(*rows, strict=True)], names=names)
    connection.register("arriving", arriving)
    connection.execute(f"INSERT INTO {table} SELECT * FROM arriving")
    connection.unregister("arriving")


# Reading ---------------------------------------------------------------------------------------------------------------


class _TextOnly(RoundTripConstructor):
    """Leaves numbers as the text they were written in."""


for _tag in ("int", "float", "timestamp"):
    _TextOnly.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda self, node: self.construct_scalar(node))


_Model = TypeVar("_Model", bound=BaseModel)
_NAMED = ("item", "section", "area", "interpretation", "indicator", "grade")


def _read(path: Path, model: type[_Model], problems: list[Problem], lines: dict[str, tuple[str, int]]) -> _Model | None:
    """One file checked against ``model``; what is wrong with it goes to ``problems`` with its line."""
    yaml = YAML(typ="rt")
    yaml.Constructor = _TextOnly
    try:
        written = yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        problems.append(_problem(path.name, mark.line + 1 if mark else 1, "", "yaml", "无法读取", str(error)))
        return None
    _note_lines(written, path.name, lines)
    try:
        return model.model_validate(_plain(written))
    except ValidationError as error:
        for each in error.errors():
            line, name = _whereabouts(written, each["loc"])
            field_name = ".".join(str(part) for part in each["loc"])
            problems.append(
                _problem(path.name, line, name, "shape", f"{field_name} 不符合要求", f"{field_name}: {each['msg']}")
            )
    return None


def _plain(written: Any) -> Any:
    """YAML as read, without what the reader keeps beside it."""
    if isinstance(written, Mapping):
        return {str(key): _plain(value) for key, value in written.items()}
    if isinstance(written, list):
        return [_plain(value) for value in written]
    return str(written) if isinstance(written, str) else written


def _note_lines(written: Any, file: str, lines: dict[str, tuple[str, int]]) -> None:
    if isinstance(written, CommentedMap):
        for key in _NAMED:
            if isinstance(name := written.get(key), str):
                lines.setdefault(f"{key} {name}", (file, written.lc.line + 1))
        for value in written.values():
            _note_lines(value, file, lines)
    elif isinstance(written, list):
        for value in written:
            _note_lines(value, file, lines)


def _whereabouts(written: Any, path: Sequence[str | int]) -> tuple[int, str]:
    """Line of the innermost thing ``path`` leads to, and the innermost item or section it lies in."""
    line, name = 1, ""
    for part in path:
        if isinstance(written, CommentedMap):
            named = [str(written[key]) for key in _NAMED[:3] if key in written]
            name = named[0] if named else name
            if part in written:
                line = written.lc.key(part)[0] + 1
                written = written[part]
        elif isinstance(written, CommentedSeq) and isinstance(part, int) and part < len(written):
            line = written.lc.item(part)[0] + 1
            written = written[part]
    return line, name


def _problem(file: str, line: int, item: str, rule: str, zh: str, en: str) -> Problem:
    return Problem(
        file=file,
        cell=f"line {line}",
        column=item,
        rule=rule,
        message_zh=zh,
        message_en=en,
        remedy_zh="请改正该处后重新运行 kaohe rubric lint",
        remedy_en="mend it and run kaohe rubric lint again",
    )


def _unresolvable(edition: Edition, item: Item) -> Iterator[Problem]:
    """Terms that are none of the kinds under some option, or that refer to a reading there is not."""
    options = {each.interpretation: [o.option for o in each.options] for each in edition.head.interpretations}
    file, line = edition.lines.get(f"item {item.item}", ("", 1))
    for term in (*item.terms, {"bars": item.bars}):
        used = sorted(interpretations_in(term))
        unknown = [name for name in used if name not in options]
        if unknown:
            yield _problem(
                file, line, item.item, "interpretation", "口径不存在", f"no interpretation {', '.join(unknown)}"
            )
            continue
        if "bars" in term:
            continue
        for choice in product(*(options[name] for name in used)):
            try:
                _TERM.validate_python(resolve(term, dict(zip(used, choice, strict=True))))
            except (ValidationError, KeyError) as error:
                told = error.errors()[0] if isinstance(error, ValidationError) else None
                why = f"{'.'.join(map(str, told['loc']))}: {told['msg']}" if told else f"option {error} has no value"
                yield _problem(
                    file, line, item.item, "term", f"计分项在口径 {choice} 下不成立", f"under {choice}: {why}"
                )


# Laws ------------------------------------------------------------------------------------------------------------------


def lint(folder: Path, known_indicators: set[str]) -> list[Problem]:
    """Every law the edition in ``folder`` breaks, by file, line and item.

    ``known_indicators`` are those there is a model for.
    """
    try:
        edition = load_edition(folder)
        examples = load_examples(folder)
    except KaoheError as error:
        return list(error.problems)
    broken = [
        *_points_add_up(edition),
        *_names_are_unique(edition),
        *_bands_tile(edition),
        *_terms_can_lose(edition),
        *_bases_hold(edition),
        *_indicators_are_used(edition, known_indicators),
        *_interpretations_are_used(edition),
        *_examples_suffice(edition, examples),
    ]
    return [
        _problem(*edition.lines.get(where, ("edition.yml", 1)), where.partition(" ")[2], rule, zh, en)
        for where, rule, zh, en in broken
    ]


#: Where (``item 1.1``), which law, and what is wrong in Chinese and English.
_Broken = tuple[str, str, str, str]


def _points_add_up(edition: Edition) -> Iterator[_Broken]:
    def differs(where: str, claimed: Fraction, parts: Fraction) -> Iterator[_Broken]:
        if claimed != parts:
            yield (
                where,
                "points",
                f"分值 {claimed} 与各部分之和 {parts} 不符",
                f"{claimed} points, but its parts add up to {parts}",
            )

    for area in edition.areas:
        for section in area.sections:
            yield from differs(
                f"section {section.section}", section.points, sum((i.points for i in section.items), Fraction(0))
            )
        yield from differs(f"area {area.area}", area.points, sum((s.points for s in area.sections), Fraction(0)))
    yield from differs("edition", edition.head.points, sum((a.points for a in edition.areas), Fraction(0)))
    for item in edition.items:
        if (item.points * 100).denominator != 1:
            yield f"item {item.item}", "points", "分值多于两位小数", "more than two decimals"
        if (item.kind == "scored") != (item.points > 0):
            yield (
                f"item {item.item}",
                "points",
                "计分项须有分值，加分与条件不得有",
                "a scored item has points, a bonus or condition none",
            )


def _names_are_unique(edition: Edition) -> Iterator[_Broken]:
    for kind, names in (
        ("area", [area.area for area in edition.areas]),
        ("section", [section.section for area in edition.areas for section in area.sections]),
        ("item", [item.item for item in edition.items]),
        ("indicator", [each.indicator for each in edition.indicators]),
        ("interpretation", [each.interpretation for each in edition.head.interpretations]),
        ("grade", [band.grade for band in edition.head.bands]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{kind} {name}", "unique", f"{name} 重复", f"{kind} {name} is given twice"


def _bands_tile(edition: Edition) -> Iterator[_Broken]:
    """Every total falls in one band, and a better total never in a worse one."""
    head = edition.head
    limits = sorted(
        {
            limit
            for band in head.bands
            for limit in (band.at_least, band.above, band.at_most, band.below)
            if limit is not None
        }
    )
    between = [(low + high) / 2 for low, high in pairwise([Fraction(0), *limits, head.points * 2])]
    totals = sorted({Fraction(0), *limits, *between, head.points, head.points * 2})
    if _possible(edition, head.totals.grade_gap) == {"half_up"}:
        totals = [Fraction(whole) for whole in range(int(head.points) * 2 + 1)]
    worst_so_far = len(head.bands)
    for total in totals:
        found = [position for position, band in enumerate(head.bands) if band.holds(total)]
        if len(found) != 1:
            grades = "、".join(head.bands[position].grade for position in found) or "-"
            yield (
                "edition",
                "bands",
                f"总分 {total} 落在 {len(found)} 档（{grades}）",
                f"a total of {total} falls in {len(found)} bands ({grades})",
            )
        elif found[0] > worst_so_far:
            yield (
                f"grade {head.bands[found[0]].grade}",
                "bands",
                f"总分 {total} 反而更低档",
                f"a higher total {total} falls in a worse band",
            )
        else:
            worst_so_far = found[0]


def _terms_can_lose(edition: Edition) -> Iterator[_Broken]:
    for item in edition.items:
        where = f"item {item.item}"
        used = sorted(set().union(*(interpretations_in(term) for term in item.terms)))
        values = {each.interpretation: [o.option for o in each.options] for each in edition.head.interpretations}
        for choice in product(*(values[name] for name in used)):
            terms = terms_of(item, dict(zip(used, choice, strict=True)))
            if item.kind != "scored":
                if {term.kind for term in terms} != {item.kind}:
                    yield (
                        where,
                        "kind",
                        f"{item.kind} 条只能有同类计分项",
                        f"a {item.kind} item has {item.kind} terms only",
                    )
                continue
            yield from ((where, rule, zh, en) for term in terms for rule, zh, en in _term_laws(term, item.points))
            losses = [term.worst_loss(item.points) for term in terms]
            if min(losses) <= 0 or sum(losses) < item.points:
                yield (
                    where,
                    "loss",
                    f"各项至多扣 {sum(losses)} 分，达不到分值 {item.points}",
                    f"its terms can lose {sum(losses)} at most, of {item.points}",
                )


def _term_laws(term: Term, available: Fraction) -> Iterator[tuple[str, str, str]]:
    if term.kind in ("bonus", "condition"):
        yield "kind", "计分条不能有加分或条件项", "a scored item has no bonus or condition term"
    if getattr(term, "points", available) > available or (getattr(term, "cap", None) or 0) > available:
        yield "loss", "计分项的分值超过条目分值", "a term governs more points than its item has"
    if isinstance(term, Shortfall) and (term.step <= 0 or term.loss_per_step <= 0):
        yield "loss", "步长和每步扣分须大于 0", "step and loss per step must be above 0"
    if isinstance(term, Shortfall) and term.direction == "at_least" and term.step > term.target:
        yield "loss", "步长大于目标，永远扣不到分", "the step is larger than the target: nothing is ever lost"
    if isinstance(term, Proportion) and term.target <= 0:
        yield "loss", "目标须大于 0", "the target must be above 0"
    if isinstance(term, Tiers):
        floors = [tier.at_least for tier in term.tiers]
        given = [tier.points for tier in term.tiers]
        if not floors or floors[-1] != 0:
            yield "tiers", "分档须覆盖到 0", "the tiers must reach down to 0"
        if any(high <= low for high, low in pairwise(floors)) or any(high < low for high, low in pairwise(given)):
            yield "tiers", "分档须由高到低，得分不得反升", "tiers go from high to low, and so do their points"
        if given and given[0] != term.points:
            yield "tiers", "最高档得分须等于分值", "the highest tier gives all the points"


def _bases_hold(edition: Edition) -> Iterator[_Broken]:
    """What the document leaves to a judgement is judged, what it states is computed, what is lost says so."""
    judged = {"judged", "bonus"}
    for item in edition.items:
        kinds = {term.get("kind", "") for term in item.terms}
        where = f"item {item.item}"
        if (item.basis in ("judged", "lost")) != (kinds <= judged):
            yield (
                where,
                "basis",
                f"依据 {item.basis} 与计分方式不符",
                f"basis {item.basis} does not fit how it is scored",
            )
        says_lost = "已失" in item.requirement.zh and "lost" in item.requirement.en
        if says_lost != (item.basis == "lost"):
            yield (
                where,
                "basis",
                "原文已失者须注明，其余不得注明",
                "lost wording is said to be lost, and nothing else is",
            )


def _indicators_are_used(edition: Edition, known: set[str]) -> Iterator[_Broken]:
    declared = {each.indicator for each in edition.indicators}
    used: dict[str, str] = {}
    for item in edition.items:
        for name in (*item.shown, *_indicators_in(item.terms)):
            used.setdefault(name, f"item {item.item}")
    for name in sorted(set(used) - declared):
        yield used[name], "indicator", f"指标 {name} 未定义", f"indicator {name} is not defined"
    for name in sorted(declared - set(used)):
        yield f"indicator {name}", "indicator", f"指标 {name} 没有条目使用", f"indicator {name} is used by no item"
    for name in sorted(declared - known):
        yield f"indicator {name}", "indicator", f"指标 {name} 没有计算模型", f"indicator {name} has no model"


def _indicators_in(written: Any) -> Iterator[str]:
    if isinstance(written, Mapping):
        if "indicator" in written:
            yield written["indicator"]
        for value in written.values():
            yield from _indicators_in(value)
    elif isinstance(written, list | tuple):
        for value in written:
            yield from _indicators_in(value)


def _interpretations_are_used(edition: Edition) -> Iterator[_Broken]:
    options = {each.interpretation: {o.option for o in each.options} for each in edition.head.interpretations}
    written: list[tuple[str, Any]] = [("edition", edition.head.totals.model_dump())]
    written += [(f"item {item.item}", [*item.terms, item.bars]) for item in edition.items]
    used = set().union(*(interpretations_in(each) for _, each in written))
    for each in edition.head.interpretations:
        where = f"interpretation {each.interpretation}"
        if each.default not in options[each.interpretation]:
            yield where, "interpretation", "默认选项不在选项中", f"the default {each.default} is none of its options"
        if each.interpretation not in used:
            yield where, "interpretation", "没有条目用到此口径", "nothing depends on this interpretation"
    for where, content in written:
        for name, values in _choices(content):
            if values and values != options.get(name):
                yield (
                    where,
                    "interpretation",
                    f"口径 {name} 的选项未全部写明",
                    f"{name}: {sorted(values)} are not its options",
                )
    grades = {band.grade for band in edition.head.bands}
    for item in edition.items:
        for grade in _possible(edition, item.bars) - grades - {None}:
            yield f"item {item.item}", "bars", f"等次 {grade} 不存在", f"no grade is called {grade}"


def _choices(written: Any) -> Iterator[tuple[str, set[str]]]:
    if isinstance(written, Mapping):
        if "interpretation" in written:
            yield written["interpretation"], set(written) - {"interpretation"}
        for value in written.values():
            yield from _choices(value)
    elif isinstance(written, list | tuple):
        for value in written:
            yield from _choices(value)


def _possible(edition: Edition, written: Any) -> set[Any]:
    """What ``written`` can resolve to."""
    options = {each.interpretation: [o.option for o in each.options] for each in edition.head.interpretations}
    used = sorted(interpretations_in(written))
    return {
        resolve(written, dict(zip(used, choice, strict=True))) for choice in product(*(options[name] for name in used))
    }


def _examples_suffice(edition: Edition, examples: Sequence[Example]) -> Iterator[_Broken]:
    """Three worked cases for every stated rule, two for every option, and no case of what there is not."""
    items = {item.item: item for item in edition.items}
    declared = {each.indicator for each in edition.indicators}
    options = {(each.interpretation, o.option) for each in edition.head.interpretations for o in each.options}
    for example in examples:
        given = example.given
        named = {*given.judged, *given.adjusted, *([example.expect.item] if example.expect.item else [])}
        unknown = [*sorted(named - set(items)), *sorted(set(given.indicators) - declared)]
        unknown += [f"{key}={value}" for key, value in given.options.items() if (key, value) not in options]
        if unknown:
            yield (
                "examples",
                "examples",
                f"例「{example.title.zh}」用到不存在的 {unknown}",
                f"“{example.title.en}” names {unknown}",
            )
    for item in edition.items:
        count = sum(example.expect.item == item.item for example in examples)
        if item.basis == "stated" and count < 3:
            yield (
                f"item {item.item}",
                "examples",
                f"只有 {count} 个例子，至少 3 个",
                f"{count} example(s), three are owed",
            )
    for key, value in sorted(options):
        count = sum(example.given.options.get(key) == value for example in examples)
        if count < 2:
            yield (
                f"interpretation {key}",
                "examples",
                f"选项 {value} 只有 {count} 个例子，至少 2 个",
                f"option {value} has {count} example(s), two are owed",
            )
