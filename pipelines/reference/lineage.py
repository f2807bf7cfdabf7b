"""From which received columns every indicator, item and published column is made, read from the SQL itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipelines import rubric
from pipelines.contracts import load_contracts
from pipelines.reference.picture import Box, Line, draw
from pipelines.transform import ANALYSIS, INDICATOR_FIGURE, Model, load_models, upstream

#: A table and a column of it.
Column = tuple[str, str]

_ACCEPTED = "accepted_"
#: What ingest adds to every row: where it stands, and which town it is about.
_PLACE = ("source_file", "source_sheet", "source_row", "town_id")
#: What a row is found by in nearly every model; to name it each time would say nothing.
_KEY = ("year", "town", "town_code", *_PLACE)
_TOWN_YEAR = ("year", "town_id", "town_code", "town_name", "kind", "district", "managed_by")
_PARTS = {"numerator": "分子 numerator", "denominator": "分母 denominator"}
_JUDGEMENT = ("assessor_scores", "score")


# What the SQL says ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Edition:
    """What an edition says of indicators: the columns of its tables, and which items score or show an indicator."""

    tables: dict[str, tuple[str, ...]]
    scored: list[tuple[str, str]]
    shown: list[tuple[str, str]]


@cache
def _laid_out(folder: Path) -> _Edition:
    import duckdb

    edition = rubric.load_edition(folder)
    tables: dict[str, list[str]] = defaultdict(list)
    with duckdb.connect() as connection:
        rubric.load_into(connection, edition, [rubric.scenario(edition)])
        for table, column in connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY column_index"
        ).fetchall():
            tables[table].append(column)
        scored = connection.execute("SELECT item, indicator FROM rubric_term WHERE indicator IS NOT NULL").fetchall()
        shown = connection.execute("SELECT item, indicator FROM rubric_shown_indicator").fetchall()
    return _Edition({table: tuple(columns) for table, columns in tables.items()}, scored, shown)


@cache
def _read(edition: Path) -> tuple[dict[Column, frozenset[Column]], dict[str, frozenset[Column]]]:
    """For every column of every model the columns its value is made of, and all that a model reads, one step back."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope, traverse_scope

    accepted = {
        _ACCEPTED + name: (*_PLACE, *(field.name for field in contract.fields))
        for name, contract in load_contracts().items()
    }
    known = accepted | _laid_out(edition).tables | {"town_year": _TOWN_YEAR}
    values: dict[Column, frozenset[Column]] = {}
    reads: dict[str, frozenset[Column]] = {}
    for model in load_models().values():
        schema: dict[str, object] = {
            name: dict.fromkeys(known[name], "VARCHAR") for name in model.needs if name in known
        }
        tree = qualify(
            sqlglot.parse_one(model.select, dialect="duckdb"),
            dialect="duckdb",
            schema=schema,
            validate_qualify_columns=False,
            identify=False,
        )
        assert isinstance(tree, exp.Query)
        known[model.name] = tuple(tree.named_selects)
        scope = build_scope(tree)
        for column in known[model.name]:
            # Trimming would copy the whole statement once a column, which takes ten times as long.
            node = lineage(column, tree, schema, dialect="duckdb", scope=scope, trim_selects=False, copy=False)
            values[model.name, column] = frozenset(
                (leaf.source.name, leaf.name.rpartition(".")[2].strip('"'))
                for leaf in node.walk()
                if not leaf.downstream and isinstance(leaf.source, exp.Table)
            )
        reads[model.name] = frozenset(
            (source.name, column.name)
            for part in traverse_scope(tree)
            for column in part.columns
            if isinstance(source := part.sources.get(column.table), exp.Table)
        )
    return values, reads


def origins(edition: Path, table: str, column: str) -> frozenset[Column]:
    """What a column's value is made of in the end.

    These are received columns as (source, field), and what a run makes itself, as (table, column): ``indicator_figure``
    (any indicator), the tables of the rubric, the register, and the record of the run. Where a row was chosen or joined
    by a column, and nothing of its value kept, it is no part.
    """
    values, _ = _read(edition)
    found: set[Column] = set()
    seen = {(table, column)}
    waiting = [(table, column)]
    while waiting:
        each = waiting.pop()
        if each in values:
            waiting += values[each] - seen
            seen |= values[each]
        else:
            found.add((each[0].removeprefix(_ACCEPTED), each[1]))
    return frozenset(found)


def conditions(edition: Path, model: Model) -> frozenset[Column]:
    """Received columns, as (source, field), by which rows are chosen, joined or counted on the way to ``model``."""
    _, reads = _read(edition)
    return frozenset(
        (table.removeprefix(_ACCEPTED), column)
        for each in upstream(model.name)
        for table, column in reads[each.name]
        if table.startswith(_ACCEPTED) and column not in _KEY
    )


# The pictures ---------------------------------------------------------------------------------------------------------


def area(folder: Path, number: str) -> str:
    """Picture of one area of the edition in ``folder``: received columns, the indicators they feed, and the items."""
    edition, used = rubric.load_edition(folder), _laid_out(folder)
    found = next(each for each in edition.areas if each.area == number)
    items = [item for section in found.sections for item in section.items]
    names = {indicator.indicator: indicator for indicator in edition.indicators}
    to_items = [
        Line(indicator, "", item.item, "", is_dashed=pairs is used.shown)
        for item in items
        for pairs in (used.scored, used.shown)
        for of, indicator in sorted(pairs)
        if of == item.item
    ]
    judged = [item.item for item in items if item.item not in {of for of, _ in used.scored}]
    fed: list[Line] = []
    indicators: list[Box] = []
    for name in dict.fromkeys(line.from_box for line in to_items):
        rows = []
        for part, told in _PARTS.items():
            columns = sorted(origins(folder, name, part) & _received())
            fed += [Line(_ACCEPTED + source, field, name, part) for source, field in columns]
            if columns:
                rows.append((part, told))
        chosen = _chosen_by(folder, name)
        fed += [Line(_ACCEPTED + source, field, name, "", is_dashed=True) for source, field in chosen]
        indicators.append(Box(name, f"{names[name].title.zh} {name}", tuple(rows)))
    sources = [
        _source(table.removeprefix(_ACCEPTED), [line.from_row for line in fed if line.from_box == table])
        for table in dict.fromkeys(line.from_box for line in fed)
    ]
    source, field = _JUDGEMENT
    indicators.append(_source(source, [field]))
    return draw(
        f"{found.area} {found.title.zh} {found.title.en}",
        {
            "报送的列 received columns": sources,
            "指标、评分 indicators, judgements": indicators,
            "条款 items": [Box(item.item, f"{item.item} {item.title.zh}（{_worth(item)}）") for item in items],
        },
        [*fed, *to_items, *(Line(_ACCEPTED + source, field, item, "") for item in judged)],
        _ON_AN_AREA,
    )


def overview(folder: Path) -> str:
    """Picture of the whole: every source, indicator and area of the edition in ``folder``, and what is published."""
    edition, used = rubric.load_edition(folder), _laid_out(folder)
    contracts, models = load_contracts(), load_models()
    areas = {item.item: each.area for each in edition.areas for section in each.sections for item in section.items}
    groups = defaultdict(list)
    for model in models.values():
        if model.layer == "marts":
            groups[_group(model)].append(model.name)
    lines: dict[tuple[str, str], Line] = {}
    for name in (indicator.indicator for indicator in edition.indicators):
        made_of = {source for part in _PARTS for source, _ in origins(folder, name, part) & _received()}
        for source in sorted(made_of | {source for source, _ in _chosen_by(folder, name)}):
            lines[_ACCEPTED + source, name] = Line(_ACCEPTED + source, "", name, "", is_dashed=source not in made_of)
    for name in groups["records"]:
        for need in sorted({need for model in upstream(name) for need in model.needs if need.startswith(_ACCEPTED)}):
            lines[need, name] = Line(need, "", name, "")
    for pairs in (used.shown, used.scored):
        for item, indicator in sorted(pairs):
            lines[indicator, areas[item]] = Line(indicator, "", areas[item], "", is_dashed=pairs is used.shown)
    for item, number in areas.items():
        if item not in {of for of, _ in used.scored}:
            lines["assessor_score", number] = Line("assessor_score", "", number, "")
    for number in dict.fromkeys(areas.values()):
        lines["adjustment", number] = Line("adjustment", "", number, "", is_dashed=True)
        lines[number, "scores"] = Line(number, "", "scores", "")
    lines["scores", "analysis"] = Line("scores", "", "analysis", "")
    middle = [Box(each.indicator, f"{each.title.zh} {each.indicator}") for each in edition.indicators]
    middle += [Box(name, name) for name in groups["records"]]
    order = {box.name: at for at, box in enumerate(middle)}
    tables = [_ACCEPTED + name for name in contracts]
    first = {table: min([order[to] for of, to in lines if of == table], default=len(order)) for table in tables}
    return draw(
        "报送、指标、条款、结果 From what is received to what is published",
        {
            "报送 received": [
                _source(table.removeprefix(_ACCEPTED), ()) for table in sorted(tables, key=lambda table: first[table])
            ],
            "指标、明细 indicators, records": middle,
            "部分 areas": [
                Box(each.area, f"{each.area} {each.title.zh}（{each.points} 分）") for each in edition.areas
            ],
            "计分结果 scores": [_marts("scores", groups["scores"])],
            "分析 analysis": [_marts("analysis", groups["analysis"])],
        },
        list(lines.values()),
        _ON_THE_WHOLE,
    )


def _group(model: Model) -> str:
    """Where a mart belongs in the overview; empty where nothing received feeds it by way of the gate."""
    behind = upstream(model.name)
    needs = {need for each in behind for need in each.needs}
    if any(each.layer in ANALYSIS for each in behind):
        return "analysis"
    if INDICATOR_FIGURE in needs:
        return "scores"
    return "records" if any(need.startswith(_ACCEPTED) for need in needs) else ""


def _received() -> frozenset[Column]:
    return frozenset((name, field.name) for name, contract in load_contracts().items() for field in contract.fields)


def _chosen_by(folder: Path, indicator: str) -> list[Column]:
    """Received columns that choose the rows of an indicator and are no part of its value."""
    made_of = {column for part in _PARTS for column in origins(folder, indicator, part)}
    return sorted(conditions(folder, load_models()[indicator]) - made_of)


def _source(name: str, fields: Collection[str]) -> Box:
    """The box of a source with those of its columns named in ``fields``."""
    contract = load_contracts()[name]
    rows = tuple((field.name, f"{field.title} {field.name}") for field in contract.fields if field.name in fields)
    return Box(_ACCEPTED + name, f"{contract.title} {name}", rows)


def _marts(name: str, marts: list[str]) -> Box:
    return Box(name, "发布的表 published", tuple((mart, mart) for mart in marts))


def _worth(item: rubric.Item) -> str:
    return f"{item.points} 分" if item.kind == "scored" else {"bonus": "加分", "condition": "条件"}[item.kind]


_ON_AN_AREA = (
    "实线：数值由此而来。虚线：只用来选行、配对、计数，或只供考核员参考。复核更正（adjustments）可替换任何一条的得分。",
    "Solid: the value is made of it. Dashed: rows are chosen, matched or counted by it, or an assessor is shown it.",
    "A review (adjustments) may replace any item's score.",
)
_ON_THE_WHOLE = (
    "实线：数值由此而来。虚线：只用来选行、配对、计数，只供考核员参考，或在复核时替换得分。细则和运行记录的表未画。",
    "Solid: the value is made of it. Dashed: rows are chosen, matched or counted by it, an assessor is shown it, or it",
    "replaces a score on review. Tables of the rubric itself and of the record of the run are not drawn.",
)


# The page -------------------------------------------------------------------------------------------------------------


_INTRODUCTION = """\
# 数据来路 Lineage

每个指标、每条、每个发布的列由哪些报送的列得来，直接从 SQL 读出。由 `make docs` 生成。
某一个得分来自哪一行，用 `kaohe explain` 查。

Which received columns every indicator, item and published column is made of, read from the SQL. Generated.
`kaohe explain` tells the row behind one score.
"""
_INDICATORS = """
## 指标 Indicators

分子、分母：值由哪些列得来；没有列的写明含义。选行：按哪些列选行、配对或计数。加括号的条款由考核员评定，指标供其参考。

Numerator and denominator: the columns the value is made of, or what it is where there are none. Chosen by: the columns
by which rows are chosen, matched or counted. Items in brackets are judged, and the assessor is shown the indicator.
"""
_MARTS = """
## 发布的表 Marts

只列值的来源，不列选行、连接所用的列；空白为计数或固定值。「另据」：指标（任何一个）、细则、名录、运行记录。

What values are made of, not what rows are chosen or joined by; nothing where it is a count or fixed. Also: any
indicator, the rubric, the register of towns, the record of the run."""


def page(folder: Path) -> str:
    """The page about the edition in ``folder``; its pictures lie in ``lineage/`` beside it."""
    return "\n".join(_lines(folder)) + "\n"


def _lines(folder: Path) -> Iterator[str]:
    edition, used, models = rubric.load_edition(folder), _laid_out(folder), load_models()
    yield _INTRODUCTION
    yield "![总图 overview](lineage/overview.svg)"
    for each in edition.areas:
        yield f"\n## {each.area} {each.title.zh} {each.title.en}"
        yield f"\n![{each.title.zh}](lineage/area-{each.area}.svg)"
    yield _INDICATORS
    yield "| 指标 indicator | 分子 numerator | 分母 denominator | 选行 chosen by | 条款 items |\n|---|---|---|---|---|"
    for indicator in edition.indicators:
        name = indicator.indicator
        parts = [_named(origins(folder, name, part) & _received()) or models[name].columns[part] for part in _PARTS]
        items = [of for of, by in used.scored if by == name] + [f"({of})" for of, by in used.shown if by == name]
        told = [f"{indicator.title.zh} {indicator.title.en}<br>`{name}`", *parts, _named(_chosen_by(folder, name))]
        yield f"| {' | '.join(told)} | {', '.join(items)} |"
    yield _MARTS
    for model in sorted(models.values(), key=lambda model: model.name):
        if model.layer == "marts":
            needs = ", ".join(f"`{need}`" for need in sorted(model.needs))
            yield f"\n### {model.name}\n\n{model.grain}. 读取 reads {needs}."
            yield "\n| 列 column | 报送的列 received columns | 另据 also |\n|---|---|---|"
            for column in model.yields:
                found = origins(folder, model.name, column)
                also = sorted({_other(*each) for each in found - _received()})
                yield f"| `{column}` | {_named(found & _received())} | {', '.join(also)} |"


def _named(columns: frozenset[Column] | list[Column]) -> str:
    return ", ".join(f"`{source}.{field}`" for source, field in sorted(columns))


def _other(table: str, column: str) -> str:
    """What a column that is neither a model's nor received tells of."""
    if table == INDICATOR_FIGURE:
        return "指标 indicators"
    if table.startswith("rubric_"):
        return "细则 rubric"
    # Whatever a row calls its town, it is known by the register.
    return "名录 register" if table == "town_year" or column == "town_id" else "运行记录 run"
