"""Reading YAML as plain data: no tags that make objects, no aliases, no bottomless nesting.

A few lines of aliases of aliases stand for more values than a machine holds, and walking over them never ends.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.events import AliasEvent

#: No file of ours nests deeper than a dozen levels.
_DEEPEST = 50


class PlainComposer(Composer):
    """Refuses with a YAMLError what a file of settings has no use for. For a pure ``YAML``: ``yaml.Composer = …``."""

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


def load_yaml(text: str) -> Any:
    """What ``text`` holds: mappings, lists and plain values. Raises ruamel.yaml's YAMLError for anything else."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = PlainComposer
    return yaml.load(text)
