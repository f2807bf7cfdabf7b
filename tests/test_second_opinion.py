"""The second opinion's own cases, each worked out by hand from the rubric."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from drawn_worlds import CELLS, SOURCES, flawless_sheet
from second_opinion import (
    AVAILABLE,
    BONUS,
    DEFAULTS,
    JUDGED,
    OPTIONS,
    ItemResult,
    Row,
    TownResult,
    World,
    competition_ranks,
    percentage_points_lower,
    round_half_up,
    score,
)

YEAR, TOWN = 2013, "T0001"


def opinion(
    options: dict[str, str] | None = None, undelivered: tuple[str, ...] = (), **replaced: list[dict[str, Any]]
) -> TownResult:
    """A town that loses nothing, but for the sources ``replaced`` or ``undelivered``, scored under ``options``."""
    rows = flawless_sheet(YEAR, TOWN)
    for source, cells in replaced.items():
        rows[source] = [{"year": YEAR, "town_id": TOWN, **row} for row in cells]
    for source in undelivered:
        rows[source] = []
    delivered = {(source, YEAR) for source in SOURCES if source not in undelivered}
    world = World([(TOWN, None, None)], [YEAR], rows, delivered)
    return score(world, DEFAULTS | (options or {}))[YEAR, TOWN]


def scores(**items: str | tuple[str, ...]) -> list[Row]:
    """Assessor scores of a flawless town, those of ``items`` (``i_4_1`` for 4.1) replaced by the ones given."""
    given = {name.removeprefix("i_").replace("_", "."): value for name, value in items.items()}
    rows = [row for row in flawless_sheet(YEAR, TOWN)["assessor_scores"] if row["item"] not in given]
    for item, value in given.items():
        for number, each in enumerate((value,) if isinstance(value, str) else value):
            rows.append({"item": item, "score": Decimal(each), "assessor": f"考核员{number}"})
    return rows


def points(result: ItemResult) -> str | None:
    """Points as text, so that no comparison is by approximation."""
    return None if result.points is None else f"{result.points:.2f}"


def spread(result: ItemResult) -> tuple[str, str, str]:
    """Status, low and high."""
    return result.status, f"{result.low:.2f}", f"{result.high:.2f}"


# ----------------------------------------------------------------------------------------------------------------------
# The document


def test_the_items_add_up_as_the_document_says() -> None:
    def area(prefix: str) -> int:
        return sum(available for item, available in AVAILABLE.items() if item.startswith(prefix))

    assert [area(prefix) for prefix in ("1.", "2.", "3.", "4.", "5.")] == [25, 20, 25, 15, 15]
    assert [area(prefix) for prefix in ("1.4", "2.1", "2.2", "3.1", "3.2", "3.3")] == [10, 4, 16, 4, 12, 9]
    assert sum(AVAILABLE[item] for item in ("1.1", "1.2", "1.3", "3.3.R", "4.1", "4.2", "5.1", "5.2", "5.3")) == 50


def test_a_flawless_town_has_100_points() -> None:
    result = opinion()
    assert (result.points, result.total, result.grade, result.rank) == (100, 100, "优胜", 1)
    assert result.status == "final"
    assert result.condition_met is True


# ----------------------------------------------------------------------------------------------------------------------
# Arithmetic


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        (Fraction(1, 3), "0.33"),
        (Fraction(2, 3), "0.67"),
        (Fraction(5, 1000), "0.01"),
        (Fraction(4999, 1000000), "0.00"),
        (Fraction(1005, 1000), "1.01"),
        (Fraction(2675, 1000), "2.68"),
        (Fraction(1985, 1000), "1.99"),
        (Fraction(19849999, 10000000), "1.98"),
    ],
)
def test_points_are_rounded_half_up(exact: Fraction, rounded: str) -> None:
    assert str(round_half_up(exact)) == rounded


def test_competition_ranks() -> None:
    totals = {"a": Decimal(90), "b": Decimal("95.5"), "c": Decimal(90), "d": Decimal(80)}
    assert competition_ranks(totals) == {"b": 1, "a": 2, "c": 2, "d": 4}


# ----------------------------------------------------------------------------------------------------------------------
# Counted activities


def activities(**counts: int) -> list[dict[str, Any]]:
    """Log entries, so many of each kind."""
    return [{"kind": kind, "title": str(number)} for kind, count in counts.items() for number in range(count)]


@pytest.mark.parametrize(("sessions", "expected"), [(0, "0.00"), (1, "0.00"), (2, "1.00"), (3, "2.00"), (9, "2.00")])
def test_training_sessions(sessions: int, expected: str) -> None:
    assert points(opinion(activities=activities(培训=sessions)).items["1.4.3"]) == expected


def test_without_rows_the_log_counts_as_none_held_and_undelivered_as_missing() -> None:
    nothing = opinion(activities=[]).items
    assert (points(nothing["1.4.3"]), points(nothing["1.4.5"])) == ("0.00", "0.00")
    unknown = opinion(undelivered=("activities",)).items
    assert spread(unknown["1.4.3"]) == ("missing", "0.00", "2.00")
    assert spread(unknown["1.4.5"]) == ("missing", "0.00", "2.00")


@pytest.mark.parametrize(
    ("window", "briefing", "articles", "expected"),
    [
        (True, False, 4, "3.00"),
        (False, True, 4, "3.00"),
        (None, True, 4, "3.00"),
        (False, False, 4, "2.00"),
        (False, False, 3, "1.50"),
        (True, True, 3, "2.50"),
        (True, True, 0, "1.00"),
        (False, False, 0, "0.00"),
    ],
)
def test_publicity_and_articles_share_one_pool(
    window: bool | None, briefing: bool, articles: int, expected: str
) -> None:
    publicity = [{"has_window": window, "has_briefing": briefing}]
    assert points(opinion(publicity=publicity, activities=activities(信息稿件=articles)).items["1.4.4"]) == expected


def test_half_of_the_publicity_pool_known() -> None:
    unknown = [{"has_window": False, "has_briefing": None}]
    partly = opinion(publicity=unknown, activities=activities(信息稿件=3)).items["1.4.4"]
    assert spread(partly) == ("missing", "1.50", "2.50")
    no_log = opinion(undelivered=("activities",)).items["1.4.4"]
    assert spread(no_log) == ("missing", "1.00", "3.00")


@pytest.mark.parametrize(
    ("analyses", "linear", "all_or_nothing"),
    [(0, "0.00", "0.00"), (1, "1.00", "0.00"), (2, "2.00", "2.00"), (3, "2.00", "2.00")],
)
def test_analyses(analyses: int, linear: str, all_or_nothing: str) -> None:
    log = activities(分析材料=analyses)
    assert points(opinion(activities=log).items["1.4.5"]) == linear
    assert points(opinion({"count_short": "all_or_nothing"}, activities=log).items["1.4.5"]) == all_or_nothing


# ----------------------------------------------------------------------------------------------------------------------
# Ledgers, filing, staff


def ledger(on_time: int, **fault: Any) -> list[dict[str, Any]]:
    """So many cells on time; the others with ``fault``, or absent where there is none."""
    good = {"due_on": date(2013, 5, 10), "filed_on": date(2013, 5, 10), "has_ledger": True, "has_summary": True}
    rows = [{"month": month, "insurance": insurance, **good} for month, insurance in CELLS]
    return rows[:on_time] + [{**row, **fault} for row in rows[on_time:] if fault]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"filed_on": date(2013, 5, 11)},
        {"filed_on": None},
        {"due_on": None},
        {"has_ledger": False},
        {"has_summary": None},
    ],
)
def test_sixty_ledger_cells_are_owed(fault: dict[str, Any]) -> None:
    some = ledger(29, **fault)  # 2 × 29/60 = 0.9666…
    assert points(opinion(business_ledger=some).items["2.2.4"]) == "0.97"
    assert points(opinion({"count_short": "all_or_nothing"}, business_ledger=some).items["2.2.4"]) == "0.00"


def test_ledger_ends() -> None:
    all_or_nothing = {"count_short": "all_or_nothing"}
    assert points(opinion(business_ledger=ledger(59)).items["2.2.4"]) == "1.97"
    assert points(opinion(all_or_nothing, business_ledger=ledger(59)).items["2.2.4"]) == "0.00"
    assert points(opinion(all_or_nothing, business_ledger=ledger(60)).items["2.2.4"]) == "2.00"
    assert points(opinion(business_ledger=[]).items["2.2.4"]) == "0.00"
    assert spread(opinion(undelivered=("business_ledger",)).items["2.2.4"]) == ("missing", "0.00", "2.00")


@pytest.mark.parametrize(
    ("online", "insured", "proportional", "tiers"),
    [
        (900, 1000, "1.80", "2.00"),
        (899, 1000, "1.80", "1.50"),  # 1.798
        (699, 1000, "1.40", "1.00"),
        (7 * 10**8, 10**9, "1.40", "1.50"),
        (7 * 10**8 - 1, 10**9, "1.40", "1.00"),
        (1, 2, "1.00", "1.00"),
        (499, 1000, "1.00", "0.00"),
        (201, 400, "1.01", "1.00"),  # 1.005, a tie
        (0, 5, "0.00", "0.00"),
    ],
)
def test_online_filing(online: int, insured: int, proportional: str, tiers: str) -> None:
    filed = [{"month": 1, "insured_units": insured, "online_units": online}]
    assert points(opinion(online_filing=filed).items["2.2.5"]) == proportional
    assert points(opinion({"online_filing": "tiers"}, online_filing=filed).items["2.2.5"]) == tiers


def test_online_filing_is_the_ratio_of_sums_over_the_months_reported() -> None:
    filed = [
        {"month": 1, "insured_units": 10, "online_units": 10},
        {"month": 2, "insured_units": 90, "online_units": 30},
        {"month": 3, "insured_units": 90, "online_units": None},
        {"month": 4, "insured_units": None, "online_units": 30},
    ]
    assert points(opinion(online_filing=filed).items["2.2.5"]) == "0.80"
    assert spread(opinion(online_filing=filed[2:]).items["2.2.5"]) == ("missing", "0.00", "2.00")
    nobody = [{"month": 1, "insured_units": 0, "online_units": 0}]
    assert spread(opinion(online_filing=nobody).items["2.2.5"]) == ("missing", "0.00", "2.00")


@pytest.mark.parametrize(
    ("staff", "served", "linear", "all_or_nothing"),
    [
        (1, 6000, "1.00", "1.00"),
        (1, 6001, "1.00", "0.00"),  # 0.99983…
        (1, 12000, "0.50", "0.00"),
        (199, 1_200_000, "1.00", "0.00"),  # 0.995, a tie
        (197, 1_200_000, "0.99", "0.00"),  # 0.985, a tie
        (0, 6000, "0.00", "0.00"),
        (0, 0, "0.00", "0.00"),
        (0, None, "0.00", "0.00"),
        (3, 0, "1.00", "1.00"),
    ],
)
def test_staff(staff: int, served: int | None, linear: str, all_or_nothing: str) -> None:
    staffing = [{"full_time_staff": staff, "persons_served": served}]
    assert points(opinion(staffing=staffing).items["3.1.3"]) == linear
    assert points(opinion({"count_short": "all_or_nothing"}, staffing=staffing).items["3.1.3"]) == all_or_nothing


@pytest.mark.parametrize("staffing", [(None, 6000), (1, None), (None, None)])
def test_staff_missing(staffing: tuple[int | None, int | None]) -> None:
    rows = [{"full_time_staff": staffing[0], "persons_served": staffing[1]}]
    assert spread(opinion(staffing=rows).items["3.1.3"]) == ("missing", "0.00", "1.00")


# ----------------------------------------------------------------------------------------------------------------------
# Percentage points


def reconciliation(matched: int | None, checked: int | None, **payments: int | None) -> dict[str, Any]:
    """One row of persons; payments not reported unless given."""
    unreported = {"payments_matched": None, "payments_checked": None}
    return {"persons_matched": matched, "persons_checked": checked, **unreported, **payments}


@pytest.mark.parametrize(
    ("matched", "checked", "whole", "started", "pro_rata"),
    [
        (100, 100, "2.00", "2.00", "2.00"),
        (99, 100, "1.00", "1.00", "1.00"),
        (991, 1000, "2.00", "1.00", "1.10"),
        (990, 1000, "1.00", "1.00", "1.00"),
        (989, 1000, "1.00", "0.00", "0.90"),
        (10**9 - 1, 10**9, "2.00", "1.00", "2.00"),
        (990_000_001, 10**9, "2.00", "1.00", "1.00"),
        (989_999_999, 10**9, "1.00", "0.00", "1.00"),
        (19_999, 20_000, "2.00", "1.00", "2.00"),  # 1.995, a tie
        (19_997, 20_000, "2.00", "1.00", "1.99"),  # 1.985, a tie
        (58, 100, "0.00", "0.00", "0.00"),
        (0, 7, "0.00", "0.00", "0.00"),
    ],
)
def test_reconciliation(matched: int, checked: int, whole: str, started: str, pro_rata: str) -> None:
    rows = [reconciliation(matched, checked)]
    for option, expected in (("whole", whole), ("started", started), ("pro_rata", pro_rata)):
        assert points(opinion({"per_point": option}, reconciliation=rows).items["3.2.3"]) == expected, option


def test_reconciliation_adds_persons_and_payments_reported_in_full() -> None:
    rows = [
        reconciliation(100, 100, payments_matched=98, payments_checked=100),  # 198 of 200: one point lower
        reconciliation(None, 900, payments_matched=0, payments_checked=None),
    ]
    assert points(opinion(reconciliation=rows).items["3.2.3"]) == "1.00"
    assert spread(opinion(reconciliation=rows[1:]).items["3.2.3"]) == ("missing", "0.00", "2.00")


def test_58_of_100_is_42_points_short() -> None:
    for option in OPTIONS["per_point"]:
        assert percentage_points_lower(Fraction(58, 100), Fraction(1), {"per_point": option}) == 42
        assert percentage_points_lower(Fraction(29, 50), Fraction(99, 100), {"per_point": option}) == 41


@pytest.mark.parametrize(
    ("correct", "checked", "whole", "started", "pro_rata"),
    [
        (99, 100, "2.00", "2.00", "2.00"),
        (100, 100, "2.00", "2.00", "2.00"),
        (98, 100, "1.00", "1.00", "1.00"),
        (985, 1000, "2.00", "1.00", "1.50"),
        (97, 100, "0.00", "0.00", "0.00"),
        (96, 100, "0.00", "0.00", "0.00"),
        (9799, 10_000, "1.00", "0.00", "0.99"),
    ],
)
def test_information_accuracy(correct: int, checked: int, whole: str, started: str, pro_rata: str) -> None:
    rows = [{"correct": correct, "checked": checked}]
    for option, expected in (("whole", whole), ("started", started), ("pro_rata", pro_rata)):
        assert points(opinion({"per_point": option}, information_accuracy=rows).items["3.3.1"]) == expected, option


def test_nothing_checked_is_missing() -> None:
    assert spread(opinion(information_accuracy=[{"correct": 0, "checked": 0}]).items["3.3.1"])[0] == "missing"


def authenticated(
    certified: int | None, due: int | None, recovered: str | None, overpaid: str | None, **options: str
) -> ItemResult:
    """Item 3.3.2 for these four figures."""
    return opinion(
        options,
        benefit_authentication=[{"certified": certified, "due": due}],
        overpayment_recovery=[
            {
                "recovered_yuan": None if recovered is None else Decimal(recovered),
                "overpaid_yuan": None if overpaid is None else Decimal(overpaid),
            }
        ],
    ).items["3.3.2"]


@pytest.mark.parametrize(
    ("certified", "recovered", "whole", "started", "pro_rata"),
    [
        (1000, "900.00", "2.00", "2.00", "2.00"),
        (990, "900.00", "1.50", "1.50", "1.50"),
        (985, "900.00", "1.50", "1.00", "1.25"),
        (990, "890.00", "1.00", "1.00", "1.00"),
        (995, "895.00", "2.00", "1.00", "1.50"),  # half a point on either: no full point on any
        (999, "899.99", "2.00", "1.00", "1.95"),  # 2 − 0.05 − 0.0005
        (970, "880.00", "0.00", "0.00", "0.00"),
        (960, "900.00", "0.00", "0.00", "0.00"),
        (1000, "0.00", "0.00", "0.00", "0.00"),
    ],
)
def test_authentication_and_recovery_share_one_pool(
    certified: int, recovered: str, whole: str, started: str, pro_rata: str
) -> None:
    for option, expected in (("whole", whole), ("started", started), ("pro_rata", pro_rata)):
        assert points(authenticated(certified, 1000, recovered, "1000.00", per_point=option)) == expected, option


def test_a_tie_in_the_pool_is_rounded_up_once() -> None:
    # 9999 of 10,000 is 0.01 points lower, half of that 0.005: 1.995
    assert points(authenticated(9_999, 10_000, "9.00", "10.00", per_point="pro_rata")) == "2.00"
    # on both sides: 1.99, and not 2.00 as it would be if each were rounded for itself
    assert points(authenticated(9_999, 10_000, "8999.00", "10000.00", per_point="pro_rata")) == "1.99"


@pytest.mark.parametrize("reading", OPTIONS["recovery_none"])
@pytest.mark.parametrize("recovered", ["0.00", None])
def test_nothing_wrongly_drawn_loses_nothing(reading: str, recovered: str | None) -> None:
    assert points(authenticated(1000, 1000, recovered, "0.00", recovery_none=reading)) == "2.00"
    assert points(authenticated(990, 1000, recovered, "0.00", recovery_none=reading)) == "1.50"


def test_half_of_the_authentication_pool_known() -> None:
    assert spread(authenticated(990, 1000, None, "5.00")) == ("missing", "0.00", "1.50")
    assert spread(authenticated(None, 1000, "88.00", "100.00")) == ("missing", "0.00", "1.00")
    assert spread(authenticated(0, 0, "0.00", "0.00")) == ("missing", "0.00", "2.00")


@pytest.mark.parametrize("fen_short", [0, 1])
def test_a_single_fen_counts(fen_short: int) -> None:
    recovered = str(Decimal(9 * 10**10 - fen_short).scaleb(-2))
    item = authenticated(1, 1, recovered, "1000000000.00", per_point="started")
    assert points(item) == ("1.50" if fen_short else "2.00")


# ----------------------------------------------------------------------------------------------------------------------
# Judgements, bonus, adjustments


def test_the_assessors_exact_mean_counts() -> None:
    result = opinion(assessor_scores=scores(i_4_1=("9.00", "9.50", "9.50"), i_5_2=("6.99", "7.00")))
    assert points(result.items["4.1"]) == "9.33"
    assert points(result.items["5.2"]) == "7.00"  # 6.995, a tie
    assert result.items["4.1"].status == "judged"
    assert points(opinion(assessor_scores=scores(i_5_2=("7.00", "9.00"))).items["5.2"]) == "7.00"


def test_scores_for_a_computed_item_are_not_asked_for() -> None:
    assert points(opinion(assessor_scores=scores(i_1_4_3="0.00")).items["1.4.3"]) == "2.00"


def test_not_yet_judged() -> None:
    result = opinion(assessor_scores=scores(i_4_1=()))
    assert spread(result.items["4.1"]) == ("missing", "0.00", "10.00")
    assert (result.status, result.points, result.total, result.rank) == ("provisional", None, None, None)
    assert (result.total_low, result.total_high) == (90, 100)
    assert (result.grade_low, result.grade_high, result.grade) == ("合格", "优胜", None)


def test_a_provisional_grade_may_be_certain() -> None:
    result = opinion(assessor_scores=scores(i_4_2=()))
    assert (result.status, result.total_low, result.grade) == ("provisional", 95, "优胜")


def test_bonus() -> None:
    none = opinion()
    assert [none.items[item].status for item in BONUS] == ["not_applicable", "not_applicable"]
    assert none.bonus == 0
    entries = scores(i_1_4_B=("1.00", "1.01"), i_3_4_B="6.00", i_4_1="5.00")
    expected = {"capped_100": "100", "uncapped": "102.01", "excluded": "95.00"}  # 1.005 is a tie: 1.01
    for option, total in expected.items():
        result = opinion({"bonus_cap": option}, assessor_scores=entries)
        assert result.points == 95
        assert result.bonus == Decimal("7.01")
        assert result.total == Decimal(total), option
    assert result.items["1.4.B"].status == "judged"


def test_the_latest_adjustment_holds() -> None:
    result = opinion(
        adjustments=[
            {"item": "4.1", "score": Decimal("6.00"), "approved_on": date(2014, 3, 2)},
            {"item": "4.1", "score": Decimal("9.00"), "approved_on": date(2014, 3, 1)},
            {"item": "1.4.3", "score": Decimal("5.00"), "approved_on": date(2014, 3, 1)},
            {"item": "1.4.B", "score": Decimal("2.50"), "approved_on": date(2014, 3, 1)},
        ],
        activities=activities(培训=2, 信息稿件=4, 分析材料=2),
    )
    assert result.items["4.1"] == ItemResult(Decimal(6), Decimal(6), Decimal(6), "judged", Decimal(10))
    assert result.items["1.4.3"] == ItemResult(Decimal(2), Decimal(2), Decimal(2), "scored", Decimal(1))
    assert (result.points, result.bonus, result.total) == (96, Decimal("2.50"), Decimal("98.50"))


def test_an_adjustment_makes_a_missing_item_whole() -> None:
    decision = [{"item": "4.1", "score": Decimal("7.00"), "approved_on": date(2014, 3, 1)}]
    result = opinion(assessor_scores=scores(i_4_1=()), adjustments=decision)
    assert result.items["4.1"] == ItemResult(Decimal(7), Decimal(7), Decimal(7), "judged", None)
    assert (result.status, result.total, result.grade) == ("final", 97, "优胜")


# ----------------------------------------------------------------------------------------------------------------------
# Grades


@pytest.mark.parametrize(
    ("total", "as_it_is", "half_up"),
    [
        ("100.00", "优胜", "优胜"),
        ("95.00", "优胜", "优胜"),
        ("94.99", "合格", "优胜"),
        ("94.50", "合格", "优胜"),
        ("94.49", "合格", "合格"),
        ("85.00", "合格", "合格"),
        ("84.99", "基本合格", "合格"),
        ("84.50", "基本合格", "合格"),
        ("84.49", "基本合格", "基本合格"),
        ("76.00", "基本合格", "基本合格"),
        ("75.50", "基本合格", "基本合格"),
        ("75.49", "基本合格", "不合格"),
        ("75.01", "基本合格", "不合格"),
        ("75.00", "不合格", "不合格"),
        ("70.00", "不合格", "不合格"),
    ],
)
def test_grades_and_their_gaps(total: str, as_it_is: str, half_up: str) -> None:
    lost = 100 - Decimal(total)
    given = {
        "i_4_1": str(10 - min(lost, Decimal(10))),
        "i_5_2": str(7 - min(max(lost - 10, Decimal(0)), Decimal(7))),
        "i_1_1": str(6 - min(max(lost - 17, Decimal(0)), Decimal(6))),
        "i_1_3": str(6 - min(max(lost - 23, Decimal(0)), Decimal(6))),
        "i_4_2": str(5 - max(lost - 29, Decimal(0))),
    }
    for option, grade in (("none", as_it_is), ("half_up", half_up)):
        result = opinion({"grade_gap": option}, assessor_scores=scores(**given))
        assert result.total == Decimal(total)
        assert result.grade == grade, option


def renewal(**cells: int | None) -> list[dict[str, Any]]:
    """The condition's figures, met unless ``cells`` say otherwise."""
    return [{"renewed": 95, "due": 100, "done": 400, "task": 400, **cells}]


@pytest.mark.parametrize(
    ("rows", "met", "under_no_excellence"),
    [
        (renewal(), True, ("优胜", "优胜", "优胜")),
        (renewal(done=900), True, ("优胜", "优胜", "优胜")),
        (renewal(renewed=94), False, ("合格", "合格", "合格")),
        (renewal(renewed=949_999_999, due=10**9), False, ("合格", "合格", "合格")),
        (renewal(done=399), False, ("合格", "合格", "合格")),
        (renewal(done=399, due=None), False, ("合格", "合格", "合格")),
        (renewal(renewed=0, due=0), None, (None, "合格", "优胜")),
        (renewal(task=0), None, (None, "合格", "优胜")),
        (renewal(done=None), None, (None, "合格", "优胜")),
        ([], None, (None, "合格", "优胜")),
    ],
)
def test_renewal_condition(
    rows: list[dict[str, Any]], met: bool | None, under_no_excellence: tuple[str | None, str, str]
) -> None:
    shown = opinion(pension_renewal=rows)
    assert shown.condition_met is met
    assert (shown.status, shown.grade) == ("final", "优胜")
    barring = opinion({"headline": "no_excellence"}, pension_renewal=rows)
    assert barring.condition_met is met
    assert (barring.status, barring.total) == ("final", 100)
    assert (barring.grade, barring.grade_low, barring.grade_high) == under_no_excellence


def test_the_condition_bars_no_lower_grade() -> None:
    result = opinion({"headline": "no_excellence"}, pension_renewal=[], assessor_scores=scores(i_4_1="0.00"))
    assert (result.total, result.grade) == (90, "合格")


# ----------------------------------------------------------------------------------------------------------------------
# Several towns and years


def test_towns_are_scored_in_their_valid_years_and_ranked_within_a_year() -> None:
    register: list[tuple[str, int | None, int | None]] = [
        ("A", None, None),
        ("B", 2014, None),
        ("C", None, 2013),
        ("D", None, 2013),
        ("D", 2014, None),
    ]
    rows: dict[str, list[Row]] = {source: [] for source in SOURCES}
    for year in (2013, 2014):
        for town in "ABCD":
            for source, its_rows in flawless_sheet(year, town).items():
                late_with_articles = town == "A" and source == "activities"
                rows[source] += [row for row in its_rows if not (late_with_articles and row["kind"] == "信息稿件")]
    world = World(register, [2013, 2014], rows, {(source, year) for source in SOURCES for year in (2013, 2014)})
    result = score(world, DEFAULTS)
    assert {key: (town.total, town.rank) for key, town in result.items()} == {
        (2013, "A"): (98, 3),
        (2013, "C"): (100, 1),
        (2013, "D"): (100, 1),
        (2014, "A"): (98, 3),
        (2014, "B"): (100, 1),
        (2014, "D"): (100, 1),
    }


def test_a_town_that_delivered_nothing() -> None:
    world = World([(TOWN, None, None)], [YEAR], {}, {(source, YEAR) for source in SOURCES})
    result = score(world, DEFAULTS)[YEAR, TOWN]
    # the logs and ledgers were delivered and hold nothing of it: 1.4.3, 1.4.5 and 2.2.4 are 0, four articles short
    assert {item for item, its in result.items.items() if its.status == "scored"} == {"1.4.3", "1.4.5", "2.2.4"}
    assert spread(result.items["1.4.4"]) == ("missing", "0.00", "1.00")
    assert (result.total_low, result.total_high) == (0, 100 - 2 - 2 - 2 - 2)
    assert (result.grade, result.grade_low, result.grade_high) == (None, "不合格", "合格")


def test_every_judged_item_is_judged() -> None:
    assert {item for item, its in opinion().items.items() if its.status == "judged"} == set(JUDGED)
