/*
grain: one row per town in scope and town that is part of it in one of the two years and apart in the other
columns:
  absorbed_id: identifier of the other town
  is_before: whether it stood apart in the earlier of the two years
  apart_year: the year in which it stood apart
*/
-- A town may be merged into one that is merged on; whoever is there first takes it in.
WITH RECURSIVE succession AS (
    SELECT
        town_id AS absorbed_id,
        merged_into AS town_id,
        1 AS generation
    FROM merged_town
    UNION ALL
    SELECT
        succession.absorbed_id,
        merged.merged_into AS town_id,
        succession.generation + 1 AS generation
    FROM succession
    INNER JOIN merged_town AS merged
        ON succession.town_id = merged.town_id
    WHERE succession.generation < 9
)

SELECT
    scope.year,
    scope.town_id,
    succession.absorbed_id,
    earlier.town_id IS NOT NULL AS is_before,
    CASE WHEN earlier.town_id IS NOT NULL THEN scope.previous_year ELSE scope.year END AS apart_year
FROM succession
INNER JOIN change_scope AS scope
    ON succession.town_id = scope.town_id
LEFT JOIN town_year AS earlier
    ON scope.previous_year = earlier.year AND succession.absorbed_id = earlier.town_id
LEFT JOIN town_year AS later
    ON scope.year = later.year AND succession.absorbed_id = later.town_id
WHERE (earlier.town_id IS NULL) <> (later.town_id IS NULL)
QUALIFY row_number() OVER (PARTITION BY scope.year, succession.absorbed_id ORDER BY succession.generation) = 1
