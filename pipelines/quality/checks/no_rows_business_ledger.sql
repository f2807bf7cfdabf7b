/*
source: business_ledger
severity: warning
message: {zh: 该年度台账已报送，此单位一行也没有，按 0 计, en: "the log was delivered and has no row of this town, which counts as 0"}
remedy: {zh: 如有漏报请补报, en: report what was left out}
*/
SELECT
    town_year.year || '/business_ledger*' AS source_file,
    '' AS source_sheet,
    cast(NULL AS BIGINT) AS source_row,
    town_year.year,
    town_year.town_id,
    town_year.town_name || '：该年度无任何记录，按 0 计' AS message_zh,
    town_year.town_name || ': no row in the year, counted as 0' AS message_en
FROM town_year
SEMI JOIN (
    SELECT year FROM delivery_file
    WHERE source = 'business_ledger'
) AS delivered
    ON town_year.year = delivered.year
ANTI JOIN (
    SELECT
        year,
        town_id
    FROM typed_business_ledger
    WHERE row_kind = 'data'
) AS present
    ON town_year.year = present.year AND town_year.town_id = present.town_id
