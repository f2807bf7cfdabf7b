"""An edition of the rubric in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines import rubric


def page(edition: Path) -> str:
    """The page about the edition in the folder ``edition``."""
    return "\n".join(_lines(rubric.load_edition(edition))) + "\n"


def _lines(edition: rubric.Edition) -> Iterator[str]:
    head = edition.head
    document = head.document
    yield f"# {document.title.zh}"
    yield ""
    yield f"{document.title.en}. {document.issuer.zh} {document.number}，{document.issued}；代替 {document.replaces}。"
    yield "以下为自述，非原文。Restated, not quoted. 由 `make docs` 生成 generated."
    for area in edition.areas:
        yield f"\n## {area.area} {area.title.zh} {area.title.en} ({area.points})"
        for section in area.sections:
            yield f"\n### {section.section} {section.title.zh} {section.title.en} ({section.points})"
            yield "\n| 条款 item | 依据 clause | 分值 points | 性质 basis | 内容 what it asks |\n|---|---|---|---|---|"
            for item in section.items:
                points = str(item.points) if item.kind == "scored" else {"bonus": "加分 bonus"}.get(item.kind, "–")
                asks = f"**{item.title.zh}** {item.requirement.zh}<br>**{item.title.en}** {item.requirement.en}"
                yield f"| {item.item} | {item.clause} | {points} | {item.basis} | {asks} |"
    yield "\n## 等次 Grades\n"
    words = {"at_least": "≥", "above": ">", "at_most": "≤", "below": "<"}
    for band in head.bands:
        limits = [f"{sign} {limit}" for name, sign in words.items() if (limit := getattr(band, name)) is not None]
        yield f"- {band.grade}: {', '.join(limits)}"
    yield "\n## 原文未定的口径 Open readings\n"
    yield "| 口径 | 问题 question | 选项，默认的带 * options, the default marked * |\n|---|---|---|"
    for each in head.interpretations:
        options = "<br>".join(
            f"{'*' if option.option == each.default else ''}`{option.option}` {option.title.zh} {option.title.en}"
            for option in each.options
        )
        yield f"| `{each.interpretation}` | {each.question.zh}<br>{each.question.en} | {options} |"
    yield "\n## 指标（工作定义，待确认）Indicators, working definitions to be confirmed\n"
    yield "| 指标 | 定义 definition | 来源 source |\n|---|---|---|"
    for indicator in edition.indicators:
        names = f"{indicator.title.zh} {indicator.title.en}<br>`{indicator.indicator}`"
        yield f"| {names} | {indicator.definition.zh}<br>{indicator.definition.en} | {indicator.source} |"
