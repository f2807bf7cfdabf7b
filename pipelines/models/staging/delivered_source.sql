/*
grain: one row per source and year in which anything of it was delivered
*/
SELECT DISTINCT
    source,
    year
FROM delivery_file
WHERE year IS NOT NULL
