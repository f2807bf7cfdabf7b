"""Strict parsing of received text, as SQL: a cell is missing, or parsed, or neither, and never guessed at.

Numbers become integers and decimals, never binary floats. What neither stands for "nothing reported" nor parses is for
the gate to refuse.
"""

from __future__ import annotations

from pipelines.contracts import ContractField

#: Full-width forms offices type, each with its ASCII twin; the spaces become an ordinary space.
_WIDE = "０１２３４５６７８９，．％－＋／：（）\u3000\u00a0"
_ASCII = "0123456789,.%-+/:()  "

_NOTHING_REPORTED = ("", "-", "--", "—", "——", "–", "/", "\\", "…", "无", "空")
_TRUE = ("是", "有", "√", "✓", "Y", "YES", "TRUE", "1", "已")
_FALSE = ("否", "无", "×", "✗", "X", "N", "NO", "FALSE", "0", "未", "没有")

_DIGITS = r"-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)"

_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DECIMAL(18, 2)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "year": "INTEGER",
}


def ascii_text(column: str) -> str:
    """SQL for the text of ``column`` with full-width forms made ASCII and outer white space gone."""
    return f"trim(translate({column}, '{_WIDE}', '{_ASCII}'), ' \t\r\n')"


def town_key(column: str) -> str:
    """SQL for a town's name as it is looked up: no white space, no 人民政府 or 办事处 behind it."""
    bare = f"regexp_replace({ascii_text(column)}, '\\s', '', 'g')"
    return f"regexp_replace({bare}, '(人民政府|政府|办事处)$', '')"


def sql_type(field: ContractField) -> str:
    """DuckDB type a field of the contract is held in."""
    return "DECIMAL(18, 6)" if field.unit == "percent" else _TYPES[field.type]


def typed_expression(field: ContractField) -> str:
    """SQL for the typed value of a field's text; NULL where nothing is reported or the text cannot be parsed."""
    column = f'"{field.name}"'
    text = ascii_text(column)
    kind = sql_type(field)
    match field.type:
        case "string":
            return f"nullif({text}, '')" if field.constraints.enum else f"nullif(trim({column}, ' \t\r\n\u3000\u00a0'), '')"
        case "integer":
            digits = f"regexp_replace({text}, '月$', '')" if field.unit == "month" else text
            return _if_matches(digits, f"^{_DIGITS}$", f"TRY_CAST(replace({digits}, ',', '') AS {kind})")
        case "number":
            is_percent = field.unit == "percent"
            digits = f"regexp_replace({text}, ' ?%$', '')" if is_percent else text
            pattern = rf"^{_DIGITS}(\.[0-9]{{1,{6 if is_percent else 2}}})?$"
            return _if_matches(digits, pattern, f"TRY_CAST(replace({digits}, ',', '') AS {kind})")
        case "boolean":
            upper = f"upper({text})"
            return f"CASE WHEN {upper} IN {_listed(_TRUE)} THEN TRUE WHEN {upper} IN {_listed(_FALSE)} THEN FALSE END"
        case "date":
            return _date(text)
        case "year":
            return _if_matches(text, "^[0-9]{4}(年|年度)?$", f"CAST(left({text}, 4) AS {kind})")


def reports_nothing(field: ContractField) -> str:
    """SQL condition: the cell is empty or holds one of the marks offices write for "nothing to report"."""
    column = f'"{field.name}"'
    marks = [
        mark
        for mark in _NOTHING_REPORTED
        if (field.type != "string" or mark == "") and not (field.type == "boolean" and mark in _FALSE)
    ]
    return f"({column} IS NULL OR {ascii_text(column)} IN {_listed(marks)})"


def is_unparsed(field: ContractField) -> str:
    """SQL condition: the cell says something that is no value of the field's type."""
    return f"(NOT {reports_nothing(field)} AND ({typed_expression(field)}) IS NULL)"


def _date(text: str) -> str:
    parted = r"^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?( 00:00:00)?$"
    parts = [f"lpad(regexp_extract({text}, '{parted}', {group}), {width}, '0')" for group, width in ((1, 4), (2, 2), (3, 2))]
    whole = " || '-' || ".join(parts)
    packed = f"left({text}, 4) || '-' || substr({text}, 5, 2) || '-' || right({text}, 2)"
    return (
        f"CASE WHEN regexp_matches({text}, '{parted}') THEN TRY_CAST({whole} AS DATE) "
        f"WHEN regexp_matches({text}, '^[0-9]{{8}}$') THEN TRY_CAST({packed} AS DATE) "
        # A serial number of the 1900 system; five digits reach from 1927 to 2173.
        f"WHEN regexp_matches({text}, '^[1-9][0-9]{{4}}$') THEN DATE '1899-12-30' + CAST({text} AS INTEGER) END"
    )


def _if_matches(text: str, pattern: str, value: str) -> str:
    return f"CASE WHEN regexp_matches({text}, '{pattern}') THEN {value} END"


def _listed(texts: tuple[str, ...] | list[str]) -> str:
    return "(" + ", ".join(f"'{text}'" for text in texts) + ")"
