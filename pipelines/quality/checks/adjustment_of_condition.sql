/*
source: adjustments
field: item
severity: critical
message: {zh: 该条款是条件，不计分，不能更正得分, en: this item is a condition and carries no points to adjust}
remedy: {zh: 请更正条款号，或更正条件所依据的数据, en: correct the item number, or the figures the condition rests on}
*/
SELECT
    adjustment.source_file,
    adjustment.source_sheet,
    adjustment.source_row
FROM typed_adjustments AS adjustment
INNER JOIN rubric_item AS item
    ON adjustment.item = item.item
WHERE adjustment.row_kind = 'data' AND item.kind = 'condition'
