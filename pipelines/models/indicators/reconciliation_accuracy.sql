/*
grain: one row per year and town
by_town: true
columns:
  numerator: persons and payments that match, over counterparties and months (persons and payments)
  denominator: persons and payments checked, over counterparties and months (persons and payments)
*/
WITH pairs AS (
    -- A pair counts only where both its parts are reported: half a pair would change the ratio on a guess.
    SELECT
        year,
        town_id,
        source_file,
        source_sheet,
        source_row,
        CASE WHEN persons_matched IS NOT NULL THEN persons_checked END AS persons_checked,
        CASE WHEN persons_checked IS NOT NULL THEN persons_matched END AS persons_matched,
        CASE WHEN payments_matched IS NOT NULL THEN payments_checked END AS payments_checked,
        CASE WHEN payments_checked IS NOT NULL THEN payments_matched END AS payments_matched
    FROM accepted_reconciliation
)

SELECT
    year,
    town_id,
    sum(coalesce(persons_matched, 0) + coalesce(payments_matched, 0)) AS numerator,
    sum(coalesce(persons_checked, 0) + coalesce(payments_checked, 0)) AS denominator,
    min({'file': source_file, 'sheet': source_sheet, 'row': source_row}) AS first_source,
    count(*) AS source_rows
FROM pairs
WHERE persons_checked IS NOT NULL OR payments_checked IS NOT NULL
GROUP BY year, town_id
