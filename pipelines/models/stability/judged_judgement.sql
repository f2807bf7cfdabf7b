/*
grain: one row per judged item of a swayed town, a step from what the assessors gave and within what the item can give
columns:
  town_id: the town and the way
  score_n: the swayed mean of the assessors' scores, numerator
  score_d: the swayed mean of the assessors' scores, denominator
*/
WITH stepped AS (
    SELECT
        given.year,
        given.town_id,
        given.item,
        given.score_n,
        given.score_d,
        item.kind,
        cast(step.step * 100 AS HUGEINT) * (given.score_d // 100) AS step_n,
        cast(item.available AS HUGEINT) * given.score_d AS most_n
    FROM judgement AS given
    INNER JOIN judgement_step AS step
        ON given.item = step.item
    INNER JOIN rubric_item AS item
        ON given.item = item.item
)

SELECT
    year,
    town_id || '|lower' AS town_id,
    item,
    greatest(score_n - step_n, 0) AS score_n,
    score_d
FROM stepped
UNION ALL
SELECT
    year,
    town_id || '|higher' AS town_id,
    item,
    CASE WHEN kind = 'bonus' THEN score_n + step_n ELSE least(score_n + step_n, most_n) END AS score_n,
    score_d
FROM stepped
