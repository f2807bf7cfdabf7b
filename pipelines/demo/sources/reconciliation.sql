WITH monthly AS (
    SELECT
        *,
        unnest(range(1, 13)) AS month
    FROM town_year
),

checked AS (
    SELECT
        *,
        unnest(range(3)) AS party,
        recipients + recipients * month // 500 AS persons,
        recipients + recipients * month // 500 + draw(key, 'paid twice', 1 + recipients // 100, number := month)
            AS payments
    FROM monthly
),

matched AS (
    SELECT
        *,
        clipped(0, slack // 12 - 20 + draw_around(key, 'persons differ', 60, number := month * 3 + party), 9000)
            AS persons_differ,
        clipped(0, slack // 12 - 20 + draw_around(key, 'payments differ', 60, number := month * 3 + party), 9000)
            AS payments_differ
    FROM checked
)

SELECT
    year,
    month,
    town_name AS town,
    ['社保', '财政', '银行'][party + 1] AS counterparty,
    persons AS persons_checked,
    persons - share(persons, persons_differ) AS persons_matched,
    payments AS payments_checked,
    payments - share(payments, payments_differ) AS payments_matched
FROM matched
