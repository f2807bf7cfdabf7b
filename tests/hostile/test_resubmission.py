"""A file sent again: what it changes is shown before it is published, and nothing is published by chance."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from office import YEAR, Office

from pipelines import changes as comparing
from pipelines import run as flow
from pipelines.analysis.marts import open_marts
from pipelines.errors import Exit, KaoheError
from pipelines.publish import publication

pytestmark = pytest.mark.group("7 re-submission")

OVERPAID, SCORES = f"{YEAR}/overpayment_recovery.csv", f"{YEAR}/assessor_scores.csv"


def quiet(_step: str, _detail: str) -> None:
    return None


def compare(office: Office) -> dict[str, Any]:
    """What would change if published now, as ``kaohe changes`` finds it."""
    settings = office.settings
    with flow.warehouse(settings.warehouse) as connection, flow.engine(connection, settings) as run_models:
        gate, made = flow.load_and_check(connection, settings, quiet, run_models)
        assert not gate.critical_failures, gate.problems
        flow.score(connection, settings, quiet, run_models, made)
        return comparing.changes(connection, office.settings.marts, flow.inputs_of(office.settings))


def towns(office: Office) -> list[tuple[str, str]]:
    rows = open_marts(office.settings.marts).rows("SELECT town_id, town_name FROM town_score ORDER BY town_id")
    return [(row["town_id"], row["town_name"]) for row in rows]


def recovery(office: Office, *figures: tuple[str, str]) -> str:
    """Wrongly drawn and recovered of each town, in the order of the register."""
    named = zip(towns(office), figures, strict=True)
    return "".join(
        f"{line}\n" for line in ("镇街,冒领金额,追回金额", *(f"{name},{','.join(pair)}" for (_, name), pair in named))
    )


def marts_of(office: Office) -> dict[str, str]:
    """Every published score by its bytes; what tells of the files themselves is left out."""
    folder = office.settings.marts
    return {
        name: publication.sha256(folder / f"{name}.csv")
        for name in ("town_score", "item_score", "area_score", "section_score", "year_over_year", "adjustment")
    }


def scores(*rows: tuple[str, str, str, str, str]) -> str:
    """A file of judgements: town, item, score, reason, assessor."""
    text = io.StringIO()
    csv.writer(text).writerows([["镇街", "条款", "得分", "理由", "考核人"], *rows])
    return text.getvalue()


@pytest.mark.long
def test_the_same_bytes_again_are_nothing_new_and_a_file_saved_again_gives_the_same_marts(office: Office) -> None:
    office.receive(OVERPAID, recovery(office, ("1200.50", "1100"), ("200", "200"), ("0", "0")))
    first = office.run()
    assert first.code == Exit.DONE and first.manifest
    office.file(OVERPAID).write_bytes(office.file(OVERPAID).read_bytes())
    again = flow.run(office.settings, quiet)
    assert not again.is_new and again.manifest["run_id"] == first.manifest["run_id"]
    # The same content in other bytes: another encoding, other columns first, other ways of writing the figures.
    before = marts_of(office)
    names = [name for _, name in towns(office)]
    lines = ["追回金额,镇街,冒领金额", f'"1,100.00",{names[0]},1200.5', f"200,{names[1]},２００", f"0,{names[2]},0"]
    office.receive(OVERPAID, "\r\n".join(lines), "gb18030")
    found = compare(office)
    assert [(file["file"], file["state"], file["cells"]) for file in found["files"]] == [(OVERPAID, "changed", 0)]
    assert not (found["cells"] or found["items"] or found["towns"] or found["rules_changed"])
    assert "重报 2013/overpayment_recovery.csv  内容未变" in comparing.changes_in_words(found, "zh")
    told = office.run()
    assert told.code == Exit.DONE and told.manifest and told.manifest["run_id"] != first.manifest["run_id"]
    assert marts_of(office) == before


@pytest.mark.long
def test_a_corrected_file_shows_its_cells_and_what_they_move_and_publishing_does_just_that(office: Office) -> None:
    office.receive(OVERPAID, recovery(office, ("1000", "1000"), ("200", "200"), ("0", "0")))
    assert office.run().code == Exit.DONE
    (first, name), (_, second), (_, third) = towns(office)
    workbook = openpyxl.Workbook()
    for row in (["冒领追缴表"], ["镇街", "冒领金额", "追回金额"], [third, 0, 0], [second, 200, 200], [name, 1000, 500]):
        workbook.active.append(row)
    path = office.receive(OVERPAID.replace(".csv", ".xlsx"), b"")
    workbook.save(path)
    was = open_marts(office.settings.marts).rows("FROM town_score ORDER BY town_id")
    found = compare(office)
    assert [(file["file"], file["state"], file["cells"]) for file in found["files"]] == [
        (OVERPAID, "withdrawn", 1), (OVERPAID.replace(".csv", ".xlsx"), "new", 1),
    ]  # fmt: skip
    cells = [(c["town_id"], c["header"], c["before"], c["after"], c["cell"], c["cell_before"]) for c in found["cells"]]
    assert cells == [(first, "追回金额", "1000", "500", "C5", "line 2")]
    [item] = found["items"]
    assert (item["town_id"], item["item"]) == (first, "3.3.2")
    assert item["after_points"] < item["before_points"]
    words = comparing.changes_in_words(found, "zh")
    assert "C5 追回金额  1000 → 500" in words and f"{item['before_points']} → {item['after_points']}" in words
    assert open_marts(office.settings.marts).rows("FROM town_score ORDER BY town_id") == was, "nothing is published"
    assert office.run().code == Exit.DONE
    now = open_marts(office.settings.marts).rows("FROM town_score ORDER BY town_id")
    town = next(each for each in found["towns"] if each["town_id"] == first)
    assert (town["before_total"], town["after_total"]) == (was[0]["total"], now[0]["total"])
    assert town["before_total"] - town["after_total"] == item["before_points"] - item["after_points"]
    assert (town["before_grade"], town["after_grade"]) == (was[0]["grade"], now[0]["grade"])


@pytest.mark.long
def test_an_older_copy_is_known_and_a_withdrawn_file_is_shown(office: Office) -> None:
    older = recovery(office, ("1000", "1000"), ("200", "200"), ("0", "0"))
    office.receive(OVERPAID, older)
    first = office.run().manifest
    office.receive(OVERPAID, recovery(office, ("1000", "900"), ("200", "200"), ("0", "0")))
    second = office.run().manifest
    assert first and second
    # Arriving late beside the newer one, it is refused, and both are named.
    late = OVERPAID.replace(".csv", "-迟到.csv")
    office.file(late).write_text(older, encoding="utf-8")
    heard: list[str] = []
    with pytest.raises(KaoheError) as refusal:
        flow.run(office.settings, lambda step, detail: heard.append(detail) if step == "warning" else None)
    assert refusal.value.code == Exit.GATE
    assert len(heard) == 1 and all(word in heard[0] for word in (late, first["run_id"], second["run_id"]))
    doubles = [each for each in refusal.value.problems if each.rule == "overpayment_recovery.unique"]
    assert {each.file for each in doubles} == {OVERPAID, late}
    assert all((late if each.file == OVERPAID else OVERPAID) in each.message_zh for each in doubles)
    # In place of the newer one it is taken, since only people can know, and it is said.
    office.file(late).unlink()
    office.file(OVERPAID).write_text(older, encoding="utf-8")
    activities = next(path for path in office.file(str(YEAR)).iterdir() if path.name.startswith("activities"))
    activities.unlink()
    found = compare(office)
    [gone, back] = found["files"]
    assert (gone["file"], gone["state"], back["file"]) == (f"{YEAR}/{activities.name}", "withdrawn", OVERPAID)
    assert back["superseded"] == {"file": OVERPAID, "run_id": first["run_id"], "replaced_by": second["run_id"]}
    rows_gone = [cell for cell in found["cells"] if cell["source"] == "activities"]
    assert rows_gone and all(cell["field"] is None and cell["file"] is None for cell in rows_gone)
    moved = {item["item"] for item in found["items"] if item["after_status"] == "missing"}
    assert "3.4.1" in moved or moved, "what rested on the withdrawn file is missing"
    words = comparing.changes_in_words(found, "en")
    assert f"withdrawn {YEAR}/{activities.name}" in words and f"superseded since {second['run_id']}" in words
    assert office.run().code == Exit.DONE


@pytest.mark.long
def test_judgements_out_of_range_without_reason_or_by_two_assessors_apart(office: Office) -> None:
    marts = open_marts(office.settings.marts)
    judged = [
        (row["town_name"], row["item"], str(row["score"]), row["reason"], row["assessor"])
        for row in marts.rows(
            "SELECT town_name, item, score, reason, assessor FROM assessor_score INNER JOIN town_score "
            "USING (year, town_id) ORDER BY town_id, item, assessor"
        )
    ]
    judged = [row for row in judged if row[1] not in ("1.1", "1.2")]
    name = towns(office)[0][1]
    bad = [("1.1", "100.01", "甲"), ("1.2", "-1", "甲"), ("1.2", "八", "乙"), ("1.1", "1", ""), ("9.9", "1", "丙")]
    office.receive(SCORES, scores(*((name, item, score, "理由", who) for item, score, who in bad), *judged))
    told = office.run()
    assert told.code == Exit.GATE
    assert [(rule, cell) for rule, cell, _ in told.about(SCORES)] == [
        ("assessor_scores.maximum.score", "line 2"),
        ("assessor_scores.score_above_points.score", "line 2"),
        ("assessor_scores.minimum.score", "line 3"),
        ("assessor_scores.type.score", "line 4"),
        ("assessor_scores.required.assessor", "line 5"),
        ("assessor_scores.known_item.item", "line 6"),
    ]
    points = {row["item"]: row["available"] for row in marts.rows("SELECT DISTINCT item, available FROM item_score")}
    high, low = str(points["1.1"]), str(points["1.1"] / 2)
    office.receive(SCORES, scores((name, "1.1", high, "", "甲"), (name, "1.1", low, "", "乙"), *judged))
    assert office.run().code == Exit.DONE
    published = open_marts(office.settings.marts)
    rules = {row["rule"] for row in published.rows("SELECT rule FROM quality_check WHERE NOT success")}
    assert {"assessors_apart", "reason_missing"} <= rules
    [term] = published.rows(
        "SELECT assessors, score_lowest, score_highest FROM term_score INNER JOIN town_score USING (year, town_id) "
        "WHERE item = '1.1' AND town_name = ?", [name],
    )  # fmt: skip
    assert (term["assessors"], term["score_lowest"], term["score_highest"]) == (2, Decimal(low), Decimal(high))


@pytest.mark.long
def test_an_effect_of_a_declared_correction_is_shown_too(office: Office) -> None:
    office.receive(OVERPAID, recovery(office, ("1000", "100"), ("200", "200"), ("0", "0")))
    assert office.run().code == Exit.DONE
    path = office.raw.parent / "corrections.yml"
    path.write_text(
        f"- {{file: {OVERPAID}, cell: line 2, column: 追回金额, expect: 100, replace: 1000, reason: 漏零, who: 甲, "
        "on: 2014-02-01}\n",
        encoding="utf-8",
    )
    found = compare(Office(replace(office.settings, corrections=path)))
    assert not found["files"] and len(found["items"]) == 1
    assert "追回金额  100 → 1000" in comparing.changes_in_words(found, "zh")
    assert "corrections.yml 第 1 行" in comparing.changes_in_words(found, "zh")
