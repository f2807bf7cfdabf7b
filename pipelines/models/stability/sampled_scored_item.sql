/*
grain: one row per item that looks at a sampled figure and figure another sample could have come to
same_as: scored_item
reading: {scored_term: sampled_scored_term}
*/
