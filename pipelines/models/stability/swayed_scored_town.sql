/*
grain: one row per changed town, under the reading in force
same_as: scored_town
reading: {scored_item: swayed_summed_item}
*/
