"""Ledgers of single persons: who renewed, which payment the bank received, and what is said where they disagree."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from pipelines import run as flow
from pipelines import transform
from pipelines.analysis.explanation import explain
from pipelines.analysis.marts import open_marts
from pipelines.demo import write_demo
from pipelines.errors import Exit
from worlds import empty_warehouse, insert

ROOT = Path(__file__).parent.parent
TOWNS = ("A", "B")
LEDGERS = ("contributions", "bank_receipts", "pension_exits")
TOLERANCE = 30

Delivered = set[tuple[str, int]]
BOTH_YEARS: Delivered = {("contributions", 2013), ("contributions", 2014), ("pension_exits", 2014)}
WITH_BANK: Delivered = {("contributions", 2014), ("bank_receipts", 2014)}


def warehouse(delivered: Delivered, **rows: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    """What the gate would have accepted of two towns in 2013 and 2014."""
    connection = empty_warehouse([(year, town) for year in (2013, 2014) for town in TOWNS], delivered)
    for table, its_rows in rows.items():
        numbered = [
            {"source_file": f"{row.get('year')}/{table}.csv", "source_sheet": "", "source_row": number} | row
            if table in (*LEDGERS, "pension_renewal", "reconciliation")
            else row
            for number, row in enumerate(its_rows, start=2)
        ]
        insert(connection, table if table == "withheld" else f"accepted_{table}", numbered)
    return connection


def made(connection: duckdb.DuckDBPyConnection, mart: str) -> dict[tuple[int, str], dict[str, Any]]:
    """The rows of a mart by year and town."""
    transform.run_models(connection, transform.upstream(mart))
    rows = connection.execute(f"FROM {mart}").fetchdf().astype(object)
    rows = rows.where(rows.notna(), None)
    return {(row["year"], row["town_id"]): row for row in rows.to_dict("records")}


# ----------------------------------------------------------------------------------------------------------------------
# Who renewed


def paid(year: int, town: str, *people: str, on: str = "03-01") -> list[dict[str, Any]]:
    """A payment of each person."""
    day = date.fromisoformat(f"{year}-{on}")
    return [
        {"year": year, "town_id": town, "person_id": person, "paid_on": day, "amount_yuan": Decimal(500)}
        for person in people
    ]


def gone(year: int, town: str, *people: str) -> list[dict[str, Any]]:
    return [{"year": year, "town_id": town, "person_id": person, "reason": "死亡"} for person in people]


RENEWALS = {
    "all again": (paid(2013, "A", "p", "q") + paid(2014, "A", "p", "q"), [], (2, 0, 2)),
    "one stopped": (paid(2013, "A", "p", "q") + paid(2014, "A", "p"), [], (2, 0, 1)),
    "one left": (paid(2013, "A", "p", "q") + paid(2014, "A", "p"), gone(2014, "A", "q"), (2, 1, 1)),
    "gone but paid": (paid(2013, "A", "p") + paid(2014, "A", "p"), gone(2014, "A", "p"), (1, 0, 1)),
    "gone says another town": (paid(2013, "A", "p", "q") + paid(2014, "A", "p"), gone(2014, "B", "q"), (2, 0, 1)),
    "gone the year before": (paid(2013, "A", "p", "q") + paid(2014, "A", "p"), gone(2013, "A", "q"), (2, 0, 1)),
    "a stranger is gone": (paid(2013, "A", "p") + paid(2014, "A", "p"), gone(2014, "A", "x"), (1, 0, 1)),
    "a new entrant": (paid(2013, "A", "p") + paid(2014, "A", "p", "new"), [], (1, 0, 1)),
    "paid twice a year": (
        paid(2013, "A", "p")
        + paid(2013, "A", "p", on="09-01")
        + paid(2014, "A", "p")
        + paid(2014, "A", "p", on="9-01".zfill(5)),
        [],
        (1, 0, 1),
    ),
    "moved": (paid(2013, "A", "p", "q") + paid(2014, "A", "q") + paid(2014, "B", "p"), [], (2, 0, 2)),
    "in two towns this year": (paid(2013, "A", "p") + paid(2014, "A", "p") + paid(2014, "B", "p"), [], (1, 0, 1)),
    "in two towns last year": (paid(2013, "A", "p") + paid(2013, "B", "p") + paid(2014, "B", "p"), [], (1, 0, 1)),
    "nobody again": (paid(2013, "A", "p") + paid(2014, "B", "x"), [], (1, 0, 0)),
}


@pytest.mark.parametrize("case", RENEWALS)
def test_who_was_due_and_who_renewed(case: str) -> None:
    ledger, exits, expected = RENEWALS[case]
    row = made(warehouse(BOTH_YEARS, contributions=ledger, pension_exits=exits), "record_renewal")[2014, "A"]
    assert row["status"] == "computed"
    assert (row["insured_before"], row["exited"], row["renewed"]) == expected
    assert row["due"] == row["insured_before"] - row["exited"]


def test_who_moved_is_a_new_entrant_where_they_came_to_and_due_in_each_town_they_paid_in() -> None:
    moved = paid(2013, "A", "p") + paid(2013, "B", "q") + paid(2014, "B", "p", "q")
    rows = made(warehouse(BOTH_YEARS, contributions=moved), "record_renewal")
    assert [(rows[2014, town]["due"], rows[2014, town]["renewed"]) for town in TOWNS] == [(1, 1), (1, 1)]
    twice = paid(2013, "A", "p") + paid(2013, "B", "p") + paid(2014, "A", "x")
    rows = made(warehouse(BOTH_YEARS, contributions=twice), "record_renewal")
    assert [(rows[2014, town]["due"], rows[2014, town]["renewed"]) for town in TOWNS] == [(1, 0), (1, 0)]


REPORTED = [{"year": 2014, "town_id": "A", "due": 10, "renewed": 9, "task": 1, "done": 1}]


@pytest.mark.parametrize(
    ("delivered", "ledger", "exits", "withheld", "status"),
    [
        (BOTH_YEARS - {("contributions", 2013)}, paid(2014, "A", "p"), [], [], "previous_year_not_delivered"),
        (BOTH_YEARS, paid(2013, "B", "p") + paid(2014, "A", "p"), [], [], "nobody_due"),
        (BOTH_YEARS, paid(2013, "A", "p") + paid(2014, "B", "x"), gone(2014, "A", "p"), [], "nobody_due"),
        (BOTH_YEARS, paid(2013, "A", "p"), [], [("contributions", 2014, "B")], "withheld"),
        (BOTH_YEARS, paid(2013, "A", "p"), [], [("contributions", 2013, "A")], "withheld"),
        (BOTH_YEARS, paid(2013, "A", "p"), [], [("pension_exits", 2014, "A")], "withheld"),
    ],
)
def test_what_the_records_do_not_tell_is_said_and_never_zero(
    delivered: Delivered, ledger: list[dict[str, Any]], exits: list[dict[str, Any]], withheld: list[Any], status: str
) -> None:
    held = [dict(zip(("source", "year", "town_id"), row, strict=True)) for row in withheld]
    connection = warehouse(
        delivered, contributions=ledger, pension_exits=exits, pension_renewal=REPORTED, withheld=held
    )
    row = made(connection, "record_renewal")[2014, "A"]
    assert (row["status"], row["agrees"]) == (status, None)
    if status == "nobody_due":
        assert (row["insured_before"] - row["exited"], row["due"], row["renewed"]) == (0, 0, 0)
        assert row["insured_before"] == len(exits)
    else:
        assert (row["insured_before"], row["due"], row["renewed"]) == (None, None, None)
    transform.run_models(connection, transform.upstream("renewal_rate"))
    used = "SELECT numerator, denominator, source, first_source.file, source_rows FROM renewal_rate WHERE town_id = 'A'"
    assert connection.execute(used).fetchall() == [(9, 10, "pension_renewal", "2014/pension_renewal.csv", 1)]


@pytest.mark.parametrize(
    "withheld",
    [
        ("contributions", 2013, "B"),
        ("pension_exits", 2014, "B"),
        ("bank_receipts", 2014, "A"),
        ("contributions", 2015, "A"),
        ("pension_exits", 2013, "A"),
    ],
)
def test_what_is_held_of_another_town_year_or_source_does_not_bear_on_the_rate(withheld: tuple[str, int, str]) -> None:
    held = [dict(zip(("source", "year", "town_id"), withheld, strict=True))]
    connection = warehouse(BOTH_YEARS, contributions=paid(2013, "A", "p"), withheld=held)
    assert made(connection, "record_renewal")[2014, "A"]["status"] == "computed"


def test_the_records_go_before_what_is_reported_and_nothing_delivered_is_no_row() -> None:
    ledger = paid(2013, "A", "p", "q") + paid(2014, "A", "p")
    connection = warehouse(BOTH_YEARS, contributions=ledger, pension_renewal=REPORTED)
    rows = made(connection, "record_renewal")
    assert rows[2014, "A"]["agrees"] is False
    assert rows[2014, "A"]["payments"] == 1
    transform.run_models(connection, transform.upstream("renewal_rate"))
    used = "SELECT numerator, denominator, source, first_source.file, source_rows FROM renewal_rate"
    assert connection.execute(used).fetchall() == [(1, 2, "contributions", "2014/contributions.csv", 1)]
    agreeing = REPORTED[0] | {"due": 2, "renewed": 1}
    rows = made(warehouse(BOTH_YEARS, contributions=ledger, pension_renewal=[agreeing]), "record_renewal")
    assert rows[2014, "A"]["agrees"] is True
    assert made(warehouse(set(), pension_renewal=REPORTED), "record_renewal") == {}


@pytest.mark.parametrize(
    ("reported", "exits", "agrees"),
    [((2, 1), [], True), ((2, 2), [], False), ((1, 1), [], False), ((1, 1), ["q"], True), ((2, 1), ["q"], False)],
)
def test_the_records_agree_with_a_town_in_both_figures_or_not_at_all(
    reported: tuple[int, int], exits: list[str], agrees: bool
) -> None:
    ledger = paid(2013, "A", "p", "q") + paid(2014, "A", "p") + paid(2013, "B", "x") + paid(2014, "B", "x")
    figures = dict(zip(("due", "renewed"), reported, strict=True))
    others = [REPORTED[0] | {"town_id": "B", "due": 1, "renewed": 1}, REPORTED[0] | {"year": 2013}]
    connection = warehouse(
        BOTH_YEARS,
        contributions=ledger,
        pension_exits=gone(2014, "A", *exits),
        pension_renewal=[others[0], REPORTED[0] | figures, others[1]],
    )
    rows = made(connection, "record_renewal")
    assert (rows[2014, "A"]["agrees"], rows[2014, "B"]["agrees"]) == (agrees, True)
    assert (rows[2014, "A"]["reported_due"], rows[2014, "A"]["reported_renewed"]) == reported
    assert len(rows) == 4


def test_the_first_sheet_of_a_town_is_named() -> None:
    ledger = paid(2013, "A", "p") + [row | {"source_sheet": name} for name in "乙甲" for row in paid(2014, "A", "p")]
    assert made(warehouse(BOTH_YEARS, contributions=ledger), "record_renewal")[2014, "A"]["source_sheet"] == "乙"


def test_the_bank_of_another_year_is_not_set_against_the_ledger() -> None:
    connection = warehouse(BOTH_YEARS | {("bank_receipts", 2013)}, contributions=paid(2014, "A", "p"))
    rows = made(connection, "record_reconciliation")
    assert rows[2014, "A"]["status"] == "bank_not_delivered"


# ----------------------------------------------------------------------------------------------------------------------
# Which payment the bank received

START = date(2014, 3, 1)

Entry = tuple[int, int]  # days after the first of March, yuan


def pays(town: str, person: str, entries: Iterable[Entry], column: str) -> list[dict[str, Any]]:
    return [
        {"year": 2014, "town_id": town, "person_id": person, "amount_yuan": Decimal(yuan)}
        | {column: START + timedelta(days=day)}
        for day, yuan in entries
    ]


OUTCOMES: dict[str, tuple[list[Entry], list[Entry], dict[str, int]]] = {
    "same day": ([(0, 500)], [(0, 500)], {"matched": 1}),
    "the last day of the tolerance": ([(0, 500)], [(TOLERANCE, 500)], {"matched": 1}),
    "and before the payment": ([(TOLERANCE, 500)], [(0, 500)], {"matched": 1}),
    "a day too late": ([(0, 500)], [(TOLERANCE + 1, 500)], {"date_differs": 1}),
    "a day too early": ([(TOLERANCE + 1, 500)], [(0, 500)], {"date_differs": 1}),
    "another amount": ([(0, 500)], [(1, 400)], {"amount_differs": 1}),
    "nothing at the bank": ([(0, 500)], [], {"not_in_bank": 1}),
    "nothing in the ledger": ([], [(0, 500)], {"not_in_ledger": 1}),
    "received twice": ([(0, 500)], [(1, 500), (2, 500)], {"matched": 1, "duplicate_receipts": 1}),
    "entered twice": ([(0, 500), (1, 500)], [(1, 500)], {"matched": 1, "duplicate_payments": 1}),
    "the nearest, not the first": ([(60, 500)], [(0, 500), (61, 500)], {"matched": 1, "duplicate_receipts": 1}),
    "twice a year": ([(0, 500), (180, 500)], [(3, 500), (183, 500)], {"matched": 2}),
    "every month": ([(30 * m, 50) for m in range(9)], [(30 * m + 2, 50) for m in range(9)], {"matched": 9}),
    "each as near to two": ([(1, 500), (3, 500)], [(2, 500), (4, 500)], {"matched": 2}),
    "one matched, one of another amount": (
        [(0, 500), (1, 300)],
        [(0, 500), (1, 200)],
        {"matched": 1, "amount_differs": 1},
    ),
    "one matched, one of another amount on one side": (
        [(0, 500), (1, 300)],
        [(0, 500)],
        {"matched": 1, "not_in_bank": 1},
    ),
    "by the fen": ([(0, 500)], [], {"not_in_bank": 1}),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_every_outcome(case: str) -> None:
    payments, receipts, expected = OUTCOMES[case]
    connection = warehouse(
        WITH_BANK,
        contributions=pays("A", "p", payments, "paid_on") + pays("A", "other", [(0, 500)], "paid_on"),
        bank_receipts=pays("A", "p", receipts, "received_on") + pays("A", "other", [(2, 500)], "received_on"),
    )
    row = made(connection, "record_reconciliation")[2014, "A"]
    assert row["status"] == "computed"
    assert (row["payments"], row["receipts"], row["persons"]) == (len(payments) + 1, len(receipts) + 1, 2)
    counted = {name: row[name] for name in NAMES if row[name]}
    assert counted == {**expected, "matched": expected.get("matched", 0) + 1}
    assert row["persons_matched"] == (2 if set(expected) == {"matched"} else 1)
    assert_whole(row)


NAMES = (
    "matched",
    "date_differs",
    "amount_differs",
    "not_in_bank",
    "not_in_ledger",
    "duplicate_payments",
    "duplicate_receipts",
)


def assert_whole(row: dict[str, Any]) -> None:
    """Every payment and every receipt has one outcome."""
    pairs = row["matched"] + row["date_differs"] + row["amount_differs"]
    assert row["payments"] == pairs + row["not_in_bank"] + row["duplicate_payments"]
    assert row["receipts"] == pairs + row["not_in_ledger"] + row["duplicate_receipts"]


def test_another_town_or_person_is_no_match() -> None:
    connection = warehouse(
        WITH_BANK,
        contributions=pays("A", "p", [(0, 500)], "paid_on"),
        bank_receipts=pays("B", "p", [(0, 500)], "received_on") + pays("A", "q", [(0, 500)], "received_on"),
    )
    rows = made(connection, "record_reconciliation")
    assert (rows[2014, "A"]["not_in_bank"], rows[2014, "A"]["not_in_ledger"]) == (1, 1)
    assert (rows[2014, "B"]["not_in_bank"], rows[2014, "B"]["not_in_ledger"]) == (0, 1)


@pytest.mark.parametrize(
    ("delivered", "withheld", "status"),
    [
        (WITH_BANK - {("bank_receipts", 2014)}, [], "bank_not_delivered"),
        (WITH_BANK, [("contributions", 2014, "A")], "withheld"),
        (WITH_BANK, [("bank_receipts", 2014, "A")], "withheld"),
        (WITH_BANK, [("bank_receipts", 2014, "B")], "computed"),
    ],
)
def test_what_cannot_be_reconciled_is_said_and_never_zero(
    delivered: Delivered, withheld: list[Any], status: str
) -> None:
    held = [dict(zip(("source", "year", "town_id"), row, strict=True)) for row in withheld]
    connection = warehouse(delivered, contributions=pays("A", "p", [(0, 500)], "paid_on"), withheld=held)
    row = made(connection, "record_reconciliation")[2014, "A"]
    assert row["status"] == status
    assert {row[name] for name in NAMES} == ({0, 1} if status == "computed" else {None})
    found = connection.execute("SELECT count(*) FROM record_mismatch").fetchall()
    assert found == [(1 if status == "computed" else 0,)]


def by_hand(payments: list[Entry], receipts: list[Entry]) -> Counter[str]:
    """The outcomes of one person, one after another, as a clerk would go through two lists."""
    found: Counter[str] = Counter()
    left: dict[str, list[Entry]] = {"payments": [], "receipts": []}
    for yuan in sorted({yuan for _, yuan in payments + receipts}):
        paid_on = sorted(day for day, its in payments if its == yuan)
        received_on = sorted(day for day, its in receipts if its == yuan)
        if not paid_on or not received_on:
            left["payments"] += [(day, yuan) for day in paid_on]
            left["receipts"] += [(day, yuan) for day in received_on]
            continue
        near = [(abs(p - r), p, r) for p in paid_on for r in received_on if abs(p - r) <= TOLERANCE]
        to_payment = {p: min((d, r) for d, its, r in near if its == p)[1] for p in paid_on if p in {n[1] for n in near}}
        to_receipt = {
            r: min((d, p) for d, p, its in near if its == r)[1] for r in received_on if r in {n[2] for n in near}
        }
        pairs = [(p, r) for p, r in to_payment.items() if to_receipt[r] == p]
        found["matched"] += len(pairs)
        paid_on = [day for day in paid_on if day not in {p for p, _ in pairs}]
        received_on = [day for day in received_on if day not in {r for _, r in pairs}]
        for p, r in zip(paid_on, received_on, strict=False):
            found["matched" if abs(p - r) <= TOLERANCE else "date_differs"] += 1
        found["duplicate_payments"] += max(0, len(paid_on) - len(received_on))
        found["duplicate_receipts"] += max(0, len(received_on) - len(paid_on))
    apart = len(left["payments"]), len(left["receipts"])
    found["amount_differs"] += min(apart)
    found["not_in_bank"] += max(0, apart[0] - apart[1])
    found["not_in_ledger"] += max(0, apart[1] - apart[0])
    return +found


def test_two_thousand_drawn_persons_come_out_as_by_hand() -> None:
    random = Random(2014)
    payments, receipts, expected = [], [], {}
    for number in range(2000):
        person = f"p{number}"

        def drawn() -> list[Entry]:
            # One payment of an amount a day, as the contract's key has it.
            return sorted(
                {(random.choice((0, 1, 29, 30, 31, 60, 61)), random.choice((500, 500, 500, 300))) for _ in range(5)}
            )[: random.choice((0, 1, 1, 2, 3, 5))]

        mine, theirs = drawn(), drawn()
        payments += pays("A", person, mine, "paid_on")
        receipts += pays("A", person, theirs, "received_on")
        if mine or theirs:
            expected[person] = by_hand(mine, theirs)
    connection = warehouse(WITH_BANK, contributions=payments, bank_receipts=receipts)
    row = made(connection, "record_reconciliation")[2014, "A"]
    assert_whole(row)
    assert {name: row[name] for name in NAMES} == {
        name: sum(each[name] for each in expected.values()) for name in NAMES
    }
    assert all(row[name] > 50 for name in NAMES)
    assert row["persons"] == len(expected)
    assert row["persons_matched"] == sum(set(each) == {"matched"} for each in expected.values())
    singular = {"duplicate_payments": "duplicate_payment", "duplicate_receipts": "duplicate_receipt"}
    told = connection.execute("SELECT person_id, outcome, count(*) FROM record_mismatch GROUP BY ALL").fetchall()
    assert {(person, outcome): count for person, outcome, count in told} == {
        (person, singular.get(name, name)): count
        for person, each in expected.items()
        for name, count in each.items()
        if name != "matched"
    }


# ----------------------------------------------------------------------------------------------------------------------
# The whole way


@pytest.mark.long
def test_a_run_computes_from_the_records_and_warns_of_what_disagrees(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_demo(raw, 2013, (2013, 2014), 3, lambda _: None)
    register = (raw / "towns.csv").read_text(encoding="utf-8-sig").splitlines()
    heading = next(number for number, line in enumerate(register) if "单位编号" in line)
    first = next(csv.DictReader(register[heading:]))["名称"]
    header = "镇街,证件号,缴费日期,缴费金额"
    numbers = {"p": "990001195001010015", "q": "990001195001010023", "r": "990001195001010031"}
    for year, people in ((2013, "pqr"), (2014, "pq")):
        lines = [f"{first},{numbers[person]},{year}-03-01,500" for person in people]
        (raw / str(year) / "contributions.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    receipts = [f"{first},{numbers['p']},2014-03-02,500", f"{first},{numbers['q']},2014-03-02,400"]
    (raw / "2014" / "bank_receipts.csv").write_text(
        "\n".join(["镇街,证件号,到账日期,到账金额", *receipts]), encoding="utf-8"
    )
    settings = flow.Settings(raw, tmp_path / "marts", tmp_path / "warehouse.duckdb", ROOT / "rubric" / "2013")
    assert flow.run(settings, lambda _step, _detail: None).code == Exit.DONE
    marts = duckdb.connect()
    for mart in ("record_renewal", "record_reconciliation", "indicator_value", "quality_check"):
        marts.execute(f"CREATE VIEW {mart} AS FROM '{settings.marts / mart}.parquet'")
    figures = (
        "SELECT year, numerator, denominator, source, indicator_value.source_file FROM indicator_value "
        "INNER JOIN record_renewal USING (year, town_id) "
        "WHERE indicator = 'renewal_rate' AND payments > 0 ORDER BY year"
    )
    (in_2013, *rest) = marts.execute(figures).fetchall()
    assert (in_2013[3], rest) == ("pension_renewal", [(2014, 2, 3, "contributions", "2014/contributions.csv")])
    reconciled = (
        "SELECT matched, amount_differs, payments FROM record_reconciliation WHERE status = 'computed' AND year = 2014"
    )
    with duckdb.connect(str(settings.warehouse), read_only=True) as restricted:
        assert (1, 1, 2) in restricted.execute(reconciled).fetchall()
    # Of so few persons nothing is published but what a score rests on.
    assert set(marts.execute(reconciled).fetchall()) == {(None, None, None)}
    hidden = "SELECT insured_before, exited, is_suppressed FROM record_renewal WHERE status = 'computed'"
    assert set(marts.execute(hidden).fetchall()) == {(None, None, True)}
    broken = dict(
        marts.execute(
            "SELECT check_name, rows_failed FROM quality_check WHERE NOT success AND check_name IN "
            "('pension_renewal.renewal_disagrees.renewed', 'contributions.renewal_not_computed', "
            "'contributions.no_exits_declared', 'reconciliation.reconciliation_disagrees.payments_matched')"
        ).fetchall()
    )
    assert broken == {
        "pension_renewal.renewal_disagrees.renewed": 1,
        # three towns in 2013, and in 2014 the two that nobody had paid in
        "contributions.renewal_not_computed": 5,
        "contributions.no_exits_declared": 1,
        "reconciliation.reconciliation_disagrees.payments_matched": 1,
    }
    (item,) = explain(open_marts(settings.marts), first, 2014, "3.3.0")["items"]
    assert "2/3" in str(item)
    # Whose payments they are is in no published table.
    for path in (settings.marts / "current").glob("*.csv"):
        assert "person_id" not in path.read_text(encoding="utf-8").split("\n")[0], path.name
    with duckdb.connect(str(settings.warehouse), read_only=True) as warehouse_of_run:
        told = "SELECT source_file, source_row, message_zh FROM check_failure WHERE rule = 'renewal_disagrees'"
        ((file, row, message),) = warehouse_of_run.execute(told).fetchall()
    assert (file.startswith("2014/pension_renewal"), row > 1, "续保 2 人" in message) == (True, True, True)
