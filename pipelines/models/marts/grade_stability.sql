/*
grain: one row per year, town and cause of doubt; draws are of the latest year
key: [year, town_id, cause]
columns:
  cause: readings, judgement, sample or draws, as in grade_share
  grade: the grade as published; empty while undecided
  cases: cases looked at
  cases_same: cases that give the grade as published
  is_stable: whether all of them do
  grade_best: the best grade among the cases; empty where every case is undecided
  grade_worst: the worst grade among the cases; empty where every case is undecided
  total_lowest: the lowest total among the cases; while provisional the least it can come to (points)
  total_highest: the highest total among the cases; while provisional the most it can come to (points)
  rank: rank as published; empty while provisional
  rank_best: the best rank among the cases; empty while provisional
  rank_worst: the worst rank among the cases; empty while provisional
  depends_on: for readings, those the grade depends on, the one with most hand in it first
  clauses: clauses those readings bite on
  explanation_zh: whether the grade stands, and what it depends on, in Chinese
  explanation_en: whether the grade stands, and what it depends on, in English
*/
WITH gathered AS (
    SELECT
        share.year,
        share.town_id,
        share.cause,
        any_value(share.cases_all) AS cases,
        coalesce(sum(share.cases) FILTER (WHERE share.is_in_force), 0) AS cases_same,
        min_by(share.grade, share.position) FILTER (WHERE share.grade <> '') AS grade_best,
        max_by(share.grade, share.position) FILTER (WHERE share.grade <> '') AS grade_worst,
        min(share.total_lowest) AS total_lowest,
        max(share.total_highest) AS total_highest,
        min(share.rank_best) AS rank_best,
        max(share.rank_worst) AS rank_worst,
        string_agg(
            CASE share.grade WHEN '' THEN '未定' ELSE share.grade END || ' ' || share.cases || '/' || share.cases_all, '，'
            ORDER BY share.position
        ) AS told_zh,
        string_agg(
            CASE share.grade WHEN '' THEN 'undecided' ELSE share.grade END
            || ' ' || share.cases || '/' || share.cases_all, ', '
            ORDER BY share.position
        ) AS told_en
    FROM grade_share AS share
    GROUP BY share.year, share.town_id, share.cause
),

reading AS (
    SELECT DISTINCT
        interpretation,
        question_zh,
        question_en
    FROM interpretation
),

depending AS (
    SELECT
        effect.year,
        effect.town_id,
        string_agg(
            effect.interpretation, '; ' ORDER BY effect.grade_total_n DESC, effect.interpretation ASC
        ) AS depends_on,
        string_agg(effect.clauses, '; ' ORDER BY effect.grade_total_n DESC, effect.interpretation ASC) AS clauses,
        string_agg(
            reading.question_zh || coalesce('（' || effect.clauses || '）', ''), '；'
            ORDER BY effect.grade_total_n DESC, effect.interpretation ASC
        ) AS told_zh,
        string_agg(
            reading.question_en || coalesce(' (' || effect.clauses || ')', ''), '; '
            ORDER BY effect.grade_total_n DESC, effect.interpretation ASC
        ) AS told_en
    FROM reading_effect AS effect
    INNER JOIN reading
        ON effect.interpretation = reading.interpretation
    WHERE effect.grade_total_n > 0
    GROUP BY effect.year, effect.town_id
)

SELECT
    gathered.year,
    gathered.town_id,
    gathered.cause,
    town.town_name,
    town.grade,
    gathered.cases,
    cast(gathered.cases_same AS BIGINT) AS cases_same,
    gathered.cases = gathered.cases_same AS is_stable,
    gathered.grade_best,
    gathered.grade_worst,
    gathered.total_lowest,
    gathered.total_highest,
    town.rank,
    gathered.rank_best,
    gathered.rank_worst,
    CASE WHEN gathered.cause = 'readings' THEN depending.depends_on END AS depends_on,
    CASE WHEN gathered.cause = 'readings' THEN depending.clauses END AS clauses,
    CASE
        WHEN gathered.cases = gathered.cases_same THEN '等次不变：' || gathered.told_zh
        WHEN gathered.cause = 'readings'
            THEN '等次取决于口径：' || gathered.told_zh || '。' || coalesce(depending.told_zh, '')
        ELSE '等次可能变动：' || gathered.told_zh
    END AS explanation_zh,
    CASE
        WHEN gathered.cases = gathered.cases_same THEN 'the grade stands: ' || gathered.told_en
        WHEN gathered.cause = 'readings'
            THEN 'the grade depends on readings: ' || gathered.told_en || '. ' || coalesce(depending.told_en, '')
        ELSE 'the grade may move: ' || gathered.told_en
    END AS explanation_en
FROM gathered
INNER JOIN town_score AS town
    ON gathered.year = town.year AND gathered.town_id = town.town_id
LEFT JOIN depending
    ON gathered.year = depending.year AND gathered.town_id = depending.town_id
