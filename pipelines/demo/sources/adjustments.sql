-- A few adjustments a year; one unit has one for certain.
SELECT
    year,
    town_name AS town,
    adjusted.item,
    hundredths(adjusted.points - 50 * draw(key, 'still wanting', 2)) AS score,
    adjusted.reason,
    '局办公室' AS approved_by,
    make_date(year + 1, 3, 22) + cast(draw(key, 'approved on', 9) AS INTEGER) AS approved_on
FROM (
    SELECT
        *,
        [
            {'item': '2.2.3', 'points': 400, 'reason': '补交转移业务资料，经复核更正'},
            {'item': '3.2.4', 'points': 400, 'reason': '收缴入账凭证经复核属实'},
            {'item': '3.3.1', 'points': 200, 'reason': '抽查样本有误，重新核查后更正'},
            {'item': '5.2', 'points': 700, 'reason': '制卡超期属外部原因，经复核更正'}
        ][draw(key, 'item adjusted', 4) + 1] AS adjusted
    FROM town_year
    WHERE number = 3 + elapsed OR draw(key, 'adjusted', 60) = 0
)
