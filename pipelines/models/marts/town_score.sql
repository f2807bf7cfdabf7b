/*
grain: one row per year and town
key: [year, town_id]
columns:
  edition: edition of the rubric
  points: sum of the items without bonus; empty while provisional
  bonus: sum of the bonus items (points)
  total: what is graded; empty while provisional (points)
  total_low: the least the total can still come to (points)
  total_high: the most the total can still come to (points)
  status: final, or provisional while an item is missing
  grade: 优胜, 合格, 基本合格 or 不合格; while provisional only where it is already certain
  grade_low: grade at the low end of the range
  grade_high: grade at the high end of the range
  rank: competition rank on the total (1, 2, 2, 4) among towns whose result is final
  condition_met: whether the rubric's conditions without points are met; unknown while a figure is missing
  missing_items: items still missing
  is_synthetic: whether the town is made up (town codes that begin with 99 belong to no county)
*/
WITH missing AS (
    SELECT
        year,
        town_id,
        count(*) FILTER (WHERE status = 'missing') AS missing_items
    FROM item_score
    WHERE kind <> 'condition'
    GROUP BY year, town_id
)

SELECT
    scored.year,
    scored.town_id,
    scenario.edition,
    town_year.town_code,
    town_year.town_name,
    town_year.kind,
    town_year.district,
    town_year.managed_by,
    scored.points,
    scored.bonus,
    scored.total,
    scored.total_low,
    scored.total_high,
    scored.status,
    scored.grade,
    scored.grade_low,
    scored.grade_high,
    scored.rank,
    scored.condition_met,
    missing.missing_items,
    starts_with(town_year.town_code, '99') AS is_synthetic
FROM scored_town AS scored
INNER JOIN rubric_scenario AS scenario
    ON scored.scenario = scenario.scenario
INNER JOIN town_year
    ON scored.year = town_year.year AND scored.town_id = town_year.town_id
INNER JOIN missing
    ON scored.year = missing.year AND scored.town_id = missing.town_id
WHERE scored.scenario = 'in_force'
