/*
grain: one row per year and town that was also assessed the year before; a renamed town is the same town
key: [year, town_id]
columns:
  previous_year: the year before
  previous_town_name: name in the year before
  previous_total: total in the year before (points)
  total: total (points)
  change: total less the previous total; empty while either is provisional (points)
  previous_grade: grade in the year before
  previous_rank: rank in the year before
  grade: grade, empty while it is not certain
  rank: rank among towns whose result is final
*/
SELECT
    this.year,
    this.town_id,
    this.town_name,
    previous.year AS previous_year,
    previous.town_name AS previous_town_name,
    this.total,
    previous.total AS previous_total,
    this.total - previous.total AS change,
    this.grade,
    previous.grade AS previous_grade,
    this.rank,
    previous.rank AS previous_rank
FROM town_score AS this
INNER JOIN town_score AS previous
    ON this.town_id = previous.town_id AND this.year = previous.year + 1
