/*
source: adjustments
table: typed_adjustments
field: score
severity: critical
message: {zh: 更正后得分超过该条款的标准分，或该条款不计分, en: the corrected score is above the points of its item, or the item carries none}
remedy: {zh: 请更正得分或条款号, en: correct the score or the item}
*/
SELECT
    adjustment.source_file,
    adjustment.source_sheet,
    adjustment.source_row,
    adjustment.year,
    adjustment.town_id,
    cast(NULL AS VARCHAR) AS value,
    cast(NULL AS VARCHAR) AS message_zh,
    cast(NULL AS VARCHAR) AS message_en
FROM typed_adjustments AS adjustment
INNER JOIN rubric_item AS item
    ON adjustment.item = item.item
WHERE
    adjustment.row_kind = 'data'
    AND (item.kind = 'condition' OR (item.kind = 'scored' AND adjustment.score > item.available))
