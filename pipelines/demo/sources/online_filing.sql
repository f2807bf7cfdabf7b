WITH monthly AS (
    SELECT
        *,
        unnest(range(1, 13)) AS month
    FROM town_year
),

filed AS (
    -- Online filing spreads from year to year. Now and then a month is not reported.
    SELECT
        *,
        draw(key, 'month not reported', 150, number := month) > 0 AS is_reported,
        employers * (1000 + 2 * month) // 1000 AS units,
        clipped(
            2000,
            level - 1800 + 520 * elapsed + 20 * month + draw_around(key, 'filed online', 150, number := month),
            9950
        ) AS online_share
    FROM monthly
)

SELECT
    year,
    month,
    town_name AS town,
    if(is_reported, units, NULL) AS insured_units,
    if(is_reported, share(units, online_share), NULL) AS online_units
FROM filed
