/*
grain: one row per mix
same_as: scored_item
reading: {scored_term: change_mix_term, adjustment: change_mix_adjustment, withheld_item: change_mix_withheld_item}
*/
