/*
source: assessor_scores
field: reason
severity: warning
message: {zh: 扣了分或加了分，却没有写理由, en: points were taken or added, and no reason is given}
remedy: {zh: 请补写理由；复核与申诉时要凭它答复, en: add the reason; comments and appeals are answered by it}
*/
SELECT
    score.source_file,
    score.source_sheet,
    score.source_row
FROM typed_assessor_scores AS score
INNER JOIN rubric_item AS item
    ON score.item = item.item
WHERE
    score.row_kind = 'data'
    AND score.reason IS NULL
    AND CASE item.kind
        WHEN 'scored' THEN score.score < item.available
        WHEN 'bonus' THEN score.score > 0
    END
