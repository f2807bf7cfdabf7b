/*
grain: one row per town in scope and state its figures are scored in besides those they had, in place of town_year
columns:
  town_id: town and state; it stands in for the town when the models score it
  compared_id: identifier of the town
  state: numerator or denominator, whichever is already the later year's; before and after with merged towns together
*/
WITH merged AS (
    SELECT DISTINCT
        year,
        town_id
    FROM change_absorbed
),

state AS (
    SELECT unnest(['before', 'after', 'numerator', 'denominator']) AS state
)

SELECT
    scope.year,
    concat_ws('|', scope.town_id, state.state) AS town_id,
    scope.town_id AS compared_id,
    state.state
FROM change_scope AS scope
CROSS JOIN state
LEFT JOIN merged
    ON scope.year = merged.year AND scope.town_id = merged.town_id
WHERE state.state IN ('numerator', 'denominator') OR merged.town_id IS NOT NULL
