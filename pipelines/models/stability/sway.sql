/*
grain: >-
  one row per year, town and way its own decisions or sampled figures could lie, all else as it is: one judgement a
  step lower or higher, the sampled figures at the lower or higher end of their 95% interval
columns:
  cause: judgement or sample
  way: lower or higher; of a judgement with its item
  scored_change: by how much the items that count towards 100 change (hundredths of a point)
  bonus_change: by how much the bonus items change (hundredths of a point)
*/
WITH item_change AS (
    SELECT
        outcome.year,
        outcome.town_id,
        outcome.kind,
        'judgement' AS cause,
        outcome.item || ' ' || way.way AS way,
        CASE way.way WHEN 'lower' THEN outcome.points_lower ELSE outcome.points_higher END - outcome.points AS change
    FROM judged_outcome AS outcome
    CROSS JOIN (SELECT unnest(['lower', 'higher']) AS way) AS way
    UNION ALL
    SELECT
        outcome.year,
        outcome.town_id,
        outcome.kind,
        'sample' AS cause,
        way.way,
        CASE way.way WHEN 'lower' THEN min(outcome.points) ELSE max(outcome.points) END
        - any_value(outcome.points_found) AS change
    FROM sampled_outcome AS outcome
    CROSS JOIN (SELECT unnest(['lower', 'higher']) AS way) AS way
    WHERE outcome.is_within
    GROUP BY outcome.year, outcome.town_id, outcome.item, outcome.kind, way.way
)

SELECT
    year,
    town_id,
    cause,
    way,
    cast(sum(CASE WHEN kind = 'bonus' THEN 0 ELSE change * 100 END) AS INTEGER) AS scored_change,
    cast(sum(CASE WHEN kind = 'bonus' THEN change * 100 ELSE 0 END) AS INTEGER) AS bonus_change
FROM item_change
GROUP BY year, town_id, cause, way
