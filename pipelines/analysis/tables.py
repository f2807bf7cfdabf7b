"""Tables as people read them: headings and codes in words, figures exact, nothing in a cell taken for markup."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral
from typing import TYPE_CHECKING, Any

from pipelines.analysis.words import grade_name, plain, signed, words
from pipelines.labels import Language, label

if TYPE_CHECKING:
    import pandas

#: More rows than this are for a mart opened in a spreadsheet, not for a page.
MOST_ROWS = 200

#: Columns of codes, with the beginning of their label.
_CODES = {"status": "status_", "severity": "severity_", "cause": "cause_"}
_POINTS = {
    *("points", "bonus", "total", "total_low", "total_high", "lost", "available", "median_points", "most_lost"),
    *("points_low", "points_high", "total_before", "total_after", "before", "after"),
}
_NUMBERS = (Integral, Decimal)


@dataclass(frozen=True)
class Table:
    """A table that shows itself in a notebook; ``frame`` is what it shows."""

    frame: pandas.DataFrame
    lang: Language

    def _repr_html_(self) -> str:
        names = [str(name) for name in self.frame.columns]
        head = "".join(f'<th scope="col">{html.escape(label(f"column_{name}", self.lang))}</th>' for name in names)
        shown = self.frame.head(MOST_ROWS)
        body = "".join(
            "<tr>" + "".join(self._cell(name, value) for name, value in zip(names, row, strict=True)) + "</tr>"
            for row in shown.itertuples(index=False, name=None)
        )
        left_out = len(self.frame) - len(shown)
        more = f"<p>{words('desk_more_rows', self.lang, count=left_out)}</p>" if left_out else ""
        if not len(self.frame):
            return f"<p>{label('desk_empty', self.lang)}</p>"
        return f'<table class="desk"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}'

    def _cell(self, name: str, value: Any) -> str:
        is_number = isinstance(value, _NUMBERS) and not isinstance(value, bool)
        text = self._said(name, value)
        # Chinese breaks after any character: a column of short words must not, one of sentences needs room.
        look = "number" if is_number else "short" if len(text) <= 10 else "long" if len(text) > 40 else "words"
        return f'<td class="{look}">{html.escape(text)}</td>'

    def _said(self, name: str, value: Any) -> str:
        if _is_missing(value):
            text = label("grade_", self.lang) if name.startswith("grade") else "—"
        elif isinstance(value, bool) or type(value).__name__ == "bool":
            text = label("desk_yes" if value else "desk_no", self.lang)
        elif name.startswith("grade"):
            text = grade_name(str(value), self.lang)
        elif name in _CODES:
            text = label(_CODES[name] + str(value), self.lang)
        elif name == "change":
            text = signed(value, 2)
        elif isinstance(value, _NUMBERS) and name != "year":
            text = plain(value if isinstance(value, Decimal) else int(value), 2 if name in _POINTS else None)
        else:
            text = str(value)
        return text


def table(frame: pandas.DataFrame, lang: Language) -> Table:
    """``frame`` as a table for people; every column's heading is a label ``column_…``."""
    return Table(frame, lang)


@dataclass(frozen=True)
class Sentences:
    """A few sentences that show themselves in a notebook as a list."""

    told: tuple[str, ...]

    def _repr_html_(self) -> str:
        return "<ul>" + "".join(f"<li>{html.escape(each)}</li>" for each in self.told) + "</ul>"


def sentences(told: Sequence[str], lang: Language, none: str = "desk_empty") -> Sentences:
    """``told`` as a list, or what the label ``none`` says where there is nothing to tell."""
    return Sentences(tuple(told) or (label(none, lang),))


def _is_missing(value: Any) -> bool:
    """Whether it is one of the values pandas has for nothing; comparing with one of them is neither true nor false."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or str(value) == "nan"
