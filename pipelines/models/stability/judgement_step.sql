/*
grain: one row per item that carries points
columns:
  step: >-
    one step of judgement, a working definition: the usual (median) gap between neighbouring scores assessors have
    given the item over all years, and half a point where that is more or there is none (points)
*/
WITH given AS (
    SELECT DISTINCT
        item,
        score
    FROM assessor_score
),

gap AS (
    SELECT
        item,
        score - lag(score) OVER (PARTITION BY item ORDER BY score) AS gap
    FROM given
)

SELECT
    item.item,
    cast(least(coalesce(quantile_disc(gap.gap, 0.5), 0.5), 0.5) AS DECIMAL(9, 2)) AS step
FROM rubric_item AS item
LEFT JOIN gap
    ON item.item = gap.item
WHERE item.kind <> 'condition'
GROUP BY item.item
