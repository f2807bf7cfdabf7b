/*
grain: one row per year and town
by_town: true
columns:
  numerator: coverage expansion done (persons)
  denominator: coverage expansion task (persons)
*/
SELECT
    year,
    town_id,
    done AS numerator,
    task AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_insurance_expansion
