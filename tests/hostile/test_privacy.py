"""Identity numbers of persons: checked, hashed under a key kept apart, and in nothing that a run leaves behind."""

from __future__ import annotations

import hashlib
import hmac
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import openpyxl
import pytest
from office import YEAR, Office

from pipelines import cli
from pipelines import run as flow
from pipelines.analysis.marts import open_marts
from pipelines.contracts import load_contracts
from pipelines.errors import Exit, KaoheError
from pipelines.ingest.identity import REFUSALS, read_key, set_key, without_identity_numbers
from pipelines.masking import masked, masked_sql
from pipelines.publish import publication
from pipelines.report.notice import write_notice
from pipelines.report.site import write_site
from pipelines.report.workbook import write_workbooks
from pipelines.transform import Model

pytestmark = pytest.mark.group("10 privacy")

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def number(birth: str, sequence: int) -> str:
    """An identity number of a place there is not."""
    start = f"990001{birth}{sequence:03d}"
    return start + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(start, WEIGHTS, strict=True)) % 11]


def wide(text: str) -> str:
    return "".join(chr(0xFEE0 + ord(sign)) for sign in text)


#: Nine persons, and the first of them as it was written before 1999, in full width, in lower case and as text.
PERSONS = [number("19500101", sequence) for sequence in range(11, 20)]
WITH_X = next(each for each in (number("19600229", sequence) for sequence in range(1, 99)) if each.endswith("X"))
SHORT = PERSONS[0][:6] + PERSONS[0][8:17]
#: In texts, where nobody asked for them.
NOTED = [number("19700315", sequence) for sequence in range(21, 30)]
#: One digit off, a place short, born too late, born on no day, and rounded by a spreadsheet.
WRONG = {
    PERSONS[1][:-1] + ("1" if PERSONS[1][-1] != "1" else "2"): "check digit",
    "99000119800101777": "18 or 15",
    number(f"{YEAR + 1}0101", 31): "date of birth",
    number("19800230", 32): "date of birth",
    "990001198001017000": "rounded",
}


def town_names(office: Office) -> list[str]:
    rows = open_marts(office.settings.marts).rows("SELECT town_name FROM town_score ORDER BY town_id")
    return [row["town_name"] for row in rows]


def ledger(town: str, ids: list[str], date: str = "缴费日期", first: str = "证件号") -> str:
    rows = [f"{each},{town},{YEAR}-03-0{1 + at % 9},{10 + at}" for at, each in enumerate(ids)]
    return "\n".join([f"{first},镇街,{date},金额", *rows]) + "\n"


def left_behind(folder: Path, but: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below ``folder`` but those of ``but``: its name, and its content as it is and unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_relative_to(but):
            yield str(path), path.name.encode()
            content = path.read_bytes()
            yield str(path), content
            if content.startswith(b"PK"):
                with zipfile.ZipFile(path) as package:
                    yield from ((f"{path}!{name}", package.read(name)) for name in package.namelist())
            if path.suffix == ".parquet":
                yield str(path), str(duckdb.sql(f"FROM '{path}'").fetchall()).encode()
            if path.suffix == ".duckdb":
                with duckdb.connect(str(path), read_only=True) as warehouse:
                    for (table,) in warehouse.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                        yield f"{path}!{table}", str(warehouse.execute(f'FROM "{table}"').fetchall()).encode()


def assert_in_none(ids: list[str], found: Iterator[tuple[str, bytes]]) -> None:
    """No number, and no part of one that says who it is, in any of the contents."""
    parts = {part for each in ids for part in (each, each[:14], each[6:], SHORT, each[6:14] + each[14:17])}
    needles = [text.encode(code) for part in parts for text in (part, wide(part)) for code in ("utf-8", "utf-16-le")]
    tried = 0
    for name, content in found:
        tried += 1
        for needle in needles:
            assert needle not in content, f"{needle!r} is in {name}"
    assert tried


@pytest.mark.long
def test_no_byte_of_what_a_run_leaves_behind_holds_a_number(
    office: Office, capsys: pytest.CaptureFixture[str], person_key: Path
) -> None:
    first, second, third = town_names(office)
    forms = [PERSONS[0], SHORT, wide(PERSONS[0]), f" {WITH_X.lower()} ", f"'{WITH_X}", *PERSONS[1:]]
    office.receive(f"{YEAR}/contributions.csv", ledger(first, [*forms, *WRONG]), "gb18030")
    office.file(f"{YEAR}/contributions-补.csv").write_text(ledger(second, PERSONS[:3]), encoding="utf-8-sig")
    table = office.file(f"{YEAR}/contributions-库.parquet")
    rows = ", ".join(f"('{each}', '{third}', DATE '{YEAR}-04-01', 5)" for each in PERSONS[3:6])
    duckdb.sql(f"COPY (FROM (VALUES {rows}) AS t(证件号, 镇街, 缴费日期, 金额)) TO '{table}' (FORMAT parquet)")
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["证件号", "镇街", "到账日期", "金额"])
    for each in PERSONS[:4]:
        book.active.append([each, first, f"{YEAR}-03-02", 10])
    book.active.append([float(PERSONS[4][:17] + "0"), first, f"{YEAR}-03-02", 10])
    book.create_sheet(f"说明{NOTED[0]}").append(["说明", NOTED[1]])
    book.save(office.file(f"{YEAR}/bank_receipts.xlsx"))
    office.receive(
        f"{YEAR}/adjustments.csv",
        f"年度,镇街,条款,更正后得分,理由,批准人,批准日期\n{YEAR},{first},4.1,1.25,经{NOTED[2]}申诉,{wide(NOTED[3])},{YEAR}-12-01\n",
    )
    office.receive(
        f"{YEAR}/activities-{NOTED[4]}.csv",
        f"镇街,类型,日期,主题,{NOTED[5]}\n{first},会议,{YEAR}-05-01,为{NOTED[6]}办理,\n",
    )
    office.receive(f"{YEAR}/publicity.csv", f"镇街,宣传橱窗,工作简报\n{NOTED[7]},是,是\n{second},{NOTED[8]},是\n")
    settings = office.settings
    where = {
        "raw": settings.raw,
        "marts": settings.marts,
        "warehouse": settings.warehouse,
        "rubric": settings.rubric.parent,
    }
    told = [word for name, path in where.items() for word in (f"--{name}", str(path))]
    assert cli._run_command(["run", *told]) == Exit.GATE
    shown = capsys.readouterr()
    every = [*PERSONS, WITH_X, *NOTED, *WRONG]
    assert_in_none(every, iter([("stderr", shown.err.encode()), ("stdout", shown.out.encode())]))
    assert_in_none(every, left_behind(office.raw.parent, office.raw))

    assert office.run(allow_partial=True).code == Exit.PARTIAL
    held = open_marts(settings.marts).rows("SELECT * FROM quarantined_row WHERE rule = 'identity'")
    assert {row["value"] for row in held} == {"***"}
    for at, words in enumerate(WRONG.values(), start=2 + len(forms)):
        assert [words in row["message_en"] for row in held if row["cell"] == f"line {at}"] == [True], words
    # A spreadsheet rounded that one.
    assert [row["cell"] for row in held if row["source_file"].endswith(".xlsx")] == ["A6"]
    for source in ("contributions", "bank_receipts"):
        assert f"「证件号」 · 值「***」 · 规则 {source}.identity.person_id" in shown.err, shown.err[-3000:]
    marts = office.settings.marts
    adjusted = open_marts(marts).rows("SELECT adjustment_reason FROM adjustment")
    assert [row["adjustment_reason"] for row in adjusted] == ["经***申诉"]
    write_site(marts, marts / "site")
    write_workbooks(marts, marts)
    write_notice(marts, YEAR, marts)
    assert_in_none([*every, person_key.read_text().strip()], left_behind(office.raw.parent, office.raw))


@pytest.mark.long
def test_one_person_is_one_however_written_and_the_hash_is_hmac_sha256(office: Office, person_key: Path) -> None:
    town = town_names(office)[0]
    forms = [PERSONS[0], SHORT, wide(PERSONS[0]), f" {PERSONS[0]} ", f"'{PERSONS[0]}"]
    office.receive(f"{YEAR}/contributions.csv", ledger(town, [*forms, WITH_X, WITH_X.lower()]))
    assert office.run().code == Exit.DONE
    key = person_key.read_bytes().strip()
    with duckdb.connect(str(office.settings.warehouse), read_only=True) as warehouse:
        for table in ("raw_contributions", "accepted_contributions"):
            query = f"SELECT DISTINCT person_id FROM {table} WHERE source_row > 1 ORDER BY 1"
            found = [row[0] for row in warehouse.execute(query).fetchall()]
            expected = [hmac.new(key, each.encode(), hashlib.sha256).hexdigest() for each in (PERSONS[0], WITH_X)]
            assert found == sorted(expected)
    assert office.settings.warehouse.stat().st_mode & 0o077 == 0


def test_many_numbers_agree_with_a_second_opinion() -> None:
    """Check digits and hashes of a thousand numbers, each also with another last place, computed in Python."""
    connection = duckdb.connect()
    for key in (b"k" * 32, b"long" * 40):
        set_key(connection, key)
        texts = [number(f"{1930 + at % 80}{1 + at % 12:02d}{1 + at % 28:02d}", 1 + at % 998) for at in range(500)]
        texts += [text[:17] + last for text in texts[:100] for last in "0123456789X"]
        contract = load_contracts()["contributions"]
        names = [field.name for field in contract.fields if field.name != "person_id"]
        others = ", ".join(f"NULL::VARCHAR AS {name}" for name in names)
        connection.execute(
            "CREATE OR REPLACE TABLE arriving AS SELECT '2013/contributions.csv' AS source_file, person_id AS "
            f"first_cell, NULL::VARCHAR AS beyond, {others}, person_id FROM (SELECT unnest(?) AS person_id)",
            [texts],
        )
        for text, (made,) in zip(
            texts,
            connection.execute(f"SELECT person_id FROM ({without_identity_numbers(contract, 'arriving')})").fetchall(),
            strict=True,
        ):
            refused = "*** rounded" if text.endswith("000") else "*** check"
            is_right = number(text[6:14], int(text[14:17])) == text
            assert made == (hmac.new(key, text.encode(), hashlib.sha256).hexdigest() if is_right else refused), text


def test_a_number_that_is_none_is_put_away_with_the_reason_and_so_is_what_stands_beside_it() -> None:
    connection = duckdb.connect()
    set_key(connection, b"k" * 32)
    reasons = {
        PERSONS[1][:-1] + ("1" if PERSONS[1][-1] != "1" else "2"): "check",
        "99000119800101777": "form",
        number(f"{YEAR + 1}0101", 31): "birth",
        number(f"{YEAR - 121}1231", 31): "birth",
        number("19800230", 32): "birth",
        "990001198001017000": "rounded",
        "9.90001198001017E+17": "rounded",
    }
    made = {text: f"*** {reason}" for text, reason in reasons.items()} | {"无": "无"}
    contract = load_contracts()["contributions"]
    others = ", ".join(f"NULL::VARCHAR AS {field.name}" for field in contract.fields if field.name != "person_id")
    connection.execute(
        f"CREATE TABLE arriving AS SELECT '{YEAR}/contributions.csv' AS source_file, person_id AS first_cell, "
        f"CASE WHEN person_id <> '无' THEN '{NOTED[0]}' END AS beyond, {others}, person_id "
        "FROM (SELECT unnest(?) AS person_id)",
        [list(made)],
    )
    kept = connection.execute(
        f"SELECT person_id, first_cell, beyond FROM ({without_identity_numbers(contract, 'arriving')})"
    ).fetchall()
    assert kept == [(text, "***", "***") if "***" in text else (text, text, None) for text in made.values()]
    assert set(reasons.values()) == set(REFUSALS)


def test_a_key_that_others_read_or_that_is_short_or_travels_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "settings"
    folder.mkdir()
    for name, content, mode, told in (
        ("open.key", "0" * 64, 0o604, "chmod 600"),
        ("of-a-group.key", "0" * 64, 0o640, "chmod 600"),
        ("short.key", "0" * 31, 0o600, "shorter than 32 bytes"),
    ):
        (folder / name).write_text(content)
        (folder / name).chmod(mode)
        with pytest.raises(KaoheError, match=told) as refused:
            read_key(folder / name, [tmp_path / "raw"])
        assert refused.value.code == Exit.ENVIRONMENT
    (folder / "sound.key").write_text(f" {'0' * 32}\n")
    (folder / "sound.key").chmod(0o600)
    assert read_key(folder / "sound.key", [tmp_path / "raw"]) == b"0" * 32
    with pytest.raises(KaoheError, match="may not lie in"):
        read_key(folder / "sound.key", [tmp_path / "raw", tmp_path])


@pytest.mark.long
def test_a_refused_file_does_not_tell_numbers_either(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    town = town_names(office)[0]
    office.receive(
        f"{YEAR}/contributions.csv", f"镇街,证件号,缴费日期\n{town},{PERSONS[0]},{YEAR}-01-01,{PERSONS[1]}\n"
    )
    office.file(f"{YEAR}/{NOTED[0]}.csv").write_text("x", encoding="utf-8")
    office.file(f"{YEAR}/staffing-{NOTED[1]}.csv").write_bytes(b"\xff\xfe\xff" + NOTED[2].encode())
    office.file(f"{YEAR}/citizen_card-{NOTED[3]}.csv").write_text(f"{NOTED[4]},应发卡人数,镇街\n", encoding="utf-8")
    office.file(f"{YEAR}/publicity-{NOTED[5]}.csv").write_text("a", encoding="utf-8")
    office.file(f"{YEAR}/publicity-{NOTED[6]}.csv").write_text("a", encoding="utf-8")
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = NOTED[7]
    book.create_sheet(NOTED[8])
    book.save(office.file(f"{YEAR}/retiree_management-x.xlsx"))
    (office.file(f"{YEAR}/link-{NOTED[0]}.csv")).symlink_to("/nowhere")
    where = ["--raw", str(office.raw), "--warehouse", str(office.settings.warehouse)]
    assert cli._run_command(["check", *where, "--rubric", str(office.settings.rubric.parent)]) == Exit.REJECTED
    shown = capsys.readouterr()
    assert_in_none([*PERSONS, *NOTED], iter([("stderr", shown.err.encode()), ("stdout", shown.out.encode())]))
    told = office.run()
    assert told.code == Exit.REJECTED
    rules = {(problem.file.removeprefix(f"{YEAR}/"), problem.rule) for problem in told.problems}
    assert {
        ("***.csv", "file_name"), ("publicity-***.csv", "file_name"), ("retiree_management-x.xlsx", "file_name"),
        ("link-***.csv", "plain_file"),
    } <= rules  # fmt: skip
    assert_in_none([*PERSONS, *NOTED], left_behind(office.raw.parent, office.raw))


@pytest.mark.long
def test_the_key_is_made_once_for_its_owner_alone_and_kept_apart(office: Office, tmp_path: Path) -> None:
    office.receive(f"{YEAR}/contributions.csv", ledger(town_names(office)[0], PERSONS))
    place = tmp_path / "settings" / "kaohe" / "person.key"
    mine = Office(replace(office.settings, key=place))
    made = mine.run()
    assert made.code == Exit.DONE and made.manifest is not None
    assert place.stat().st_mode & 0o777 == 0o600 and len(place.read_bytes().strip()) == 64
    kept_key = place.read_bytes()
    # Another key is another input: everything is hashed anew.
    inputs = flow.inputs_of(mine.settings)
    assert inputs == made.manifest["inputs"] and place.read_bytes() == kept_key
    assert flow.inputs_of(replace(office.settings, key=tmp_path / "other.key"))["person_key"] != inputs["person_key"]

    short, open_to_all, folder = tmp_path / "short", tmp_path / "open", tmp_path / "is-a-folder"
    short.write_text("secret")
    short.chmod(0o600)
    open_to_all.write_text("0" * 64)
    open_to_all.chmod(0o644)
    folder.mkdir()
    refused = [
        short,
        open_to_all,
        folder,
        office.settings.marts / "person.key",
        office.raw / "person.key",
        Path("/proc/no.key"),
    ]
    for path in refused:
        with pytest.raises(KaoheError) as error:
            read_key(path, [office.raw, office.settings.marts])
        assert error.value.code == Exit.ENVIRONMENT
        assert "密钥" in str(error.value) and "key" in str(error.value) and str(path) in str(error.value)
    assert Office(replace(office.settings, key=open_to_all)).run().code == Exit.ENVIRONMENT


def test_of_two_who_make_the_key_at_once_both_use_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "person.key"
    first = read_key(path, [])
    # Whoever comes second saw no key yet.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert read_key(path, []) == first


def test_no_key_is_asked_for_where_nothing_is_about_persons(office: Office, tmp_path: Path) -> None:
    office.file(f"{YEAR}/publicity.xlsx").touch()
    assert Office(replace(office.settings, key=tmp_path / "none" / "person.key")).run().code == Exit.DONE
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"身份证{PERSONS[0]}，甲", "身份证***，甲"),
        (wide(WITH_X), "***"),
        (f"{NOTED[0][:6]} {NOTED[0][6:14]} {NOTED[0][14:]}", "***"),
        ("\u200b".join(NOTED[0]), "***"),
        (f"a{SHORT}b", "a***b"),
        (f"1{PERSONS[0]}2", "***"),
        (f"{PERSONS[0]}、{PERSONS[1]}", "***、***"),
        ("2013-02-22至2013-03-01", "2013-02-22至2013-03-01"),
        ("嘉社〔2013〕6号", "嘉社〔2013〕6号"),
        ("13900000000", "13900000000"),
        ("123456789012", "123456789012"),
    ],
)
def test_numbers_in_running_text_are_masked_and_nothing_else_is(text: str, shown: str) -> None:
    assert masked(text) == shown
    for wholly in (False, True):
        query = f"SELECT {masked_sql('text', wholly=wholly)} FROM (SELECT ? AS text)"
        assert duckdb.execute(query, [text]).fetchall() == [(shown,)]


def test_long_texts_are_masked_in_a_moment() -> None:
    for text in ("1" * 300_000, "12 " * 100_000, "990001199" * 30_000):
        masked(text)
        duckdb.execute(f"SELECT {masked_sql('text', wholly=True)} FROM (SELECT ? AS text)", [text]).fetchall()


def test_a_mart_of_persons_is_published_without_small_counts(tmp_path: Path) -> None:
    model = Model(
        name="persons_paid", layer="marts", select="", grain="one row per town and year", key=("year", "town_id"),
        columns=dict.fromkeys(("year", "town_id", "due", "paid", "is_suppressed"), "told"), persons=("due", "paid"),
        columns_of="", by_town=False,
        made_of_persons=(), yields=("year", "town_id", "due", "paid", "is_suppressed"), needs=frozenset(),
    )  # fmt: skip
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE persons_paid AS SELECT *, FALSE AS is_suppressed FROM (VALUES (2013, 'A', 800, 700), "
        "(2013, 'B', 7, 3), (2013, 'C', 501, 400), (2013, 'D', 901, 655)) AS t(year, town_id, due, paid)"
    )
    manifest = {"run_id": "tried", "is_synthetic": True}
    folder = publication.publish(connection, tmp_path / "marts", [model], manifest)
    rows = duckdb.sql(f"FROM '{folder / 'persons_paid.parquet'}' ORDER BY town_id").fetchall()
    assert rows[1][2:] == (None, None, True)
    assert sum(row[-1] for row in rows) == 2, "with the total, one alone would be told"
    assert (folder / "persons_paid.csv").read_text(encoding="utf-8-sig").count("true") == 2
