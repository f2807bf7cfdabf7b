/*
source: review_records
field: recorded_on
severity: warning
message: {zh: 意见期未满或有意见未答复即签发, en: "signed off before the time for comments was up, or with one unanswered"}
remedy: {zh: 请补答复，或说明理由, en: "answer it, or say why"}
*/
WITH record AS (
    SELECT * FROM typed_review_records
    WHERE row_kind = 'data'
)

SELECT
    signed.source_file,
    signed.source_sheet,
    signed.source_row
FROM record AS signed
INNER JOIN record AS previewed
    ON signed.year = previewed.year AND signed.recorded_on < previewed.until
WHERE signed.step = '签发' AND previewed.step = '预告'
UNION
SELECT
    signed.source_file,
    signed.source_sheet,
    signed.source_row
FROM record AS signed
INNER JOIN record AS comment
    ON signed.year = comment.year AND signed.recorded_on >= comment.recorded_on
ANTI JOIN (
    SELECT * FROM record
    WHERE step = '答复'
) AS answer
    ON
        comment.year = answer.year
        AND comment.town_id IS NOT DISTINCT FROM answer.town_id
        AND comment.item IS NOT DISTINCT FROM answer.item
        AND answer.recorded_on BETWEEN comment.recorded_on AND signed.recorded_on
WHERE signed.step = '签发' AND comment.step = '意见'
