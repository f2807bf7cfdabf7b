/*
grain: one row per year and town, in the years the ledger of contributions was delivered
columns:
  renewal_status: computable, or why the records do not tell the renewal rate
  reconciliation_status: computable, or why the ledger cannot be set against the bank
*/
-- A row in quarantine may be anybody's payment, so what it could change is not computed. Somebody may have renewed in
-- another town: for the renewal rate a row of any town counts.
WITH withheld_year AS (
    SELECT DISTINCT year
    FROM withheld
    WHERE source = 'contributions'
),

withheld_town AS (
    SELECT
        year,
        town_id,
        bool_or(source = 'contributions') AS contributions,
        bool_or(source = 'pension_exits') AS exits,
        bool_or(source IN ('contributions', 'bank_receipts')) AS reconciled
    FROM withheld
    WHERE source IN ('contributions', 'pension_exits', 'bank_receipts')
    GROUP BY year, town_id
)

SELECT
    town_year.year,
    town_year.town_id,
    CASE
        WHEN before.year IS NULL THEN 'previous_year_not_delivered'
        WHEN withheld_year.year IS NOT NULL OR withheld_before.contributions OR withheld_now.exits THEN 'withheld'
        ELSE 'computable'
    END AS renewal_status,
    CASE
        WHEN bank.year IS NULL THEN 'bank_not_delivered'
        WHEN withheld_now.reconciled THEN 'withheld'
        ELSE 'computable'
    END AS reconciliation_status
FROM town_year
INNER JOIN delivered_source AS ledger
    ON town_year.year = ledger.year AND ledger.source = 'contributions'
LEFT JOIN delivered_source AS before
    ON town_year.year = before.year + 1 AND before.source = 'contributions'
LEFT JOIN delivered_source AS bank
    ON town_year.year = bank.year AND bank.source = 'bank_receipts'
LEFT JOIN withheld_year
    ON town_year.year = withheld_year.year
LEFT JOIN withheld_town AS withheld_now
    ON town_year.year = withheld_now.year AND town_year.town_id = withheld_now.town_id
LEFT JOIN withheld_town AS withheld_before
    ON town_year.year = withheld_before.year + 1 AND town_year.town_id = withheld_before.town_id
