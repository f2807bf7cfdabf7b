/*
grain: one row per town-year whose levers are looked for; those of the latest year, the only one still open
columns:
  every_level: whether every hundredth of a point is aimed at, or only the first gain, each step and the target
*/
SELECT
    year,
    town_id,
    FALSE AS every_level
FROM town_year
WHERE year = (SELECT max(latest.year) FROM town_year AS latest)
