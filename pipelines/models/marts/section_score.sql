/*
grain: one row per year, town and section of the rubric, bonus items apart
key: [year, town_id, section]
by_town: true
same_as: area_score
reading:
  rubric_area: rubric_section
  area: section
columns:
  available: points the section can give
  points_low: the least the section can still come to (points)
  points_high: the most the section can still come to (points)
*/
