/*
grain: one row per variant of a town and figure changed in it
columns:
  variant: the variant's name; it stands in for the town when the models score it
  change: whole units by which the figure changes
  numerator: numerator after the change
  denominator: denominator after the change
*/
SELECT
    year,
    town_id,
    concat_ws('|', town_id, indicator, change) AS variant,
    indicator,
    change,
    numerator,
    denominator
FROM lever_candidate
