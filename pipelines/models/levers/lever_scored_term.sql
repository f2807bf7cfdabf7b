/*
grain: one row per variant, item and term that looks at a figure
same_as: scored_term
reading: {town_year: lever_town_year, indicator_value: lever_indicator_value, rubric_term: lever_rubric_term}
*/
