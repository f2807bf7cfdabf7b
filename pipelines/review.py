"""From preview to appeal: where each year's result stands, and what was signed off stays as it was signed.

The records are rows of the source ``review_records``; the marts ``review_record`` and ``year_result`` hold them.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import Exit, KaoheError, Problem
from pipelines.labels import Language, label
from pipelines.sql_text import literal

if TYPE_CHECKING:
    import duckdb

    from pipelines.analysis.marts import Marts


def hold_to_sign_off(connection: duckdb.DuckDBPyConnection, published: Path) -> None:
    """KaoheError (gate) where a signed year came out otherwise than signed, adjustments approved since left aside.

    ``published`` is the folder of what is published now, which may hold what the items had before.
    """
    broken = connection.execute(
        "SELECT year, signed_on, signed_by, signed_result, result_as_signed FROM year_result WHERE NOT is_as_signed "
        "ORDER BY year"
    ).fetchall()
    if not broken:
        return
    moved = _moved(connection, published / "item_score.parquet") if (published / "item_score.parquet").exists() else []
    problems = []
    for year, signed_on, signed_by, signed, now in broken:
        file, sheet, row = connection.execute(
            "SELECT source_file, coalesce(source_sheet, ''), source_row FROM review_record WHERE year = ? "
            "AND step = '签发' ORDER BY recorded_on DESC, source_file DESC, source_row DESC",
            [year],
        ).fetchall()[0]
        # Without an earlier publication of what was signed there is only the fingerprint to tell.
        for town, item, before, after in [each[1:] for each in moved if each[0] == year] or [("", "", signed, now)]:
            problems.append(
                Problem(
                    file,
                    "signed_off",
                    f"{year} 年结果已于 {signed_on} 由 {signed_by} 签发，"
                    f"现在算出的不同：{town} {item} {before} → {after}",
                    f"the result of {year}, signed off on {signed_on} by {signed_by}, comes out otherwise: "
                    f"{town} {item} {before} → {after}",
                    "签发后只能通过复核更正（adjustments）改分；请恢复原来的报送文件，或重新签发",
                    "after sign-off only an adjustment on review (adjustments) changes a score; put the delivery back, "
                    "or sign the year off anew",
                    sheet,
                    f"{row}:{row}" if file.lower().endswith(".xlsx") else f"line {row}",
                    value=signed,
                )
            )
    years = ", ".join(str(each[0]) for each in broken)
    told = f"{years}: 已签发的结果会改变，未发布 a signed-off result would change; nothing was published"
    raise KaoheError(Exit.GATE, told, problems)


def _moved(connection: duckdb.DuckDBPyConnection, before: Path) -> list[tuple[Any, ...]]:
    """Year, town, item, points before and now, of items whose points a later adjustment does not account for."""
    return connection.execute(
        f"""
        SELECT year, town_name, item, coalesce(was.points::VARCHAR, '—'),
            coalesce(coalesce(now.points_before_adjustment, now.points)::VARCHAR, '—')
        FROM item_score AS now
        INNER JOIN read_parquet({literal(before)}) AS was USING (year, town_id, item)
        INNER JOIN town_year USING (year, town_id)
        WHERE was.points IS DISTINCT FROM now.points
            AND NOT coalesce(now.approved_on > (
                SELECT max(recorded_on) FROM review_record AS signed WHERE signed.year = now.year AND step = '签发'
            ), FALSE)
        ORDER BY year, town_id, item"""
    ).fetchall()


# Where a year stands --------------------------------------------------------------------------------------------------


def status(marts: Marts, today: date) -> list[dict[str, Any]]:
    """One entry a year: the result and its fingerprint, its state, the open deadline, and what is not yet answered.

    ``state`` is one of scored, open_for_comments, comments_unanswered, to_sign, to_publish, open_for_appeals,
    appeals_undecided and closed; ``until`` the last day of what is open, ``days_left`` counted from ``today``.
    """
    return marts.rows(
        """
        WITH event AS (
            SELECT year,
                max(recorded_on) FILTER (step = '预告') AS previewed_on,
                max(until) FILTER (step = '预告') AS comments_until,
                max(recorded_on) FILTER (step = '公布') AS published_on,
                max(until) FILTER (step = '公布') AS appeals_until,
                count(*) FILTER (step = '意见') AS comments,
                count(*) FILTER (step = '申诉') AS appeals
            FROM review_record GROUP BY year
        ),

        unanswered AS (
            SELECT asked.year, count(*) FILTER (asked.step = '意见') AS comments_unanswered,
                count(*) FILTER (asked.step = '申诉') AS appeals_undecided
            FROM review_record AS asked
            WHERE asked.step IN ('意见', '申诉') AND NOT EXISTS (
                FROM review_record AS answer
                WHERE answer.year = asked.year AND answer.recorded_on >= asked.recorded_on
                    AND answer.step = CASE asked.step WHEN '意见' THEN '答复' ELSE '裁定' END
                    AND answer.town_id IS NOT DISTINCT FROM asked.town_id
                    AND answer.item IS NOT DISTINCT FROM asked.item)
            GROUP BY asked.year
        ),

        stated AS (
            SELECT result.*, event.* EXCLUDE (year), coalesce(comments_unanswered, 0) AS comments_unanswered,
                coalesce(appeals_undecided, 0) AS appeals_undecided,
                CASE
                    WHEN published_on IS NOT NULL AND appeals_until >= $today THEN 'open_for_appeals'
                    WHEN published_on IS NOT NULL AND appeals_undecided > 0 THEN 'appeals_undecided'
                    WHEN published_on IS NOT NULL THEN 'closed'
                    WHEN signed_on IS NOT NULL THEN 'to_publish'
                    WHEN comments_until >= $today THEN 'open_for_comments'
                    WHEN comments_unanswered > 0 THEN 'comments_unanswered'
                    WHEN previewed_on IS NOT NULL THEN 'to_sign'
                    ELSE 'scored'
                END AS state
            FROM year_result AS result LEFT JOIN event USING (year) LEFT JOIN unanswered USING (year)
        )

        SELECT *, CASE state
                WHEN 'open_for_comments' THEN comments_until WHEN 'open_for_appeals' THEN appeals_until
            END AS until, until - $today AS days_left
        FROM stated ORDER BY year""",
        {"today": today},
    )


def status_in_words(years: list[dict[str, Any]], lang: Language) -> str:
    """The status as lines to read."""

    def say(key: str, **filled: Any) -> str:
        return label(f"review_{key}", lang).format(**filled)

    lines = []
    for year in years:
        told = [
            str(year["year"]),
            say(year["state"]),
            say("result", result=year["result"], towns=year["towns"], provisional=year["provisional"]),
        ]
        if year["until"]:
            told.append(say("until", until=year["until"], days=year["days_left"]))
        if year["signed_on"]:
            told.append(say("signed", on=year["signed_on"], by=year["signed_by"]))
            told.append(say("later" if year["result"] != year["signed_result"] else "unchanged"))
        for what, left in (("comments", "comments_unanswered"), ("appeals", "appeals_undecided")):
            if year[what]:
                told.append(say(what, count=year[what], left=year[left]))
        lines.append("  ".join(told))
    return "\n".join(lines)
