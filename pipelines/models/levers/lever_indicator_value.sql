/*
grain: one row per variant and indicator of the items its changes bear on, in place of indicator_value
columns_of: indicator_value
*/
WITH variant AS (
    SELECT DISTINCT
        year,
        town_id,
        variant
    FROM lever_change
)

SELECT
    value.year,
    variant.variant AS town_id,
    value.indicator,
    coalesce(changed.numerator, value.numerator) AS numerator,
    coalesce(changed.denominator, value.denominator) AS denominator
FROM variant
INNER JOIN indicator_value AS value
    ON variant.year = value.year AND variant.town_id = value.town_id
LEFT JOIN lever_change AS changed
    ON variant.variant = changed.variant AND variant.year = changed.year AND value.indicator = changed.indicator
