/*
grain: one row per row in quarantine and rule it breaks
key: [source_file, source_sheet, source_row, rule, field]
columns:
  rule: rule the row breaks
  field: column of the source; empty where it is about the row
  header: the column as the sender wrote it
  cell: cell in the sheet, or line of the file
  value: the value as the sender wrote it, masked where personal
  message_zh: what is wrong, in Chinese
  message_en: what is wrong, in English
  remedy_zh: what to do, in Chinese
  remedy_en: what to do, in English
  row_text: the whole row as the sender wrote it, as JSON, personal fields masked
*/
SELECT
    source_file,
    source_sheet,
    source_row,
    rule,
    field,
    header,
    cell,
    value,
    source,
    year,
    town_id,
    message_zh,
    message_en,
    remedy_zh,
    remedy_en,
    row_text
FROM gate_quarantine
