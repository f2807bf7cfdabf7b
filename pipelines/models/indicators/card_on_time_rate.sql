/*
grain: one row per year and town
by_town: true
columns:
  numerator: cards made on time (cards)
  denominator: cards applied for (cards)
*/
SELECT
    year,
    town_id,
    on_time AS numerator,
    applications AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_citizen_card
