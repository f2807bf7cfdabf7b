"""What every chart of the desk shares: the style, the glyphs, fills that tell apart without colour, alt text, a footer.

A chart shows itself in a notebook as an image with its alternative text; ``chart.figure`` is a matplotlib figure to
change at will.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.analysis.grades import Band, bands_of, limit_said
from pipelines.analysis.marts import Marts
from pipelines.analysis.words import grade_name, words
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, both, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

LANGUAGES: tuple[Language, ...] = ("zh", "en")
STYLE = Path(__file__).with_name("kaohe.mplstyle")

#: More towns than this do not fit on one page; a chart then says how many it leaves out, the tables hold all.
MOST_TOWNS = 60


class Fill(NamedTuple):
    """How an area is filled: seen in colour, in grey by its lightness, and in print by its hatching."""

    colour: str
    hatch: str

    def look(self) -> dict[str, Any]:
        """What matplotlib's patches need to be filled so, hatched light on dark and dark on light."""
        hatching = PAPER if contrast(self.colour, PAPER) > contrast(self.colour, INK) else INK
        return {"facecolor": self.colour, "hatch": self.hatch, "hatchcolor": hatching, "edgecolor": PAPER}


INK = "#1a1a1a"
MUTED = "#6b6b6b"
PAPER = "#ffffff"

#: Fills for grades from best to worst, then for one still undecided. Dark and light take turns, so that neighbours in
#: a stack differ by 3:1 at least; a test holds them to it.
GRADE_FILLS = (
    Fill("#0b3c6f", ""),
    Fill("#9ecae1", ""),
    Fill("#8c510a", "\\\\\\"),
    Fill("#f6e8c3", "xxx"),
    Fill("#595959", "..."),
)
GRADE_MARKERS = ("D", "o", "s", "v", "P")

GAIN = Fill("#0b3c6f", "")
LOSS = Fill("#f1a340", "///")
WHOLE = Fill("#7a7a7a", "")
#: Rows of a delivery: accepted, in quarantine, ignored. Any two may touch, where there are none of the third.
ROW_FILLS = (Fill("#0b3c6f", ""), Fill("#cf7317", "///"), Fill("#f7f7f7", "..."))
POINTS_FILLS = (Fill("#0b3c6f", ""), Fill("#f1a340", "///"))

#: Lines on paper: each 3:1 against it, each with a marker and a stroke of its own.
LINES: dict[str, dict[str, Any]] = {
    "pooled": {"color": "#0b3c6f", "marker": "o", "linestyle": "-"},
    "median": {"color": "#b35806", "marker": "s", "linestyle": "--"},
    "target": {"color": INK, "marker": "", "linestyle": ":"},
    "reference": {"color": "#5e3c99", "marker": "", "linestyle": "-."},
}


@dataclass
class Chart:
    """A figure with its text for those who cannot see it, in both languages."""

    figure: Figure
    lang: Language
    alt: dict[Language, str] = field(default_factory=dict)

    @property
    def axes(self) -> Axes:
        """The first pair of axes."""
        return self.figure.axes[0]

    def tell(self, key: str, **values: Any) -> None:
        """Set the text of both languages from the label ``key``; a value may be a function of the language."""
        self.alt = {lang: words(key, lang, **values) for lang in LANGUAGES}

    def svg(self) -> bytes:
        """The figure as SVG, glyphs as outlines: it looks the same where no Chinese font is installed."""
        with io.BytesIO() as stream:
            # The date would make every file differ from the one before.
            self.figure.savefig(stream, format="svg", metadata={"Date": None, "Description": self.alt[self.lang]})
            return stream.getvalue()

    def _repr_html_(self) -> str:
        image = base64.b64encode(self.svg()).decode("ascii")
        told = html.escape(self.alt[self.lang], quote=True)
        return f'<img class="chart" alt="{told}" src="data:image/svg+xml;base64,{image}" style="max-width: 100%">'


def open_chart(
    marts: Marts,
    lang: Language,
    title: str,
    *,
    width: float = 9.5,
    height: float = 4.5,
    grid: tuple[int, int] = (1, 1),
    **options: Any,
) -> Chart:
    """An empty chart with its title (as text) and the footer that says what its figures rest on.

    Args:
        grid: rows and columns of axes, reached through ``chart.figure.axes``.
        options: what else ``Figure.subplots`` takes.
    """
    figure = _figure_class()(figsize=(width, height), layout="constrained")
    margin = 0.28 / height
    figure.get_layout_engine().set(rect=(0.0, margin, 1.0, 1.0 - margin))  # type: ignore[union-attr, call-arg]
    figure.subplots(*grid, **options)
    figure.suptitle(title, x=0.01, horizontalalignment="left")
    figure.text(0.01, 0.06 / height, footer(marts), fontsize=8, color=MUTED, verticalalignment="bottom")
    return Chart(figure, lang)


def footer(marts: Marts) -> str:
    """What a figure rests on: whether its data are synthetic, the edition, the run."""
    said = f"{label('desk_edition', 'zh')} edition {marts.manifest['edition']} · run {marts.manifest['run_id']}"
    return f"{both('desk_synthetic')} · {said}" if marts.is_synthetic else said


@cache
def _figure_class() -> type[Figure]:
    """matplotlib's figure, once the style is in force and the Chinese glyphs are found."""
    import matplotlib.style
    from matplotlib import font_manager
    from matplotlib.figure import Figure

    font_manager.fontManager.addfont(_font())
    matplotlib.style.use(STYLE)
    return Figure


def _font() -> Path:
    """The one font used of the mplfonts package, which is looked up and never imported: importing it sets things up."""
    found = find_spec("mplfonts")
    if found is None or found.origin is None:
        raise KaoheError(Exit.ENVIRONMENT, "mplfonts is not installed; run `make install`")
    return Path(found.origin).parent / "fonts" / "NotoSansCJKsc-Regular.otf"


# Grades ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grades:
    """The grades of the edition from best to worst, as charts show them.

    Attributes:
        names: the grades, then the empty name of one still undecided.
    """

    names: tuple[str, ...]
    bands: tuple[Band, ...]

    def fill(self, grade: str | None) -> Fill:
        """How the grade is filled."""
        return GRADE_FILLS[self._place(grade)]

    def marker(self, grade: str | None) -> str:
        """The marker of the grade."""
        return GRADE_MARKERS[self._place(grade)]

    def _place(self, grade: str | None) -> int:
        return min(self.names.index(grade or ""), len(GRADE_FILLS) - 1) if grade else len(GRADE_FILLS) - 1


def grades_of(marts: Marts) -> Grades:
    """The grades the publication was graded by."""
    bands = bands_of(marts.rows)
    return Grades((*(band.grade for band in bands), ""), tuple(bands))


def draw_limits(axes: Axes, grades: Grades, lang: Language, *, along_x: bool = True) -> None:
    """Draw the totals at which grades begin, each with the name of the grade it begins."""
    for band in grades.bands:
        if band.begins is None:
            continue
        at, name = float(band.begins), f"{limit_said(band)} {grade_name(band.grade, lang)}"
        if along_x and (axes.get_autoscalex_on() or axes.get_xlim()[0] <= at <= axes.get_xlim()[1]):
            axes.axvline(at, color=INK, linewidth=0.9, linestyle=":")
            axes.annotate(name, (at, 1), (3, 1), xycoords=axes.get_xaxis_transform(), **_NOTE)
        elif not along_x:
            axes.axhline(at, color=INK, linewidth=0.9, linestyle=":")
            axes.annotate(name, (1, at), (3, -3), xycoords=axes.get_yaxis_transform(), **_NOTE)


_NOTE: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "color": INK, "annotation_clip": False}


# Contrast -------------------------------------------------------------------------------------------------------------


def contrast(one: str, other: str) -> Decimal:
    """Contrast ratio of two colours (``#rrggbb``) as WCAG 2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + Decimal("0.05")) / (darker + Decimal("0.05"))


def neighbours(fills: Sequence[Fill]) -> list[tuple[Fill, Fill]]:
    """The pairs of fills that touch in a stack."""
    return list(pairwise(fills))


def _luminance(colour: str) -> Decimal:
    weights = (Decimal("0.2126"), Decimal("0.7152"), Decimal("0.0722"))
    return sum(
        (weight * _linear(colour[at : at + 2]) for weight, at in zip(weights, (1, 3, 5), strict=True)), Decimal()
    )


def _linear(channel: str) -> Decimal:
    level = Decimal(int(channel, 16)) / 255
    return (
        level / Decimal("12.92")
        if level <= Decimal("0.04045")
        else ((level + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
    )


# Parts several charts are made of -------------------------------------------------------------------------------------


def stacked_rows(
    axes: Axes,
    rows: Sequence[str],
    parts: Mapping[str, Sequence[int]],
    fills: Sequence[Fill],
    said: Callable[[str, int], str],
) -> None:
    """Horizontal stacked bars, first row on top, each part labelled inside where it is wide enough."""
    places = range(len(rows))
    widest = max((sum(values) for values in zip(*parts.values(), strict=True)), default=0)
    begun = [0] * len(rows)
    for (name, values), fill in zip(parts.items(), fills, strict=True):
        axes.barh(places, values, left=begun, height=0.72, label=name, **fill.look())
        for place, value in zip(places, values, strict=True):
            text = said(name, value)
            if value and value / widest > 0.011 * len(text) + 0.008:
                axes.text(begun[place] + value / 2, place, text, **_INSIDE)
        begun = [done + value for done, value in zip(begun, values, strict=True)]
    axes.set_yticks(places, rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, widest * 1.02 or 1)


_INSIDE: dict[str, Any] = {
    "horizontalalignment": "center",
    "verticalalignment": "center",
    "fontsize": 9,
    "color": INK,
    # Text on a plate of its own can be read on any fill and through any hatching.
    "bbox": {"boxstyle": "round,pad=0.15", "facecolor": PAPER, "edgecolor": "none"},
}


def grid_of_cells(
    axes: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[int, int], tuple[str, Fill | None]],
    *,
    size: float = 8.5,
) -> None:
    """A table drawn: every cell says its value in words, its fill only helps the eye find it.

    Args:
        cells: text and fill by place, row and column; a cell without a fill stays paper.
    """
    from matplotlib.patches import Rectangle

    for (row, column), (text, fill) in cells.items():
        look = fill.look() if fill else {"facecolor": "none"}
        axes.add_patch(Rectangle((column - 0.48, row - 0.44), 0.96, 0.88, linewidth=0, **look))
        axes.text(column, row, text, **(_INSIDE | {"fontsize": size}))
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.spines[:].set_visible(False)


def count_towns(axis: Axis) -> None:
    """Ticks at whole numbers only: there is no half town."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def drop_after(rows: Sequence[Any], most: int = MOST_TOWNS) -> tuple[list[Any], int]:
    """What fits on one page, and how many are left out."""
    return list(rows[:most]), max(0, len(rows) - most)


def title_of(key: str, lang: Language, left_out: int = 0, **values: Any) -> str:
    """A chart's title, which says how many towns it leaves out."""
    said = words(key, lang, **values)
    return f"{said} {words('desk_left_out', lang, count=left_out)}" if left_out else said
