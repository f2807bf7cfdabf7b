/*
grain: one row per source of decisions, year, town and item that may not be scored, rows behind it being in quarantine
key: [source, year, town_id, item]
*/
SELECT DISTINCT
    withheld.source,
    withheld.year,
    withheld.town_id,
    item.item
FROM withheld
INNER JOIN rubric_item AS item
    ON withheld.item IS NULL OR withheld.item = item.item
WHERE withheld.source IN ('assessor_scores', 'adjustments')
