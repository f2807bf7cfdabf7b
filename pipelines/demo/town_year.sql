/*
One row per unit in the year being written, with what its figures grow from.
  level: points out of 100 expected this year (hundredths); slack: what is wanting to 100
*/
WITH this_year AS (
    SELECT
        unit.number,
        unit.town_name,
        unit.town_code,
        unit.is_street,
        unit.key AS unit_key,
        getvariable('year') AS year,
        getvariable('year') - getvariable('first_year') AS elapsed,
        getvariable('year') = getvariable('last_year') AS is_last_year,
        key_of(concat('unit', unit.number, 'year', getvariable('year'))) AS key,
        unit.level + unit.trend * (getvariable('year') - getvariable('first_year')) AS steady_level,
        unit.residents * (1000 + 8 * (getvariable('year') - getvariable('first_year'))) // 1000 AS residents
    FROM unit
    WHERE
        getvariable('year') >= coalesce(unit.valid_from, getvariable('year'))
        AND getvariable('year') <= coalesce(unit.valid_to, getvariable('year'))
),

levelled AS (
    SELECT
        *,
        clipped(6800, steady_level + draw_around(key, 'shock', 200), 9850) AS level
    FROM this_year
)

SELECT
    *,
    10000 - level AS slack,
    share(residents, if(is_street, 900, 2600) + draw(unit_key, 'participants', 200)) AS participants,
    share(residents, if(is_street, 600, 1500) + draw(unit_key, 'recipients', 100) + 40 * elapsed) AS recipients,
    share(residents, if(is_street, 160, 80) + draw(unit_key, 'employers', 20)) AS employers,
    getvariable('payers') // getvariable('towns') + if(number < getvariable('payers') % getvariable('towns'), 1, 0)
        AS payers,
    share(residents, if(is_street, 1500, 500) + draw(unit_key, 'retirees', 100) + 30 * elapsed) AS retirees
FROM levelled
ORDER BY number
