/*
source: assessor_scores
field: score
severity: warning
message: {zh: 考核人之间相差超过标准分的 30%, en: the assessors are more than 30% of the item's points apart}
remedy: {zh: 得分取平均；请复议, en: the mean is used; have them talk it over}
*/
WITH spread AS (
    SELECT
        score.source_file,
        score.source_sheet,
        score.source_row,
        item.available,
        cast(
            max(score.score) OVER (PARTITION BY score.year, score.town_id, score.item)
            - min(score.score) OVER (PARTITION BY score.year, score.town_id, score.item) AS DECIMAL(38, 2)
        ) AS apart
    FROM typed_assessor_scores AS score
    INNER JOIN rubric_item AS item
        ON score.item = item.item
    WHERE score.row_kind = 'data' AND score.town_id IS NOT NULL AND score.year IS NOT NULL AND item.kind = 'scored'
)

SELECT
    source_file,
    source_sheet,
    source_row,
    '考核人之间相差 ' || apart || ' 分，超过标准分 ' || available || ' 的 30%' AS message_zh,
    'the assessors are ' || apart || ' apart, more than 30% of ' || available AS message_en
FROM spread
WHERE apart * 10 > available * 3
