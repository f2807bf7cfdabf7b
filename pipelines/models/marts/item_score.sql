/*
grain: one row per year, town and item, under the reading in force
key: [year, town_id, item]
columns:
  kind: scored (counts towards 100), bonus or condition (carries no points)
  available: points the item can give
  points: points of the item; empty while missing
  points_low: the least the item can still come to (points)
  points_high: the most the item can still come to (points)
  status: scored, judged, missing or not_applicable
  is_met: for a condition, whether it is met; unknown while a figure is missing
  points_before_adjustment: what the rubric gave before a review replaced it (points)
  adjustment_reason: why a review replaced the score
  approved_by: who approved the review
  approved_on: when the review was approved
  explanation_zh: what happened, term by term, in Chinese
  explanation_en: what happened, term by term, in English
*/
WITH of_several AS (
    SELECT item FROM rubric_term
    WHERE scenario = 'in_force'
    GROUP BY item
    HAVING count(*) > 1
),

-- Putting texts in order costs far more than taking one, and nearly all items have one term.
explained AS (
    SELECT
        year,
        town_id,
        item,
        explanation_zh,
        explanation_en
    FROM term_score
    WHERE item NOT IN (SELECT item FROM of_several)
    UNION ALL
    SELECT
        year,
        town_id,
        item,
        string_agg(explanation_zh, '；' ORDER BY term) AS explanation_zh,
        string_agg(explanation_en, '; ' ORDER BY term) AS explanation_en
    FROM term_score
    WHERE item IN (SELECT item FROM of_several)
    GROUP BY year, town_id, item
)

SELECT
    scored.year,
    scored.town_id,
    scored.item,
    item.area,
    item.section,
    item.clause,
    item.kind,
    item.basis,
    item.title_zh,
    item.title_en,
    item.available,
    scored.points,
    scored.points_low,
    scored.points_high,
    scored.status,
    scored.is_met,
    scored.points_before_adjustment,
    adjustment.adjustment_reason,
    adjustment.approved_by,
    adjustment.approved_on,
    CASE
        WHEN adjustment.item IS NOT NULL
            THEN '复核更正为 ' || scored.points || ' 分（' || adjustment.adjustment_reason || '）；原：'
        ELSE ''
    END || explained.explanation_zh AS explanation_zh,
    CASE
        WHEN adjustment.item IS NOT NULL
            THEN 'adjusted on review to ' || scored.points || ' (' || adjustment.adjustment_reason || '); before: '
        ELSE ''
    END || explained.explanation_en AS explanation_en
FROM scored_item AS scored
INNER JOIN rubric_item AS item
    ON scored.item = item.item
INNER JOIN explained
    ON scored.year = explained.year AND scored.town_id = explained.town_id AND scored.item = explained.item
LEFT JOIN adjustment
    ON scored.year = adjustment.year AND scored.town_id = adjustment.town_id AND scored.item = adjustment.item
WHERE scored.scenario = 'in_force'
