/*
grain: one row per question about a figure a town reported
columns_of: screen
*/
WITH figure AS (
    SELECT
        value.year,
        value.town_id,
        value.indicator,
        value.numerator,
        value.denominator,
        value.value,
        told.title_zh,
        told.title_en,
        town.town_name,
        regexp_replace(value.numerator || '', '\.?0+$', '')
        || '/' || regexp_replace(value.denominator || '', '\.?0+$', '') AS written
    FROM indicator_value AS value
    CROSS JOIN screen_threshold AS threshold
    INNER JOIN indicator_definition AS told
        ON value.indicator = told.indicator
    INNER JOIN town_score AS town
        ON value.year = town.year AND value.town_id = town.town_id
    WHERE
        value.unit = 'percent'
        AND value.status = 'reported'
        AND value.denominator >= threshold.least_denominator
),

-- All done of what was due, or none of it, may well be so again and elsewhere.
telling AS (
    SELECT *
    FROM figure
    WHERE numerator > 0 AND numerator <> denominator
),

elsewhere AS (
    SELECT
        one.year,
        one.town_id,
        one.indicator,
        string_agg(other.town_name, '、' ORDER BY other.town_id) AS towns
    FROM telling AS one
    INNER JOIN telling AS other
        ON
            one.year = other.year
            AND one.indicator = other.indicator
            AND one.numerator = other.numerator
            AND one.denominator = other.denominator
            AND one.town_id <> other.town_id
    GROUP BY one.year, one.town_id, one.indicator
),

seen AS (
    SELECT
        'same_as_last_year' AS screen,
        this.*,
        last.year || ' ' || last.written AS compared_with,
        '与 ' || last.year || ' 年完全相同' AS told_zh,
        'the very figures of ' || last.year AS told_en,
        '是否沿用了上年的数据？' AS question_zh,
        'Were last year''s figures sent again?' AS question_en
    FROM telling AS this
    INNER JOIN telling AS last
        ON
            this.year = last.year + 1
            AND this.town_id = last.town_id
            AND this.indicator = last.indicator
            AND this.numerator = last.numerator
            AND this.denominator = last.denominator
    UNION ALL
    SELECT
        'same_as_another_town' AS screen,
        this.*,
        elsewhere.towns AS compared_with,
        '与 ' || elsewhere.towns || ' 完全相同' AS told_zh,
        'the very figures of ' || elsewhere.towns AS told_en,
        '是否抄用了别的镇街的数据？' AS question_zh,
        'Were another town''s figures sent?' AS question_en
    FROM telling AS this
    INNER JOIN elsewhere
        ON this.year = elsewhere.year AND this.town_id = elsewhere.town_id AND this.indicator = elsewhere.indicator
    UNION ALL
    SELECT
        'shrunk_denominator' AS screen,
        this.*,
        last.year || ' ' || last.written AS compared_with,
        '上年 ' || last.written || '：分母缩小而比率上升' AS told_zh,
        'last year ' || last.written || ': a smaller denominator and a better rate' AS told_en,
        '分母为何减少？哪些对象不再计入？' AS question_zh,
        'Why is the denominator smaller, and who is no longer counted?' AS question_en
    FROM figure AS this
    INNER JOIN figure AS last
        ON this.year = last.year + 1 AND this.town_id = last.town_id AND this.indicator = last.indicator
    CROSS JOIN screen_threshold AS threshold
    -- Where nothing at all would be as good as it gets, less of it is no question.
    ANTI JOIN term_definition AS rule
        ON this.indicator = rule.indicator AND rule.zero_denominator IN ('not_applicable', 'full')
    WHERE
        this.denominator * 100 < last.denominator * threshold.shrunk_to
        AND this.numerator * last.denominator > last.numerator * this.denominator
)

SELECT
    screen,
    year,
    town_id,
    '' AS assessor,
    '' AS item,
    indicator,
    written AS figure,
    compared_with,
    town_name || ' ' || title_zh || ' ' || written || '，' || told_zh AS seen_zh,
    town_name || ', ' || title_en || ' ' || written || ', ' || told_en AS seen_en,
    question_zh,
    question_en
FROM seen
