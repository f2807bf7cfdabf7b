/*
grain: one row per tier of a term, from high to low, under the reading in force
key: [item, term, tier_no]
columns:
  tier_no: place among the tiers, 1 the highest
  at_least_n: the figure from which the tier holds, numerator of an exact ratio
  at_least_d: the figure from which the tier holds, denominator
  points_n: points it gives, numerator
  points_d: points it gives, denominator
*/
SELECT
    item,
    term,
    tier_no,
    at_least_n,
    at_least_d,
    points_n,
    points_d
FROM rubric_tier
WHERE scenario = 'in_force'
