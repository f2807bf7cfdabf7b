"""The draft 通报: the year's results as a document for the bureau to finish by hand."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from pipelines.analysis.marts import Marts, open_marts
from pipelines.errors import Exit, KaoheError
from pipelines.labels import both, label
from pipelines.publish.book import write_package

#: How many of the clauses that lose most are told.
CLAUSES = 8

_BODY, _HEADING, _TITLE = "仿宋", "黑体", "宋体"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
Row = dict[str, Any]


def write_notice(marts: Path, year: int, output: Path) -> Path:
    """Write the draft notice of ``year`` as a docx at ``output``; the path written.

    ``output`` may be a folder, which then gets ``<year>考核通报（征求意见稿）.docx``. KaoheError (usage) for a year
    that is not published.
    """
    opened = open_marts(marts)
    if year not in opened.years:
        known = "、".join(map(str, opened.years))
        raise KaoheError(Exit.USAGE, f"{year}: 没有该年度的结果，现有 {known} there are no results of that year")
    path = output if output.suffix == ".docx" else output / f"{year}考核通报（征求意见稿）.docx"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()
    _Notice(opened, year).document.save(written)
    with zipfile.ZipFile(written) as package:
        write_package(path, {name: package.read(name) for name in package.namelist()})
    return path


class _Notice:
    """One year's notice."""

    def __init__(self, marts: Marts, year: int) -> None:
        self.marts, self.year = marts, year
        self.edition = marts.rows("SELECT * FROM edition")[0]
        self.bands = marts.rows("SELECT * FROM grade_band ORDER BY position")
        self.readings = marts.rows("""
            SELECT interpretation, question_zh, option_zh FROM interpretation
            WHERE is_in_force ORDER BY interpretation""")
        self.positions = {row["item"]: row["position"] for row in marts.rows("SELECT * FROM item_definition")}
        self.towns = marts.rows(
            "SELECT * FROM town_score WHERE year = ? ORDER BY rank NULLS LAST, town_code, town_id", [year]
        )
        self.document = Document()
        self._set_up()
        self._write()

    # Form -------------------------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        section = self.document.sections[0]
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.7)
        section.top_margin, section.bottom_margin = Cm(3), Cm(2.6)
        style = self.document.styles["Normal"]
        style.paragraph_format.space_after = Pt(0)
        style.paragraph_format.line_spacing = Pt(26)
        _set_font(style, _BODY, 14)
        head = section.header.paragraphs[0]
        head.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        marks = [label("notice_draft", "zh")]
        if self.marts.is_synthetic:
            marks.append(label("synthetic", "zh"))
        _set_font(head.add_run("　".join(marks)), _HEADING, 9, "C00000")
        foot = section.footer.paragraphs[0]
        foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _set_font(foot.add_run(f"{label('notice_run', 'zh')} {self.marts.manifest['run_id']}　第 "), _BODY, 9)
        _add_page_number(foot.add_run())
        _set_font(foot.add_run(" 页"), _BODY, 9)
        properties = self.document.core_properties
        properties.title = self._title
        properties.author = "kaohe"
        properties.comments = properties.last_modified_by = ""

    @property
    def _title(self) -> str:
        return label("notice_title", "zh").format(year=self.year)

    def _paragraph(self, text: str, *, indent: bool = True) -> Any:
        paragraph = self.document.add_paragraph()
        if indent:
            paragraph.paragraph_format.first_line_indent = Pt(28)
        _set_font(paragraph.add_run(_UNPRINTABLE.sub("\ufffd", text)), _BODY, 14)
        return paragraph

    def _heading(self, number: int, key: str) -> None:
        paragraph = self.document.add_paragraph()
        paragraph.paragraph_format.first_line_indent = Pt(28)
        paragraph.paragraph_format.space_before = Pt(8)
        paragraph.paragraph_format.keep_with_next = True
        _set_font(paragraph.add_run(f"{'一二三四五六'[number - 1]}、{label(key, 'zh')}"), _HEADING, 14)
        _set_font(paragraph.add_run(f"　{label(key, 'en')}"), _HEADING, 9, "595959")

    def _table(self, keys: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
        table = self.document.add_table(rows=1, cols=len(keys))
        table.style = "Table Grid"
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        table.autofit = False
        # Word goes by the cells' widths, LibreOffice by the columns'.
        for column, width in zip(table.columns, widths, strict=True):
            column.width = Cm(width)
        heads = [both(key, "\n") for key in keys]
        _fill(table.rows[0], heads, widths, is_head=True)
        for row in rows:
            _fill(table.add_row(), row, widths)

    # Content ----------------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        title = self.document.add_paragraph()
        title.alignment = WD_ALIGN_PARAGRAPH.CENTER
        title.paragraph_format.line_spacing = Pt(34)
        _set_font(title.add_run(self._title), _TITLE, 20, bold=True)
        mark = self.document.add_paragraph()
        mark.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _set_font(mark.add_run(f"（{label('notice_draft', 'zh')}）"), _BODY, 14)
        if self.marts.is_synthetic:
            notice = self.document.add_paragraph()
            notice.alignment = WD_ALIGN_PARAGRAPH.CENTER
            told = f"※ {both('synthetic')}"
            _set_font(notice.add_run(told), _HEADING, 10.5, "C00000")
        self._paragraph("各镇（街道）：", indent=False)
        based = f"《{self.edition['document_zh']}》（{self.edition['number']}）"
        self._paragraph(
            f"根据{based}，对 {len(self.towns)} 个镇（街道）{self.year} 年度社会保障业务经办管理工作进行了考核。"
            "现将结果通报如下。"
        )
        self._write_results()
        self._write_commended()
        self._write_provisional()
        self._write_losses()
        self._write_ranking()
        self._write_basis(based)

    def _write_results(self) -> None:
        self._heading(1, "notice_results")
        final = [town for town in self.towns if town["status"] == "final"]
        if final:
            totals = [town["total"] for town in final]
            told = f"已终评的 {len(final)} 个镇（街道）平均 {_points(_mean(totals))} 分，"
            self._paragraph(told + f"最高 {_points(max(totals))} 分，最低 {_points(min(totals))} 分。各等次如下表。")
        else:
            self._paragraph("各镇（街道）均尚未终评。")
        graded = [town for town in final if town["grade"]]
        rows = []
        for band in self.bands:
            names = [town["town_name"] for town in graded if town["grade"] == band["grade"]]
            rows.append((band["grade"], str(len(names)), "、".join(names) or "—"))
        open_ones = [town["town_name"] for town in self.towns if town not in graded]
        if open_ones:
            rows.append((label("notice_open", "zh"), str(len(open_ones)), "、".join(open_ones)))
        self._table(("notice_grade", "notice_count", "notice_towns"), rows, (2.6, 2, 11))

    def _write_commended(self) -> None:
        self._heading(2, "notice_commended")
        best = self.bands[0]["grade"]
        commended = [town for town in self.towns if town["status"] == "final" and town["grade"] == best]
        if not commended:
            self._paragraph(f"本年度没有镇（街道）达到{best}等次。")
            return
        listed = "、".join(f"{town['town_name']}（{_points(town['total'])} 分）" for town in commended)
        self._paragraph(f"拟评定以下 {len(commended)} 个镇（街道）为年度{best}单位：{listed}。")

    def _write_provisional(self) -> None:
        self._heading(3, "notice_provisional")
        waiting = [town for town in self.towns if town["status"] != "final"]
        if not waiting:
            self._paragraph("全部镇（街道）均已终评。")
            return
        self._paragraph(f"以下 {len(waiting)} 个镇（街道）尚有条款暂缺，结果未定，不参加排名：")
        missing = self.marts.rows(
            "SELECT town_id, item, clause, title_zh FROM item_score "
            "WHERE year = ? AND status = 'missing' AND kind <> 'condition'",
            [self.year],
        )
        missing.sort(key=lambda row: self.positions[row["item"]])
        rows = []
        for town in waiting:
            items = [f"{row['clause']} {row['title_zh']}" for row in missing if row["town_id"] == town["town_id"]]
            ends = f"{_points(town['total_low'])}–{_points(town['total_high'])}"
            low, high = town["grade_low"], town["grade_high"]
            grades = f"{low}（已可确定，未终评）" if town["grade"] else f"{low} 至 {high}"
            rows.append((town["town_name"], ends, grades, "、".join(items)))
        self._table(("notice_town", "notice_range", "notice_grades", "notice_missing"), rows, (2.8, 3, 3.4, 6.4))

    def _write_losses(self) -> None:
        self._heading(4, "notice_losses")
        rows = self.marts.rows(
            """SELECT item, clause, title_zh, available, count(*) AS towns, sum(available - points) AS lost,
                count(*) FILTER (WHERE points < available) AS losing
            FROM item_score WHERE year = ? AND kind = 'scored' AND points IS NOT NULL GROUP BY ALL""",
            [self.year],
        )
        rows = [row for row in rows if row["lost"] > 0]
        rows.sort(key=lambda row: (-Fraction(row["lost"]) / row["towns"], self.positions[row["item"]]))
        told = rows[:CLAUSES]
        if not told:
            self._paragraph("各条款均未失分。")
            return
        first = told[0]
        average = _points(Fraction(first["lost"]) / first["towns"])
        self._paragraph(
            f"平均失分最多的是{first['clause']}「{first['title_zh']}」，平均失 {average} 分，"
            f"有 {first['losing']} 个镇（街道）失分。失分较多的条款如下表（暂缺的不计入）。"
        )
        table = []
        for row in told:
            mean = Fraction(row["lost"]) / row["towns"]
            share = mean / Fraction(row["available"]) * 100
            table.append((f"{row['clause']} {row['title_zh']}", _points(row["available"]), _points(mean),
                          f"{_rounded(share, 1)}%", f"{row['losing']} / {row['towns']}"))  # fmt: skip
        keys = ("notice_clause", "notice_available", "notice_average", "notice_share", "notice_losing")
        self._table(keys, table, (6.4, 2.2, 2.4, 2.2, 2.6))

    def _write_ranking(self) -> None:
        self._heading(5, "notice_ranking")
        rows = [
            (str(town["rank"]), town["town_name"], _points(town["total"]), town["grade"] or label("notice_open", "zh"))
            for town in self.towns
            if town["rank"] is not None
        ]
        self._table(("notice_rank", "notice_town", "notice_total", "notice_grade"), rows, (2, 6, 3.4, 4))

    def _write_basis(self, based: str) -> None:
        self._heading(6, "notice_basis")
        self._paragraph(f"考核依据：{based}，{self.edition['issuer_zh']}发布，细则版本 {self.edition['edition']}。")
        self._paragraph("原文未写明之处按以下口径计分，口径待主管单位确认：")
        for row in self.readings:
            self._paragraph(f"{row['question_zh']}：{row['option_zh']}。")
        self._paragraph(f"数据运行编号 {self.marts.manifest['run_id']}。对结果有异议的，请在征求意见期内提出复核。")
        if self.marts.is_synthetic:
            self._paragraph(f"※ {label('synthetic', 'zh')}。{label('synthetic', 'en').capitalize()}.")
        for text in ("（发文单位）", "　　　　年　　月　　日"):
            self._paragraph(text, indent=False).alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _set_font(target: Any, font: str, size: float, color: str = "", *, bold: bool = False) -> None:
    """Name the font of a run or style for Chinese and for everything else."""
    target.font.name, target.font.size, target.font.bold = font, Pt(size), bold
    fonts = target.element.get_or_add_rPr().get_or_add_rFonts()
    for script in ("w:eastAsia", "w:ascii", "w:hAnsi", "w:cs"):
        fonts.set(qn(script), font)
    if color:
        target.font.color.rgb = RGBColor.from_string(color)


def _add_page_number(run: Any) -> None:
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = text
        run._r.append(part)
    _set_font(run, _BODY, 9)


def _fill(row: Any, texts: Sequence[str], widths: Sequence[float], *, is_head: bool = False) -> None:
    for cell, text, width in zip(row.cells, texts, widths, strict=True):
        cell.width = Cm(width)
        paragraph = cell.paragraphs[0]
        paragraph.paragraph_format.line_spacing = Pt(18)
        is_long = len(text) > 16 and not is_head
        paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT if is_long else WD_ALIGN_PARAGRAPH.CENTER
        _set_font(paragraph.add_run(_UNPRINTABLE.sub("\ufffd", text)), _HEADING if is_head else _BODY, 10.5)
    properties = row._tr.get_or_add_trPr()
    for mark in ("w:cantSplit", *(["w:tblHeader"] if is_head else [])):
        properties.append(OxmlElement(mark))


def _mean(values: Sequence[Decimal]) -> Fraction:
    return sum(map(Fraction, values), Fraction(0)) / len(values)


def _points(number: Decimal | Fraction) -> str:
    return _rounded(Fraction(number), 2)


def _rounded(number: Fraction, places: int) -> str:
    """A number that is not below 0, rounded half up."""
    whole = int(number * 10**places + Fraction(1, 2))
    return f"{Decimal(whole).scaleb(-places):f}"
