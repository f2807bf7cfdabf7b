SELECT
    year,
    town_name AS town,
    retirees,
    retirees - share(retirees, greatest(30, slack * 4 // 10 + draw_around(key, 'unmanaged', 150))) AS managed
FROM town_year
