/*
grain: one row per year and town
by_town: true
columns:
  numerator: (month, class) cells with ledger and summary, filed on or before the due date (cells)
  denominator: cells owed, 12 months by 5 classes of insurance (cells)
*/
SELECT
    town_year.year,
    town_year.town_id,
    count(*) FILTER (
        WHERE cell.has_ledger AND cell.has_summary AND cell.filed_on <= cell.due_on
    ) AS numerator,
    60 AS denominator,
    min({'file': cell.source_file, 'sheet': cell.source_sheet, 'row': cell.source_row})
    FILTER (WHERE cell.source_file IS NOT NULL) AS first_source,
    count(cell.source_file) AS source_rows
FROM town_year
INNER JOIN delivered_source
    ON town_year.year = delivered_source.year AND delivered_source.source = 'business_ledger'
LEFT JOIN accepted_business_ledger AS cell
    ON town_year.year = cell.year AND town_year.town_id = cell.town_id
GROUP BY town_year.year, town_year.town_id
