"""Worlds to compare scorers on: hypothesis draws a few choices and a seed, the seed unfolds into hundreds of towns.

A drawn world holds accepted rows only, so every check that blocks holds in it: keys are unique, no part exceeds its
whole where that is forbidden, no score exceeds its item. Within that it seeks out edges: nothing out of nothing,
everything, one short of the target, exactly on it, exactly a whole number of percentage points below and one person to
either side of that, 58 of 100, wholes up to 10^9 persons and 10^11 fen, means that fall on half a hundredth, totals on
and beside every grade boundary.

Each town-year has one of three characters: *on a boundary* (computed items full, judgements tuned to a total),
*reported* (every figure there) or *patchy* (rows, cells or judgements missing, or nothing to divide by).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import strategies as st

from second_opinion import AVAILABLE, BONUS, COMPUTED, JUDGED, OPTIONS, Row, World

Rows = dict[str, list[Row]]

SOURCES = (
    "pension_renewal",
    "benefit_authentication",
    "overpayment_recovery",
    "online_filing",
    "business_ledger",
    "reconciliation",
    "information_accuracy",
    "staffing",
    "activities",
    "publicity",
    "statistical_reports",
    "insurance_expansion",
    "retiree_management",
    "citizen_card",
    "assessor_scores",
    "adjustments",
)
"""Every source a score or an indicator beside it rests on."""

INSURANCE = ("养老", "医疗", "失业", "工伤", "生育")
CELLS = tuple((month, insurance) for month in range(1, 13) for insurance in INSURANCE)
COUNTERPARTIES = ("社保", "财政", "银行")
CHECKS = tuple((month, counterparty) for month in range(1, 13) for counterparty in COUNTERPARTIES)

BOUNDARIES = tuple(
    Decimal(points * 100 + hundredths).scaleb(-2)
    for points in (75, 76, 85, 95)
    for hundredths in (-51, -50, -49, -1, 0, 1, 49, 50, 51)
)
"""Totals on and beside the limits of the grades, rounded to whole points first or not."""


# ----------------------------------------------------------------------------------------------------------------------
# Edges of figures


def whole_of(random: Random) -> int:
    """Draw a denominator of 1 to 10^9; 400 and 20,000 are there because their parts score on half a hundredth."""
    usual = (1, 2, 3, 7, 50, 99, 100, 101, 200, 400, 10_000, 20_000, 999_983, 10**9 - 1, 10**9)
    return random.choice((*usual, random.randint(1, 500), random.randint(1, 10**9)))


def part_of(random: Random, whole: int, targets: tuple[Fraction, ...]) -> int:
    """Draw a numerator of 0 to ``whole``: mostly on, beside or whole percentage points below one of ``targets``.

    Also parts of a point below it, where exact scoring comes out on half a hundredth.
    """
    target = random.choice(targets)
    parts_of_a_point = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 100), Fraction(1, 200), Fraction(3, 200))
    aim = whole * (target - Fraction(random.choice((0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 42, *parts_of_a_point)), 100))
    somewhat_below = math.floor(whole * (target - Fraction(5, 100)))
    part = random.choice(
        (
            math.floor(aim),
            math.ceil(aim),
            math.floor(aim) - 1,
            math.ceil(aim) + 1,
            random.randint(somewhat_below, whole),
            random.randint(somewhat_below, whole),
            random.choice((0, 1, whole - 1, whole, random.randint(0, whole))),
        )
    )
    return max(0, min(part, whole))


def pair_of(random: Random, *targets: Fraction) -> tuple[int, int]:
    """Draw (part, whole), one time in twelve 58 of 100."""
    if random.random() < 1 / 12:
        return 58, 100
    whole = whole_of(random)
    return part_of(random, whole, targets), whole


def split(random: Random, part: int, whole: int, pieces: int) -> list[tuple[int, int]]:
    """Pairs that add up to (part, whole), no piece above its own whole."""
    cuts = sorted(random.randint(0, whole) for _ in range(pieces - 1))
    wholes = [high - low for low, high in zip([0, *cuts], [*cuts, whole], strict=True)]
    pairs = []
    for size in wholes:
        taken = min(size, part)
        pairs.append((taken, size))
        part -= taken
    return pairs


def yuan(fen: int) -> Decimal:
    """Turn whole fen into yuan with two decimals."""
    return Decimal(fen).scaleb(-2)


# ----------------------------------------------------------------------------------------------------------------------
# One town-year


class TownSheet:
    """The rows one town files for one year; everything random about them comes from ``random``."""

    def __init__(self, random: Random, year: int, town_id: str) -> None:
        self.random = random
        self.year = year
        self.town_id = town_id
        self.rows: Rows = {}

    def file(self, source: str, **cells: object) -> None:
        """Add one row to ``source``."""
        self.rows.setdefault(source, []).append(
            {"year": self.year, "town": self.town_id, "town_id": self.town_id, **cells}
        )

    def file_activities(self, kind: str, count: int) -> None:
        """Add ``count`` entries of ``kind`` to the activity log."""
        for number in range(1, count + 1):
            held_on = date(self.year, 1 + number % 12, number % 28 + 1)
            self.file("activities", kind=kind, held_on=held_on, title=f"{kind} {number}", evidence=None)

    def file_cell_on_time(self, month: int, insurance: str, days_early: int) -> None:
        """Add a ledger and summary filed ``days_early`` days before they were due."""
        due_on = date(self.year, month, 15)
        self.file(
            "business_ledger",
            month=month,
            insurance=insurance,
            due_on=due_on,
            filed_on=due_on - timedelta(days=days_early),
            has_ledger=True,
            has_summary=True,
        )

    def file_score(self, item: str, score: Decimal, assessor: str) -> None:
        """Add one assessor's score."""
        self.file(
            "assessor_scores",
            item=item,
            score=score,
            reason=None,
            evidence=None,
            assessor=assessor,
            assessed_on=date(self.year + 1, 1, 20),
        )

    def file_adjustment(self, item: str, score: Decimal, approved_on: date) -> None:
        """Add a decision that replaces an item's score."""
        self.file(
            "adjustments",
            item=item,
            score=score,
            reason="复核",
            approved_by="复核组",
            approved_on=approved_on,
        )

    # Figures ----------------------------------------------------------------------------------------------------------

    def file_full_figures(self) -> None:
        """File figures that lose nothing, ledgers and the renewal condition apart."""
        self.file("benefit_authentication", due=1000, certified=1000)
        self.file("overpayment_recovery", overpaid_yuan=yuan(100_000), recovered_yuan=yuan(90_000))
        self.file("online_filing", month=1, insured_units=80, online_units=80)
        self.file(
            "reconciliation",
            month=1,
            counterparty="银行",
            persons_checked=500,
            persons_matched=500,
            payments_checked=600,
            payments_matched=600,
        )
        self.file("information_accuracy", checked=1000, correct=990)
        self.file("staffing", full_time_staff=2, persons_served=12_000)
        self.file("publicity", has_window=True, has_briefing=False)
        self.file_activities("培训", 3)
        self.file_activities("信息稿件", 4)
        self.file_activities("分析材料", 2)

    def file_full_ledger(self) -> None:
        """File all 60 ledger cells on time, some on the very day."""
        for month, insurance in CELLS:
            self.file_cell_on_time(month, insurance, days_early=month % 3)

    def file_edge_figures(self) -> None:
        """File every computed item's figures, at or near an edge, none of them missing."""
        random = self.random
        certified, due = pair_of(random, Fraction(1))
        self.file("benefit_authentication", due=due, certified=certified)

        overpaid = whole_of(random) * random.choice((0, 1, 100))
        recovered = part_of(random, overpaid, (Fraction(9, 10),))
        self.file("overpayment_recovery", overpaid_yuan=yuan(overpaid), recovered_yuan=yuan(recovered))

        online, insured = pair_of(random, Fraction(9, 10), Fraction(7, 10), Fraction(5, 10), Fraction(1))
        months = random.choice((1, 2, 3, 12))
        for month, (filing, employers) in enumerate(split(random, online, insured, months), start=1):
            self.file("online_filing", month=month, insured_units=employers, online_units=filing)
        if months < 12 and random.random() < 0.3:
            insured_only, online_only = (50, None), (None, 50)
            whole, part = random.choice((insured_only, online_only))
            self.file("online_filing", month=months + 1, insured_units=whole, online_units=part)

        matched, checked = pair_of(random, Fraction(1))
        rows = random.choice((1, 1, 1, 2, 2, 3, 4, 35)) if random.random() < 0.5 else 1
        pairs = split(random, matched, checked, 2 * rows)
        for number, (month, counterparty) in enumerate(CHECKS[:rows]):
            persons, payments = pairs[2 * number], pairs[2 * number + 1]
            self.file(
                "reconciliation",
                month=month,
                counterparty=counterparty,
                persons_checked=persons[1],
                persons_matched=persons[0],
                payments_checked=payments[1],
                payments_matched=payments[0],
            )
        if random.random() < 0.2:
            self.file(
                "reconciliation",
                month=12,
                counterparty="银行",
                persons_checked=900,
                persons_matched=None,
                payments_checked=random.choice((None, 700)),
                payments_matched=random.choice((None, 699)),
            )

        correct, checked = pair_of(random, Fraction(99, 100))
        self.file("information_accuracy", checked=checked, correct=correct)

        staff = random.choice((0, 1, 2, 3, 7, 10, 199, random.randint(1, 10**5)))
        served = random.choice(
            (0, staff * 6000, staff * 6000 + 1, max(0, staff * 6000 - 1), 1_200_000, whole_of(random), staff * 12_000)
        )
        self.file("staffing", full_time_staff=staff, persons_served=served)

        window, briefing = random.choice(((True, True), (True, False), (False, True), (False, False), (None, True)))
        self.file("publicity", has_window=window, has_briefing=briefing)
        self.file_activities("培训", random.choice((0, 1, 2, 3, 3, 4)))
        self.file_activities("信息稿件", random.choice((0, 1, 2, 3, 4, 4, 5)))
        self.file_activities("分析材料", random.choice((0, 1, 2, 2, 3)))
        self.file_activities("会议", random.choice((0, 1, 2)))
        self.file_edge_ledger()

    def file_edge_ledger(self) -> None:
        """File some ledger cells on time and a few that miss it, each in its own way."""
        random = self.random
        on_time = random.choice((60, 60, 59, 58, random.randint(0, 57), 0, 1, 2, 3, 4, 5, 7, 9, 11))
        cells = random.sample(CELLS, 60)
        for month, insurance in cells[:on_time]:
            self.file_cell_on_time(month, insurance, days_early=random.choice((0, 0, 1, 9)))
        for month, insurance in cells[on_time : on_time + random.choice((0, 1, 4))]:
            due_on = date(self.year, month, 15)
            cell = {"due_on": due_on, "filed_on": due_on, "has_ledger": True, "has_summary": True}
            fault = random.choice(
                (
                    {"filed_on": due_on + timedelta(days=1)},
                    {"filed_on": None},
                    {"due_on": None},
                    {"has_ledger": random.choice((False, None))},
                    {"has_summary": random.choice((False, None))},
                )
            )
            self.file("business_ledger", month=month, insurance=insurance, **{**cell, **fault})

    def file_condition(self) -> None:
        """File the renewal condition: met, just missed, or not to be decided."""
        random = self.random
        renewed, due = pair_of(random, Fraction(95, 100))
        task = whole_of(random)
        done = max(0, task + random.choice((-1, 0, 0, 0, 1, task)))
        cells: dict[str, int | None] = {"due": due, "renewed": renewed, "task": task, "done": done}
        if random.random() < 0.3:
            cells |= {"due": 100, "renewed": 100}
        match random.choice(("reported",) * 6 + ("blank", "nothing due", "no task", "no row")):
            case "blank":
                cells[random.choice(tuple(cells))] = None
            case "nothing due":
                cells |= {"due": 0, "renewed": 0}
            case "no task":
                cells["task"] = 0
            case "no row":
                return
        self.file("pension_renewal", **cells)

    def file_indicators_shown(self) -> None:
        """File what is only shown beside judged items; no score may move for it."""
        random = self.random
        for number in range(random.choice((0, 1, 3))):
            due_on = random.choice((None, date(self.year, 4, 10)))
            filed_on = random.choice((None, date(self.year, 4, 10), date(self.year, 4, 11)))
            self.file(
                "statistical_reports",
                report=f"报表{number}",
                period="第一季度",
                due_on=due_on,
                filed_on=filed_on,
                errors=random.choice((None, 0, 2)),
            )
        self.file("insurance_expansion", task=random.choice((0, None, 300)), done=random.randint(0, 600))
        managed, retirees = pair_of(random, Fraction(1))
        self.file("retiree_management", retirees=retirees, managed=managed)
        on_time, applications = pair_of(random, Fraction(1))
        self.file(
            "citizen_card", entitled=100, holders=random.choice((None, 120)), applications=applications, on_time=on_time
        )

    # Judgements -------------------------------------------------------------------------------------------------------

    def judge_to(self, lost: Decimal) -> None:
        """Judge every judged item so that exactly ``lost`` points go, as far as they reach."""
        random = self.random
        cents_left = int(lost * 100)
        cents = {item: AVAILABLE[item] * 100 for item in JUDGED}
        for greedy in (False, True):
            for item in random.sample(JUDGED, len(JUDGED)):
                taken = min(cents[item], cents_left)
                taken = taken if greedy else random.randint(0, taken)
                cents[item] -= taken
                cents_left -= taken
        for item, score in cents.items():
            apart = random.choice((0, 0, min(score, AVAILABLE[item] * 100 - score, random.randint(0, 150))))
            scores = (score - apart, score + apart) if apart else (score,)
            for assessor, each in zip("甲乙", scores, strict=False):
                self.file_score(item, yuan(each), f"考核员{assessor}")

    def judge_freely(self) -> None:
        """Judge every judged item, one to three assessors each, with scores of no, one or two decimals."""
        random = self.random
        least = random.choice((0, 50, 80, 95))
        for item in JUDGED:
            available = AVAILABLE[item] * 100
            for assessor in "甲乙丙"[: random.choice((1, 1, 2, 3))]:
                step = random.choice((1, 10, 50, 100))
                score = random.randint(available * least // 100, available) // step * step
                self.file_score(item, yuan(score), f"考核员{assessor}")

    def enter_bonus(self) -> None:
        """Enter bonuses now and then, large ones too, by one to three assessors."""
        random = self.random
        for item in BONUS:
            if random.random() < 0.3:
                for assessor in "甲乙丙"[: random.choice((1, 2, 3))]:
                    self.file_score(item, yuan(random.choice((0, 1, 50, 100, 333, 700))), f"考核员{assessor}")

    def adjust(self, items: Iterable[str]) -> None:
        """Replace the scores of ``items``, each by one to three decisions filed in any order."""
        random = self.random
        for item in items:
            most = AVAILABLE.get(item, 3) * 100
            days = random.sample(range(60), random.choice((1, 1, 2, 3)))
            for day in days:
                score = random.choice((0, most, random.randint(0, most), random.randint(0, most) // 50 * 50))
                self.file_adjustment(item, yuan(score), date(self.year + 1, 3, 1) + timedelta(days=day))

    # Characters -------------------------------------------------------------------------------------------------------

    def be_on_boundary(self) -> None:
        """Full computed items, judgements tuned so that the points fall on or beside a grade boundary."""
        random = self.random
        self.file_full_figures()
        computed = sum(AVAILABLE[item] for item in COMPUTED)
        if random.random() < 0.25:
            self.file_full_ledger()
        else:
            computed -= AVAILABLE["2.2.4"]
        most = sum(AVAILABLE[item] for item in JUDGED) + computed
        self.judge_to(max(Decimal(0), most - random.choice(BOUNDARIES)))
        if random.random() < 0.2:
            self.leave_unjudged(random.sample(JUDGED, 1))

    def be_reported(self) -> None:
        """Every figure there, at an edge; now and then a score replaced."""
        random = self.random
        self.file_edge_figures()
        self.judge_freely()
        if random.random() < 0.4:
            self.adjust(random.sample((*COMPUTED, *JUDGED, *BONUS), random.choice((1, 2))))

    def be_patchy(self) -> None:
        """Like reported, then spoilt in one place, in a few, or everywhere; at times mended by an adjustment."""
        random = self.random
        self.be_reported()
        for source in random.sample(SOURCES, random.choice((1, 1, 1, 2, 4, len(SOURCES)))):
            self.spoil(source)
        if random.random() < 0.4:
            unjudged = random.sample(JUDGED, random.choice((1, 1, 2)))
            self.leave_unjudged(unjudged)
            if random.random() < 0.5:
                self.adjust(unjudged)

    def leave_unjudged(self, items: Iterable[str]) -> None:
        """Take the assessors' scores of ``items`` out again, and any decision on them."""
        left_out = set(items)
        for source in ("assessor_scores", "adjustments"):
            self.rows[source] = [row for row in self.rows.get(source, []) if row["item"] not in left_out]

    def spoil(self, source: str) -> None:
        """Drop the rows of ``source``, blank some of its cells or leave nothing to divide by."""
        random = self.random
        figures = {
            "pension_renewal": ("due", "renewed", "task", "done"),
            "benefit_authentication": ("due", "certified"),
            "overpayment_recovery": ("overpaid_yuan", "recovered_yuan"),
            "online_filing": ("insured_units", "online_units"),
            "reconciliation": ("persons_checked", "persons_matched", "payments_checked", "payments_matched"),
            "information_accuracy": ("checked", "correct"),
            "staffing": ("full_time_staff", "persons_served"),
            "publicity": ("has_window", "has_briefing"),
        }.get(source, ())
        rows = self.rows.get(source, [])
        fault = random.choice(("no rows", "blank cells", "zeros", "blank column")) if figures else "no rows"
        blank = random.choice(figures) if figures else ""
        match fault:
            case "no rows":
                self.rows[source] = []
            case "blank cells":
                for row in rows:
                    row.update((cell, None) for cell in figures if random.random() < 0.5)
            case "blank column":
                for row in rows:
                    row[blank] = None
            case "zeros":
                for row in rows:
                    row.update((cell, type(row[cell])(0)) for cell in figures if row[cell] is not None)


# ----------------------------------------------------------------------------------------------------------------------
# Worlds


def flawless_sheet(year: int, town_id: str, lost: Decimal = Decimal(0)) -> Rows:
    """Rows of a town that loses nothing but ``lost`` judged points: no bonus, the condition met."""
    sheet = TownSheet(Random(0), year, town_id)
    sheet.file_full_figures()
    sheet.file_full_ledger()
    sheet.file("pension_renewal", due=100, renewed=95, task=400, done=400)
    sheet.judge_to(lost)
    return sheet.rows


def drawn_sheet(random: Random, year: int, town_id: str, patchy: float) -> Rows:
    """Rows of a town-year of any of the three characters, patchy with probability ``patchy``."""
    sheet = TownSheet(random, year, town_id)
    sheet.file_condition()
    sheet.file_indicators_shown()
    if random.random() < patchy:
        sheet.be_patchy()
    elif random.random() < 0.4:
        sheet.be_on_boundary()
    else:
        sheet.be_reported()
    sheet.enter_bonus()
    return sheet.rows


def add_rows(rows: Rows, more: Rows) -> None:
    """Add ``more`` to ``rows``, source by source."""
    for source, its_rows in more.items():
        rows.setdefault(source, []).extend(its_rows)


def drawn_register(random: Random, years: list[int], town_years: int) -> list[tuple[str, int | None, int | None]]:
    """Draw towns until they make ``town_years`` or a little more; some are there in some years only, some renamed."""
    towns: list[tuple[str, int | None, int | None]] = []
    found = 0
    while found < town_years:
        town_id = f"T{len(towns):04}"
        turn = random.choice(years)
        match random.choice(("always",) * 6 + ("from", "until", "within", "renamed")):
            case "from":
                towns.append((town_id, turn, None))
                found += sum(year >= turn for year in years)
            case "until":
                towns.append((town_id, None, turn))
                found += sum(year <= turn for year in years)
            case "within":
                towns.append((town_id, turn, turn))
                found += 1
            case "renamed":
                towns += [(town_id, None, turn - 1), (town_id, turn, None)]
                found += len(years)
            case _:
                towns.append((town_id, None, None))
                found += len(years)
    return towns


@dataclass(frozen=True)
class Recipe:
    """The few choices hypothesis makes, and shows when a test fails; the same recipe always makes the same world.

    Attributes:
        seed: decides everything the other choices leave open.
        years: how many, from 2013 on.
        undelivered: sources with the position of the year they did not arrive for; positions past the last year count
            for nothing.
        patchy: the share of town-years with something missing.
        town_years: how many there are at least.
    """

    seed: int
    years: int
    undelivered: tuple[tuple[str, int], ...]
    patchy: float
    town_years: int

    def world(self) -> World:
        """Unfold the world this recipe stands for."""
        random = Random(self.seed)
        years = [2013 + position for position in range(self.years)]
        absent = {(source, 2013 + position) for source, position in self.undelivered}
        world = World(
            towns=drawn_register(random, years, self.town_years),
            years=years,
            rows={source: [] for source in SOURCES},
            delivered={(source, year) for source in SOURCES for year in years} - absent,
        )
        for year in years:
            for town_id in world.towns_of(year):
                sheet = drawn_sheet(random, year, town_id, self.patchy)
                add_rows(world.rows, {source: sheet[source] for source in sheet if (source, year) in world.delivered})
        if random.random() < 0.5:
            keep_ledger(random, world)
        return world


def keep_ledger(random: Random, world: World) -> None:
    """Add ledgers of contributions and registers of exits: people pay, move, pay twice, stop, leave or come back."""
    for year in world.years:
        for source in ("contributions", "pension_exits"):
            if random.random() < 0.85:
                world.delivered.add((source, year))
    of_town: dict[str, list[str]] = {}
    for year in world.years:
        towns = world.towns_of(year)
        for town_id in towns:
            if town_id not in of_town:
                people = random.choice((0, 1, 2, 20, 20, 20, 40))
                of_town[town_id] = [f"{town_id}-{number}" for number in range(people)]
            faithful = random.choice((1, 0.97, 0.95, 0.9, 0.5))
            for person in of_town[town_id]:
                pays, leaves = random.random() < faithful, random.random() < 0.05
                where = [town_id] if random.random() < 0.95 else random.choice(([random.choice(towns)], towns[:2]))
                for place in where if pays else ():
                    for month in random.choice(((3,), (3,), (3, 9))):
                        row = {"year": year, "town": place, "town_id": place, "person_id": person}
                        row |= {"paid_on": date(year, month, 1), "amount_yuan": yuan(50_000)}
                        if ("contributions", year) in world.delivered:
                            world.rows.setdefault("contributions", []).append(row)
                if (leaves or (not pays and random.random() < 0.5)) and ("pension_exits", year) in world.delivered:
                    row = {"year": year, "town": town_id, "town_id": town_id, "person_id": person}
                    row |= {"reason": random.choice(("死亡", "转出", "领取待遇")), "exited_on": None}
                    world.rows.setdefault("pension_exits", []).append(row)


def recipes(town_years: int, family: int = 0) -> st.SearchStrategy[Recipe]:
    """Recipes for at least ``town_years`` town-years; two families never share a seed."""
    return st.builds(
        Recipe,
        seed=st.integers(family * 2**32, (family + 1) * 2**32 - 1),
        years=st.integers(1, 4),
        undelivered=st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(0, 3)), max_size=3).map(tuple),
        patchy=st.sampled_from((0.3, 0.1, 0.7)),
        town_years=st.just(town_years),
    )


def readings() -> st.SearchStrategy[dict[str, str]]:
    """One option for each of the readings the rubric leaves open."""
    return st.fixed_dictionaries({question: st.sampled_from(options) for question, options in OPTIONS.items()})


# ----------------------------------------------------------------------------------------------------------------------
# Variations of a world


def copied(world: World) -> World:
    """Copy ``world`` with rows of its own."""
    return World(
        towns=list(world.towns),
        years=list(world.years),
        rows={source: [dict(row) for row in rows] for source, rows in world.rows.items()},
        delivered=set(world.delivered),
    )


def shuffled(world: World, seed: int) -> World:
    """Put the same towns and rows in another order."""
    random = Random(seed)
    other = copied(world)
    random.shuffle(other.towns)
    random.shuffle(other.years)
    for rows in other.rows.values():
        random.shuffle(rows)
    return other


def with_newcomer(world: World, seed: int) -> tuple[World, str]:
    """Add one town, in every year and with every source that was delivered; returns the world and the town's id."""
    random = Random(seed)
    other = copied(world)
    newcomer = "T-new"
    other.towns.insert(random.randint(0, len(other.towns)), (newcomer, None, None))
    for year in other.years:
        sheet = drawn_sheet(random, year, newcomer, patchy=0.3)
        add_rows(other.rows, {source: sheet[source] for source in sheet if (source, year) in other.delivered})
    return other, newcomer


PARTS = (
    ("pension_renewal", "renewed", "due"),
    ("benefit_authentication", "certified", "due"),
    ("overpayment_recovery", "recovered_yuan", "overpaid_yuan"),
    ("online_filing", "online_units", "insured_units"),
    ("reconciliation", "persons_matched", "persons_checked"),
    ("reconciliation", "payments_matched", "payments_checked"),
    ("information_accuracy", "correct", "checked"),
)
"""Figures of which more is better, up to a limit: source, figure, limit."""


def better_figure(random: Random, sheet: Rows, delivered: set[str], year: int, town_id: str) -> str | None:
    """Improve one figure of one town-year in place; returns which, or None if what was tried could not be better."""
    others = ("done", "staff", "served", "activity", "publicity", "ledger", "judgement", "adjustment")
    choice = random.choice((*PARTS, *others))
    filed = TownSheet(random, year, town_id)
    filed.rows = sheet
    if isinstance(choice, tuple):
        source, part, whole = choice
        open_rows = [
            row
            for row in sheet.get(source, [])
            if row[part] is not None and row[whole] is not None and row[part] < row[whole]
        ]
        if not open_rows:
            return None
        row = random.choice(open_rows)
        smallest = Decimal("0.01") if part.endswith("_yuan") else 1
        row[part] = random.choice((row[part] + smallest, row[whole]))
        return f"{source}.{part}"
    figure = {
        "done": ("pension_renewal", "done", 1),
        "staff": ("staffing", "full_time_staff", 1),
        "served": ("staffing", "persons_served", -1),
    }.get(choice)
    if figure:
        source, column, step = figure
        row = next(iter(sheet.get(source, [])), {})
        if row.get(column) is None or row[column] + step < 0:
            return None
        row[column] += step
        return f"{source}.{column}"
    match choice:
        case "activity" if "activities" in delivered:
            kind = random.choice(("培训", "信息稿件", "分析材料"))
            held_on = date(year, 12, 31)
            filed.file("activities", kind=kind, held_on=held_on, title="又一项", evidence=None)
            return f"activities.{kind}"
        case "publicity":
            row = next(iter(sheet.get("publicity", [])), {})
            if row.get("has_briefing") is not False:
                return None
            row["has_briefing"] = True
            return "publicity.has_briefing"
        case "ledger" if "business_ledger" in delivered:
            month, insurance = random.choice(CELLS)
            sheet["business_ledger"] = [
                row
                for row in sheet.get("business_ledger", [])
                if (row["month"], row["insurance"]) != (month, insurance)
            ]
            filed.file_cell_on_time(month, insurance, days_early=0)
            return "business_ledger"
        case "judgement" | "adjustment":
            source = {"judgement": "assessor_scores", "adjustment": "adjustments"}[choice]
            row = random.choice(sheet.get(source) or [{}])
            if not row or row["score"] + Decimal("0.01") > AVAILABLE.get(row["item"], 100):
                return None
            row["score"] += Decimal("0.01")
            return f"{source}.score"
    return None


def improved(world: World, seed: int) -> tuple[World, dict[tuple[int, str], str]]:
    """Improve one figure of every town-year that has one to improve; returns the world and which figure it was."""
    random = Random(seed)
    sheets: dict[tuple[int, str], Rows] = {(year, town): {} for year in world.years for town in world.towns_of(year)}
    for source, rows in world.rows.items():
        for row in rows:
            sheets[row["year"], row["town_id"]].setdefault(source, []).append(dict(row))
    what: dict[tuple[int, str], str] = {}
    better = World(list(world.towns), list(world.years), {source: [] for source in SOURCES}, set(world.delivered))
    for (year, town_id), sheet in sheets.items():
        delivered = {source for source in SOURCES if (source, year) in world.delivered}
        for _ in range(10):
            figure = better_figure(random, sheet, delivered, year, town_id)
            if figure:
                what[year, town_id] = figure
                break
        add_rows(better.rows, sheet)
    return better, what
