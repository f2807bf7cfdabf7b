/*
grain: one row per variant, in place of town_year
*/
SELECT DISTINCT
    year,
    variant AS town_id
FROM lever_change
