/*
grain: one row per sampled figure another sample could have come to, in place of town_year
columns:
  town_id: the town with that figure
*/
SELECT
    year,
    variant AS town_id
FROM sampled_figure
