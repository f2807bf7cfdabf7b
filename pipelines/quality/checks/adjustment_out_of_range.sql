/*
source: adjustments
field: score
severity: critical
message: {zh: 更正后得分超过该条款的标准分, en: the adjusted score is above the points of its item}
remedy: {zh: 请更正得分或条款号, en: correct the score or the item}
*/
SELECT
    adjustment.source_file,
    adjustment.source_sheet,
    adjustment.source_row,
    '更正后得分超过该条款的标准分 ' || item.available AS message_zh,
    'the adjusted score is above the points of its item, ' || item.available AS message_en
FROM typed_adjustments AS adjustment
INNER JOIN rubric_item AS item
    ON adjustment.item = item.item
WHERE adjustment.row_kind = 'data' AND item.kind = 'scored' AND adjustment.score > item.available
