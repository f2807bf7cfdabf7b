/*
grain: one row per variant and item that looks at a figure
same_as: scored_item
reading: {scored_term: lever_scored_term}
*/
