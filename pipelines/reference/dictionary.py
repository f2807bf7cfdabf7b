"""What every published column means."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.transform import describe, load_models


def page() -> str:
    """The page about every mart."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# 数据字典 Data dictionary"
    yield "\n已发布的各表；类型见 `datapackage.json`。The published tables. 由 `make docs` 生成 generated."
    for model in sorted(load_models().values(), key=lambda model: model.name):
        if model.layer == "marts":
            yield f"\n## {model.name}\n\n{model.grain}.\n\n| 列 column | 含义 meaning |\n|---|---|"
            for column in model.yields:
                key = " (key)" if column in model.key else ""
                yield f"| `{column}`{key} | {describe(model, column)} |"
