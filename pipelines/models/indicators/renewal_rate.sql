/*
grain: one row per year and town
columns:
  numerator: insured last year, due again, who paid this year (persons)
  denominator: all due to pay again this year; new entrants are in neither (persons)
  source: contributions where the records tell it, pension_renewal where only the town's own figure does
*/
-- The records are the definition itself; what a town reports of itself holds only where they do not tell.
SELECT
    coalesce(record.year, reported.year) AS year,
    coalesce(record.town_id, reported.town_id) AS town_id,
    CASE WHEN record.town_id IS NOT NULL THEN record.renewed ELSE reported.renewed END AS numerator,
    CASE WHEN record.town_id IS NOT NULL THEN record.due ELSE reported.due END AS denominator,
    CASE
        -- A ledger has no one row behind the figure, and no file where nobody in the town paid this year.
        WHEN record.town_id IS NOT NULL
            THEN {'file': record.source_file, 'sheet': record.source_sheet, 'row': cast(NULL AS BIGINT)}
        ELSE {'file': reported.source_file, 'sheet': reported.source_sheet, 'row': reported.source_row}
    END AS first_source,
    CASE WHEN record.town_id IS NOT NULL THEN record.payments ELSE 1 END AS source_rows,
    CASE WHEN record.town_id IS NOT NULL THEN 'contributions' ELSE 'pension_renewal' END AS source
FROM accepted_pension_renewal AS reported
FULL JOIN (
    SELECT * FROM record_renewal
    WHERE status = 'computed'
) AS record
    ON reported.year = record.year AND reported.town_id = record.town_id
