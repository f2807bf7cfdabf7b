/*
grain: one row per term that looks at a figure, under the reading in force, in place of rubric_term
columns_of: term_definition
*/
SELECT *  -- noqa: AM04
FROM rubric_term
WHERE scenario = 'in_force' AND indicator IS NOT NULL
