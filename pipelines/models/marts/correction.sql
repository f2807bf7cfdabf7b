/*
grain: one row per received cell that a declared correction replaced
key: [source_file, source_sheet, source_row, field]
columns:
  field: column of the source
  header: the column as the sender wrote it
  cell: cell in the sheet, or line of the file
  received: the text received, masked where personal; empty where the cell was empty
  corrected: the text read in its place, masked where personal; empty where it was emptied
  reason: why
  declared_by: who declared it
  declared_on: date it was declared
  entry: line of the file of corrections
  indicators: the indicators whose figure it touches
*/
WITH counted AS (
    SELECT DISTINCT indicator
    FROM indicator_field
    WHERE part = 'numerator'
),

touched AS (
    SELECT
        applied.source_file,
        applied.source_sheet,
        applied.source_row,
        applied.field,
        made_of.indicator
    FROM applied_correction AS applied
    INNER JOIN indicator_field AS made_of
        ON applied.source = made_of.source AND applied.field = made_of.field
    UNION
    -- What names the row, or what rows are counted by, decides whether it counts at all.
    SELECT
        applied.source_file,
        applied.source_sheet,
        applied.source_row,
        applied.field,
        indicator.indicator
    FROM applied_correction AS applied
    INNER JOIN rubric_indicator AS indicator
        ON applied.source = indicator.source
    LEFT JOIN counted
        ON indicator.indicator = counted.indicator
    WHERE applied.names_row OR counted.indicator IS NULL
),

listed AS (
    SELECT
        source_file,
        source_sheet,
        source_row,
        field,
        string_agg(indicator, '; ' ORDER BY indicator) AS indicators
    FROM touched
    GROUP BY source_file, source_sheet, source_row, field
)

SELECT
    applied.source_file,
    applied.source_sheet,
    applied.source_row,
    applied.field,
    applied.header,
    applied.cell,
    applied.source,
    applied.year,
    applied.town_id,
    applied.item,
    applied.received,
    applied.corrected,
    applied.reason,
    applied.declared_by,
    applied.declared_on,
    applied.entry,
    coalesce(listed.indicators, '') AS indicators
FROM applied_correction AS applied
LEFT JOIN listed
    ON
        applied.source_file = listed.source_file
        AND applied.source_sheet = listed.source_sheet
        AND applied.source_row = listed.source_row
        AND applied.field = listed.field
