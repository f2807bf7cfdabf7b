/*
grain: one row per term of the items that look at a sampled figure, under the reading in force, in place of rubric_term
columns_of: term_definition
*/
SELECT *  -- noqa: AM04
FROM rubric_term
WHERE
    scenario = 'in_force'
    AND item IN (
        SELECT term.item
        FROM rubric_term AS term
        INNER JOIN rubric_indicator AS indicator
            ON term.indicator = indicator.indicator
        WHERE term.scenario = 'in_force' AND indicator.is_sampled AND term.kind <> 'condition'
    )
