"""Writes the documents that can be generated: the rubric, the source guide for towns, the data dictionary, and the
sample of results in the READMEs.

``make docs`` runs it; a test fails where a document is not what it would write.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipelines import rubric
from pipelines.contracts import Contract, load_contracts
from pipelines.labels import label
from pipelines.transform import describe, load_models

ROOT = Path(__file__).parent.parent
EDITION = ROOT / "rubric" / "2013"


def documents() -> dict[Path, str]:
    """Every generated document by its path."""
    return {
        ROOT / "docs" / "rubric-2013.md": _text(_rubric()),
        ROOT / "docs" / "sources.md": _text(_sources()),
        ROOT / "docs" / "data-dictionary.md": _text(_dictionary()),
        ROOT / "rubric" / "schema.json": rubric.schema(),
        **{ROOT / name: _with_sample(ROOT / name) for name in ("README.md", "README.zh.md")},
    }


def _with_sample(readme: Path) -> str:
    """The README with the grades of the committed deliveries, as the golden marts have them."""
    with (ROOT / "tests" / "golden" / "town_score.csv").open(encoding="utf-8", newline="") as stream:
        towns = list(csv.DictReader(stream))
    grades = [band.grade for band in rubric.load_edition(EDITION).head.bands]
    counted = Counter((town["year"], town["grade"] if town["status"] == "final" else "") for town in towns)
    headings = [grade + " " + label(f"grade_{grade}", "en") for grade in grades]
    lines = [
        f"| 年度 year | {' | '.join(headings)} | 待定 provisional |",
        "|---" * (len(grades) + 2) + "|",
        *(
            f"| {year} | {' | '.join(str(counted[year, grade]) for grade in (*grades, ''))} |"
            for year in sorted({town["year"] for town in towns})
        ),
    ]
    return _SAMPLE.sub(lambda mark: "\n".join([mark[1], *lines, mark[2]]), readme.read_text(encoding="utf-8"))


_SAMPLE = re.compile(r"(<!-- sample:begin -->).*?(<!-- sample:end -->)", re.DOTALL)


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _rubric() -> Iterator[str]:
    edition = rubric.load_edition(EDITION)
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


def _sources() -> Iterator[str]:
    yield "# 报送数据说明 Source guide"
    yield ""
    yield "文件放在 `data/raw/<年度>/<数据名>[-说明].csv`（或 xlsx、parquet）；镇街名录为 `data/raw/towns.csv`。"
    yield "表头可写列名中的任意一个；标题行、合计行、填表说明会自动略过。由 `make docs` 生成。"
    yield ""
    yield "One file per source and year, or one per town. A header may be any of the names given. Generated."
    for contract in load_contracts().values():
        yield from _source(contract)


def _source(contract: Contract) -> Iterator[str]:
    yield f"\n## {contract.title} `{contract.name}` {contract.title_en}\n\n{contract.description}\n"
    yield "| 列名 headers | 类型 type | 要求 constraints | 单位 unit |\n|---|---|---|---|"
    for field in contract.fields:
        limits = field.constraints
        asked = [
            *(["必填 required"] if limits.required else []),
            *(["可缺列 column may be absent"] if field.optional else []),
            *([f"≥ {limits.minimum}"] if limits.minimum is not None else []),
            *([f"≤ {limits.maximum}"] if limits.maximum is not None else []),
            *(["、".join(limits.enum)] if limits.enum else []),
            *(["个人信息 personal"] if field.personal else []),
        ]
        headers = "、".join(dict.fromkeys((field.title, *field.aliases, f"`{field.name}`")))
        yield f"| {headers} | {field.type} | {'; '.join(asked)} | {field.unit} |"
    key = "、".join(contract.field(name).title for name in contract.primary_key)
    yield f"\n每 {key} 一行 one row per {', '.join(contract.primary_key)}."


def _dictionary() -> Iterator[str]:
    yield "# 数据字典 Data dictionary"
    yield "\n已发布的各表；类型见 `datapackage.json`。The published tables. 由 `make docs` 生成 generated."
    for model in sorted(load_models().values(), key=lambda model: model.name):
        if model.layer == "marts":
            yield f"\n## {model.name}\n\n{model.grain}.\n\n| 列 column | 含义 meaning |\n|---|---|"
            for column in model.yields:
                key = " (key)" if column in model.key else ""
                yield f"| `{column}`{key} | {describe(model, column)} |"


if __name__ == "__main__":
    for path, text in documents().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
