WITH applied AS (
    SELECT
        *,
        share(residents, 8600) AS entitled,
        share(residents, 600 + draw(key, 'applications', 300)) AS applications
    FROM town_year
)

SELECT
    year,
    town_name AS town,
    entitled,
    -- Holders who have moved away are still counted: the rate can pass 100%.
    share(entitled, least(10300, level - 2300 + 800 * elapsed + draw_around(key, 'holders', 300))) AS holders,
    applications,
    applications - share(applications, greatest(0, slack // 3 + draw_around(key, 'made late', 100))) AS on_time
FROM applied
