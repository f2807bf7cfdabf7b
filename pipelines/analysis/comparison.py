"""Two years beside each other: who rose and fell, what moved them, and whether the two may be compared at all.

Towns are matched by identifier, so that one renamed or recoded between the years is still the same town.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.analysis.changes import CAUSES, parts
from pipelines.analysis.charts import (
    GAIN,
    INK,
    LANGUAGES,
    LOSS,
    MUTED,
    WHOLE,
    Chart,
    Fill,
    drop_after,
    grades_of,
    grid_of_cells,
    open_chart,
    title_of,
)
from pipelines.analysis.marts import Marts
from pipelines.analysis.words import grade_name, listed, plain, shorten, signed, words
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, label

if TYPE_CHECKING:
    import pandas


class Mover(NamedTuple):
    """One town in both years; ``name`` shows both names where it was renamed."""

    town_id: str
    name: str
    total_before: Decimal | None
    total_after: Decimal | None
    grade_before: str | None
    grade_after: str | None
    rank_before: int | None
    rank_after: int | None

    @property
    def change(self) -> Decimal | None:
        """Change of the total; none while either is not final."""
        if self.total_before is None or self.total_after is None:
            return None
        return self.total_after - self.total_before


class Step(NamedTuple):
    """What one item added to a town's total between the years, for one cause (empty: a town as a whole)."""

    item: str
    title: str
    cause: str
    change: Decimal


class Waterfall(NamedTuple):
    """From the total of one year to that of the other, step by step; the steps add up exactly."""

    name: str
    before: Decimal
    steps: tuple[Step, ...]
    after: Decimal


def movers(marts: Marts, before: int, after: int) -> list[Mover]:
    """Every town assessed in both years, the greatest rise first, those without a final total last."""
    rows = marts.rows(
        """SELECT town_id, old.town_name AS old_name, new.town_name AS new_name, old.total AS total_before,
            new.total AS total_after, old.grade AS grade_before, new.grade AS grade_after, old.rank AS rank_before,
            new.rank AS rank_after
        FROM (FROM town_score WHERE year = $before) AS old INNER JOIN (FROM town_score WHERE year = $after) AS new
            USING (town_id)
        ORDER BY new.total - old.total DESC NULLS LAST, town_id""",
        {"before": before, "after": after},
    )
    return [_mover(row) for row in rows]


def comparability(marts: Marts, before: int, after: int, lang: Language) -> list[str]:
    """What stands between the two years, a sentence each; empty where nothing does."""
    said = []
    editions = [
        _column(marts, "SELECT DISTINCT edition FROM town_score WHERE year = ?", year) for year in (before, after)
    ]
    if editions[0] != editions[1]:
        shown = [listed(sorted(names), lang) for names in editions]
        said.append(words("compare_edition", lang, before=before, after=after, old=shown[0], new=shown[1]))
    readings = [_readings(marts, year) for year in (before, after)]
    for reading in sorted(readings[0].keys() | readings[1].keys()):
        old, new = (listed(sorted(each.get(reading, ())), lang) for each in readings)
        if old != new:
            said.append(words("compare_reading", lang, reading=reading, before=before, after=after, old=old, new=new))
    items = [_items(marts, year) for year in (before, after)]
    differing = [item for item in items[0].keys() | items[1].keys() if items[0].get(item) != items[1].get(item)]
    if differing:
        said.append(words("compare_items", lang, items=listed(sorted(differing), lang)))
    names = [_names(marts, year) for year in (before, after)]
    for key, here, there in (("compare_gone", 0, 1), ("compare_new", 1, 0)):
        apart = [name for town, name in names[here].items() if town not in names[there]]
        if apart:
            said.append(words(key, lang, before=before, after=after, towns=listed(apart, lang)))
    renamed = [f"{name}→{names[1][town]}" for town, name in names[0].items() if names[1].get(town, name) != name]
    if renamed:
        said.append(words("compare_renamed", lang, towns=listed(renamed, lang)))
    unsure = [mover.name for mover in movers(marts, before, after) if mover.change is None]
    if unsure:
        said.append(words("compare_provisional", lang, towns=listed(unsure, lang)))
    return said


def waterfall(marts: Marts, town: str, before: int, after: int, lang: Language) -> Waterfall | None:
    """What each item added to the town's total by which cause, or None while either year is not final.

    KaoheError (integrity) where the steps do not add up: the marts would contradict themselves.
    """
    town_id = marts.town_id(town)
    found = [mover for mover in movers(marts, before, after) if mover.town_id == town_id]
    return next(iter(waterfalls(marts, found, before, after, lang)), None)


def waterfalls(marts: Marts, towns: Iterable[Mover], before: int, after: int, lang: Language) -> list[Waterfall]:
    """The waterfall of each of the towns that has a final total in both years."""
    final = [mover for mover in towns if mover.change is not None]
    titles = _titles(marts, lang)
    steps: dict[str, list[Step]] = {}
    for town_id, item, cause, change in _summed(marts, before, after, [mover.town_id for mover in final]):
        steps.setdefault(town_id, []).append(Step(item, titles[item], cause, change))
    places = {item: place for place, item in enumerate(titles)}
    for found in steps.values():
        found.sort(key=lambda step: (places[step.item], CAUSES.index(step.cause)))
    return [
        _exact(Waterfall(mover.name, mover.total_before, tuple(steps.get(mover.town_id, ())), mover.total_after))
        for mover in final
        if mover.total_before is not None and mover.total_after is not None
    ]


def _summed(marts: Marts, before: int, after: int, towns: list[str]) -> list[tuple[str, str, str, Decimal]]:
    """What each item added by which cause to the towns: town_id, item, cause, points."""
    if before == after:
        return []
    return (
        parts(marts, before, after)
        .execute(
            "SELECT town_id, item, cause, sum(points) FROM part WHERE list_contains($towns, town_id) GROUP BY ALL "
            "HAVING sum(points) <> 0",
            {"towns": towns},
        )
        .fetchall()
    )


def _exact(each: Waterfall) -> Waterfall:
    if each.before + sum((step.change for step in each.steps), Decimal()) != each.after:
        told = f"{each.name}: the parts do not add up to the change from {each.before} to {each.after}"
        raise KaoheError(Exit.INTEGRITY, told)
    return each


def item_moves(marts: Marts, before: int, after: int, lang: Language) -> list[Step]:
    """What each item added to all towns together by which cause, the greatest rise first; final towns only."""
    final = [mover for mover in movers(marts, before, after) if mover.change is not None]
    summed: dict[tuple[str, str, str], Decimal] = {}
    for each in waterfalls(marts, final, before, after, lang):
        for item, title, cause, change in each.steps:
            summed[item, title, cause] = summed.get((item, title, cause), Decimal()) + change
    steps = [Step(*what, change) for what, change in summed.items() if change]
    return sorted(steps, key=lambda step: (-step.change, step.item, step.cause))


def towns_to_draw(marts: Marts, before: int, after: int, town: str = "") -> list[str]:
    """The towns whose waterfall can be drawn: the one asked for, or those that fit, greatest rise first."""
    found = [mover.town_id for mover in movers(marts, before, after) if mover.change is not None]
    if town:
        town_id = marts.town_id(town)
        return [each for each in found if each == town_id]
    return drop_after(found, 30)[0]


def movers_table(marts: Marts, before: int, after: int) -> pandas.DataFrame:
    """The towns with total, grade and rank of both years, the greatest rise first."""
    import pandas

    rows = [each._asdict() | {"change": each.change} for each in movers(marts, before, after)]
    columns = ("name", "total_before", "total_after", "change", "grade_before", "grade_after", *_RANKS)
    return pandas.DataFrame(rows, columns=list(columns), dtype="object")


def steps_table(marts: Marts, before: int, after: int, lang: Language) -> pandas.DataFrame:
    """Every step of every waterfall, which adds up for each town from one total to the other."""
    import pandas

    found = waterfalls(marts, movers(marts, before, after), before, after, lang)
    rows = [{"name": each.name, **step._asdict()} for each in found for step in each.steps if step.change]
    return pandas.DataFrame(rows, columns=["name", "item", "title", "cause", "change"], dtype="object")


# Charts ---------------------------------------------------------------------------------------------------------------


def rise_and_fall(marts: Marts, before: int, after: int, lang: Language) -> Chart:
    """Every town's change of total, the greatest rise on top."""
    moved = [mover for mover in movers(marts, before, after) if mover.change is not None]
    drawn, left_out = _both_ends(moved)
    title = title_of("chart_movers", lang, left_out, before=before, after=after)
    steps = [Step("", mover.name, "", mover.change or Decimal()) for mover in drawn]
    said = [f"{plain(mover.total_before, 2)} → {plain(mover.total_after, 2)}" for mover in drawn]
    chart = _bars_of_change(marts, lang, title, steps, said)
    changes = [mover.change or Decimal() for mover in moved]
    chart.tell(
        "alt_movers",
        before=before,
        after=after,
        up=sum(change > 0 for change in changes),
        down=sum(change < 0 for change in changes),
        same=sum(not change for change in changes),
        best=lambda each: listed((f"{mover.name} {signed(mover.change or Decimal())}" for mover in moved[:1]), each),
        worst=lambda each: listed((f"{mover.name} {signed(mover.change or Decimal())}" for mover in moved[-1:]), each),
    )
    return chart


def transitions(marts: Marts, before: int, after: int, lang: Language) -> Chart:
    """How many towns went from which grade to which; towns assessed in one year only are counted too."""
    grades = grades_of(marts)
    rows = marts.rows(
        """SELECT CASE WHEN old.year IS NULL THEN '-' ELSE coalesce(old.grade, '') END AS before,
            CASE WHEN new.year IS NULL THEN '-' ELSE coalesce(new.grade, '') END AS after, count(*) AS towns
        FROM (FROM town_score WHERE year = $before) AS old FULL JOIN (FROM town_score WHERE year = $after) AS new
            USING (town_id) GROUP BY ALL""",
        {"before": before, "after": after},
    )
    counted = {(row["before"], row["after"]): row["towns"] for row in rows}
    kinds = [
        grade for grade in (*grades.names, "-") if grade not in ("", "-") or any(grade in pair for pair in counted)
    ]

    def name(grade: str, each: Language) -> str:
        return label("compare_not_assessed", each) if grade == "-" else grade_name(grade, each)

    chart = open_chart(
        marts,
        lang,
        title_of("chart_transitions", lang, before=before, after=after),
        width=2.2 + 1.3 * len(kinds),
        height=1.3 + 0.5 * len(kinds),
    )
    cells = {
        (row, column): (str(counted[old, new]), _direction(row, column, len(grades.names) - 1))
        for row, old in enumerate(kinds)
        for column, new in enumerate(kinds)
        if (old, new) in counted
    }
    named = [name(grade, lang) for grade in kinds]
    grid_of_cells(chart.axes, named, named, cells, size=11)
    chart.tell(
        "alt_transitions",
        before=before,
        after=after,
        told=lambda each: listed(
            (f"{name(old, each)}→{name(new, each)} {towns}" for (old, new), towns in sorted(counted.items())), each
        ),
    )
    return chart


def city_moves(marts: Marts, before: int, after: int, lang: Language) -> Chart:
    """What each item added to the towns together."""
    steps = item_moves(marts, before, after, lang)
    towns = sum(mover.change is not None for mover in movers(marts, before, after))
    title = title_of("chart_item_moves", lang, before=before, after=after, towns=towns)
    chart = _bars_of_change(marts, lang, title, steps, [])
    titles = {each: _titles(marts, each) for each in LANGUAGES}
    chart.tell(
        "alt_item_moves",
        before=before,
        after=after,
        total=signed(sum((step.change for step in steps), Decimal()), 2),
        told=lambda each: listed((_step_said(step, titles[each], each) for step in steps), each),
    )
    return chart


def draw_waterfall(marts: Marts, town: str, before: int, after: int, lang: Language) -> Chart | None:
    """The town's way from one total to the other, item by item; None while either year is not final."""
    each = waterfall(marts, town, before, after, lang)
    if each is None:
        return None
    steps = [step for step in each.steps if step.change]
    values: dict[str, Any] = {"town": each.name, "old": plain(each.before, 2), "new": plain(each.after, 2)}
    title = title_of("chart_waterfall", lang, 0, before=before, after=after, **values)
    chart = open_chart(marts, lang, title, height=1.35 + 0.24 * (len(steps) + 2))
    axes, at = chart.axes, each.before
    axes.barh(0, float(each.before), height=0.7, **WHOLE.look())
    reached = [each.before, each.after]
    for place, step in enumerate(steps, start=1):
        look = (GAIN if step.change > 0 else LOSS).look()
        axes.barh(place, float(step.change), left=float(at), height=0.7, **look)
        axes.plot([float(at)] * 2, [place - 1.35, place + 0.35], color=MUTED, linewidth=0.7)
        at += step.change
        reached.append(at)
        edge = max(at, at - step.change)
        axes.annotate(signed(step.change, 2), (float(edge), place), (4, 0), **_BESIDE)
    axes.barh(len(steps) + 1, float(each.after), height=0.7, **WHOLE.look())
    for place, total in ((0, each.before), (len(steps) + 1, each.after)):
        axes.annotate(plain(total, 2), (float(total), place), (4, 0), **_BESIDE)
    names = [str(before), *(_step_named(step, lang) for step in steps), str(after)]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    # The two totals are cut off on the left, so that a tenth of a point can be seen; the axis says where it begins.
    axes.set_xlim(float(min(reached)) - 2, float(max(reached)) + 1.2)
    axes.set_xlabel(label("axis_total_cut", lang))
    titles = {each_lang: _titles(marts, each_lang) for each_lang in LANGUAGES}
    chart.tell(
        "alt_waterfall",
        told=lambda other: listed((_step_said(step, titles[other], other) for step in steps), other),
        **values,
    )
    return chart


def _direction(row: int, column: int, known: int) -> Fill:
    """The fill of a transition: better, worse, or neither where it is the same or one of the two is not known."""
    if row == column or max(row, column) >= known:
        return _STAYED
    return GAIN if row > column else LOSS


def _bars_of_change(marts: Marts, lang: Language, title: str, steps: list[Step], said: list[str]) -> Chart:
    """Bars to the right for what rose and, hatched, to the left for what fell."""
    chart = open_chart(marts, lang, title, height=1.35 + 0.25 * max(2, len(steps)))
    axes = chart.axes
    furthest = max((abs(step.change) for step in steps), default=Decimal(1)) or Decimal(1)
    for place, step in enumerate(steps):
        axes.barh(place, float(step.change), height=0.7, **(GAIN if step.change > 0 else LOSS).look())
        text = signed(step.change, 2) + (f"   {said[place]}" if said else "")
        axes.annotate(text, (float(max(step.change, Decimal())), place), (4, 0), **_BESIDE)
    names = [_step_named(step, lang) for step in steps]
    axes.set_yticks(range(len(steps)), names)
    axes.set_ylim(max(1, len(steps)) - 0.4, -0.6)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_xlim(-float(furthest) * 1.08, float(furthest) * (1.45 if said else 1.2))
    axes.set_xlabel(label("axis_change", lang))
    return chart


def _both_ends(moved: list[Mover], most: int = 60) -> tuple[list[Mover], int]:
    """The greatest rises and the greatest falls, where not all towns fit."""
    if len(moved) <= most:
        return moved, 0
    return moved[: most // 2] + moved[-most // 2 :], len(moved) - most


def _titles(marts: Marts, lang: Language) -> dict[str, str]:
    """Title of every item in the language, in the order of the document."""
    rows = marts.rows(f"SELECT item, title_{lang} AS title FROM item_definition ORDER BY position")
    return {row["item"]: row["title"] for row in rows}


def _step_named(step: Step, lang: Language) -> str:
    """The step beside its bar: item and cause, or the town."""
    if not step.cause:
        return shorten(step.title, 24)
    return f"{shorten(step.title, 20)} · {label(f'cause_{step.cause}', lang)}  {step.item}"


def _step_said(step: Step, titles: dict[str, str], lang: Language) -> str:
    cause = f" ({label(f'cause_{step.cause}', lang)})" if step.cause else ""
    return f"{step.item} {titles.get(step.item, step.title)}{cause} {signed(step.change)}".strip()


def _mover(row: dict[str, Any]) -> Mover:
    old, new = row.pop("old_name"), row.pop("new_name")
    return Mover(name=new if old == new else f"{old}→{new}", **row)


def _column(marts: Marts, sql: str, year: int) -> list[str]:
    return [str(next(iter(row.values()))) for row in marts.rows(sql, [year])]


def _readings(marts: Marts, year: int) -> dict[str, set[str]]:
    """The readings that bit in a year, as its terms name them: interpretation → options."""
    named: dict[str, set[str]] = {}
    for text in _column(marts, "SELECT DISTINCT interpretations FROM term_score WHERE year = ?", year):
        for reading, _, option in (part.partition("=") for part in text.split("; ") if part):
            named.setdefault(reading, set()).add(option)
    return named


def _items(marts: Marts, year: int) -> dict[str, Any]:
    rows = marts.rows("SELECT DISTINCT item, kind, available FROM item_score WHERE year = ?", [year])
    return {row["item"]: (row["kind"], row["available"]) for row in rows}


def _names(marts: Marts, year: int) -> dict[str, str]:
    rows = marts.rows("SELECT town_id, town_name FROM town_score WHERE year = ? ORDER BY town_id", [year])
    return {row["town_id"]: row["town_name"] for row in rows}


_RANKS = ("rank_before", "rank_after")
_STAYED = Fill("#d9d9d9", "")
_BESIDE: dict[str, Any] = {"textcoords": "offset points", "verticalalignment": "center", "fontsize": 9}
