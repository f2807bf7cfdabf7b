/*
source: assessor_scores
table: typed_assessor_scores
field: item
severity: critical
message: {zh: 该条款由数据计算，不由考核人评分, en: this item is computed from figures and not judged}
remedy: {zh: 删去该行；如需更正，请用复核更正, en: take the row out; a computed score is changed through a correction on review}
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
WHERE
    score.row_kind = 'data'
    AND NOT EXISTS (
        SELECT 1 FROM rubric_term AS term
        WHERE item.item = term.item AND term.kind IN ('judged', 'bonus')
    )
