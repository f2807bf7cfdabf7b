"""Every check there is: what the contracts ask for, and the SQL files beside this one for what spans sources.

A check is a query for all rows that break it. Only data rows are looked at, but for totals; a cell that cannot be read
breaks ``type`` and is left alone by every other check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pipelines import transform
from pipelines.contracts import Contract, ContractField, NotAbove, StatedRate
from pipelines.ingest.identity import REFUSALS
from pipelines.ingest.values import ascii_text, is_unparsed, town_key, unread_bit
from pipelines.plain_yaml import load_yaml
from pipelines.sql_text import literal

FOLDER = Path(__file__).with_name("checks")

Severity = Literal["critical", "warning"]

#: The field a source may say the code of the town in, beside its name.
_CODE = "town_code"

#: The rule that speaks of a sheet: where it is broken, no row of the sheet can be relied on.
TOTAL_AGREES = "total_agrees"


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        source, rule, field: what it is about; ``field`` is '' where it is about the row or the whole source.
        severity: critical blocks the row, warning is shown.
        query: SELECT of all breaking rows by source_file, source_sheet, source_row (NULL for what is absent). It may
            add position (of the column), year, town_id, value, message_zh and message_en; what it leaves out or NULL
            comes from the row, and the wording from the check.
        condition: SQL that is true of the rows of typed_<source> that ``query`` finds, where they can be told one by
            one: all conditions of a source are counted in one pass. Empty where only the query can tell.
        message_zh, message_en: what is wrong. remedy_zh, remedy_en: what to do.
        models: the models it reads. They rest on accepted rows, so such a check runs once the rows are parted, and
            can only warn.
    """

    source: str
    rule: str
    field: str
    severity: Severity
    query: str
    message_zh: str
    message_en: str
    remedy_zh: str
    remedy_en: str
    condition: str = ""
    models: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """``<source>.<rule>[.<field>]``, unique among checks."""
        return ".".join(part for part in (self.source, self.rule, self.field) if part)


def every_check(contracts: Mapping[str, Contract]) -> list[Check]:
    """The checks of all contracts, then those of the SQL files, in a fixed order."""
    found = [check for contract in contracts.values() for check in _contract_checks(contract)]
    return [*found, *spanning_checks()]


@cache
def spanning_checks() -> tuple[Check, ...]:
    """The checks of the SQL files, which look at more than one source."""
    return tuple(_from_file(path) for path in sorted(FOLDER.glob("*.sql")))


def _contract_checks(contract: Contract) -> Iterator[Check]:
    for field in contract.fields:
        yield from _cell_checks(contract, field)
    yield _unique(contract)
    for key in contract.foreign_keys:
        if key.reference.resource == "towns":
            yield _known_town(contract, key.fields)
            yield _town_in_year(contract, key.fields)
            if any(field.name == _CODE for field in contract.fields):
                yield _code_agrees(contract, key.fields)
        else:
            yield _known_item(contract, key.fields)
    for rule in contract.rules:
        yield _not_above(contract, rule) if isinstance(rule, NotAbove) else _stated_rate(contract, rule)
    if contract.town_field:
        yield _folder_year(contract)
        yield from (_date_in_reach(contract, field) for field in contract.fields if field.type == "date")
    if contract.coverage:
        yield _expected(contract)
    if contract.counted:
        yield _no_rows(contract)
    yield _known_column(contract)
    yield _perhaps_cut(contract)
    yield from (_total_agrees(contract, field) for field in contract.fields if field.additive)


def _cell_checks(contract: Contract, field: ContractField) -> Iterator[Check]:
    title, limits = f"「{field.title}」", field.constraints
    is_unread = _is_unread(contract, field)
    is_empty = f'"{field.name}" IS NULL AND NOT {is_unread}'
    if field.type != "string":
        yield _row_check(
            contract, "type", field.name, "critical", is_unread,
            f"{title}不是{_TYPE_ZH[field.type]}", f"{field.name} is no {field.type}",
            _TYPE_REMEDY_ZH[field.type], _TYPE_REMEDY_EN[field.type],
        )  # fmt: skip
    if field.personal:
        yield _identity(contract, field)
    if limits.required:
        yield _row_check(
            contract, "required", field.name, "critical", is_empty,
            f"{title}为空", f"{field.name} is empty", "此列每行必填", "every row needs it",
        )  # fmt: skip
    elif field.type in ("integer", "number") and not field.optional:
        yield _row_check(
            contract, "reported", field.name, "warning", is_empty,
            f"{title}未报，按缺报处理，不按 0 计", f"{field.name} is not reported: missing, not 0",
            "有数则补报；确为零请填 0", "report it; write 0 if it is zero",
        )  # fmt: skip
    for rule, sign, limit, zh, en in (
        ("minimum", "<", limits.minimum, "小于", "below"),
        ("maximum", ">", limits.maximum, "大于", "above"),
    ):
        if limit is not None:
            yield _row_check(
                contract, rule, field.name, "critical", f'"{field.name}" {sign} {limit}',
                f"{title}{zh} {limit}", f"{field.name} is {en} {limit}", "请更正该数", "correct it",
            )  # fmt: skip
    if limits.enum:
        yield _row_check(
            contract, "set", field.name, "critical",
            f'"{field.name}" NOT IN ({", ".join(map(literal, limits.enum))})',
            f"{title}不在规定范围", f"{field.name} is none of its values",
            f"只能填：{'、'.join(limits.enum)}", f"one of {', '.join(limits.enum)}",
        )  # fmt: skip


def _identity(contract: Contract, field: ContractField) -> Check:
    """What is no identity number; why was kept in its place when it was loaded."""
    title, column = f"「{field.title}」", f'"{field.name}"'

    def told(start: str, at: int) -> str:
        cases = " ".join(
            f"WHEN ends_with({column}, ' {key}') THEN {literal(start + words[at])}" for key, words in REFUSALS.items()
        )
        return f"CASE {cases} ELSE {literal(start + REFUSALS['form'][at])} END"

    query = f"""
        SELECT source_file, source_sheet, source_row,
            {told(title, 0)} AS message_zh, {told(f"{field.name} ", 1)} AS message_en
        FROM raw_{contract.name} WHERE row_kind = 'data' AND {is_unparsed(field)}"""
    return Check(
        contract.name, "identity", field.name, "critical", query,
        f"{title}不是有效的证件号", f"{field.name} is no identity number",
        "请按证件核对 18 位号码，表格中此列先设为文本格式再填",
        "copy the 18 places from the card; format the column as text before filling it in",
    )  # fmt: skip


_TYPE_ZH = {
    "integer": "整数",
    "number": "至多两位小数的数",
    "boolean": "是或否",
    "date": "日期",
    "year": "年度",
}
_TYPE_REMEDY_ZH = {
    "integer": "填整数，不带单位；没有数据填 —",
    "number": "填至多两位小数的数，不带单位；没有数据填 —",
    "boolean": "填 是 或 否（有/无、√/×）",
    "date": "填 2013-02-22 或 2013年2月22日 这样的日期",
    "year": "填四位年度",
}
_TYPE_REMEDY_EN = {
    "integer": "write a whole number without a unit, or — if there is none",
    "number": "write a number with two decimals at most, or — if there is none",
    "boolean": "write 是 or 否",
    "date": "write a date such as 2013-02-22",
    "year": "write a year of four digits",
}


def _is_unread(contract: Contract, field: ContractField) -> str:
    """SQL condition on typed_<source>: the cell says something that is no value."""
    return f"(unread & {unread_bit(contract, field)} <> 0)"


def _row_check(
    contract: Contract,
    rule: str,
    field: str,
    severity: Severity,
    condition: str,
    message_zh: str,
    message_en: str,
    remedy_zh: str,
    remedy_en: str,
    more: str = "",
) -> Check:
    """A check that looks at data rows one by one; ``more`` is what its query says of a row beside its place."""
    condition = f"row_kind = 'data' AND ({condition})"
    query = f"SELECT source_file, source_sheet, source_row{more} FROM typed_{contract.name} WHERE {condition}"
    return Check(
        contract.name, rule, field, severity, query, message_zh, message_en, remedy_zh, remedy_en, condition
    )  # fmt: skip


def _unique(contract: Contract) -> Check:
    # A unit under its old and its new name is one unit, so the town is compared by its stable id.
    key = ["town_id" if name == contract.town_field else f'"{name}"' for name in contract.primary_key]
    told = ["'***'" if contract.field(name).personal else f'received."{name}"' for name in contract.primary_key]
    titles = "、".join(contract.field(name).title for name in contract.primary_key)
    place = "{'file': typed.source_file, 'sheet': typed.source_sheet, 'row': typed.source_row}"
    given = f"typed.row_kind = 'data' AND {' AND '.join(f'typed.{column} IS NOT NULL' for column in key)}"
    mark = f"hash({', '.join(f'typed.{column}' for column in key)})"
    # Counted by a number in place of the key, which is long where rows are many and about persons. Few rows share one,
    # and those are looked at closely.
    query = f"""
        WITH suspect AS (
            SELECT {mark} AS mark FROM typed_{contract.name} AS typed
            WHERE {given}
            GROUP BY mark HAVING count(*) > 1
        ),
        alike AS (
            SELECT typed.source_file, typed.source_sheet, typed.source_row, count(*) OVER same AS rows_alike,
                {place} AS place, min({place}) OVER same AS first_one, max({place}) OVER same AS last_one
            FROM typed_{contract.name} AS typed SEMI JOIN suspect ON {mark} = suspect.mark
            WHERE {given}
            WINDOW same AS (PARTITION BY {", ".join(f"typed.{column}" for column in key)})
        ),
        paired AS (
            SELECT alike.*, CASE WHEN first_one = place THEN last_one ELSE first_one END AS other,
                concat_ws(' / ', {", ".join(told)}) AS value
            FROM alike INNER JOIN raw_{contract.name} AS received USING (source_file, source_sheet, source_row)
            WHERE alike.rows_alike > 1
        )
        SELECT source_file, source_sheet, source_row, value,
            {literal(f"同一{titles}有 ")} || rows_alike || ' 行，另见 '
                || concat_ws(' ', other.file, nullif(other.sheet, '')) || ' 第 ' || other.row || ' 行' AS message_zh,
            rows_alike || ' rows for the same {", ".join(contract.primary_key)}; see also '
                || concat_ws(' ', other.file, nullif(other.sheet, '')) || ' row ' || other.row AS message_en
        FROM paired"""
    return Check(
        contract.name, "unique", "", "critical", query,
        f"同一{titles}出现多行", f"more than one row for the same {', '.join(contract.primary_key)}",
        "请只保留正确的一行（其他文件中的也算）", "keep the right one, here or in the other file",
    )  # fmt: skip


def _known_town(contract: Contract, town: str) -> Check:
    name = town_key(f'"{town}"')
    # Similar names are offered and never taken: one character may be all that two towns differ in.
    query = f"""
        WITH unknown AS (
            SELECT "{town}", {name} AS name FROM typed_{contract.name}
            WHERE row_kind = 'data' AND "{town}" IS NOT NULL AND town_id IS NULL GROUP BY ALL
        ),
        register AS (
            SELECT DISTINCT name, town_name FROM town_name_lookup INNER JOIN town_register USING (town_id)
        ),
        likeness AS (
            SELECT unknown.name, register.town_name, max(jaro_winkler_similarity(unknown.name, register.name)) AS alike
            FROM (SELECT DISTINCT name FROM unknown) AS unknown CROSS JOIN register
            GROUP BY unknown.name, register.town_name
            QUALIFY row_number() OVER (PARTITION BY unknown.name ORDER BY alike DESC, register.town_name) <= 3
        ),
        nearest AS (
            SELECT name, is_shared, string_agg(town_name, '、' ORDER BY alike DESC, town_name) AS towns
            FROM (SELECT *, max(alike) OVER (PARTITION BY name) = 1 AS is_shared FROM likeness)
            WHERE alike = 1 OR NOT is_shared
            GROUP BY name, is_shared
        )
        SELECT typed.source_file, typed.source_sheet, typed.source_row,
            CASE WHEN nearest.is_shared THEN '名录中有多个单位用此名称：' ELSE '名录中没有此镇街；相近的有：' END
                || nearest.towns AS message_zh,
            CASE WHEN nearest.is_shared THEN 'more than one unit of the register bears this name: '
                ELSE 'no such town in the register; nearest: ' END || nearest.towns AS message_en
        FROM typed_{contract.name} AS typed
        INNER JOIN unknown USING ("{town}")
        LEFT JOIN nearest USING (name)
        WHERE typed.row_kind = 'data' AND typed.town_id IS NULL"""
    return Check(
        contract.name, "known_town", town, "critical", query,
        "名录中没有此镇街", "no such town in the register",
        "请按名录填写名称或代码；新设或改名的先更新名录",
        "use a name or code of the register, or update the register first",
        condition=f"""row_kind = 'data' AND "{town}" IS NOT NULL AND town_id IS NULL""",
    )  # fmt: skip


def _town_in_year(contract: Contract, town: str) -> Check:
    query = f"""
        WITH used AS (
            SELECT DISTINCT year, town_id, "{town}" FROM typed_{contract.name}
            WHERE row_kind = 'data' AND year IS NOT NULL AND town_id IS NOT NULL
        ),
        wrong AS (
            SELECT used.year, used.town_id, used."{town}", (
                SELECT string_agg(valid.town_name, '、' ORDER BY valid.town_name) FROM town_register AS valid
                WHERE valid.town_id = used.town_id
                    AND used.year >= coalesce(valid.valid_from, used.year)
                    AND used.year <= coalesce(valid.valid_to, used.year)
            ) AS in_use
            FROM used
            WHERE NOT EXISTS (
                SELECT 1 FROM town_name_lookup AS known
                WHERE known.name = {town_key(f'used."{town}"')} AND known.town_id = used.town_id
                    AND used.year >= coalesce(known.valid_from, used.year)
                    AND used.year <= coalesce(known.valid_to, used.year)
            )
        )
        SELECT typed.source_file, typed.source_sheet, typed.source_row,
            CASE WHEN wrong.in_use IS NULL THEN '该单位 ' || wrong.year || ' 年度不在名录中'
                ELSE '此名称或代码 ' || wrong.year || ' 年度不使用，该年度为「' || wrong.in_use || '」'
                END AS message_zh,
            CASE WHEN wrong.in_use IS NULL THEN 'the unit is not in the register in ' || wrong.year
                ELSE 'this name or code is not in use in ' || wrong.year || '; in that year it is ' || wrong.in_use
                END AS message_en
        FROM typed_{contract.name} AS typed
        INNER JOIN wrong USING (year, town_id, "{town}")
        WHERE typed.row_kind = 'data'"""
    return Check(
        contract.name, "town_in_year", town, "critical", query,
        "此镇街名称或代码在该年度不使用", "this name or code is not in use in that year",
        "请用该年度名录中的名称；沿用旧名的可在名录中列为别名",
        "use the register's name for that year, or list this one there as an alias",
    )  # fmt: skip


def _code_agrees(contract: Contract, town: str) -> Check:
    query = f"""
        SELECT typed.source_file, typed.source_sheet, typed.source_row,
            '代码与「' || typed."{town}" || '」不是同一单位' || coalesce('，该代码是「' || other.town_name || '」', '')
                AS message_zh,
            'the code is not that of ' || typed."{town}" || coalesce('; it is ' || other.town_name, '') AS message_en
        FROM typed_{contract.name} AS typed
        ANTI JOIN town_name_lookup AS known
            ON known.name = {town_key("typed.town_code")} AND known.town_id = typed.town_id
        LEFT JOIN (
            SELECT town_code, min(town_name) AS town_name FROM town_register GROUP BY town_code
        ) AS other ON other.town_code = {town_key("typed.town_code")}
        WHERE typed.row_kind = 'data' AND typed.town_code IS NOT NULL AND typed.town_id IS NOT NULL"""
    return Check(
        contract.name, "code_agrees", "town_code", "critical", query,
        "代码与镇街不是同一单位", "the code is not that of the town",
        "请核对是哪个单位的数，改正代码或镇街", "see whose figures they are, and correct the code or the town",
    )  # fmt: skip


def _known_item(contract: Contract, field: str) -> Check:
    query = f"""
        SELECT source_file, source_sheet, source_row FROM typed_{contract.name}
        WHERE row_kind = 'data' AND "{field}" NOT IN (SELECT item FROM rubric_item)"""
    return Check(
        contract.name, "known_item", field, "critical", query,
        "考核细则中没有此条款", "the rubric has no such item",
        "请按细则填写条款号，如 1.4.1", "use an item number of the rubric, such as 1.4.1",
    )  # fmt: skip


def _not_above(contract: Contract, rule: NotAbove) -> Check:
    field, limit = contract.field(rule.field), contract.field(rule.limit)
    told = f""",
        {literal(f"「{field.title}」")} || "{field.name}" || {literal(f" 大于「{limit.title}」")} || "{limit.name}"
            AS message_zh,
        '{field.name} ' || "{field.name}" || ' is above {limit.name} ' || "{limit.name}" AS message_en"""
    return _row_check(
        contract, "not_above", field.name, "critical", f'"{field.name}" > "{limit.name}"',
        f"「{field.title}」大于「{limit.title}」", f"{field.name} is above {limit.name}",
        "请核对两列是否填反或填错", "see whether the two are swapped or wrong", more=told,
    )  # fmt: skip


def _stated_rate(contract: Contract, rule: StatedRate) -> Check:
    numerator, denominator = contract.field(rule.numerator), contract.field(rule.denominator)
    n, d = (f'CAST(CAST(typed."{part.name}" AS DECIMAL(38, 2)) * 100 AS HUGEINT)' for part in (numerator, denominator))
    given = ascii_text(f'received."{rule.field}"')

    def agrees(whole: str, digits: str) -> str:
        # All in whole numbers: what is stated may be half a unit of its last digit off. Figures too large to multiply
        # are of nothing there is, and agree with nothing.
        return f"TRY(abs(rate * d - n * {whole}) * 2 * CAST('1' || repeat('0', {digits}) AS HUGEINT) <= d * 1000000)"

    # A cell formatted as a percentage keeps 98.5% as 0.985, so a figure without a sign may also be the ratio.
    query = f"""
        WITH stated AS (
            SELECT typed.source_file, typed.source_sheet, typed.source_row,
                CAST(CAST(typed."{rule.field}" AS DECIMAL(38, 6)) * 1000000 AS HUGEINT) AS rate,
                {n} AS n, {d} AS d,
                contains({given}, '%') AS is_percent,
                least(length(regexp_extract({given}, '[.]([0-9]+)', 1)), 6) AS digits
            FROM typed_{contract.name} AS typed
            INNER JOIN raw_{contract.name} AS received USING (source_file, source_sheet, source_row)
            WHERE typed.row_kind = 'data'
        ),
        compared AS (
            SELECT *,
                {agrees("100000000", "digits")} AS agrees_as_percent,
                NOT is_percent AND {agrees("1000000", "greatest(digits, 2)")} AS agrees_as_ratio
            FROM stated WHERE rate IS NOT NULL AND n IS NOT NULL AND d > 0
        )
        SELECT source_file, source_sheet, source_row FROM compared
        WHERE NOT coalesce(agrees_as_percent, FALSE) AND NOT coalesce(agrees_as_ratio, FALSE)"""
    return Check(
        contract.name, "stated_rate", rule.field, "warning", query,
        f"所填比率与「{numerator.title}」「{denominator.title}」不符",
        f"the stated rate does not agree with {numerator.name} and {denominator.name}",
        "请核对比率、分子和分母；得分只按分子和分母计算", "see which of the three is wrong; only the parts are scored",
    )  # fmt: skip


def _folder_year(contract: Contract) -> Check:
    query = f"""
        SELECT typed.source_file, typed.source_sheet, typed.source_row
        FROM typed_{contract.name} AS typed INNER JOIN delivery_file AS file USING (source_file)
        WHERE typed.row_kind = 'data' AND typed.year <> file.year"""
    return Check(
        contract.name, "folder_year", "year", "critical", query,
        "年度与所在文件夹不符", "the year is not that of the folder",
        "请更正年度，或将文件移到该年度的文件夹", "correct the year or move the file",
    )  # fmt: skip


def _date_in_reach(contract: Contract, field: ContractField) -> Check:
    """A date of another time is a slip of the pen, such as 2031 for 2013, that would count as years of delay."""
    outside = f'extract(year FROM "{field.name}") NOT BETWEEN "year" - 1 AND "year" + 2'
    return _row_check(
        contract, "date_in_reach", field.name, "critical", outside,
        f"「{field.title}」与年度相差太远", f"{field.name} is far from the year it belongs to",
        "请更正日期；应在上年至后两年之间", "correct it; it should lie between the year before and two years after",
    )  # fmt: skip


def _expected(contract: Contract) -> Check:
    """What is absent of towns × months × the values of a set, in each year the source was delivered for."""
    sets, told, told_en = [], ["town_name"], ["town_name"]
    columns = ["town_id" if name == contract.town_field else f'"{name}"' for name in contract.coverage]
    for name in contract.coverage:
        if name != contract.town_field:
            values = [literal(value) for value in contract.field(name).constraints.enum] or map(str, range(1, 13))
            sets.append(f'CROSS JOIN (SELECT unnest([{", ".join(values)}]) AS "{name}")')
            is_month = contract.field(name).unit == "month"
            told.append(f"\"{name}\" || ' 月'" if is_month else f'"{name}"')
            told_en.append(f"'month ' || \"{name}\"" if is_month else f'"{name}"')
    query = f"""
        WITH delivered AS (
            -- Where a year came in one file, what is absent is absent from it.
            SELECT year, CASE count(*) WHEN 1 THEN min(source_file) ELSE year || '/{contract.name}*' END AS source_file
            FROM delivery_file WHERE source = '{contract.name}' GROUP BY year
        ),
        present AS (
            SELECT coalesce(typed.year, file.year) AS year,
                {", ".join(f"typed.{column}" for column in columns)}
            FROM typed_{contract.name} AS typed INNER JOIN delivery_file AS file USING (source_file)
            WHERE typed.row_kind = 'data'
        )
        SELECT delivered.source_file, '' AS source_sheet, CAST(NULL AS BIGINT) AS source_row,
            year, town_id, '缺：' || concat_ws(' ', {", ".join(told)}) AS message_zh,
            'absent: ' || concat_ws(', ', {", ".join(told_en)}) AS message_en
        FROM delivered INNER JOIN town_year USING (year) {" ".join(sets)}
        ANTI JOIN present USING (year, {", ".join(columns)})"""
    return Check(
        contract.name, "expected", "", "warning", query,
        "应有的行缺失", "a row that is expected is absent", "请补报", "report it",
    )  # fmt: skip


def _no_rows(contract: Contract) -> Check:
    """Towns without a row in a year the source was delivered for, where that counts as 0."""
    query = f"""
        SELECT town_year.year || '/{contract.name}*' AS source_file, '' AS source_sheet,
            CAST(NULL AS BIGINT) AS source_row, town_year.year, town_year.town_id,
            town_year.town_name || '：该年度无任何记录，按 0 计' AS message_zh,
            town_year.town_name || ': no row in the year, counted as 0' AS message_en
        FROM town_year
        SEMI JOIN (SELECT year FROM delivery_file WHERE source = '{contract.name}') AS delivered USING (year)
        ANTI JOIN (SELECT year, town_id FROM typed_{contract.name} WHERE row_kind = 'data') AS present
            USING (year, town_id)"""
    return Check(
        contract.name, "no_rows", "", "warning", query,
        "该年度台账已报送，此单位一行也没有，按 0 计",
        "the log was delivered and has no row of this town, which counts as 0",
        "如有漏报请补报", "report what was left out",
    )  # fmt: skip


def _known_column(contract: Contract) -> Check:
    query = f"""
        SELECT header.source_file, header.source_sheet, nullif(sheet.header_row, 0) AS source_row,
            header.position, header.header AS value
        FROM delivery_column AS header
        INNER JOIN delivery_file AS file USING (source_file)
        INNER JOIN delivery_sheet AS sheet USING (source_file, source_sheet)
        WHERE file.source = '{contract.name}' AND header.field IS NULL
            AND regexp_replace(header.header, '\\s', '', 'g') NOT IN ('序号', '备注')"""
    return Check(
        contract.name, "known_column", "", "warning", query,
        "此列不是合同所列，其内容未读入", "the contract has no such column; what it holds is left out",
        f"列名应为：{'、'.join(field.title for field in contract.fields)}；多余的列可不理会",
        f"the columns are {', '.join(field.name for field in contract.fields)}; others may stay",
    )  # fmt: skip


def _perhaps_cut(contract: Contract) -> Check:
    """Sheets with exactly as many rows as old or new workbooks hold at most: what was longer has been cut there."""
    query = f"""
        SELECT sheet.source_file, sheet.source_sheet, CAST(NULL AS BIGINT) AS source_row, sheet.rows_read AS value
        FROM delivery_sheet AS sheet INNER JOIN delivery_file AS file USING (source_file)
        WHERE file.source = '{contract.name}' AND sheet.rows_read IN (65536, 1048576)"""
    return Check(
        contract.name, "perhaps_cut", "", "warning", query,
        "行数恰为 Excel 的上限，超出的行可能已被截去",
        "exactly as many rows as Excel holds: what was beyond may have been cut off",
        "请核对原表行数；更长的请拆分成几个文件，或改报 .csv",
        "compare with the original; send longer tables in several files or as .csv",
    )  # fmt: skip


def _total_agrees(contract: Contract, field: ContractField) -> Check:
    """Each total against the rows it covers: since the last subtotal, and since the last total or in the whole sheet.

    A total over a cell that cannot be read is not compared: the cell is told, and nothing more is known.
    """
    name = f'"{field.name}"'
    query = f"""
        WITH numbered AS (
            SELECT source_file, source_sheet, source_row, kind, figure,
                is_unread,
                count(*) FILTER (WHERE kind = 'subtotal') OVER earlier AS subtotals,
                count(*) FILTER (WHERE kind = 'total') OVER earlier AS totals
            FROM (
                SELECT source_file, source_sheet, source_row, row_kind AS kind, {name} AS figure,
                    {_is_unread(contract, field)} AS is_unread
                FROM typed_{contract.name}
            )
            SEMI JOIN (SELECT source_file, source_sheet FROM typed_{contract.name} WHERE row_kind <> 'data') AS summed
                USING (source_file, source_sheet)
            WINDOW earlier AS (
                PARTITION BY source_file, source_sheet ORDER BY source_row
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
        ),
        part AS (
            SELECT source_file, source_sheet, subtotals, totals, sum(figure) AS figure, bool_or(is_unread) AS is_unread
            FROM numbered WHERE kind = 'data' GROUP BY source_file, source_sheet, subtotals, totals
        ),
        compared AS (
            SELECT stated.source_file, stated.source_sheet, stated.source_row, stated.kind, stated.figure,
                coalesce(sum(part.figure), 0) AS of_sheet,
                coalesce(sum(part.figure) FILTER (WHERE part.totals = stated.totals), 0) AS since_total,
                coalesce(sum(part.figure) FILTER (
                    WHERE part.totals = stated.totals AND part.subtotals = stated.subtotals
                ), 0) AS since_subtotal,
                coalesce(bool_or(part.is_unread AND (stated.kind = 'total' OR (
                    part.totals = stated.totals AND part.subtotals = stated.subtotals
                ))), FALSE) AS is_unread
            FROM (SELECT * FROM numbered WHERE kind <> 'data' AND figure IS NOT NULL) AS stated
            LEFT JOIN part USING (source_file, source_sheet)
            GROUP BY ALL
        )
        SELECT source_file, source_sheet, source_row,
            '合计 ' || figure || ' 与各行之和 ' || CASE kind WHEN 'total' THEN of_sheet ELSE since_subtotal END
                || ' 不符' AS message_zh,
            'the total ' || figure || ' is not the sum of its rows, '
                || CASE kind WHEN 'total' THEN of_sheet ELSE since_subtotal END AS message_en
        FROM compared
        WHERE NOT is_unread AND CASE kind
            WHEN 'total' THEN figure NOT IN (of_sheet, since_total) ELSE figure <> since_subtotal
        END"""
    return Check(
        contract.name, TOTAL_AGREES, field.name, "critical", query,
        "合计与各行之和不符", "the total is not the sum of its rows",
        "请核对是否漏行、错行，或更正合计", "see whether a row is absent or wrong, or correct the total",
    )  # fmt: skip


def _from_file(path: Path) -> Check:
    """A check that spans sources: its header says what it is, its SELECT finds the breaking rows."""
    head, _, query = path.read_text(encoding="utf-8").partition("*/")
    told = load_yaml(head.removeprefix("/*"))
    models = transform.tables(query) & set(transform.load_models())
    if models and told["severity"] != "warning":
        raise ValueError(f"{path.name}: what reads a model comes after the gate and can only warn")
    return Check(
        source=told["source"],
        rule=path.stem,
        field=told.get("field", ""),
        severity=told["severity"],
        query=query.strip(),
        message_zh=told["message"]["zh"],
        message_en=told["message"]["en"],
        remedy_zh=told["remedy"]["zh"],
        remedy_en=told["remedy"]["en"],
        models=models,
    )
