/*
grain: one row per received file, sheet and column under its header
key: [source_file, source_sheet, position]
columns:
  position: place of the column in the sheet, counted from 1
  field: column of the source it was taken for; empty where it was not recognised and is not used
  header: the column as the sender wrote it
*/
SELECT
    received.source_file,
    received.source_sheet,
    received.position,
    file.source,
    received.field,
    received.header
FROM delivery_column AS received
INNER JOIN delivery_file AS file
    ON received.source_file = file.source_file
