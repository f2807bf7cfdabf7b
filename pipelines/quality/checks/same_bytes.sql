/*
source: towns
severity: warning
message: {zh: 两个文件一字不差, en: two files are the same to the byte}
remedy: {zh: 请核对是否把一个年度的文件放进了另一个年度, en: see whether the file of one year was put into another}
*/
SELECT
    file.source_file,
    '' AS source_sheet,
    cast(NULL AS BIGINT) AS source_row,
    file.year,
    '与 ' || other.source_file || ' 一字不差' AS message_zh,
    'the same to the byte as ' || other.source_file AS message_en
FROM delivery_file AS file
INNER JOIN delivery_file AS other
    ON file.sha256 = other.sha256 AND file.source_file > other.source_file
