/*
grain: one row per item of a swayed town that an assessor decides
same_as: scored_item
reading: {scored_term: judged_scored_term}
*/
