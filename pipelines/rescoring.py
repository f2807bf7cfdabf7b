"""Scoring what is published again, by the same models: under another edition, other readings, or changed figures.

A publication holds all that the score models read. They run on it in a database in memory, so there is no second scorer
and nothing published is touched.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import rubric, transform
from pipelines.errors import Exit, KaoheError
from pipelines.sql_text import identifier, literal

if TYPE_CHECKING:
    import duckdb

    from pipelines.analysis.marts import Marts

#: The published tables that scoring starts from. ``main`` holds what of them the edition can use; whoever asks
#: "what if" changes them there.
GIVEN = ("indicator_value", "assessor_score", "adjustment", "withheld_item", "correction")

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
    _attach(connection, publication, "published")
    rubric.load_into(connection, edition, scenarios or [rubric.scenario(edition)])
    connection.execute(f"CREATE TABLE town_year AS SELECT {', '.join(_TOWN_YEAR)} FROM published.town_score")
    definitions = transform.upstream("edition", "grade_band", "item_definition", "term_definition", "tier_definition")
    transform.run_models(connection, definitions)
    _compare_rules(connection, "published")
    connection.execute("""
        CREATE TABLE indicator_value AS FROM published.indicator_value;
        CREATE TABLE correction AS FROM published.correction;
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


#: The year that stands for one of an earlier publication, where it is compared with the same year of a later one.
EARLIER = 0


def split_change(
    publication: Path, pairs: Collection[tuple[int, int]], rules: Path, earlier: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A database in memory in which the change between years of ``publication`` (its folder) is split: change_part.

    ``pairs`` holds each later year with the earlier one. ``rules`` is the publication whose rules both are scored by.
    A pair of a year and ``EARLIER`` is that year as it is against what it was in the publication ``earlier``: its
    changed figures are revisions. Schema ``published`` has the marts of ``publication``, ``rules`` those of ``rules``.
    Judgements and reviews carry over as in ``lay_out``. KaoheError (usage) for a publication too old to hold them.
    """
    import duckdb

    connection = duckdb.connect()
    _attach(connection, rules, "rules")
    connection.execute("""
        CREATE TABLE item_definition AS FROM rules.item_definition;
        CREATE TABLE term_definition AS FROM rules.term_definition;
        CREATE TABLE tier_definition AS FROM rules.tier_definition;
        CREATE TABLE rubric_item AS FROM rules.item_definition;
        CREATE TABLE rubric_term AS SELECT 'in_force' AS scenario, * EXCLUDE (bars_grade) FROM rules.term_definition;
        CREATE TABLE rubric_tier AS SELECT 'in_force' AS scenario, * FROM rules.tier_definition;
        CREATE TABLE rubric_band AS SELECT 'in_force' AS scenario, * FROM rules.grade_band;
        CREATE TABLE rubric_condition AS
        SELECT DISTINCT 'in_force' AS scenario, item, bars_grade FROM rules.term_definition WHERE kind = 'condition';
        CREATE TABLE rubric_indicator AS FROM rules.indicator_definition;
        CREATE TABLE rubric_scenario AS
        SELECT 'in_force' AS scenario, edition, grade_gap, bonus_cap FROM rules.edition;
        """)
    given = [("published", publication, {year for pair in pairs for year in pair} - {EARLIER})]
    if earlier is not None:
        given.append(("earlier", earlier, {year for year, before in pairs if before == EARLIER}))
    for schema, folder, years in given:
        _attach(connection, folder, schema)
        _compare_rules(connection, schema)
        told = "year" if schema == "published" else f"{EARLIER} AS year"
        held = {
            "town_year": f"SELECT {', '.join(_TOWN_YEAR)} FROM {schema}.town_score",
            "indicator_value": f"SELECT year, town_id, indicator, numerator, denominator FROM {schema}.indicator_value",
            "assessor_score": f"FROM {schema}.assessor_score SEMI JOIN same_points USING (item)",
            "adjustment": f"FROM {schema}.adjustment SEMI JOIN same_rules USING (item)",
            "withheld_item": f"FROM {schema}.withheld_item SEMI JOIN rubric_item USING (item)",
        }
        for table, query in held.items():
            listed = ", ".join(map(str, sorted(years)))
            into = f"CREATE TABLE {table} AS" if schema == "published" else f"INSERT INTO {table} BY NAME"
            connection.execute(f"{into} SELECT {told}, * EXCLUDE (year) FROM ({query}) WHERE year IN ({listed})")
    connection.execute("CREATE TABLE merged_town AS FROM published.merged_town")
    scopes = [
        f"""SELECT this.year, this.town_id, before.year AS previous_year,
            '{"revision" if before == EARLIER else "performance"}' AS figure_cause
        FROM town_year AS this INNER JOIN town_year AS before USING (town_id)
        WHERE this.year = {year} AND before.year = {before}"""
        for year, before in pairs
    ]
    connection.execute("CREATE TABLE change_scope AS " + " UNION ALL ".join(scopes))
    transform.run_models(connection, transform.upstream("change_part", given={*GIVEN, "change_scope", "merged_town"}))
    return connection


def _attach(connection: duckdb.DuckDBPyConnection, publication: Path, schema: str) -> None:
    """Make every mart of ``publication`` (its folder) a view in ``schema``."""
    connection.execute(f"CREATE SCHEMA {schema}")
    for path in sorted(publication.glob("*.parquet")):
        connection.execute(f"CREATE VIEW {schema}.{identifier(path.stem)} AS FROM read_parquet({literal(path)})")


def _compare_rules(connection: duckdb.DuckDBPyConnection, schema: str) -> None:
    """Views of the items that have the same points, and the same rules, as in the publication in ``schema``."""
    rule = "* EXCLUDE (title_zh, title_en, interpretations, rule_zh, rule_en)"
    connection.execute(f"""
        CREATE OR REPLACE VIEW same_points AS
        SELECT item FROM item_definition INNER JOIN {schema}.item_definition USING (item, kind, available);
        CREATE OR REPLACE VIEW same_rules AS
        SELECT item FROM same_points
        EXCEPT
        SELECT item FROM (
            (SELECT {rule} FROM term_definition EXCEPT SELECT {rule} FROM {schema}.term_definition)
            UNION ALL
            (SELECT {rule} FROM {schema}.term_definition EXCEPT SELECT {rule} FROM term_definition))
        EXCEPT
        SELECT item FROM (
            (FROM tier_definition EXCEPT FROM {schema}.tier_definition)
            UNION ALL
            (FROM {schema}.tier_definition EXCEPT FROM tier_definition));
        """)
