/*
One row per contribution of the year being written, and what became of it at the bank.
Each unit has as many payers every year: who lapses is followed by someone new. An identity number is of no real county,
and its last character is the check that ISO 7064 MOD 11-2 asks for.
*/
WITH payer AS (
    SELECT
        *,
        left(town_code, 6) AS area,
        checked(left(town_code, 6), [7, 9, 10, 5, 8, 4]) AS area_checked,
        unnest(range(payers)) AS slot
    FROM town_year
),

person AS (
    -- One in 25 lapses each year, at most once. Eleven units share the six digits of a district.
    SELECT
        *,
        2 * (number % 11 * 1000000 + slot) + if(elapsed > draw(unit_key, 'lapses', 25, number := slot), 1, 0) AS person
    FROM payer
),

identified AS (
    SELECT
        person.*,
        concat(
            person.area,
            birth.digits,
            serial.digits,
            '10X98765432'[(person.area_checked + birth.checked + serial.checked) % 11 + 1]
        ) AS person_id
    FROM person
    INNER JOIN birth
        ON person.person // 1000 * 7919 % 25000 = birth.number
    INNER JOIN serial
        ON person.person % 1000 = serial.number
)

SELECT
    year,
    town_name AS town,
    person_id,
    make_date(year, 1, 5) + cast(draw(key, 'paid on', 350, number := slot) AS INTEGER) AS paid_on,
    hundredths([10000, 20000, 30000, 50000, 80000, 120000][draw(unit_key, 'tier', 6, number := slot) + 1])
        AS amount_yuan,
    draw(key, 'days under way', 4, number := slot) AS days_under_way,
    draw(key, 'what goes wrong', 1000, number := slot) AS what_goes_wrong
FROM identified
