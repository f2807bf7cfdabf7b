/*
grain: one row per year and town
by_town: true
columns:
  numerator: errors found in the reports (errors)
  denominator: always 1
*/
SELECT
    year,
    town_id,
    sum(errors) AS numerator,
    1 AS denominator,
    min({'file': source_file, 'sheet': source_sheet, 'row': source_row}) AS first_source,
    count(*) AS source_rows
FROM accepted_statistical_reports
WHERE errors IS NOT NULL
GROUP BY year, town_id
