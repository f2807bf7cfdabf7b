"""Templates: an empty workbook per source for the towns to fill in, made from the source's contract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl.comments import Comment
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from pipelines.contracts import Contract, ContractField, NotAbove, load_contracts
from pipelines.ingest.header import WRITTEN_UNITS
from pipelines.labels import both, label
from pipelines.publish.book import Book

#: Where the header stands; what lies above it is a title to the reader of deliveries.
HEADER = 3
#: The last row a workbook has: what is offered and refused holds for as many rows as anybody fills.
_LAST = 1_048_576

_PINK = PatternFill("solid", bgColor="F8CBAD")
_FORMS = {"string": "@", "date": "yyyy-mm-dd", "integer": "0", "year": "0"}


def write_templates(folder: Path, contracts: Mapping[str, Contract] | None = None) -> list[Path]:
    """Write ``<source>.xlsx`` for every contract into ``folder``; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for contract in (contracts or load_contracts()).values():
        path = folder / f"{contract.name}.xlsx"
        _write(contract, path)
        written.append(path)
    return written


def _write(contract: Contract, path: Path) -> None:
    book = Book()
    sheet = book.sheet(contract.title)
    _write_table(book, sheet, contract)
    _write_explanation(book, book.sheet(label("template_sheet", "zh")), contract)
    book.workbook.properties.title = contract.title
    book.workbook.properties.creator = "kaohe"
    book.save(path)


# The table to fill in -------------------------------------------------------------------------------------------------


def _write_table(book: Book, sheet: Any, contract: Contract) -> None:
    book.put(sheet, 1, 1, f"{contract.title} {contract.title_en}", "title_left")
    book.put(sheet, 2, 1, both("template_told"), "line")
    sheet.row_dimensions[1].height = 26
    letters = {field.name: get_column_letter(at) for at, field in enumerate(contract.fields, start=1)}
    for column, field in enumerate(contract.fields, start=1):
        cell = book.put(sheet, HEADER, column, _heading(field), "head")
        cell.comment = _note(field)
        dimension = sheet.column_dimensions[letters[field.name]]
        dimension.width = 24 if field.type == "string" and not field.constraints.enum else 15
        # A column's own format holds for cells nobody has touched: a code keeps its zeros, 1.10 stays 1.10.
        dimension.number_format = _FORMS.get(field.type, "General")
        validation = _validation(field)
        if validation:
            letter = letters[field.name]
            validation.add(f"{letter}{HEADER + 1}:{letter}{_LAST}")
            sheet.add_data_validation(validation)
    _mark_faults(sheet, contract, letters)
    sheet.row_dimensions[HEADER].height = 34
    sheet.freeze_panes = f"A{HEADER + 1}"
    sheet.print_title_rows = f"{HEADER}:{HEADER}"
    sheet.page_setup.paperSize, sheet.page_setup.orientation = 9, "landscape"
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_setup.fitToHeight = 0
    sheet.print_options.gridLines = True
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"


def _heading(field: ContractField) -> str:
    """The header as the reader knows it, with the unit where it has a written one."""
    units = WRITTEN_UNITS.get(field.unit, ())
    return f"{field.title}（{units[0]}）" if units and field.unit != "month" else field.title


def _note(field: ContractField) -> Comment:
    """What the contract says of a column, in both languages."""
    lines = [field.title, field.title_en, *_sentences(field.description), *_limits(field)]
    note = Comment("\n".join(lines), "kaohe")
    note.width, note.height = 320, 22 * (len(lines) + 1)
    return note


def _sentences(text: str) -> list[str]:
    """The Chinese and the English half of a contract's description, one line each."""
    parts = re.match(r"(.*[。；！？）])\s+(.*)", " ".join(text.split()))
    return [part for part in (parts.groups() if parts else (text.strip(),)) if part]


def _limits(field: ContractField) -> Iterator[str]:
    """What may stand in a column, told for the person who fills it in."""
    limits = field.constraints
    yield both("template_required" if limits.required else "template_optional")
    yield both(f"template_type_{field.type}")
    if limits.enum:
        yield f"{both('template_one_of')} {'、'.join(limits.enum)}"
    if field.unit == "percent":
        yield both("template_percent")
    if limits.minimum is not None:
        yield f"≥ {limits.minimum}"
    if limits.maximum is not None:
        yield f"≤ {limits.maximum}"
    if field.personal:
        yield both("template_personal")


def _validation(field: ContractField) -> DataValidation | None:
    """The drop-down or limit of a column; None where any text will do."""
    limits = field.constraints
    low, high = limits.minimum, limits.maximum
    words: Sequence[str] = (label("template_yes", "zh"), label("template_no", "zh"))
    match field.type:
        case "string" if not limits.enum:
            return None
        case "string" | "boolean":
            listed = limits.enum or words
            rule = DataValidation(type="list", formula1=f'"{",".join(listed)}"')
        case "date":
            rule = DataValidation(
                type="date", operator="between", formula1="DATE(1990,1,1)", formula2="DATE(2099,12,31)"
            )
        case "year":
            rule = DataValidation(type="whole", operator="between", formula1="1990", formula2="2099")
        case _:
            kind = "whole" if field.type == "integer" else "decimal"
            rule = DataValidation(type=kind, operator="between", formula1=str(-(10**12) if low is None else low),
                                  formula2=str(10**12 if high is None else high))  # fmt: skip
    rule.allow_blank = True
    rule.showErrorMessage = rule.showInputMessage = True
    rule.errorTitle = rule.promptTitle = field.title
    rule.error = rule.prompt = "\n".join(_limits(field))[:250]
    return rule


def _mark_faults(sheet: Any, contract: Contract, letters: Mapping[str, str]) -> None:
    """Colour what the gate would refuse: an empty cell that every row needs, a part above its whole."""
    first = HEADER + 1
    row = f"$A{first}:${letters[contract.fields[-1].name]}{first}"
    for field in contract.fields:
        if field.constraints.required:
            letter = letters[field.name]
            rule = FormulaRule(formula=[f"AND(COUNTA({row})>0,ISBLANK({letter}{first}))"], fill=_PINK)
            sheet.conditional_formatting.add(f"{letter}{first}:{letter}{_LAST}", rule)
    for each in contract.rules:
        if isinstance(each, NotAbove):
            part, whole = letters[each.field], letters[each.limit]
            above = f"AND(ISNUMBER({part}{first}),ISNUMBER({whole}{first}),{part}{first}>{whole}{first})"
            rule = FormulaRule(formula=[above], fill=_PINK)
            sheet.conditional_formatting.add(f"{part}{first}:{part}{_LAST}", rule)


# How to fill it in ----------------------------------------------------------------------------------------------------


def _write_explanation(book: Book, sheet: Any, contract: Contract) -> None:
    """填表说明: a sheet the reader of deliveries passes over."""
    where = f"{contract.name}.xlsx" if contract.name == "towns" else f"<{label('year', 'zh')}>/{contract.name}.xlsx"
    book.put(sheet, 1, 1, f"{contract.title} {contract.title_en}", "title_left")
    lines = [*_sentences(contract.description), f"{both('template_save')} {where}"]
    lines += [
        text for number in range(1, 6) for text in (label(f"template_rule_{number}", each) for each in ("zh", "en"))
    ]
    row = 1
    for row, text in enumerate(lines, start=2):
        book.put(sheet, row, 1, text, "line")
    head = row + 2
    for column, key in enumerate(("column", "english", "needed", "kind", "allowed", "meaning"), start=1):
        words = both(f"template_{key}", "\n")
        book.put(sheet, head, column, words, "head")
    for letter, width in zip("ABCDEF", (20, 26, 12, 24, 34, 62), strict=True):
        sheet.column_dimensions[letter].width = width
    for number, field in enumerate(contract.fields, start=head + 1):
        needed, kind, *allowed = _limits(field)
        told = (
            _heading(field),
            field.title_en,
            needed,
            kind,
            "\n".join(allowed),
            "\n".join(_sentences(field.description)),
        )
        for column, text in enumerate(told, start=1):
            book.put(sheet, number, column, text or None, "text")
        book.fit(sheet, number)
    for rule in contract.rules:
        if isinstance(rule, NotAbove):
            number += 1
            part, whole = contract.field(rule.field), contract.field(rule.limit)
            text = f"「{part.title}」≤「{whole.title}」 {part.title_en} ≤ {whole.title_en}"
            book.put(sheet, number + 1, 1, text, "line")
    book.fit(sheet, head)
    sheet.row_dimensions[1].height = 26
    sheet.page_setup.paperSize, sheet.page_setup.orientation = 9, "landscape"
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_setup.fitToHeight = 0
