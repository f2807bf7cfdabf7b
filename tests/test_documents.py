"""Documents that are generated are what would be generated now; ``make docs`` renews them."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT
from pipelines.reference import documents


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_generated_documents_are_not_stale(path) -> None:  # type: ignore[no-untyped-def]
    assert path.read_text(encoding="utf-8") == documents()[path], "run make docs"


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("rubric/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken


def test_every_make_target_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named
    assert named <= targets
