WITH monthly AS (
    SELECT
        year,
        town_name,
        key,
        slack,
        unnest(range(1, 13)) AS month
    FROM town_year
),

cell AS (
    SELECT
        *,
        unnest(range(5)) AS class,
        make_date(year, month, 25) AS due_on
    FROM monthly
),

filed AS (
    SELECT
        *,
        draw(key, 'ledger kept', 10000, number := month * 5 + class) >= slack // 25 AS has_ledger,
        draw(key, 'summary kept', 10000, number := month * 5 + class) >= slack // 20 AS has_summary,
        CASE
            WHEN draw(key, 'ledger late', 10000, number := month * 5 + class) < slack * 7 // 10
                THEN due_on + cast(1 + draw(key, 'days late', 3, number := month * 5 + class) AS INTEGER)
            ELSE due_on - cast(draw(key, 'days early', 9, number := month * 5 + class) AS INTEGER)
        END AS filed_on
    FROM cell
)

SELECT
    year,
    month,
    town_name AS town,
    ['养老', '医疗', '失业', '工伤', '生育'][class + 1] AS insurance,
    due_on,
    if(has_ledger OR has_summary, filed_on, NULL) AS filed_on,
    has_ledger,
    has_summary
FROM filed
