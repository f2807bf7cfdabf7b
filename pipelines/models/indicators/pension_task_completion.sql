/*
grain: one row per year and town
by_town: true
columns:
  numerator: the year's task done (persons)
  denominator: the year's task (persons)
*/
SELECT
    year,
    town_id,
    done AS numerator,
    task AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_pension_renewal
