/*
grain: one row per year, town and item that rests on a judgement which may sway; a score replaced on review may not
columns:
  judged_no: place among the town's judged items, from 0
  points: points as judged (points)
  points_lower: points a step lower (points)
  points_higher: points a step higher (points)
*/
SELECT
    scored.year,
    scored.town_id,
    scored.item,
    scored.kind,
    row_number() OVER (PARTITION BY scored.year, scored.town_id ORDER BY scored.item) - 1 AS judged_no,
    scored.points,
    lower.points AS points_lower,
    higher.points AS points_higher
FROM scored_item AS scored
INNER JOIN judged_scored_item AS lower
    ON scored.year = lower.year AND scored.town_id || '|lower' = lower.town_id AND scored.item = lower.item
INNER JOIN judged_scored_item AS higher
    ON scored.year = higher.year AND scored.town_id || '|higher' = higher.town_id AND scored.item = higher.item
ANTI JOIN adjustment AS adjusted
    ON scored.year = adjusted.year AND scored.town_id = adjusted.town_id AND scored.item = adjusted.item
WHERE scored.scenario = 'in_force' AND scored.status = 'judged'
