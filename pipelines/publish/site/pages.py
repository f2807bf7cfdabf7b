"""The pages of a site: what each is made of, and the files it goes on to."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.analysis.explanation import explained_items, how
from pipelines.analysis.grades import Band, Gap, bands_of, gap_in_words, gap_to_next, unmet_conditions
from pipelines.publish.site import drawings, queries, words

if TYPE_CHECKING:
    from jinja2 import Environment

    from pipelines.analysis.marts import Marts

#: Rows of a list on one page; a longer list goes on to further pages.
ROWS_A_PAGE = 250

#: Rows of the data quality tables; all of them are in the CSV files of the publication.
LEDGER_ROWS = 2000

#: Towns in one file of search data.
_TOWNS_A_FILE = 4000

#: Towns read from the marts at a time.
_TOWNS_A_READING = 200

FOLDER = Path(__file__).with_name("templates")

_Element = TypeVar("_Element")

_Row = dict[str, Any]
_Rows = list[_Row]


def page_name(town_id: str) -> str:
    """Name of a town's page without ``.html``: its identifier, or a hash of one that is not fit for a file name.

    Lower case is hashed too, since some disks take ``a`` and ``A`` for one name.
    """
    if re.fullmatch(r"[A-Z0-9][A-Z0-9_-]{0,60}", town_id):
        return town_id
    return f"x{hashlib.sha256(town_id.encode()).hexdigest()[:16]}"


@dataclass
class Site:
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
        """The years published."""
        return self.marts.years

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """Every two of them, the earlier first."""
        return list(combinations(self.years, 2))

    @cached_property
    def bands(self) -> list[Band]:
        """The grades, best first."""
        return bands_of(self.marts.rows)

    @cached_property
    def readings(self) -> dict[str, _Row]:
        """The question of every open reading."""
        rows = self.marts.rows("SELECT DISTINCT interpretation, question_zh, question_en FROM interpretation")
        return {row["interpretation"]: row for row in rows}

    @cached_property
    def areas(self) -> _Rows:
        """The areas of the rubric and the points they carry."""
        return self.marts.rows(queries.AREA_TITLES)

    @cached_property
    def environment(self) -> Environment:
        """What fills the templates, with all that any of them may say."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        places = {band.grade: number for number, band in enumerate(self.bands, start=1)}
        environment.globals.update(
            both=words.in_both,
            both_svg=words.in_both_svg,
            word=words.word,
            word_svg=words.word_svg,
            heading=words.heading,
            said=words.said,
            grade_words=words.grade_words,
            grade_place=lambda grade: places.get(grade, 0),
            band_words=words.band_words,
            gap_in_words=gap_in_words,
            page_name=page_name,
            points=words.points,
            signed=words.signed,
            figure=words.figure,
            ignored=words.ignored,
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
        towns = self.marts.rows(queries.LATEST)
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
            chart=drawings.stacked_bars(by_year, grades),
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
        text = f"kaoheTowns({number}, {words.script_text(chr(10).join(lines))});\n"
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
            bins = drawings.bins_of(totals)
            losses = self.marts.rows(queries.LOSSES, [year])
            for row in losses:
                row["mean"] = words.mean(row["lost"], row["towns"])
            losses.sort(key=lambda row: (-row["mean"], row["position"]))
            stability = self.marts.rows(queries.STABILITY, [year])
            areas = self.marts.rows(queries.AREAS, [year])
            for row in areas:
                row["mean"] = words.mean(row["sum"], row["towns"]) if row["towns"] else None
            self.write_list(
                "year.html",
                f"year/{year}.html",
                rows,
                year=year,
                grades=Counter(row["grade"] or "" for row in rows),
                final=len(totals),
                mean=words.mean(sum(totals, Decimal(0)), len(totals)) if totals else None,
                lowest=min(totals, default=None),
                highest=max(totals, default=None),
                bins=bins,
                histogram=drawings.histogram(bins, self.bands),
                area_rows=areas,
                area_chart=drawings.level_bars(
                    [
                        drawings.Level(
                            row["title_zh"],
                            row["title_en"],
                            row["mean"],
                            row["available"],
                            row["lowest"],
                            row["highest"],
                            f"{row['mean']} / {words.points(row['available'])}",
                        )
                        for row in areas
                        if row["mean"] is not None
                    ]
                ),
                losses=losses,
                unstable=[row for row in stability if not row["is_stable"]],
                shares=_grouped(self.marts.rows(queries.SHARES, [year]), "town_id"),
                readings=self.readings,
                rows_a_page=ROWS_A_PAGE,
                loss_chart=drawings.level_bars(
                    [
                        drawings.Level(
                            f"{row['item']} {row['title_zh']}",
                            f"{row['item']} {row['title_en']}",
                            row["mean"],
                            losses[0]["mean"],
                            None,
                            None,
                            f"−{row['mean']} / {words.points(row['available'])}",
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
            rows = self.marts.rows(queries.PAIR, {"later": later, "earlier": earlier})
            moved = [row for row in rows if row["change"] is not None]
            self._tell_why(rows, earlier, later)
            transitions = Counter((row["previous_grade"] or "", row["grade"] or "") for row in rows)
            items = self.marts.rows(queries.MOVED_ITEMS, {"later": later, "earlier": earlier})
            for row in items:
                row["mean"] = words.mean(row["change"], row["towns"])
            items.sort(key=lambda row: (-abs(row["mean"]), row["position"]))
            self.write_list(
                "pair.html",
                f"pair/{earlier}-{later}.html",
                rows,
                earlier=earlier,
                later=later,
                compared=len(moved),
                mean=words.mean(sum((row["change"] for row in moved), Decimal(0)), len(moved)) if moved else None,
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
                only=self.marts.rows(queries.ONLY_ONE, {"later": later, "earlier": earlier}),
                items=items,
                chart=drawings.changes_chart(moved),
            )

    def _tell_why(self, rows: _Rows, earlier: int, later: int) -> None:
        """Give each town that moved its greatest reasons, where the years are neighbours: only those are published."""
        why = _grouped(self.marts.rows(queries.WHY, {"later": later, "earlier": earlier}), "town_id")
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
            items = self._by_town("item_score JOIN item_definition USING (item)", "year, position", some, queries.ITEM)
            sources = self._by_town("term_score", "year, term", some, queries.SOURCE)
            explained = explained_items(self.marts, some, self.years)
            unmet = unmet_conditions(self.marts.rows, some, self.years)
            levers = self._by_town("lever", "indicator, lever_no", some)
            figures = self._by_town("indicator_value", "year", some)
            stability = self._by_town("(FROM grade_stability WHERE cause = 'readings')", "year", some)
            for town_id in some:
                parts = [_grouped(of[town_id], "year") for of in (areas, sections, items, sources)]
                cards = [
                    self._card(score, explained[town_id, year], *(part[year] for part in parts))
                    | {"gap": self._gap(score, unmet[town_id, year])}
                    for score in reversed(scores[town_id])
                    for year in [score["year"]]
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
                    chart=drawings.history(scores[town_id], self.bands),
                    indicators=[row for row in indicators if any((row["indicator"], y) in values for y in self.years)],
                    values=values,
                    levers=levers[town_id],
                    titles={row["indicator"]: row for row in indicators},
                    stability={row["year"]: row for row in stability[town_id]},
                    readings=self.readings,
                )

    def _gap(self, score: _Row, unmet: Sequence[tuple[str, str]]) -> Gap | None:
        """What a final result lacks to the next better grade."""
        return gap_to_next(score, self.bands, unmet) if score["total"] is not None and score["grade"] else None

    def _by_town(self, table: str, order: str, ids: Sequence[str], columns: str = "*") -> dict[str, _Rows]:
        query = f"SELECT {columns} FROM {table} WHERE list_contains(?, town_id) ORDER BY town_id, {order}"
        return _grouped(self.marts.rows(query, [list(ids)]), "town_id")

    def _card(self, score: _Row, explained: _Rows, areas: _Rows, sections: _Rows, items: _Rows, sources: _Rows) -> _Row:
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
        return {**score, "parts": parts}

    # Methods and data quality ---------------------------------------------------------------------------------------

    def write_methods(self) -> None:
        """The rubric as the results were scored by it."""
        rows = self.marts.rows
        bites: dict[str, list[str]] = defaultdict(list)
        for found in rows(queries.BITES):
            bites[found["interpretation"]].append(found["item"])
        options = rows("SELECT * FROM interpretation ORDER BY interpretation, position")
        by_area: dict[str, dict[str, _Rows]] = defaultdict(lambda: defaultdict(list))
        items = rows("SELECT * FROM item_definition ORDER BY position")
        for item in items:
            by_area[item["area"]][item["section"]].append(item)
        self.write(
            "methods.html",
            "methods.html",
            by_area=by_area,
            interpretations=_grouped(options, "interpretation"),
            bites=bites,
            indicators=rows("SELECT * FROM indicator_definition ORDER BY indicator"),
            bases=Counter(item["basis"] for item in items),
        )

    def write_quality(self) -> None:
        """What was received, what became of every row, which checks failed, and what is in quarantine."""
        rows = self.marts.rows
        self.write(
            "quality.html",
            "quality.html",
            files=rows(queries.FILES),
            sheets=rows("SELECT * FROM delivery ORDER BY source_file, source_sheet"),
            checks=rows("SELECT * FROM quality_check ORDER BY success, severity, check_name"),
            quarantined=rows(
                "SELECT * FROM quarantined_row ORDER BY source_file, source_sheet, source_row, rule, field"
            ),
            screens=rows("SELECT * FROM screen ORDER BY year DESC, screen, town_id, assessor, item, indicator"),
            limit=LEDGER_ROWS,
        )


def _grouped(rows: Iterable[_Row], key: str) -> dict[Any, _Rows]:
    found: dict[Any, _Rows] = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return found


def _batched(elements: Sequence[_Element], size: int) -> Iterator[Sequence[_Element]]:
    for start in range(0, len(elements), size):
        yield elements[start : start + size]


def _former(scores: _Rows) -> list[tuple[str, str, int]]:
    """Names and codes a town had before its present ones, with the last year of each."""
    present = (scores[-1]["town_name"], scores[-1]["town_code"])
    last = {(row["town_name"], row["town_code"]): row["year"] for row in scores}
    return [(*named, year) for named, year in last.items() if named != present]
