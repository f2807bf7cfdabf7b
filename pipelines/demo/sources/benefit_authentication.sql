WITH certified AS (
    SELECT
        *,
        recipients - share(recipients, greatest(0, slack // 7 - 40 + draw_around(key, 'uncertified', 60))) AS certified
    FROM town_year
)

SELECT
    year,
    town_name AS town,
    recipients AS due,
    certified,
    hundredths((20000 * certified + recipients) // (2 * recipients)) AS stated_rate
FROM certified
