/*
grain: one row per town in scope and indicator; rates of towns merged between the years are put together in either year
columns:
  numerator_before: numerator in the earlier year
  denominator_before: denominator in the earlier year
  numerator_after: numerator in the later year
  denominator_after: denominator in the later year
*/
WITH apart AS (
    -- What the town's own figure lacks where the other stood apart. Counts of separate offices do not add up to one's.
    SELECT
        absorbed.year,
        absorbed.town_id,
        absorbed.is_before,
        figure.indicator,
        sum(figure.numerator) AS numerator,
        sum(figure.denominator) AS denominator
    FROM change_absorbed AS absorbed
    INNER JOIN indicator_value AS figure
        ON absorbed.apart_year = figure.year AND absorbed.absorbed_id = figure.town_id
    INNER JOIN rubric_indicator AS indicator
        ON figure.indicator = indicator.indicator
    WHERE
        indicator.unit IN ('percent', 'ratio')
        AND figure.numerator IS NOT NULL
        AND figure.denominator IS NOT NULL
    GROUP BY absorbed.year, absorbed.town_id, absorbed.is_before, figure.indicator
)

SELECT
    scope.year,
    scope.town_id,
    indicator.indicator,
    cast(earlier.numerator + coalesce(apart_before.numerator, 0) AS DECIMAL(20, 2)) AS numerator_before,
    cast(earlier.denominator + coalesce(apart_before.denominator, 0) AS DECIMAL(20, 2)) AS denominator_before,
    cast(later.numerator + coalesce(apart_after.numerator, 0) AS DECIMAL(20, 2)) AS numerator_after,
    cast(later.denominator + coalesce(apart_after.denominator, 0) AS DECIMAL(20, 2)) AS denominator_after
FROM change_scope AS scope
CROSS JOIN rubric_indicator AS indicator
LEFT JOIN indicator_value AS earlier
    ON
        scope.previous_year = earlier.year
        AND scope.town_id = earlier.town_id
        AND indicator.indicator = earlier.indicator
LEFT JOIN indicator_value AS later
    ON scope.year = later.year AND scope.town_id = later.town_id AND indicator.indicator = later.indicator
LEFT JOIN apart AS apart_before
    ON
        scope.year = apart_before.year
        AND scope.town_id = apart_before.town_id
        AND indicator.indicator = apart_before.indicator
        AND apart_before.is_before
LEFT JOIN apart AS apart_after
    ON
        scope.year = apart_after.year
        AND scope.town_id = apart_after.town_id
        AND indicator.indicator = apart_after.indicator
        AND NOT apart_after.is_before
