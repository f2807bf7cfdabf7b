WITH owed AS (
    SELECT
        *,
        unnest([
            {'place': 1, 'report': '社会保险业务季报', 'part': '第一季度', 'month': 3},
            {'place': 2, 'report': '社会保险业务季报', 'part': '第二季度', 'month': 6},
            {'place': 3, 'report': '社会保险业务季报', 'part': '第三季度', 'month': 9},
            {'place': 4, 'report': '社会保险业务季报', 'part': '第四季度', 'month': 12},
            {'place': 5, 'report': '居民养老保险半年报', 'part': '上半年', 'month': 6},
            {'place': 6, 'report': '居民养老保险半年报', 'part': '下半年', 'month': 12}
        ]) AS owing
    FROM town_year
)

SELECT
    year,
    town_name AS town,
    owing.report,
    format('{}年{}', year, owing.part) AS period,
    make_date(year, owing.month, 25) AS due_on,
    make_date(year, owing.month, 25) + cast(
        CASE
            WHEN draw(key, 'report late', 10000, number := owing.place) < slack
                THEN 1 + draw(key, 'days', 5, number := owing.place)
            ELSE -draw(key, 'days', 7, number := owing.place)
        END AS INTEGER
    ) AS filed_on,
    CASE
        WHEN draw(key, 'report wrong', 10000, number := owing.place) < slack * 2
            THEN 1 + draw(key, 'errors', 3, number := owing.place)
        ELSE 0
    END AS errors
FROM owed
