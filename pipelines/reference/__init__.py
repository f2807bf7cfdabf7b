"""Writes the documents that can be generated, each from what the program itself goes by.

``make docs`` runs it; a test fails where a document is not what it would write.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipelines import rubric
from pipelines.reference import commands, dependencies, dictionary, lineage, readme, rules, sources

ROOT = Path(__file__).parent.parent.parent
EDITION = ROOT / "rubric" / "2013"
GOLDEN = ROOT / "tests" / "golden"

#: Every generated document by its path, and what writes its text.
DOCUMENTS: dict[Path, Callable[[], str]] = {
    ROOT / "docs" / "index.md": partial(readme.contents, ROOT / "docs" / "index.md"),
    ROOT / "docs" / "rubric-2013.md": partial(rules.page, EDITION),
    ROOT / "docs" / "sources.md": sources.page,
    ROOT / "docs" / "data-dictionary.md": dictionary.page,
    ROOT / "docs" / "commands.md": commands.page,
    ROOT / "docs" / "dependencies.md": partial(dependencies.page, ROOT / "docs" / "dependencies.md", ROOT),
    ROOT / "docs" / "lineage.md": partial(lineage.page, EDITION),
    ROOT / "docs" / "lineage" / "overview.svg": partial(lineage.overview, EDITION),
    **{
        ROOT / "docs" / "lineage" / f"{area.stem}.svg": partial(lineage.area, EDITION, area.stem.partition("-")[2])
        for area in sorted(EDITION.glob("area-*.yml"))
    },
    ROOT / "rubric" / "schema.json": rubric.schema,
    ROOT / "README.md": partial(readme.page, ROOT / "README.md", EDITION, GOLDEN, "en"),
    ROOT / "README.zh.md": partial(readme.page, ROOT / "README.zh.md", EDITION, GOLDEN, "zh"),
}
