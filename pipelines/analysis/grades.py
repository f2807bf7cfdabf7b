"""The grades: where each begins, and what a town lacks to the next better one, under every reading of the rubric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypedDict

from pipelines.analysis.words import grade_name, listed, plain, words
from pipelines.labels import Language

#: Asks marts, or tables of the same names, and gives rows: ``Marts.rows``.
Ask = Callable[[str, dict[str, Any]], list[dict[str, Any]]]

_HALF, _HUNDREDTH = Decimal("0.5"), Decimal("0.01")


@dataclass(frozen=True)
class Band:
    """A grade and where it begins.

    Attributes:
        begins: the total it begins at; None for the worst grade.
        must_pass: whether the total must pass that and not only reach it.
        written: the limits as the rubric has them: at_least, above, at_most, below.
    """

    grade: str
    begins: Decimal | None
    must_pass: bool
    written: tuple[tuple[str, Decimal], ...]

    @property
    def least(self) -> Decimal:
        """The least total that earns the grade; totals have two decimals."""
        return (self.begins or Decimal(0)) + (_HUNDREDTH if self.must_pass else 0)


class Gap(TypedDict):
    """What a town lacks to the next better grade.

    Attributes:
        grade: that grade.
        limit: where it begins, such as ≥95.
        points: points short of it; 0 where only conditions are in the way.
        must_meet: the conditions, not met or not known to be, that bar it.
    """

    grade: str
    limit: str
    points: Decimal
    must_meet: list[str]


def bands_of(ask: Ask) -> list[Band]:
    """The grades that were given, best first."""
    is_rounded = ask("SELECT grade_gap FROM edition", {})[0]["grade_gap"] == "half_up"
    return [_band(row, is_rounded) for row in ask("FROM grade_band ORDER BY position", {})]


def _band(row: Mapping[str, Any], is_rounded: bool) -> Band:
    written = tuple((name, row[name]) for name in ("at_least", "above", "at_most", "below") if row[name] is not None)
    must_pass = row["at_least"] is None and row["above"] is not None
    begins = row["above"] if must_pass else row["at_least"]
    if begins is not None and is_rounded:
        # Rounded half up before it meets the band: half a point below the first whole total within it.
        whole = begins // 1 + 1 if must_pass else -(-begins // 1)
        begins, must_pass = whole - _HALF, False
    return Band(row["grade"], begins, must_pass, written)


def unmet_conditions(
    ask: Ask, towns: Sequence[str], years: Sequence[int]
) -> dict[tuple[str, int], list[tuple[str, str]]]:
    """By town and year the conditions that are not known to be met and bar a grade: the item, and the grade."""
    rows = ask(
        """SELECT DISTINCT town_id, year, item, bars_grade
        FROM item_score INNER JOIN (SELECT item, bars_grade FROM term_definition WHERE bars_grade IS NOT NULL)
            USING (item)
        WHERE NOT coalesce(is_met, FALSE) AND list_contains($towns, town_id) AND list_contains($years, year)
        ORDER BY item""",
        {"towns": list(towns), "years": list(years)},
    )
    found: dict[tuple[str, int], list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        found[row["town_id"], row["year"]].append((row["item"], row["bars_grade"]))
    return found


def gap_to_next(standing: Mapping[str, Any], bands: Sequence[Band], unmet: Sequence[tuple[str, str]]) -> Gap | None:
    """What a town lacks to the next better grade, from the least its total can come to; None at the best one.

    ``standing`` is its row of town_score, ``unmet`` its entry of ``unmet_conditions``.
    """
    grades = [band.grade for band in bands]
    place = grades.index(standing["grade_low"])
    if place == 0:
        return None
    better = bands[place - 1]
    # A condition bars a grade and every better one.
    must_meet = [item for item, barred in unmet if grades.index(barred) >= place - 1]
    points = max(Decimal(0), better.least - standing["total_low"])
    return Gap(grade=better.grade, limit=limit_said(better), points=points, must_meet=must_meet)


def gap_in_words(gap: Gap, lang: Language) -> str:
    """The gap in a sentence."""
    told = {"grade": grade_name(gap["grade"], lang), "limit": gap["limit"], "points": gap["points"]}
    said = words("gap_points" if gap["points"] else "gap_enough", lang, **told)
    return said + (words("gap_conditions", lang, items=listed(gap["must_meet"], lang)) if gap["must_meet"] else "")


def limit_said(band: Band) -> str:
    """Where a grade begins: ≥95, >75."""
    return f"{'>' if band.must_pass else '≥'}{plain(band.begins)}"
