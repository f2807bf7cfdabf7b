"""The YAML files of an edition: read, held to their shape, and described to editors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from ruamel.yaml.error import YAMLError

from pipelines.errors import Exit, KaoheError, Problem
from pipelines.plain_yaml import load_with_places, without_places
from pipelines.rubric.edition import BY_INTERPRETATION, Area, Edition, EditionFile, IndicatorsFile
from pipelines.rubric.examples import Example, ExamplesFile
from pipelines.rubric.faults import (
    Broken,
    Where,
    find_place,
    items_of,
    problem_at,
    problems_of,
    shape_in_words,
    shape_problem,
)
from pipelines.rubric.readings import combinations, known_options, mappings_in, resolve
from pipelines.rubric.terms import TERM, TERM_KINDS


def load_edition(folder: Path) -> Edition:
    """The edition in ``folder``. KaoheError (rejected) with every problem of every file, by file, line and item."""
    problems: list[Problem] = []
    written: dict[str, Any] = {}
    head = read_file(folder / "edition.yml", EditionFile, problems, written)
    indicators = read_file(folder / "indicators.yml", IndicatorsFile, problems, written)
    areas = {path.name: read_file(path, Area, problems, written) for path in sorted(folder.glob("area-*.yml"))}
    whole = {name: area for name, area in areas.items() if area}
    if head:
        defined = indicators.indicators if indicators else ()
        edition = Edition(folder.name, head, defined, tuple(whole.values()), tuple(whole), written)
        problems += problems_of(edition, _unresolvable(edition))
        if not problems:
            return edition
    raise KaoheError(Exit.REJECTED, f"{folder}: {len(problems)} problem(s) in the rubric", problems)


def load_examples(folder: Path) -> list[Example]:
    """The worked cases beside an edition. KaoheError (rejected) where the file is not what it should be."""
    problems: list[Problem] = []
    found = read_file(folder / "examples.yml", ExamplesFile, problems, {})
    if found is None:
        raise KaoheError(Exit.REJECTED, f"{folder}: {len(problems)} problem(s) in the examples", problems)
    return list(found.examples)


_Model = TypeVar("_Model", bound=BaseModel)


def read_file(path: Path, model: type[_Model], problems: list[Problem], written: dict[str, Any]) -> _Model | None:
    """One file checked against ``model``; what is wrong with it goes to ``problems`` with its line."""
    file = f"{path.parent.name}/{path.name}"
    lines: list[str] = []
    try:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        tree, repeated = _parsed(text)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        told = " ".join(str(getattr(error, "problem", None) or error).split())
        problems.append(problem_at(file, line, _item_above(lines, line), "yaml", "不是可读的 YAML", told))
        return None
    for line, key in repeated:
        problems.append(
            problem_at(file, line, _item_above(lines, line), "unique", f"{key} 写了两次", f"{key} is written twice")
        )
    written[path.name] = tree
    try:
        return model.model_validate(without_places(tree))
    except ValidationError as error:
        for each in error.errors():
            line, name = find_place(tree, each["loc"], {})
            problems.append(shape_problem(file, line, name, each["loc"], each))
    return None


@lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[Any, tuple[tuple[int, str], ...]]:
    """What a file says, with the places of it, and every key written twice with its line; nobody changes what is told.

    To hold a draft to its laws and then plan it reads every file twice, and reading is most of either.
    """
    tree, repeated = load_with_places(text)
    return tree, tuple(repeated)


def _item_above(lines: Sequence[str], line: int) -> str:
    """The item a line lies in, where the file cannot be read well enough to ask its structure."""
    named = r"^ *- \{?(?:item|section|interpretation|indicator|grade): *([^\s,}]+)"
    found = re.findall(named, "\n".join(lines[:line]), re.MULTILINE)
    return found[-1] if found else ""


# What follows an interpretation is checked as it would be under every choice of option -------------------------------


def _unresolvable(edition: Edition) -> Iterator[Broken]:
    """Readings there are not, options left out or made up, and terms that are none of the kinds."""
    known = known_options(edition.head)
    for position, each in enumerate(edition.head.interpretations):
        if each.default not in known[each.interpretation]:
            where: Where = ("edition.yml", "interpretations", position, "default")
            told = f"the default {each.default} is none of its options"
            yield Broken(where, "interpretation", f"默认值 {each.default} 不在选项之中", told)
    for where, item in items_of(edition):
        lacking = list(_lacking((*where, "terms"), item.terms, known))
        yield from lacking or _misshapen(edition, (*where, "terms"), item.terms)
    totals = edition.head.totals.model_dump().items()
    words: list[tuple[Where, Any]] = [(("edition.yml", "totals", name), written) for name, written in totals]
    for where, written in words + [((*where, "bars"), item.bars) for where, item in items_of(edition)]:
        lacking = list(_lacking(where, written, known))
        yield from lacking
        values = [] if lacking else [resolve(written, choice) for choice in combinations(edition.head, written)]
        if not all(value is None or isinstance(value, str) for value in values):
            yield Broken(where, "shape", "应为一个名称", "this should be one name")


def _misshapen(edition: Edition, where: Where, terms: Sequence[Any]) -> Iterator[Broken]:
    for position, term in enumerate(terms):
        for choice in combinations(edition.head, term):
            try:
                TERM.validate_python(resolve(term, choice))
            except ValidationError as error:
                for each in error.errors():
                    # What pydantic names first is the kind of term, which is no step on the way to the place.
                    zh, en = shape_in_words(each["loc"][1:] or each["loc"], each)
                    yield Broken((*where, position, *each["loc"][1:]), "shape", zh, en, choice)


def _lacking(where: Where, written: Any, known: Mapping[str, Sequence[str]]) -> Iterator[Broken]:
    for path, mapping in mappings_in(written):
        name = mapping.get("interpretation")
        if name is None:
            continue
        at = (*where, *path)
        if name not in known:
            yield Broken(at, "interpretation", f"没有口径 {name}", f"there is no interpretation {name}")
            continue
        valued = [key for key in mapping if key != "interpretation"]
        for option in sorted(set(known[name]) - set(valued)) if valued else ():
            yield Broken(at, "interpretation", f"未写口径 {name} 的选项 {option}", f"{name}: no value for {option}")
        for option in sorted(set(valued) - set(known[name])):
            yield Broken(
                (*at, option), "interpretation", f"口径 {name} 没有选项 {option}", f"{name} has no option {option}"
            )


# For editors ---------------------------------------------------------------------------------------------------------


def schema() -> str:
    """JSON Schema of the files of an edition, for editors to complete from: the text of ``rubric/schema.json``."""
    import json

    files = (EditionFile, IndicatorsFile, Area, ExamplesFile)
    adapters = [(model.__name__, "validation", TypeAdapter(model)) for model in (*files, *TERM_KINDS)]
    _, made = TypeAdapter.json_schemas(adapters, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
    defined = made["$defs"]
    for kind in (model.__name__ for model in TERM_KINDS):
        for name, field in defined[kind]["properties"].items():
            if name != "kind":
                defined[kind]["properties"][name] = {"anyOf": [field, {"$ref": "#/$defs/ByInterpretation"}]}
    terms = [{"$ref": f"#/$defs/{model.__name__}"} for model in TERM_KINDS]
    defined["Item"]["properties"]["terms"]["items"] = {"anyOf": [*terms, {"$ref": "#/$defs/ByInterpretation"}]}
    defined["ByInterpretation"] = BY_INTERPRETATION
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A file of an edition of the rubric",
        "anyOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in files],
        "$defs": defined,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
