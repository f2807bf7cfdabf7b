SELECT
    year,
    town_name AS town,
    draw(key, 'window', 10000) >= slack * 2 AS has_window,
    draw(key, 'briefing', 10000) >= slack * 3 AS has_briefing
FROM town_year
