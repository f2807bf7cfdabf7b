/*
grain: one row per combination of readings, year and town
same_as: scored_town
reading:
  scored_item: reading_summed_item
  rubric_scenario: reading_cell
  rubric_band: reading_band
  rubric_condition: reading_condition
*/
