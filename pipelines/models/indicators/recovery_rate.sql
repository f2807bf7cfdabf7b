/*
grain: one row per year and town
by_town: true
columns:
  numerator: money recovered (yuan)
  denominator: money wrongly drawn (yuan)
*/
SELECT
    year,
    town_id,
    recovered_yuan AS numerator,
    overpaid_yuan AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_overpayment_recovery
