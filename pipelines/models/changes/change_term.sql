/*
grain: one row per town in scope, term that gives points and state of what it looks at
columns_of: scored_term
columns:
  state: before or after; numerator or denominator where only that is already the later year's
*/
WITH merged AS (
    SELECT DISTINCT
        year,
        town_id
    FROM change_absorbed
),

known AS (
    SELECT
        scope.year,
        scope.town_id,
        CASE WHEN term.year = scope.year THEN 'after' ELSE 'before' END AS state,
        term.* EXCLUDE (year, town_id)
    FROM change_scope AS scope
    INNER JOIN scored_term AS term
        ON scope.town_id = term.town_id AND term.year IN (scope.previous_year, scope.year)
    LEFT JOIN merged
        ON scope.year = merged.year AND scope.town_id = merged.town_id
    WHERE
        term.scenario = 'in_force'
        AND term.kind <> 'condition'
        AND (merged.town_id IS NULL OR term.indicator IS NULL)
),

mixed AS (
    SELECT
        town.year,
        town.compared_id AS town_id,
        town.state,
        term.* EXCLUDE (year, town_id)
    FROM change_town_year AS town
    INNER JOIN change_scored_term AS term
        ON town.year = term.year AND town.town_id = term.town_id
    WHERE term.kind <> 'condition'
)

SELECT *  -- noqa: AM04
FROM known
UNION ALL
SELECT *  -- noqa: AM04
FROM mixed
