"""The site: static pages of the published marts that open from disk, in Chinese and English, with no network.

Every page is written whole, so that it opens, prints and can be handed on without a script. Scripts add three things
only: the switch of language, the sorting of tables and the search. A list longer than ``ROWS_A_PAGE`` goes on to
further pages, and the search reads its data from script files in pieces, on demand, because a page opened from disk
may not fetch: the index stays small however many towns there are.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.analysis.explanation import explained_items, how
from pipelines.labels import label

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from pipelines.analysis.marts import Marts

#: The kinds of page there are.
PAGES = ("index", "years", "pairs", "towns", "methods", "quality")

#: Rows of a list on one page; a longer list goes on to further pages.
ROWS_A_PAGE = 250

#: Rows of the data quality tables; all of them are in the CSV files of the publication.
LEDGER_ROWS = 2000

#: Towns in one file of search data.
_TOWNS_A_FILE = 4000

#: Towns read from the marts at a time.
_TOWNS_A_READING = 200

_FOLDER = Path(__file__).with_name("site")

_Element = TypeVar("_Element")

_Row = dict[str, Any]
_Rows = list[_Row]


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
    from pipelines.analysis.marts import open_marts

    building = output.with_name(f".{output.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    site = _Site(open_marts(marts), building)
    for name in ("site.css", "site.js"):
        shutil.copyfile(_FOLDER / name, building / name)
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


def page_name(town_id: str) -> str:
    """Name of a town's page without ``.html``: its identifier, or a hash of one that is not fit for a file name.

    Lower case is hashed too, since some disks take ``a`` and ``A`` for one name.
    """
    if re.fullmatch(r"[A-Z0-9][A-Z0-9_-]{0,60}", town_id):
        return town_id
    return f"x{hashlib.sha256(town_id.encode()).hexdigest()[:16]}"


@dataclass
class _Site:
    """One site being written.

    Attributes:
        marts: the publication it shows.
        output: the folder it is written to.
    """

    marts: Marts
    output: Path

    # What several pages need ----------------------------------------------------------------------------------------

    @cached_property
    def years(self) -> list[int]:
        return self.marts.years

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        return list(combinations(self.years, 2))

    @cached_property
    def bands(self) -> list[Band]:
        rows = self.marts.rows("SELECT * FROM grade_band ORDER BY position")
        is_rounded = self.marts.manifest["interpretations"].get("grade_gap") == "half_up"
        return [Band.from_row(row, is_rounded) for row in rows]

    @cached_property
    def readings(self) -> dict[str, _Row]:
        """The question of every open reading."""
        rows = self.marts.rows("SELECT DISTINCT interpretation, question_zh, question_en FROM interpretation")
        return {row["interpretation"]: row for row in rows}

    @cached_property
    def areas(self) -> _Rows:
        return self.marts.rows(_AREA_TITLES)

    @cached_property
    def environment(self) -> Environment:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        places = {band.grade: number for number, band in enumerate(self.bands, start=1)}
        environment.globals.update(
            both=_both,
            both_svg=_both_svg,
            word=_word,
            word_svg=_word_svg,
            heading=_heading,
            said=_said,
            grade_words=_grade_words,
            grade_place=lambda grade: places.get(grade, 0),
            page_name=page_name,
            points=_points,
            signed=_signed,
            figure=_figure,
            ignored=_ignored,
            manifest=self.marts.manifest,
            has_analysis=self.marts.has_analysis,
            document=self.marts.rows("SELECT * FROM edition")[0],
            areas=self.areas,
            bands=self.bands,
            years=self.years,
            pairs=self.pairs,
            latest_pair=self.pairs[-1] if self.pairs else None,
        )
        return environment

    def write(self, template: str, path: str, **content: Any) -> None:
        """One page at ``path`` below the site."""
        target = self.output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        page = self.environment.get_template(template).render(root="../" * path.count("/"), path=path, **content)
        target.write_text(page + "\n", encoding="utf-8", newline="\n")

    def write_list(self, template: str, path: str, rows: Sequence[_Row], **content: Any) -> None:
        """A page with a list, and where the list is long the pages it goes on to."""
        stem = path.removesuffix(".html")
        parts = [list(part) for part in _batched(rows, ROWS_A_PAGE)] or [[]]
        paths = [path, *(f"{stem}-part{number}.html" for number in range(2, len(parts) + 1))]
        names = [each.rpartition("/")[2] for each in paths]
        for number, (part, each) in enumerate(zip(parts, paths, strict=True), start=1):
            self.write(template, each, rows=part, part=number, parts=names, all_rows=len(rows), **content)

    # Index ----------------------------------------------------------------------------------------------------------

    def write_index(self) -> None:
        """The index, its list of towns and the data of its search."""
        towns = self.marts.rows(_LATEST)
        files = 0
        for files, part in enumerate(_batched(towns, _TOWNS_A_FILE), start=1):
            self.write_search_data(files, part)
        counts = self.marts.rows(
            "SELECT year, coalesce(grade, '') AS grade, count(*) AS towns FROM town_score GROUP BY ALL"
        )
        by_year: dict[int, dict[str, int]] = {year: {} for year in self.years}
        for row in counts:
            by_year[row["year"]][row["grade"]] = row["towns"]
        grades = [band.grade for band in self.bands]
        if any("" in found for found in by_year.values()):
            grades.append("")
        self.write_list(
            "index.html",
            "index.html",
            towns,
            files=files,
            grades=grades,
            by_year=by_year,
            chart=stacked_bars(by_year, grades),
            open_towns=self.marts.rows(
                "SELECT * FROM town_score WHERE status <> 'final' AND year = ? ORDER BY town_code, town_id LIMIT 50",
                [self.years[-1]],
            ),
        )

    def write_search_data(self, number: int, towns: Iterable[_Row]) -> None:
        """Towns for the search: a call with lines of page, name, other names and codes, code, district, grade, total.

        The district is left out where it is the one of the line above.
        """
        places = {band.grade: str(place) for place, band in enumerate(self.bands, start=1)}
        lines, district = [], ""
        for town in towns:
            told = [
                page_name(town["town_id"]),
                town["town_name"],
                town["others"] or "",
                town["town_code"] or "",
                town["district"] or "" if (town["district"] or "") != district else "",
                places.get(town["grade"], "0"),
                "" if town["total"] is None else str(town["total"]),
            ]
            district = town["district"] or ""
            lines.append("\t".join(re.sub(r"\s+", " ", cell) for cell in told))
        folder = self.output / "data"
        folder.mkdir(exist_ok=True)
        text = f"kaoheTowns({number}, {_script_text(chr(10).join(lines))});\n"
        (folder / f"towns-{number}.js").write_text(text, encoding="utf-8", newline="\n")

    # Years ----------------------------------------------------------------------------------------------------------

    def write_years(self) -> None:
        """One page per year: league table, distribution, areas, common losses."""
        for year in self.years:
            rows = self.marts.rows(
                "SELECT * FROM town_score WHERE year = ? ORDER BY rank NULLS LAST, total_high DESC, town_id", [year]
            )
            subtotals: dict[str, dict[str, _Row]] = defaultdict(dict)
            for row in self.marts.rows("SELECT * FROM area_score WHERE year = ?", [year]):
                subtotals[row["town_id"]][row["area"]] = row
            for row in rows:
                row["areas"] = subtotals[row["town_id"]]
            totals = [row["total"] for row in rows if row["total"] is not None]
            bins = _bins(totals)
            losses = self.marts.rows(_LOSSES, [year])
            for row in losses:
                row["mean"] = _mean(row["lost"], row["towns"])
            losses.sort(key=lambda row: (-row["mean"], row["position"]))
            stability = self.marts.rows(_STABILITY, [year])
            areas = self.marts.rows(_AREAS, [year])
            for row in areas:
                row["mean"] = _mean(row["sum"], row["towns"]) if row["towns"] else None
            self.write_list(
                "year.html",
                f"year/{year}.html",
                rows,
                year=year,
                grades=_counted(row["grade"] or "" for row in rows),
                final=len(totals),
                mean=_mean(sum(totals, Decimal(0)), len(totals)) if totals else None,
                lowest=min(totals, default=None),
                highest=max(totals, default=None),
                bins=bins,
                histogram=histogram(bins, self.bands),
                area_rows=areas,
                area_chart=level_bars(
                    [
                        Level(
                            row["title_zh"],
                            row["title_en"],
                            row["mean"],
                            row["available"],
                            row["lowest"],
                            row["highest"],
                            f"{row['mean']} / {_points(row['available'])}",
                        )
                        for row in areas
                        if row["mean"] is not None
                    ]
                ),
                losses=losses,
                unstable=[row for row in stability if not row["is_stable"]],
                shares=_shares(self.marts.rows(_SHARES, [year])),
                readings=self.readings,
                rows_a_page=ROWS_A_PAGE,
                loss_chart=level_bars(
                    [
                        Level(
                            f"{row['item']} {row['title_zh']}",
                            f"{row['item']} {row['title_en']}",
                            row["mean"],
                            losses[0]["mean"],
                            None,
                            None,
                            f"−{row['mean']} / {_points(row['available'])}",
                        )
                        for row in losses[:10]
                        if row["mean"] > 0
                    ]
                ),
            )

    # Pairs of years -------------------------------------------------------------------------------------------------

    def write_pairs(self) -> None:
        """One page per pair of years: who rose and fell, transitions between grades, items that moved."""
        grades = [*(band.grade for band in self.bands), ""]
        for earlier, later in self.pairs:
            rows = self.marts.rows(_PAIR, {"later": later, "earlier": earlier})
            moved = [row for row in rows if row["change"] is not None]
            self._tell_why(rows, earlier, later)
            transitions = _counted((row["previous_grade"] or "", row["grade"] or "") for row in rows)
            items = self.marts.rows(_MOVED_ITEMS, {"later": later, "earlier": earlier})
            for row in items:
                row["mean"] = _mean(row["change"], row["towns"])
            items.sort(key=lambda row: (-abs(row["mean"]), row["position"]))
            self.write_list(
                "pair.html",
                f"pair/{earlier}-{later}.html",
                rows,
                earlier=earlier,
                later=later,
                compared=len(moved),
                mean=_mean(sum((row["change"] for row in moved), Decimal(0)), len(moved)) if moved else None,
                risen=sum(row["change"] > 0 for row in moved),
                fallen=sum(row["change"] < 0 for row in moved),
                renamed=[row for row in rows if row["town_name"] != row["previous_town_name"]],
                grades=[grade for grade in grades if grade or any("" in pair for pair in transitions)],
                transitions=transitions,
                better=sum(count for pair, count in transitions.items() if self._step(*pair) > 0),
                worse=sum(count for pair, count in transitions.items() if self._step(*pair) < 0),
                editions=self.marts.rows(
                    "SELECT DISTINCT year, edition FROM town_score WHERE year IN (?, ?) ORDER BY ALL", [earlier, later]
                ),
                only=self.marts.rows(_ONLY_ONE, {"later": later, "earlier": earlier}),
                items=items,
                chart=changes_chart(moved),
            )

    def _tell_why(self, rows: _Rows, earlier: int, later: int) -> None:
        """Give each town that moved its greatest reasons, where the years are neighbours: only those are published."""
        why: dict[str, _Rows] = defaultdict(list)
        for row in self.marts.rows(_WHY, {"later": later, "earlier": earlier}):
            why[row["town_id"]].append(row)
        for row in rows:
            row["why"] = why[row["town_id"]]

    def _step(self, previous: str, grade: str) -> int:
        """How many grades better ``grade`` is than ``previous``; 0 where one of them is not decided."""
        places = [band.grade for band in self.bands]
        return places.index(previous) - places.index(grade) if previous in places and grade in places else 0

    # Towns ----------------------------------------------------------------------------------------------------------

    def write_towns(self) -> None:
        """One page per town, read from the marts a few hundred towns at a time."""
        indicators = self.marts.rows(
            "SELECT indicator, title_zh, title_en FROM indicator_definition ORDER BY indicator"
        )
        ids = [row["town_id"] for row in self.marts.rows("SELECT DISTINCT town_id FROM town_score ORDER BY ALL")]
        for some in _batched(ids, _TOWNS_A_READING):
            scores = self._by_town("town_score", "year", some)
            areas = self._by_town("area_score", "year, area", some)
            sections = self._by_town("section_score", "year, section", some)
            items = self._by_town("item_score JOIN item_definition USING (item)", "year, position", some, _ITEM)
            sources = self._by_town("term_score", "year, term", some, _SOURCE)
            explained = explained_items(self.marts, some, self.years)
            levers = self._by_town("lever", "indicator, lever_no", some)
            figures = self._by_town("indicator_value", "year", some)
            stability = self._by_town("(FROM grade_stability WHERE cause = 'readings')", "year", some)
            for town_id in some:
                found = _per_year(sources[town_id])
                cards = [
                    self._card(
                        score,
                        _per_year(areas[town_id])[score["year"]],
                        _per_year(sections[town_id])[score["year"]],
                        _per_year(items[town_id])[score["year"]],
                        found[score["year"]],
                        explained[town_id, score["year"]],
                    )
                    for score in reversed(scores[town_id])
                ]
                values = {(row["indicator"], row["year"]): row for row in figures[town_id]}
                self.write(
                    "town.html",
                    f"town/{page_name(town_id)}.html",
                    town_id=town_id,
                    scores=scores[town_id],
                    latest=scores[town_id][-1],
                    former=_former(scores[town_id]),
                    cards=cards,
                    chart=history(scores[town_id], self.bands),
                    indicators=[row for row in indicators if any((row["indicator"], y) in values for y in self.years)],
                    values=values,
                    levers=levers[town_id],
                    titles={row["indicator"]: row for row in indicators},
                    stability={row["year"]: row for row in stability[town_id]},
                    readings=self.readings,
                )

    def _by_town(self, table: str, order: str, ids: Sequence[str], columns: str = "*") -> dict[str, _Rows]:
        found: dict[str, _Rows] = defaultdict(list)
        query = f"SELECT {columns} FROM {table} WHERE list_contains(?, town_id) ORDER BY town_id, {order}"
        for row in self.marts.rows(query, [list(ids)]):
            found[row["town_id"]].append(row)
        return found

    def _card(self, score: _Row, areas: _Rows, sections: _Rows, items: _Rows, sources: _Rows, explained: _Rows) -> _Row:
        """A town's 评分表 of one year: areas, sections and items, with how each score came about and from where."""
        told = {
            each["item"]: [(key, zh, en) for (key, zh), (_, en) in zip(how(each, "zh"), how(each, "en"), strict=True)]
            for each in explained
        }
        where: dict[str, _Rows] = defaultdict(list)
        for source in sources:
            if source["source_file"] and source not in where[source["item"]]:
                where[source["item"]].append(source)
        by_section: dict[str, _Rows] = defaultdict(list)
        for item in items:
            item["sources"] = where[item["item"]]
            item["how"] = told[item["item"]]
            by_section[item["section"]].append(item)
        titled = {row["section"]: row for row in sections}
        parts = []
        for area in areas:
            names = dict.fromkeys(item["section"] for item in items if item["area"] == area["area"])
            parts.append({**area, "sections": [(titled.get(name), by_section[name]) for name in names]})
        return {**score, "parts": parts, "gap": gap_to_next(score, self.bands)}

    # Methods and data quality ---------------------------------------------------------------------------------------

    def write_methods(self) -> None:
        """The rubric as the results were scored by it."""
        rows = self.marts.rows
        bites: dict[str, list[str]] = defaultdict(list)
        for found in rows(_BITES):
            bites[found["interpretation"]].append(found["item"])
        interpretations: dict[str, _Rows] = defaultdict(list)
        for option in rows("SELECT * FROM interpretation ORDER BY interpretation, position"):
            interpretations[option["interpretation"]].append(option)
        by_area: dict[str, dict[str, _Rows]] = defaultdict(lambda: defaultdict(list))
        items = rows("SELECT * FROM item_definition ORDER BY position")
        for item in items:
            by_area[item["area"]][item["section"]].append(item)
        self.write(
            "methods.html",
            "methods.html",
            by_area=by_area,
            interpretations=interpretations,
            bites=bites,
            indicators=rows("SELECT * FROM indicator_definition ORDER BY indicator"),
            bases=_counted(item["basis"] for item in items),
        )

    def write_quality(self) -> None:
        """What was received, what became of every row, which checks failed, and what is in quarantine."""
        rows = self.marts.rows
        self.write(
            "quality.html",
            "quality.html",
            files=rows(_FILES),
            sheets=rows("SELECT * FROM delivery ORDER BY source_file, source_sheet"),
            checks=rows("SELECT * FROM quality_check ORDER BY success, severity, check_name"),
            quarantined=rows(
                "SELECT * FROM quarantined_row ORDER BY source_file, source_sheet, source_row, rule, field"
            ),
            screens=rows("SELECT * FROM screen ORDER BY year DESC, screen, town_id, assessor, item, indicator"),
            limit=LEDGER_ROWS,
        )


# Queries -------------------------------------------------------------------------------------------------------------

#: Every town as it was in the last year it was assessed, with other names and codes it had before.
_LATEST = """
    SELECT town.*, earlier.others
    FROM (FROM town_score QUALIFY year = max(year) OVER (PARTITION BY town_id)) AS town
    LEFT JOIN (
        SELECT before.town_id, string_agg(DISTINCT other, ' ' ORDER BY other DESC) AS others
        FROM (
            SELECT town_id, unnest([town_name, town_code]) AS other,
                unnest([last(town_name) OVER last_year, last(town_code) OVER last_year]) AS present
            FROM town_score
            WINDOW last_year AS (
                PARTITION BY town_id ORDER BY year ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            )
        ) AS before
        WHERE other <> present
        GROUP BY before.town_id
    ) AS earlier USING (town_id)
    ORDER BY town_code, town_id
"""

_AREA_TITLES = """
    SELECT area, any_value(area_zh) AS title_zh, any_value(area_en) AS title_en,
        coalesce(sum(available) FILTER (kind = 'scored'), 0) AS points
    FROM item_definition GROUP BY area ORDER BY min(position)
"""

#: Items whose published scores rest on an open reading of the text.
_BITES = """
    SELECT interpretation, item
    FROM (
        SELECT DISTINCT item, split_part(unnest(string_split(interpretations, '; ')), '=', 1) AS interpretation
        FROM term_score WHERE interpretations <> ''
    ) JOIN item_definition USING (item)
    ORDER BY interpretation, position
"""

_AREAS = """
    SELECT area, any_value(title_zh) AS title_zh, any_value(title_en) AS title_en, any_value(available) AS available,
        sum(points) AS sum, count(points) AS towns, min(points) AS lowest, max(points) AS highest
    FROM area_score WHERE year = ? GROUP BY area ORDER BY area
"""

_LOSSES = """
    SELECT item, any_value(position) AS position, any_value(score.clause) AS clause,
        any_value(score.title_zh) AS title_zh, any_value(score.title_en) AS title_en,
        any_value(score.available) AS available, any_value(score.basis) AS basis,
        sum(score.available - points) AS lost, count(*) AS towns, count(*) FILTER (points < score.available) AS losing
    FROM item_score AS score JOIN item_definition USING (item)
    WHERE year = ? AND score.kind = 'scored' AND points IS NOT NULL
    GROUP BY item
"""

#: Towns of both years. The identifier stays the same through renames, so a renamed town meets itself.
_PAIR = """
    SELECT town_id, later.town_name, earlier.town_name AS previous_town_name, later.status,
        later.total, later.total_low, later.total_high, later.grade, later.rank, earlier.total AS previous_total,
        earlier.total_low AS previous_total_low, earlier.total_high AS previous_total_high,
        earlier.grade AS previous_grade, earlier.rank AS previous_rank, later.total - earlier.total AS change
    FROM town_score AS later JOIN town_score AS earlier USING (town_id)
    WHERE later.year = $later AND earlier.year = $earlier
    ORDER BY change DESC NULLS LAST, town_id
"""

#: The three greatest reasons of each town: figures with numerator and denominator together, scores, decisions.
_WHY = """
    SELECT part.town_id, part.item, cause, definition.title_zh, definition.title_en, round(sum(points_low), 2) AS low,
        round(sum(points_high), 2) AS high, any_value(explanation_zh) AS told_zh, any_value(explanation_en) AS told_en
    FROM change_part AS part INNER JOIN item_definition AS definition USING (item)
    WHERE year = $later AND previous_year = $earlier
    GROUP BY part.town_id, part.item, cause, coalesce(nullif(indicator, ''), part), definition.title_zh,
        definition.title_en
    HAVING low <> 0 OR high <> 0
    QUALIFY row_number() OVER (PARTITION BY part.town_id ORDER BY abs(low) + abs(high) DESC, part.item, told_zh) <= 3
    ORDER BY part.town_id, abs(low) + abs(high) DESC, part.item, told_zh
"""

_ONLY_ONE = """
    SELECT town_id, town_name, year FROM town_score WHERE year IN ($earlier, $later)
    QUALIFY count(*) OVER (PARTITION BY town_id) = 1 ORDER BY year, town_id LIMIT 200
"""

_MOVED_ITEMS = """
    SELECT item, any_value(position) AS position, any_value(later.title_zh) AS title_zh,
        any_value(later.title_en) AS title_en, any_value(later.available) AS available,
        any_value(later.kind) AS kind, sum(later.points - earlier.points) AS change, count(*) AS towns,
        count(*) FILTER (later.points > earlier.points) AS risen,
        count(*) FILTER (later.points < earlier.points) AS fallen
    FROM item_score AS later JOIN item_score AS earlier USING (town_id, item) JOIN item_definition USING (item)
    WHERE later.year = $later AND earlier.year = $earlier AND later.kind <> 'condition'
        AND later.points IS NOT NULL AND earlier.points IS NOT NULL
    GROUP BY item
"""

_STABILITY = """
    SELECT * FROM grade_stability WHERE year = ? AND cause = 'readings'
    ORDER BY rank NULLS LAST, total_highest DESC, town_id
"""

_SHARES = """
    SELECT town_id, grade, cases, cases_all FROM grade_share WHERE year = ? AND cause = 'readings'
    ORDER BY town_id, position
"""

_FILES = """
    SELECT source_file, any_value(source) AS source, any_value(year) AS year, any_value(sha256) AS sha256,
        any_value(bytes) AS bytes, any_value(encoding) AS encoding, count(*) AS sheets,
        sum(rows_read)::BIGINT AS rows_read, sum(accepted)::BIGINT AS accepted,
        sum(quarantined)::BIGINT AS quarantined, sum(ignored)::BIGINT AS ignored
    FROM delivery GROUP BY source_file ORDER BY source_file
"""

_ITEM = "item_score.*, item_definition.position"
_SOURCE = "year, town_id, item, source_file, source_sheet, source_row, source_rows"


def _per_year(rows: Iterable[_Row]) -> dict[int, _Rows]:
    found: dict[int, _Rows] = defaultdict(list)
    for row in rows:
        found[row["year"]].append(row)
    return found


def _shares(rows: Iterable[_Row]) -> dict[str, _Rows]:
    found: dict[str, _Rows] = defaultdict(list)
    for row in rows:
        found[row["town_id"]].append(row)
    return found


def _batched(elements: Sequence[_Element], size: int) -> Iterator[Sequence[_Element]]:
    for start in range(0, len(elements), size):
        yield elements[start : start + size]


def _counted(keys: Iterable[_Element]) -> dict[_Element, int]:
    found: dict[_Element, int] = defaultdict(int)
    for key in keys:
        found[key] += 1
    return found


def _former(scores: _Rows) -> list[tuple[str, str, int]]:
    """Names and codes a town had before its present ones, with the last year of each."""
    present = (scores[-1]["town_name"], scores[-1]["town_code"])
    last = {(row["town_name"], row["town_code"]): row["year"] for row in scores}
    return [(*named, year) for named, year in last.items() if named != present]


# Grades --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Band:
    """A grade and the least total that earns it.

    Attributes:
        least: lower end of the band; None for the worst grade.
        is_open: whether ``least`` itself is still outside the band.
        told_zh: the band in words, and ``told_en`` the same in English.
    """

    grade: str
    least: Decimal | None
    is_open: bool
    told_zh: str
    told_en: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any], is_rounded: bool) -> Band:
        """A band of the rubric; ``is_rounded`` where totals are rounded half up to whole points before they meet it."""
        limits = [(name, row[name]) for name in ("at_least", "above", "at_most", "below") if row[name] is not None]
        told_zh = "，".join(label(f"site_band_{name}", "zh").format(_points(limit)) for name, limit in limits)
        told_en = ", ".join(label(f"site_band_{name}", "en").format(_points(limit)) for name, limit in limits)
        least, is_open = row["at_least"], False
        if least is None and row["above"] is not None:
            least, is_open = row["above"], True
        if least is not None and is_rounded:
            half = Decimal("0.5")
            least, is_open = (least // 1 + half if is_open else -(-least // 1) - half), False
        return cls(row["grade"], least, is_open, told_zh, told_en)


@dataclass(frozen=True)
class Gap:
    """What a total lacks to the next better grade; ``points`` is None where it is enough and a condition bars it."""

    grade: str
    points: Decimal | None


def gap_to_next(score: Mapping[str, Any], bands: Sequence[Band]) -> Gap | None:
    """What a final result lacks to the next better grade; None for the best grade and for a result that is open."""
    place = next((number for number, band in enumerate(bands) if band.grade == score["grade"]), 0)
    if score["total"] is None or place == 0:
        return None
    better = bands[place - 1]
    if better.least is None:
        return None
    # Totals have two decimals: what lies above an open limit begins a hundredth beyond it.
    lacking = better.least + (Decimal("0.01") if better.is_open else 0) - score["total"]
    return Gap(better.grade, lacking if lacking > 0 else None)


# Words and numbers ---------------------------------------------------------------------------------------------------


def _both(zh: object, en: object) -> Markup:
    """The same words in both languages, of which the page shows one."""
    from markupsafe import Markup, escape

    if zh == en:
        return escape(zh)
    return Markup(f'<span class="zh" lang="zh-CN">{escape(zh)}</span><span class="en" lang="en">{escape(en)}</span>')


def _both_svg(zh: object, en: object) -> Markup:
    """The same words in both languages, inside a text of a drawing."""
    from markupsafe import Markup, escape

    if zh == en:
        return escape(zh)
    return Markup(
        f'<tspan class="zh" lang="zh-CN">{escape(zh)}</tspan><tspan class="en" lang="en">{escape(en)}</tspan>'
    )


def _said(key: str, lang: str, **fields: object) -> str:
    """A label of the table with its fields filled in, in one language and as plain text."""
    return label(key, "zh" if lang == "zh" else "en").format(**fields)


def _word(key: str, **fields: object) -> Markup:
    """A label of the table in both languages; a field may be a piece of page already."""
    from markupsafe import Markup, escape

    filled = {name: escape(value) for name, value in fields.items()}
    zh, en = (Markup(escape(label(key, lang))).format(**filled) for lang in ("zh", "en"))
    return _both(zh, en)


def _heading(key: str) -> Markup:
    """A label of the table in both languages, where it begins a line."""
    english = label(key, "en")
    return _both(label(key, "zh"), english[:1].upper() + english[1:])


def _word_svg(key: str, **fields: object) -> Markup:
    """A label of the table in both languages, inside a text of a drawing."""
    return _both_svg(_said(key, "zh", **fields), _said(key, "en", **fields))


def _grade_words(grade: str | None) -> tuple[str, str]:
    """A grade in Chinese and English; a grade the table of labels does not know stands for itself."""
    try:
        return label(f"grade_{grade or ''}", "zh"), label(f"grade_{grade or ''}", "en")
    except KeyError:
        return str(grade), str(grade)


def _points(value: Decimal | None) -> str:
    """Points without decimals that say nothing: 6, 0.5, 89.75."""
    if value is None:
        return "—"
    return f"{value.normalize():f}" if value else "0"


def _signed(value: Decimal | None) -> str:
    """A change, with a sign as it is set in print."""
    if value is None:
        return "—"
    return f"+{value}" if value > 0 else str(value).replace("-", "−") if value else str(abs(value))


def _mean(total: Decimal, count: int) -> Decimal:
    """A mean of points, rounded half up to two decimals."""
    return (Decimal(total) / count).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _figure(row: Mapping[str, Any] | None) -> Markup:
    """An indicator's value as people write it; says why where there is none."""
    from markupsafe import Markup

    if row is None:
        return Markup("—")
    if row["value"] is None:
        return _word(f"site_figure_{row['status']}")
    value: Decimal = row["value"]
    match row["unit"]:
        case "percent":
            return Markup("{}%").format((value * 100).quantize(Decimal("0.01"), ROUND_HALF_UP))
        case "flag":
            return _word("site_yes" if value else "site_no")
        case "ratio":
            return Markup("{}").format(value.quantize(Decimal("0.1"), ROUND_HALF_UP))
        case _:
            return Markup("{}").format(_points(value))


def _ignored(reasons: str | None) -> Markup:
    """Why rows were ignored, ``header 1; note 2``, in both languages; a reason without a label stands for itself."""
    told: dict[str, list[str]] = {"zh": [], "en": []}
    for reason in filter(None, (reasons or "").split("; ")):
        name, _, count = reason.rpartition(" ")
        for lang, words in told.items():
            try:
                words.append(_said(f"site_ignored_{name}", lang, count=count))
            except KeyError:
                words.append(reason)
    return _both("，".join(told["zh"]), ", ".join(told["en"]))


def _script_text(text: str) -> str:
    """``text`` as a literal of a script file that keeps its line ends and tabs, and in which nothing ends early."""
    escaped = re.sub(r"[\\`$]", r"\\\g<0>", text)
    return "`" + re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + "`"


# Charts --------------------------------------------------------------------------------------------------------------
# Each function turns figures into positions on a sheet of WIDTH units; the templates draw. Only here do points become
# floats, and nothing is computed from a float again.

WIDTH = 400


def _at(position: float) -> str:
    """A position as it is written into a drawing."""
    return f"{position:.1f}"


def stacked_bars(by_year: Mapping[int, Mapping[str, int]], grades: Sequence[str]) -> _Row:
    """One bar per year, a piece per grade."""
    left, right, height = 40, WIDTH - 4, 34
    most = max((sum(found.values()) for found in by_year.values()), default=0) or 1
    scale = (right - left) / most
    bars = []
    for number, (year, found) in enumerate(by_year.items()):
        x, pieces = float(left), []
        for place, grade in enumerate(grades, start=1):
            width = found.get(grade, 0) * scale
            if width:
                pieces.append(
                    {
                        "x": _at(x),
                        "width": _at(width),
                        "middle": _at(x + width / 2),
                        "pill": _at(x + width / 2 - (3 + 4 * len(str(found[grade])))),
                        "pill_width": 6 + 8 * len(str(found[grade])),
                        "count": found[grade],
                        "place": place if grade else 0,
                        "is_told": width >= 6 + 8 * len(str(found[grade])),
                    }
                )
            x += width
        bars.append({"year": year, "y": 8 + number * height, "pieces": pieces})
    return {"bars": bars, "height": 12 + len(bars) * height, "left": left}


def _bins(totals: Sequence[Decimal]) -> list[tuple[int, int, int]]:
    """Totals counted by two points: from, to, how many; the full score counts with the last."""
    if not totals:
        return []
    first, last = int(min(totals)) // 2 * 2, max(int(max(totals)) // 2 * 2, 98)
    counted = _counted(min(int(total) // 2 * 2, last) for total in totals)
    return [(at, at + 2, counted.get(at, 0)) for at in range(first, last + 1, 2)]


def histogram(bins: Sequence[tuple[int, int, int]], bands: Sequence[Band]) -> _Row | None:
    """How many towns have a total in each two points, with the limits of the grades."""
    if not bins:
        return None
    left, right, top, bottom = 10, WIDTH - 10, 34, 214
    start, end = bins[0][0], bins[-1][1]
    scale = (right - left) / (end - start)
    most = max(count for _, _, count in bins)
    high = (bottom - top) / most
    labelled = max(2, -(-(end - start) // 20) * 2)
    limits = [band.least for band in bands if band.least is not None and start < band.least < end]
    edges = [start, *(float(limit) for limit in reversed(limits)), end]
    inside = [band for band in reversed(bands) if band.least is None or band.least < end]
    inside = inside[-len(edges) + 1 :]
    return {
        "bars": [
            {
                "x": _at(left + (low - start) * scale + 1),
                "width": _at(2 * scale - 2),
                "middle": _at(left + (low + 1 - start) * scale),
                "y": _at(bottom - count * high),
                "height": _at(count * high),
                "told": _at(bottom - count * high - 4),
                "count": count,
            }
            for low, _, count in bins
        ],
        "ticks": [
            {"x": _at(left + (low - start) * scale), "value": low}
            for low in [*(low for low, _, _ in bins), end]
            if (low - start) % labelled == 0
        ],
        "limits": [{"x": _at(left + (float(limit) - start) * scale)} for limit in limits],
        "grades": [
            {"x": _at(left + ((low + high_end) / 2 - start) * scale), "grade": band.grade}
            for band, (low, high_end) in zip(inside, pairwise(edges), strict=True)
            if (high_end - low) * scale > 28
        ],
        "bottom": bottom,
        "left": left,
        "right": right,
        "height": bottom + 42,
    }


@dataclass(frozen=True)
class Level:
    """One bar of a chart of levels: how much of ``full`` it reaches, and the range it was found in."""

    title_zh: str
    title_en: str
    value: Decimal
    full: Decimal
    low: Decimal | None
    high: Decimal | None
    told: str


def level_bars(levels: Sequence[Level]) -> _Row | None:
    """One bar per row, its title above it."""
    if not levels:
        return None
    left, right, step = 4, WIDTH - 84, 40

    def x(value: Decimal, level: Level) -> float:
        return left + (right - left) * float(value / level.full)

    return {
        "bars": [
            {
                "title_zh": level.title_zh,
                "title_en": level.title_en,
                "y": number * step + 20,
                "width": _at(x(level.value, level) - left),
                "low": None if level.low is None else _at(x(level.low, level)),
                "high": None if level.high is None else _at(x(level.high, level)),
                "told": level.told,
            }
            for number, level in enumerate(levels)
        ],
        "left": left,
        "right": right,
        "full": right - left,
        "has_range": any(level.low is not None for level in levels),
        "height": len(levels) * step + 8,
    }


def changes_chart(rows: Sequence[_Row]) -> _Row | None:
    """Changes from the greatest rise to the greatest fall; of many towns the twelve at either end."""
    shown = [*rows] if len(rows) <= 30 else [*rows[:12], *rows[-12:]]
    if not shown:
        return None
    left, right, step = 112, WIDTH - 50, 22
    most = max((abs(row["change"]) for row in shown), default=Decimal(0)) or Decimal(1)
    lowest, highest = min(0, *(row["change"] for row in shown)), max(0, *(row["change"] for row in shown))
    span = float(highest - lowest) or float(most)
    room = right - left - (52 if lowest < 0 else 0)
    zero = right - float(highest) / span * room

    def x(change: Decimal) -> float:
        return zero + float(change) / span * room

    return {
        "bars": [
            {
                "name": row["town_name"],
                "y": number * step + 6,
                "x": _at(min(zero, x(row["change"]))),
                "width": _at(abs(x(row["change"]) - zero)),
                "is_rise": row["change"] >= 0,
                "told": _signed(row["change"]),
                "told_at": _at(x(row["change"]) + (5 if row["change"] >= 0 else -5)),
            }
            for number, row in enumerate(shown)
        ],
        "zero": _at(zero),
        "name_at": left - 8,
        "height": len(shown) * step + 10,
        "left_out": len(rows) - len(shown),
    }


def history(scores: Sequence[_Row], bands: Sequence[Band]) -> _Row:
    """A town's total over the years before the bands of the grades; a result still open is a range."""
    left, right, top, bottom = 32, WIDTH - 6, 22, 242
    lowest = min(*(row["total_low"] for row in scores), Decimal(95))
    floor = max(0, int(lowest) // 5 * 5 - 5)
    ceiling = max(100, -int(-max(row["total_high"] for row in scores) // 5) * 5)
    first, last = scores[0]["year"], scores[-1]["year"]

    def x(year: int) -> float:
        return left + 84 + (right - left - 112) * ((year - first) / (last - first) if last > first else 0.5)

    def y(value: Decimal | int) -> float:
        return bottom - (bottom - top) * (float(value) - floor) / (ceiling - floor)

    strips, upper = [], Decimal(ceiling)
    for place, band in enumerate(bands, start=1):
        least = max(band.least if band.least is not None else Decimal(floor), Decimal(floor))
        if least < upper:
            strips.append(
                {
                    "grade": band.grade,
                    "y": _at(y(upper)),
                    "height": _at(y(least) - y(upper)),
                    "told": _at(y(upper) + 13),
                    "is_told": y(least) - y(upper) > 14,
                    "is_tinted": place % 2 == 0,
                    "is_limit": least > floor,
                    "limit": _at(y(least)),
                    "least": _points(band.least),
                }
            )
            upper = least
    marks = [
        {
            "year": row["year"],
            "x": _at(x(row["year"])),
            "y": None if row["total"] is None else _at(y(row["total"])),
            "low": _at(y(row["total_low"])),
            "high": _at(y(row["total_high"])),
            "told": row["total"] if row["total"] is not None else f"{row['total_low']}–{row['total_high']}",
            "told_at": _at(y(row["total"] if row["total"] is not None else row["total_high"]) - 8),
        }
        for row in scores
    ]
    return {
        "strips": strips,
        "marks": marks,
        "lines": list(_lines(scores, x, y)),
        "ticks": [
            {"y": _at(y(value)), "value": value}
            for value in range(floor, ceiling + 1, 10 if ceiling - floor > 50 else 5)
        ],
        "left": left,
        "right": right,
        "bottom": bottom,
        "height": bottom + 44,
    }


def _lines(scores: Sequence[_Row], x: Callable[[int], float], y: Callable[[Decimal], float]) -> Iterator[str]:
    """Points of the lines through years that follow one another and are final; a gap in the years breaks the line."""
    run: list[str] = []
    before = 0
    for row in scores:
        if run and (row["total"] is None or row["year"] != before + 1):
            yield " ".join(run)
            run = []
        if row["total"] is not None:
            run.append(f"{_at(x(row['year']))},{_at(y(row['total']))}")
        before = row["year"]
    if len(run) > 1:
        yield " ".join(run)
