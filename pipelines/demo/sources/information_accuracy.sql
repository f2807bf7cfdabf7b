WITH sampled AS (
    SELECT
        *,
        200 + participants // 20 AS checked,
        greatest(10, slack // 8 + draw_around(key, 'records wrong', 60)) AS wrong_share
    FROM town_year
)

SELECT
    year,
    town_name AS town,
    checked,
    checked - share(checked, wrong_share) AS correct
FROM sampled
