"""The same checks and scores in pandas, every step on whole columns; called as ``duckdb_script.py`` is.

Money and scores become whole hundredths as they are read, and all that follows is integers.
"""

import json
import sys
from pathlib import Path

import pandas as pd

TOWN = ["year", "town_id"]
TYPES = {"string": "string", "integer": "Int64", "year": "Int64", "number": "Float64", "boolean": "boolean"}
TRIFLE = 1e-6


def main(rules_file: Path, raw: Path, output: Path) -> int:
    """Check, score and write; 3 where a check is broken."""
    rules = json.loads(rules_file.read_text(encoding="utf-8"))
    items = pd.DataFrame(rules["items"])
    broken: list[str] = []
    tables: dict[str, pd.DataFrame] = {}
    spelling = pd.Series(dtype="string")
    for name, source in rules["sources"].items():
        table = read(raw, name, source, broken)
        if name == "towns":
            spelling = spellings(table)
        else:
            table["town_id"] = table["town"].map(spelling)
        tables[name] = table
    years = pd.DataFrame({"year": pd.array(rules["years"], dtype="Int64")})
    towns = tables.pop("towns")
    valid = towns[["town_id", "valid_from", "valid_to"]].merge(years, how="cross")
    in_force = valid["year"].between(valid["valid_from"].fillna(0), valid["valid_to"].fillna(9999))
    town_year = pd.MultiIndex.from_frame(valid.loc[in_force, TOWN].drop_duplicates().sort_values(TOWN))
    for name, table in tables.items():
        broken += check(name, rules["sources"][name], table, town_year, items)
    if broken:
        print(*broken, sep="\n", file=sys.stderr)
        return 3
    score(tables, items, town_year).to_csv(output)
    return 0


def read(raw: Path, name: str, source: dict, broken: list[str]) -> pd.DataFrame:
    """Every file of a source in one table, columns under the names of the contract."""
    fields = source["fields"]
    names = {field["title"]: field["name"] for field in fields}
    dates = [field["title"] for field in fields if field["type"] == "date"]
    parts = []
    for path in sorted(raw.glob("towns.*" if name == "towns" else f"[0-9]*/{name}.*")):
        if path.suffix == ".csv":
            header = pd.read_csv(path, nrows=0).columns
            types = {
                field["title"]: TYPES[field["type"]]
                for field in fields
                if field["type"] != "date" and field["title"] in header
            }
            given = [date for date in dates if date in header]
            part = pd.read_csv(path, dtype=types, parse_dates=given, date_format="%Y-%m-%d", keep_default_na=False,
                               na_values=[""])  # fmt: skip
        else:
            part = pd.read_parquet(path, dtype_backend="pyarrow")
        part = part.rename(columns=names)
        if name != "towns":
            part["folder"] = int(path.parent.name)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    for field in fields:
        column = field["name"]
        if column not in table:
            table[column] = pd.array([pd.NA] * len(table), dtype=TYPES.get(field["type"], "string"))
        if field["type"] == "date":
            table[column] = pd.to_datetime(table[column])
        elif field["type"] == "number":
            exact = table[column].astype("Float64") * 100
            hundredths = exact.round()
            if ((exact - hundredths).abs() > TRIFLE).any():
                broken.append(f"{name}.type.{column}")
            table[column] = hundredths.astype("Int64")
        else:
            table[column] = table[column].astype(TYPES[field["type"]])
    if name != "towns":
        table["year"] = table["year"].fillna(table["folder"])
    return table


def spellings(towns: pd.DataFrame) -> pd.Series:
    """What a town may be called → its identifier."""
    aliases = towns.assign(spelling=towns["aliases"].str.split("[、,，;；|]", regex=True)).explode("spelling")
    called = [towns[["town_id"]].assign(spelling=towns[name]) for name in ("town_id", "town_code", "town_name")]
    every = pd.concat([*called, aliases[["town_id", "spelling"]]]).dropna().drop_duplicates()
    return every.set_index("spelling")["town_id"]


def check(name: str, source: dict, table: pd.DataFrame, town_year: pd.MultiIndex, items: pd.DataFrame) -> list[str]:
    """The checks that rows of a source break."""
    year = table["year"]
    bad = {
        "folder_year": year != table["folder"],
        "known_town": table["town_id"].isna(),
        "town_in_year": pd.Series(~pd.MultiIndex.from_frame(table[TOWN]).isin(town_year)),
        "unique": table.duplicated(["town_id" if key == "town" else key for key in source["key"]]),
    }
    for field in source["fields"]:
        column, unit = field["name"], 100 if field["type"] == "number" else 1
        values = table[column]
        if field["required"]:
            bad[f"required.{column}"] = values.isna()
        if field["minimum"] is not None:
            bad[f"minimum.{column}"] = values < field["minimum"] * unit
        if field["maximum"] is not None:
            bad[f"maximum.{column}"] = values > field["maximum"] * unit
        if field["enum"]:
            bad[f"set.{column}"] = values.notna() & ~values.isin(field["enum"])
        if field["type"] == "date":
            distance = values.dt.year.astype("Int64") - year
            bad[f"date_in_reach.{column}"] = (distance < -1) | (distance > 2)
    for column, limit in source["not_above"]:
        bad[f"not_above.{column}"] = table[column] > table[limit]
    if name in ("assessor_scores", "adjustments"):
        item = items.set_index("item")
        points, kind = table["item"].map(item["points"]), table["item"].map(item["kind"])
        bad["known_item"] = kind.isna()
        bad["above_points"] = (kind == "scored") & (table["score"] > points)
        if name == "assessor_scores":
            bad["item_not_judged"] = ~table["item"].isin(item.index[item["is_judged"]])
        else:
            bad["adjustment_of_condition"] = kind == "condition"
    return [f"{name}.{rule}" for rule, rows in bad.items() if rows.fillna(False).any()]


def score(tables: dict[str, pd.DataFrame], items: pd.DataFrame, town_year: pd.MultiIndex) -> pd.DataFrame:
    """Total in hundredths, grade and rank of every town-year."""
    one = {name: table.set_index(TOWN) for name, table in tables.items()}
    year = town_year.get_level_values("year")

    def counted(name: str, rows: pd.DataFrame) -> pd.Series:
        """Rows by town-year; 0 for a town without any in a year the source was delivered for."""
        found = rows.groupby(TOWN).size().reindex(town_year, fill_value=0).astype("Int64")
        return found.where(year.isin(tables[name]["year"].unique()))

    def figure(name: str, column: str) -> pd.Series:
        return one[name][column].reindex(town_year)

    def summed(name: str, pairs: list[tuple[str, str]]) -> tuple[pd.Series, pd.Series]:
        """Parts and wholes added up, over the pairs reported in full."""
        table = tables[name]
        sides = []
        for side in (0, 1):
            values = sum(table[pair[side]].where(table[pair[0]].notna() & table[pair[1]].notna(), 0) for pair in pairs)
            sides.append(values.groupby([table["year"], table["town_id"]]).sum().reindex(town_year))
        return sides[0], sides[1]

    activities, ledger = tables["activities"], tables["business_ledger"]
    sessions, articles, analyses = (
        counted("activities", activities[activities["kind"] == kind]) for kind in ("培训", "信息稿件", "分析材料")
    )
    on_time = counted(
        "business_ledger",
        ledger[(ledger["has_ledger"] & ledger["has_summary"]).fillna(False) & (ledger["filed_on"] <= ledger["due_on"])],
    )
    online, insured = summed("online_filing", [("online_units", "insured_units")])
    matched, checked = summed(
        "reconciliation", [("persons_matched", "persons_checked"), ("payments_matched", "payments_checked")]
    )
    staff, served = figure("staffing", "full_time_staff"), figure("staffing", "persons_served")
    correct, records = figure("information_accuracy", "correct"), figure("information_accuracy", "checked")
    certified, due = figure("benefit_authentication", "certified"), figure("benefit_authentication", "due")
    recovered = figure("overpayment_recovery", "recovered_yuan")
    overpaid = figure("overpayment_recovery", "overpaid_yuan")
    is_public = figure("publicity", "has_window") | figure("publicity", "has_briefing")

    def divided(n: pd.Series, d: pd.Series) -> pd.Series:
        """Whole part of n/d; missing where there is nothing to divide by."""
        return n // d.where(d > 0)

    authentication = divided(100 * (due - certified), due)
    recovery = divided((90 * overpaid - 100 * recovered).clip(lower=0), overpaid).mask(overpaid == 0, 0)
    points = pd.DataFrame(
        {
            "1.4.3": 200 - 100 * (3 - sessions).clip(0, 2),
            "1.4.4": (300 - 100 * (~is_public).astype("Int64") - 50 * (4 - articles).clip(lower=0)).clip(lower=0),
            "1.4.5": 100 * analyses.clip(upper=2),
            "2.2.4": (400 * on_time.clip(upper=60) + 60) // 120,
            "2.2.5": divided(400 * online + insured, 2 * insured).clip(upper=200),
            "3.1.3": divided(1200000 * staff + served, 2 * served).clip(upper=100).mask(served == 0, 100)
            .mask(staff == 0, 0),
            "3.2.3": (200 - 100 * divided(100 * (checked - matched), checked)).clip(lower=0),
            "3.3.1": (200 - 100 * divided((99 * records - 100 * correct).clip(lower=0), records)).clip(lower=0),
            "3.3.2": (200 - 50 * authentication - 50 * recovery).clip(lower=0),
        },
        index=town_year,
    )  # fmt: skip
    given = tables["assessor_scores"].groupby([*TOWN, "item"])["score"].agg(["sum", "count"])
    judged = ((2 * given["sum"] + given["count"]) // (2 * given["count"])).unstack("item").reindex(town_year)
    latest = tables["adjustments"].sort_values("approved_on").drop_duplicates([*TOWN, "item"], keep="last")
    adjusted = latest.set_index([*TOWN, "item"])["score"].unstack("item").reindex(town_year)
    scored = items.loc[items["kind"] == "scored", "item"]
    bonus = items.loc[items["kind"] == "bonus", "item"]
    every = adjusted.combine_first(pd.concat([points, judged], axis=1)).reindex(columns=[*scored, *bonus])
    every[bonus] = every[bonus].fillna(0)
    total = every.sum(axis=1).clip(upper=10000).where(every.notna().all(axis=1)).astype("Int64")
    grade = pd.cut(total, [-1, 7500, 8499, 9499, 10000], labels=["不合格", "基本合格", "合格", "优胜"])
    rank = total.groupby(level="year").rank("min", ascending=False).astype("Int64")
    return pd.DataFrame({"total": total, "grade": grade, "rank": rank})


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
