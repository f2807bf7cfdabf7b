/*
grain: one row per year and town, in the years the ledger of contributions was delivered
key: [year, town_id]
persons: [date_differs, amount_differs, not_in_bank, not_in_ledger, duplicate_payments, duplicate_receipts, persons,
  persons_matched]
made_of_persons: [payments, receipts, matched]
columns:
  status: computed, or why not; bank_not_delivered, withheld (rows in quarantine) or no_records
  payments: payments in the ledger; each has one outcome
  receipts: receipts at the bank; each has one outcome
  matched: pairs of a payment and a receipt of the same person and amount, in time
  date_differs: pairs of the same person and amount, more days apart than the tolerance
  amount_differs: pairs of the same person and different amounts
  not_in_bank: payments the bank has nothing of
  not_in_ledger: receipts the ledger has nothing of
  duplicate_payments: payments beyond the receipts of the same person and amount
  duplicate_receipts: receipts beyond the payments of the same person and amount
  persons: persons in the ledger or at the bank
  persons_matched: of them, whose records all match (persons)
  stated_persons_checked: persons the town says it checked with the bank
  stated_persons_matched: persons it says match
  stated_payments_checked: payments it says it checked with the bank
  stated_payments_matched: payments it says match
*/
WITH entry AS (
    SELECT
        year,
        town_id,
        count(*) AS payments,
        0 AS receipts
    FROM accepted_contributions
    GROUP BY year, town_id
    UNION ALL
    SELECT
        year,
        town_id,
        0 AS payments,
        count(*) AS receipts
    FROM accepted_bank_receipts
    GROUP BY year, town_id
),

town AS (
    SELECT
        year,
        town_id,
        cast(sum(payments) AS BIGINT) AS payments,
        cast(sum(receipts) AS BIGINT) AS receipts
    FROM entry
    GROUP BY year, town_id
),

-- Who paid is counted for the renewal of the next year. Of those at the bank only few are looked at: whoever has no
-- payment at all has a receipt that the ledger has nothing of.
at_bank_only AS (
    SELECT
        receipt.year,
        receipt.town_id,
        count(DISTINCT receipt.person_id) AS persons
    FROM record_mismatch AS receipt
    ANTI JOIN accepted_contributions AS payment
        ON
            receipt.year = payment.year
            AND receipt.town_id = payment.town_id
            AND receipt.person_id = payment.person_id
    WHERE receipt.outcome = 'not_in_ledger'
    GROUP BY receipt.year, receipt.town_id
),

wrong AS (
    SELECT
        year,
        town_id,
        count(*) FILTER (WHERE outcome = 'date_differs') AS date_differs,
        count(*) FILTER (WHERE outcome = 'amount_differs') AS amount_differs,
        count(*) FILTER (WHERE outcome = 'not_in_bank') AS not_in_bank,
        count(*) FILTER (WHERE outcome = 'not_in_ledger') AS not_in_ledger,
        count(*) FILTER (WHERE outcome = 'duplicate_payment') AS duplicate_payments,
        count(*) FILTER (WHERE outcome = 'duplicate_receipt') AS duplicate_receipts,
        count(*) FILTER (WHERE paid_on IS NOT NULL) AS payments,
        count(DISTINCT person_id) AS persons
    FROM record_mismatch
    GROUP BY year, town_id
),

stated AS (
    SELECT
        year,
        town_id,
        cast(sum(persons_checked) FILTER (WHERE persons_matched IS NOT NULL) AS BIGINT) AS persons_checked,
        cast(sum(persons_matched) FILTER (WHERE persons_checked IS NOT NULL) AS BIGINT) AS persons_matched,
        cast(sum(payments_checked) FILTER (WHERE payments_matched IS NOT NULL) AS BIGINT) AS payments_checked,
        cast(sum(payments_matched) FILTER (WHERE payments_checked IS NOT NULL) AS BIGINT) AS payments_matched
    FROM accepted_reconciliation
    WHERE counterparty = '银行'
    GROUP BY year, town_id
),

counted AS (
    SELECT
        scope.year,
        scope.town_id,
        CASE
            WHEN scope.reconciliation_status <> 'computable' THEN scope.reconciliation_status
            WHEN town.payments IS NULL THEN 'no_records'
            ELSE 'computed'
        END AS status,
        town.payments,
        town.receipts,
        coalesce(renewal.insured_before, 0) + coalesce(at_bank_only.persons, 0) AS persons
    FROM record_scope AS scope
    LEFT JOIN town
        ON scope.year = town.year AND scope.town_id = town.town_id
    LEFT JOIN renewal_count AS renewal
        ON scope.year = renewal.year - 1 AND scope.town_id = renewal.town_id
    LEFT JOIN at_bank_only
        ON scope.year = at_bank_only.year AND scope.town_id = at_bank_only.town_id
)

SELECT
    counted.year,
    counted.town_id,
    counted.status,
    CASE WHEN counted.status = 'computed' THEN counted.payments END AS payments,
    CASE WHEN counted.status = 'computed' THEN counted.receipts END AS receipts,
    CASE WHEN counted.status = 'computed' THEN counted.payments - coalesce(wrong.payments, 0) END AS matched,
    CASE WHEN counted.status = 'computed' THEN coalesce(wrong.date_differs, 0) END AS date_differs,
    CASE WHEN counted.status = 'computed' THEN coalesce(wrong.amount_differs, 0) END AS amount_differs,
    CASE WHEN counted.status = 'computed' THEN coalesce(wrong.not_in_bank, 0) END AS not_in_bank,
    CASE WHEN counted.status = 'computed' THEN coalesce(wrong.not_in_ledger, 0) END AS not_in_ledger,
    CASE WHEN counted.status = 'computed' THEN coalesce(wrong.duplicate_payments, 0) END AS duplicate_payments,
    CASE WHEN counted.status = 'computed' THEN coalesce(wrong.duplicate_receipts, 0) END AS duplicate_receipts,
    CASE WHEN counted.status = 'computed' THEN counted.persons END AS persons,
    CASE WHEN counted.status = 'computed' THEN counted.persons - coalesce(wrong.persons, 0) END AS persons_matched,
    stated.persons_checked AS stated_persons_checked,
    stated.persons_matched AS stated_persons_matched,
    stated.payments_checked AS stated_payments_checked,
    stated.payments_matched AS stated_payments_matched,
    FALSE AS is_suppressed
FROM counted
LEFT JOIN wrong
    ON counted.year = wrong.year AND counted.town_id = wrong.town_id
LEFT JOIN stated
    ON counted.year = stated.year AND counted.town_id = stated.town_id
