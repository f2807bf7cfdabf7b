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
SELECT
    score.year,
    score.town_id,
    score.item,
    sum(cast(score.score * 100 AS HUGEINT)) AS score_n,
    cast(100 * count(*) AS HUGEINT) AS score_d,
    count(*) AS assessors,
    min(score.score) AS score_lowest,
    max(score.score) AS score_highest,
    string_agg(score.reason, '；' ORDER BY score.assessor) AS reasons,
    min({'file': score.source_file, 'sheet': score.source_sheet, 'row': score.source_row}) AS first_source
FROM assessor_score AS score
GROUP BY score.year, score.town_id, score.item
