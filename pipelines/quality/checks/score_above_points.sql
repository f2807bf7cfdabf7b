/*
source: assessor_scores
field: score
severity: critical
message: {zh: 得分超过该条款的标准分, en: the score is above the points of its item}
remedy: {zh: 请更正得分, en: correct the score}
*/
SELECT
    score.source_file,
    score.source_sheet,
    score.source_row,
    '得分超过该条款的标准分 ' || item.available AS message_zh,
    'the score is above the points of its item, ' || item.available AS message_en
FROM typed_assessor_scores AS score
INNER JOIN rubric_item AS item
    ON score.item = item.item
WHERE score.row_kind = 'data' AND item.kind = 'scored' AND score.score > item.available
