"""What arrived and what became of it: deliveries, rows, checks, quarantine, and who reported late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.analysis.charts import (
    LOSS,
    ROW_FILLS,
    Chart,
    Fill,
    drop_after,
    grid_of_cells,
    open_chart,
    stacked_rows,
    title_of,
)
from pipelines.analysis.marts import Marts
from pipelines.analysis.trends import indicators
from pipelines.analysis.words import listed, shown
from pipelines.labels import Language, label

if TYPE_CHECKING:
    import pandas

#: The indicators of the rubric that tell whether a town was on time.
ON_TIME = ("ledger_on_time_rate", "report_on_time_rate")


def deliveries(marts: Marts, lang: Language) -> pandas.DataFrame:
    """Every received file and sheet with its row ledger: read = accepted + quarantined + ignored."""
    frame = marts.query(
        """SELECT year, source, source_file, source_sheet, left(sha256, 12) AS sha256, rows_read, accepted,
            quarantined, ignored, ignored_reasons, rows_read = accepted + quarantined + ignored AS adds_up
        FROM delivery ORDER BY year NULLS FIRST, source, source_file, source_sheet"""
    )
    return _named(frame, lang)


def source_titles(lang: Language) -> dict[str, str]:
    """Title of every source, from its contract."""
    from pipelines.contracts import load_contracts

    return {name: each.title if lang == "zh" else each.title_en for name, each in load_contracts().items()}


def _named(frame: pandas.DataFrame, lang: Language) -> pandas.DataFrame:
    """``frame`` with the titles of its sources for their keys."""
    titles = source_titles(lang)
    frame["source"] = [titles.get(source, source) for source in frame["source"]]
    return frame


def failing_checks(marts: Marts, lang: Language) -> pandas.DataFrame:
    """The checks that found something, the critical ones first."""
    frame = marts.query(
        f"""SELECT severity, source, field, rule, rows_checked, rows_failed, description_{lang} AS description
        FROM quality_check WHERE NOT success ORDER BY severity, rows_failed DESC, check_name"""
    )
    return _named(frame, lang)


def checks_by_source(marts: Marts, lang: Language) -> pandas.DataFrame:
    """How many checks each source went through, and how many found something."""
    frame = marts.query(
        """SELECT source, count(*) FILTER (severity = 'critical') AS critical,
            count(*) FILTER (severity = 'critical' AND NOT success) AS critical_failed,
            count(*) FILTER (severity = 'warning') AS warning,
            count(*) FILTER (severity = 'warning' AND NOT success) AS warning_failed
        FROM quality_check GROUP BY source ORDER BY source"""
    )
    return _named(frame, lang)


def quarantine(marts: Marts, lang: Language) -> pandas.DataFrame:
    """Every row in quarantine with the rule it breaks and what to do about it."""
    return marts.query(
        f"""SELECT source_file, source_sheet, cell, header, value, rule, message_{lang} AS message,
            remedy_{lang} AS remedy
        FROM quarantined_row ORDER BY source_file, source_sheet, source_row, rule, field"""
    )


def screens(marts: Marts, lang: Language) -> pandas.DataFrame:
    """Questions for the assessor's chair, the latest year first; none of them a verdict."""
    frame = marts.query(
        f"""SELECT year, screen, seen_{lang} AS seen, figure, compared_with, question_{lang} AS question_to_ask
        FROM screen ORDER BY year DESC, screen, town_id, assessor, item, indicator"""
    )
    frame["screen"] = [label(f"screen_{screen}", lang) for screen in frame["screen"]]
    return frame


def draw_deliveries(marts: Marts, lang: Language) -> Chart:
    """Accepted rows of every source in every year; an empty cell is a source not delivered."""
    rows = marts.rows(
        "SELECT source, year, sum(accepted)::BIGINT AS accepted FROM delivery WHERE year IS NOT NULL GROUP BY ALL"
    )
    counted = {(row["source"], row["year"]): row["accepted"] for row in rows}
    sources, years = sorted({source for source, _ in counted}), marts.years
    chart = open_chart(marts, lang, label("chart_deliveries", lang), height=1.2 + 0.3 * len(sources))
    cells = {
        (place, column): (
            f"{counted[source, year]:,}" if (source, year) in counted else label("desk_not_delivered", lang),
            _RECEIVED if (source, year) in counted else LOSS,
        )
        for place, source in enumerate(sources)
        for column, year in enumerate(years)
    }
    titles = source_titles(lang)
    grid_of_cells(chart.axes, [titles.get(source, source) for source in sources], [str(year) for year in years], cells)
    absent = [f"{source} {year}" for source in sources for year in years if (source, year) not in counted]
    chart.tell("alt_deliveries", sources=len(sources), absent=lambda each: listed(absent, each))
    return chart


def draw_rows(marts: Marts, lang: Language) -> Chart:
    """What became of the rows read, year by year."""
    rows = marts.rows(
        """SELECT year, sum(accepted)::BIGINT AS accepted, sum(quarantined)::BIGINT AS quarantined,
            sum(ignored)::BIGINT AS ignored
        FROM delivery WHERE year IS NOT NULL GROUP BY year ORDER BY year"""
    )
    chart = open_chart(marts, lang, label("chart_rows", lang), height=1.5 + 0.45 * len(rows))
    parts = {label(key, lang): [row[key] for row in rows] for key in ("accepted", "quarantined", "ignored")}
    names = [str(row["year"]) for row in rows]
    stacked_rows(chart.axes, names, parts, ROW_FILLS, lambda name, count: f"{name} {count:,}")
    chart.axes.set_xlabel(label("axis_rows", lang))
    chart.axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    told = [f"{row['year']} {row['accepted']:,}/{row['quarantined']:,}/{row['ignored']:,}" for row in rows]
    chart.tell("alt_rows", told=lambda each: listed(told, each))
    return chart


def draw_lateness(marts: Marts, indicator: str, lang: Language) -> Chart:
    """An on-time indicator town by town and year by year, the latest on top; hatched below nine tenths."""
    title, unit = indicators(marts, lang)[indicator]
    rows, left_out = drop_after(
        marts.rows(
            """SELECT town_id, max_by(town_name, year) AS town_name, map_from_entries(list((year, value))) AS figures
            FROM indicator_value INNER JOIN (SELECT year, town_id, town_name FROM town_score) USING (year, town_id)
            WHERE indicator = ? GROUP BY town_id ORDER BY min_by(coalesce(value, 0), -year), town_id""",
            [indicator],
        )
    )
    years = marts.years
    chart = open_chart(
        marts, lang, title_of("chart_lateness", lang, left_out, indicator=title), height=1.2 + 0.27 * len(rows)
    )
    cells = {}
    for place, row in enumerate(rows):
        for column, year in enumerate(years):
            value = row["figures"].get(year)
            is_late = value is not None and value * 10 < 9
            cells[place, column] = (shown(value, unit), LOSS if is_late else _RECEIVED)
    grid_of_cells(chart.axes, [row["town_name"] for row in rows], [str(year) for year in years], cells)
    worst = [f"{row['town_name']} {shown(row['figures'].get(years[-1]), unit)}" for row in rows[:3]]
    chart.tell(
        "alt_lateness",
        indicator=lambda each: indicators(marts, each)[indicator][0],
        towns=len(rows),
        worst=lambda each: listed(worst, each),
    )
    return chart


_RECEIVED = Fill("#dbe7f0", "")
