/*
source: towns
severity: warning
message: {zh: 前后各年都有报送，唯独没有这一年, en: "the years before and after were delivered, this one was not"}
remedy: {zh: 请补报该年度；在此之前该年度不考核, en: deliver the year; until then nobody is assessed in it}
*/
SELECT
    missing.year || '/*' AS source_file,
    '' AS source_sheet,
    cast(NULL AS BIGINT) AS source_row,
    missing.year,
    '没有 ' || missing.year || ' 年度的任何报送' AS message_zh,
    'nothing was delivered for ' || missing.year AS message_en
FROM (
    SELECT unnest(range(min(year), max(year))) AS year
    FROM delivery_file
) AS missing
ANTI JOIN delivery_file AS file
    ON missing.year = file.year
