/*
grain: one row per year and town
by_town: true
columns:
  numerator: persons served, recipients included (persons)
  denominator: full-time staff (persons)
*/
SELECT
    year,
    town_id,
    persons_served AS numerator,
    full_time_staff AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_staffing
