WITH planned AS (
    SELECT
        *,
        participants * 94 // 100 AS due,
        participants * 4 // 100 + 20 AS new_entrants_planned,
        greatest(20, slack // 3 + draw_around(key, 'lapsed', 100)) AS lapsed_share
    FROM town_year
),

paid AS (
    SELECT
        *,
        due - share(due, lapsed_share) AS renewed,
        share(new_entrants_planned, 12500 - slack * 2 + draw_around(key, 'entrants', 1000)) AS new_entrants
    FROM planned
)

SELECT
    year,
    town_name AS town,
    due,
    renewed,
    (share(due, 9580) + new_entrants_planned) // 10 * 10 AS task,
    renewed + new_entrants AS done,
    hundredths((20000 * renewed + due) // (2 * due)) AS stated_rate
FROM paid
