"""What is wrong with an edition, told with the file, line and item it stands at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipelines.errors import Problem
from pipelines.rubric.edition import Edition, Item, Section

#: A file name, then the keys and positions that lead to a place in it.
Where = tuple[str | int, ...]


class Broken(NamedTuple):
    """A law broken: where, which, what is wrong in Chinese and English, and under which readings."""

    where: Where
    rule: str
    zh: str
    en: str
    options: Mapping[str, str] = {}


def problems_of(edition: Edition, broken: Iterator[Broken] | Sequence[Broken]) -> list[Problem]:
    """The laws broken as problems, one for each line and message, whatever the number of readings it shows under."""
    found = []
    for each in broken:
        file = str(each.where[0])
        line, item = find_place(edition.written.get(file), each.where[1:], each.options)
        found.append(problem_at(f"{edition.folder}/{file}", line, item, each.rule, each.zh, each.en))
    return list(dict.fromkeys(found))


def sections_of(edition: Edition) -> Iterator[tuple[Where, Section]]:
    """Every section with the place it stands at."""
    for file, area in zip(edition.area_files, edition.areas, strict=True):
        for position, section in enumerate(area.sections):
            yield (file, "sections", position), section


def items_of(edition: Edition) -> Iterator[tuple[Where, Item]]:
    """Every item with the place it stands at."""
    for where, section in sections_of(edition):
        for position, item in enumerate(section.items):
            yield (*where, "items", position), item


def find_place(tree: Any, path: Sequence[str | int], options: Mapping[str, str]) -> tuple[int, str]:
    """Line of the innermost thing ``path`` leads to under ``options``, and the item (or the like) it lies in."""
    line, name, in_item = 1, "", False
    at = tree
    for part in (*path, None):
        while isinstance(at, Mapping) and isinstance(at.get(options.get(at.get("interpretation", ""))), Mapping):
            at = at[options[at["interpretation"]]]
        if isinstance(at, Mapping):
            for key in ("item", "section", "area", "interpretation", "indicator", "grade", "edition"):
                if key in at and not in_item:
                    name, in_item = str(at[key]), key == "item"
                    break
            if "given" in at and isinstance(at.get("title"), Mapping):
                name = str(at["title"].get("zh", ""))
            if part in at:
                line, at = _marks(at).key(part)[0] + 1, at[part]
        elif isinstance(at, list) and isinstance(part, int) and part < len(at):
            line, at = _marks(at).item(part)[0] + 1, at[part]
    return line, name


def _marks(at: Any) -> Any:
    """Where the entries of a mapping or list stand in its file, counted from 0."""
    return at.lc


def problem_at(file: str, line: int, item: str, rule: str, zh: str, en: str, value: str = "") -> Problem:
    """What breaks ``rule`` at a line of a file of the rubric, within ``item``."""
    return Problem(
        file=file,
        cell=f"line {line}",
        column=item,
        value=value,
        rule=rule,
        message_zh=zh,
        message_en=en,
        remedy_zh="请改正此处，再运行 kaohe rubric lint",
        remedy_en="mend it and run kaohe rubric lint again",
    )


#: What is wrong with the shape of an entry, in Chinese, by the name pydantic gives it.
_SHAPE_ZH = {
    "missing": "缺少此项",
    "extra_forbidden": "没有这一项",
    "literal_error": "不在可选值之内",
    "value_error": "数值写法不对",
    "union_tag_invalid": "没有这种类型",
    "union_tag_not_found": "未写明类型",
    "string_too_short": "不得为空",
    "too_short": "至少要有一项",
}


def shape_problem(file: str, line: int, item: str, path: Sequence[str | int], error: Any) -> Problem:
    """What pydantic found wrong with the shape of the entry that ``path`` leads to."""
    value = error["input"] if isinstance(error["input"], str) else ""
    return problem_at(file, line, item, "shape", *shape_in_words(path, error), value)


def shape_in_words(path: Sequence[str | int], error: Any) -> tuple[str, str]:
    """The same in words, Chinese and English."""
    field = ".".join(str(part) for part in path)
    said = _SHAPE_ZH.get(error["type"], "不符合要求")
    return f"{field}：{said}", f"{field}: {error['msg'].removeprefix('Value error, ')}"
