"""What keeps a received file from being read, told so that its sender can mend it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.contracts import Contract
from pipelines.errors import Problem
from pipelines.ingest.deliveries import Delivery
from pipelines.ingest.header import SEARCHED, WRITTEN_UNITS, Header, plain
from pipelines.ingest.sheets import Row, Sheet, UnreadableError
from pipelines.places import place

#: As much of a text as tells which one is meant.
_SHOWN = 40
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_FIGURE = re.compile(r"[-+0-9.,%]+")


def header_problems(delivery: Delivery, sheet: str, contract: Contract, header: Header, town: str) -> list[Problem]:
    """Columns missing, claimed twice or in another unit. ``town`` is the town told outside the table, or ''."""

    def at_header(position: int) -> dict[str, str]:
        cell = place(delivery.name, header.row, position + 1)
        return {"file": delivery.name, "sheet": sheet, "cell": cell, "column": header.written[position]}

    problems = []
    elsewhere = {"year" if delivery.year else None, contract.town_field if town else None}
    unused = "、".join(text for at, text in header.written.items() if at not in header.columns.values())
    for field in header.missing:
        if field.name not in elsewhere and field not in header.other_unit.values():
            problems.append(
                Problem(
                    file=delivery.name,
                    sheet=sheet,
                    cell=place(delivery.name, header.row),
                    column=field.title,
                    rule="column_missing",
                    message_zh=f"缺少「{field.title}」列" + (f"；未能识别的列有：{unused}" if unused else ""),
                    message_en=f"the column {field.name} is missing"
                    + (f"; not recognised: {unused}" if unused else ""),
                    remedy_zh=f"请补上该列，列名可写作：{'、'.join(field.headers)}",
                    remedy_en=f"add it, headed {' or '.join(field.headers)}",
                )
            )
    for field, positions in header.doubled.items():
        columns = "、".join(f"{header.written[at]}（{place(delivery.name, header.row, at + 1)}）" for at in positions)
        problems.append(
            Problem(
                **at_header(positions[1]),
                rule="column_doubled",
                message_zh=f"「{field.title}」有 {len(positions)} 列：{columns}",
                message_en=f"{len(positions)} columns are {field.name}: {columns}",
                remedy_zh="请只保留一列",
                remedy_en="keep one of them",
            )
        )
    for position, field in header.other_unit.items():
        unit = "、".join(WRITTEN_UNITS[field.unit]) if field.unit else "—"
        problems.append(
            Problem(
                **at_header(position),
                rule="unit",
                message_zh=f"单位不符：「{field.title}」的单位应为 {unit}",
                message_en=f"another unit: {field.name} is to be in {field.unit or 'no unit'}",
                remedy_zh="请换算后改列名，再报送",
                remedy_en="convert the figures and mend the header",
            )
        )
    if header.unit_line:
        row, position, text = header.unit_line
        problems.append(
            Problem(
                file=delivery.name,
                sheet=sheet,
                cell=place(delivery.name, row, position + 1),
                value=text,
                rule="unit",
                message_zh="表头上方注明的单位与要求不符",
                message_en="the unit stated above the header is not the one asked for",
                remedy_zh="请换算成人、元等单位后再报送",
                remedy_en="convert the figures to single persons, yuan and so on",
            )
        )
    return problems


def shared_figures(delivery: Delivery, contract: Contract, sheet: Sheet, header: Header) -> list[Problem]:
    """Figures merged over several cells: whose they are, or how they part, cannot be known."""
    figures = {
        header.columns[field.name] for field in contract.fields if field.additive and field.name in header.columns
    }
    problems = []
    for area in sheet.merged:
        shared_by = (area.bottom - area.top + 1) * sum(area.left <= at <= area.right for at in figures)
        text = area.text or ""
        if area.top >= header.row and shared_by > 1 and _FIGURE.fullmatch(plain(text)):
            problems.append(
                Problem(
                    file=delivery.name,
                    sheet=sheet.name,
                    cell=place(delivery.name, area.top + 1, area.left + 1),
                    column=header.written.get(area.left, ""),
                    value=text,
                    rule="merged_figure",
                    message_zh="一个数占用了合并的多个单元格",
                    message_en="one figure stands in several merged cells",
                    remedy_zh="请取消合并，分别填写",
                    remedy_en="unmerge them and write each figure",
                )
            )
    return problems


def no_header(delivery: Delivery, sheet: str, contract: Contract, top: Iterable[Row] = ()) -> Problem:
    """No row of the sheet, or of any sheet where ``sheet`` is '', could be the header; ``top`` are its first rows."""
    needed = [field for field in contract.fields if not field.optional]
    garbled = next((cell for row in top for cell in row if cell and _is_garbled(cell)), None)
    if garbled:
        return Problem(
            file=delivery.name,
            sheet=sheet,
            value=garbled[:_SHOWN],
            rule="header",
            message_zh="文字是乱码：文件曾按错误的编码打开并保存",
            message_en="the text is garbled: the file was once opened in the wrong encoding and saved",
            remedy_zh="无法可靠还原，请从原系统重新导出为「CSV UTF-8」或 .xlsx",
            remedy_en="it cannot be restored reliably: export it anew, as CSV UTF-8 or .xlsx",
        )
    return Problem(
        file=delivery.name,
        sheet=sheet,
        rule="header",
        message_zh=f"前 {SEARCHED} 行中找不到表头",
        message_en=f"no header line in the first {SEARCHED} rows",
        remedy_zh=f"表头应有：{'、'.join(field.title for field in needed)}",
        remedy_en=f"the header needs: {', '.join(field.name for field in needed)}",
    )


def _is_garbled(text: str) -> bool:
    """Whether ``text`` is Chinese once stored in one encoding and opened in another."""
    for opened, stored in (("gb18030", "utf-8"), ("cp1252", "utf-8"), ("latin-1", "utf-8"), ("latin-1", "gb18030")):
        try:
            meant = text.encode(opened).decode(stored)
        except UnicodeError:
            continue
        if len(_CHINESE.findall(meant)) >= 2 and len(_CHINESE.findall(meant)) * 2 >= len(meant):
            return True
    return "\ufffd" in text


def beyond_header(file: str, row: int, text: str) -> Problem:
    """A row of a text file is wider than its header, and holds ``text`` there."""
    return Problem(
        file=file,
        cell=place(file, row),
        value=text,
        rule="row_width",
        message_zh="此行的列数多于表头，后面的数可能错了位",
        message_en="this row has more columns than the header; figures may have shifted",
        remedy_zh="多为 1,234 这样的数未加引号，请改为 1234 或加引号",
        remedy_en="often a figure such as 1,234 without quotes: write 1234 or quote it",
    )


def cut_short(file: str, row: int) -> Problem:
    """The last row of a text file breaks off."""
    return Problem(
        file=file,
        cell=place(file, row),
        rule="cut_short",
        message_zh="文件在此行中断：列数不足，行末没有换行",
        message_en="the file breaks off in this row: cells are absent, and the line has no end",
        remedy_zh="多为复制或导出中断，请重新导出后报送；数据完整的，请补齐此行的列",
        remedy_en="copying or exporting it often broke off: send it anew; if all is there, fill the row's columns",
    )


def unreadable(delivery: Delivery, error: UnreadableError) -> Problem:
    """The file is not what its name says."""
    remedy_zh, remedy_en = error.remedy or (
        "请另存为 xlsx，或 UTF-8、GB18030 编码的 CSV，再报送",
        "save it again as xlsx, or as CSV in UTF-8 or GB18030",
    )
    return Problem(
        file=delivery.name,
        cell=place(delivery.name, error.row) if error.row else "",
        rule="readable",
        message_zh=error.zh,
        message_en=error.en,
        remedy_zh=remedy_zh,
        remedy_en=remedy_en,
    )


def changed_while_read(delivery: Delivery) -> Problem:
    """The bytes read may not be those whose fingerprint is kept."""
    return Problem(
        file=delivery.name,
        rule="unchanged",
        message_zh="读取期间文件有变动（仍在写入、替换或删除）",
        message_en="the file changed while it was read: it is still being written, or was replaced or removed",
        remedy_zh="请等文件写完后重新运行",
        remedy_en="wait until it is written, then run again",
    )


def no_register() -> Problem:
    """Nothing says which towns there are."""
    return Problem(
        file="towns.csv",
        rule="register",
        message_zh="缺少镇街名录",
        message_en="the register of towns is missing",
        remedy_zh="请将镇街名录放在 towns.csv",
        remedy_en="put the register of towns at towns.csv",
    )
