"""A second opinion: the 2013 rubric worked out by hand, clause by clause, in plain Python.

It shares nothing with the product and is meant to be read beside the rubric by somebody who knows the rubric: each
clause is a function of its own, in the order of the document, with its target and its deduction written out. Figures
are exact fractions throughout. Only two things are ever rounded: the points of an item, once, half up, to two
decimals; and, only under the reading ``grade_gap = half_up``, the total before it is graded.

A clause answers with *findings*: what each of its requirements takes off. A requirement whose figure is missing takes
off nobody knows what, between nothing and its worst; that is how an item and a total become a range.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

Row = dict[str, Any]
Options = Mapping[str, str]
Amount = int | Decimal | Fraction

OPTIONS: dict[str, tuple[str, ...]] = {
    "per_point": ("whole", "started", "pro_rata"),
    "grade_gap": ("none", "half_up"),
    "bonus_cap": ("capped_100", "uncapped", "excluded"),
    "count_short": ("linear", "all_or_nothing"),
    "online_filing": ("proportional", "tiers"),
    "headline": ("condition", "no_excellence"),
    "recovery_none": ("not_applicable", "full"),
}
"""Every reading the text leaves open, with its options, the default first."""

DEFAULTS: dict[str, str] = {question: options[0] for question, options in OPTIONS.items()}

EXCELLENT, PASS, BARELY, FAIL = "优胜", "合格", "基本合格", "不合格"
GRADES = (FAIL, BARELY, PASS, EXCELLENT)
"""The four grades, worst first."""


@dataclass(frozen=True)
class World:
    """Everything a scorer is given: accepted rows only, nothing left to check.

    Attributes:
        towns: ``(town_id, valid_from, valid_to)``, both years included and None for open; a renamed town has one
            entry for each of its names under one ``town_id``.
        years: the calendar years to be assessed.
        rows: for each source its rows, keyed by column, with ``year`` and ``town_id``. Counts are ints; yuan and
            scores Decimals with two decimals; flags bools; days dates; a cell left empty is None.
        delivered: the sources that arrived for a year, with or without rows.
    """

    towns: list[tuple[str, int | None, int | None]]
    years: list[int]
    rows: dict[str, list[Row]]
    delivered: set[tuple[str, int]]

    def towns_of(self, year: int) -> list[str]:
        """The ids of the towns assessed for ``year``, each once, in the order of the register."""
        return list(
            dict.fromkeys(
                town_id
                for town_id, valid_from, valid_to in self.towns
                if (valid_from is None or valid_from <= year) and (valid_to is None or year <= valid_to)
            )
        )


@dataclass(frozen=True)
class ItemResult:
    """An item's outcome.

    Attributes:
        points: None while missing. ``low`` and ``high`` are then the least and most it can still become, and equal
            to ``points`` otherwise.
        status: ``scored``, ``judged``, ``missing`` or ``not_applicable``.
        before_adjustment: the points before an adjustment replaced them (None: missing); ``points`` if none did.
    """

    points: Decimal | None
    low: Decimal
    high: Decimal
    status: str
    before_adjustment: Decimal | None


@dataclass(frozen=True)
class TownResult:
    """A town's outcome for one year.

    ``points`` (without bonus), ``total`` and ``rank`` are None while any item is missing; ``grade`` is None unless
    it is certain; ``condition_met`` is None when clause 3.3.0 cannot be decided.
    """

    items: dict[str, ItemResult]
    points: Decimal | None
    bonus: Decimal
    total: Decimal | None
    total_low: Decimal
    total_high: Decimal
    status: str
    grade: str | None
    grade_low: str
    grade_high: str
    rank: int | None
    condition_met: bool | None


@dataclass(frozen=True)
class Finding:
    """What one requirement takes off its item, in points; ``loss`` is None when a figure is missing."""

    loss: Fraction | None
    worst: Fraction


@dataclass(frozen=True)
class TownYear:
    """What one town delivered for one year."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    delivered: frozenset[str] = frozenset()
    renewal_by_ledger: Fraction | None = None
    """Of whom the ledger of contributions has in the town last year and due again, those it has this year."""

    def figure(self, source: str, column: str) -> Any:
        """The cell of a source with one row a town and year; None if the row or the cell is missing."""
        rows = self.rows.get(source, [])
        return rows[0][column] if rows else None

    def held(self, kind: str) -> int | None:
        """Activities of a kind. The log is counted: delivered without rows is 0, not delivered is None (missing)."""
        if "activities" not in self.delivered:
            return None
        return [row["kind"] for row in self.rows.get("activities", [])].count(kind)


# ----------------------------------------------------------------------------------------------------------------------
# Arithmetic


def round_half_up(points: Fraction) -> Decimal:
    """``points`` (0 or more) rounded to two decimals; an exact half goes up."""
    return Decimal(math.floor(points * 100 + Fraction(1, 2))).scaleb(-2)


def clip(points: Fraction, available: Fraction) -> Fraction:
    """``points``, but never below 0 nor above what the item has."""
    return max(Fraction(0), min(points, available))


def share(numerator: Amount | None, denominator: Amount | None) -> Fraction | None:
    """The exact ratio; None when a part is missing or there is nothing to divide by."""
    if numerator is None or denominator is None or denominator == 0:
        return None
    return Fraction(numerator) / Fraction(denominator)


def share_of_pairs(pairs: list[tuple[int | None, int | None]]) -> Fraction | None:
    """Sum over sum of (part, whole), over the pairs reported in full; None when that leaves nothing to divide by."""
    reported = [(part, whole) for part, whole in pairs if part is not None and whole is not None]
    return share(sum(part for part, _ in reported), sum(whole for _, whole in reported))


def percentage_points_lower(rate: Fraction, target: Fraction, options: Options) -> Fraction:
    """How many percentage points ``rate`` is short of ``target``, a part of a point read as ``per_point`` says."""
    short = max(Fraction(0), (target - rate) * 100)
    match options["per_point"]:
        case "whole":
            return Fraction(math.floor(short))
        case "started":
            return Fraction(math.ceil(short))
        case "pro_rata":
            return short
    raise ValueError(f"per_point: {options['per_point']}")


def count_towards(available: int, achieved: Fraction, options: Options) -> Finding:
    """A count target without a rate: ``achieved`` is the part of the target reached, 1 or more being all of it."""
    match options["count_short"]:
        case "linear":
            earned = available * min(Fraction(1), achieved)
        case "all_or_nothing":
            earned = Fraction(available if achieved >= 1 else 0)
        case other:
            raise ValueError(f"count_short: {other}")
    return Finding(available - earned, Fraction(available))


# ----------------------------------------------------------------------------------------------------------------------
# The clauses that are computed, in the order of the document


def clause_1_4_3(town: TownYear) -> list[Finding]:
    """一(四)3, 2 points: three staff training sessions a year; each one short takes 1."""
    worst = Fraction(2)
    sessions = town.held("培训")
    if sessions is None:
        return [Finding(None, worst)]
    return [Finding(Fraction(max(0, 3 - sessions)), worst)]


def clause_1_4_4(town: TownYear) -> list[Finding]:
    """一(四)4, 3 points in one pool: neither window nor briefing takes 1; each article short of four takes 0.5."""
    window, briefing = town.figure("publicity", "has_window"), town.figure("publicity", "has_briefing")
    if window is True or briefing is True:
        publicity = Finding(Fraction(0), Fraction(1))
    elif window is False and briefing is False:
        publicity = Finding(Fraction(1), Fraction(1))
    else:
        publicity = Finding(None, Fraction(1))

    written = town.held("信息稿件")
    lost = None if written is None else max(0, 4 - written) * Fraction(1, 2)
    return [publicity, Finding(lost, 4 * Fraction(1, 2))]


def clause_1_4_5(town: TownYear, options: Options) -> list[Finding]:
    """一(四)5, 2 points: two written analyses; the text gives no rate, so ``count_short`` decides."""
    analyses = town.held("分析材料")
    if analyses is None:
        return [Finding(None, Fraction(2))]
    return [count_towards(2, Fraction(analyses, 2), options)]


def clause_2_2_4(town: TownYear, options: Options) -> list[Finding]:
    """二(二)4, 2 points: a ledger and a summary for each of 12 months and 5 classes, filed by the day they are due.

    Sixty are owed whatever arrived. Once the ledgers are delivered, what is absent or blank was simply not done.
    """
    if "business_ledger" not in town.delivered:
        return [Finding(None, Fraction(2))]
    on_time = {
        (row["month"], row["insurance"])
        for row in town.rows.get("business_ledger", [])
        if row["has_ledger"]
        and row["has_summary"]
        and row["filed_on"] is not None
        and row["due_on"] is not None
        and row["filed_on"] <= row["due_on"]
    }
    return [count_towards(2, Fraction(len(on_time), 60), options)]


def clause_2_2_5(town: TownYear, options: Options) -> list[Finding]:
    """二(二)5, 2 points: employer-months filed online, over the months reported; ``online_filing`` decides how."""
    rows = town.rows.get("online_filing", [])
    rate = share_of_pairs([(row["online_units"], row["insured_units"]) for row in rows])
    if rate is None:
        return [Finding(None, Fraction(2))]
    match options["online_filing"]:
        case "proportional":
            earned = 2 * min(Fraction(1), rate)
        case "tiers":
            if rate >= Fraction(90, 100):
                earned = Fraction(2)
            elif rate >= Fraction(70, 100):
                earned = Fraction(3, 2)
            elif rate >= Fraction(50, 100):
                earned = Fraction(1)
            else:
                earned = Fraction(0)
        case other:
            raise ValueError(f"online_filing: {other}")
    return [Finding(2 - earned, Fraction(2))]


def clause_3_1_3(town: TownYear, options: Options) -> list[Finding]:
    """三(一)3, 1 point: at most 6000 persons served by each of the full-time staff. No staff fails the target."""
    staff, served = town.figure("staffing", "full_time_staff"), town.figure("staffing", "persons_served")
    if staff == 0:
        return [Finding(Fraction(1), Fraction(1))]
    if staff is None or served is None:
        return [Finding(None, Fraction(1))]
    if served == 0:
        return [Finding(Fraction(0), Fraction(1))]
    staff_needed = Fraction(served, 6000)
    return [count_towards(1, staff / staff_needed, options)]


def clause_3_2_3(town: TownYear, options: Options) -> list[Finding]:
    """三(二)3, 2 points: persons and payments reconciled, target 100%; each percentage point lower takes 1.

    Persons and payments are added up together, over counterparties and months.
    """
    rows = town.rows.get("reconciliation", [])
    rate = share_of_pairs(
        [(row["persons_matched"], row["persons_checked"]) for row in rows]
        + [(row["payments_matched"], row["payments_checked"]) for row in rows]
    )
    if rate is None:
        return [Finding(None, Fraction(2))]
    return [Finding(percentage_points_lower(rate, Fraction(1), options), Fraction(2))]


def condition_3_3_0(town: TownYear) -> bool | None:
    """三(三), no points: the year's task completed and at least 95% of those due renewed. None: cannot be decided."""
    task_rate = share(town.figure("pension_renewal", "done"), town.figure("pension_renewal", "task"))
    renewal_rate = town.renewal_by_ledger
    if renewal_rate is None:
        renewal_rate = share(town.figure("pension_renewal", "renewed"), town.figure("pension_renewal", "due"))
    task_completed = None if task_rate is None else task_rate >= 1
    renewed_enough = None if renewal_rate is None else renewal_rate >= Fraction(95, 100)
    if task_completed is False or renewed_enough is False:
        return False
    if task_completed is None or renewed_enough is None:
        return None
    return True


def renewal_by_ledger(world: World) -> dict[tuple[int, str], Fraction | None]:
    """Who is due: whoever paid in the town last year, unless gone. Who pays, anywhere, has renewed and is not gone.

    None, or absent: the ledger of either year was not delivered, or nobody is due.
    """
    paid_in: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    paid: defaultdict[int, set[str]] = defaultdict(set)
    gone: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for row in world.rows.get("contributions", []):
        paid_in[row["year"], row["town_id"]].add(row["person_id"])
        paid[row["year"]].add(row["person_id"])
    for row in world.rows.get("pension_exits", []):
        gone[row["year"], row["town_id"]].add(row["person_id"])
    rates = {}
    for year in world.years:
        if {("contributions", year - 1), ("contributions", year)} <= world.delivered:
            for town_id in world.towns_of(year):
                before = paid_in[year - 1, town_id]
                due = before - (gone[year, town_id] - paid[year])
                rates[year, town_id] = share(len(before & paid[year]), len(due))
    return rates


def clause_3_3_1(town: TownYear, options: Options) -> list[Finding]:
    """三(三)1, 2 points: participant records right and complete, target 99%; each percentage point lower takes 1."""
    rate = share(town.figure("information_accuracy", "correct"), town.figure("information_accuracy", "checked"))
    if rate is None:
        return [Finding(None, Fraction(2))]
    return [Finding(percentage_points_lower(rate, Fraction(99, 100), options), Fraction(2))]


def clause_3_3_2(town: TownYear, options: Options) -> list[Finding]:
    """三(三)2, 2 points in one pool: recipients certified, 100%, and yuan wrongly drawn recovered, at least 90%.

    Each percentage point lower, on either, takes 0.5. Where nothing was wrongly drawn nothing is taken off, whether
    that is read as not applicable or as full (``recovery_none``): the points are the same.
    """
    certified = share(
        town.figure("benefit_authentication", "certified"),
        town.figure("benefit_authentication", "due"),
    )
    if certified is None:
        authentication = Finding(None, Fraction(2))
    else:
        authentication = Finding(percentage_points_lower(certified, Fraction(1), options) / 2, Fraction(2))

    overpaid = town.figure("overpayment_recovery", "overpaid_yuan")
    recovered = share(town.figure("overpayment_recovery", "recovered_yuan"), overpaid)
    if overpaid == 0:
        recovery = Finding(Fraction(0), Fraction(2))
    elif recovered is None:
        recovery = Finding(None, Fraction(2))
    else:
        recovery = Finding(percentage_points_lower(recovered, Fraction(90, 100), options) / 2, Fraction(2))
    return [authentication, recovery]


# ----------------------------------------------------------------------------------------------------------------------
# The document's items in order, with their points

AVAILABLE: dict[str, int] = {
    "1.1": 6,
    "1.2": 3,
    "1.3": 6,
    "1.4.1": 1,
    "1.4.2": 2,
    "1.4.3": 2,
    "1.4.4": 3,
    "1.4.5": 2,
    "2.1.1": 2,
    "2.1.2": 2,
    "2.2.1": 3,
    "2.2.2": 3,
    "2.2.3": 4,
    "2.2.4": 2,
    "2.2.5": 2,
    "2.2.6": 2,
    "3.1.1": 2,
    "3.1.2": 1,
    "3.1.3": 1,
    "3.2.1": 1,
    "3.2.2": 1,
    "3.2.3": 2,
    "3.2.4": 4,
    "3.2.5": 2,
    "3.2.6": 2,
    "3.3.1": 2,
    "3.3.2": 2,
    "3.3.R": 5,
    "4.1": 10,
    "4.2": 5,
    "5.1": 5,
    "5.2": 7,
    "5.3": 3,
}
"""The items that carry the 100 points. Clause 3.3.0 is a condition and has none."""

COMPUTED = ("1.4.3", "1.4.4", "1.4.5", "2.2.4", "2.2.5", "3.1.3", "3.2.3", "3.3.1", "3.3.2")
"""What the document states a target for."""

JUDGED = tuple(item for item in AVAILABLE if item not in COMPUTED)
"""What the document leaves to the assessors, and what of it is lost."""

BONUS = ("1.4.B", "3.4.B")
"""Bonus entries: no amount and no cap in the text."""


# ----------------------------------------------------------------------------------------------------------------------
# From findings to items


def computed_item(available: int, findings: list[Finding]) -> ItemResult:
    """An item worked out from figures: its points less everything taken off, never below 0."""
    whole = Fraction(available)
    known = sum((finding.loss for finding in findings if finding.loss is not None), Fraction(0))
    at_worst = known + sum((finding.worst for finding in findings if finding.loss is None), Fraction(0))
    high = round_half_up(clip(whole - known, whole))
    low = round_half_up(clip(whole - at_worst, whole))
    if any(finding.loss is None for finding in findings):
        return ItemResult(None, low, high, "missing", None)
    return ItemResult(high, high, high, "scored", high)


def mean_score(town: TownYear, item: str) -> Fraction | None:
    """The mean of the assessors' scores for an item, exact; None if there is no score."""
    scores: list[Decimal] = [row["score"] for row in town.rows.get("assessor_scores", []) if row["item"] == item]
    return Fraction(sum(scores, Decimal(0))) / len(scores) if scores else None


def judged_item(town: TownYear, item: str) -> ItemResult:
    """An item the assessors decide. Not yet judged is missing: anything from 0 to all of it."""
    available = Fraction(AVAILABLE[item])
    mean = mean_score(town, item)
    if mean is None:
        return ItemResult(None, Decimal(0), round_half_up(available), "missing", None)
    points = round_half_up(clip(mean, available))
    return ItemResult(points, points, points, "judged", points)


def bonus_item(town: TownYear, item: str) -> ItemResult:
    """A bonus: the mean of what the assessors entered. No entry is no bonus, and nothing is missing for it."""
    mean = mean_score(town, item)
    if mean is None:
        return ItemResult(Decimal(0), Decimal(0), Decimal(0), "not_applicable", Decimal(0))
    points = round_half_up(mean)
    return ItemResult(points, points, points, "judged", points)


def adjusted(town: TownYear, item: str, result: ItemResult) -> ItemResult:
    """``result``, or what replaced it on review. The latest decision holds; the old points are kept beside."""
    decisions = [row for row in town.rows.get("adjustments", []) if row["item"] == item]
    if not decisions:
        return result
    score = Fraction(max(decisions, key=lambda row: row["approved_on"])["score"])
    points = round_half_up(score if item in BONUS else clip(score, Fraction(AVAILABLE[item])))
    status = "scored" if item in COMPUTED else "judged"
    return ItemResult(points, points, points, status, result.points)


def items_of(town: TownYear, options: Options) -> dict[str, ItemResult]:
    """Every item of the document by its number, after adjustment."""
    findings = {
        "1.4.3": clause_1_4_3(town),
        "1.4.4": clause_1_4_4(town),
        "1.4.5": clause_1_4_5(town, options),
        "2.2.4": clause_2_2_4(town, options),
        "2.2.5": clause_2_2_5(town, options),
        "3.1.3": clause_3_1_3(town, options),
        "3.2.3": clause_3_2_3(town, options),
        "3.3.1": clause_3_3_1(town, options),
        "3.3.2": clause_3_3_2(town, options),
    }
    results = {item: computed_item(AVAILABLE[item], findings[item]) for item in COMPUTED}
    results |= {item: judged_item(town, item) for item in JUDGED}
    results |= {item: bonus_item(town, item) for item in BONUS}
    return {item: adjusted(town, item, result) for item, result in results.items()}


# ----------------------------------------------------------------------------------------------------------------------
# From items to totals, grades and ranks


def graded_total(points: Decimal, bonus: Decimal, options: Options) -> Decimal:
    """What is graded: the points with the bonus on top as far as ``bonus_cap`` lets it."""
    match options["bonus_cap"]:
        case "capped_100":
            return min(Decimal(100), points + bonus)
        case "uncapped":
            return points + bonus
        case "excluded":
            return points
    raise ValueError(f"bonus_cap: {options['bonus_cap']}")


def grade_of(total: Decimal, excellence_barred: bool, options: Options) -> str:
    """95 and over 优胜, 85 and over 合格, 75 and under 不合格, what is left 基本合格.

    A town barred from 优胜 by clause 3.3.0 gets the next grade.
    """
    match options["grade_gap"]:
        case "none":
            graded = Fraction(total)
        case "half_up":
            graded = Fraction(math.floor(Fraction(total) + Fraction(1, 2)))
        case other:
            raise ValueError(f"grade_gap: {other}")
    if graded >= 95 and not excellence_barred:
        return EXCELLENT
    if graded >= 85:
        return PASS
    if graded <= 75:
        return FAIL
    return BARELY


def town_result(town: TownYear, options: Options) -> TownResult:
    """One town's items, total and grade for one year; its rank is still None."""
    items = items_of(town, options)
    results = [items[item] for item in AVAILABLE]
    final = all(result.points is not None for result in results)
    low = sum((result.low for result in results), Decimal(0))
    high = sum((result.high for result in results), Decimal(0))
    bonus = sum((items[item].high for item in BONUS), Decimal(0))
    total_low, total_high = graded_total(low, bonus, options), graded_total(high, bonus, options)

    condition_met = condition_3_3_0(town)
    match options["headline"]:
        case "condition":
            surely_barred = possibly_barred = False
        case "no_excellence":
            surely_barred, possibly_barred = condition_met is False, condition_met is not True
        case other:
            raise ValueError(f"headline: {other}")
    grade_low = grade_of(total_low, possibly_barred, options)
    grade_high = grade_of(total_high, surely_barred, options)

    return TownResult(
        items=items,
        points=high if final else None,
        bonus=bonus,
        total=total_high if final else None,
        total_low=total_low,
        total_high=total_high,
        status="final" if final else "provisional",
        grade=grade_low if grade_low == grade_high else None,
        grade_low=grade_low,
        grade_high=grade_high,
        rank=None,
        condition_met=condition_met,
    )


Key = TypeVar("Key")


def competition_ranks(totals: Mapping[Key, Decimal]) -> dict[Key, int]:
    """1, 2, 2, 4: a rank is one more than the number of those with a higher total."""
    ranks: dict[Decimal, int] = {}
    ahead = 0
    for total, number in sorted(Counter(totals.values()).items(), reverse=True):
        ranks[total] = ahead + 1
        ahead += number
    return {key: ranks[total] for key, total in totals.items()}


def score(world: World, options: Options) -> dict[tuple[int, str], TownResult]:
    """Every town-year of ``world`` under one choice of option for each reading of ``OPTIONS``.

    Returns a result for each year and town valid in it. Raises KeyError if an interpretation is not chosen and
    ValueError if the choice is not one of its options.
    """
    cabinet: defaultdict[tuple[int, str], defaultdict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for source, rows in world.rows.items():
        for row in rows:
            cabinet[row["year"], row["town_id"]][source].append(row)

    renewal_rates = renewal_by_ledger(world)
    opinion: dict[tuple[int, str], TownResult] = {}
    for year in world.years:
        delivered = frozenset(source for source, its_year in world.delivered if its_year == year)
        results = {
            town_id: town_result(
                TownYear(dict(cabinet[year, town_id]), delivered, renewal_rates.get((year, town_id))), options
            )
            for town_id in world.towns_of(year)
        }
        ranks = competition_ranks({town: result.total for town, result in results.items() if result.total is not None})
        for town_id, result in results.items():
            opinion[year, town_id] = replace(result, rank=ranks.get(town_id))
    return opinion
