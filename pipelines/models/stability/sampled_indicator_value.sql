/*
grain: one row per sampled figure and indicator of the items that look at it, in place of indicator_value
columns_of: indicator_value
*/
SELECT
    value.year,
    figure.variant AS town_id,
    value.indicator,
    CASE WHEN value.indicator = figure.indicator THEN figure.numerator ELSE value.numerator END AS numerator,
    CASE WHEN value.indicator = figure.indicator THEN figure.denominator ELSE value.denominator END AS denominator
FROM sampled_figure AS figure
INNER JOIN indicator_value AS value
    ON figure.year = value.year AND figure.town_id = value.town_id
INNER JOIN (SELECT DISTINCT indicator FROM sampled_rubric_term) AS used
    ON value.indicator = used.indicator
