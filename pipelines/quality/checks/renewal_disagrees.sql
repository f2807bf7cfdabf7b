/*
source: pension_renewal
field: renewed
severity: warning
message: {zh: 上报的续保人数与缴费台账不符, en: the renewal reported is not that of the ledger of contributions}
remedy: {zh: 续保率以缴费台账计算；请核对上报数、台账与退保登记, en: the ledger's rate holds; see which is wrong}
*/
SELECT
    reported.source_file,
    reported.source_sheet,
    reported.source_row,
    '上报应续保 ' || coalesce(cast(record.reported_due AS VARCHAR), '—')
    || ' 人、续保 ' || coalesce(cast(record.reported_renewed AS VARCHAR), '—')
    || ' 人；缴费台账为应续保 ' || record.due || ' 人、续保 ' || record.renewed || ' 人' AS message_zh,
    'reported ' || coalesce(cast(record.reported_renewed AS VARCHAR), '—')
    || ' renewed of ' || coalesce(cast(record.reported_due AS VARCHAR), '—')
    || ' due; by the ledger ' || record.renewed || ' of ' || record.due AS message_en
FROM record_renewal AS record
INNER JOIN accepted_pension_renewal AS reported
    ON record.year = reported.year AND record.town_id = reported.town_id
WHERE record.status = 'computed' AND record.agrees IS DISTINCT FROM TRUE
