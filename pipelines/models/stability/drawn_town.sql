/*
grain: one row per draw, year and town
columns:
  draw: running number of the draw, from 1 to 1000
  total_low: the least the total can still come to (points)
  total_high: the most the total can still come to (points)
  grade: the grade; empty while the range spans more than one
  rank: competition rank within the draw among towns whose result is final
*/
SELECT
    drawn.draw,
    drawn.year,
    drawn.town_id,
    graded.total_low,
    graded.total_high,
    graded.grade,
    CASE
        WHEN graded.status = 'final'
            THEN rank() OVER (
                PARTITION BY drawn.draw, drawn.year, graded.status ORDER BY graded.total_high DESC
            )
    END AS rank
FROM drawn_sway AS drawn
INNER JOIN swayed_town AS swayed
    ON
        drawn.year = swayed.year
        AND drawn.town_id = swayed.town_id
        AND drawn.scored_change = swayed.scored_change
        AND drawn.bonus_change = swayed.bonus_change
INNER JOIN swayed_scored_town AS graded
    ON swayed.year = graded.year AND swayed.variant = graded.town_id
