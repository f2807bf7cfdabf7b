"""What a person sees at a terminal: results on stdout, progress and problems on stderr.

No text in it can pass for a line of its own, hide what stands there, or tell the terminal what to do.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipelines.errors import Exit, Problem
from pipelines.labels import Language, label
from pipelines.masking import lines, one_line
from pipelines.unattended import note

if TYPE_CHECKING:
    from pipelines.run import Outcome


def answer(found: Any, words: str, as_json: bool) -> None:
    """Put a result on stdout, in ``words`` or as JSON; a decimal as text there, so that no digit is lost."""
    typer.echo(lines(json.dumps(found, ensure_ascii=False, indent=2, default=str) if as_json else words))


def tell(line: str) -> None:
    """Put one line on stderr and in the log, whatever the texts in it hold."""
    typer.echo(one_line(line), err=True)
    note(one_line(line))


def _visible(text: str) -> str:
    """``text`` with what a terminal would obey, and what nobody sees, written out."""
    return "".join(
        character if character.isprintable() else " " if character.isspace() else f"<U+{ord(character):04X}>"
        for character in text
    )


def print_problem(problem: Problem, lang: Language, severity: str) -> None:
    """Put a problem on stderr: where, what and by which rule, then the remedy."""
    place = " ".join(part for part in (problem.file, problem.sheet, problem.cell) if part)
    first, second = (
        (problem.message_zh, problem.message_en) if lang == "zh" else (problem.message_en, problem.message_zh)
    )
    told: list[Any] = [
        f"{label(f'severity_{severity}', lang)} {place}",
        *(
            f"{label(key, lang)}「{_visible(value)}」"
            for key, value in (("column", problem.column), ("value", problem.value))
            if value
        ),
        f"{label('rule', lang)} {problem.rule}",
    ]
    remedy = problem.remedy_zh if lang == "zh" else problem.remedy_en
    for line in (" · ".join(told), f"    {first} / {second}", f"    → {remedy}"):
        tell(line)


class Progress:
    """Tells stderr which step is at work; in a terminal the details overwrite one line."""

    def __init__(self, lang: Language) -> None:
        self._lang = lang
        self._begun = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def __call__(self, step: str, detail: str) -> None:
        """Tell of a step that begins, or with a detail of what it is at."""
        if step == "warning":
            self.detail(f"※ {detail}")
        elif not detail:
            self._clear()
            elapsed = time.monotonic() - self._begun
            tell(f"[{elapsed:5.1f} s] {label(f'step_{step}', self._lang)}")
        elif self._is_terminal:
            self._clear()
            typer.echo(f"          {one_line(detail)[:60]}", err=True, nl=False)

    def detail(self, text: str) -> None:
        """One line of progress, for work that has no steps."""
        self._clear()
        tell(text)

    def _clear(self) -> None:
        if self._is_terminal:
            typer.echo("\r\033[K", err=True, nl=False)


def summarise(outcome: Outcome, marts: Path, lang: Language) -> None:
    """Put what a run came to on stdout: rows, checks, and towns by year and grade."""
    from rich.console import Console
    from rich.table import Table

    from pipelines.analysis.marts import open_marts
    from pipelines.analysis.words import grade_name

    manifest = outcome.manifest
    console = Console(highlight=False)

    def say(key: str) -> str:
        return label(key, lang)

    console.print(f"{say('published')} {manifest['run_id']}" if outcome.is_new else say("unchanged"))
    if manifest["is_synthetic"]:
        console.print(f"※ {say('synthetic')}")
    if outcome.code == Exit.PARTIAL:
        console.print(f"※ {say('partial')}")
        console.print(f"※ {say('returned_told').format(folder=marts / 'returned')}")
    if manifest["inputs"]["results_only"]:
        console.print(f"※ {say('results_only')}")
    sheets = manifest["deliveries"]
    counted = {key: sum(sheet[key] for sheet in sheets) for key in ("rows_read", "accepted", "quarantined", "ignored")}
    files = len({sheet["source_file"] for sheet in sheets})
    rows = "  ".join(f"{say(key)} {count:,}" for key, count in counted.items())
    console.print(f"{say('files')} {files}  {rows}")
    checks = "  ".join(
        f"{say('severity_' + entry['severity'])} {entry['checks']}（{say('failed')} {entry['failed']}）"
        for entry in manifest["checks"]
    )
    told = f"  → {marts}/quality_check.csv" if any(entry["failed"] for entry in manifest["checks"]) else ""
    console.print(f"{say('checks')}  {checks}{told}")
    bands = open_marts(marts).rows("SELECT grade FROM grade_band ORDER BY position")
    grades = [*(band["grade"] for band in bands), ""]
    table = Table(title=say("grades"))
    for heading in (say("year"), *(grade_name(grade, lang) for grade in grades)):
        table.add_column(heading, justify="right")
    counts = {(entry["year"], entry["grade"]): entry["towns"] for entry in manifest["grades"]}
    for year in sorted({year for year, _ in counts}):
        table.add_row(str(year), *(str(counts.get((year, grade), 0)) for grade in grades))
    console.print(table)
    # The longest marts have no CSV.
    shown = [
        f"{marts}/{mart}.{'csv' if f'{mart}.csv' in manifest['files'] else 'parquet'}"
        for mart in ("town_score", "item_score")
    ]
    console.print(f"{say('published_at')}: {', '.join(shown)}, {marts}/manifest.json")
