/*
grain: one row per year and town
columns:
  numerator: insured last year, due again, who paid this year (persons)
  denominator: all due to pay again this year; new entrants are in neither (persons)
*/
SELECT
    year,
    town_id,
    renewed AS numerator,
    due AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_pension_renewal
