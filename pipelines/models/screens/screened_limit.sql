/*
grain: one row per question about results that bunch just above a limit in a year
columns_of: screen
*/
WITH near_grade AS (
    SELECT
        town.year,
        band.grade,
        coalesce(band.at_least, band.above) AS least,
        count(*) FILTER (WHERE CASE
            WHEN band.at_least IS NULL THEN town.total > band.above ELSE town.total >= band.at_least
        END) AS above,
        count(*) FILTER (WHERE CASE
            WHEN band.at_least IS NULL THEN town.total <= band.above ELSE town.total < band.at_least
        END) AS below
    FROM town_score AS town
    CROSS JOIN screen_threshold AS threshold
    INNER JOIN grade_band AS band
        ON abs(town.total - coalesce(band.at_least, band.above)) <= threshold.bunch_width
    GROUP BY town.year, band.grade, least
),

near_target AS (
    -- In ten-thousandths; a target that cannot be passed is reached by all who do well, and tells nothing.
    SELECT
        value.year,
        rule.indicator,
        rule.title_zh,
        rule.title_en,
        10000 * rule.target_n // rule.target_d AS target,
        count(*) FILTER (WHERE value.numerator * rule.target_d >= rule.target_n * value.denominator) AS above,
        count(*) FILTER (WHERE value.numerator * rule.target_d < rule.target_n * value.denominator) AS below
    FROM indicator_value AS value
    CROSS JOIN screen_threshold AS threshold
    INNER JOIN (SELECT DISTINCT
        indicator,
        title_zh,
        title_en,
        target_n,
        target_d
    FROM term_definition
    WHERE kind IN ('shortfall', 'condition', 'proportion') AND target_n < target_d) AS rule
        ON value.indicator = rule.indicator
    WHERE
        value.unit = 'percent'
        AND value.status = 'reported'
        AND value.denominator >= threshold.least_denominator
        AND abs(value.numerator * rule.target_d - rule.target_n * value.denominator) * 10000
        <= threshold.bunch_width_share * rule.target_d * value.denominator
    GROUP BY value.year, rule.indicator, rule.title_zh, rule.title_en, rule.target_n, rule.target_d
)

SELECT
    'bunched_totals' AS screen,
    near_grade.year,
    '' AS town_id,
    '' AS assessor,
    '' AS item,
    near_grade.grade AS indicator,
    cast(near_grade.above AS VARCHAR) AS figure,
    cast(near_grade.below AS VARCHAR) AS compared_with,
    '总分在「' || near_grade.grade || '」界线 ' || near_grade.least || ' 之上 ' || threshold.bunch_width || ' 分以内的 '
    || near_grade.above || ' 个镇街，之下 ' || near_grade.below || ' 个' AS seen_zh,
    near_grade.above || ' towns have totals within ' || threshold.bunch_width || ' above the limit of '
    || near_grade.grade || ', ' || near_grade.least || '; ' || near_grade.below || ' just below' AS seen_en,
    '评定的分数是否向界线凑？' AS question_zh,
    'Were judged scores fitted to the limit?' AS question_en
FROM near_grade
CROSS JOIN screen_threshold AS threshold
WHERE near_grade.above >= threshold.least_bunched AND near_grade.above >= threshold.bunched_times * near_grade.below
UNION ALL
SELECT
    'bunched_figures' AS screen,
    near_target.year,
    '' AS town_id,
    '' AS assessor,
    '' AS item,
    near_target.indicator,
    cast(near_target.above AS VARCHAR) AS figure,
    cast(near_target.below AS VARCHAR) AS compared_with,
    near_target.title_zh || '恰在目标 ' || near_target.target // 100 || '% 之上的 ' || near_target.above
    || ' 个镇街，恰在其下的 ' || near_target.below || ' 个' AS seen_zh,
    near_target.title_en || ': ' || near_target.above || ' towns just above the target ' || near_target.target // 100
    || '%, ' || near_target.below || ' just below' AS seen_en,
    '这些数据是怎样统计的？可否抽查原始记录？' AS question_zh,
    'How were these figures counted, and can records be drawn to see?' AS question_en
FROM near_target
CROSS JOIN screen_threshold AS threshold
WHERE near_target.above >= threshold.least_bunched AND near_target.above >= threshold.bunched_times * near_target.below
