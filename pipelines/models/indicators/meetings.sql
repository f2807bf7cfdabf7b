/*
grain: one row per year and town
by_town: true
columns:
  numerator: town meetings held (meetings)
  denominator: always 1
*/
SELECT
    year,
    town_id,
    activities AS numerator,
    1 AS denominator,
    first_source,
    activities AS source_rows
FROM activity_count
WHERE kind = '会议'
