/*
grain: one row per year, town, item and choice among the readings it follows; each distinct case scored once
same_as: scored_item
reading: {scored_term: reading_scored_term}
*/
