"""From preview to appeal in plain files; what was signed off changes by a correction on review or not at all."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

import pytest
from office import YEAR, Office

from pipelines.analysis.marts import open_marts
from pipelines.errors import Exit
from pipelines.review import status, status_in_words

pytestmark = pytest.mark.group("7 re-submission")

HEADER = ["年度", "环节", "镇街", "条款", "日期", "经办人", "截止日期", "结果指纹", "内容", "依据"]
PREVIEW = ["预告", "", "", "2014-02-01", "甲", "2014-02-15", "", "", ""]


def records(*rows: list[str]) -> str:
    """A file of review records; a row is what follows the year."""
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *([str(YEAR), *row] for row in rows)])
    return text.getvalue()


def standing(office: Office, today: str = "2014-02-10") -> dict[str, Any]:
    return status(open_marts(office.settings.marts), date.fromisoformat(today))[0]


def towns(office: Office) -> list[tuple[str, str]]:
    rows = open_marts(office.settings.marts).rows("SELECT town_id, town_name FROM town_score ORDER BY town_id")
    return [(row["town_id"], row["town_name"]) for row in rows]


def sign(office: Office, *more: list[str], by: str = "乙", on: str = "2014-03-01") -> None:
    signed = ["签发", "", "", on, by, "", standing(office)["result"], "", ""]
    office.receive(f"{YEAR}/review_records.csv", records(PREVIEW, signed, *more))


def adjust(office: Office, town: str, item: str, score: str, on: str) -> None:
    text = f"年度,镇街,条款,更正后得分,理由,批准人,批准日期\n{YEAR},{town},{item},{score},经复核更正,丙,{on}\n"
    office.receive(f"{YEAR}/adjustments.csv", text)


@pytest.mark.long
def test_the_state_follows_the_records_and_the_deadlines(office: Office) -> None:
    _, town = towns(office)[0]
    assert standing(office)["state"] == "scored"
    comment = ["意见", town, "3.3.2", "2014-02-05", "丁", "", "", "认证数有误", "附表"]
    answer = ["答复", town, "3.3.2", "2014-02-12", "甲", "", "", "核对无误", ""]
    office.receive(f"{YEAR}/review_records.csv", records(PREVIEW, comment))
    assert office.run().code == Exit.DONE
    year = standing(office)
    assert (year["state"], str(year["until"]), year["days_left"]) == ("open_for_comments", "2014-02-15", 5)
    assert standing(office, "2014-02-16")["state"] == "comments_unanswered"
    office.receive(f"{YEAR}/review_records.csv", records(PREVIEW, comment, answer))
    assert office.run().code == Exit.DONE
    assert standing(office, "2014-02-16")["state"] == "to_sign"
    sign(office, comment, answer)
    assert office.run().code == Exit.DONE
    assert standing(office)["state"] == "to_publish"
    published = ["公布", "", "", "2014-03-02", "乙", "2014-03-20", "", "", ""]
    appeal = ["申诉", town, "", "2014-03-05", "丁", "", "", "不服", "材料"]
    sign(office, comment, answer, published, appeal)
    assert office.run().code == Exit.DONE
    assert standing(office, "2014-03-20")["state"] == "open_for_appeals"
    assert standing(office, "2014-03-21")["state"] == "appeals_undecided"
    decision = ["裁定", town, "", "2014-03-25", "乙", "", "", "维持", "会议纪要"]
    sign(office, comment, answer, published, appeal, decision)
    assert office.run().code == Exit.DONE
    year = standing(office, "2014-03-26")
    assert (year["state"], year["until"]) == ("closed", None)
    for lang, words in (("zh", ("已终结", "与签发的一致", "意见 1（未答复 0）")), ("en", ("closed", "as signed"))):
        told = status_in_words([year], lang)  # type: ignore[arg-type]
        assert all(word in told for word in (*words, year["result"]))


@pytest.mark.long
def test_a_signed_result_comes_out_as_signed_or_nothing_is_published(office: Office) -> None:
    _, town = towns(office)[0]
    scores = open_marts(office.settings.marts).rows(
        "SELECT town_name, item, score, reason, assessor FROM assessor_score INNER JOIN town_score "
        "USING (year, town_id) ORDER BY ALL"
    )

    def judged(other: str | None) -> str:
        """The scores of the clean bureau as one plain file, the first town's 2.1.1 replaced where another is given."""
        replaced = (town, "2.1.1") if other else None
        rows = [
            [row["town_name"], row["item"], other if (row["town_name"], row["item"]) == replaced else row["score"],
             row["reason"], row["assessor"]]
            for row in scores
        ]  # fmt: skip
        text = io.StringIO()
        csv.writer(text).writerows([["镇街", "条款", "得分", "理由", "考核人"], *rows])
        return text.getvalue()

    file = f"{YEAR}/assessor_scores.csv"
    office.receive(file, judged(None))
    sign(office)
    assert office.run().code == Exit.DONE
    office.receive(file, judged("0.5"))
    told = office.run()
    assert told.code == Exit.GATE
    assert {(problem.rule, problem.cell) for problem in told.problems} == {("signed_off", "line 3")}
    assert any("2.1.1" in problem.message_zh and "→ 0.50" in problem.message_en for problem in told.problems)
    # The mend: put back, it is the signed result again.
    office.receive(file, judged(None))
    assert office.run().code == Exit.DONE
    assert standing(office)["is_as_signed"]


@pytest.mark.long
def test_a_correction_on_review_changes_a_signed_result_and_says_so(office: Office) -> None:
    _, town = towns(office)[1]
    sign(office)
    assert office.run().code == Exit.DONE
    signed = standing(office)["result"]
    adjust(office, town, "4.1", "1.25", "2014-03-25")
    told = office.run()
    assert told.code == Exit.DONE
    year = standing(office)
    assert year["is_as_signed"]
    assert year["signed_result"] == signed != year["result"]
    assert "签发后有复核更正" in status_in_words([year], "zh")
    raised = open_marts(office.settings.marts).rows(
        "SELECT rule FROM quality_check WHERE rule = 'adjusted_without_record' AND NOT success"
    )
    assert raised, "nobody recorded why"


@pytest.mark.long
def test_a_correction_made_before_the_sign_off_is_part_of_what_was_signed(office: Office) -> None:
    _, town = towns(office)[0]
    adjust(office, town, "4.1", "1.25", "2014-02-20")
    assert office.run().code == Exit.DONE
    sign(office)
    assert office.run().code == Exit.DONE
    office.file(f"{YEAR}/adjustments.csv").unlink()
    assert office.run().code == Exit.GATE, "taken back, the signed result would change"


@pytest.mark.long
def test_every_record_that_cannot_hold_is_refused_in_one_pass(office: Office) -> None:
    by_one = ["签发", "", "", "2014-03-01", "甲", "", "0123456789abcdef", "", ""]
    of_nothing = ["签发", "", "", "2014-03-02", "乙", "", "", "", ""]
    no_step = ["批准", "", "", "2014-03-01", "乙", "", "", "", ""]
    no_town = ["意见", "没有这个镇", "", "2014-03-01", "乙", "", "", "", ""]
    no_item = ["意见", "", "9.9", "2014-03-01", "乙", "", "", "", ""]
    nobody = ["意见", "", "", "2014-03-01", "", "", "", "", ""]
    text = records(PREVIEW, by_one, of_nothing, no_step, no_town, no_item, nobody)
    office.receive(f"{YEAR}/review_records.csv", text)
    told = office.run()
    assert told.code == Exit.GATE
    assert sorted((problem.rule.split(".")[1], problem.cell) for problem in told.problems) == [
        ("known_item", "line 7"),
        ("known_town", "line 6"),
        ("required", "line 8"),
        ("set", "line 5"),
        ("sign_off_by_one_person", "line 3"),
        ("sign_off_of_nothing", "line 4"),
    ]


@pytest.mark.long
def test_signing_off_early_is_a_warning(office: Office) -> None:
    sign(office, on="2014-02-10")
    assert office.run().code == Exit.DONE
    failed = open_marts(office.settings.marts).rows("SELECT rule FROM quality_check WHERE NOT success")
    assert "sign_off_early" in {row["rule"] for row in failed}
