/*
grain: one row per combination of readings and condition
columns:
  bars_grade: the grade, and with it every better one, that the condition bars while unmet
*/
SELECT
    cell.scenario,
    rule.item,
    rule.bars_grade
FROM reading_cell_item AS cell
INNER JOIN rubric_reading_condition AS rule
    ON cell.item = rule.item AND cell.choice = rule.scenario
