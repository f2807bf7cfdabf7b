"""What each source must look like, for the towns that send it."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.contracts import Contract, load_contracts


def page() -> str:
    """The page about every source."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
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
