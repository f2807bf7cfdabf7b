/*
source: assessor_scores
table: typed_assessor_scores
severity: warning
message: {zh: 尚有条款未评分, en: items are not yet judged}
remedy: {zh: 该单位为待定，请补齐评分, en: the town stays provisional until they are}
*/
SELECT
    cast(NULL AS VARCHAR) AS source_file,
    cast(NULL AS VARCHAR) AS source_sheet,
    cast(NULL AS BIGINT) AS source_row,
    town_year.year,
    town_year.town_id,
    cast(NULL AS VARCHAR) AS value,
    town_year.town_name || '：' || count(*) || ' 条未评分' AS message_zh,
    town_year.town_name || ': ' || count(*) || ' item(s) not yet judged' AS message_en
FROM town_year
CROSS JOIN (
    SELECT DISTINCT item FROM rubric_term
    WHERE kind = 'judged'
) AS judged
LEFT JOIN typed_assessor_scores AS score
    ON
        town_year.year = score.year
        AND town_year.town_id = score.town_id
        AND judged.item = score.item
        AND score.row_kind = 'data'
LEFT JOIN typed_adjustments AS adjustment
    ON
        town_year.year = adjustment.year
        AND town_year.town_id = adjustment.town_id
        AND judged.item = adjustment.item
        AND adjustment.row_kind = 'data'
WHERE score.score IS NULL AND adjustment.score IS NULL
GROUP BY town_year.year, town_year.town_id, town_year.town_name
