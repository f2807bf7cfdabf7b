/*
grain: one row per draw, year and town, judgements swayed and samples drawn again at once
columns:
  draw: running number of the draw, from 1 to 1000
  scored_change: by how much the items that count towards 100 change (hundredths of a point)
  bonus_change: by how much the bonus items change (hundredths of a point)
*/
SELECT
    cast(draw.draw AS INTEGER) AS draw,
    scope.year,
    scope.town_id,
    coalesce(judgement.scored_change, 0) + coalesce(sample.scored_change, 0) AS scored_change,
    coalesce(judgement.bonus_change, 0) + coalesce(sample.bonus_change, 0) AS bonus_change
FROM draw_scope AS scope
CROSS JOIN (SELECT unnest(range(1, 1001)) AS draw) AS draw
LEFT JOIN drawn_judgement AS judgement
    ON draw.draw = judgement.draw AND scope.town_no = judgement.town_no
LEFT JOIN drawn_sample AS sample
    ON draw.draw = sample.draw AND scope.town_no = sample.town_no
