/*
grain: one row per grade, best first, as the edition in force sets it
key: [position]
columns:
  position: place among the grades, 1 the best
  grade: the grade
  at_least: totals from here up, this one included (points)
  above: totals above this (points)
  at_most: totals up to here, this one included (points)
  below: totals below this (points)
*/
SELECT
    position,
    grade,
    at_least,
    above,
    at_most,
    below
FROM rubric_band
WHERE scenario = 'in_force'
