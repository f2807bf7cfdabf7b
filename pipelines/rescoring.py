"""Scoring what is published again, by the same models: under another edition, other readings, or changed figures.

A publication holds all that the score models read. They run on it in a database in memory, so there is no second scorer
and nothing published is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import rubric, transform
from pipelines.errors import Exit, KaoheError

if TYPE_CHECKING:
    import duckdb

    from pipelines.analysis.marts import Marts

#: The published tables that scoring starts from. ``main`` holds what of them the edition can use; whoever asks
#: "what if" changes them there.
GIVEN = ("indicator_value", "assessor_score", "adjustment", "withheld_item")

_TOWN_YEAR = ("year", "town_id", "town_code", "town_name", "kind", "district", "managed_by")


def lay_out(
    publication: Path, edition: rubric.Edition, scenarios: Sequence[rubric.Scenario] | None = None
) -> duckdb.DuckDBPyConnection:
    """A database in memory with the figures and decisions of ``publication`` (its folder), ready for ``score``.

    Its schema ``published`` has every mart as a view. ``main`` has ``town_year``, the rubric's tables for ``scenarios``
    (the reading in force where none is given) and ``GIVEN``. A judgement is out of the points its item had: where
    ``edition`` gives the item other points it is left out, and the item is missing. A review replaced what certain
    rules had given: where ``edition`` has other rules for the item it is left out, and the item is computed.
    """
    import duckdb

    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA published")
    for path in sorted(publication.glob("*.parquet")):
        quoted = str(path).replace("'", "''")
        connection.execute(f"CREATE VIEW published.\"{path.stem}\" AS FROM read_parquet('{quoted}')")
    rubric.load_into(connection, edition, scenarios or [rubric.scenario(edition)])
    connection.execute(f"CREATE TABLE town_year AS SELECT {', '.join(_TOWN_YEAR)} FROM published.town_score")
    definitions = transform.upstream("item_definition", "term_definition", "tier_definition")
    transform.run_models(connection, definitions)
    rule = "* EXCLUDE (title_zh, title_en, interpretations, rule_zh, rule_en)"
    connection.execute(f"""
        CREATE VIEW same_points AS
        SELECT item FROM item_definition INNER JOIN published.item_definition USING (item, kind, available);
        CREATE VIEW same_rules AS
        SELECT item FROM same_points
        EXCEPT
        SELECT item FROM (
            (SELECT {rule} FROM term_definition EXCEPT SELECT {rule} FROM published.term_definition)
            UNION ALL
            (SELECT {rule} FROM published.term_definition EXCEPT SELECT {rule} FROM term_definition))
        EXCEPT
        SELECT item FROM (
            (FROM tier_definition EXCEPT FROM published.tier_definition)
            UNION ALL
            (FROM published.tier_definition EXCEPT FROM tier_definition));
        CREATE TABLE indicator_value AS FROM published.indicator_value;
        CREATE TABLE withheld_item AS FROM published.withheld_item SEMI JOIN rubric_item USING (item);
        CREATE TABLE assessor_score AS FROM published.assessor_score SEMI JOIN same_points USING (item);
        CREATE TABLE adjustment AS FROM published.adjustment SEMI JOIN same_rules USING (item);
        """)
    return connection


def reopen(marts: Marts, rubrics: Path) -> duckdb.DuckDBPyConnection:
    """What is published, laid out and scored under the edition it rests on, taken from the folder of editions.

    KaoheError (usage) where that edition no longer says what the publication was scored by.
    """
    name = marts.manifest["edition"]
    edition = rubric.load_edition(rubrics / name)
    readings = rubric.scenario(edition, options=marts.manifest["interpretations"])
    connection = lay_out(marts.folder, edition, [readings])
    changed = connection.execute(
        "SELECT item FROM rubric_item EXCEPT SELECT item FROM same_rules ORDER BY item"
    ).fetchall()
    if changed:
        told = ", ".join(item for (item,) in changed)
        raise KaoheError(
            Exit.USAGE,
            f"{rubrics / name}: 与已发布结果所依据的细则不同，请先重新运行 "
            f"not what was published was scored by; run again first ({told})",
        )
    score(connection)
    return connection


def score(connection: duckdb.DuckDBPyConnection) -> None:
    """Run the score models on what ``lay_out`` made: scored_* for every scenario, and the marts of the one in force."""
    wanted = ("scored_town", "town_score", "item_score", "term_score", "section_score", "area_score")
    transform.run_models(connection, transform.upstream(*wanted, given=GIVEN))


def find_levers(connection: duckdb.DuckDBPyConnection, scope: str) -> None:
    """Make the mart ``lever`` and what it rests on for ``scope``: a SELECT of year, town_id and every_level."""
    connection.execute(f"CREATE OR REPLACE TABLE lever_scope AS {scope}")
    given = {*GIVEN, "lever_scope", "scored_term", "scored_item"}
    transform.run_models(connection, transform.upstream("lever", given=given))


def score_variants(connection: duckdb.DuckDBPyConnection) -> None:
    """Score the variants that ``lever_change`` holds, as far as their changed figures bear: lever_scored_item."""
    given = {*GIVEN, "lever_change", "scored_term", "scored_item"}
    transform.run_models(connection, transform.upstream("lever_scored_item", given=given))
