"""Worked examples: what a town starts from and what must come out, for officials to check and tests to run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from pipelines.rubric.numbers import Closed, Figure, Name, Number, Points, Text


class Given(Closed):
    """What a town of an example starts from.

    Attributes:
        options: readings in force, the defaults elsewhere.
        indicators: figures of the town; one not named is missing.
        judged: the assessors' scores of an item; an empty list is an item not judged yet.
        adjusted: points given to an item on review.
        others: every other item that carries points has them in ``full``, or is ``missing``.
    """

    options: dict[str, Name] = Field(default_factory=dict)
    indicators: dict[str, Figure] = Field(default_factory=dict)
    judged: dict[str, tuple[Points, ...]] = Field(default_factory=dict)
    adjusted: dict[str, Points] = Field(default_factory=dict)
    others: Literal["full", "missing"] = "full"


class ItemExpectation(Closed):
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


class TownExpectation(Closed):
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


class Example(Closed):
    """A worked case an official can check by hand."""

    title: Text
    given: Given
    expect: Annotated[
        Annotated[ItemExpectation, Tag("about_item")] | Annotated[TownExpectation, Tag("about_town")],
        Discriminator(_is_about),
    ]


class ExamplesFile(Closed):
    """``examples.yml``: worked cases that run as tests."""

    examples: tuple[Example, ...]
