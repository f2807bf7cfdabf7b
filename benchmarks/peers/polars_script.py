"""The same checks and scores in Polars, lazily and by its streaming engine; called as ``duckdb_script.py`` is."""

import json
import sys
from pathlib import Path

import polars as pl
from polars import col

TOWN = ["year", "town_id"]
TYPES = {
    "string": pl.String,
    "integer": pl.Int64,
    "year": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
}
TRIFLE = 1e-6


def main(rules_file: Path, raw: Path, output: Path) -> int:
    """Check, score and write; 3 where a check is broken."""
    rules = json.loads(rules_file.read_text(encoding="utf-8"))
    items = pl.LazyFrame(rules["items"])
    towns = read(raw, "towns", rules["sources"]["towns"]).collect().lazy()
    spelling = spellings(towns)
    valid = towns.join(pl.LazyFrame({"year": rules["years"]}, schema={"year": pl.Int64}), how="cross").filter(
        col("year").is_between(col("valid_from").fill_null(0), col("valid_to").fill_null(9999))
    )
    town_year = valid.select(TOWN).unique().collect().lazy()
    tables = {
        name: read(raw, name, source).join(spelling, left_on="town", right_on="spelling", how="left")
        for name, source in rules["sources"].items()
        if name != "towns"
    }
    checks = [check(name, rules["sources"][name], table, town_year, items) for name, table in tables.items()]
    found = pl.collect_all(checks, engine="streaming")
    broken = [rule for counted in found for rule, count in counted.row(0, named=True).items() if count]
    if broken:
        print(*broken, sep="\n", file=sys.stderr)
        return 3
    exact = {name: in_hundredths(table, rules["sources"][name]) for name, table in tables.items()}
    score(exact, items, town_year).collect(engine="streaming").write_csv(output)
    return 0


def read(raw: Path, name: str, source: dict) -> pl.LazyFrame:
    """Every file of a source as one lazy table, columns under the names of the contract."""
    files = sorted(raw.glob("towns.*" if name == "towns" else f"[0-9]*/{name}.*"))
    types = {field["title"]: TYPES[field["type"]] for field in source["fields"]}
    if files[0].suffix == ".csv":
        table = pl.scan_csv(files, schema_overrides=types, try_parse_dates=True, include_file_paths="path")
    else:
        table = pl.scan_parquet(files, include_file_paths="path")
    present = table.collect_schema().names()
    columns = [
        (col(field["title"]) if field["title"] in present else pl.lit(None)).cast(TYPES[field["type"]]).alias(
            field["name"]
        )
        for field in source["fields"]
    ]  # fmt: skip
    if name == "towns":
        return table.select(columns)
    folder = col("path").str.extract(r"([0-9]+)[/\\][^/\\]+$").cast(pl.Int64).alias("folder")
    return table.select(*columns, folder).with_columns(year=col("year").fill_null(col("folder")))


def in_hundredths(table: pl.LazyFrame, source: dict) -> pl.LazyFrame:
    """Money and scores as whole hundredths, which the checks have found them to be."""
    numbers = [field["name"] for field in source["fields"] if field["type"] == "number"]
    return table.with_columns((col(name) * 100).round().cast(pl.Int64) for name in numbers)


def spellings(towns: pl.LazyFrame) -> pl.LazyFrame:
    """What a town may be called, and its identifier."""
    called = [towns.select("town_id", spelling=name) for name in ("town_id", "town_code", "town_name")]
    aliases = towns.select("town_id", spelling=col("aliases").str.replace_all("[、,，;；|]", "|").str.split("|"))
    return pl.concat([*called, aliases.explode("spelling")]).drop_nulls().unique().collect().lazy()


def check(name: str, source: dict, table: pl.LazyFrame, town_year: pl.LazyFrame, items: pl.LazyFrame) -> pl.LazyFrame:
    """One row that counts, for every check of a source, the rows that break it."""
    key = ["town_id" if column == "town" else column for column in source["key"]]
    bad = {
        "folder_year": col("year") != col("folder"),
        "known_town": col("town_id").is_null(),
        "town_in_year": col("is_in_year").is_null(),
    }
    for field in source["fields"]:
        column = col(field["name"])
        if field["required"]:
            bad[f"required.{field['name']}"] = column.is_null()
        if field["minimum"] is not None:
            bad[f"minimum.{field['name']}"] = column < field["minimum"]
        if field["maximum"] is not None:
            bad[f"maximum.{field['name']}"] = column > field["maximum"]
        if field["enum"]:
            bad[f"set.{field['name']}"] = ~column.is_in(field["enum"])
        if field["type"] == "number":
            bad[f"type.{field['name']}"] = (column * 100 - (column * 100).round()).abs() > TRIFLE
        if field["type"] == "date":
            bad[f"date_in_reach.{field['name']}"] = ~(column.dt.year() - col("year")).is_between(-1, 2)
    for column, limit in source["not_above"]:
        bad[f"not_above.{column}"] = col(column) > col(limit)
    table = table.join(town_year.with_columns(is_in_year=True), on=TOWN, how="left")
    if name in ("assessor_scores", "adjustments"):
        table = table.join(items, on="item", how="left")
        bad["known_item"] = col("points").is_null()
        bad["above_points"] = (col("kind") == "scored") & (col("score") * 100 > col("points") + TRIFLE)
        if name == "assessor_scores":
            bad["item_not_judged"] = ~col("is_judged")
        else:
            bad["adjustment_of_condition"] = col("kind") == "condition"
    return table.select(
        *(rows.sum().alias(f"{name}.{rule}") for rule, rows in bad.items()),
        (pl.len() - pl.struct(key).n_unique()).alias(f"{name}.unique"),
    )


def score(tables: dict[str, pl.LazyFrame], items: pl.LazyFrame, town_year: pl.LazyFrame) -> pl.LazyFrame:
    """Total in hundredths, grade and rank of every town-year."""
    figures = town_year
    for each in (*_counted(tables), *_summed(tables), *_reported(tables)):
        figures = figures.join(each, on=TOWN if "town_id" in each.collect_schema().names() else "year", how="left")

    def count(name: str, source: str) -> pl.Expr:
        return pl.when(col(f"has_{source}")).then(col(name).fill_null(0).cast(pl.Int64))

    def divided(n: pl.Expr, d: pl.Expr) -> pl.Expr:
        """Whole part of n/d; missing where there is nothing to divide by."""
        return n // pl.when(d > 0).then(d)

    sessions, articles, analyses = (count(name, "activities") for name in ("sessions", "articles", "analyses"))
    online, insured, matched, checked = (col(name) for name in ("online", "insured", "matched", "checked"))
    staff, served = col("full_time_staff"), col("persons_served")
    recovered, overpaid = col("recovered_yuan"), col("overpaid_yuan")
    authentication = divided(100 * (col("due") - col("certified")), col("due"))
    recovery = divided((90 * overpaid - 100 * recovered).clip(0), overpaid)
    unpublicised = (~(col("has_window") | col("has_briefing"))).cast(pl.Int64)
    per_staff = divided(1200000 * staff + served, 2 * served).clip(upper_bound=100)
    points = {
        "1.4.3": 200 - 100 * (3 - sessions).clip(0, 2),
        "1.4.4": (300 - 100 * unpublicised - 50 * (4 - articles).clip(0)).clip(0),
        "1.4.5": 100 * analyses.clip(upper_bound=2),
        "2.2.4": (400 * count("on_time", "business_ledger").clip(upper_bound=60) + 60) // 120,
        "2.2.5": divided(400 * online + insured, 2 * insured).clip(upper_bound=200),
        "3.1.3": pl.when(staff == 0).then(0).when(served == 0).then(100).otherwise(per_staff),
        "3.2.3": (200 - 100 * divided(100 * (checked - matched), checked)).clip(0),
        "3.3.1": (
            200 - 100 * divided((99 * col("records_checked") - 100 * col("correct")).clip(0), col("records_checked"))
        ).clip(0),
        "3.3.2": (200 - 50 * authentication - 50 * pl.when(overpaid == 0).then(0).otherwise(recovery)).clip(0),
    }
    computed = figures.select(*TOWN, **{item: value.cast(pl.Int64) for item, value in points.items()}).unpivot(
        index=TOWN, variable_name="item", value_name="computed"
    )
    judged = (
        tables["assessor_scores"]
        .group_by(*TOWN, "item")
        .agg(judged=(2 * col("score").sum() + pl.len().cast(pl.Int64)) // (2 * pl.len().cast(pl.Int64)))
    )
    latest = tables["adjustments"].group_by(*TOWN, "item").agg(adjusted=col("score").sort_by("approved_on").last())
    every = town_year.join(items.filter(col("kind") != "condition"), how="cross").select(*TOWN, "item", "kind")
    for each in (computed, judged, latest):
        every = every.join(each, on=[*TOWN, "item"], how="left")
    nothing = pl.when(col("kind") == "bonus").then(0)
    scored = every.with_columns(points=pl.coalesce("adjusted", "judged", "computed", nothing))
    total = scored.group_by(TOWN).agg(
        total=pl.when(col("points").is_not_null().all()).then(col("points").sum().clip(upper_bound=10000))
    )
    grade = (
        pl.when(col("total") >= 9500).then(pl.lit("优胜"))
        .when(col("total") >= 8500).then(pl.lit("合格"))
        .when(col("total") <= 7500).then(pl.lit("不合格"))
        .when(col("total").is_not_null()).then(pl.lit("基本合格"))
    )  # fmt: skip
    return total.with_columns(grade=grade, rank=col("total").rank("min", descending=True).over("year")).sort(TOWN)


def _counted(tables: dict[str, pl.LazyFrame]) -> list[pl.LazyFrame]:
    """What is counted by town-year, and for which years it was delivered."""
    kinds = {"sessions": "培训", "articles": "信息稿件", "analyses": "分析材料"}
    is_on_time = col("has_ledger") & col("has_summary") & (col("filed_on") <= col("due_on"))
    return [
        tables["activities"].group_by(TOWN).agg(**{name: (col("kind") == kind).sum() for name, kind in kinds.items()}),
        tables["business_ledger"].group_by(TOWN).agg(on_time=is_on_time.sum()),
        *(
            tables[source].select("year").unique().with_columns(pl.lit(True).alias(f"has_{source}"))
            for source in ("activities", "business_ledger")
        ),
    ]


def _summed(tables: dict[str, pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Parts and wholes added up by town-year, over the pairs reported in full."""

    def both(part: str, whole: str) -> tuple[pl.Expr, pl.Expr]:
        is_whole = col(part).is_not_null() & col(whole).is_not_null()
        return tuple(pl.when(is_whole).then(col(each)).otherwise(0).sum() for each in (part, whole))

    online, insured = both("online_units", "insured_units")
    persons, payments = both("persons_matched", "persons_checked"), both("payments_matched", "payments_checked")
    return [
        tables["online_filing"].group_by(TOWN).agg(online=online, insured=insured),
        tables["reconciliation"].group_by(TOWN).agg(matched=persons[0] + payments[0], checked=persons[1] + payments[1]),
    ]


def _reported(tables: dict[str, pl.LazyFrame]) -> list[pl.LazyFrame]:
    """What towns report once a year."""
    return [
        tables["staffing"].select(*TOWN, "full_time_staff", "persons_served"),
        tables["information_accuracy"].select(*TOWN, "correct", records_checked="checked"),
        tables["benefit_authentication"].select(*TOWN, "certified", "due"),
        tables["overpayment_recovery"].select(*TOWN, "recovered_yuan", "overpaid_yuan"),
        tables["publicity"].select(*TOWN, "has_window", "has_briefing"),
    ]


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
