/*
grain: one row per draw and town with a sampled figure, every sample drawn again
columns:
  draw: running number of the draw, from 1 to 1000
  town_no: running number of the town
  scored_change: by how much the items that count towards 100 change (hundredths of a point)
  bonus_change: by how much the bonus items change (hundredths of a point)
*/
WITH sampled AS (
    SELECT
        scope.town_no,
        outcome.*,
        cast((outcome.points - outcome.points_found) * 100 AS INTEGER) AS change
    FROM sampled_outcome AS outcome
    INNER JOIN draw_scope AS scope
        ON outcome.year = scope.year AND outcome.town_id = scope.town_id
),

chosen AS (
    SELECT
        figure.town_no,
        figure.item,
        cast(draw.draw AS INTEGER) AS draw,
        md5_number_lower(concat_ws('|', 'sample', draw.draw, figure.year, figure.town_id, figure.item)) AS chance
    FROM (SELECT DISTINCT
        town_no,
        year,
        town_id,
        item
    FROM sampled) AS figure
    CROSS JOIN (SELECT unnest(range(1, 1001)) AS draw) AS draw
)

SELECT
    chosen.draw,
    chosen.town_no,
    cast(sum(CASE WHEN sampled.kind = 'bonus' THEN 0 ELSE sampled.change END) AS INTEGER) AS scored_change,
    cast(sum(CASE WHEN sampled.kind = 'bonus' THEN sampled.change ELSE 0 END) AS INTEGER) AS bonus_change
FROM chosen
INNER JOIN sampled
    ON
        chosen.town_no = sampled.town_no
        AND chosen.item = sampled.item
        AND chosen.chance BETWEEN sampled.chance_first AND sampled.chance_last
GROUP BY chosen.draw, chosen.town_no
