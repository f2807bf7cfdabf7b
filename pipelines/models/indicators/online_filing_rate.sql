/*
grain: one row per year and town
by_town: true
columns:
  numerator: employer-months filed online, over the months reported (employer-months)
  denominator: employer-months insured, over the months reported (employer-months)
*/
SELECT
    year,
    town_id,
    sum(online_units) AS numerator,
    sum(insured_units) AS denominator,
    min({'file': source_file, 'sheet': source_sheet, 'row': source_row}) AS first_source,
    count(*) AS source_rows
FROM accepted_online_filing
WHERE online_units IS NOT NULL AND insured_units IS NOT NULL
GROUP BY year, town_id
