"""The closed set of ways an item is scored: the kinds of term, and the most each can take."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from pipelines.rubric.numbers import Closed, Name, Number, Points, Positive, SomePoints

Direction = Literal["at_least", "at_most"]
ZeroDenominator = Literal["missing", "not_applicable", "full", "failed"]


class Shortfall(Closed):
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


class Proportion(Closed):
    """Points times what was achieved of the target (``linear``), or nothing below it (``nothing``)."""

    kind: Literal["proportion"]
    indicator: Name
    direction: Direction = "at_least"
    target: Positive
    points: SomePoints
    below_target: Literal["linear", "nothing"]
    zero_denominator: ZeroDenominator | None = None


class Tier(Closed):
    """One tier: the figure from which on it holds, and what it gives."""

    at_least: Number
    points: Points


class Tiers(Closed):
    """The points of the highest tier the figure reaches."""

    kind: Literal["tiers"]
    indicator: Name
    points: SomePoints
    tiers: Annotated[tuple[Tier, ...], Field(min_length=2)]
    zero_denominator: ZeroDenominator | None = None


class Flag(Closed):
    """Something that is there (1), or takes ``points`` (0)."""

    kind: Literal["flag"]
    indicator: Name
    points: SomePoints


class Judged(Closed):
    """An assessor decides how much of the item's points is given."""

    kind: Literal["judged"]


class Bonus(Closed):
    """An assessor may add points, as many as ``cap`` where there is one."""

    kind: Literal["bonus"]
    cap: SomePoints | None = None


class Condition(Closed):
    """A target that carries no points: met or not met."""

    kind: Literal["condition"]
    indicator: Name
    direction: Direction = "at_least"
    target: Number
    zero_denominator: ZeroDenominator | None = None


Term = Annotated[Shortfall | Proportion | Tiers | Flag | Judged | Bonus | Condition, Field(discriminator="kind")]
TERM: TypeAdapter[Term] = TypeAdapter(Term)
TERM_KINDS = (Shortfall, Proportion, Tiers, Flag, Judged, Bonus, Condition)


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
