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
    coalesce((
        SELECT string_agg(indicator.indicator, '; ' ORDER BY indicator.indicator)
        FROM rubric_indicator AS indicator
        WHERE
            EXISTS (
                SELECT 1 FROM indicator_field AS made_of
                WHERE
                    made_of.indicator = indicator.indicator
                    AND made_of.source = applied.source
                    AND made_of.field = applied.field
            )
            OR (
                indicator.source = applied.source
                -- What names the row, or what rows are counted by, decides whether it counts at all.
                AND (
                    applied.names_row
                    OR NOT EXISTS (
                        SELECT 1 FROM indicator_field AS made_of
                        WHERE made_of.indicator = indicator.indicator AND made_of.part = 'numerator'
                    )
                )
            )
    ), '') AS indicators
FROM applied_correction AS applied
