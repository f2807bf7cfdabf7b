/*
source: assessor_scores
severity: warning
message: {zh: 尚有条款未评分, en: items are not yet judged}
remedy: {zh: 该单位为待定，请补齐评分, en: the town stays provisional until they are}
*/
WITH decided AS (
    SELECT
        year,
        town_id,
        item
    FROM typed_assessor_scores
    WHERE row_kind = 'data' AND score IS NOT NULL
    UNION ALL
    SELECT
        year,
        town_id,
        item
    FROM typed_adjustments
    WHERE row_kind = 'data' AND score IS NOT NULL
),

open_item AS (
    SELECT
        town_year.year,
        town_year.town_id,
        town_year.town_name,
        judged.item
    FROM town_year
    CROSS JOIN (
        SELECT DISTINCT item FROM rubric_term
        WHERE kind = 'judged'
    ) AS judged
    ANTI JOIN decided
        ON
            town_year.year = decided.year
            AND town_year.town_id = decided.town_id
            AND judged.item = decided.item
)

SELECT
    year || '/assessor_scores*' AS source_file,
    '' AS source_sheet,
    cast(NULL AS BIGINT) AS source_row,
    year,
    town_id,
    town_name || '：' || count(*) || ' 条未评分：' || string_agg(item, '、' ORDER BY item) AS message_zh,
    town_name || ': ' || count(*) || ' item(s) not yet judged: ' || string_agg(item, ', ' ORDER BY item) AS message_en
FROM open_item
GROUP BY year, town_id, town_name
