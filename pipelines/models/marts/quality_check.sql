/*
grain: one row per check of the run
key: [check_name]
columns:
  check_name: name of the check, its source, rule and field
  rule: rule the check holds
  field: column of the source the check is about; empty where it is about the row or the whole source
  severity: critical (the row is refused) or warning (shown)
  rows_checked: data rows of the source
  rows_failed: rows, or absences, that break the check
  success: whether none does
  description_zh: what is wrong where it fails, in Chinese
  description_en: what is wrong where it fails, in English
*/
SELECT
    check_name,
    source,
    rule,
    field,
    severity,
    rows_checked,
    rows_failed,
    success,
    description_zh,
    description_en
FROM gate_check
