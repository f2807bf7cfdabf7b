"""One town: its scorecard with the reasons, its history, what the next grade would take, the towns like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.analysis.charts import (
    INK,
    LINES,
    MUTED,
    POINTS_FILLS,
    Chart,
    draw_limits,
    grades_of,
    open_chart,
    title_of,
)
from pipelines.analysis.explanation import explained_items, how
from pipelines.analysis.grades import Gap, bands_of, gap_in_words, gap_to_next, unmet_conditions
from pipelines.analysis.marts import Marts
from pipelines.analysis.words import grade_name, listed, plain, shorten, words
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, label

if TYPE_CHECKING:
    import pandas


def town_to_show(marts: Marts, town: str, year: int) -> str:
    """The identifier of ``town``; of the one nearest below a better grade where ``town`` is empty."""
    if town:
        return marts.town_id(town, year)
    rows = marts.rows("FROM town_score WHERE year = ? ORDER BY total IS NULL, town_id", [year])
    if not rows:
        raise KaoheError(Exit.USAGE, f"{year}: 未考核 not assessed")
    bands = bands_of(marts.rows)
    final = [row for row in rows if row["total"] is not None and row["grade"]]
    gaps = [(gap["points"], row["town_id"]) for row in final if (gap := gap_to_next(row, bands, ())) and gap["points"]]
    return str(min(gaps)[1] if gaps else rows[0]["town_id"])


def standing(marts: Marts, town: str, year: int) -> dict[str, Any]:
    """The town's row of ``town_score``; KaoheError where it was not assessed that year."""
    rows = marts.rows("FROM town_score WHERE town_id = ? AND year = ?", [town, year])
    if not rows:
        raise KaoheError(Exit.USAGE, f"{town}: {year} 年未考核 not assessed in {year}")
    return rows[0]


def scorecard(marts: Marts, town: str, year: int, lang: Language) -> pandas.DataFrame:
    """The town's 评分表, item by item in the order of the document, each with what happened."""
    return marts.query(
        f"""SELECT score.clause, score.item, score.title_{lang} AS title, nullif(score.available, 0) AS available,
            requirement_{lang} AS requirement,
            CASE WHEN score.kind = 'scored' THEN score.available - score.points END AS lost,
            CASE WHEN score.kind <> 'condition' THEN score.points END AS points,
            score.is_met, score.status, explanation_{lang} AS explanation
        FROM item_score AS score LEFT JOIN item_definition USING (item)
        WHERE town_id = ? AND year = ? ORDER BY position""",
        [town, year],
    )


def areas(marts: Marts, town: str, year: int, lang: Language) -> pandas.DataFrame:
    """Points by area, beside the median of all towns."""
    return marts.query(
        f"""SELECT area, title_{lang} AS title, available, points, points_low, points_high, (
                SELECT cast(median(other.points) AS DECIMAL(9, 2)) FROM area_score AS other
                WHERE other.year = area_score.year AND other.area = area_score.area
            ) AS median_points
        FROM area_score WHERE town_id = ? AND year = ? ORDER BY area""",
        [town, year],
    )


def next_grade(marts: Marts, town: str, year: int) -> Gap | None:
    """What the next better grade would take; None at the best one and while the result is not final."""
    row = standing(marts, town, year)
    if row["total"] is None or row["grade"] is None:
        return None
    return gap_to_next(row, bands_of(marts.rows), unmet_conditions(marts.rows, [town], [year])[town, year])


def within_reach(marts: Marts, town: str, year: int, lang: Language) -> pandas.DataFrame:
    """Where the points were lost, the most first, with the figure that would have kept them."""
    return marts.query(
        f"""SELECT score.clause, item, score.title_{lang} AS title, score.available - score.points AS lost,
            figure.title_{lang} AS indicator, numerator, numerator_for_full, denominator
        FROM item_score AS score INNER JOIN term_score AS term USING (year, town_id, item)
        LEFT JOIN indicator_definition AS figure USING (indicator)
        WHERE town_id = ? AND year = ? AND score.kind = 'scored' AND score.points < score.available
            AND (term.loss > 0 OR term.indicator IS NULL)
        ORDER BY lost DESC, item, term""",
        [town, year],
    )


def reasons(marts: Marts, town: str, year: int, lang: Language) -> pandas.DataFrame:
    """How every item that lost points came to what it has: clause, rule, figure, reading, received cell; in words."""
    import pandas

    told = [
        {"item": item["item"], "title": item[f"title_{lang}"], "what": label(f"explain_{key}", lang), "told": said}
        for item in explained_items(marts, [town], [year])[town, year]
        for key, said in how(item, lang)
    ]
    return pandas.DataFrame(told, columns=["item", "title", "what", "told"])


def peers(marts: Marts, town: str, year: int, most: int = 6) -> pandas.DataFrame:
    """The towns of the same kind nearest in size (persons served), the town itself among them, biggest first."""
    return marts.query(
        """WITH sized AS (
            SELECT town.*, cast(size.numerator AS BIGINT) AS persons_served
            FROM town_score AS town LEFT JOIN indicator_value AS size
                ON town.year = size.year AND town.town_id = size.town_id AND size.indicator = 'persons_per_staff'
            WHERE town.year = $year
        )
        SELECT other.town_id, other.town_name, other.kind, other.persons_served, other.total, other.total_low,
            other.total_high, other.grade, other.rank, other.town_id = mine.town_id AS is_it
        FROM sized AS other INNER JOIN sized AS mine ON mine.town_id = $town AND other.kind = mine.kind
        ORDER BY is_it DESC, abs(other.persons_served - mine.persons_served) NULLS LAST, other.town_id
        LIMIT $most""",
        {"town": town, "year": year, "most": most + 1},
    ).sort_values("persons_served", ascending=False, na_position="last")


def peers_table(marts: Marts, town: str, year: int) -> pandas.DataFrame:
    """The peers as people read them."""
    return peers(marts, town, year).drop(columns=["town_id", "is_it"])


# Charts ---------------------------------------------------------------------------------------------------------------


def draw_scorecard(marts: Marts, town: str, year: int, lang: Language) -> Chart:
    """Points kept and points lost, item by item."""
    rows = marts.rows(
        f"""SELECT item, title_{lang} AS title, available, points, status FROM item_score
        LEFT JOIN (SELECT item, position FROM item_definition) USING (item)
        WHERE town_id = ? AND year = ? AND kind = 'scored' ORDER BY position""",
        [town, year],
    )
    name = standing(marts, town, year)["town_name"]
    title = title_of("chart_scorecard", lang, town=name, year=year)
    chart = open_chart(marts, lang, title, height=1.5 + 0.24 * len(rows))
    axes = chart.axes
    kept, gone = POINTS_FILLS
    for place, row in enumerate(rows):
        if row["points"] is None:
            axes.barh(place, float(row["available"]), height=0.7, facecolor="none", edgecolor=INK, linestyle="--")
            said = f"{label('status_missing', lang)} / {plain(row['available'])}"
        else:
            axes.barh(place, float(row["points"]), height=0.7, **kept.look())
            lost = row["available"] - row["points"]
            axes.barh(place, float(lost), left=float(row["points"]), height=0.7, **gone.look())
            said = f"{plain(row['points'])} / {plain(row['available'])}" + (f"   −{plain(lost)}" if lost else "")
        axes.annotate(said, (float(row["available"]), place), (5, 0), **_BESIDE)
    for fill, key in ((kept, "column_points"), (gone, "column_lost")):
        axes.barh([0], [0], label=label(key, lang), **fill.look())
    axes.set_yticks(range(len(rows)), [f"{shorten(row['title'], 24)}  {row['item']}" for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, max((float(row["available"]) for row in rows), default=1) * 1.15)
    axes.set_xlabel(label("axis_points", lang))
    axes.legend(loc="lower right")
    losing = [row for row in rows if row["points"] is not None and row["points"] < row["available"]]
    told = [f"{row['item']} −{plain(row['available'] - row['points'])}" for row in losing]
    chart.tell("alt_scorecard", town=name, year=year, told=lambda each: listed(told, each))
    return chart


def draw_history(marts: Marts, town: str, lang: Language) -> Chart:
    """The town's total in every year, beside the median of all towns; a range while it is provisional."""
    rows = marts.rows(
        """SELECT year, town_name, total, total_low, total_high, rank, grade, (
                SELECT cast(median(other.total) AS DECIMAL(9, 2)) FROM town_score AS other
                WHERE other.year = town_score.year
            ) AS middle
        FROM town_score WHERE town_id = ? ORDER BY year""",
        [town],
    )
    name = rows[-1]["town_name"]
    chart = open_chart(marts, lang, title_of("chart_history", lang, town=name), height=3.8)
    axes = chart.axes
    middles = [row for row in rows if row["middle"] is not None]
    axes.plot([row["year"] for row in middles], [float(row["middle"]) for row in middles], **LINES["median"])
    final = [row for row in rows if row["total"] is not None]
    axes.plot([row["year"] for row in final], [float(row["total"]) for row in final], **LINES["pooled"])
    for row in rows:
        year, grade = row["year"], grade_name(row["grade"], lang)
        if row["total"] is None:
            low, high = float(row["total_low"]), float(row["total_high"])
            axes.plot([year, year], [low, high], color=INK, marker="_", markersize=10, linestyle="--")
            at, said = high, f"{plain(row['total_low'], 2)}–{plain(row['total_high'], 2)}"
        else:
            at, rank = float(row["total"]), words("desk_rank", lang, rank=row["rank"])
            said = f"{plain(row['total'], 2)} {grade}\n{rank}"
        axes.annotate(said, (year, at), (0, 9), horizontalalignment="center", fontsize=8.5, **_ABOVE)
    axes.plot([], [], label=name, **LINES["pooled"])
    axes.plot([], [], label=label("line_median", lang), **LINES["median"])
    draw_limits(axes, grades_of(marts), lang, along_x=False)
    axes.set_xticks([row["year"] for row in rows])
    axes.set_xlim(rows[0]["year"] - 0.5, rows[-1]["year"] + 0.5)
    axes.margins(y=0.18)
    axes.set_ylabel(label("axis_total", lang))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    told = [f"{row['year']} {plain(row['total'], 2)}" for row in rows]
    chart.tell("alt_history", town=name, told=lambda each: listed(told, each))
    return chart


def draw_peers(marts: Marts, town: str, year: int, lang: Language) -> Chart:
    """The town among those of its kind and size."""
    rows = peers(marts, town, year).to_dict("records")
    mine = standing(marts, town, year)
    title = title_of("chart_peers", lang, town=mine["town_name"], year=year, kind=mine["kind"])
    chart = open_chart(marts, lang, title, height=1.5 + 0.32 * len(rows))
    axes = chart.axes
    for place, row in enumerate(rows):
        low, high = float(row["total_low"]), float(row["total_high"])
        colour = LINES["pooled"]["color"] if row["is_it"] else MUTED
        axes.plot([low, high], [place, place], color=colour, marker="D" if row["is_it"] else "o", linestyle="--")
        said = plain(row["total"], 2) if low == high else f"{plain(row['total_low'], 2)}–{plain(row['total_high'], 2)}"
        grade = row["grade"] if isinstance(row["grade"], str) else None
        axes.annotate(f"{said} {grade_name(grade, lang)}", (high, place), (8, 0), **_BESIDE)
    names = [
        words("desk_peer", lang, town=("▶ " if row["is_it"] else "") + row["town_name"], size=_size(row))
        for row in rows
    ]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.15)
    axes.grid(axis="y")
    axes.set_xlabel(label("axis_total", lang))
    draw_limits(axes, grades_of(marts), lang)
    told = [f"{row['town_name']} {plain(row['total'], 2)}" for row in rows]
    chart.tell("alt_peers", town=mine["town_name"], year=year, kind=mine["kind"], told=lambda each: listed(told, each))
    return chart


def _size(row: dict[str, Any]) -> str:
    size = row["persons_served"]
    return plain(int(size)) if isinstance(size, int) else "—"


def gap_said(gap: Gap | None, lang: Language) -> str:
    """The gap in a sentence, or that there is none to tell."""
    return gap_in_words(gap, lang) if gap else label("gap_none", lang)


_BESIDE: dict[str, Any] = {"textcoords": "offset points", "verticalalignment": "center", "fontsize": 9}
_ABOVE: dict[str, Any] = {
    "textcoords": "offset points",
    "bbox": {"boxstyle": "round,pad=0.1", "facecolor": "#ffffff", "edgecolor": "none"},
}
