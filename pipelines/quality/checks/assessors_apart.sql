/*
source: assessor_scores
table: typed_assessor_scores
field: score
severity: warning
message: {zh: 考核人之间相差超过标准分的 30%, en: the assessors are more than 30% of the item's points apart}
remedy: {zh: 得分取平均；请复议, en: the mean is used; have them talk it over}
*/
SELECT
    score.source_file,
    score.source_sheet,
    score.source_row,
    score.year,
    score.town_id,
    cast(NULL AS VARCHAR) AS value,
    cast(NULL AS VARCHAR) AS message_zh,
    cast(NULL AS VARCHAR) AS message_en
FROM typed_assessor_scores AS score
INNER JOIN rubric_item AS item
    ON score.item = item.item
WHERE score.row_kind = 'data' AND item.kind = 'scored'
QUALIFY
    (
        max(score.score) OVER (PARTITION BY score.year, score.town_id, score.item)
        - min(score.score) OVER (PARTITION BY score.year, score.town_id, score.item)
    ) * 10 > item.available * 3
