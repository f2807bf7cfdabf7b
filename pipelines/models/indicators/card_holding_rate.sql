/*
grain: one row per year and town
by_town: true
columns:
  numerator: card holders (persons)
  denominator: persons entitled to a card (persons); holders can pass it
*/
SELECT
    year,
    town_id,
    holders AS numerator,
    entitled AS denominator,
    {'file': source_file, 'sheet': source_sheet, 'row': source_row} AS first_source,
    1 AS source_rows
FROM accepted_citizen_card
