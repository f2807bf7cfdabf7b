/*
grain: one row per town whose year is drawn again and again; the latest year, the only one still open
columns:
  town_no: running number, short to compare
*/
SELECT
    year,
    town_id,
    cast(row_number() OVER (ORDER BY year, town_id) AS INTEGER) AS town_no
FROM town_year
WHERE year = (SELECT max(latest.year) FROM town_year AS latest)
