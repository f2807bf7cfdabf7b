/*
source: assessor_scores
field: score
severity: warning
message: {zh: 该单位全年加分超过 5 分, en: the town's bonus of the year is above 5}
remedy: {zh: 原文未设上限；请确认加分依据, en: the text sets no limit; confirm what the bonus rests on}
*/
WITH corrected AS (
    SELECT adjustment.*
    FROM typed_adjustments AS adjustment
    INNER JOIN rubric_item AS item
        ON adjustment.item = item.item
    WHERE adjustment.row_kind = 'data' AND item.kind = 'bonus'
    QUALIFY
        row_number() OVER (
            PARTITION BY adjustment.year, adjustment.town_id, adjustment.item ORDER BY adjustment.approved_on DESC
        ) = 1
),

entry AS (
    SELECT
        score.source_file,
        score.source_sheet,
        score.source_row,
        score.year,
        score.town_id,
        score.item,
        score.score
    FROM typed_assessor_scores AS score
    INNER JOIN rubric_item AS item
        ON score.item = item.item
    ANTI JOIN corrected
        ON
            score.year = corrected.year
            AND score.town_id = corrected.town_id
            AND score.item = corrected.item
    WHERE score.row_kind = 'data' AND item.kind = 'bonus'
    UNION ALL
    SELECT
        source_file,
        source_sheet,
        source_row,
        year,
        town_id,
        item,
        score
    FROM corrected
),

item_mean AS (
    -- As items are rounded: half up to hundredths, on whole numbers.
    SELECT
        year,
        town_id,
        item,
        (2 * sum(cast(cast(score AS DECIMAL(38, 2)) * 100 AS HUGEINT)) + count(*)) // (2 * count(*)) AS hundredths
    FROM entry
    WHERE score IS NOT NULL
    GROUP BY year, town_id, item
),

town AS (
    SELECT
        year,
        town_id,
        sum(hundredths) AS hundredths
    FROM item_mean
    GROUP BY year, town_id
    HAVING sum(hundredths) > 500
)

SELECT
    entry.source_file,
    entry.source_sheet,
    entry.source_row,
    entry.year,
    entry.town_id,
    cast(entry.score AS VARCHAR) AS value
FROM entry
INNER JOIN town
    ON entry.year = town.year AND entry.town_id = town.town_id
