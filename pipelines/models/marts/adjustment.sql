/*
grain: one row per year, town and item whose score was adjusted on review; the latest approval wins
key: [year, town_id, item]
columns:
  adjusted_points: the score that replaces the computed or judged one (points)
  adjustment_reason: why it was replaced
  approved_by: who approved it
  approved_on: when it was approved
*/
SELECT
    year,
    town_id,
    item,
    score AS adjusted_points,
    reason AS adjustment_reason,
    approved_by,
    approved_on,
    source_file,
    source_sheet,
    source_row
FROM accepted_adjustments
WHERE score IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY year, town_id, item ORDER BY approved_on DESC) = 1
