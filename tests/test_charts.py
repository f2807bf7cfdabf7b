"""Charts can be read: in grey, by the colour-blind, by those who hear them, and on a machine with no Chinese font."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
import warnings
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from pipelines import run as flow
from pipelines.analysis import charts, comparison, losses, one_town, overview, quality, trends
from pipelines.analysis.charts import LANGUAGES, Chart
from pipelines.analysis.marts import Marts, open_marts
from pipelines.analysis.words import plain, shown, signed
from pipelines.labels import Language, label

LEAST_CONTRAST = 3


@pytest.fixture(scope="module")
def marts(committed_run: tuple[flow.Settings, flow.Outcome]) -> Marts:
    return open_marts(committed_run[0].marts)


#: Every chart there is, by the name of the function that draws it.
DRAWN: dict[str, Any] = {
    "grades_by_year": overview.grades_by_year,
    "grades_of_towns": overview.grades_of_towns,
    "distribution": lambda marts, lang: overview.distribution(marts, 2017, lang),
    "totals_by_year": overview.totals_by_year,
    "league": lambda marts, lang: overview.league(marts, 2017, lang),
    "trend": lambda marts, lang: trends.trend(marts, "community_management_rate", lang),
    "trends": trends.trends,
    "trend_of_towns": lambda marts, lang: trends.trend_of_towns(marts, "renewal_rate", lang),
    "rise_and_fall": lambda marts, lang: comparison.rise_and_fall(marts, 2014, 2015, lang),
    "transitions": lambda marts, lang: comparison.transitions(marts, 2016, 2017, lang),
    "city_moves": lambda marts, lang: comparison.city_moves(marts, 2014, 2015, lang),
    "draw_waterfall": lambda marts, lang: comparison.draw_waterfall(marts, "浣云镇", 2014, 2015, lang),
    "draw_scorecard": lambda marts, lang: one_town.draw_scorecard(marts, _provisional(marts), 2017, lang),
    "draw_history": lambda marts, lang: one_town.draw_history(marts, _provisional(marts), lang),
    "draw_peers": lambda marts, lang: one_town.draw_peers(marts, _provisional(marts), 2017, lang),
    "draw_losses": lambda marts, lang: losses.draw_losses(marts, 2017, lang),
    "losses_of_towns": lambda marts, lang: losses.losses_of_towns(marts, 2017, lang),
    "losses_by_year": losses.losses_by_year,
    "draw_deliveries": quality.draw_deliveries,
    "draw_rows": quality.draw_rows,
    "draw_lateness": lambda marts, lang: quality.draw_lateness(marts, "report_on_time_rate", lang),
}


def _provisional(marts: Marts) -> str:
    return str(marts.rows("SELECT town_id FROM town_score WHERE year = 2017 AND status = 'provisional'")[0]["town_id"])


def test_every_chart_is_among_those_tested() -> None:
    drawing = {
        name
        for module in (overview, trends, comparison, one_town, losses, quality)
        for name, each in inspect.getmembers(module, inspect.isfunction)
        if each.__module__ == module.__name__
        and not name.startswith("_")
        and str(inspect.signature(each).return_annotation) in ("Chart", "Chart | None")
    }
    assert drawing == set(DRAWN)


@pytest.mark.parametrize("lang", ["zh", pytest.param("en", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", DRAWN)
def test_chart_has_its_glyphs_units_alt_text_and_footer(marts: Marts, name: str, lang: Language) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chart: Chart = DRAWN[name](marts, lang)
        shown = chart._repr_html_()
    assert set(chart.alt) == set(get_args(Language)) and all(len(told) > 10 for told in chart.alt.values())
    assert "{" not in "".join(chart.alt.values())
    assert f'alt="{chart.alt[lang][:8]}' in shown and "http" not in shown
    footer = " ".join(text.get_text() for text in chart.figure.texts)
    assert "合成数据 synthetic data" in footer
    assert str(marts.manifest["run_id"]) in footer and f"edition {marts.manifest['edition']}" in footer


def test_every_name_title_and_label_can_be_drawn(marts: Marts) -> None:
    from pipelines.labels import _table

    names = [row["name"] for row in marts.rows("SELECT DISTINCT town_name AS name FROM town_score")]
    items = marts.rows("SELECT DISTINCT title_zh, title_en, clause FROM item_score")
    indicators = marts.rows("SELECT title_zh, title_en FROM indicator_definition")
    said = [*names, *(str(word) for row in (*items, *indicators) for word in row.values())]
    said += [word for words in _table().values() for word in words]
    chart = charts.open_chart(marts, "zh", "字 glyphs")
    for place, text in enumerate(said):
        chart.axes.text(0, place, text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chart.figure.canvas.draw()


def test_glyphs_are_there_without_importing_what_brings_the_font() -> None:
    code = (
        "import sys; from pipelines.analysis import charts; charts._figure_class(); "
        "assert 'mplfonts' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


def test_fills_that_touch_can_be_told_apart_in_grey() -> None:
    touching = charts.neighbours(charts.GRADE_FILLS)
    for fills in (charts.ROW_FILLS, charts.POINTS_FILLS, (charts.GAIN, charts.LOSS)):
        touching += combinations(fills, 2)
    for one, other in touching:
        assert charts.contrast(one.colour, other.colour) >= LEAST_CONTRAST, (one, other)


def test_colour_is_never_alone() -> None:
    assert len(set(charts.GRADE_MARKERS)) == len(charts.GRADE_FILLS)
    hatched = {fill.hatch for fill in charts.GRADE_FILLS if fill.hatch}
    assert len(hatched) == len(charts.GRADE_FILLS) - 2  # the two that are plain differ by 6:1
    assert charts.GAIN.hatch != charts.LOSS.hatch
    strokes = [(line["marker"], line["linestyle"]) for line in charts.LINES.values()]
    assert len(set(strokes)) == len(strokes)
    for line in charts.LINES.values():
        assert charts.contrast(str(line["color"]), charts.PAPER) >= LEAST_CONTRAST


def test_contrast_is_that_of_wcag() -> None:
    assert charts.contrast("#000000", "#ffffff") == 21
    assert round(charts.contrast("#767676", "#ffffff"), 2) == Decimal("4.54")


def test_a_name_is_never_taken_for_markup(marts: Marts) -> None:
    hostile = '<img src=x onerror="alert(1)">$\\frac{1}{2}$'
    chart = charts.open_chart(marts, "zh", hostile)
    chart.alt = dict.fromkeys(LANGUAGES, hostile)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = chart._repr_html_()
    assert "onerror=&quot;" in shown and shown.count("<img") == 1


def test_target_unit_and_real_rates_are_on_the_chart(marts: Marts) -> None:
    chart = trends.trend(marts, "renewal_rate", "zh")
    assert "%" in chart.axes.get_ylabel()
    legend = chart.axes.get_legend()
    assert legend is not None and any("≥ 95.00 %" in text.get_text() for text in legend.get_texts())
    real = {reference.value for reference in trends.references("community_management_rate", "zh")}
    assert real == {Decimal("0.762"), Decimal("0.825")}
    assert trends.references("renewal_rate", "zh") == []


def test_provisional_town_shows_its_range(marts: Marts) -> None:
    chart = overview.league(marts, 2017, "zh")
    row = marts.rows("SELECT total_low, total_high FROM town_score WHERE year = 2017 AND status = 'provisional'")[0]
    texts = " ".join(text.get_text() for text in chart.axes.texts)
    assert f"{row['total_low']}–{row['total_high']} {label('status_provisional', 'zh')}" in texts


@pytest.mark.long
def test_a_city_of_many_towns_fits_on_a_page_and_says_what_is_left_out(marts: Marts, tmp_path: Path) -> None:
    shutil.copytree(marts.folder, tmp_path / "many")
    path = tmp_path / "many" / "town_score.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE town AS FROM read_parquet('{path}')")
        connection.execute(
            f"""COPY (SELECT * REPLACE (town_id || '-' || number AS town_id, town_name || number AS town_name)
            FROM town, range(30) AS copy (number)) TO '{path}' (FORMAT parquet)"""
        )
    many = open_marts(tmp_path / "many")
    left_out = len(many.rows("FROM town_score WHERE year = 2017")) - charts.MOST_TOWNS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for chart in (overview.league(many, 2017, "zh"), overview.grades_of_towns(many, "zh")):
            assert len(chart._repr_html_()) < 2_000_000
            title = chart.figure.get_suptitle()
            assert f"另有 {left_out} 个镇街未画出" in title


def test_numbers_are_written_exactly() -> None:
    assert plain(Decimal("1234.50")) == "1,234.5"
    assert plain(Decimal("0.125"), 2) == "0.13"
    assert plain(None) == "—"
    assert plain(100) == "100"
    assert signed(Decimal("-0.50")) == "−0.5" and signed(Decimal("2"), 2) == "+2.00"
    assert shown(Decimal("0.985"), "percent") == "98.50 %"
