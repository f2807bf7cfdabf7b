"""An edition as it is written: areas, sections and items, grades, open readings, indicators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from pipelines.day import Day
from pipelines.rubric.numbers import Closed, Name, Points, SomePoints, Text, Words

#: What a field that follows an interpretation looks like to an editor.
BY_INTERPRETATION = {
    "type": "object",
    "required": ["interpretation"],
    "properties": {"interpretation": {"type": "string"}},
    "description": "{interpretation: id} or {interpretation: id, option: value, …}",
}


class Item(Closed):
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
    bars: Annotated[Any, WithJsonSchema({"anyOf": [{"type": ["string", "null"]}, BY_INTERPRETATION]})] = None
    terms: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]


class Section(Closed):
    """A section: its items share its points."""

    section: Name
    clause: Words
    title: Text
    points: Points
    items: Annotated[tuple[Item, ...], Field(min_length=1)]


class Area(Closed):
    """An area, one file."""

    area: Name
    title: Text
    points: SomePoints
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]


class Option(Closed):
    """One way to read an open passage."""

    option: Name
    title: Text


class Interpretation(Closed):
    """A passage the text leaves open, how it can be read, and how it is read unless somebody decides otherwise."""

    interpretation: Name
    question: Text
    default: Name
    options: Annotated[tuple[Option, ...], Field(min_length=2)]


class Band(Closed):
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


class Document(Closed):
    """The document the edition restates."""

    title: Text
    number: Words
    issued: Day
    issuer: Text
    replaces: Words


#: What the models can do with a total; the values an edition may choose from.
TOTALS = {"grade_gap": {"none", "half_up"}, "bonus_cap": {"capped_100", "uncapped", "excluded"}}


class Totals(Closed):
    """How items become a graded total; each either fixed or left to an interpretation."""

    grade_gap: Annotated[Any, WithJsonSchema({"anyOf": [{"enum": ["none", "half_up"]}, BY_INTERPRETATION]})]
    bonus_cap: Annotated[
        Any, WithJsonSchema({"anyOf": [{"enum": ["capped_100", "uncapped", "excluded"]}, BY_INTERPRETATION]})
    ]


class EditionFile(Closed):
    """``edition.yml``: the document, the grades and the open readings."""

    edition: Name
    points: SomePoints
    document: Document
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    totals: Totals
    interpretations: tuple[Interpretation, ...]


class Indicator(Closed):
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


class IndicatorsFile(Closed):
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
