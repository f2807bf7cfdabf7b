/*
grain: one row per year and town
by_town: true
columns:
  numerator: reports filed on or before the due date (reports)
  denominator: reports that were due (reports)
*/
SELECT
    year,
    town_id,
    count(*) FILTER (WHERE filed_on <= due_on) AS numerator,
    count(*) AS denominator,
    min({'file': source_file, 'sheet': source_sheet, 'row': source_row}) AS first_source,
    count(*) AS source_rows
FROM accepted_statistical_reports
WHERE due_on IS NOT NULL
GROUP BY year, town_id
