/*
grain: >-
  one row per changed town and kind of item, conditions one by one; sums stand in for the items they add up, since a
  total looks at nothing else
columns:
  town_id: the town so changed
  item: the condition; empty for a sum
  status: missing while an item is, else scored
  is_met: for a condition, whether it is met
  points_low: the least the items can still come to (points)
  points_high: the most the items can still come to (points)
*/
WITH part AS (
    SELECT
        scenario,
        year,
        town_id,
        kind,
        CASE WHEN kind = 'condition' THEN item ELSE '' END AS item,
        bool_or(status = 'missing') AS is_missing,
        bool_and(is_met) AS is_met,
        sum(points_low) AS points_low,
        sum(points_high) AS points_high
    FROM scored_item
    WHERE scenario = 'in_force'
    GROUP BY ALL
),

changed AS (
    SELECT
        part.*,
        swayed.variant,
        cast(
            CASE part.kind WHEN 'scored' THEN swayed.scored_change WHEN 'bonus' THEN swayed.bonus_change ELSE 0 END
            AS DECIMAL(9, 0)
        ) * cast(0.01 AS DECIMAL(3, 2)) AS change
    FROM part
    INNER JOIN swayed_town AS swayed
        ON part.year = swayed.year AND part.town_id = swayed.town_id
)

SELECT
    scenario,
    year,
    variant AS town_id,
    kind,
    item,
    CASE WHEN is_missing THEN 'missing' ELSE 'scored' END AS status,
    is_met,
    cast(points_low + change AS DECIMAL(9, 2)) AS points_low,
    cast(points_high + change AS DECIMAL(9, 2)) AS points_high
FROM changed
