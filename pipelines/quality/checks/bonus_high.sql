/*
source: assessor_scores
table: typed_assessor_scores
field: score
severity: warning
message: {zh: 该单位全年加分超过 5 分, en: the town's bonus of the year is above 5}
remedy: {zh: 原文未设上限；请确认加分依据, en: the text sets no limit; confirm what the bonus rests on}
*/
WITH entry AS (
    SELECT
        score.*,
        count(*) OVER (PARTITION BY score.year, score.town_id, score.item) AS entries
    FROM typed_assessor_scores AS score
    INNER JOIN rubric_item AS item
        ON score.item = item.item
    WHERE score.row_kind = 'data' AND item.kind = 'bonus'
),

town AS (
    -- Entries differ in number by item, so each is weighed as a share of its item's mean; hundredths keep it exact.
    SELECT
        year,
        town_id
    FROM (
        SELECT
            year,
            town_id,
            item,
            sum(cast(score * 100 AS HUGEINT)) AS hundredths,
            count(*) AS entries
        FROM entry
        GROUP BY year, town_id, item
    )
    GROUP BY year, town_id
    HAVING sum((2 * hundredths + entries) // (2 * entries)) > 500
)

SELECT
    entry.source_file,
    entry.source_sheet,
    entry.source_row,
    entry.year,
    entry.town_id,
    cast(NULL AS VARCHAR) AS value,
    cast(NULL AS VARCHAR) AS message_zh,
    cast(NULL AS VARCHAR) AS message_en
FROM entry
INNER JOIN town
    ON entry.year = town.year AND entry.town_id = town.town_id
