WITH counted AS (
    -- How often: enough of each kind, unless chance and slack will have it otherwise.
    SELECT
        *,
        CASE
            WHEN draw(key, 'too few trainings', 10000) < slack * 2 THEN 2 - draw(key, 'trainings short', 2)
            ELSE 3 + draw(key, 'more trainings', 3)
        END AS trainings,
        CASE
            WHEN draw(key, 'too few meetings', 10000) < slack THEN 1
            ELSE 2 + draw(key, 'more meetings', 3)
        END AS meetings,
        CASE
            WHEN draw(key, 'too few articles', 10000) < slack * 3 THEN 3 - draw(key, 'articles short', 3)
            ELSE 4 + draw(key, 'more articles', 5)
        END AS articles,
        CASE
            WHEN draw(key, 'too few analyses', 10000) < slack * 2 THEN 1 - draw(key, 'analyses short', 4) // 3
            ELSE 2 + draw(key, 'more analyses', 4) // 3
        END AS analyses
    FROM town_year
),

kinds AS (
    SELECT
        year,
        town_name,
        key,
        unnest([
            {
                'kind': '培训', 'place': 1, 'times': trainings, 'evidence': '签到表、培训材料',
                'titles': ['居民养老保险经办业务培训', '社会保险申报业务培训', '待遇资格认证业务培训']
            },
            {
                'kind': '会议', 'place': 2, 'times': meetings, 'evidence': '会议纪要',
                'titles': ['社会保障工作会议', '居民养老保险工作推进会', '市民卡工作协调会']
            },
            {
                'kind': '信息稿件', 'place': 3, 'times': articles, 'evidence': '刊发页',
                'titles': ['村级服务点便民情况', '资格认证上门服务情况', '退休人员社区活动情况']
            },
            {
                'kind': '分析材料', 'place': 4, 'times': analyses, 'evidence': '报送回执',
                'titles': ['居民养老保险运行分析', '扩面征缴形势分析', '基金支付情况分析']
            }
        ]) AS kept
    FROM counted
),

held AS (
    SELECT
        *,
        unnest(range(kept.times)) AS time
    FROM kinds
)

SELECT
    year,
    town_name AS town,
    kept.kind,
    -- Spread over the year: one in each of equal spans.
    make_date(year, 1, 1) + cast(
        time * 360 // kept.times
        + draw(key, 'held on', 360 // kept.times, number := kept.place * 100 + time) AS INTEGER
    ) AS held_on,
    format(
        '{}（第{}{}）',
        kept.titles[draw(key, 'subject', 3, number := kept.place * 100 + time) + 1],
        time + 1,
        CASE kept.kind WHEN '培训' THEN '期' WHEN '会议' THEN '次' ELSE '篇' END
    ) AS title,
    kept.evidence
FROM held
