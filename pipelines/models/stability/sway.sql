/*
grain: >-
  one row per year, town and way its own decisions or sampled figures could lie, others as they are: every judgement a
  step lower or higher, every sampled figure at the lower or higher end of its 95% interval
columns:
  cause: judgement or sample
  way: lower or higher
  scored_change: by how much the items that count towards 100 change (hundredths of a point)
  bonus_change: by how much the bonus items change (hundredths of a point)
*/
WITH item_change AS (
    SELECT
        year,
        town_id,
        kind,
        'judgement' AS cause,
        (points_lower - points) * 100 AS lower,
        (points_higher - points) * 100 AS higher
    FROM judged_outcome
    UNION ALL
    SELECT
        year,
        town_id,
        kind,
        'sample' AS cause,
        (min(points) - any_value(points_found)) * 100 AS lower,
        (max(points) - any_value(points_found)) * 100 AS higher
    FROM sampled_outcome
    WHERE is_within
    GROUP BY year, town_id, item, kind
),

-- Every town has both causes, so that one whose figures cannot move is told to be stable.
possible AS (
    SELECT
        town_year.year,
        town_year.town_id,
        cause.cause,
        way.way
    FROM town_year
    CROSS JOIN (SELECT unnest(['judgement', 'sample']) AS cause) AS cause
    CROSS JOIN (SELECT unnest(['lower', 'higher']) AS way) AS way
)

SELECT
    possible.year,
    possible.town_id,
    possible.cause,
    possible.way,
    cast(coalesce(sum(CASE possible.way WHEN 'lower' THEN change.lower ELSE change.higher END) FILTER (
        WHERE change.kind = 'scored'
    ), 0) AS INTEGER) AS scored_change,
    cast(coalesce(sum(CASE possible.way WHEN 'lower' THEN change.lower ELSE change.higher END) FILTER (
        WHERE change.kind = 'bonus'
    ), 0) AS INTEGER) AS bonus_change
FROM possible
LEFT JOIN item_change AS change
    ON possible.year = change.year AND possible.town_id = change.town_id AND possible.cause = change.cause
GROUP BY possible.year, possible.town_id, possible.cause, possible.way
