/*
grain: one row per year and town
by_town: true
columns:
  numerator: records right and complete (records)
  denominator: records checked (records)
*/
SELECT
    year,
    town_id,
    correct AS numerator,
    checked AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_information_accuracy
