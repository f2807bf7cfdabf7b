"""The rubric_* tables that the models interpret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pipelines.rubric.edition import Edition, EditionFile, Indicator, Item
from pipelines.rubric.numbers import Text
from pipelines.rubric.readings import Scenario, combinations, interpretations_in, resolve, terms_of
from pipelines.rubric.terms import Condition, Flag, Proportion, Shortfall, Term, worst_loss
from pipelines.rubric.words import term_in_words

if TYPE_CHECKING:
    import duckdb


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
    for choice in combinations(head, written):
        yield Scenario("; ".join(f"{key}={choice[key]}" for key in sorted(choice)), choice)


def _add_terms(rows: _Rows, tables: str, edition: Edition, item: Item, chosen: Scenario) -> None:
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
