WITH planned AS (
    SELECT
        *,
        participants + recipients AS persons_served,
        4400 + slack * 3 // 2 + draw_around(unit_key, 'persons per staff', 500) AS persons_per_staff
    FROM town_year
)

SELECT
    year,
    town_name AS town,
    greatest(1, (persons_served + persons_per_staff // 2) // persons_per_staff) AS full_time_staff,
    persons_served
FROM planned
