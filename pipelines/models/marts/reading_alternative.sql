/*
grain: one row per year, town and option that is not in force, that one alone taken instead
key: [year, town_id, interpretation, option]
columns:
  interpretation: the open reading
  option: the way to read it that is taken
  option_in_force: the way it is read
  total_low: the total, or while provisional the least it can come to (points)
  total_high: the total, or while provisional the most it can come to (points)
  grade: the grade then; empty while it is not certain
  rank: competition rank then, among towns whose result is final
  grade_in_force: the grade as published
  rank_in_force: the rank as published
  total_change: by how much the least the total can come to differs from what is published (points)
  moves_grade: whether the grade would be another one
*/
WITH alone AS (
    SELECT
        cell.scenario,
        reading.interpretation,
        reading.option,
        setting.option AS option_in_force
    FROM reading_cell AS cell
    INNER JOIN rubric_interpretation AS reading
        ON list_contains(cell.settings, reading.interpretation || '=' || reading.option)
    INNER JOIN rubric_setting AS setting
        ON
            setting.scenario = 'in_force'
            AND reading.interpretation = setting.interpretation
            AND reading.option <> setting.option
    WHERE cell.departures = 1
)

SELECT
    scored.year,
    scored.town_id,
    alone.interpretation,
    alone.option,
    alone.option_in_force,
    scored.total_low,
    scored.total_high,
    scored.grade,
    scored.rank,
    published.grade AS grade_in_force,
    published.rank AS rank_in_force,
    scored.total_low - published.total_low AS total_change,
    coalesce(scored.grade, '') <> coalesce(published.grade, '') AS moves_grade
FROM reading_scored_town AS scored
INNER JOIN alone
    ON scored.scenario = alone.scenario
INNER JOIN scored_town AS published
    ON scored.year = published.year AND scored.town_id = published.town_id AND published.scenario = 'in_force'
