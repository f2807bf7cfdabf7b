WITH planned AS (
    SELECT
        *,
        employers * 3 // 2 // 10 * 10 + 50 AS task
    FROM town_year
)

SELECT
    year,
    town_name AS town,
    task,
    share(task, 10700 - slack * 6 // 10 + draw_around(key, 'expansion', 500)) AS done
FROM planned
