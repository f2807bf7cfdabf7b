"""What the pages ask the marts."""

#: Every town as it was in the last year it was assessed, with other names and codes it had before.
LATEST = """
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

AREA_TITLES = """
    SELECT area, any_value(area_zh) AS title_zh, any_value(area_en) AS title_en,
        coalesce(sum(available) FILTER (kind = 'scored'), 0) AS points
    FROM item_definition GROUP BY area ORDER BY min(position)
"""

#: Items whose published scores rest on an open reading of the text.
BITES = """
    SELECT interpretation, item
    FROM (
        SELECT DISTINCT item, split_part(unnest(string_split(interpretations, '; ')), '=', 1) AS interpretation
        FROM term_score WHERE interpretations <> ''
    ) JOIN item_definition USING (item)
    ORDER BY interpretation, position
"""

AREAS = """
    SELECT area, any_value(title_zh) AS title_zh, any_value(title_en) AS title_en, any_value(available) AS available,
        sum(points) AS sum, count(points) AS towns, min(points) AS lowest, max(points) AS highest
    FROM area_score WHERE year = ? GROUP BY area ORDER BY area
"""

LOSSES = """
    SELECT item, any_value(position) AS position, any_value(score.clause) AS clause,
        any_value(score.title_zh) AS title_zh, any_value(score.title_en) AS title_en,
        any_value(score.available) AS available, any_value(score.basis) AS basis,
        sum(score.available - points) AS lost, count(*) AS towns, count(*) FILTER (points < score.available) AS losing
    FROM item_score AS score JOIN item_definition USING (item)
    WHERE year = ? AND score.kind = 'scored' AND points IS NOT NULL
    GROUP BY item
"""

#: Towns of both years. The identifier stays the same through renames, so a renamed town meets itself.
PAIR = """
    SELECT town_id, later.town_name, earlier.town_name AS previous_town_name, later.status,
        later.total, later.total_low, later.total_high, later.grade, later.rank, earlier.total AS previous_total,
        earlier.total_low AS previous_total_low, earlier.total_high AS previous_total_high,
        earlier.grade AS previous_grade, earlier.rank AS previous_rank, later.total - earlier.total AS change
    FROM town_score AS later JOIN town_score AS earlier USING (town_id)
    WHERE later.year = $later AND earlier.year = $earlier
    ORDER BY change DESC NULLS LAST, town_id
"""

#: The three greatest reasons of each town: figures with numerator and denominator together, scores, decisions.
WHY = """
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

ONLY_ONE = """
    SELECT town_id, town_name, year FROM town_score WHERE year IN ($earlier, $later)
    QUALIFY count(*) OVER (PARTITION BY town_id) = 1 ORDER BY year, town_id LIMIT 200
"""

MOVED_ITEMS = """
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

STABILITY = """
    SELECT * FROM grade_stability WHERE year = ? AND cause = 'readings'
    ORDER BY rank NULLS LAST, total_highest DESC, town_id
"""

SHARES = """
    SELECT town_id, grade, cases, cases_all FROM grade_share WHERE year = ? AND cause = 'readings'
    ORDER BY town_id, position
"""

FILES = """
    SELECT source_file, any_value(source) AS source, any_value(year) AS year, any_value(sha256) AS sha256,
        any_value(bytes) AS bytes, any_value(encoding) AS encoding, count(*) AS sheets,
        sum(rows_read)::BIGINT AS rows_read, sum(accepted)::BIGINT AS accepted,
        sum(quarantined)::BIGINT AS quarantined, sum(ignored)::BIGINT AS ignored
    FROM delivery GROUP BY source_file ORDER BY source_file
"""

ITEM = "item_score.*, item_definition.position"
SOURCE = "year, town_id, item, source_file, source_sheet, source_row, source_rows"
