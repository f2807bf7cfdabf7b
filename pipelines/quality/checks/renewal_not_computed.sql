/*
source: contributions
severity: warning
message: {zh: 缴费台账算不出续保率，以上报数为准, en: "the ledger does not give the renewal rate; the reported figure holds"}
remedy: {zh: 请补报上年台账或更正隔离的行, en: deliver the year before or mend the rows in quarantine}
*/
SELECT
    coalesce(source_file, year || '/contributions*') AS source_file,
    '' AS source_sheet,
    cast(NULL AS BIGINT) AS source_row,
    year,
    town_id,
    CASE status
        WHEN 'previous_year_not_delivered' THEN '未报送上年缴费台账，无法计算续保率，以上报数为准'
        WHEN 'nobody_due' THEN '缴费台账中上年无应续保人员，无法计算续保率，以上报数为准'
        ELSE '缴费台账或退保登记有行在隔离中，无法计算续保率，以上报数为准'
    END AS message_zh,
    CASE status
        WHEN 'previous_year_not_delivered'
            THEN 'last year''s ledger was not delivered: no renewal rate from it; the reported figure holds'
        WHEN 'nobody_due' THEN 'nobody of last year''s ledger is due: no renewal rate; the reported figure holds'
        ELSE 'rows of the ledger or of the register of exits are in quarantine: the reported figure holds'
    END AS message_en
FROM record_renewal
WHERE status <> 'computed'
