/*
source: contributions
severity: warning
message: {zh: 该年度未报送退保登记，未缴费者一律视为应续保, en: "no register of exits for the year: whoever did not pay is held to be due"}
remedy: {zh: 如有死亡、转出、领取待遇的，请报送退保登记, en: deliver it if anybody died or moved or draws the pension}
*/
SELECT
    record.year || '/pension_exits*' AS source_file,
    '' AS source_sheet,
    cast(NULL AS BIGINT) AS source_row,
    record.year
FROM (
    SELECT DISTINCT year FROM record_renewal
    WHERE status = 'computed' AND due > renewed
) AS record
ANTI JOIN (
    SELECT year FROM delivered_source
    WHERE source = 'pension_exits'
) AS declared
    ON record.year = declared.year
