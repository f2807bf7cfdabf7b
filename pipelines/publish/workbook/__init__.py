"""The workbook of a year: 汇总表, one 评分表 a town, ranking and year over year, live over two sheets of inputs.

规则 holds the rubric's parameters, one row a term; 数据 holds what was reported or judged, one row a town and term, and
what the term takes. Everything else follows from these two by formula, so that whoever changes a figure or a target
sees the score follow. Every formula is stored with the value the marts give it, for readers that do not calculate.

Spreadsheets calculate in binary floating point. Figures are therefore brought to whole numbers before anything is
counted in steps or compared with a target, and an item is rounded to hundredths with a guard of 1E-11 hundredths.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.analysis.marts import open_marts
from pipelines.labels import both, label
from pipelines.publish.workbook.card import write_card
from pipelines.publish.workbook.change import write_change
from pipelines.publish.workbook.data import write_data
from pipelines.publish.workbook.readme import write_readme
from pipelines.publish.workbook.rules import write_rules
from pipelines.publish.workbook.summary import write_ranking, write_summary
from pipelines.publish.workbook.year import (
    CHANGE_SHEET,
    DATA_SHEET,
    RANKING_SHEET,
    RULES_SHEET,
    SUMMARY_SHEET,
    Year,
)

#: A year with more towns than this gets no workbook: a sheet a town is of no use to anybody then.
MOST_TOWNS = 300


def write_workbooks(marts: Path, output: Path, report: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Write ``<year>考核结果.xlsx`` for every published year into ``output``; the paths written.

    ``marts`` is the folder of marts or one publication in it. A year of more than ``MOST_TOWNS`` towns is left out, and
    ``report`` hears of it.
    """
    opened = open_marts(marts)
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for year in opened.years:
        towns = opened.rows("SELECT count(*) AS towns FROM town_score WHERE year = ?", [year])[0]["towns"]
        if towns <= MOST_TOWNS:
            path = output / f"{year}考核结果.xlsx"
            _write(Year(opened, year), path)
            written.append(path)
            report(path.name)
        else:
            report(f"{year}: {both('workbook_too_many')} ({towns} > {MOST_TOWNS})")
    return written


def _write(year: Year, path: Path) -> None:
    book = year.book
    readme, summary, ranking, change = (
        book.sheet(name) for name in ("README", SUMMARY_SHEET, RANKING_SHEET, CHANGE_SHEET)
    )
    cards = [book.sheet(name) for name in year.card_names]
    rules, data = book.sheet(RULES_SHEET), book.sheet(DATA_SHEET)
    write_rules(year, rules)
    write_data(year, data)
    for number, (card, town) in enumerate(zip(cards, year.towns, strict=True), start=1):
        write_card(year, card, number, town)
    write_summary(year, summary)
    write_ranking(year, ranking)
    write_change(year, change)
    write_readme(year, readme)
    for sheet, colour in ((readme, "7F7F7F"), (summary, "2F5597"), (ranking, "2F5597"), (change, "2F5597"),
                          (rules, "BF9000"), (data, "BF9000")):  # fmt: skip
        sheet.sheet_properties.tabColor = colour
    book.workbook.properties.title = f"{year.number} {label('workbook_title', 'zh')}"
    book.workbook.properties.creator = "kaohe"
    book.save(path)
