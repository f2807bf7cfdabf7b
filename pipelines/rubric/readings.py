"""How open passages are read: interpretations, the choice made among them, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from pipelines.errors import Exit, KaoheError
from pipelines.rubric.edition import Edition, EditionFile, Item
from pipelines.rubric.faults import Where
from pipelines.rubric.terms import TERM, Term

#: The scenario that is published.
IN_FORCE = "in_force"


@dataclass(frozen=True)
class Scenario:
    """One choice of option for every interpretation of an edition, under a name."""

    name: str
    options: Mapping[str, str]


def scenario(edition: Edition, name: str = IN_FORCE, options: Mapping[str, str] | None = None) -> Scenario:
    """The scenario with ``options`` chosen and the defaults elsewhere. KaoheError (usage) for one there is not."""
    chosen = {each.interpretation: each.default for each in edition.head.interpretations}
    known = known_options(edition.head)
    for interpretation, option in (options or {}).items():
        if option not in known.get(interpretation, ()):
            listed = "; ".join(f"{key}: {', '.join(values)}" for key, values in known.items())
            raise KaoheError(Exit.USAGE, f"{interpretation}={option} is no reading of the rubric. There are {listed}")
        chosen[interpretation] = option
    return Scenario(name, chosen)


def all_scenarios(edition: Edition) -> list[Scenario]:
    """Every combination of options, each named by what it departs from the defaults in; the defaults are in force."""
    defaults = {each.interpretation: each.default for each in edition.head.interpretations}
    return [
        Scenario(
            ";".join(f"{key}={option}" for key, option in choice.items() if option != defaults[key]) or IN_FORCE, choice
        )
        for choice in combinations(edition.head, [{"interpretation": key} for key in defaults])
    ]


def resolve(written: Any, options: Mapping[str, str]) -> Any:
    """``written`` with every ``{interpretation: …}`` in it replaced by what the option in force says."""
    if isinstance(written, Mapping):
        if "interpretation" in written:
            option = options[written["interpretation"]]
            values = {key: value for key, value in written.items() if key != "interpretation"}
            return resolve(values[option], options) if values else option
        return {key: resolve(value, options) for key, value in written.items()}
    if isinstance(written, list | tuple):
        return [resolve(value, options) for value in written]
    return written


def interpretations_in(written: Any) -> set[str]:
    """Every interpretation ``written`` refers to."""
    return {str(each["interpretation"]) for _, each in mappings_in(written) if "interpretation" in each}


def terms_of(item: Item, options: Mapping[str, str]) -> list[Term]:
    """The item's terms under ``options``."""
    return [TERM.validate_python(resolve(term, options)) for term in item.terms]


def mappings_in(written: Any, path: Where = ()) -> Iterator[tuple[Where, Mapping[str, Any]]]:
    """Every mapping in ``written``, itself included, with the path to it."""
    if isinstance(written, Mapping):
        yield path, written
        for key, value in written.items():
            yield from mappings_in(value, (*path, key))
    elif isinstance(written, list | tuple):
        for position, value in enumerate(written):
            yield from mappings_in(value, (*path, position))


def known_options(head: EditionFile) -> dict[str, list[str]]:
    """The options of every interpretation."""
    return {each.interpretation: [option.option for option in each.options] for each in head.interpretations}


def combinations(head: EditionFile, written: Any) -> Iterator[dict[str, str]]:
    """Every way to choose among the interpretations that ``written`` refers to."""
    used = [each.interpretation for each in head.interpretations if each.interpretation in interpretations_in(written)]
    known = known_options(head)
    for choice in product(*(known[name] for name in used)):
        yield dict(zip(used, choice, strict=True))


def possible_values(edition: Edition, written: Any) -> set[Any]:
    """What ``written`` can resolve to."""
    return {resolve(written, choice) for choice in combinations(edition.head, written)}
