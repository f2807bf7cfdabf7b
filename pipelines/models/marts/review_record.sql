/*
grain: one row per event of the review of a year's result, as recorded
key: [source_file, source_sheet, source_row]
columns:
  step: 预告 preview, 意见 comment, 答复 answer, 签发 sign-off, 公布 publication, 申诉 appeal or 裁定 decision
  town_id: the unit it is about; empty for the whole year
  item: the item it is about; empty where none is meant
  recorded_on: date
  recorded_by: by whom
  until: with a preview the last day for comments, with a publication the last day for appeals
  result: with a sign-off, the fingerprint of the result signed
  statement: what was said
  evidence: what it rests on
*/
SELECT
    year,
    step,
    town_id,
    item,
    recorded_on,
    recorded_by,
    until,
    result,
    statement,
    evidence,
    source_file,
    source_sheet,
    source_row
FROM accepted_review_records
