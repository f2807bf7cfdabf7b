/*
grain: one row per town-year whose change is split; in a run, every year and the one before it
columns:
  previous_year: the year it is compared with
  figure_cause: what a changed figure is, performance; revision where the year is compared with itself as once published
*/
SELECT
    this.year,
    this.town_id,
    previous.year AS previous_year,
    'performance' AS figure_cause
FROM town_year AS this
INNER JOIN town_year AS previous
    ON this.town_id = previous.town_id AND this.year = previous.year + 1
