"""The words people see, from the one table of labels."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from ruamel.yaml import YAML

Language = Literal["zh", "en"]


def label(key: str, language: Language) -> str:
    """The word for ``key`` in ``language``; KeyError for a key that is not in the table."""
    return _table()[key][0 if language == "zh" else 1]


def both(key: str, between: str = " ", **filled: object) -> str:
    """The words for ``key`` in Chinese, then in English, with ``filled`` in the places they have for it."""
    told = f"{label(key, 'zh')}{between}{label(key, 'en')}"
    return told.format(**filled) if filled else told


def is_labelled(key: str) -> bool:
    """Whether the table has words for ``key``."""
    return key in _table()


@cache
def _table() -> dict[str, list[str]]:
    path = Path(__file__).with_name("labels.yml")
    table: dict[str, list[str]] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return table
