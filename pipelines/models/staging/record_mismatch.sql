/*
grain: one row per pair of a payment and a receipt that differ, and per payment or receipt that has no other side
columns:
  person_id: identity number, or the keyed hash in its place
  outcome: date_differs, amount_differs, not_in_bank, not_in_ledger, duplicate_payment or duplicate_receipt
  paid_on: day of the payment in the ledger; empty where there is none
  paid_yuan: amount in the ledger (yuan)
  received_on: day of the receipt at the bank; empty where there is none
  received_yuan: amount at the bank (yuan)
  ledger_file: received file the payment is in
  ledger_sheet: its sheet
  ledger_row: its row
  bank_file: received file the receipt is in
  bank_sheet: its sheet
  bank_row: its row
*/
-- About single persons: never published openly.
WITH entry AS (
    SELECT entry.*
    FROM (
        SELECT
            'ledger' AS side,
            year,
            town_id,
            person_id,
            amount_yuan,
            paid_on AS dated_on,
            source_file,
            source_sheet,
            source_row
        FROM accepted_contributions
        UNION ALL
        SELECT
            'bank' AS side,
            year,
            town_id,
            person_id,
            amount_yuan,
            received_on AS dated_on,
            source_file,
            source_sheet,
            source_row
        FROM accepted_bank_receipts
    ) AS entry
    INNER JOIN record_scope AS scope
        ON
            entry.year = scope.year
            AND entry.town_id = scope.town_id
            AND scope.reconciliation_status = 'computable'
),

-- Nearly everybody has one payment and one receipt of the same amount, in time: those go no further.
alike AS (
    SELECT
        entry.year,
        entry.town_id,
        entry.person_id,
        entry.amount_yuan,
        count(*) FILTER (WHERE entry.side = 'ledger') AS payments,
        count(*) FILTER (WHERE entry.side = 'bank') AS receipts,
        min(entry.dated_on) FILTER (WHERE entry.side = 'ledger') AS paid_on,
        min(entry.dated_on) FILTER (WHERE entry.side = 'bank') AS received_on
    FROM entry
    GROUP BY entry.year, entry.town_id, entry.person_id, entry.amount_yuan
),

doubtful AS (
    SELECT alike.*
    FROM alike
    CROSS JOIN receipt_tolerance AS tolerance
    WHERE
        alike.payments <> 1
        OR alike.receipts <> 1
        OR abs(date_diff('day', alike.paid_on, alike.received_on)) > tolerance.days
),

numbered AS (
    SELECT
        entry.*,
        doubtful.payments > 0 AND doubtful.receipts > 0 AS is_on_both_sides,
        row_number() OVER (
            PARTITION BY entry.side, entry.year, entry.town_id, entry.person_id, entry.amount_yuan
            ORDER BY entry.dated_on, entry.source_file, entry.source_sheet, entry.source_row
        ) AS entry_no
    FROM entry
    INNER JOIN doubtful
        ON
            entry.year = doubtful.year
            AND entry.town_id = doubtful.town_id
            AND entry.person_id = doubtful.person_id
            AND entry.amount_yuan = doubtful.amount_yuan
),

-- First, of the same amount, who are nearest to each other in date and within the tolerance.
candidate AS (
    SELECT
        paid.year,
        paid.town_id,
        paid.person_id,
        paid.amount_yuan,
        paid.entry_no AS payment_no,
        received.entry_no AS receipt_no,
        row_number() OVER (
            PARTITION BY paid.year, paid.town_id, paid.person_id, paid.amount_yuan, paid.entry_no
            ORDER BY abs(date_diff('day', paid.dated_on, received.dated_on)), received.entry_no
        ) AS nearest_receipt,
        row_number() OVER (
            PARTITION BY paid.year, paid.town_id, paid.person_id, paid.amount_yuan, received.entry_no
            ORDER BY abs(date_diff('day', paid.dated_on, received.dated_on)), paid.entry_no
        ) AS nearest_payment
    FROM numbered AS paid
    INNER JOIN numbered AS received
        ON
            paid.year = received.year
            AND paid.town_id = received.town_id
            AND paid.person_id = received.person_id
            AND paid.amount_yuan = received.amount_yuan
    CROSS JOIN receipt_tolerance AS tolerance
    WHERE
        paid.side = 'ledger'
        AND received.side = 'bank'
        AND abs(date_diff('day', paid.dated_on, received.dated_on)) <= tolerance.days
),

nearest AS (
    SELECT
        year,
        town_id,
        person_id,
        amount_yuan,
        'ledger' AS side,
        payment_no AS entry_no
    FROM candidate
    WHERE nearest_receipt = 1 AND nearest_payment = 1
    UNION ALL
    SELECT
        year,
        town_id,
        person_id,
        amount_yuan,
        'bank' AS side,
        receipt_no AS entry_no
    FROM candidate
    WHERE nearest_receipt = 1 AND nearest_payment = 1
),

-- Then what is left: of an amount that both sides have among the same amount, and at last what has an amount of its own
-- with whatever else the other side has of that person; in order of date.
left_over AS (
    SELECT
        numbered.*,
        CASE WHEN numbered.is_on_both_sides THEN numbered.amount_yuan ELSE 0 END AS among_yuan,
        row_number() OVER (
            PARTITION BY
                numbered.side,
                numbered.year,
                numbered.town_id,
                numbered.person_id,
                numbered.is_on_both_sides,
                CASE WHEN numbered.is_on_both_sides THEN numbered.amount_yuan ELSE 0 END
            ORDER BY numbered.dated_on, numbered.amount_yuan, numbered.entry_no
        ) AS place
    FROM numbered
    LEFT JOIN nearest
        ON
            numbered.year = nearest.year
            AND numbered.town_id = nearest.town_id
            AND numbered.person_id = nearest.person_id
            AND numbered.amount_yuan = nearest.amount_yuan
            AND numbered.side = nearest.side
            AND numbered.entry_no = nearest.entry_no
    WHERE nearest.side IS NULL
),

paired AS (
    SELECT
        paid.dated_on AS paid_on,
        paid.amount_yuan AS paid_yuan,
        received.dated_on AS received_on,
        received.amount_yuan AS received_yuan,
        paid.source_file AS ledger_file,
        paid.source_sheet AS ledger_sheet,
        paid.source_row AS ledger_row,
        received.source_file AS bank_file,
        received.source_sheet AS bank_sheet,
        received.source_row AS bank_row,
        coalesce(paid.year, received.year) AS year,
        coalesce(paid.town_id, received.town_id) AS town_id,
        coalesce(paid.person_id, received.person_id) AS person_id,
        CASE
            WHEN received.side IS NULL AND paid.is_on_both_sides THEN 'duplicate_payment'
            WHEN paid.side IS NULL AND received.is_on_both_sides THEN 'duplicate_receipt'
            WHEN received.side IS NULL THEN 'not_in_bank'
            WHEN paid.side IS NULL THEN 'not_in_ledger'
            WHEN NOT paid.is_on_both_sides THEN 'amount_differs'
            WHEN abs(date_diff('day', paid.dated_on, received.dated_on)) > tolerance.days THEN 'date_differs'
            ELSE 'matched'
        END AS outcome
    FROM (
        SELECT * FROM left_over
        WHERE side = 'ledger'
    ) AS paid
    FULL JOIN (
        SELECT * FROM left_over
        WHERE side = 'bank'
    ) AS received
        ON
            paid.year = received.year
            AND paid.town_id = received.town_id
            AND paid.person_id = received.person_id
            AND paid.is_on_both_sides = received.is_on_both_sides
            AND paid.among_yuan = received.among_yuan
            AND paid.place = received.place
    CROSS JOIN receipt_tolerance AS tolerance
)

SELECT
    year,
    town_id,
    person_id,
    outcome,
    paid_on,
    paid_yuan,
    received_on,
    received_yuan,
    ledger_file,
    ledger_sheet,
    ledger_row,
    bank_file,
    bank_sheet,
    bank_row
FROM paired
WHERE outcome <> 'matched'
