/*
grain: one row per question about how an assessor scored in a year
columns_of: screen
*/
WITH given AS (
    -- Shares of the points in ten-thousandths, rounded half up once; from here on whole numbers.
    SELECT
        score.year,
        score.assessor,
        score.item,
        score.score,
        (
            20000 * cast(score.score * 100 AS HUGEINT) + cast(item.available * 100 AS HUGEINT)
        ) // (2 * cast(item.available * 100 AS HUGEINT)) AS share
    FROM assessor_score AS score
    INNER JOIN rubric_item AS item
        ON score.item = item.item AND item.kind = 'scored'
),

one AS (
    SELECT
        year,
        assessor,
        item,
        count(*) AS scores,
        sum(share) AS share,
        sum(share * share) AS squares
    FROM given
    GROUP BY year, assessor, item
),

compared AS (
    -- Beside the others' scores of the same items, each item as often as the assessor scored it.
    SELECT
        one.year,
        one.assessor,
        sum(one.scores) AS scores,
        sum(one.share) AS share,
        sum(one.scores * others.share // others.scores) AS others_share,
        sum(others.scores) AS others_scores,
        sum(one.squares - one.share * one.share // one.scores) AS squares,
        sum(one.scores - 1) AS freedom,
        sum(others.squares - others.share * others.share // others.scores) AS others_squares,
        sum(others.scores - 1) AS others_freedom
    FROM one
    INNER JOIN (
        SELECT
            own.year,
            own.assessor,
            own.item,
            sum(other.scores) AS scores,
            sum(other.share) AS share,
            sum(other.squares) AS squares
        FROM one AS own
        INNER JOIN one AS other
            ON own.year = other.year AND own.item = other.item AND own.assessor <> other.assessor
        GROUP BY own.year, own.assessor, own.item
    ) AS others
        ON one.year = others.year AND one.assessor = others.assessor AND one.item = others.item
    GROUP BY one.year, one.assessor
),

enough AS (
    SELECT
        compared.*,
        threshold.*,
        cast((share + scores // 2) // scores AS DECIMAL(9, 0)) * cast(0.01 AS DECIMAL(3, 2)) AS percent,
        cast((others_share + scores // 2) // scores AS DECIMAL(9, 0)) * cast(0.01 AS DECIMAL(3, 2)) AS others_percent
    FROM compared
    CROSS JOIN screen_threshold AS threshold
    WHERE compared.scores >= threshold.least_scores AND compared.others_scores >= threshold.least_scores
),

same AS (
    SELECT
        given.year,
        given.assessor,
        given.item,
        any_value(given.score) AS score,
        count(*) AS towns
    FROM given
    CROSS JOIN screen_threshold AS threshold
    GROUP BY given.year, given.assessor, given.item
    HAVING min(given.score) = max(given.score) AND count(*) >= any_value(threshold.least_towns)
)

SELECT
    'leniency' AS screen,
    year,
    '' AS town_id,
    assessor,
    '' AS item,
    '' AS indicator,
    percent || '%' AS figure,
    others_percent || '%' AS compared_with,
    '平均给到分值的 ' || percent || '%，其他考核人对同样条款为 ' || others_percent || '%（' || scores || ' 个评分）' AS seen_zh,
    'gave ' || percent || '% of the points on average, others on the same items ' || others_percent || '% ('
    || scores || ' scores)' AS seen_en,
    assessor || ' 的尺度与其他考核人是否一致？所评镇街是否确有不同？' AS question_zh,
    'Does ' || assessor || ' measure as the others do, or are the towns assessed really different?' AS question_en
FROM enough
WHERE abs(share - others_share) > leniency * scores
UNION ALL
SELECT
    'spread' AS screen,
    year,
    '' AS town_id,
    assessor,
    '' AS item,
    '' AS indicator,
    cast(squares // freedom AS VARCHAR) AS figure,
    cast(others_squares // others_freedom AS VARCHAR) AS compared_with,
    '同一条款各镇街得分的方差为 ' || squares // freedom || '，其他考核人为 ' || others_squares // others_freedom
    || '（分值万分之一的平方）' AS seen_zh,
    'variance between towns on the same item ' || squares // freedom || ', others '
    || others_squares // others_freedom || ' (square ten-thousandths of the points)' AS seen_en,
    assessor || ' 的评分是否拉开了镇街之间的差距？' AS question_zh,
    'Do the scores of ' || assessor || ' tell the towns apart?' AS question_en
FROM enough
WHERE freedom > 0 AND others_freedom > 0 AND squares * others_freedom * spread < others_squares * freedom
UNION ALL
SELECT
    'all_equal' AS screen,
    same.year,
    '' AS town_id,
    same.assessor,
    same.item,
    '' AS indicator,
    cast(same.score AS VARCHAR) AS figure,
    cast(same.towns AS VARCHAR) AS compared_with,
    same.item || ' ' || item.title_zh || '：' || same.towns || ' 个镇街全部得 ' || same.score || ' 分' AS seen_zh,
    same.item || ' ' || item.title_en || ': all ' || same.towns || ' towns were given ' || same.score AS seen_en,
    same.assessor || ' 是否逐一看过各镇街？该条款是否分得出高低？' AS question_zh,
    'Did ' || same.assessor || ' look at each town, and can the item tell them apart?' AS question_en
FROM same
INNER JOIN rubric_item AS item
    ON same.item = item.item
