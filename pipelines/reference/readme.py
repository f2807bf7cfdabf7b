"""What can be generated of the READMEs and the page of contents, each part between two marks.

The rest of these pages is written by hand.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipelines import rubric
from pipelines.errors import Exit
from pipelines.labels import Language, label


def page(path: Path, edition: Path, golden: Path, language: Language) -> str:
    """The README at ``path`` with its generated parts as they should be.

    These are the grades a run of the committed deliveries prints, as the marts in ``golden`` have them, and what the
    exit codes mean in ``language``.
    """
    text = path.read_text(encoding="utf-8")
    text = _filled(text, "sample", _sample(edition, golden))
    return _filled(text, "exit-codes", exit_codes(language))


def contents(path: Path) -> str:
    """The page of contents at ``path`` with a link to each decision in ``adr`` beside it."""
    decisions = (
        f"- [{page.read_text(encoding='utf-8').partition(chr(10))[0].removeprefix('# ')}](adr/{page.name})"
        for page in sorted((path.parent / "adr").glob("*.md"))
    )
    return _filled(path.read_text(encoding="utf-8"), "decisions", decisions)


def _filled(text: str, part: str, lines: Iterator[str]) -> str:
    before, begin, rest = text.partition(f"<!-- {part}:begin -->\n")
    _, end, after = rest.partition(f"<!-- {part}:end -->\n")
    return "".join([before, begin, *(f"{line}\n" for line in lines), end, after])


def exit_codes(*languages: Language) -> Iterator[str]:
    """A table of the exit codes and their meaning in ``languages``."""
    headings = {"zh": ("退出码", "含义"), "en": ("exit code", "meaning")}
    columns = zip(*(headings[language] for language in languages), strict=True)
    yield f"| {' | '.join(map(' '.join, columns))} |"
    yield "|---|---|"
    for code in Exit:
        told = "<br>".join(label(f"exit_{code.name.lower()}", each) for each in languages)
        yield f"| {code.value} | {told} |"


def _sample(edition: Path, golden: Path) -> Iterator[str]:
    with (golden / "town_score.csv").open(encoding="utf-8", newline="") as stream:
        towns = list(csv.DictReader(stream))
    grades = [*(band.grade for band in rubric.load_edition(edition).head.bands), ""]
    counted = Counter((town["year"], town["grade"]) for town in towns)
    headings = [f"{label(f'grade_{grade}', 'zh')} {label(f'grade_{grade}', 'en')}" for grade in grades]
    yield f"| 年度 year | {' | '.join(headings)} |"
    yield "|---" * (len(grades) + 1) + "|"
    for year in sorted({town["year"] for town in towns}):
        yield f"| {year} | {' | '.join(str(counted[year, grade]) for grade in grades)} |"
