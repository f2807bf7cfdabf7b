/*
grain: one row per town in scope, state and term that looks at a figure
same_as: scored_term
reading: {town_year: change_town_year, indicator_value: change_indicator_value, rubric_term: lever_rubric_term}
*/
