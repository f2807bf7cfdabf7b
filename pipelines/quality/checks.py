"""Every check there is: what the contracts ask for, and the SQL files beside this one for what spans sources.

A check is a query that selects all rows that break it. In the query ``{batch}`` stands for the table it is about, and
literal braces are doubled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ruamel.yaml import YAML

from pipelines.contracts import Contract, ContractField, NotAbove
from pipelines.ingest.values import ascii_text, is_unparsed, reports_nothing, town_key

FOLDER = Path(__file__).with_name("checks")

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        source, rule, field: what it is about; ``field`` is '' where it is about the row or the whole source.
        severity: critical blocks the row, warning is shown.
        table: the table its query reads through ``{batch}``.
        query: SELECT of the breaking rows: source_file, source_sheet, source_row, year, town_id, value, message_zh,
            message_en. What is NULL is filled in: year, town and value from the row, the messages from the check.
        message_zh, message_en: what is wrong. remedy_zh, remedy_en: what to do.
    """

    source: str
    rule: str
    field: str
    severity: Severity
    table: str
    query: str
    message_zh: str
    message_en: str
    remedy_zh: str
    remedy_en: str

    @property
    def name(self) -> str:
        """``<source>.<rule>[.<field>]``, unique among checks."""
        return ".".join(part for part in (self.source, self.rule, self.field) if part)


def every_check(contracts: Mapping[str, Contract]) -> list[Check]:
    """The checks of all contracts, then those of the SQL files, in a fixed order."""
    found = [check for contract in contracts.values() for check in _contract_checks(contract)]
    return found + [_from_file(path) for path in sorted(FOLDER.glob("*.sql"))]


def _contract_checks(contract: Contract) -> Iterator[Check]:
    for field in contract.fields:
        yield from _field_checks(contract, field)
    yield _unique(contract)
    for key in contract.foreign_keys:
        yield from (
            _known_towns(contract, key.fields)
            if key.reference.resource == "towns"
            else _known_items(contract, key.fields)
        )
    for rule in contract.rules:
        if isinstance(rule, NotAbove):
            field, limit = contract.field(rule.field), contract.field(rule.limit)
            yield _rows(
                contract, "not_above", f'"{rule.field}" > "{rule.limit}"', rule.field,
                f"「{field.title}」大于「{limit.title}」", f"{field.name} is above {limit.name}",
                "请核对两列是否填反或填错", "see whether the two are swapped or wrong",
            )  # fmt: skip
        else:
            yield _stated_rate(contract, rule.field, rule.numerator, rule.denominator)
    if contract.name != "towns":
        yield _folder_year(contract)
    if contract.coverage:
        yield _expected(contract)
    for field in contract.fields:
        if field.additive:
            yield _total_agrees(contract, field)


def _field_checks(contract: Contract, field: ContractField) -> Iterator[Check]:
    title, limits = f"「{field.title}」", field.constraints
    yield _rows(
        contract, "type", is_unparsed(field), field.name,
        f"{title}不是{_TYPE_ZH[field.type]}", f"{field.name} is no {field.type}",
        _TYPE_REMEDY_ZH[field.type], _TYPE_REMEDY_EN[field.type], table="raw",
    )  # fmt: skip
    if limits.required:
        yield _rows(
            contract, "required", reports_nothing(field), field.name,
            f"{title}为空", f"{field.name} is empty", "此列每行必填", "every row needs it", table="raw",
        )  # fmt: skip
    elif field.type in ("integer", "number") and not field.optional:
        yield _rows(
            contract, "reported", reports_nothing(field), field.name,
            f"{title}未报，有关条款暂缺，不按 0 计", f"{field.name} is not reported; what rests on it is missing, not 0",
            "有数则补报；确为零请填 0", "report it; write 0 if it is zero", severity="warning", table="raw",
        )  # fmt: skip
    if limits.minimum is not None:
        yield _rows(
            contract, "minimum", f'"{field.name}" < {limits.minimum}', field.name,
            f"{title}小于 {limits.minimum}", f"{field.name} is below {limits.minimum}", "请更正该数", "correct it",
        )  # fmt: skip
    if limits.maximum is not None:
        yield _rows(
            contract, "maximum", f'"{field.name}" > {limits.maximum}', field.name,
            f"{title}大于 {limits.maximum}", f"{field.name} is above {limits.maximum}", "请更正该数", "correct it",
        )  # fmt: skip
    if limits.enum:
        listed = ", ".join(f"'{value}'" for value in limits.enum)
        yield _rows(
            contract, "set", f'"{field.name}" NOT IN ({listed})', field.name,
            f"{title}不在规定范围", f"{field.name} is none of its values",
            f"只能填：{'、'.join(limits.enum)}", f"one of {', '.join(limits.enum)}",
        )  # fmt: skip


_TYPE_ZH = {
    "integer": "整数",
    "number": "至多两位小数的数",
    "boolean": "是或否",
    "date": "日期",
    "year": "年度",
    "string": "文字",
}
_TYPE_REMEDY_ZH = {
    "integer": "填整数，不带单位；没有数据填 —",
    "number": "填至多两位小数的数，不带单位；没有数据填 —",
    "boolean": "填 是 或 否（有/无、√/×）",
    "date": "填 2013-02-22 或 2013年2月22日 这样的日期",
    "year": "填四位年度",
    "string": "填文字",
}
_TYPE_REMEDY_EN = {
    "integer": "write a whole number without a unit, or — if there is none",
    "number": "write a number with two decimals at most, or — if there is none",
    "boolean": "write 是 or 否",
    "date": "write a date such as 2013-02-22",
    "year": "write a year of four digits",
    "string": "write text",
}


def _rows(
    contract: Contract, rule: str, condition: str, field: str, message_zh: str, message_en: str, remedy_zh: str,
    remedy_en: str, *, severity: Severity = "critical", table: str = "typed",
) -> Check:  # fmt: skip
    """A check of each data row by itself: the rows for which ``condition`` is true."""
    has_town = table == "typed" and contract.town_field
    query = (
        f"SELECT source_file, source_sheet, source_row, {'year' if has_town else 'NULL::INTEGER AS year'}, "
        f"{'town_id' if has_town else 'NULL::VARCHAR AS town_id'}, {_NO_MESSAGE} "
        f"FROM {{batch}} WHERE row_kind = 'data' AND ({_escaped(condition)})"
    )
    return Check(
        contract.name,
        rule,
        field,
        severity,
        f"{table}_{contract.name}",
        query,
        message_zh,
        message_en,
        remedy_zh,
        remedy_en,
    )


_NO_MESSAGE = "NULL::VARCHAR AS value, NULL::VARCHAR AS message_zh, NULL::VARCHAR AS message_en"


def _unique(contract: Contract) -> Check:
    key = ["town_id" if name == contract.town_field else f'"{name}"' for name in contract.primary_key]
    known = " AND ".join(f"{column} IS NOT NULL" for column in key)
    titles = "、".join(contract.field(name).title for name in contract.primary_key)
    return Check(
        contract.name,
        "unique",
        contract.primary_key[-1],
        "critical",
        f"typed_{contract.name}",
        f"SELECT source_file, source_sheet, source_row, {_place(contract)}, {_NO_MESSAGE} FROM {{batch}} "
        f"WHERE row_kind = 'data' AND {known} QUALIFY count(*) OVER (PARTITION BY {', '.join(key)}) > 1",
        f"同一{titles}出现多行",
        f"more than one row for the same {', '.join(contract.primary_key)}",
        "请只保留正确的一行（其他文件中的也算）",
        "keep the right one, here or in the other file",
    )


def _place(contract: Contract) -> str:
    return "year, town_id" if contract.town_field else "NULL::INTEGER AS year, town_id"


def _known_towns(contract: Contract, field: str) -> Iterator[Check]:
    key = _escaped(town_key(f'batch."{field}"'))
    nearest = (
        f"(SELECT array_to_string(arg_min(known.town_name, levenshtein(known.town_name, {key}), 3), '、') "
        "FROM (SELECT DISTINCT town_name FROM town_register) AS known)"
    )
    yield Check(
        contract.name, "known_town", field, "critical", f"typed_{contract.name}",
        f"SELECT source_file, source_sheet, source_row, year, town_id, NULL::VARCHAR AS value, "
        f"'名录中没有此镇街；相近的有：' || {nearest} AS message_zh, "
        f"'no such town in the register; nearest: ' || {nearest} AS message_en "
        f"FROM (SELECT * FROM {{batch}}) AS batch WHERE row_kind = 'data' AND \"{field}\" IS NOT NULL AND town_id IS NULL",
        "名录中没有此镇街", "no such town in the register",
        "请按名录填写名称或代码；新设或改名的先更新名录", "use a name or code of the register, or update the register first",
    )  # fmt: skip
    yield Check(
        contract.name, "town_in_year", field, "critical", f"typed_{contract.name}",
        f"SELECT source_file, source_sheet, source_row, year, town_id, {_NO_MESSAGE} FROM (SELECT * FROM {{batch}}) AS batch "
        "WHERE row_kind = 'data' AND town_id IS NOT NULL AND year IS NOT NULL AND NOT EXISTS ("
        f"SELECT 1 FROM town_name_lookup AS known WHERE known.name = {key} "
        "AND batch.year >= coalesce(known.valid_from, batch.year) AND batch.year <= coalesce(known.valid_to, batch.year))",
        "此镇街名称或代码在该年度不使用", "this name or code is not in use in that year",
        "请用该年度名录中的名称", "use the name the register has for that year",
    )  # fmt: skip


def _known_items(contract: Contract, field: str) -> Iterator[Check]:
    yield _rows(
        contract, "known_item", f'"{field}" NOT IN (SELECT item FROM rubric_item)', field,
        "考核细则中没有此条款", "the rubric has no such item", "请按细则填写条款号，如 1.4.1", "use an item number of the rubric, such as 1.4.1",
    )  # fmt: skip


def _stated_rate(contract: Contract, field: str, numerator: str, denominator: str) -> Check:
    text = _escaped(ascii_text(f'received."{field}"'))
    digits = f"length(regexp_extract({text}, '[.]([0-9]+)', 1))"
    return Check(
        contract.name, "stated_rate", field, "warning", f"typed_{contract.name}",
        # |stated - 100 n/d| may be half a unit of the last digit given, all in whole numbers.
        f"SELECT batch.source_file, batch.source_sheet, batch.source_row, batch.year, batch.town_id, {_NO_MESSAGE} "
        f"FROM (SELECT * FROM {{batch}}) AS batch INNER JOIN raw_{contract.name} AS received USING (source_file, source_sheet, source_row) "
        f"WHERE batch.row_kind = 'data' AND batch.\"{field}\" IS NOT NULL AND batch.\"{denominator}\" > 0 "
        f"AND abs(CAST(batch.\"{field}\" * 1000000 AS HUGEINT) * batch.\"{denominator}\" "
        f"- 100000000::HUGEINT * batch.\"{numerator}\") * 2 * CAST(10 ^ {digits} AS HUGEINT) "
        f"> batch.\"{denominator}\"::HUGEINT * 1000000",
        "所填比率与分子、分母不符", "the stated rate does not agree with its parts",
        "请核对比率、分子和分母；得分只按分子和分母计算", "see which of the three is wrong; only the parts are scored",
    )  # fmt: skip


def _folder_year(contract: Contract) -> Check:
    return Check(
        contract.name, "folder_year", "year", "critical", f"typed_{contract.name}",
        f"SELECT batch.source_file, batch.source_sheet, batch.source_row, batch.year, batch.town_id, {_NO_MESSAGE} "
        "FROM (SELECT * FROM {batch}) AS batch INNER JOIN delivery_file AS file USING (source_file) "
        "WHERE batch.row_kind = 'data' AND batch.year <> file.year",
        "年度与所在文件夹不符", "the year is not that of the folder",
        "请更正年度，或将文件移到该年度的文件夹", "correct the year or move the file",
    )  # fmt: skip


def _expected(contract: Contract) -> Check:
    sets, match, told = [], ["present.year = town_year.year"], ["town_year.town_name"]
    for name in contract.coverage:
        if name == contract.town_field:
            match.append("present.town_id = town_year.town_id")
            continue
        field = contract.field(name)
        values = [f"'{value}'" for value in field.constraints.enum] or [str(month) for month in range(1, 13)]
        sets.append(f'CROSS JOIN (SELECT unnest([{", ".join(values)}]) AS "{name}") AS expected_{name}')
        match.append(f'present."{name}" = expected_{name}."{name}"')
        told.append(f'expected_{name}."{name}"')
    return Check(
        contract.name, "expected", "", "warning", f"typed_{contract.name}",
        "SELECT file.source_file, '' AS source_sheet, NULL::BIGINT AS source_row, town_year.year, town_year.town_id, "
        f"NULL::VARCHAR AS value, '缺：' || concat_ws(' ', {', '.join(told)}) AS message_zh, "
        f"'absent: ' || concat_ws(' ', {', '.join(told)}) AS message_en FROM town_year "
        f"INNER JOIN (SELECT year, min(source_file) AS source_file FROM delivery_file WHERE source = '{contract.name}' "
        f"GROUP BY year) AS file ON file.year = town_year.year {' '.join(sets)} "
        f"LEFT JOIN (SELECT * FROM {{batch}} WHERE row_kind = 'data') AS present ON {' AND '.join(match)} "
        "WHERE present.source_file IS NULL",
        "应有的行缺失", "a row that is expected is absent", "请补报", "report it",
    )  # fmt: skip


def _total_agrees(contract: Contract, field: ContractField) -> Check:
    name = f'"{field.name}"'
    agree = f"coalesce(sum({name}) FILTER (WHERE row_kind = 'data') OVER"
    return Check(
        contract.name, "total_agrees", field.name, "critical", f"typed_{contract.name}",
        "WITH block AS (SELECT *, count(*) FILTER (WHERE row_kind = 'subtotal') OVER (PARTITION BY source_file, "
        "source_sheet ORDER BY source_row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS part FROM {batch}), "
        f"summed AS (SELECT *, CASE row_kind WHEN 'total' THEN {agree} (PARTITION BY source_file, source_sheet), 0) "
        f"WHEN 'subtotal' THEN {agree} (PARTITION BY source_file, source_sheet, part), 0) END AS adds_up_to FROM block) "
        "SELECT source_file, source_sheet, source_row, year, NULL::VARCHAR AS town_id, NULL::VARCHAR AS value, "
        f"'合计 ' || {name} || ' 与各行之和 ' || adds_up_to || ' 不符' AS message_zh, "
        f"'the total ' || {name} || ' is not the sum of its rows, ' || adds_up_to AS message_en "
        f"FROM summed WHERE row_kind <> 'data' AND {name} <> adds_up_to",
        "合计与各行之和不符", "the total is not the sum of its rows",
        "请核对是否漏行、错行，或更正合计", "see whether a row is absent or wrong, or correct the total",
    )  # fmt: skip


def _from_file(path: Path) -> Check:
    """A check that spans sources: its header says what it is, its SELECT finds the breaking rows."""
    head, _, query = path.read_text(encoding="utf-8").partition("*/")
    told = YAML(typ="safe").load(head.removeprefix("/*"))
    return Check(
        source=told["source"],
        rule=path.stem,
        field=told.get("field", ""),
        severity=told["severity"],
        table=told["table"],
        query=_escaped(query.strip()).replace(f" {told['table']}", " (SELECT * FROM {batch})", 1),
        message_zh=told["message"]["zh"],
        message_en=told["message"]["en"],
        remedy_zh=told["remedy"]["zh"],
        remedy_en=told["remedy"]["en"],
    )


def _escaped(sql: str) -> str:
    return sql.replace("{", "{{").replace("}", "}}")
