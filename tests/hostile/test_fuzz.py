"""Deliveries changed at random: what comes out is a table that loses no row, or a refusal that says why.

Examples are drawn from a fixed seed, so a run that fails, fails again.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import duckdb
import pytest
from files import repacked, separated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from office import Office, assert_told_whole, fingerprint

import test_values as values
from pipelines.contracts import load_contracts
from pipelines.errors import Exit, KaoheError
from pipelines.ingest import ingest
from pipelines.ingest.sheets import UnreadableError
from pipelines.ingest.workbook_process import WorkbookProcess

pytestmark = pytest.mark.long

DRAWN = settings(
    derandomize=True, deadline=None, database=None, print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
CONTRACTS = load_contracts()
#: What hurts: ends of lines and cells, quotes, marks, nothing, and numbers that are none.
HOSTILE = st.sampled_from(
    [b"", b"\0", b'"', b'""', b",", b";", b"\t", b"|", b"\r", b"\n", b"\r\n", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf",
     b"\x1a", b"\x80", b"<html>", b"1e400", b"nan", b"-", b"9" * 40, "合计".encode(), "单位：万元".encode("gb18030"),
     "\u202e".encode(), "\U0010ffff".encode(), b"'; DROP TABLE towns; --", b"=cmd|'/c calc'!A0", b"%s{0}$1"]
)  # fmt: skip
MUTATION = st.tuples(
    st.sampled_from(["flip", "cut", "put", "remove", "repeat", "swap"]), st.floats(0, 1), st.floats(0, 1), HOSTILE
)


def mutated(content: bytes, mutations: list[tuple[str, float, float, bytes]]) -> bytes:
    for kind, first, second, hostile in mutations:
        at, to = sorted((int(first * len(content)), int(second * len(content))))
        near = min(to, at + 64)
        match kind:
            case "flip" if at < len(content):
                content = content[:at] + bytes([content[at] ^ (1 << int(second * 7))]) + content[at + 1 :]
            case "cut":
                content = content[: max(at, to)]
            case "put":
                content = content[:at] + hostile + content[at:]
            case "remove":
                content = content[:at] + content[near:]
            case "repeat":
                content = content[:near] + content[at:near] * 3 + content[near:]
            case "swap":
                content = content[:at] + content[to : to + 16] + content[at + 16 : to] + content[at : at + 16] + content[to + 16 :]  # fmt: skip  # noqa: E501
    return content


def read_or_refused(raw: Path, sources: set[str]) -> bool:
    """Ingest what lies there: True where it was read and the ledger holds, False where it was refused and told."""
    before = fingerprint(raw)
    with duckdb.connect() as connection:
        try:
            ingest(connection, raw, {name: CONTRACTS[name] for name in sorted({*sources, "towns"})}, lambda _: None)
        except KaoheError as error:
            assert error.code == Exit.REJECTED
            assert error.problems
            for problem in error.problems:
                assert_told_whole(problem)
            return False
        finally:
            assert fingerprint(raw) == before
        for source in sources:
            lost = connection.execute(
                f"SELECT source_file, source_sheet, rows_read, count(kept.source_row), max(kept.source_row) "
                f"FROM delivery_sheet LEFT JOIN raw_{source} AS kept USING (source_file, source_sheet) "
                "INNER JOIN delivery_file AS file USING (source_file) "
                f"WHERE file.source = '{source}' GROUP BY ALL HAVING rows_read <> count(kept.source_row)"
            ).fetchall()
            assert lost == []
    return True


@pytest.mark.group("2 tables")
@settings(DRAWN, max_examples=70)
@given(data=st.data())
def test_a_text_file_changed_at_random_is_read_whole_or_refused(
    data: st.DataObject, clean: Office, tmp_path_factory: pytest.TempPathFactory, _text_route: None
) -> None:
    originals = sorted(clean.raw.rglob("*.csv"))
    path = data.draw(st.sampled_from(originals))
    raw = tmp_path_factory.mktemp("raw")
    (raw / "2013").mkdir()
    name = path.relative_to(clean.raw)
    (raw / "towns.csv").write_bytes((clean.raw / "towns.csv").read_bytes())
    (raw / name).write_bytes(mutated(path.read_bytes(), data.draw(st.lists(MUTATION, min_size=1, max_size=4))))
    read_or_refused(raw, {path.stem})


PIECES = [*'",;|\t\r\n ', "镇", "清岚街道", "1", "9", ".", "，", "\u3000", "\ufeff", "x"]
CELLS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@pytest.mark.group("2 tables")
@settings(DRAWN, max_examples=60)
@given(
    grid=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    line=st.sampled_from(["\n", "\r\n"]),
)
def test_the_text_of_every_cell_is_kept_as_python_reads_it(
    grid: list[tuple[str, str, str]],
    delimiter: str,
    encoding: str,
    line: str,
    clean: Office,
    tmp_path_factory: pytest.TempPathFactory,
    _text_route: None,
) -> None:
    raw = tmp_path_factory.mktemp("raw")
    (raw / "2013").mkdir()
    (raw / "towns.csv").write_bytes((clean.raw / "towns.csv").read_bytes())
    text = separated([["镇街", "专职人员", "服务对象"], *grid], delimiter).replace("\r\n", line)
    (raw / "2013/staffing.csv").write_bytes(text.encode(encoding))
    meant = [[cell or None for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    with duckdb.connect() as connection:
        ingest(connection, raw, {name: CONTRACTS[name] for name in ("staffing", "towns")}, lambda _: None)
        kept = connection.execute(
            "SELECT town, full_time_staff, persons_served FROM raw_staffing ORDER BY source_row"
        ).fetchall()
    assert [list(row) for row in kept] == [(row + [None] * 3)[:3] for row in meant]


@pytest.mark.group("6 workbooks")
@settings(DRAWN, max_examples=250)
@given(data=st.data())
def test_a_workbook_changed_at_random_is_read_or_refused(
    data: st.DataObject, clean: Office, tmp_path_factory: pytest.TempPathFactory, workbooks: WorkbookProcess
) -> None:
    path = data.draw(st.sampled_from(sorted(clean.raw.rglob("*.xlsx"))))
    content = path.read_bytes()
    mutations = data.draw(st.lists(MUTATION, min_size=1, max_size=3))
    if data.draw(st.booleans()):
        content = mutated(content, mutations)
    else:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            part = data.draw(st.sampled_from(package.namelist()))
        content = repacked(content, {part: lambda before: mutated(before, mutations)})
    changed = tmp_path_factory.mktemp("raw") / "a.xlsx"
    changed.write_bytes(content)
    try:
        for sheet in workbooks.open(changed):
            assert all(cell is None or isinstance(cell, str) for row in sheet.rows for cell in row)
    except UnreadableError as error:
        assert error.zh
        assert error.args[0]
    # The process, or the one in its place, is sound.
    assert [sheet.name for sheet in workbooks.open(clean.file("2013/staffing.xlsx"))] == ["人员配备"]


@pytest.mark.group("6 workbooks")
@settings(DRAWN, max_examples=40)
@given(data=st.data())
def test_a_delivery_of_a_changed_workbook_is_read_whole_or_refused(
    data: st.DataObject, clean: Office, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = data.draw(st.sampled_from(sorted(clean.raw.rglob("*.xlsx"))))
    raw = tmp_path_factory.mktemp("raw")
    (raw / "2013").mkdir()
    (raw / "towns.csv").write_bytes((clean.raw / "towns.csv").read_bytes())
    mutations = data.draw(st.lists(MUTATION, min_size=1, max_size=3))
    parts = {"xl/worksheets/sheet1.xml": lambda before: mutated(before, mutations)}
    (raw / "2013" / path.name).write_bytes(repacked(path.read_bytes(), parts))
    read_or_refused(raw, {path.stem})


@pytest.fixture(scope="module")
def workbooks() -> WorkbookProcess:
    with WorkbookProcess() as process:
        yield process


@pytest.mark.group("4 values")
@settings(DRAWN, max_examples=400)
@given(data=st.data())
def test_the_second_parser_agrees_on_cells_changed_at_random(data: st.DataObject) -> None:
    cells = [
        "1,234",
        "98.5%",
        "2013-02-22",
        "2013年2月22日",
        "41327",
        "12.50",
        "—",
        "无",
        "2013年度",
        "-5",
        "１２",
        "20130222",
    ]
    texts = [
        mutated(cell.encode(), data.draw(st.lists(MUTATION, max_size=2))).decode("utf-8", "ignore").replace("\0", "")
        for cell in data.draw(st.lists(st.sampled_from(cells), min_size=1, max_size=40))
    ] + data.draw(st.lists(values.TEXTS, max_size=40))
    for field, second in (
        (values.INTEGER, values.integer), (values.NUMBER, values.number), (values.PERCENT, values.percent),
        (values.DATE, values.date), (values.YEAR, values.year),
    ):  # fmt: skip
        for text, value in zip(texts, values.parsed(field, texts), strict=True):
            assert value == second(text), (field.type, text)
