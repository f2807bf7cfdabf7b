/*
grain: one row per year, town, term and choice among the readings its item follows; each distinct case scored once
same_as: scored_term
reading: {rubric_term: rubric_reading_term, rubric_tier: rubric_reading_tier}
*/
