/*
grain: one row per year and town
by_town: true
columns:
  numerator: recipients certified (persons)
  denominator: recipients due for certification (persons)
*/
SELECT
    year,
    town_id,
    certified AS numerator,
    due AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_benefit_authentication
