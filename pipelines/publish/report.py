"""The notebooks as pages that open with no network: what ``make report`` makes of the published marts.

Every page is one file, with its charts inside it and without a script. The year-over-year page is laid out for A4, so
that the browser's "print to PDF" gives the report.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipelines.analysis.charts import footer
from pipelines.analysis.marts import ROOT, Marts, open_marts
from pipelines.analysis.words import words
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, label

NOTEBOOKS = ROOT / "notebooks"
YEAR_OVER_YEAR = "03-year-over-year"
DOES_IT_STAND = "07-does-it-stand"

#: Notebooks run in a process each; this many at a time.
AT_ONCE = 2


def write_reports(
    marts: Path,
    output: Path,
    years: tuple[int, int] | None = None,
    lang: Language = "zh",
    report: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Run every notebook on what is published in ``marts`` and write the pages to ``output``, an index first.

    Args:
        years: the two years of the year-over-year page; the last two unless given. The page of the two years is kept
            under their name as well, so that pages of other pairs can lie beside it.
        report: told each page as it is done.

    KaoheError (usage) for a year not assessed; whatever fails, the pages that were there stay as they are.
    """
    opened = open_marts(marts)
    pair = _pair(opened, years)
    names = [path.stem for path in sorted(NOTEBOOKS.glob("[0-9]*.py"))]
    # A city in its first year has nothing to compare; results alone do not tell whether they stand.
    left_out = {name for name, has in ((YEAR_OVER_YEAR, pair), (DOES_IT_STAND, opened.has_analysis)) if not has}
    names = [name for name in names if name not in left_out]

    def page(name: str) -> tuple[str, str]:
        # The publication itself, not the link to it: all pages tell of one run, whatever is published meanwhile.
        given: dict[str, Any] = {"marts_folder": str(opened.folder), "language": lang}
        if name == YEAR_OVER_YEAR and pair:
            given |= {"before": pair[0], "after": pair[1]}
        executed = run_notebook(NOTEBOOKS / f"{name}.py", given)
        report(name)
        return _title(executed), _body(executed)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        # The long ones first, so that no process is left with them at the end.
        order = sorted(names, key=lambda name: name not in ("02-trends", YEAR_OVER_YEAR))
        bodies = dict(zip(order, pool.map(page, order), strict=True))
    titles = {f"{name}.html": bodies[name][0] for name in names}
    pages = {f"{name}.html": _page(opened, lang, *bodies[name], titles) for name in names}
    if pair:
        named = f"year-over-year-{pair[0]}-{pair[1]}.html"
        pages[named] = pages[f"{YEAR_OVER_YEAR}.html"]
    listed = "".join(f'<li><a href="{name}">{html.escape(title)}</a></li>' for name, title in titles.items())
    index = f"<h1>{label('report_title', lang)}</h1><ul>{listed}</ul>"
    pages = {"index.html": _page(opened, lang, label("report_title", lang), index, titles), **pages}
    return _write(output, pages)


def run_notebook(notebook: Path, parameters: Mapping[str, Any]) -> Any:
    """The notebook with its outputs, run with ``parameters``; the file itself is left as it is.

    KaoheError (internal) names the notebook and the error of the cell that failed.
    """
    import jupytext
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    node = jupytext.read(notebook)
    with TemporaryDirectory(prefix="kaohe-") as sockets:
        # Sockets in a folder of our own, where the system has them: no port to be found taken, or to be listened on.
        wires = {"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}} if os.name == "posix" else {}
        try:
            executed = papermill.execute_notebook(
                node,
                None,
                parameters=dict(parameters),
                progress_bar=False,
                # Not ``cwd``: papermill moves this whole process there, and notebooks run beside each other.
                resources={"metadata": {"path": str(notebook.parent)}},
                # A kernel says on stderr what only concerns itself; what a cell gets wrong arrives as an error.
                extra_arguments=["--Application.log_level=50"],
                config=Config(wires),
            )
        except PapermillExecutionError as error:
            told = f"{notebook.name}: {error.ename}: {error.evalue}"
            raise KaoheError(Exit.INTERNAL, told) from error
    for number, cell in enumerate(executed.cells):
        # Drawn by lot otherwise: two runs on the same marts are to give the same page.
        cell["id"] = f"cell-{number}"
    return executed


def _pair(marts: Marts, years: tuple[int, int] | None) -> tuple[int, int] | None:
    known = marts.years
    if years is None:
        return (known[-2], known[-1]) if len(known) > 1 else None
    unknown = [str(year) for year in years if year not in known]
    if unknown or years[0] == years[1]:
        told = f"{' '.join(map(str, years))}: 须为两个不同的已考核年度 two different years among {known} are needed"
        raise KaoheError(Exit.USAGE, told)
    return years


def _title(executed: Any) -> str:
    """The notebook's first heading."""
    found = re.search(r"^# (.+)$", str(executed.cells[0].source), re.MULTILINE)
    return found[1] if found else ""


def _body(executed: Any) -> str:
    """Text and results of a notebook as HTML. Its code stays where it is, and with it every path of this machine."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    body, _ = exporter.from_notebook_node(executed)
    # Nothing of ours needs a script; one that a library adds would reach for the network.
    return re.sub(r"<(script|style)\b.*?</\1>", "", str(body), flags=re.DOTALL | re.IGNORECASE)


def _page(marts: Marts, lang: Language, title: str, body: str, titles: Mapping[str, str]) -> str:
    links = " ".join(f'<a href="{name}">{html.escape(each)}</a>' for name, each in titles.items())
    language = "zh-CN" if lang == "zh" else "en"
    warning = f'<p class="synthetic">{label("synthetic", lang)}</p>' if marts.is_synthetic else ""
    printed = words("report_print", lang)
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
base-uri 'none'; form-action 'none'">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<nav><a href="index.html">{label("report_title", lang)}</a> {links}</nav>
<main>
{warning}
{body}
</main>
<footer>{html.escape(footer(marts))}<span class="screen"> · {printed}</span></footer>
</body>
</html>
"""


def _write(output: Path, pages: Mapping[str, str]) -> list[Path]:
    """Every page written aside first, so that a full disk leaves the old ones whole."""
    output.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (output / f".{name}.new").write_text(text, encoding="utf-8")
    for name in pages:
        (output / f".{name}.new").replace(output / name)
    return [output / name for name in pages]


_STYLE = """
:root { color: #1a1a1a; background: #fff; font: 16px/1.6 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; }
body { margin: 0 auto; max-width: 70rem; padding: 0 1rem 2rem; }
nav { padding: .6rem 0; border-bottom: 1px solid #767676; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
a { color: #0b3c6f; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2rem; } h3 { font-size: 1.05rem; margin-top: 1.6rem; }
.synthetic { border: 2px solid #8c510a; padding: .3rem .7rem; font-weight: bold; }
img.chart { max-width: 100%; height: auto; display: block; margin: .8rem 0; }
.jp-OutputArea-child, .output_html { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; margin: .8rem 0; }
th, td { border: 1px solid #b0b0b0; padding: .2rem .45rem; text-align: left; vertical-align: top; }
th { background: #eef2f6; white-space: nowrap; }
td.number, td.short { white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.words { min-width: 6em; }
td.long { min-width: 15em; }
footer { margin-top: 2rem; border-top: 1px solid #767676; padding-top: .5rem; font-size: .8rem; }
@page { size: A4; margin: 16mm 14mm; }
@media print {
  :root { font-size: 10.5pt; }
  body { max-width: none; padding: 0; }
  nav, .screen { display: none; }
  h1, h2, h3 { break-after: avoid; }
  img.chart { break-inside: avoid; max-height: 250mm; width: auto; max-width: 100%; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
  table { font-size: 8pt; }
  .jp-OutputArea-child, .output_html { overflow: visible; }
  th { background: none; border-bottom: 2px solid #1a1a1a; white-space: normal; }
  td.words, td.long { min-width: 3em; }
}
"""
