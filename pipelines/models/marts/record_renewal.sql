/*
grain: one row per year and town, in the years the ledger of contributions was delivered
key: [year, town_id]
persons: [insured_before, exited]
columns:
  status: computed, or why not; previous_year_not_delivered, withheld (rows in quarantine) or nobody_due
  insured_before: persons who paid in the town last year
  exited: of them, who did not pay this year and whose exit the town declared (persons)
  due: of them, who were due to pay again this year (persons)
  renewed: of them, who paid this year, in this town or another (persons)
  reported_due: due to renew, as the town reported (persons)
  reported_renewed: renewed, as the town reported (persons)
  agrees: whether the records give what the town reported; empty where either is absent
  payments: payments of the town in the ledger of this year
  source_file: first file of the town in the ledger of this year
  source_sheet: its sheet
*/
WITH received_sheet AS (
    SELECT
        year,
        town_id,
        source_file,
        source_sheet,
        count(*) AS payments
    FROM accepted_contributions
    GROUP BY year, town_id, source_file, source_sheet
),

received AS (
    SELECT
        year,
        town_id,
        cast(sum(payments) AS BIGINT) AS payments,
        min({'file': source_file, 'sheet': source_sheet}) AS first_sheet
    FROM received_sheet
    GROUP BY year, town_id
),

counted AS (
    SELECT
        scope.year,
        scope.town_id,
        CASE
            WHEN scope.renewal_status <> 'computable' THEN scope.renewal_status
            WHEN coalesce(tally.insured_before - tally.exited, 0) = 0 THEN 'nobody_due'
            ELSE 'computed'
        END AS status,
        CASE WHEN scope.renewal_status = 'computable' THEN coalesce(tally.insured_before, 0) END AS insured_before,
        CASE WHEN scope.renewal_status = 'computable' THEN coalesce(tally.exited, 0) END AS exited,
        CASE WHEN scope.renewal_status = 'computable' THEN coalesce(tally.renewed, 0) END AS renewed,
        coalesce(received.payments, 0) AS payments,
        received.first_sheet.file AS source_file,
        received.first_sheet.sheet AS source_sheet
    FROM record_scope AS scope
    LEFT JOIN renewal_count AS tally
        ON scope.year = tally.year AND scope.town_id = tally.town_id
    LEFT JOIN received
        ON scope.year = received.year AND scope.town_id = received.town_id
)

SELECT
    counted.year,
    counted.town_id,
    counted.status,
    counted.insured_before,
    counted.exited,
    counted.insured_before - counted.exited AS due,
    counted.renewed,
    reported.due AS reported_due,
    reported.renewed AS reported_renewed,
    CASE
        WHEN counted.status = 'computed'
            THEN counted.insured_before - counted.exited = reported.due AND counted.renewed = reported.renewed
    END AS agrees,
    counted.payments,
    counted.source_file,
    counted.source_sheet,
    FALSE AS is_suppressed
FROM counted
LEFT JOIN accepted_pension_renewal AS reported
    ON counted.year = reported.year AND counted.town_id = reported.town_id
