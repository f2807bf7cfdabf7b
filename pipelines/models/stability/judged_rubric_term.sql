/*
grain: one row per term an assessor decides, under the reading in force, in place of rubric_term
columns_of: term_definition
*/
SELECT *  -- noqa: AM04
FROM rubric_term
WHERE scenario = 'in_force' AND kind IN ('judged', 'bonus')
