"""Values are parsed strictly: a text is missing, or a value, or refused, and a second parser written here agrees."""

from __future__ import annotations

import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts import Constraints, ContractField
from pipelines.ingest.values import is_unparsed, misleading_characters, reports_nothing, town_key, typed_expression

MISSING, REFUSED = object(), object()

INTEGER = ContractField(name="cell", title="列", title_en="column", type="integer")
MONTH = INTEGER.model_copy(update={"unit": "month"})
NUMBER = INTEGER.model_copy(update={"type": "number"})
PERCENT = NUMBER.model_copy(update={"unit": "percent"})
DATE = INTEGER.model_copy(update={"type": "date"})
YEAR = INTEGER.model_copy(update={"type": "year"})
BOOLEAN = INTEGER.model_copy(update={"type": "boolean"})
STRING = INTEGER.model_copy(update={"type": "string"})
CHOICE = STRING.model_copy(update={"constraints": Constraints(enum=("养老", "医疗"))})
EVERY_TYPE = (INTEGER, MONTH, NUMBER, PERCENT, DATE, YEAR, BOOLEAN, STRING, CHOICE)


@cache
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def parsed(field: ContractField, texts: list[str]) -> list[Any]:
    """What the project makes of each text: MISSING, REFUSED or the value; never two of them."""
    rows = (
        database()
        .execute(
            f"SELECT {reports_nothing(field)}, {typed_expression(field)}, {is_unparsed(field)} "
            "FROM (SELECT unnest(?::VARCHAR[]) AS cell)",
            [texts],
        )
        .fetchall()
    )
    assert all(is_missing + (value is not None) + is_refused == 1 for is_missing, value, is_refused in rows)
    return [MISSING if is_missing else REFUSED if is_refused else value for is_missing, value, is_refused in rows]


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (INTEGER, "1,234", 1234),
        (INTEGER, "１，２３４", 1234),
        (INTEGER, "\u3000 7\xa0", 7),
        (INTEGER, "\ufeff7", 7),
        (INTEGER, "-5", -5),
        (INTEGER, "－５", -5),
        (INTEGER, "−5", -5),
        (INTEGER, "12.0", 12),
        (INTEGER, "007", 7),
        (INTEGER, "12.5", REFUSED),
        (INTEGER, "1e5", REFUSED),
        (INTEGER, "1e400", REFUSED),
        (INTEGER, "nan", REFUSED),
        (INTEGER, "1_000", REFUSED),
        (INTEGER, "٣", REFUSED),
        (INTEGER, "1,23", REFUSED),
        (INTEGER, "12,34,567", REFUSED),
        (INTEGER, "0,123", REFUSED),
        (INTEGER, "3万", REFUSED),
        (INTEGER, "56人", REFUSED),
        (INTEGER, "\u202e321", REFUSED),
        (INTEGER, "#DIV/0!", REFUSED),
        (INTEGER, "9223372036854775807", 2**63 - 1),
        (INTEGER, "9223372036854775808", REFUSED),
        *((INTEGER, mark, MISSING) for mark in ("", " ", "\u3000", "—", "——", "-", "－", "/", "／", "无", "…", "……")),
        *((INTEGER, mark, MISSING) for mark in ("--", "–", "─", "──", "\\")),
        *((INTEGER, text, REFUSED) for text in ("7~", "~", "·", "---", "无数据")),
        (MONTH, "3月", 3),
        (MONTH, "03月份", 3),
        (MONTH, "１２", 12),
        (MONTH, "三月", REFUSED),
        (INTEGER, "3月", REFUSED),
        (NUMBER, "1,234.50", Decimal("1234.50")),
        (NUMBER, "12.5000", Decimal("12.50")),
        (NUMBER, "2.675", REFUSED),
        (NUMBER, "98.5%", REFUSED),
        (NUMBER, ".5", REFUSED),
        (NUMBER, "5.", REFUSED),
        (NUMBER, "¥5", REFUSED),
        (PERCENT, "98.5%", Decimal("98.5")),
        (PERCENT, "９８．５％", Decimal("98.5")),
        (PERCENT, "98.5", Decimal("98.5")),
        (PERCENT, "98.5‰", REFUSED),
        (PERCENT, "98.3456789", Decimal("98.345679")),
        (DATE, "2013-02-22", datetime.date(2013, 2, 22)),
        (DATE, "2013/2/22", datetime.date(2013, 2, 22)),
        (DATE, "2013.2.22", datetime.date(2013, 2, 22)),
        (DATE, "2013年2月22日", datetime.date(2013, 2, 22)),
        (DATE, "２０１３年２月２２日", datetime.date(2013, 2, 22)),
        (DATE, "20130222", datetime.date(2013, 2, 22)),
        (DATE, "41327", datetime.date(2013, 2, 22)),
        (DATE, "2013-02-22 00:00:00", datetime.date(2013, 2, 22)),
        (DATE, "2013-02-22 14:30", datetime.date(2013, 2, 22)),
        (DATE, "2013-02-22 25:30", REFUSED),
        (DATE, "2013-2/22", REFUSED),
        (DATE, "2013-02-30", REFUSED),
        (DATE, "2013-02-29", REFUSED),
        (DATE, "2012-02-29", datetime.date(2012, 2, 29)),
        (DATE, "20131322", REFUSED),
        (DATE, "10000", datetime.date(1927, 5, 18)),
        (DATE, "73050", datetime.date(2099, 12, 31)),
        (DATE, "73051", REFUSED),
        (DATE, "9999", REFUSED),
        (DATE, "2月22日", REFUSED),
        (DATE, "22/2/2013", REFUSED),
        (DATE, "无", REFUSED),
        (DATE, "—", MISSING),
        (YEAR, "2013", 2013),
        (YEAR, "2013年", 2013),
        (YEAR, "2013年度", 2013),
        (YEAR, "13", REFUSED),
        (YEAR, "3013", REFUSED),
        *((BOOLEAN, text, True) for text in ("是", "有", "√", "✓", "✔", "Y", "y", "yes", "YES", "true", "1", " １ ")),
        *((BOOLEAN, text, False) for text in ("否", "无", "×", "✗", "✘", "N", "n", "no", "NO", "FALSE", "0", " ０ ")),
        (BOOLEAN, "部分", REFUSED),
        (BOOLEAN, "—", MISSING),
        (STRING, " 镇级　培训\n会，第１期（Ａ） ", "镇级 培训 会，第1期（A）"),
        (STRING, "１．４．１", "1.4.1"),
        (STRING, "无", "无"),
        (STRING, "—", MISSING),
        (STRING, "it's", "it's"),
        (CHOICE, "养 老", "养老"),
    ],
)
def test_a_text_means_what_an_office_means_by_it(field: ContractField, text: str, value: object) -> None:
    assert parsed(field, [text]) == [value]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("新丰镇人民政府", "新丰镇"),
        (" 新 丰　镇 ", "新丰镇"),
        ("建设街道办事处", "建设街道"),
        ("建设街道", "建设街道"),
        ("３３０４０２１０３", "330402103"),
    ],
)
def test_a_town_is_looked_up_by_its_bare_name(name: str, key: str) -> None:
    assert database().execute(f"SELECT {town_key('name')} FROM (SELECT ? AS name)", [name]).fetchall() == [(key,)]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("清岚街道", None),
        ("清岚街道\u0430", "\u0430 U+0430"),
        ("\u202e道街", "U+202E"),
        ("\u041e\u0430\ufffd\u041e", "\u041e U+041E、\u0430 U+0430、\ufffd U+FFFD"),
        ("⼤街", "⼤ U+2F24"),
    ],
)
def test_characters_that_are_not_what_they_look_like_are_named(name: str, told: str | None) -> None:
    named = f"SELECT {misleading_characters('name')} FROM (SELECT ? AS name)"
    assert database().execute(named, [name]).fetchall() == [(told,)]


PIECES = st.sampled_from(
    [
        *"0123456789",
        *"０１９",
        *",，.．-－−/—%％",
        *"年月日无万是eE+_",
        " ",
        "\u3000",
        "\xa0",
        "\u200b",
        "\ufeff",
        "\t",
        "٣",
        "12",
        "000",
        ",000",
    ]
)
NUMBERS = st.integers(-(10**20), 10**20)
DAYS = st.dates(datetime.date(1890, 1, 1), datetime.date(2110, 1, 1))
TEXTS = st.one_of(
    st.lists(PIECES, max_size=10).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    NUMBERS.map(str),
    NUMBERS.map(lambda number: f"{number:,}"),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**17), max_value=10**17).map(str),
    DAYS.map(str),
    st.tuples(
        DAYS, st.sampled_from(["{0.year}/{0.month}/{0.day}", "{0.year}年{0.month}月{0.day}日", "{0:%Y%m%d}"])
    ).map(lambda drawn: drawn[1].format(drawn[0])),
    st.integers(9_000, 80_000).map(str),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=60))
def test_every_text_is_missing_or_a_value_or_refused(texts: list[str]) -> None:
    for field in EVERY_TYPE:
        parsed(field, texts)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=60))
def test_a_second_strict_parser_agrees(texts: list[str]) -> None:
    for field, second in ((INTEGER, integer), (NUMBER, number), (PERCENT, percent), (DATE, date), (YEAR, year)):
        for text, value in zip(texts, parsed(field, texts), strict=True):
            assert value == second(text), (field.type, text)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
def test_an_integer_is_the_same_however_it_is_written(values: list[int]) -> None:
    wide = str.maketrans("0123456789,-", "０１２３４５６７８９，－")
    for write in (str, "{:,}".format, lambda value: f"{value:,}".translate(wide), lambda value: f"\u3000{value}.00 "):
        assert parsed(INTEGER, [write(value) for value in values]) == values


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dates(datetime.date(1950, 1, 1), datetime.date(2099, 12, 31)), min_size=1, max_size=50))
def test_a_date_is_the_same_however_it_is_written(days: list[datetime.date]) -> None:
    for form in (
        "{0:%Y-%m-%d}",
        "{0.year}/{0.month}/{0.day}",
        "{0.year}.{0.month}.{0.day}",
        "{0.year}年{0.month}月{0.day}日",
    ):
        assert parsed(DATE, [form.format(day) for day in days]) == days
    assert parsed(DATE, [f"{day:%Y%m%d}" for day in days]) == days
    assert parsed(DATE, [str((day - datetime.date(1899, 12, 30)).days) for day in days]) == days


# The second parser: character by character, no patterns, no code of the project.

DIGITS = "0123456789"


def ordinary(text: str) -> str:
    kept = []
    for character in text:
        if 0xFF01 <= ord(character) <= 0xFF5E:
            kept.append(chr(ord(character) - 0xFEE0))
        elif character == "\u2212":
            kept.append("-")
        elif character in "\xad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff":
            continue
        elif character.isspace() and character not in "\x1c\x1d\x1e\x1f\u1680":
            kept.append(" ")
        else:
            kept.append(character)
    return "".join(kept).strip(" ")


def is_dash(text: str) -> bool:
    return text in ("", "-", "--", "–", "—", "——", "─", "──", "/", "\\", "…", "……")


def only_digits(text: str) -> bool:
    return text != "" and all(character in DIGITS for character in text)


def split_figure(text: str) -> tuple[int, str, str] | None:
    """Sign, digits before and digits after the point of a well-formed figure."""
    sign = -1 if text.startswith("-") else 1
    whole, point, fraction = text[1 if sign < 0 else 0 :].partition(".")
    if point and not only_digits(fraction):
        return None
    first, *groups = whole.split(",")
    if not only_digits(first) or any(len(group) != 3 or not only_digits(group) for group in groups):
        return None
    if groups and (len(first) > 3 or first[0] == "0"):
        return None
    return sign, first + "".join(groups), fraction


def integer(text: str) -> object:
    text = ordinary(text)
    if is_dash(text) or text == "无":
        return MISSING
    parts = split_figure(text)
    if parts is None or parts[2].strip("0"):
        return REFUSED
    value = parts[0] * int(parts[1])
    return value if -(2**63) <= value < 2**63 else REFUSED


def number(text: str) -> object:
    text = ordinary(text)
    if is_dash(text) or text == "无":
        return MISSING
    parts = split_figure(text)
    if parts is None or len(parts[2].rstrip("0")) > 2:
        return REFUSED
    value = parts[0] * (int(parts[1]) + Decimal("0." + (parts[2] or "0")))
    return value if abs(value) < 10**16 else REFUSED


def percent(text: str) -> object:
    text = ordinary(text)
    if is_dash(text) or text == "无":
        return MISSING
    if text.endswith("%"):
        text = text[:-1].removesuffix(" ")
    parts = split_figure(text)
    if parts is None:
        return REFUSED
    if int(parts[1]) >= 10**12:
        return REFUSED
    value = Decimal(f"{parts[1]}.{parts[2] or '0'}").quantize(Decimal("0.000001"), ROUND_HALF_UP) * parts[0]
    return value if abs(value) < 10**12 else REFUSED


def date(text: str) -> object:
    text = ordinary(text)
    if is_dash(text):
        return MISSING
    if only_digits(text) and len(text) == 5:
        day = datetime.date(1899, 12, 30) + datetime.timedelta(days=int(text))
        return day if text[0] != "0" and day.year < 2100 else REFUSED
    if only_digits(text) and len(text) == 8:
        parts = [text[:4], text[4:6], text[6:]]
    elif text.endswith("日") and text.count("年") == text.count("月") == text.count("日") == 1:
        before, _, after = text[:-1].partition("年")
        parts = [before, *after.split("月")]
    else:
        parts = next((text.split(mark) for mark in "-/." if text.count(mark) == 2), [])
    if len(parts) != 3 or not all(only_digits(part) for part in parts):
        return REFUSED
    if len(parts[0]) != 4 or parts[0][:2] not in ("19", "20") or max(len(parts[1]), len(parts[2])) > 2:
        return REFUSED
    try:
        return datetime.date(*(int(part) for part in parts))
    except ValueError:
        return REFUSED


def year(text: str) -> object:
    text = ordinary(text)
    if is_dash(text):
        return MISSING
    digits, rest = text[:4], text[4:]
    if not only_digits(digits) or len(digits) < 4 or digits[:2] not in ("19", "20"):
        return REFUSED
    is_whole_figure = rest.startswith(".") and len(rest) > 1 and not rest[1:].strip("0")
    is_named = rest.removeprefix(" ") in ("年", "年度") or not rest
    return int(digits) if is_whole_figure or is_named else REFUSED
