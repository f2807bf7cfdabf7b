/*
grain: one row per draw and town, every judgement swayed by chance
columns:
  draw: running number of the draw, from 1 to 1000
  town_no: running number of the town
  scored_change: by how much the items that count towards 100 change (hundredths of a point)
  bonus_change: by how much the bonus items change (hundredths of a point)
*/
-- Two tosses of a coin for each judgement: a step lower, as given (twice as likely), or a step higher. 64 bits of a
-- hash of the town and the draw serve 32 judgements: the same on every machine, with any number of threads.
WITH judged AS (
    SELECT
        scope.year,
        scope.town_id,
        scope.town_no,
        cast(outcome.judged_no // 32 AS INTEGER) AS block,
        cast(2 * (outcome.judged_no % 32) AS UBIGINT) AS place,
        outcome.kind = 'bonus' AS is_bonus,
        cast((outcome.points_lower - outcome.points) * 100 AS INTEGER) AS lower,
        cast((outcome.points_higher - outcome.points) * 100 AS INTEGER) AS higher
    FROM judged_outcome AS outcome
    INNER JOIN draw_scope AS scope
        ON outcome.year = scope.year AND outcome.town_id = scope.town_id
),

tossed AS (
    SELECT
        block.town_no,
        block.block,
        cast(draw.draw AS INTEGER) AS draw,
        md5_number_lower(concat_ws('|', 'judgement', draw.draw, block.year, block.town_id, block.block)) AS bits
    FROM (SELECT DISTINCT
        year,
        town_id,
        town_no,
        block
    FROM judged) AS block
    CROSS JOIN (SELECT unnest(range(1, 1001)) AS draw) AS draw
),

swayed AS (
    SELECT
        tossed.draw,
        tossed.town_no,
        judged.is_bonus,
        CASE (tossed.bits >> judged.place) & 3
            WHEN 0 THEN judged.lower
            WHEN 3 THEN judged.higher
            ELSE 0
        END AS change
    FROM tossed
    INNER JOIN judged
        ON tossed.town_no = judged.town_no AND tossed.block = judged.block
)

SELECT
    draw,
    town_no,
    cast(sum(CASE WHEN is_bonus THEN 0 ELSE change END) AS INTEGER) AS scored_change,
    cast(sum(CASE WHEN is_bonus THEN change ELSE 0 END) AS INTEGER) AS bonus_change
FROM swayed
GROUP BY draw, town_no
