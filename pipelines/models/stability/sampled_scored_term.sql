/*
grain: one row per term of an item that looks at a sampled figure and figure another sample could have come to
same_as: scored_term
reading:
  town_year: sampled_town_year
  indicator_value: sampled_indicator_value
  rubric_term: sampled_rubric_term
*/
