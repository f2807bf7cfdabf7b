/*
source: towns
severity: warning
message: {zh: 该年度缺少一种数据, en: a source was not delivered for the year}
remedy: {zh: 请补报；在此之前有关条款暂缺, en: deliver it; until then what rests on it is missing}
*/
SELECT
    years.year || '/' || needed.source || '*' AS source_file,
    '' AS source_sheet,
    cast(NULL AS BIGINT) AS source_row,
    years.year,
    years.year || ' 年度没有 ' || needed.source AS message_zh,
    'no ' || needed.source || ' for ' || years.year AS message_en
FROM (SELECT DISTINCT year FROM town_year) AS years
CROSS JOIN (
    SELECT source FROM rubric_indicator
    UNION
    SELECT 'assessor_scores'
) AS needed
ANTI JOIN delivery_file AS file
    ON years.year = file.year AND needed.source = file.source
