"""Reading YAML as plain data: no tags that make objects, no aliases, no bottomless nesting.

A few lines of aliases of aliases stand for more values than a machine holds, and walking over them never ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.events import AliasEvent

#: No file of ours nests deeper than a dozen levels.
_DEEPEST = 50


class _PlainComposer(Composer):
    """Refuses with a YAMLError what a file of settings has no use for."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node with all it holds."""
        event = self.parser.peek_event()
        if isinstance(event, AliasEvent):
            told = f"an alias (*{event.anchor}); write out what it stands for"
            raise ComposerError(None, None, told, event.start_mark)
        if self._depth >= _DEEPEST:
            raise ComposerError(None, None, f"nested deeper than {_DEEPEST} levels", event.start_mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


class _NumbersAsText(RoundTripConstructor):
    """Leaves numbers and dates as the text they were written in, and notes every key written twice."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.repeated: list[tuple[int, str]] = []

    def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:  # noqa: ARG002
        """Whether ``key`` is new in its mapping."""
        if key in mapping:
            self.repeated.append((key_node.start_mark.line + 1, str(key)))
        return key not in mapping


class _AllAsText(_NumbersAsText):
    """Leaves every value as text; an empty one is ''."""


for _kind, _tags in ((_NumbersAsText, ("int", "float", "timestamp")), (_AllAsText, ("bool", "null"))):
    for _tag in _tags:
        _kind.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda self, node: self.construct_scalar(node))


def load_with_places(text: str, *, all_as_text: bool = False) -> tuple[Any, list[tuple[int, str]]]:
    """What ``text`` holds, and the keys that stand twice in a mapping, with their lines.

    Mappings and lists know where in ``text`` they stand, by ``lc``. Numbers and dates are the text they were written
    in, as 007 and 1.10 are others once they are read; where ``all_as_text``, so is every value. Raises YAMLError as
    ``load_yaml`` does.
    """
    yaml = YAML(typ="rt")
    yaml.Constructor = _AllAsText if all_as_text else _NumbersAsText
    yaml.Composer = _PlainComposer
    return yaml.load(text), yaml.constructor.repeated


def without_places(written: Any) -> Any:
    """What ``load_with_places`` found, as plain mappings, lists and text."""
    if isinstance(written, Mapping):
        return {str(key): without_places(value) for key, value in written.items()}
    if isinstance(written, list):
        return [without_places(value) for value in written]
    return str(written) if isinstance(written, str) else written


def load_yaml(text: str) -> Any:
    """What ``text`` holds: mappings, lists and plain values. Raises ruamel.yaml's YAMLError for anything else."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _PlainComposer
    return yaml.load(text)
