WITH drawn AS (
    -- In some town-years nothing was wrongly drawn; in the first year always in the third unit.
    SELECT
        *,
        CASE
            WHEN draw(key, 'nothing wrongly drawn', 100) < 7 OR (elapsed = 0 AND number = 2) THEN 0
            ELSE (1 + draw(key, 'cases', 9)) * (13500 + draw(key, 'each', 60000)) * (1 + draw(key, 'months', 6))
        END AS overpaid,
        CASE
            WHEN draw(key, 'all recovered', 100) < 55 THEN 10000
            ELSE 10000 - 100 * draw(key, 'unrecovered', 2 + slack // 80)
        END AS recovered_share
    FROM town_year
)

SELECT
    year,
    town_name AS town,
    hundredths(overpaid) AS overpaid_yuan,
    hundredths(share(overpaid, recovered_share)) AS recovered_yuan
FROM drawn
