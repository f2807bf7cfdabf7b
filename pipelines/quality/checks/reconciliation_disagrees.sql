/*
source: reconciliation
field: payments_matched
severity: warning
message: {zh: 上报的银行核对结果与逐笔核对不符, en: "what is stated to match with the bank is not what matches record by record"}
remedy: {zh: 得分按上报数计算；请核对上报数与两份台账, en: the stated figures are scored; see which of the three is wrong}
*/
WITH first_row AS (
    SELECT
        year,
        town_id,
        min({'file': source_file, 'sheet': source_sheet, 'row': source_row}) AS place
    FROM accepted_reconciliation
    WHERE counterparty = '银行'
    GROUP BY year, town_id
)

SELECT
    first_row.place.file AS source_file,
    first_row.place.sheet AS source_sheet,
    first_row.place.row AS source_row,
    '上报与银行相符 ' || coalesce(record.stated_persons_matched || '/' || record.stated_persons_checked, '—')
    || ' 人、' || coalesce(record.stated_payments_matched || '/' || record.stated_payments_checked, '—')
    || ' 笔；逐笔核对为 ' || record.persons_matched || '/' || record.persons
    || ' 人、' || record.matched || '/' || record.payments || ' 笔' AS message_zh,
    'stated to match: ' || coalesce(record.stated_persons_matched || '/' || record.stated_persons_checked, '—')
    || ' persons, ' || coalesce(record.stated_payments_matched || '/' || record.stated_payments_checked, '—')
    || ' payments; record by record ' || record.persons_matched || '/' || record.persons
    || ' persons, ' || record.matched || '/' || record.payments || ' payments' AS message_en
FROM record_reconciliation AS record
INNER JOIN first_row
    ON record.year = first_row.year AND record.town_id = first_row.town_id
WHERE
    record.status = 'computed'
    AND (
        -- A town may have checked a part of them: the rates are compared, as ratios of whole numbers.
        record.stated_persons_matched * record.persons <> record.persons_matched * record.stated_persons_checked
        OR record.stated_payments_matched * record.payments <> record.matched * record.stated_payments_checked
    )
