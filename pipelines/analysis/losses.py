"""Where towns lose their points: the clauses that cost most, and whom."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from pipelines.analysis.charts import LOSS, Chart, drop_after, grid_of_cells, open_chart, title_of
from pipelines.analysis.marts import Marts
from pipelines.analysis.words import listed, plain, shorten, words
from pipelines.labels import Language, label

if TYPE_CHECKING:
    import pandas


def losses(marts: Marts, year: int, lang: Language) -> pandas.DataFrame:
    """Points lost by item over all towns, the most first; an item still missing in a town counts for nothing there."""
    frame = marts.query(
        f"""SELECT clause, item, title_{lang} AS title, available, sum(available - points) AS lost,
            count(*) FILTER (points < available) AS towns_losing, count(points) AS towns_scored,
            max(available - points) AS most_lost
        FROM item_score WHERE year = ? AND kind = 'scored'
        GROUP BY clause, item, title, available ORDER BY lost DESC NULLS LAST, item""",
        [year],
    )
    frame["share_lost"] = [
        _rounded(100 * lost, available * towns, 1) if towns else None
        for lost, available, towns in zip(frame["lost"], frame["available"], frame["towns_scored"], strict=True)
    ]
    return frame


def reasons(marts: Marts, year: int, lang: Language, most: int = 10) -> pandas.DataFrame:
    """The reasons assessors gave most often with the items that were judged."""
    return marts.query(
        f"""SELECT term.item, score.title_{lang} AS title, reasons, count(*) AS towns, sum(loss) AS lost
        FROM term_score AS term INNER JOIN item_score AS score USING (year, town_id, item)
        WHERE year = $year AND term.loss > 0 AND reasons <> ''
        GROUP BY ALL ORDER BY towns DESC, term.item, reasons LIMIT $most""",
        {"year": year, "most": most},
    )


def draw_losses(marts: Marts, year: int, lang: Language) -> Chart:
    """Points lost by item, all towns together."""
    rows = [row for row in losses(marts, year, lang).to_dict("records") if row["lost"]]
    towns = max((row["towns_scored"] for row in rows), default=0)
    title = title_of("chart_losses", lang, year=year, towns=towns)
    chart = open_chart(marts, lang, title, height=1.35 + 0.25 * max(2, len(rows)))
    axes = chart.axes
    for place, row in enumerate(rows):
        axes.barh(place, float(row["lost"]), height=0.7, **LOSS.look())
        said = words(
            "desk_loss", lang, lost=plain(row["lost"], 2), towns=row["towns_losing"], share=plain(row["share_lost"])
        )
        axes.annotate(said, (float(row["lost"]), place), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [f"{shorten(row['title'], 24)}  {row['item']}" for row in rows])
    axes.set_ylim(max(1, len(rows)) - 0.4, -0.6)
    axes.set_xlim(0, float(max((row["lost"] for row in rows), default=Decimal(1))) * 1.35)
    axes.set_xlabel(label("axis_lost", lang))
    told = [f"{row['item']} −{plain(row['lost'], 2)}" for row in rows[:5]]
    chart.tell("alt_losses", year=year, towns=towns, told=lambda each: listed(told, each))
    return chart


def losses_of_towns(marts: Marts, year: int, lang: Language, items: int = 12) -> Chart:
    """The items that cost most, town by town."""
    worst = losses(marts, year, lang).to_dict("records")[:items]
    rows = marts.rows(
        """SELECT town_name, town_id, map_from_entries(list((item, available - points))) AS lost
        FROM item_score INNER JOIN (SELECT year, town_id, town_name, total_low FROM town_score) USING (year, town_id)
        WHERE year = ? AND kind = 'scored' GROUP BY ALL ORDER BY any_value(total_low) DESC, town_id""",
        [year],
    )
    rows, left_out = drop_after(rows)
    title = title_of("chart_losses_of_towns", lang, left_out, year=year, items=len(worst))
    chart = open_chart(marts, lang, title, height=1.9 + 0.26 * len(rows), width=10)
    cells = {}
    for place, row in enumerate(rows):
        for column, item in enumerate(worst):
            lost = row["lost"].get(item["item"])
            # Filled where half of the points or more are gone; the figure says how many.
            heavy = lost is not None and 2 * lost >= item["available"]
            cells[place, column] = ("—" if lost is None else plain(lost) if lost else "", LOSS if heavy else None)
    heads = [f"{item['item']}\n{shorten(item['title'], 6 if lang == 'zh' else 10)}" for item in worst]
    grid_of_cells(chart.axes, [row["town_name"] for row in rows], heads, cells)
    chart.tell("alt_losses_of_towns", year=year, towns=len(rows), items=len(worst))
    return chart


def losses_by_year(marts: Marts, lang: Language, items: int = 12) -> Chart:
    """Mean loss per town of the items that cost most in the last year, year by year."""
    years = marts.years
    rows = marts.rows(
        f"""SELECT item, any_value(title_{lang}) AS title, year, sum(available - points) AS lost, count(points) AS towns
        FROM item_score WHERE kind = 'scored' GROUP BY item, year ORDER BY item"""
    )
    titles = {row["item"]: row["title"] for row in rows}
    means = {(row["item"], row["year"]): _rounded(row["lost"], row["towns"], 2) for row in rows if row["towns"]}
    named = sorted(titles, key=lambda item: -means.get((item, years[-1]), Decimal()))[:items]
    chart = open_chart(marts, lang, label("chart_losses_by_year", lang), height=1.3 + 0.3 * len(named))
    largest = max((means[item, year] for item in named for year in years if (item, year) in means), default=Decimal())
    cells = {}
    for place, item in enumerate(named):
        for column, year in enumerate(years):
            mean = means.get((item, year))
            is_large = mean is not None and mean * 2 > largest
            cells[place, column] = (plain(mean, 2), LOSS if is_large else None)
    names = [f"{shorten(titles[item], 24)}  {item}" for item in named]
    grid_of_cells(chart.axes, names, [str(year) for year in years], cells, size=9)
    chart.tell("alt_losses_by_year", items=len(named), first=years[0], last=years[-1])
    return chart


def _rounded(dividend: Decimal | int, divisor: Decimal | int, places: int) -> Decimal:
    return (Decimal(dividend) / Decimal(divisor)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
