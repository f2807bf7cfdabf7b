/*
grain: one row per year and town
by_town: true
columns:
  numerator: enterprise retirees managed in the community (persons)
  denominator: enterprise retirees (persons)
*/
SELECT
    year,
    town_id,
    managed AS numerator,
    retirees AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_retiree_management
