/*
grain: one row per received file and sheet
key: [source_file, source_sheet]
columns:
  year: year folder the file lies in; empty for the register of towns
  sha256: SHA-256 of the file's bytes
  bytes: size of the file (bytes)
  encoding: encoding of a text file; empty for workbooks
  header_row: row of the header line; empty for a sheet without a table
  rows_read: rows in the sheet, as the reader counted them
  accepted: data rows that passed every critical check
  quarantined: data rows that did not
  ignored: rows that are no data
  ignored_reasons: how many rows were ignored for which reason
*/
SELECT
    source_file,
    source_sheet,
    source,
    year,
    sha256,
    bytes,
    encoding,
    header_row,
    rows_read,
    accepted,
    quarantined,
    ignored,
    ignored_reasons
FROM gate_delivery
