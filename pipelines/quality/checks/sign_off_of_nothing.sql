/*
source: review_records
field: result
severity: critical
message: {zh: 签发没有写明结果指纹, en: the sign-off does not name the result it signs}
remedy: {zh: 请抄录 kaohe status 显示的该年度结果指纹, en: write the year's fingerprint as `kaohe status` shows it}
*/
SELECT
    source_file,
    source_sheet,
    source_row
FROM typed_review_records
WHERE row_kind = 'data' AND step = '签发' AND coalesce(trim(result), '') = ''
