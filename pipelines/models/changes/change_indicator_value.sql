/*
grain: one row per town in scope, state and indicator, in place of indicator_value
columns_of: indicator_value
*/
SELECT
    town.year,
    town.town_id,
    figure.indicator,
    CASE WHEN town.state IN ('after', 'numerator') THEN figure.numerator_after ELSE figure.numerator_before END
        AS numerator,
    CASE WHEN town.state IN ('after', 'denominator') THEN figure.denominator_after ELSE figure.denominator_before END
        AS denominator
FROM change_town_year AS town
INNER JOIN change_figure AS figure
    ON town.year = figure.year AND town.compared_id = figure.town_id
