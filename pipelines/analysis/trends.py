"""Each indicator over the years against its target: the city, the median town, every town, and the country."""

from __future__ import annotations

import csv
import io
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.analysis.charts import INK, LINES, MUTED, Chart, drop_after, open_chart, title_of
from pipelines.analysis.marts import ROOT, Marts
from pipelines.analysis.words import in_unit, listed, plain, shorten, shown, words
from pipelines.labels import Language, label

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

YEARBOOK = ROOT / "data" / "reference" / "yearbook_10-9_2010.csv"


class Year(NamedTuple):
    """One indicator in one year.

    Attributes:
        pooled: the sum of the towns' numerators over the sum of their denominators: the city as one.
        median: the middle town; half a town counts as much as the biggest here.
        target: the target in force that year, where a term of the rubric sets one.
        reported, towns: how many towns have a figure, of how many.
    """

    year: int
    pooled: Decimal | None
    median: Decimal | None
    target: Decimal | None
    direction: str | None
    reported: int
    towns: int


class Reference(NamedTuple):
    """A real published rate, to read the synthetic ones against."""

    title: str
    value: Decimal


def indicators(marts: Marts, lang: Language = "zh") -> dict[str, tuple[str, str]]:
    """Title and unit of every indicator, those with a target first."""
    rows = marts.rows(
        f"""SELECT indicator, title_{lang} AS title, unit FROM indicator_definition
        ORDER BY indicator NOT IN (SELECT indicator FROM term_score WHERE target IS NOT NULL), indicator"""
    )
    return {row["indicator"]: (row["title"], row["unit"]) for row in rows}


def history(marts: Marts, indicator: str) -> list[Year]:
    """The indicator year by year. Towns without a figure, or with nothing to divide by, are in neither sum."""
    rows = marts.rows(
        """SELECT year, sum(numerator) FILTER (value IS NOT NULL) AS numerator,
            sum(denominator) FILTER (value IS NOT NULL) AS denominator,
            list(value ORDER BY value) FILTER (value IS NOT NULL) AS figures, count(*) AS towns,
            any_value(term.target) AS target, any_value(term.direction) AS direction
        FROM indicator_value AS figure LEFT JOIN (
            SELECT year, indicator, any_value(target) AS target, any_value(direction) AS direction
            FROM term_score WHERE target IS NOT NULL GROUP BY ALL
        ) AS term USING (year, indicator)
        WHERE indicator = ? GROUP BY year ORDER BY year""",
        [indicator],
    )
    return [
        Year(
            row["year"],
            _ratio(row["numerator"], row["denominator"]),
            _median(row["figures"] or []),
            row["target"],
            row["direction"],
            len(row["figures"] or []),
            row["towns"],
        )
        for row in rows
    ]


def history_table(marts: Marts, indicator: str, lang: Language) -> pandas.DataFrame:
    """The indicator year by year as people read it, with its unit."""
    import pandas

    unit = indicators(marts, lang)[indicator][1]
    return pandas.DataFrame(
        [
            {
                "year": str(year.year),
                "pooled": shown(year.pooled, unit),
                "median": shown(year.median, unit),
                "target": shown(year.target, unit),
                "reported": f"{year.reported}/{year.towns}",
            }
            for year in history(marts, indicator)
        ]
    )


def references(indicator: str, lang: Language) -> list[Reference]:
    """The real rates of 2010 for the one indicator the yearbook has: the nation's and the province's."""
    if indicator != "community_management_rate":
        return []
    # As received: GB18030, a title above the header, blanks inside the names, the rate in the last column.
    lines = list(csv.reader(io.StringIO(YEARBOOK.read_bytes().decode("gb18030"))))
    rates = {line[1]: Decimal(line[4]) / 100 for line in lines[2:] if line[4]}
    return [
        Reference(words(f"reference_{region.lower()}", lang, rate=shown(rates[region], "percent")), rates[region])
        for region in ("National", "Zhejiang")
    ]


def trend(marts: Marts, indicator: str, lang: Language) -> Chart:
    """The indicator over the years: the city as one beside the median town, the target, real rates where there are."""
    title, unit = indicators(marts, lang)[indicator]
    chart = open_chart(marts, lang, title_of("chart_trend", lang, indicator=title), height=4.2)
    axes, years = chart.axes, history(marts, indicator)
    towns = marts.rows(_TOWN_LINES, [indicator])
    for row in towns if len(towns) <= _MOST_LINES else ():
        drawn = [float(in_unit(value, unit)) for value in row["figures"]]
        axes.plot(row["years"], drawn, color=MUTED, linewidth=0.5, alpha=0.5)
    if len(towns) <= _MOST_LINES:
        axes.plot([], [], color=MUTED, linewidth=0.5, label=label("line_towns", lang))
    _draw_lines(axes, years, unit, lang)
    real = references(indicator, lang)
    for reference in real:
        at = float(in_unit(reference.value, unit))
        axes.axhline(at, **_unmarked("reference"))
        axes.annotate(reference.title, (0, at), (3, 3), xycoords=axes.get_yaxis_transform(), **_NOTE)
    _dress(axes, years, unit, lang, title)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    chart.tell(
        "alt_trend",
        indicator=lambda each: indicators(marts, each)[indicator][0],
        told=lambda each: listed((_said(year, unit, each) for year in years), each, "semicolon"),
        real=lambda each: listed((reference.title for reference in references(indicator, each)), each),
    )
    return chart


def trends(marts: Marts, lang: Language) -> Chart:
    """Every indicator at a glance, one panel each."""
    named = indicators(marts, lang)
    down = ceil(len(named) / 4)
    chart = open_chart(
        marts, lang, label("chart_trends", lang), height=0.9 + 1.75 * down, width=11, grid=(down, 4), sharex=True
    )
    for axes, (indicator, (title, unit)) in zip(chart.figure.axes, named.items(), strict=False):
        years = history(marts, indicator)
        _draw_lines(axes, years, unit, lang)
        what, of = shorten(title, 13 if lang == "zh" else 26), label(f"unit_{unit}", lang)
        axes.set_title(words("desk_with_unit", lang, what=what, unit=of), fontsize=9)
        axes.set_xticks([year.year for year in years][:: max(1, len(years) // 3)])
    for axes in chart.figure.axes[len(named) :]:
        axes.set_visible(False)
    handles, _ = chart.axes.get_legend_handles_labels()
    chart.figure.legend(
        handles, [label(f"line_{name}", lang) for name in ("city", "median", "target")], loc="upper right", ncols=3
    )
    chart.tell("alt_trends", count=len(named), first=marts.years[0], last=marts.years[-1])
    return chart


def trend_of_towns(marts: Marts, indicator: str, lang: Language) -> Chart:
    """The indicator in every town, one small panel each, all on one scale; hollow where the target is missed."""
    title, unit = indicators(marts, lang)[indicator]
    rows, left_out = drop_after(marts.rows(_TOWN_LINES, [indicator]))
    down = max(1, ceil(len(rows) / _ACROSS))
    chart = open_chart(
        marts,
        lang,
        title_of("chart_trend_of_towns", lang, left_out, indicator=title, unit=label(f"unit_{unit}", lang)),
        height=0.9 + 0.95 * down,
        width=10,
    )
    years = {year.year: year for year in history(marts, indicator)}
    panels = _Panels(rows, list(years.values()), unit)
    for row, place in zip(rows, panels.places, strict=True):
        panels.draw(chart.axes, row, place)
    panels.scale(chart.axes)
    missed = [_is_short(v, years[y]) for row in rows for y, v in zip(row["years"], row["figures"], strict=True)]
    chart.tell(
        "alt_trend_of_towns",
        indicator=lambda each: indicators(marts, each)[indicator][0],
        towns=len(rows),
        missed=sum(missed),
        target=listed(sorted({shown(year.target, unit) for year in years.values()}), lang),
    )
    return chart


class _Panels:
    """Small panels drawn on one pair of axes: a pair for each takes matplotlib a hundred times as long."""

    def __init__(self, rows: list[dict[str, Any]], years: list[Year], unit: str) -> None:
        self.places = [(at % _ACROSS * 1.2, -(at // _ACROSS) * 1.6) for at in range(len(rows))]
        self._years = {year.year: year for year in years}
        self._unit = unit
        targets = [year.target for year in years if year.target is not None]
        values = [in_unit(value, unit) for value in [*(v for row in rows for v in row["figures"]), *targets]] or [
            Decimal()
        ]
        self._low, self._high = min(values), max(values)

    def draw(self, axes: Axes, row: dict[str, Any], place: tuple[float, float]) -> None:
        """One town: its name, its line, the target, a point a year."""
        across, up = place
        axes.text(across, up + 1.12, shorten(row["town_name"], 10), fontsize=9, verticalalignment="bottom")
        targets = [(year.year, year.target) for year in self._years.values() if year.target is not None]
        if targets:
            axes.plot(*self._at(place, targets), **_unmarked("target"))
        points = list(zip(row["years"], row["figures"], strict=True))
        axes.plot(*self._at(place, points), color=LINES["pooled"]["color"], linewidth=1.2)
        for short, look in ((False, {}), (True, _MISSED)):
            those = [(year, value) for year, value in points if _is_short(value, self._years[year]) == short]
            marked: dict[str, Any] = {
                "marker": "o",
                "markersize": 4.5,
                "linestyle": "",
                "color": LINES["pooled"]["color"],
            }
            axes.plot(*self._at(place, those), **(marked | look))

    def scale(self, axes: Axes) -> None:
        """The one scale of all panels: figures left of each row, years below each column."""
        axes.set_axis_off()
        axes.set_xlim(-0.45, _ACROSS * 1.2)
        axes.set_ylim(min((up for _, up in self.places), default=0) - 0.4, 1.6)
        for across, up in self.places:
            axes.plot([across - 0.05, across - 0.05, across + 1.05], [up + 1, up - 0.06, up - 0.06], **_FRAME)
            if across == 0:
                for figure, height in ((self._low, 0), (self._high, 1)):
                    figure_text = plain(figure, 0 if self._high - self._low > 20 else 1)
                    axes.text(-0.09, up + height, figure_text, fontsize=8, **_LEFT_OF)
            if (across, up - 1.6) not in self.places:
                for year, at, side in ((min(self._years), across, "left"), (max(self._years), across + 1, "right")):
                    axes.text(at, up - 0.12, str(year), fontsize=8, horizontalalignment=side, verticalalignment="top")
        for text in axes.texts:
            # Placed by hand inside the panels: nothing for the layout to make room for.
            text.set_in_layout(False)

    def _at(self, place: tuple[float, float], points: list[tuple[int, Any]]) -> tuple[list[float], list[float]]:
        first, last = min(self._years), max(self._years)
        span, reach = (last - first) or 1, (self._high - self._low) or Decimal(1)
        return (
            [place[0] + (year - first) / span for year, _ in points],
            [place[1] + float((in_unit(value, self._unit) - self._low) / reach) for _, value in points],
        )


def _draw_lines(axes: Axes, years: list[Year], unit: str, lang: Language) -> None:
    """The city as one, the median town and the target."""
    for name in ("pooled", "median"):
        known = [(year.year, getattr(year, name)) for year in years if getattr(year, name) is not None]
        key = "mean" if name == "pooled" and unit == "count" else name
        drawn = [float(in_unit(value, unit)) for _, value in known]
        axes.plot([year for year, _ in known], drawn, label=label(f"line_{key}", lang), **LINES[name])
    targets = {
        f"{_SIGNS[year.direction or 'at_least']} {shown(year.target, unit)}"
        for year in years
        if year.target is not None
    }
    _draw_target(axes, years, unit, label=f"{label('line_target', lang)} {listed(sorted(targets), lang)}")


def _draw_target(axes: Axes, years: list[Year], unit: str, **options: Any) -> None:
    known = [(year.year, float(in_unit(year.target, unit))) for year in years if year.target is not None]
    if known:
        axes.plot([year for year, _ in known], [target for _, target in known], **_unmarked("target"), **options)


def _dress(axes: Axes, years: list[Year], unit: str, lang: Language, title: str) -> None:
    """Unit on the axis, one tick a year."""
    axes.set_ylabel(words("desk_with_unit", lang, what=title, unit=label(f"unit_{unit}", lang)))
    axes.set_xticks([year.year for year in years])


def _is_short(value: Decimal, year: Year) -> bool:
    if year.target is None:
        return False
    return value > year.target if year.direction == "at_most" else value < year.target


def _said(year: Year, unit: str, lang: Language) -> str:
    key = "line_mean" if unit == "count" else "line_pooled"
    return (
        f"{year.year} {label(key, lang)} {shown(year.pooled, unit)}, {label('line_median', lang)} "
        f"{shown(year.median, unit)}, {label('line_target', lang)} {shown(year.target, unit)}"
    )


def _ratio(numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
    if numerator is None or not denominator:
        return None
    return (numerator / denominator).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def _median(figures: list[Decimal]) -> Decimal | None:
    if not figures:
        return None
    middle = len(figures) // 2
    return figures[middle] if len(figures) % 2 else (figures[middle - 1] + figures[middle]) / 2


def _unmarked(name: str) -> dict[str, Any]:
    return {"color": LINES[name]["color"], "linestyle": LINES[name]["linestyle"], "linewidth": 1.2}


_TOWN_LINES = """SELECT town_id, max_by(town.town_name, year) AS town_name, list(year ORDER BY year) AS years,
        list(value ORDER BY year) AS figures
    FROM indicator_value AS figure INNER JOIN town_score AS town USING (year, town_id)
    WHERE indicator = ? AND value IS NOT NULL GROUP BY town_id ORDER BY town_id"""
_SIGNS = {"at_least": "≥", "at_most": "≤"}
#: More towns than this are a grey smear, and many megabytes.
_MOST_LINES = 300
_ACROSS = 6
_FRAME: dict[str, Any] = {"color": "#b0b0b0", "linewidth": 0.7}
_LEFT_OF: dict[str, Any] = {"horizontalalignment": "right", "verticalalignment": "center"}
_REACHED: dict[str, Any] = {"marker": "o", "markersize": 4.5, "linestyle": "", "color": LINES["pooled"]["color"]}
_MISSED: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 1.4}
_NOTE: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "color": INK, "annotation_clip": False}
