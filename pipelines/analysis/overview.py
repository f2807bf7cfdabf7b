"""How all towns did: grades over the years, the spread of totals, the league table."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_FLOOR, Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

from pipelines.analysis.charts import (
    INK,
    LINES,
    Chart,
    count_towns,
    draw_limits,
    drop_after,
    grades_of,
    grid_of_cells,
    open_chart,
    stacked_rows,
    title_of,
)
from pipelines.analysis.marts import Marts
from pipelines.analysis.words import grade_name, listed, plain
from pipelines.labels import Language, label

if TYPE_CHECKING:
    import pandas


def league_table(marts: Marts, year: int) -> pandas.DataFrame:
    """The towns of a year, final ones by rank, then provisional ones by the least they can come to."""
    return marts.query(
        """SELECT rank, town_name, kind, district, points, bonus, total, total_low, total_high, grade, status,
            condition_met, missing_items
        FROM town_score WHERE year = ? ORDER BY rank NULLS LAST, total_low DESC, town_id""",
        [year],
    )


def grades_by_year(marts: Marts, lang: Language) -> Chart:
    """How many towns earned each grade, year by year."""
    grades = grades_of(marts)
    rows = marts.rows("SELECT year, coalesce(grade, '') AS grade, count(*) AS towns FROM town_score GROUP BY ALL")
    counted = {(row["year"], row["grade"]): row["towns"] for row in rows}
    years = marts.years
    chart = open_chart(marts, lang, label("chart_grades_by_year", lang), height=1.5 + 0.5 * len(years))
    parts = {
        grade_name(grade, lang): [counted.get((year, grade), 0) for year in years]
        for grade in grades.names
        if grade or any(counted.get((year, ""), 0) for year in years)
    }
    fills = [grades.fill(grade) for grade in grades.names]
    stacked_rows(chart.axes, [str(year) for year in years], parts, fills[: len(parts)], lambda name, n: f"{name} {n}")
    chart.axes.set_xlabel(label("axis_towns", lang))
    count_towns(chart.axes.xaxis)
    _legend_below_title(chart, len(parts))

    def counts(year: int, each: Language) -> str:
        earned = [grade for grade in grades.names if (year, grade) in counted]
        return listed((f"{grade_name(grade, each)} {counted[year, grade]}" for grade in earned), each)

    chart.tell(
        "alt_grades_by_year",
        told=lambda each: "; ".join(
            f"{year}: "
            + ", ".join(
                f"{grade_name(grade, each)} {counted[year, grade]}"
                for grade in grades.names
                if (year, grade) in counted
            )
            for year in years
        ),
    )
    return chart


def grades_of_towns(marts: Marts, lang: Language) -> Chart:
    """Every town's grade in every year; a renamed town is one row."""
    grades, years = grades_of(marts), marts.years
    rows = marts.rows(
        """SELECT town_id, list(DISTINCT town_name ORDER BY town_name) AS names,
            max_by(town_name, year) AS town_name, max_by(coalesce(rank, 0), year) AS last_rank,
            max_by(total_low, year) AS last_low,
            map_from_entries(list((year, grade))) AS grades, map_from_entries(list((year, total))) AS totals
        FROM town_score GROUP BY town_id ORDER BY last_low DESC, town_id"""
    )
    rows, left_out = drop_after(rows)
    chart = open_chart(
        marts, lang, title_of("chart_grades_of_towns", lang, left_out), height=1.3 + 0.28 * len(rows), width=9.5
    )
    cells = {}
    for place, row in enumerate(rows):
        for column, year in enumerate(years):
            if year in row["grades"]:
                grade, total = row["grades"][year], row["totals"][year]
                said = grade_name(grade, lang) + (f" {plain(total, 2)}" if total is not None else "")
                cells[place, column] = (said, grades.fill(grade))
    former = label("desk_formerly", lang)
    names = [
        row["town_name"] + "".join(f"（{former}{name}）" for name in row["names"] if name != row["town_name"])
        for row in rows
    ]
    grid_of_cells(chart.axes, names, [str(year) for year in years], cells)
    chart.tell("alt_grades_of_towns", towns=len(rows), first=years[0], last=years[-1])
    return chart


def distribution(marts: Marts, year: int, lang: Language) -> Chart:
    """How the totals of a year spread, one bar a point, and where the grades begin."""
    grades = grades_of(marts)
    rows = marts.rows("SELECT total, grade FROM town_score WHERE year = ? AND total IS NOT NULL", [year])
    counted = Counter((int(row["total"].to_integral_value(ROUND_FLOOR)), row["grade"]) for row in rows)
    points = sorted({point for point, _ in counted})
    chart = open_chart(marts, lang, title_of("chart_distribution", lang, year=year), height=3.6)
    axes = chart.axes
    begun: Counter[int] = Counter()
    for grade in reversed(grades.names):
        values = [counted[point, grade] for point in points]
        if any(values):
            places, bottom = [point + 0.5 for point in points], [begun[point] for point in points]
            look = grades.fill(grade).look()
            axes.bar(places, values, width=1, bottom=bottom, label=grade_name(grade, lang), linewidth=1.2, **look)
            begun.update(dict(zip(points, values, strict=True)))
    draw_limits(axes, grades, lang)
    axes.set_xlabel(label("axis_total", lang))
    axes.set_ylabel(label("axis_towns", lang))
    count_towns(axes.yaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    totals = [row["total"] for row in rows]
    chart.tell(
        "alt_distribution",
        year=year,
        towns=len(totals),
        least=plain(min(totals, default=None), 2),
        middle=plain(median(totals) if totals else None, 2),
        most=plain(max(totals, default=None), 2),
    )
    return chart


def totals_by_year(marts: Marts, lang: Language) -> Chart:
    """Every final total of every year, with the median."""
    grades, years = grades_of(marts), marts.years
    chart = open_chart(marts, lang, label("chart_totals_by_year", lang), height=4.2)
    axes = chart.axes
    middles: dict[int, Decimal] = {}
    for year in years:
        rows = marts.rows("SELECT total, grade FROM town_score WHERE year = ? AND total IS NOT NULL", [year])
        for grade in grades.names:
            totals = [float(row["total"]) for row in rows if row["grade"] == grade]
            if totals:
                axes.plot([year] * len(totals), totals, linestyle="", marker=grades.marker(grade), **_HOLLOW)
        if rows:
            middles[year] = median(row["total"] for row in rows)
    drawn = [float(middle) for middle in middles.values()]
    for grade in grades.names[:-1]:
        axes.plot([], [], linestyle="", marker=grades.marker(grade), label=grade_name(grade, lang), **_HOLLOW)
    axes.plot(list(middles), drawn, label=label("line_median", lang), **LINES["median"])
    for year, middle in middles.items():
        axes.annotate(plain(middle, 2), (year, float(middle)), (9, 0), fontsize=9, **_BESIDE)
    draw_limits(axes, grades, lang, along_x=False)
    axes.set_xticks(years)
    axes.set_xlim(years[0] - 0.4, years[-1] + 0.6)
    axes.set_ylabel(label("axis_total", lang))
    _legend_below_title(chart, len(grades.names))
    said = [f"{year} {plain(middle, 2)}" for year, middle in middles.items()]
    chart.tell("alt_totals_by_year", told=lambda each: listed(said, each))
    return chart


def league(marts: Marts, year: int, lang: Language) -> Chart:
    """The towns of a year in order; one whose result is not final shows as the range it can still come to."""
    grades = grades_of(marts)
    rows = marts.rows(
        """SELECT town_name, rank, total, total_low, total_high, grade FROM town_score WHERE year = ?
        ORDER BY rank NULLS LAST, total_low DESC, town_id""",
        [year],
    )
    provisional = [row["town_name"] for row in rows if row["total"] is None]
    rows, left_out = drop_after(rows)
    title = title_of("chart_league", lang, left_out, year=year)
    chart = open_chart(marts, lang, title, height=1.6 + 0.26 * len(rows))
    axes = chart.axes
    for place, row in enumerate(rows):
        _draw_standing(axes, place, row, grades.marker(row["grade"]), grades.fill(row["grade"]).colour, lang)
    names = [f"{row['town_name']}  {'—' if row['rank'] is None else row['rank']:>2}" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    least = min((float(row["total_low"]) for row in rows), default=0)
    axes.set_xlim(max(0, least - 2), 106)
    axes.set_xlabel(label("axis_total", lang))
    axes.grid(axis="y")
    draw_limits(axes, grades, lang)
    best = [f"{row['town_name']} {plain(row['total'], 2)}" for row in rows[:3] if row["rank"]]
    chart.tell(
        "alt_league",
        year=year,
        best=lambda each: listed(best, each),
        provisional=lambda each: listed(provisional, each),
    )
    return chart


def _draw_standing(axes: Any, place: int, row: dict[str, Any], marker: str, colour: str, lang: Language) -> None:
    """One town of the league: a marker at its total, or a bar from the least to the most it can come to."""
    grade = grade_name(row["grade"], lang)
    if row["total"] is not None:
        at, said = float(row["total"]), f"{plain(row['total'], 2)} {grade}"
        axes.plot(at, place, marker=marker, color=colour, markeredgecolor=INK, markersize=8)
    else:
        low, at = float(row["total_low"]), float(row["total_high"])
        said = f"{plain(row['total_low'], 2)}–{plain(row['total_high'], 2)} {label('status_provisional', lang)}"
        axes.plot([low, at], [place, place], color=INK, linewidth=2.2, marker="|", markersize=10, linestyle="--")
    axes.annotate(said, (at, place), (9, 0), fontsize=9, **_BESIDE)


def _legend_below_title(chart: Chart, columns: int) -> None:
    chart.axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.2)


_HOLLOW: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": INK, "alpha": 0.75, "markersize": 7}
_BESIDE: dict[str, Any] = {
    "textcoords": "offset points",
    "verticalalignment": "center",
    "bbox": {"boxstyle": "round,pad=0.1", "facecolor": "#ffffff", "edgecolor": "none"},
}
