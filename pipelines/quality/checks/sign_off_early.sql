/*
source: review_records
field: recorded_on
severity: warning
message: {zh: 意见期未满或有意见未答复即签发, en: "signed off before the time for comments was up, or with one unanswered"}
remedy: {zh: 请补答复，或说明理由, en: "answer it, or say why"}
*/
SELECT
    signed.source_file,
    signed.source_sheet,
    signed.source_row
FROM typed_review_records AS signed
WHERE
    signed.row_kind = 'data'
    AND signed.step = '签发'
    AND (
        EXISTS (
            SELECT 1 FROM typed_review_records AS previewed
            WHERE
                previewed.row_kind = 'data'
                AND previewed.step = '预告'
                AND previewed.year = signed.year
                AND previewed.until > signed.recorded_on
        )
        OR EXISTS (
            SELECT 1
            FROM typed_review_records AS comment
            WHERE
                comment.row_kind = 'data'
                AND comment.step = '意见'
                AND comment.year = signed.year
                AND comment.recorded_on <= signed.recorded_on
                AND NOT EXISTS (
                    SELECT 1 FROM typed_review_records AS answer
                    WHERE
                        answer.row_kind = 'data'
                        AND answer.step = '答复'
                        AND answer.year = comment.year
                        AND answer.town_id IS NOT DISTINCT FROM comment.town_id
                        AND answer.item IS NOT DISTINCT FROM comment.item
                        AND answer.recorded_on BETWEEN comment.recorded_on AND signed.recorded_on
                )
        )
    )
