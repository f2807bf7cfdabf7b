"""README: what the workbook is, what it rests on and how it is used."""

from __future__ import annotations

from typing import Any

from pipelines.labels import both, label
from pipelines.publish.workbook.year import (
    CHANGE_SHEET,
    DATA_SHEET,
    RANKING_SHEET,
    RULES_SHEET,
    SUMMARY_SHEET,
    Year,
)


def write_readme(year: Year, sheet: Any) -> None:
    """Edition and run, how to work with the book, its sheets, the readings in force, and the hashes of the marts."""
    manifest, edition = year.marts.manifest, year.edition
    rows = iter(range(1, 10_000))

    def line(*cells: tuple[Any, str]) -> Any:
        row, cell = next(rows), None
        for column, (value, look) in enumerate(cells, start=1):
            cell = year.book.put(sheet, row, column, value, look)
        return cell

    line((f"{year.number} {both('workbook_title')}", "title_left"))
    if year.marts.is_synthetic:
        line((f"※ {both('synthetic')}", "notice"))
    line()
    facts = (
        ("year", str(year.number)),
        ("towns", str(len(year.towns))),
        ("workbook_edition", manifest["edition"]),
        ("workbook_document", f"《{edition['document_zh']}》\n{edition['document_en']}"),
        ("workbook_number", f"{edition['number']}　{edition['issued']}　{edition['issuer_zh']}"),
        ("workbook_run", manifest["run_id"]),
        ("workbook_version", manifest["version"]),
    )
    for key, value in facts:
        line((both(key), "head"), (value, "text"))
    line()
    line((both("workbook_how"), "bold"))
    for key in ("workbook_how_inputs", "workbook_how_adjust", "workbook_how_exact", "workbook_how_order"):
        line((label(key, "zh"), "line"))
        line((label(key, "en"), "line"))
    line()
    line((both("workbook_sheets"), "bold"))
    for name, key in (
        (SUMMARY_SHEET, "summary"),
        (RANKING_SHEET, "ranking"),
        (CHANGE_SHEET, "change"),
        (RULES_SHEET, "rules"),
        (DATA_SHEET, "data"),
    ):
        year.book.lead_to(line((name, "link")), name)
        year.book.put(sheet, sheet.max_row, 2, both(f"workbook_{key}"), "text")
    for name, town in zip(year.card_names, year.towns, strict=True):
        year.book.lead_to(line((name, "link")), name)
        year.book.put(sheet, sheet.max_row, 2, f"{label('workbook_card', 'zh')}　{town['town_name']}", "text")
    line()
    line((both("workbook_readings"), "bold"))
    for name, option in manifest["interpretations"].items():
        for each in year.interpretations:
            if (each["interpretation"], each["option"]) == (name, option):
                told = f"{each['question_zh']}：{each['option_zh']}\n{each['question_en']} {each['option_en']}"
                line((f"{name} = {option}", "head"), (told, "text"))
    line()
    line((both("workbook_hashes"), "bold"))
    for name, entry in manifest["files"].items():
        if name.endswith(".parquet"):
            line((name, "head"), (entry["sha256"], "text"))
    sheet.column_dimensions["A"].width = 34
    sheet.column_dimensions["B"].width = 84
    for row in range(1, sheet.max_row + 1):
        year.book.fit(sheet, row)
    sheet.row_dimensions[1].height = 26
    year.set_print(sheet, "1:1")
