/*
grain: one row per year and town
by_town: true
columns:
  numerator: staff training sessions held (sessions)
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
WHERE kind = '培训'
