"""The site: static pages of the published marts that open from disk, in Chinese and English, with no network.

Every page is written whole, so that it opens, prints and can be handed on without a script. Scripts add three things
only: the switch of language, the sorting of tables and the search. A list longer than ``ROWS_A_PAGE`` goes on to
further pages, and the search reads its data from script files in pieces, on demand, because a page opened from disk
may not fetch: the index stays small however many towns there are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from pipelines.analysis.marts import open_marts
from pipelines.publish.site.pages import FOLDER, Site

#: The kinds of page there are.
PAGES = ("index", "years", "pairs", "towns", "methods", "quality")


def write_site(
    marts: Path,
    output: Path,
    report: Callable[[str], None] = lambda _: None,
    pages: Collection[str] = PAGES,
) -> Path:
    """Write the site of the set published in ``marts`` to the folder ``output``; returns its ``index.html``.

    ``report`` hears of each page kind. ``pages`` leaves kinds out, for work on one of them. The folder is
    written aside and then put in place, so that no page of an earlier site stays behind.
    """
    building = output.with_name(f".{output.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    site = Site(open_marts(marts), building)
    for name in ("site.css", "site.js"):
        shutil.copyfile(FOLDER / name, building / name)
    writers: dict[str, Callable[[], None]] = {
        "index": site.write_index,
        "years": site.write_years,
        "pairs": site.write_pairs,
        "towns": site.write_towns,
        "methods": site.write_methods,
        "quality": site.write_quality,
    }
    for name in PAGES:
        if name in pages:
            report(name)
            writers[name]()
    replaced = output.with_name(f".{output.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if output.exists():
        output.rename(replaced)
    building.rename(output)
    shutil.rmtree(replaced, ignore_errors=True)
    return output / "index.html"
