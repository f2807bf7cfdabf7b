"""The workbook an office would keep: the deliveries on a sheet each, and totals as formulas over them.

    python make_workbook.py RULES RAW WORKBOOK

It is made before the clock starts. What is measured is LibreOffice opening it, computing every formula and writing the
first sheet as CSV. A workbook checks nothing.
"""

import json
import sys
from pathlib import Path

import duckdb
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

#: Sheets by source, with the columns the formulas read.
READ = {
    "activities": ("year", "town", "kind"),
    "business_ledger": ("year", "town", "has_ledger", "has_summary", "due_on", "filed_on"),
    "online_filing": ("year", "town", "insured_units", "online_units"),
    "reconciliation": (
        "year", "town", "persons_checked", "persons_matched", "payments_checked", "payments_matched",
    ),
    "staffing": ("year", "town", "full_time_staff", "persons_served"),
    "publicity": ("year", "town", "has_window", "has_briefing"),
    "information_accuracy": ("year", "town", "checked", "correct"),
    "benefit_authentication": ("year", "town", "due", "certified"),
    "overpayment_recovery": ("year", "town", "overpaid_yuan", "recovered_yuan"),
    "assessor_scores": ("year", "town", "item", "score"),
    "adjustments": ("year", "town", "item", "score", "approved_on"),
}  # fmt: skip

_FILLED = '"<>"'


def main(rules_file: Path, raw: Path, output: Path) -> int:
    """Write the workbook."""
    rules = json.loads(rules_file.read_text(encoding="utf-8"))
    book = Workbook()
    totals, points = book.active, book.create_sheet("points")
    ranges: dict[str, dict[str, str]] = {}
    for source, columns in READ.items():
        titles = {field["name"]: field["title"] for field in rules["sources"][source]["fields"]}
        given = ", ".join(f'"{titles[column]}"' for column in columns)
        order = ' ORDER BY "批准日期"' if source == "adjustments" else ""
        rows = duckdb.execute(f"SELECT {given} FROM read_csv('{raw}/*/{source}.csv'){order}").fetchall()
        sheet = book.create_sheet(source)
        sheet.append(columns)
        for row in rows:
            sheet.append(row)
        ranges[source] = {
            column: f"{source}!${letter}$2:${letter}${len(rows) + 1}"
            for at, column in enumerate(columns, start=1)
            for letter in [get_column_letter(at)]
        }
    items = [item for item in rules["items"] if item["kind"] != "condition"]
    towns = duckdb.execute(
        f"""SELECT year, "单位编号", "名称" FROM read_csv('{raw}/towns.csv', all_varchar = true)
        CROSS JOIN (SELECT unnest({rules["years"]}) AS year)
        WHERE year BETWEEN coalesce("启用年度"::INTEGER, year) AND coalesce("停用年度"::INTEGER, year) ORDER BY 1, 2"""
    ).fetchall()
    totals.append(["year", "town_id", "total", "grade", "rank"])
    points.append(["year", "town_id", "town", *(item["item"] for item in items)])
    last, width = len(towns) + 1, get_column_letter(3 + len(items))
    for row, (year, town_id, name) in enumerate(towns, start=2):
        points.append([year, town_id, name, *(_item(item, ranges, row) for item in items)])
        whole = f"points!$D{row}:${width}{row}"
        totals.append(
            [
                year,
                town_id,
                f'=IF(COUNT({whole})<{len(items)},"",MIN(10000,SUM({whole})))',
                f'=IF(C{row}="","",IF(C{row}>=9500,"优胜",IF(C{row}>=8500,"合格",IF(C{row}<=7500,"不合格","基本合格"))))',
                f'=IF(C{row}="","",COUNTIFS($A$2:$A${last},A{row},$C$2:$C${last},">"&C{row})+1)',
            ]
        )
    book.save(output)
    return 0


def _item(item: dict, ranges: dict[str, dict[str, str]], row: int) -> str:
    """The formula of an item in hundredths of a point; "" while it is missing."""

    def where(source: str, **matching: str) -> str:
        """The town's rows of a source in which further columns match."""
        columns = ranges[source]
        criteria = [(columns[name], value) for name, value in matching.items()]
        pairs = [(columns["year"], f"$A{row}"), (columns["town"], f"$C{row}"), *criteria]
        return ",".join(f"{column},{value}" for column, value in pairs)

    def count(source: str, **matching: str) -> str:
        return f"COUNTIFS({where(source, **matching)})"

    def total(source: str, column: str, **matching: str) -> str:
        return f"SUMIFS({ranges[source][column]},{where(source, **matching)})"

    def given(source: str, *columns: str) -> str:
        """How many rows of the town have a figure in every column."""
        return count(source, **dict.fromkeys(columns, _FILLED))

    def pairs(source: str, column: str, other: str) -> str:
        """Sum of a column over rows where the other is reported too."""
        return total(source, column, **{other: _FILLED})

    def short(n: str, d: str, percent: int) -> str:
        """Whole percentage points that n/d is below a target."""
        return f"INT(MAX(0,{percent}*{d}-100*{n})/{d})"

    code, ledger = item["item"], ranges["business_ledger"]
    in_time = (
        f"SUMPRODUCT(({ledger['year']}=$A{row})*({ledger['town']}=$C{row})*({ledger['has_ledger']}=TRUE)"
        f'*({ledger["has_summary"]}=TRUE)*({ledger["filed_on"]}<>"")*({ledger["filed_on"]}<={ledger["due_on"]}))'
    )
    online = pairs("online_filing", "online_units", "insured_units")
    insured = pairs("online_filing", "insured_units", "online_units")
    matched, checked = (
        "+".join(pairs("reconciliation", f"{each}_{one}", f"{each}_{other}") for each in ("persons", "payments"))
        for one, other in (("matched", "checked"), ("checked", "matched"))
    )
    staff, served = total("staffing", "full_time_staff"), total("staffing", "persons_served")
    correct, records = total("information_accuracy", "correct"), total("information_accuracy", "checked")
    certified, due = total("benefit_authentication", "certified"), total("benefit_authentication", "due")
    # Money is in yuan with two decimals: whole fen before anything is compared.
    overpaid, recovered = (
        f"ROUND(100*{total('overpayment_recovery', name)},0)" for name in ("overpaid_yuan", "recovered_yuan")
    )
    sessions, articles, analyses = (count("activities", kind=f'"{kind}"') for kind in ("培训", "信息稿件", "分析材料"))
    unpublicised = count("publicity", has_window="FALSE", has_briefing="FALSE")
    computed = {
        "1.4.3": f"200-100*MIN(2,MAX(0,3-{sessions}))",
        "1.4.4": f"MAX(0,300-100*{unpublicised}-50*MAX(0,4-{articles}))",
        "1.4.5": f"100*MIN(2,{analyses})",
        "2.2.4": f"INT((400*MIN(60,{in_time})+60)/120)",
        "2.2.5": f"MIN(200,INT((400*{online}+{insured})/(2*{insured})))",
        "3.1.3": f"IF({staff}=0,0,IF({served}=0,100,MIN(100,INT((1200000*{staff}+{served})/(2*{served})))))",
        "3.2.3": f"MAX(0,200-100*{short(f'({matched})', f'({checked})', 100)})",
        "3.3.1": f"MAX(0,200-100*{short(correct, records, 99)})",
        "3.3.2": f"MAX(0,200-50*{short(certified, due, 100)}-50*IF({overpaid}=0,0,{short(recovered, overpaid, 90)}))",
    }
    both_rates = (
        f"{given('benefit_authentication', 'due', 'certified')}"
        f"*{given('overpayment_recovery', 'overpaid_yuan', 'recovered_yuan')}"
    )
    needed = {
        "1.4.4": given("publicity", "has_window", "has_briefing"),
        "2.2.5": given("online_filing", "online_units", "insured_units"),
        "3.1.3": given("staffing", "full_time_staff", "persons_served"),
        "3.2.3": given("reconciliation", "persons_checked", "persons_matched"),
        "3.3.1": given("information_accuracy", "checked", "correct"),
        "3.3.2": both_rates,
    }
    that = f'"={code}"'
    if code in computed:
        points = f'IF({needed[code]}=0,"",{computed[code]})' if code in needed else computed[code]
    else:
        scores, sum_of_them = count("assessor_scores", item=that), total("assessor_scores", "score", item=that)
        nothing = "0" if item["kind"] == "bonus" else '""'
        points = f"IF({scores}=0,{nothing},INT((2*ROUND(100*{sum_of_them},0)+{scores})/(2*{scores})))"
    reviews = ranges["adjustments"]
    # Sorted by date: the last match is the latest decision.
    latest = (
        f'LOOKUP(2,1/(({reviews["year"]}=$A{row})*({reviews["town"]}=$C{row})*({reviews["item"]}="{code}")),'
        f"{reviews['score']})"
    )
    return f"=IF({count('adjustments', item=that)}=0,{points},ROUND(100*{latest},0))"


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
