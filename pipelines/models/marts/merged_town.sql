/*
grain: one row per town that was merged into another
key: [town_id]
columns:
  merged_into: identifier of the town it was merged into
  last_year: last year it was assessed by itself
*/
SELECT
    town_id,
    merged_into,
    valid_to AS last_year
FROM accepted_towns
WHERE merged_into IS NOT NULL AND merged_into <> town_id
QUALIFY row_number() OVER (PARTITION BY town_id ORDER BY valid_to DESC NULLS FIRST, source_row DESC) = 1
