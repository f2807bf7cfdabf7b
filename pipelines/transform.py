"""Runs the SQL models: one SELECT a file, file name = table, in the order their own FROM clauses ask for.

A model starts with a block comment holding YAML: ``grain``, ``key`` (marts) and ``columns`` (what each column means and
its unit). ``persons`` lists the columns of a mart that count persons of person-level sources, ``made_of_persons`` those
computed from them. What a column means everywhere stands once in ``models/columns.yml``; a model that stands in for
another's figures names it in ``columns_of``. A model without a SELECT of its own is ``same_as`` another one,
``reading`` other tables or columns in place of those the other reads: the same rules on other figures, and columns that
mean the same. ``by_town`` says that each row rests on rows of its own town and year alone, and on those without either,
so that where only some towns changed, only their rows are made anew; a test holds every such model to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.plain_yaml import load_yaml
from pipelines.sql_text import literal

if TYPE_CHECKING:
    import duckdb

    from pipelines.contracts import Contract

FOLDER = Path(__file__).parent / "models"

#: What every indicator model yields is gathered under this name, so that a new indicator is one new file.
INDICATOR_FIGURE = "indicator_figure"


#: The layers that ask about results: no score, total or grade rests on them.
ANALYSIS = ("levers", "changes", "stability", "screens")


class Engine(Protocol):
    """What runs the SQL of models and checks."""

    def run_models(self, models: Sequence[Model], report: Callable[[str], None]) -> None:
        """Make the tables of models, in the order given, and report the name of each."""

    def cursor(self) -> Any:
        """A cursor of the Python database API, to ask what the checks ask."""


@dataclass(frozen=True)
class InDuckDB:
    """DuckDB itself, on the connection of the run."""

    connection: duckdb.DuckDBPyConnection

    def run_models(self, models: Sequence[Model], report: Callable[[str], None]) -> None:
        """See ``Engine``."""
        run_models(self.connection, models, report)

    def cursor(self) -> Any:
        """See ``Engine``."""
        return self.connection.cursor()


@dataclass(frozen=True)
class Model:
    """One SQL model.

    Attributes:
        name: name of the file and of the table.
        layer: folder it lies in: staging, indicators, scores, levers or marts.
        select: the SELECT without its header.
        grain: what one row stands for.
        key: columns that name a row once (marts).
        columns: meaning of the columns the model describes itself.
        columns_of: another model whose columns of the same name mean the same; empty where there is none.
        persons: columns that count persons of person-level sources; small ones are not shared, see ``suppression``.
        made_of_persons: columns computed from those.
        by_town: each row rests on the rows of its own town and year alone.
        yields: names of the columns its SELECT yields, as far as they are written out.
        needs: tables its FROM clauses name.
    """

    name: str
    layer: str
    select: str
    grain: str
    key: tuple[str, ...]
    columns: dict[str, str]
    columns_of: str
    persons: tuple[str, ...]
    made_of_persons: tuple[str, ...]
    by_town: bool
    yields: tuple[str, ...]
    needs: frozenset[str]


@cache
def load_models(folder: Path = FOLDER) -> dict[str, Model]:
    """Every model below ``folder`` by name, in the order they must run.

    Raises ValueError for a file without a header, a name used twice, or models that need each other in a circle.
    """
    models: dict[str, Model] = {}
    for path in sorted(folder.glob("*/*.sql")):
        if path.stem in models:
            raise ValueError(f"two models are called {path.stem}")
        models[path.stem] = _read(path, folder)
    indicators = [model.name for model in models.values() if model.layer == "indicators"]
    graph = {
        name: {
            needed
            for need in model.needs
            for needed in (indicators if need == INDICATOR_FIGURE else [need])
            if needed in models
        }
        for name, model in models.items()
    }
    try:
        order = TopologicalSorter(graph).static_order()
        return {name: models[name] for name in order}
    except CycleError as error:
        raise ValueError(f"models need each other in a circle: {' → '.join(error.args[1])}") from error


def upstream(*names: str, given: Collection[str] = ()) -> list[Model]:
    """The models called ``names`` and all that feed them but the tables ``given``, in the order they must run."""
    models = load_models()
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name == INDICATOR_FIGURE:
            waiting += [model.name for model in models.values() if model.layer == "indicators"]
        elif name in models and name not in wanted | set(given):
            wanted.add(name)
            waiting += models[name].needs
    return [model for model in models.values() if model.name in wanted]


def analysis() -> frozenset[str]:
    """Names of the models of the layers of ``ANALYSIS`` and of all that rests on them, marts among it."""
    found: set[str] = set()
    for name, model in load_models().items():
        if model.layer in ANALYSIS or model.needs & found:
            found.add(name)
    return frozenset(found)


def emptied(model: Model) -> Model:
    """``model`` with the same columns and no rows."""
    return replace(model, select=f"SELECT * FROM (\n{model.select}\n) AS whole LIMIT 0")


def describe(model: Model, column: str) -> str:
    """What ``column`` of ``model`` means; KeyError where no model nor ``columns.yml`` says."""
    alike = load_models()[model.columns_of].columns if model.columns_of else {}
    return model.columns.get(column) or alike.get(column) or _shared_columns()[column]


def run_models(
    connection: duckdb.DuckDBPyConnection, models: Sequence[Model], report: Callable[[str], None] = lambda _: None
) -> None:
    """Make the table of every model, in the order given, and gather the indicators as soon as all of them are there."""
    indicators = sorted((model for model in models if model.layer == "indicators"), key=lambda model: model.name)
    waiting = {model.name for model in indicators}
    for model in models:
        report(model.name)
        connection.execute(f"CREATE OR REPLACE TABLE {model.name} AS\n{model.select}")
        if model.name in waiting:
            waiting.remove(model.name)
            if not waiting:
                connection.execute(f"CREATE OR REPLACE VIEW {INDICATOR_FIGURE} AS\n{gathered(indicators)}")


def trace_indicators(connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract]) -> None:
    """Make the table ``indicator_field``: which received columns each indicator's two parts are made of.

    Read from the SQL of the indicators, so it cannot say anything else than what they do. A part that counts rows has
    none.
    """
    found = [
        (name, part, source, field)
        for name, model in load_models().items()
        if model.layer == "indicators"
        for part in ("numerator", "denominator")
        for source, field in fields_behind(model, part, contracts)
    ]
    connection.execute(
        "CREATE OR REPLACE TABLE indicator_field (indicator VARCHAR, part VARCHAR, source VARCHAR, field VARCHAR)"
    )
    connection.executemany("INSERT INTO indicator_field VALUES (?, ?, ?, ?)", found)


def fields_behind(model: Model, column: str, contracts: Mapping[str, Contract]) -> list[tuple[str, str]]:
    """The source and field of every received column that ``column`` of ``model`` is made of, through other models."""
    from sqlglot.lineage import lineage

    accepted = {f"accepted_{source}": contract for source, contract in contracts.items()}
    schema = {
        table: {"town_id": "VARCHAR", "source_file": "VARCHAR", "source_sheet": "VARCHAR", "source_row": "BIGINT"}
        | {field.name: "VARCHAR" for field in contract.fields}
        for table, contract in accepted.items()
    }
    models = load_models()
    upstream = {need: models[need].select for need in model.needs if need in models}
    leaves = [
        node
        for node in lineage(column, model.select, schema=schema, dialect="duckdb", sources=upstream).walk()
        if not node.downstream
    ]
    found = {
        (contract.name, field.name)
        for node in leaves
        if (contract := accepted.get(getattr(node.source, "name", "")))
        for field in contract.fields
        if field.name == node.name.rpartition(".")[2].strip('"')
    }
    return sorted(found)


def lock(connection: duckdb.DuckDBPyConnection, *folders: Path) -> None:
    """Let nothing that runs on ``connection`` from now on reach files outside ``folders``, or the network.

    No file read or written elsewhere, no database attached, no extension installed or loaded; and no way back.
    """
    allowed = ", ".join(literal(folder.absolute()) for folder in folders)
    connection.execute(
        f"SET allowed_directories = [{allowed}]; SET autoinstall_known_extensions = false; "
        "SET autoload_known_extensions = false; SET allow_community_extensions = false; "
        "SET python_enable_replacements = false; SET enable_external_access = false; SET lock_configuration = true"
    )


def comment(connection: duckdb.DuckDBPyConnection, models: Sequence[Model]) -> None:
    """Write each model's header into the database as comments on its table and columns."""
    # Each by itself would be on the disk before the next is said.
    connection.begin()
    for model in models:
        connection.execute(f"COMMENT ON TABLE {model.name} IS {literal(model.grain)}")
        for column, meaning in model.columns.items():
            connection.execute(f'COMMENT ON COLUMN {model.name}."{column}" IS {literal(meaning)}')
    connection.commit()


def gathered(indicators: Sequence[Model]) -> str:
    """The SELECT that gathers what indicator models yield; ``source`` is empty where it is always the rubric's."""
    return "\nUNION ALL\n".join(
        f"SELECT '{model.name}' AS indicator, year, town_id, CAST(numerator AS DECIMAL(20, 2)) AS numerator, "
        f"CAST(denominator AS DECIMAL(20, 2)) AS denominator, first_source, source_rows, "
        f"{'source' if 'source' in model.yields else 'CAST(NULL AS VARCHAR)'} AS source FROM {model.name}"
        for model in indicators
    )


def _read(path: Path, folder: Path) -> Model:
    import sqlglot
    from sqlglot import exp

    header, select = _parts(path)
    if "same_as" in header:
        found = sorted(folder.glob(f"*/{header['same_as']}.sql"))
        if len(found) != 1 or select.strip():
            raise ValueError(f"{path.name}: same_as names one model, and no SELECT follows")
        _, select = _parts(found[0])
        for table, other in header["reading"].items():
            # Every mention, so that columns named with their table follow it.
            select, count = re.subn(rf"\b{table}\b", other, select)
            if not count:
                raise ValueError(f"{path.name}: {header['same_as']} does not read {table}")
    tree = sqlglot.parse_one(select, dialect="duckdb")
    if not isinstance(tree, exp.Query):
        raise ValueError(f"{path.name}: a model is one SELECT")
    return Model(
        name=path.stem,
        layer=path.parent.name,
        select=select.strip(),
        grain=header["grain"],
        key=tuple(header.get("key", ())),
        columns=header.get("columns", {}),
        columns_of=header.get("columns_of", header.get("same_as", "")),
        persons=tuple(header.get("persons", ())),
        made_of_persons=tuple(header.get("made_of_persons", ())),
        by_town=header.get("by_town", False),
        yields=tuple(tree.named_selects),
        needs=_tables(tree),
    )


def tables(query: str) -> frozenset[str]:
    """Names of the tables a query reads, but for those it makes itself."""
    import sqlglot

    return _tables(sqlglot.parse_one(query, dialect="duckdb"))


def _tables(tree: Any) -> frozenset[str]:
    from sqlglot import exp

    within = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return frozenset(table.name for table in tree.find_all(exp.Table)) - within


def _parts(path: Path) -> tuple[dict[str, Any], str]:
    """The header of a model's file and the SELECT below it."""
    head, closed, select = path.read_text(encoding="utf-8").partition("*/")
    if not head.startswith("/*") or not closed:
        raise ValueError(f"{path.name}: a model starts with a header comment")
    header: dict[str, Any] = load_yaml(head[2:])
    return header, select


@cache
def _shared_columns() -> dict[str, str]:
    shared: dict[str, str] = load_yaml((FOLDER / "columns.yml").read_text(encoding="utf-8"))
    return shared
