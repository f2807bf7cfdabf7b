/*
grain: one row per year, town and item that an assessor scored
columns:
  score_n: exact mean of the assessors' scores, numerator
  score_d: exact mean of the assessors' scores, denominator
  assessors: assessors who scored the item
  score_lowest: lowest of their scores (points)
  score_highest: highest of their scores (points)
  reasons: their reasons, in the order of the assessors
*/
WITH whole AS (
    SELECT
        year,
        town_id,
        item,
        sum(cast(score * 100 AS HUGEINT)) AS score_n,
        cast(100 * count(*) AS HUGEINT) AS score_d,
        count(*) AS assessors,
        min(score) AS score_lowest,
        max(score) AS score_highest,
        any_value(reason) AS reasons,
        min({'file': source_file, 'sheet': source_sheet, 'row': source_row}) AS first_source
    FROM assessor_score
    GROUP BY year, town_id, item
),

-- Putting texts in order costs far more than taking one, and nearly all items have one assessor.
of_several AS (
    SELECT
        score.year,
        score.town_id,
        score.item,
        string_agg(score.reason, '；' ORDER BY score.assessor) AS reasons
    FROM assessor_score AS score
    INNER JOIN whole
        ON
            score.year = whole.year
            AND score.town_id = whole.town_id
            AND score.item = whole.item
            AND whole.assessors > 1
    GROUP BY score.year, score.town_id, score.item
)

SELECT
    whole.year,
    whole.town_id,
    whole.item,
    whole.score_n,
    whole.score_d,
    whole.assessors,
    whole.score_lowest,
    whole.score_highest,
    coalesce(of_several.reasons, whole.reasons) AS reasons,
    whole.first_source
FROM whole
LEFT JOIN of_several
    ON whole.year = of_several.year AND whole.town_id = of_several.town_id AND whole.item = of_several.item
