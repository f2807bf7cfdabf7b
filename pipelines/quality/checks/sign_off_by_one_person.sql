/*
source: review_records
field: recorded_by
severity: critical
message: {zh: 签发人与预告的经办人是同一人, en: the result is signed off by whoever previewed it}
remedy: {zh: 请由另一人签发, en: have a second person sign it off}
*/
SELECT
    signed.source_file,
    signed.source_sheet,
    signed.source_row
FROM typed_review_records AS signed
SEMI JOIN (
    SELECT
        year,
        recorded_by
    FROM typed_review_records
    WHERE row_kind = 'data' AND step = '预告'
) AS previewed
    ON signed.year = previewed.year AND signed.recorded_by = previewed.recorded_by
WHERE signed.row_kind = 'data' AND signed.step = '签发'
