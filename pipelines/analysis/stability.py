"""Does it stand: how a town's grade and rank fare under other readings, other judgements and other samples."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from pipelines.analysis.charts import Chart, drop_after, grades_of, open_chart, stacked_rows, title_of
from pipelines.analysis.marts import Marts
from pipelines.analysis.words import grade_name, listed
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, both, label

if TYPE_CHECKING:
    import pandas

CAUSES = ("readings", "judgement", "sample", "draws")


def stability(marts: Marts, year: int | None = None) -> dict[str, Any]:
    """How the results of a year stand, the latest unless given.

    KaoheError (usage) for a year not assessed, or where only results were published.

    Returns ``year``, ``readings`` (of each open reading: towns whose grade depends on it, and its shares of the
    variance) and ``towns``, in the order of their ranks: each with what each cause of doubt does to it, the cases by
    grade among that.
    """
    year = year or marts.years[-1]
    if year not in marts.years:
        raise KaoheError(Exit.USAGE, f"{year}: 未考核 not assessed")
    if not marts.has_analysis:
        raise KaoheError(Exit.USAGE, both("results_only"))
    towns = marts.rows(
        "SELECT town_id, town_name, grade, total, total_low, total_high, rank FROM town_score WHERE year = ? "
        "ORDER BY rank NULLS LAST, total_high DESC, town_id",
        [year],
    )
    doubts: dict[tuple[str, str], dict[str, Any]] = {
        (row.pop("town_id"), row.pop("cause")): row
        for row in marts.rows(
            "SELECT * EXCLUDE (year, town_name, grade, rank) FROM grade_stability WHERE year = ?", [year]
        )
    }
    for share in marts.rows("SELECT * FROM grade_share WHERE year = ? ORDER BY position", [year]):
        doubts[share["town_id"], share["cause"]].setdefault("grades", {})[share["grade"]] = share["cases"]
    for town in towns:
        town |= {cause: doubts.get((town["town_id"], cause)) for cause in CAUSES}
    return {"year": year, "readings": readings(marts, year), "towns": towns}


def readings(marts: Marts, year: int) -> list[dict[str, Any]]:
    """What each open reading does in a year, the one with most hand in the grades first.

    Shares are of the variance within towns over every combination of readings, all towns of the year together, rounded
    half up to four decimals: ``main`` the reading's alone, ``total`` with what it does together with others. None where
    nothing varies. Total shares may come to more than 1, since readings share what they do together.
    """
    found = marts.rows(
        """SELECT interpretation, option_in_force, question_zh, question_en, any_value(clauses) AS clauses,
            count(*) FILTER (grade_total_n > 0) AS towns_depending,
            count(DISTINCT town_id) FILTER (moves_grade) AS towns_moved_alone,
            sum(points_main_n) AS points_main_n, sum(points_total_n) AS points_total_n, sum(points_d) AS points_d,
            sum(grade_main_n) AS grade_main_n, sum(grade_total_n) AS grade_total_n, sum(grade_d) AS grade_d
        FROM reading_effect
        INNER JOIN (
            SELECT interpretation, option AS option_in_force, question_zh, question_en FROM interpretation
            WHERE is_in_force
        ) USING (interpretation)
        LEFT JOIN (
            SELECT year, town_id, interpretation, bool_or(moves_grade) AS moves_grade
            FROM reading_alternative GROUP BY ALL
        ) USING (year, town_id, interpretation)
        WHERE year = ? GROUP BY ALL""",
        [year],
    )
    for row in found:
        for measure in ("points", "grade"):
            whole = row.pop(f"{measure}_d")
            for part in ("main", "total"):
                row[f"{measure}_{part}"] = _share(row.pop(f"{measure}_{part}_n"), whole)
    return sorted(
        found, key=lambda row: (-(row["grade_total"] or 0), -(row["points_total"] or 0), row["interpretation"])
    )


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"), ROUND_HALF_UP) if whole else None


def stability_in_words(found: dict[str, Any], lang: Language) -> str:
    """What ``stability`` found, as lines to read."""

    def say(key: str, **filled: Any) -> str:
        return label(f"stability_{key}", lang).format(**filled)

    lines = [say("heading", year=found["year"]), "", say("effects")]
    for row in found["readings"]:
        clauses = f" [{row['clauses']}]" if row["clauses"] else ""
        lines.append(
            "  "
            + say(
                "reading",
                reading=row["interpretation"],
                question=row[f"question_{lang}"] + clauses,
                towns=row["towns_depending"],
                alone=row["towns_moved_alone"],
                grade=_percent(row["grade_total"]),
                points=_percent(row["points_total"]),
            )
        )
    for cause in CAUSES:
        told = [town for town in found["towns"] if town[cause]]
        if not told:
            continue
        unsure = [town for town in told if not town[cause]["is_stable"]]
        lines += ["", say(cause, towns=len(told), stable=len(told) - len(unsure))]
        for town in unsure:
            doubt = town[cause]
            ranks = f" {say('ranks', best=doubt['rank_best'], worst=doubt['rank_worst'])}" if doubt["rank_best"] else ""
            lines.append(
                f"  {town['town_name']}  {grade_name(town['grade'], lang)}{ranks}  {doubt[f'explanation_{lang}']}"
            )
    return "\n".join(lines)


def _percent(share: Decimal | None) -> str:
    return "—" if share is None else f"{share * 100:.1f}%"


# Tables and charts ----------------------------------------------------------------------------------------------------


def bands(marts: Marts, year: int, lang: Language, cause: str = "readings") -> pandas.DataFrame:
    """Every town of a year with its grades and its band of ranks over the cases of a cause of doubt."""
    return marts.query(
        f"""SELECT town_name, stable.grade, cases_same, cases, grade_best, grade_worst, total_lowest, total_highest,
            stable.rank, rank_best, rank_worst, explanation_{lang} AS explanation
        FROM grade_stability AS stable WHERE year = ? AND cause = ?
        ORDER BY stable.rank NULLS LAST, total_highest DESC, town_id""",
        [year, cause],
    )


def reading_table(marts: Marts, year: int, lang: Language) -> pandas.DataFrame:
    """What each open reading does in a year, as a table."""
    import pandas

    return pandas.DataFrame(
        [
            {
                "question": row[f"question_{lang}"],
                "clause": row["clauses"] or label("stability_total", lang),
                "towns_depending": row["towns_depending"],
                "towns_moved_alone": row["towns_moved_alone"],
                **{
                    f"{measure}_{part}": _percent(row[f"{measure}_{part}"])
                    for measure in ("grade", "points")
                    for part in ("main", "total")
                },
            }
            for row in readings(marts, year)
        ]
    ).rename(columns={"grade_main": "share_grade_main", "grade_total": "share_grade_total"})


def alternatives(marts: Marts, year: int, lang: Language) -> pandas.DataFrame:
    """The single other readings that would move a town's grade."""
    return marts.query(
        f"""SELECT town_name, question_{lang} AS question, option_{lang} AS option, grade_in_force AS grade,
            alternative.grade AS grade_then, total_change AS change, rank_in_force AS rank,
            alternative.rank AS rank_then
        FROM reading_alternative AS alternative
        INNER JOIN interpretation USING (interpretation, option)
        INNER JOIN (SELECT year, town_id, town_name FROM town_score) USING (year, town_id)
        WHERE year = ? AND moves_grade ORDER BY town_id, interpretation, option""",
        [year],
    )


def draw_shares(marts: Marts, year: int, lang: Language, cause: str = "readings") -> Chart:
    """The share of the cases in each grade, for every town whose grade is not the same in all of them."""
    rows = marts.rows(
        """SELECT town_name, map_from_entries(list((share.grade, share.cases))) AS cases
        FROM grade_share AS share INNER JOIN grade_stability AS stable USING (year, town_id, cause)
        WHERE year = ? AND cause = ? AND NOT is_stable
        GROUP BY town_id, town_name, stable.total_highest ORDER BY stable.total_highest DESC, town_id""",
        [year, cause],
    )
    grades = grades_of(marts)
    shown, left_out = drop_after(rows)
    title = title_of(f"chart_stability_{cause}", lang, left_out, year=year)
    chart = open_chart(marts, lang, title, height=1.6 + 0.34 * max(2, len(shown)))
    if shown:
        parts = {
            grade_name(grade, lang): [int(row["cases"].get(grade, 0)) for row in shown]
            for grade in grades.names
            if any(row["cases"].get(grade) for row in shown)
        }
        fills = [grades.fill(grade) for grade in grades.names if any(row["cases"].get(grade) for row in shown)]
        names = [row["town_name"] for row in shown]
        stacked_rows(chart.axes, names, parts, fills, lambda name, count: f"{name} {count}")
        chart.axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, borderaxespad=0.2)
    else:
        chart.axes.set_axis_off()
        chart.axes.text(0.5, 0.5, label("stability_all_stand", lang), horizontalalignment="center")
    chart.axes.set_xlabel(label("axis_cases", lang))
    told = [row["town_name"] for row in rows]
    chart.tell(f"alt_stability_{cause}", year=year, towns=len(rows), told=lambda each: listed(told, each))
    return chart
