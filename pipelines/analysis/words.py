"""Labels, grades and figures as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pipelines.labels import Language, label


def words(key: str, lang: Language, **values: Any) -> str:
    """The label ``key`` with ``values`` put into it; a value may be a function of the language."""
    return label(key, lang).format(
        **{name: value(lang) if callable(value) else value for name, value in values.items()}
    )


def grade_name(grade: str | None, lang: Language) -> str:
    """The grade in words; that of an edition whose words are not in the table stays as it is."""
    try:
        return label(f"grade_{grade or ''}", lang)
    except KeyError:
        return str(grade)


def listed(words_of: Iterable[str], lang: Language, mark: str = "comma") -> str:
    """Words in a row, with the comma (or ``semicolon``) of the language between them, or the word for none."""
    return label(f"desk_{mark}", lang).join(words_of) or label("desk_none", lang)


def plain(number: Decimal | int | None, places: int | None = None) -> str:
    """A number as people write it: ``places`` decimals, half up, or as many as it needs; ``—`` for none."""
    if number is None:
        return "—"
    if places is not None:
        number = Decimal(number).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        return f"{number:,f}"
    text = f"{number:,f}" if isinstance(number, Decimal) else f"{number:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(number: Decimal, places: int | None = None) -> str:
    """A change, with its sign."""
    text = plain(abs(number), places)
    return ("+" if number > 0 else "−" if number < 0 else "±") + text


def in_unit(value: Decimal, unit: str) -> Decimal:
    """A figure as it is shown: percentages as such, everything else as it is."""
    return value * 100 if unit in ("percent", "flag") else value


def shown(value: Decimal | None, unit: str) -> str:
    """A figure with its unit."""
    if value is None:
        return "—"
    number = plain(in_unit(value, unit), {"percent": 2, "flag": 0, "ratio": 0, "count": 1}[unit])
    return f"{number} %" if unit in ("percent", "flag") else number


def shorten(text: str, most: int = 14) -> str:
    """``text``, or its beginning where it would crowd out the figures."""
    return text if len(text) <= most else text[: most - 1] + "…"
