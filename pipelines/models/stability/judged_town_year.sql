/*
grain: one row per year, town and way its judgements are swayed, all a step lower or all a step higher
columns:
  town_id: the town and the way, standing in for a town when the models score it
*/
SELECT
    town_year.year,
    town_year.town_id || '|' || way.way AS town_id
FROM town_year
CROSS JOIN (SELECT unnest(['lower', 'higher']) AS way) AS way
