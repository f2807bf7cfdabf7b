/*
source: assessor_scores
field: item
severity: critical
message: {zh: 该条款由数据计算，不由考核人评分, en: this item is computed from figures and not judged}
remedy: {zh: 删去该行；如需更正，请用复核更正, en: take the row out; a computed score is changed through an adjustment on review}
*/
SELECT
    score.source_file,
    score.source_sheet,
    score.source_row
FROM typed_assessor_scores AS score
INNER JOIN rubric_item AS item
    ON score.item = item.item
ANTI JOIN (
    SELECT item FROM rubric_term
    WHERE kind IN ('judged', 'bonus')
) AS judged
    ON score.item = judged.item
WHERE score.row_kind = 'data'
