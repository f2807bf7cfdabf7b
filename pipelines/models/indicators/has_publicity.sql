/*
grain: one row per year and town
by_town: true
columns:
  numerator: 1 with a publicity window or a briefing, 0 with neither; unknown while one is absent and the other not told
  denominator: always 1
*/
SELECT
    year,
    town_id,
    CASE
        WHEN has_window OR has_briefing THEN 1
        WHEN NOT has_window AND NOT has_briefing THEN 0
    END AS numerator,
    1 AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_publicity
