/*
grain: one row per year, town, cause and way its own decisions or sampled figures could lie, as given among them
columns:
  cause: judgement or sample
  way: lower or higher, of a judgement with its item; or as_given
  total_low: the least the total can still come to (points)
  total_high: the most the total can still come to (points)
  grade: the grade; empty while the range spans more than one
  rank: competition rank, the other towns as they are
*/
WITH graded AS (
    SELECT
        sway.year,
        sway.town_id,
        sway.cause,
        sway.way,
        changed.status,
        changed.total_low,
        changed.total_high,
        changed.grade
    FROM sway
    INNER JOIN swayed_town AS swayed
        ON
            sway.year = swayed.year
            AND sway.town_id = swayed.town_id
            AND sway.scored_change = swayed.scored_change
            AND sway.bonus_change = swayed.bonus_change
    INNER JOIN swayed_scored_town AS changed
        ON swayed.year = changed.year AND swayed.variant = changed.town_id
),

-- How many towns are final with a total.
shared_total AS (
    SELECT
        year,
        total,
        count(*) AS towns
    FROM scored_town
    WHERE scenario = 'in_force' AND status = 'final'
    GROUP BY year, total
),

above AS (
    -- Counted once for every total there is: far fewer than there are ways.
    SELECT
        reached.year,
        reached.total_high,
        sum(shared_total.towns) AS towns
    FROM (SELECT DISTINCT
        year,
        total_high
    FROM graded) AS reached
    INNER JOIN shared_total
        ON reached.year = shared_total.year AND reached.total_high < shared_total.total
    GROUP BY reached.year, reached.total_high
)

SELECT
    graded.year,
    graded.town_id,
    graded.cause,
    graded.way,
    graded.total_low,
    graded.total_high,
    graded.grade,
    CASE
        WHEN graded.status = 'final'
            -- The town as it is, where it was above itself, is not in its own way.
            THEN
                1
                + cast(coalesce(above.towns, 0) AS BIGINT)
                - cast(own.total > graded.total_high AS BIGINT)
    END AS rank
FROM graded
INNER JOIN scored_town AS own
    ON graded.year = own.year AND graded.town_id = own.town_id AND own.scenario = 'in_force'
LEFT JOIN above
    ON graded.year = above.year AND graded.total_high = above.total_high
UNION ALL
SELECT
    own.year,
    own.town_id,
    cause.cause,
    'as_given' AS way,
    own.total_low,
    own.total_high,
    own.grade,
    own.rank
FROM scored_town AS own
CROSS JOIN (SELECT unnest(['judgement', 'sample']) AS cause) AS cause
WHERE own.scenario = 'in_force'
