/*
grain: one row per combination of readings and grade
columns_of: grade_band
*/
SELECT
    cell.scenario,
    band.position,
    band.grade,
    band.at_least,
    band.above,
    band.at_most,
    band.below
FROM reading_cell AS cell
CROSS JOIN grade_band AS band
