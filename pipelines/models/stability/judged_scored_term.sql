/*
grain: one row per term of a swayed town that an assessor decides
same_as: scored_term
reading: {town_year: judged_town_year, judgement: judged_judgement, rubric_term: judged_rubric_term}
*/
