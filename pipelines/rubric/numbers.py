"""Numbers and names as the YAML has them: exact fractions from text, never a binary float."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

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


class Closed(BaseModel):
    """An entry of the YAML that has the fields it has and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Text(Closed):
    """The same words in Chinese and in English."""

    zh: Words
    en: Words
