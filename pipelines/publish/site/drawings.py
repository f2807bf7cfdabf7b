"""Drawings: figures become positions on a sheet of ``WIDTH`` units, and the templates draw.

Only here do points become floats, and nothing is computed from a float again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from pipelines.analysis.grades import Band
from pipelines.publish.site.words import points, signed

_Row = dict[str, Any]

WIDTH = 400


def _at(position: float) -> str:
    """A position as it is written into a drawing."""
    return f"{position:.1f}"


def stacked_bars(by_year: Mapping[int, Mapping[str, int]], grades: Sequence[str]) -> _Row:
    """One bar per year, a piece per grade."""
    left, right, height = 40, WIDTH - 4, 34
    most = max((sum(found.values()) for found in by_year.values()), default=0) or 1
    scale = (right - left) / most
    bars = []
    for number, (year, found) in enumerate(by_year.items()):
        x, pieces = float(left), []
        for place, grade in enumerate(grades, start=1):
            width = found.get(grade, 0) * scale
            if width:
                pieces.append(
                    {
                        "x": _at(x),
                        "width": _at(width),
                        "middle": _at(x + width / 2),
                        "pill": _at(x + width / 2 - (3 + 4 * len(str(found[grade])))),
                        "pill_width": 6 + 8 * len(str(found[grade])),
                        "count": found[grade],
                        "place": place if grade else 0,
                        "is_told": width >= 6 + 8 * len(str(found[grade])),
                    }
                )
            x += width
        bars.append({"year": year, "y": 8 + number * height, "pieces": pieces})
    return {"bars": bars, "height": 12 + len(bars) * height, "left": left}


def bins_of(totals: Sequence[Decimal]) -> list[tuple[int, int, int]]:
    """Totals counted by two points: from, to, how many; the full score counts with the last."""
    if not totals:
        return []
    first, last = int(min(totals)) // 2 * 2, max(int(max(totals)) // 2 * 2, 98)
    counted = Counter(min(int(total) // 2 * 2, last) for total in totals)
    return [(at, at + 2, counted.get(at, 0)) for at in range(first, last + 1, 2)]


def histogram(bins: Sequence[tuple[int, int, int]], bands: Sequence[Band]) -> _Row | None:
    """How many towns have a total in each two points, with the limits of the grades."""
    if not bins:
        return None
    left, right, top, bottom = 10, WIDTH - 10, 34, 214
    start, end = bins[0][0], bins[-1][1]
    scale = (right - left) / (end - start)
    most = max(count for _, _, count in bins)
    high = (bottom - top) / most
    labelled = max(2, -(-(end - start) // 20) * 2)
    limits = [band.begins for band in bands if band.begins is not None and start < band.begins < end]
    edges = [start, *(float(limit) for limit in reversed(limits)), end]
    inside = [band for band in reversed(bands) if band.begins is None or band.begins < end]
    inside = inside[-len(edges) + 1 :]
    return {
        "bars": [
            {
                "x": _at(left + (low - start) * scale + 1),
                "width": _at(2 * scale - 2),
                "middle": _at(left + (low + 1 - start) * scale),
                "y": _at(bottom - count * high),
                "height": _at(count * high),
                "told": _at(bottom - count * high - 4),
                "count": count,
            }
            for low, _, count in bins
        ],
        "ticks": [
            {"x": _at(left + (low - start) * scale), "value": low}
            for low in [*(low for low, _, _ in bins), end]
            if (low - start) % labelled == 0
        ],
        "limits": [{"x": _at(left + (float(limit) - start) * scale)} for limit in limits],
        "grades": [
            {"x": _at(left + ((low + high_end) / 2 - start) * scale), "grade": band.grade}
            for band, (low, high_end) in zip(inside, pairwise(edges), strict=True)
            if (high_end - low) * scale > 28
        ],
        "bottom": bottom,
        "left": left,
        "right": right,
        "height": bottom + 42,
    }


@dataclass(frozen=True)
class Level:
    """One bar of a chart of levels: how much of ``full`` it reaches, and the range it was found in."""

    title_zh: str
    title_en: str
    value: Decimal
    full: Decimal
    low: Decimal | None
    high: Decimal | None
    told: str


def level_bars(levels: Sequence[Level]) -> _Row | None:
    """One bar per row, its title above it."""
    if not levels:
        return None
    left, right, step = 4, WIDTH - 84, 40

    def x(value: Decimal, level: Level) -> float:
        return left + (right - left) * float(value / level.full)

    return {
        "bars": [
            {
                "title_zh": level.title_zh,
                "title_en": level.title_en,
                "y": number * step + 20,
                "width": _at(x(level.value, level) - left),
                "low": None if level.low is None else _at(x(level.low, level)),
                "high": None if level.high is None else _at(x(level.high, level)),
                "told": level.told,
            }
            for number, level in enumerate(levels)
        ],
        "left": left,
        "right": right,
        "full": right - left,
        "has_range": any(level.low is not None for level in levels),
        "height": len(levels) * step + 8,
    }


def changes_chart(rows: Sequence[_Row]) -> _Row | None:
    """Changes from the greatest rise to the greatest fall; of many towns the twelve at either end."""
    shown = [*rows] if len(rows) <= 30 else [*rows[:12], *rows[-12:]]
    if not shown:
        return None
    left, right, step = 112, WIDTH - 50, 22
    most = max((abs(row["change"]) for row in shown), default=Decimal(0)) or Decimal(1)
    lowest, highest = min(0, *(row["change"] for row in shown)), max(0, *(row["change"] for row in shown))
    span = float(highest - lowest) or float(most)
    room = right - left - (52 if lowest < 0 else 0)
    zero = right - float(highest) / span * room

    def x(change: Decimal) -> float:
        return zero + float(change) / span * room

    return {
        "bars": [
            {
                "name": row["town_name"],
                "y": number * step + 6,
                "x": _at(min(zero, x(row["change"]))),
                "width": _at(abs(x(row["change"]) - zero)),
                "is_rise": row["change"] >= 0,
                "told": signed(row["change"]),
                "told_at": _at(x(row["change"]) + (5 if row["change"] >= 0 else -5)),
            }
            for number, row in enumerate(shown)
        ],
        "zero": _at(zero),
        "name_at": left - 8,
        "height": len(shown) * step + 10,
        "left_out": len(rows) - len(shown),
    }


def history(scores: Sequence[_Row], bands: Sequence[Band]) -> _Row:
    """A town's total over the years before the bands of the grades; a result still open is a range."""
    left, right, top, bottom = 32, WIDTH - 6, 22, 242
    lowest = min(*(row["total_low"] for row in scores), Decimal(95))
    floor = max(0, int(lowest) // 5 * 5 - 5)
    ceiling = max(100, -int(-max(row["total_high"] for row in scores) // 5) * 5)
    first, last = scores[0]["year"], scores[-1]["year"]

    def x(year: int) -> float:
        return left + 84 + (right - left - 112) * ((year - first) / (last - first) if last > first else 0.5)

    def y(value: Decimal | int) -> float:
        return bottom - (bottom - top) * (float(value) - floor) / (ceiling - floor)

    strips, upper = [], Decimal(ceiling)
    for place, band in enumerate(bands, start=1):
        least = max(band.begins if band.begins is not None else Decimal(floor), Decimal(floor))
        if least < upper:
            strips.append(
                {
                    "grade": band.grade,
                    "y": _at(y(upper)),
                    "height": _at(y(least) - y(upper)),
                    "told": _at(y(upper) + 13),
                    "is_told": y(least) - y(upper) > 14,
                    "is_tinted": place % 2 == 0,
                    "is_limit": least > floor,
                    "limit": _at(y(least)),
                    "least": points(band.begins),
                }
            )
            upper = least
    marks = [
        {
            "year": row["year"],
            "x": _at(x(row["year"])),
            "y": None if row["total"] is None else _at(y(row["total"])),
            "low": _at(y(row["total_low"])),
            "high": _at(y(row["total_high"])),
            "told": row["total"] if row["total"] is not None else f"{row['total_low']}–{row['total_high']}",
            "told_at": _at(y(row["total"] if row["total"] is not None else row["total_high"]) - 8),
        }
        for row in scores
    ]
    return {
        "strips": strips,
        "marks": marks,
        "lines": list(_lines(scores, x, y)),
        "ticks": [
            {"y": _at(y(value)), "value": value}
            for value in range(floor, ceiling + 1, 10 if ceiling - floor > 50 else 5)
        ],
        "left": left,
        "right": right,
        "bottom": bottom,
        "height": bottom + 44,
    }


def _lines(scores: Sequence[_Row], x: Callable[[int], float], y: Callable[[Decimal], float]) -> Iterator[str]:
    """Points of the lines through years that follow one another and are final; a gap in the years breaks the line."""
    run: list[str] = []
    before = 0
    for row in scores:
        if run and (row["total"] is None or row["year"] != before + 1):
            yield " ".join(run)
            run = []
        if row["total"] is not None:
            run.append(f"{_at(x(row['year']))},{_at(y(row['total']))}")
        before = row["year"]
    if len(run) > 1:
        yield " ".join(run)
