"""Strict parsing of received text, as SQL: a cell is missing, or parsed, or neither, and never guessed at.

Numbers become integers and decimals, never binary floats. What is neither a mark for "nothing reported" nor a value of
the field's type is for the gate to refuse.
"""

from __future__ import annotations

import re
import unicodedata

from pipelines.contracts import Contract, ContractField
from pipelines.sql_text import literal

#: White space a cell may carry, the ideographic and no-break spaces among it.
_SPACES = (
    "\t\n\v\f\r\x85\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
#: Characters nobody sees and that change nothing seen: soft hyphen, zero-width and byte order marks. Overrides of
#: direction are not among them: digits after one do not read as they are stored.
_INVISIBLE = "\xad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_FULL_WIDTH = "".join(map(chr, range(0xFF01, 0xFF5F)))
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_MINUS = "\u2212"
#: Radicals that print as the characters they are the radicals of, and stand for them in text copied from PDF files.
_RADICALS = "".join(
    radical for radical in map(chr, range(0x2E80, 0x2FE0)) if unicodedata.normalize("NFKC", radical) != radical
)
_CHARACTERS = unicodedata.normalize("NFKC", _RADICALS)
#: Characters that are not what they look like, or that nobody sees: letters of other alphabets, radicals, marks of
#: direction, what stands where a character was lost.
_MISLEADING = (
    r"[\p{Greek}\p{Cyrillic}\p{Armenian}\p{Cherokee}\x{2E80}-\x{2FDF}\x{202A}-\x{202E}\x{2066}-\x{2069}"
    r"\x{E000}-\x{F8FF}\x{F900}-\x{FAFF}\x{FFFD}\x{1D400}-\x{1D7FF}]"
)
#: In running text only letters, digits and what joins them are made ASCII; Chinese punctuation stays.
_FULL_WIDTH_WORD = "".join(
    wide for wide, plain in zip(_FULL_WIDTH, _ASCII, strict=True) if plain.isalnum() or plain in "-."
)
_WORD = "".join(plain for plain in _ASCII if plain.isalnum() or plain in "-.")

#: What an identity number is once it has been checked and hashed; see ``identity``.
HASHED = "^[0-9a-f]{64}$"

#: What offices write for "nothing to report": hyphens, dashes of every length, strokes, dots.
_NOTHING_REPORTED = ("", "-", "--", "–", "—", "——", "─", "──", "/", "\\", "…", "……")
_NO_FIGURE = (*_NOTHING_REPORTED, "无")
_TRUE = ("是", "有", "√", "✓", "✔", "Y", "YES", "TRUE", "1")
_FALSE = ("否", "无", "×", "✗", "✘", "N", "NO", "FALSE", "0")

_WHOLE = "-?([0-9]+|[1-9][0-9]{0,2}(,[0-9]{3})+)"
_TIME = "( ([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?)?"
_PART = "[0-9]{1,2}"
_DATE = f"^(19|20)[0-9]{{2}}(-{_PART}-{_PART}|/{_PART}/{_PART}|[.]{_PART}[.]{_PART}|年{_PART}月{_PART}日){_TIME}$"
_PACKED_DATE = "^(19|20)[0-9]{6}$"
#: Serial numbers of the 1900 system, five digits: 1927-05-18 to 2099-12-31.
_FIRST_SERIAL, _LAST_SERIAL = 10000, 73050

_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DECIMAL(18, 2)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "year": "INTEGER",
}


def ascii_text(column: str) -> str:
    """SQL for ``column`` with full-width forms made ASCII, invisible characters and outer white space gone."""
    return _translated(column, _FULL_WIDTH + _MINUS, _ASCII + "-")


def squeezed_text(column: str) -> str:
    """SQL for the text of ``column`` as ``ascii_text`` has it, without any white space; '' where there is none."""
    return f"replace(coalesce({ascii_text(column)}, ''), ' ', '')"


def misleading_characters(text: str) -> str:
    """SQL for the characters of ``text`` that are not what they look like, as "О U+041E"; NULL where it has none."""
    found = f"list_distinct(regexp_extract_all({text}, '{_MISLEADING}'))"
    # A mark of direction would turn the message around it.
    shown = r"regexp_replace(letter, '[\x{2000}-\x{206F}]', '') || ' U+' || format('{:04X}', unicode(letter))"
    named = f"list_transform(list_sort({found}), lambda letter: trim({shown}))"
    return f"nullif(array_to_string({named}, '、'), '')"


def town_key(column: str) -> str:
    """SQL for a town's name as it is looked up: no white space or radicals, no 人民政府 or 办事处 behind it."""
    bare = f"replace({_translated(column, _FULL_WIDTH + _MINUS + _RADICALS, _ASCII + '-' + _CHARACTERS)}, ' ', '')"
    return f"regexp_replace({bare}, '(人民政府|政府|办事处)$', '')"


def sql_type(field: ContractField) -> str:
    """DuckDB type a field of the contract is held in."""
    return "DECIMAL(18, 6)" if field.unit == "percent" else _TYPES[field.type]


def typed_expression(field: ContractField) -> str:
    """SQL for the typed value of a field's text; NULL where nothing is reported or the text cannot be parsed.

    Percentages are held in percent, to six decimals: 98.5 for both ``98.5%`` and ``98.5``.
    """
    plainly = " ".join(f"WHEN {test} THEN {value}" for test, value in _written_plainly(field))
    return f"CASE {plainly} ELSE {_parsed(field)} END" if plainly else _parsed(field)


def _written_plainly(field: ContractField) -> list[tuple[str, str]]:
    """Tests for texts that a value is itself written as, and the value: most cells, told ten times as fast."""
    column, kind = f'"{field.name}"', sql_type(field)
    value = f"TRY_CAST({column} AS {kind})"

    def is_written_as(kind: str) -> str:
        return f"CAST(TRY_CAST({column} AS {kind}) AS VARCHAR) = {column}"

    def of_years_and_length(length: int) -> str:
        return f"{column} >= '1900' AND {column} < '2100' AND strlen({column}) = {length}"

    tests = {
        "string": [(_is_one_of(column, field.constraints.enum), column)] if field.constraints.enum else [],
        "integer": [(is_written_as("BIGINT"), value)],
        "number": [(is_written_as("DECIMAL(18, 2)"), value), (is_written_as("BIGINT"), value)],
        "boolean": [
            (is_written_as("BOOLEAN"), value),
            (_is_one_of(column, _TRUE), "TRUE"),
            (_is_one_of(column, _FALSE), "FALSE"),
        ],
        "date": [(f"{of_years_and_length(10)} AND {is_written_as('DATE')}", value)],
        "year": [(f"{of_years_and_length(4)} AND {is_written_as('INTEGER')}", value)],
    }
    return tests[field.type]


def _parsed(field: ContractField) -> str:
    """SQL for the typed value of a field's text, whichever way an office may have written it."""
    column = f'"{field.name}"'
    text = ascii_text(column)
    kind = sql_type(field)
    match field.type:
        case "string":
            words = (
                f"replace({text}, ' ', '')"
                if field.constraints.enum
                else _translated(column, _FULL_WIDTH_WORD + _RADICALS, _WORD + _CHARACTERS)
            )
            if field.personal:
                words = f"CASE WHEN regexp_matches({column}, '{HASHED}') THEN {column} END"
            return f"CASE WHEN NOT {reports_nothing(field)} THEN {words} END"
        case "integer":
            digits = f"regexp_replace({text}, ' ?月份?$', '')" if field.unit == "month" else text
            # Databases and accounting formats write whole numbers as 12.0 or 12.00.
            value = f"TRY_CAST(regexp_replace(replace({digits}, ',', ''), '[.]0+$', '') AS {kind})"
            return _if_matches(digits, f"^{_WHOLE}([.]0+)?$", value)
        case "number":
            is_percent = field.unit == "percent"
            digits = f"regexp_replace({text}, ' ?%$', '')" if is_percent else text
            fraction = "[.][0-9]+" if is_percent else "[.][0-9]{1,2}0*"
            return _if_matches(digits, f"^{_WHOLE}({fraction})?$", f"TRY_CAST(replace({digits}, ',', '') AS {kind})")
        case "boolean":
            upper = f"upper({text})"
            return f"CASE WHEN {_is_one_of(upper, _TRUE)} THEN TRUE WHEN {_is_one_of(upper, _FALSE)} THEN FALSE END"
        case "date":
            return _date(text)
        case "year":
            return _if_matches(text, "^(19|20)[0-9]{2}([.]0+| ?年度?)?$", f"CAST(left({text}, 4) AS {kind})")


def reports_nothing(field: ContractField) -> str:
    """SQL condition: the cell is empty or holds one of the marks offices write for "nothing to report"."""
    column = f'"{field.name}"'
    marks = _NO_FIGURE if field.type in ("integer", "number") else _NOTHING_REPORTED
    # No mark begins with a digit, and 无 is the only one that begins with a word: most cells are told by that.
    is_other = f"{column} >= '0' AND {column} < ':'"
    if marks is _NOTHING_REPORTED:
        is_other = f"({is_other}) OR ({column} >= '一' AND {column} < '\ua000')"
    return (
        f"CASE WHEN {column} IS NULL THEN TRUE WHEN {is_other} THEN FALSE "
        f"ELSE {_is_one_of(ascii_text(column), marks)} END"
    )


def is_unparsed(field: ContractField, value: str = "") -> str:
    """SQL condition: the cell says something that is no value of the field's type.

    ``value`` is SQL for what ``typed_expression`` made of it, where that is at hand.
    """
    return (
        f"CASE WHEN ({value or typed_expression(field)}) IS NOT NULL THEN FALSE ELSE NOT {reports_nothing(field)} END"
    )


def unread_bit(contract: Contract, field: ContractField) -> int:
    """The bit of ``unread`` in typed_<source> that says of a row that its cell of ``field`` is unparsed."""
    return 1 << contract.fields.index(field)


def _translated(column: str, wide: str, narrow: str) -> str:
    given, meant = wide + _SPACES + _INVISIBLE, narrow + " " * len(_SPACES)
    # Translating and trimming take ten times as long as seeing that there is nothing to do, which is the rule.
    return (
        f"CASE WHEN regexp_matches({column}, '[ {_SPACES}{_INVISIBLE}{wide}]') "
        f"THEN trim(translate({column}, {literal(given)}, {literal(meant)})) ELSE {column} END"
    )


def _date(text: str) -> str:
    day = f"regexp_extract(translate({text}, '/.年月', '----'), '^[0-9]{{4}}-[0-9]+-[0-9]+')"
    packed = f"left({text}, 4) || '-' || substr({text}, 5, 2) || '-' || right({text}, 2)"
    serial = f"TRY_CAST({text} AS INTEGER)"
    return (
        f"CASE WHEN regexp_matches({text}, '{_DATE}') THEN TRY_CAST({day} AS DATE) "
        f"WHEN regexp_matches({text}, '{_PACKED_DATE}') THEN TRY_CAST({packed} AS DATE) "
        f"WHEN regexp_matches({text}, '^[1-9][0-9]{{4}}$') AND {serial} BETWEEN {_FIRST_SERIAL} AND {_LAST_SERIAL} "
        f"THEN DATE '1899-12-30' + {serial} END"
    )


def _if_matches(text: str, pattern: str, value: str) -> str:
    return f"CASE WHEN regexp_matches({text}, '{pattern}') THEN {value} END"


def _is_one_of(text: str, texts: tuple[str, ...]) -> str:
    # Not IN: of a longer list the database makes a join, and its key is then made of every row, whatever CASE says.
    return f"regexp_full_match({text}, {literal('|'.join(map(re.escape, texts)))})"
