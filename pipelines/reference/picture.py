"""Boxes in columns with lines between them, as an SVG that needs nothing but the browser and its own fonts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle

_STYLE = (
    "text{font:13px 'Noto Sans CJK SC','Microsoft YaHei','PingFang SC','WenQuanYi Micro Hei',sans-serif;fill:#222}"
    ".title{font-weight:bold}.heading{font-size:15px}.note{fill:#555}.name{font-size:18px;font-weight:bold}"
    "rect{fill:#f7f7f4;stroke:#777}.page{fill:#fff;stroke:none}path{fill:none;stroke-width:1.4}"
)
#: Told apart by people who see colours otherwise, and dark enough on white.
_COLOURS = ("#0072b2", "#b34e00", "#007d5a", "#a3407f", "#6b5a00", "#4b4fa5", "#8c2d19", "#2f6f7e")
_MARGIN, _GAP, _BETWEEN = 24, 150, 14
_LINE, _HEAD = 20, 24
#: Widths of a letter, in pixels at the size of the text: full-width characters, and the others on average.
_FULL, _HALF = 13, 7.1


@dataclass(frozen=True)
class Box:
    """One box: its name for lines, what stands on it, and its rows, each with a name for lines too."""

    name: str
    title: str
    rows: tuple[tuple[str, str], ...] = ()

    @property
    def height(self) -> int:
        """In pixels."""
        return _HEAD + _LINE * len(self.rows) + (4 if self.rows else 0)

    @property
    def width(self) -> int:
        """In pixels, wide enough for every text."""
        return 20 + max(_width(text) for text in (self.title, *(text for _, text in self.rows)))


@dataclass(frozen=True)
class Line:
    """A line from a row of one box to a row of another; an empty row is the box itself."""

    from_box: str
    from_row: str
    to_box: str
    to_row: str
    is_dashed: bool = False


def draw(title: str, columns: Mapping[str, Sequence[Box]], lines: Sequence[Line], notes: Sequence[str] = ()) -> str:
    """The picture: ``columns`` of boxes by heading, from left to right, and ``lines`` between them.

    Lines have the colour of the box they begin at. ``notes`` stand below. The same arguments give the same bytes.
    """
    top = _MARGIN + 60
    heights = [sum(box.height + _BETWEEN for box in boxes) for boxes in columns.values()]
    below = top + max(heights) + 6
    ends: dict[tuple[str, str], _End] = {}
    drawn: list[str] = []
    x = _MARGIN
    for (heading, boxes), own in zip(columns.items(), heights, strict=True):
        width = max([box.width for box in boxes] + [_width(heading)])
        drawn.append(_text(x, top - 16, heading, "heading"))
        y = top + (max(heights) - own) // 2
        for box in boxes:
            drawn.append(f'<rect x="{x}" y="{y}" width="{width}" height="{box.height}" rx="4"/>')
            drawn.append(_text(x + 10, y + 17, box.title, "title"))
            ends[box.name, ""] = _End(x, x + width, y + _HEAD // 2)
            for number, (row, text) in enumerate(box.rows):
                at = y + _HEAD + _LINE * number
                drawn.append(_text(x + 10, at + 15, text))
                ends[box.name, row] = _End(x, x + width, at + _LINE // 2)
            y += box.height + _BETWEEN
        x += width + _GAP
    colours = dict(zip(dict.fromkeys(name for name, _ in ends), cycle(_COLOURS), strict=False))
    curves = [
        _curve(ends[line.from_box, line.from_row], ends[line.to_box, line.to_row], colours[line.from_box], line)
        for line in lines
    ]
    drawn += [_text(_MARGIN, below + 22 * at + 16, note, "note") for at, note in enumerate(notes)]
    width = max(x - _GAP, _MARGIN + max(map(_width, (title, *notes)))) + _MARGIN
    height = below + 22 * len(notes) + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{width}" height="{height}" class="page"/>',
            _text(_MARGIN, _MARGIN + 14, title, "name"),
            # Boxes lie over the lines that pass them.
            *curves,
            *drawn,
            "</svg>\n",
        ]
    )


@dataclass(frozen=True)
class _End:
    """Where a line can begin or end: at ``right`` or ``left``, at the height ``y``."""

    left: int
    right: int
    y: int


def _curve(begin: _End, end: _End, colour: str, line: Line) -> str:
    middle = (begin.right + end.left) // 2
    dash = ' stroke-dasharray="5 4"' if line.is_dashed else ""
    return (
        f'<path d="M{begin.right} {begin.y}C{middle} {begin.y} {middle} {end.y} {end.left} {end.y}" '
        f'stroke="{colour}"{dash}/>'
    )


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{escape(text)}</text>'


def _width(text: str) -> int:
    return round(sum(_FULL if ord(letter) > 0x2E7F else _HALF for letter in text))
