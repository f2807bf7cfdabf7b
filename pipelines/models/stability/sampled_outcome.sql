/*
grain: one row per year, town, item that looks at a sampled figure and points another sample could have given
columns:
  points: the points (points)
  points_found: the points of the sample that was drawn (points)
  is_within: whether a sample could be off by so much, by Wilson's interval at 95%
  chance_first: the first of 2^64 equal chances that gives these points
  chance_last: the last of them
*/
WITH outcome AS (
    SELECT
        scored.year,
        scored.town_id,
        scored.item,
        scored.kind,
        scored.points AS points_found,
        other.points,
        bool_or(figure.is_within) AS is_within,
        cast(sum(figure.weight) AS HUGEINT) AS weight
    FROM scored_item AS scored
    INNER JOIN sampled_figure AS figure
        ON scored.year = figure.year AND scored.town_id = figure.town_id
    INNER JOIN sampled_scored_item AS other
        ON figure.year = other.year AND figure.variant = other.town_id AND scored.item = other.item
    INNER JOIN (SELECT DISTINCT
        item,
        indicator
    FROM sampled_rubric_term) AS used
        ON scored.item = used.item AND figure.indicator = used.indicator
    ANTI JOIN adjustment AS adjusted
        ON scored.year = adjusted.year AND scored.town_id = adjusted.town_id AND scored.item = adjusted.item
    WHERE scored.scenario = 'in_force' AND scored.status = 'scored'
    GROUP BY ALL
),

added AS (
    SELECT
        *,
        cast(sum(weight) OVER lower AS HUGEINT) AS weight_to,
        cast(sum(weight) OVER (PARTITION BY year, town_id, item) AS HUGEINT) AS weight_all
    FROM outcome
    WINDOW lower AS (PARTITION BY year, town_id, item ORDER BY points)
)

SELECT
    year,
    town_id,
    item,
    kind,
    points_found,
    points,
    is_within,
    cast((weight_to - weight) * 18446744073709551616 // weight_all AS UBIGINT) AS chance_first,
    cast(weight_to * 18446744073709551616 // weight_all - 1 AS UBIGINT) AS chance_last
FROM added
