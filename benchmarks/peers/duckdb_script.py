"""The floor: the same checks and scores as one script over DuckDB, written for this rubric and this input alone.

    python duckdb_script.py RULES RAW OUTPUT

RULES is what ``compare.py`` writes: the contracts and the items as JSON. Every peer takes these arguments, leaves with
3 and the names of the broken checks where the input breaks one, and writes year, town_id, total (hundredths of a point;
empty while an item is missing), grade and rank.
"""

import json
import sys
from pathlib import Path

import duckdb

TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "year": "BIGINT",
    "number": "DECIMAL(18,4)",
    "boolean": "BOOLEAN",
    "date": "DATE",
}

SCORES = """
    WITH activity AS (
        SELECT year, town_id, count(*) FILTER (kind = '培训') AS sessions,
            count(*) FILTER (kind = '信息稿件') AS articles, count(*) FILTER (kind = '分析材料') AS analyses
        FROM activities GROUP BY ALL
    ),
    ledger AS (
        SELECT year, town_id, count(*) FILTER (has_ledger AND has_summary AND filed_on <= due_on) AS on_time
        FROM business_ledger GROUP BY ALL
    ),
    online AS (
        SELECT year, town_id, sum(online_units)::BIGINT AS n, sum(insured_units)::BIGINT AS d
        FROM online_filing WHERE online_units IS NOT NULL AND insured_units IS NOT NULL GROUP BY ALL
    ),
    checked AS (
        SELECT year, town_id,
            (coalesce(sum(persons_matched) FILTER (persons_checked IS NOT NULL), 0)
                + coalesce(sum(payments_matched) FILTER (payments_checked IS NOT NULL), 0))::BIGINT AS n,
            (coalesce(sum(persons_checked) FILTER (persons_matched IS NOT NULL), 0)
                + coalesce(sum(payments_checked) FILTER (payments_matched IS NOT NULL), 0))::BIGINT AS d
        FROM reconciliation GROUP BY ALL
    ),
    figure AS (
        SELECT year, town_id,
            CASE WHEN year IN (SELECT year FROM activities) THEN coalesce(sessions, 0) END AS sessions,
            CASE WHEN year IN (SELECT year FROM activities) THEN coalesce(articles, 0) END AS articles,
            CASE WHEN year IN (SELECT year FROM activities) THEN coalesce(analyses, 0) END AS analyses,
            CASE WHEN year IN (SELECT year FROM business_ledger) THEN coalesce(on_time, 0) END AS on_time,
            CASE WHEN has_window OR has_briefing THEN 0 WHEN NOT has_window AND NOT has_briefing THEN 100
                END AS unpublicised,
            online.n AS online_n, nullif(online.d, 0) AS online_d,
            checked.n AS checked_n, nullif(checked.d, 0) AS checked_d,
            full_time_staff AS staff, persons_served AS served,
            correct, nullif(information_accuracy.checked, 0) AS records,
            certified, nullif(due, 0) AS due,
            (overpaid_yuan * 100)::BIGINT AS overpaid, (recovered_yuan * 100)::BIGINT AS recovered
        FROM town_year
        LEFT JOIN activity USING (year, town_id)
        LEFT JOIN ledger USING (year, town_id)
        LEFT JOIN online USING (year, town_id)
        LEFT JOIN checked USING (year, town_id)
        LEFT JOIN publicity USING (year, town_id)
        LEFT JOIN staffing USING (year, town_id)
        LEFT JOIN information_accuracy USING (year, town_id)
        LEFT JOIN benefit_authentication USING (year, town_id)
        LEFT JOIN overpayment_recovery USING (year, town_id)
    ),
    computed AS (
        SELECT year, town_id, unnest(map_entries(MAP {
            '1.4.3': 200 - 100 * least(greatest(3 - sessions, 0), 2),
            '1.4.4': greatest(300 - unpublicised - 50 * greatest(4 - articles, 0), 0),
            '1.4.5': 100 * least(analyses, 2),
            '2.2.4': (400 * least(on_time, 60) + 60) // 120,
            '2.2.5': least((400 * online_n + online_d) // (2 * online_d), 200),
            '3.1.3': CASE WHEN staff = 0 THEN 0 WHEN served = 0 THEN 100
                ELSE least((1200000 * staff + served) // (2 * served), 100) END,
            '3.2.3': greatest(200 - 100 * ((100 * (checked_d - checked_n)) // checked_d), 0),
            '3.3.1': greatest(200 - 100 * (greatest(99 * records - 100 * correct, 0) // records), 0),
            '3.3.2': greatest(200 - 50 * ((100 * (due - certified)) // due)
                - 50 * CASE WHEN overpaid = 0 THEN 0
                    ELSE greatest(90 * overpaid - 100 * recovered, 0) // nullif(overpaid, 0) END, 0)
        })) AS entry
        FROM figure
    ),
    judged AS (
        SELECT year, town_id, item, (2 * sum((score * 100)::BIGINT) + count(*))::BIGINT // (2 * count(*)) AS points
        FROM assessor_scores WHERE score IS NOT NULL GROUP BY ALL
    ),
    reviewed AS (
        SELECT year, town_id, item, arg_max((score * 100)::BIGINT, approved_on) AS points FROM adjustments GROUP BY ALL
    ),
    scored AS (
        SELECT year, town_id, item, kind, coalesce(
            reviewed.points, judged.points, computed.entry.value, CASE WHEN kind = 'bonus' THEN 0 END) AS points
        FROM town_year CROSS JOIN (FROM items WHERE kind <> 'condition')
        LEFT JOIN reviewed USING (year, town_id, item)
        LEFT JOIN judged USING (year, town_id, item)
        LEFT JOIN (SELECT *, entry.key AS item FROM computed) AS computed USING (year, town_id, item)
    ),
    totalled AS (
        SELECT year, town_id,
            CASE WHEN count(points) = count(*) THEN least(sum(points), 10000)::BIGINT END AS total
        FROM scored GROUP BY ALL
    )
    SELECT year, town_id, total,
        CASE WHEN total >= 9500 THEN '优胜' WHEN total >= 8500 THEN '合格' WHEN total <= 7500 THEN '不合格'
            WHEN total IS NOT NULL THEN '基本合格' END AS grade,
        CASE WHEN total IS NOT NULL THEN rank() OVER (PARTITION BY year ORDER BY total DESC NULLS LAST) END AS rank
    FROM totalled ORDER BY year, town_id
"""


def main(rules_file: Path, raw: Path, output: Path) -> int:
    """Check, score and write; 3 where a check is broken."""
    rules = json.loads(rules_file.read_text(encoding="utf-8"))
    connection = duckdb.connect()
    connection.execute("CREATE TABLE items (item VARCHAR, kind VARCHAR, points BIGINT, is_judged BOOLEAN)")
    connection.executemany(
        "INSERT INTO items VALUES (?, ?, ?, ?)",
        [(each["item"], each["kind"], each["points"], each["is_judged"]) for each in rules["items"]],
    )
    broken = []
    for name, source in rules["sources"].items():
        _load(connection, raw, name, source)
        if name == "towns":
            _lay_out_towns(connection)
        broken += [
            f"{name}.{check}"
            for check, condition in _checks(name, source)
            if connection.execute(f"SELECT count(*) FROM {name} WHERE {condition}").fetchall()[0][0]
        ]
        doubled = connection.execute(
            f"SELECT count(*) - count(DISTINCT ({', '.join(_key(source))})) FROM {name}"
        ).fetchall()
        if doubled[0][0]:
            broken.append(f"{name}.unique")
    if broken:
        print(*broken, sep="\n", file=sys.stderr)
        return 3
    connection.execute(
        f"""CREATE TABLE town_year AS
        SELECT DISTINCT year, town_id FROM towns, (SELECT unnest({rules["years"]}) AS year)
        WHERE year BETWEEN coalesce(valid_from, year) AND coalesce(valid_to, year)"""
    )
    connection.execute(f"COPY ({SCORES}) TO '{output}' (FORMAT csv, HEADER)")
    return 0


def _load(connection: duckdb.DuckDBPyConnection, raw: Path, name: str, source: dict) -> None:
    files = sorted(str(path) for path in raw.glob("towns.*" if name == "towns" else f"[0-9]*/{name}.*"))
    fields = source["fields"]
    if files[0].endswith(".csv"):
        types = {field["title"]: TYPES[field["type"]] for field in fields}
        header = connection.execute(f"SELECT Columns FROM sniff_csv('{files[0]}')").fetchall()[0][0]
        types = {column["name"]: types[column["name"]] for column in header}
        read = f"read_csv({files}, header = true, delim = ',', quote = '\"', columns = {types}, filename = true)"
    else:
        read = f"read_parquet({files}, filename = true)"
    present = {row[0] for row in connection.execute(f"DESCRIBE FROM {read}").fetchall()}
    cast = [
        f'CAST("{field["title"]}" AS {TYPES[field["type"]]}) AS {field["name"]}'
        if field["title"] in present
        else f"CAST(NULL AS {TYPES[field['type']]}) AS {field['name']}"
        for field in fields
    ]
    if name == "towns":
        connection.execute(f"CREATE TABLE towns AS SELECT {', '.join(cast)} FROM {read}")
        return
    connection.execute(
        f"""CREATE TABLE {name} AS
        SELECT delivered.* REPLACE (coalesce(year, folder) AS year), town_id FROM (
            SELECT {", ".join(cast)}, parse_path(filename)[-2]::BIGINT AS folder FROM {read}
        ) AS delivered LEFT JOIN spelling ON delivered.town = spelling.spelling"""
    )


def _lay_out_towns(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """CREATE TABLE spelling AS
        SELECT DISTINCT town_id, spelling FROM (
            SELECT town_id, unnest([town_id, town_code, town_name]) AS spelling FROM towns
            UNION ALL
            SELECT town_id, unnest(string_split_regex(aliases, '[、,，;；|]')) FROM towns WHERE aliases <> '')"""
    )


def _checks(name: str, source: dict) -> list[tuple[str, str]]:
    """What must not hold of any row."""
    found = []
    for field in source["fields"]:
        column = field["name"]
        if field["required"]:
            found.append((f"required.{column}", f"{column} IS NULL"))
        if field["minimum"] is not None:
            found.append((f"minimum.{column}", f"{column} < {field['minimum']}"))
        if field["maximum"] is not None:
            found.append((f"maximum.{column}", f"{column} > {field['maximum']}"))
        if field["enum"]:
            found.append((f"set.{column}", f"{column} NOT IN {tuple(field['enum'])}"))
        if field["type"] == "number":
            found.append((f"type.{column}", f"{column} <> round({column}, 2)"))
        if field["type"] == "date" and name != "towns":
            found.append((f"date_in_reach.{column}", f"extract(year FROM {column}) NOT BETWEEN year - 1 AND year + 2"))
    found += [(f"not_above.{field}", f"{field} > {limit}") for field, limit in source["not_above"]]
    if name != "towns":
        valid = "year BETWEEN coalesce(valid_from, year) AND coalesce(valid_to, year)"
        found += [
            ("folder_year", "year <> folder"),
            ("known_town", "town_id IS NULL"),
            ("town_in_year", f"NOT EXISTS (FROM towns WHERE towns.town_id = {name}.town_id AND {valid})"),
        ]
    if name in ("assessor_scores", "adjustments"):
        above = "items.kind = 'scored' AND score * 100 > items.points"
        item = f"SELECT 1 FROM items WHERE items.item = {name}.item"
        found += [("known_item", f"NOT EXISTS ({item})"), ("above_points", f"EXISTS ({item} AND {above})")]
        if name == "assessor_scores":
            found.append(("item_not_judged", f"EXISTS ({item} AND NOT is_judged)"))
        else:
            found.append(("adjustment_of_condition", f"EXISTS ({item} AND kind = 'condition')"))
    return found


def _key(source: dict) -> list[str]:
    return ["town_id" if name == "town" else name for name in source["key"]]


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
