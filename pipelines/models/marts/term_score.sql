/*
grain: one row per year, town, item and term, under the reading in force
key: [year, town_id, item, term]
by_town: true
columns:
  kind: term kind of the rubric
  numerator: numerator of the figure the term looks at
  denominator: denominator of that figure
  value: the figure, rounded half up to six decimals for display
  target: target as the rubric states it (a ratio or a count)
  direction: at_least or at_most
  is_met: whether the target is reached; empty without a figure or where no target is set
  steps: steps short of the target under the part-step policy in force, rounded half up to four decimals for display
  loss: points taken, rounded half up to four decimals for display; negative for a bonus; empty while missing
  loss_numerator: points taken, exact numerator
  loss_denominator: points taken, exact denominator
  status: scored, judged, missing or not_applicable
  numerator_for_full: the numerator that would reach the target, the denominator unchanged
  assessors: assessors who scored the item
  score_lowest: lowest of their scores (points)
  score_highest: highest of their scores (points)
  reasons: the assessors' reasons
  interpretations: open readings of the text that bite here, with the option in force
  correction: declared corrections of the figures behind it, received → corrected, with reason, name and date
  explanation_zh: what happened, in Chinese
  explanation_en: what happened, in English
*/
WITH corrected AS (
    SELECT
        scored.year,
        scored.town_id,
        scored.item,
        scored.term,
        string_agg(
            coalesce(nullif(correction.header, ''), correction.field)
            || ' ' || coalesce(correction.received, '—') || ' → ' || coalesce(correction.corrected, '—')
            || '（' || correction.reason || '，' || correction.declared_by || ' '
            || cast(correction.declared_on AS VARCHAR) || '）',
            '; '
            ORDER BY correction.source_file, correction.source_sheet, correction.source_row, correction.field
        ) AS told
    FROM scored_term AS scored
    INNER JOIN correction
        ON scored.year = correction.year AND scored.town_id = correction.town_id
    WHERE
        scored.scenario = 'in_force'
        AND (
            contains('; ' || correction.indicators || '; ', '; ' || scored.indicator || '; ')
            OR (correction.source IN ('assessor_scores', 'adjustments') AND scored.item = correction.item)
        )
    GROUP BY scored.year, scored.town_id, scored.item, scored.term
),

term AS (
    SELECT
        scored.*,
        term.title_zh,
        term.title_en,
        term.direction,
        term.target_n,
        term.target_d,
        term.interpretations,
        term.clause,
        value.numerator,
        value.denominator,
        value.value,
        value.unit,
        value.status AS figure_status,
        judgement.assessors,
        judgement.score_lowest,
        judgement.score_highest,
        judgement.reasons,
        corrected.told AS correction,
        coalesce(value.source, CASE WHEN judgement.item IS NOT NULL THEN 'assessor_scores' END) AS source,
        coalesce(value.source_file, judgement.first_source.file) AS source_file,
        coalesce(value.source_sheet, judgement.first_source.sheet) AS source_sheet,
        coalesce(value.source_row, judgement.first_source.row) AS source_row,
        coalesce(value.source_rows, judgement.assessors, 0) AS source_rows,
        cast(
            CASE
                WHEN scored.loss_n < 0 THEN -((20000 * -scored.loss_n + scored.loss_d) // (2 * scored.loss_d))
                ELSE (20000 * scored.loss_n + scored.loss_d) // (2 * scored.loss_d)
            END AS DECIMAL(20, 0)
        ) * cast(0.0001 AS DECIMAL(5, 4)) AS loss,
        cast((20000 * scored.steps_n + scored.steps_d) // (2 * scored.steps_d) AS DECIMAL(20, 0))
        * cast(0.0001 AS DECIMAL(5, 4)) AS steps,
        cast((2000000 * term.target_n + term.target_d) // (2 * term.target_d) AS DECIMAL(20, 0))
        * cast(0.000001 AS DECIMAL(7, 6)) AS target,
        CASE
            WHEN term.direction = 'at_least' AND NOT scored.is_met AND value.denominator > 0
                THEN
                    (
                        term.target_n * cast(value.denominator * 100 AS HUGEINT) + term.target_d * 100 - 1
                    ) // (term.target_d * 100)
        END AS numerator_for_full
    FROM scored_term AS scored
    INNER JOIN rubric_term AS term
        ON scored.scenario = term.scenario AND scored.item = term.item AND scored.term = term.term
    LEFT JOIN indicator_value AS value
        ON scored.year = value.year AND scored.town_id = value.town_id AND scored.indicator = value.indicator
    LEFT JOIN judgement
        ON
            scored.kind IN ('judged', 'bonus')
            AND scored.year = judgement.year
            AND scored.town_id = judgement.town_id
            AND scored.item = judgement.item
    LEFT JOIN corrected
        ON
            scored.year = corrected.year
            AND scored.town_id = corrected.town_id
            AND scored.item = corrected.item
            AND scored.term = corrected.term
    WHERE scored.scenario = 'in_force'
),

worded AS (
    SELECT
        *,
        CASE
            WHEN unit = 'flag' THEN CASE WHEN numerator > 0 THEN '有' ELSE '无' END
            WHEN unit = 'percent'
                THEN
                    coalesce(regexp_replace(cast(numerator AS VARCHAR), '\.?0+$', ''), '—')
                    || '/' || coalesce(regexp_replace(cast(denominator AS VARCHAR), '\.?0+$', ''), '—')
                    || coalesce(' = ' || regexp_replace(cast(value * 100 AS VARCHAR), '\.?0+$', '') || '%', '')
            WHEN unit = 'ratio'
                THEN
                    coalesce(regexp_replace(cast(numerator AS VARCHAR), '\.?0+$', ''), '—')
                    || '/' || coalesce(regexp_replace(cast(denominator AS VARCHAR), '\.?0+$', ''), '—')
                    || coalesce(' = ' || regexp_replace(cast(value AS VARCHAR), '\.?0+$', ''), '')
            ELSE coalesce(regexp_replace(cast(numerator AS VARCHAR), '\.?0+$', ''), '—')
        END AS figure_text,
        CASE WHEN direction = 'at_most' THEN '≤' ELSE '≥' END
        || CASE
            WHEN unit = 'percent' THEN regexp_replace(cast(target * 100 AS VARCHAR), '\.?0+$', '') || '%'
            ELSE regexp_replace(cast(target AS VARCHAR), '\.?0+$', '')
        END AS target_text,
        regexp_replace(cast(steps AS VARCHAR), '\.?0+$', '') AS steps_text,
        regexp_replace(cast(abs(loss) AS VARCHAR), '\.?0+$', '') AS loss_text,
        CASE WHEN interpretations <> '' THEN ' [' || interpretations || ']' ELSE '' END AS reading_text
    FROM term
)

SELECT
    year,
    town_id,
    item,
    term,
    kind,
    indicator,
    numerator,
    denominator,
    value,
    target,
    direction,
    is_met,
    steps,
    loss,
    cast(loss_n AS DECIMAL(38, 0)) AS loss_numerator,
    cast(loss_d AS DECIMAL(38, 0)) AS loss_denominator,
    status,
    cast(numerator_for_full AS DECIMAL(20, 0)) AS numerator_for_full,
    assessors,
    score_lowest,
    score_highest,
    reasons,
    clause,
    interpretations,
    source,
    source_file,
    source_sheet,
    source_row,
    source_rows,
    correction,
    CASE
        WHEN kind = 'judged' AND status = 'judged'
            THEN
                '评分 ' || assessors || ' 人，扣 ' || loss_text || ' 分'
                || coalesce('：' || reasons, '')
        WHEN kind = 'judged' THEN '尚未评分'
        WHEN kind = 'bonus' AND status = 'judged' THEN '加 ' || loss_text || ' 分' || coalesce('：' || reasons, '')
        WHEN kind = 'bonus' AND status = 'missing' THEN '加分记录在隔离中'
        WHEN kind = 'bonus' THEN '无加分'
        WHEN status = 'missing' AND figure_status = 'withheld' THEN title_zh || '：数据在隔离中，暂缺'
        WHEN status = 'missing' AND figure_status = 'no_denominator' THEN title_zh || '：分母为 0，无法计算'
        WHEN status = 'missing' THEN title_zh || '：未报送，暂缺'
        WHEN status = 'not_applicable' THEN title_zh || '：无应计对象，不适用，不扣分' || reading_text
        WHEN is_met THEN title_zh || ' ' || figure_text || '，达到目标 ' || target_text
        WHEN kind = 'condition' THEN title_zh || ' ' || figure_text || '，未达 ' || target_text || reading_text
        WHEN kind = 'shortfall' AND loss = 0
            THEN title_zh || ' ' || figure_text || '，目标 ' || target_text || '，不足一步，不扣分' || reading_text
        WHEN kind = 'shortfall'
            THEN
                title_zh || ' ' || figure_text || '，目标 ' || target_text || coalesce('，差 ' || steps_text || CASE
                    WHEN unit = 'percent' THEN ' 个百分点'
                    ELSE ''
                END, '') || '，扣 ' || loss_text || ' 分' || reading_text
        WHEN kind = 'tiers'
            THEN title_zh || ' ' || figure_text || '，按档扣 ' || loss_text || ' 分' || reading_text
        ELSE title_zh || ' ' || figure_text || '，目标 ' || target_text || '，扣 ' || loss_text || ' 分' || reading_text
    END || coalesce('；数据已更正：' || correction, '') AS explanation_zh,
    CASE
        WHEN kind = 'judged' AND status = 'judged'
            THEN
                'scored by ' || assessors || ' assessor(s), ' || loss_text || ' lost'
                || coalesce(': ' || reasons, '')
        WHEN kind = 'judged' THEN 'not yet judged'
        WHEN kind = 'bonus' AND status = 'judged' THEN loss_text || ' added' || coalesce(': ' || reasons, '')
        WHEN kind = 'bonus' AND status = 'missing' THEN 'the bonus entry is in quarantine'
        WHEN kind = 'bonus' THEN 'no bonus'
        WHEN status = 'missing' AND figure_status = 'withheld' THEN title_en || ': its rows are in quarantine, missing'
        WHEN status = 'missing' AND figure_status = 'no_denominator' THEN title_en || ': nothing to divide by, missing'
        WHEN status = 'missing' THEN title_en || ': not reported, missing'
        WHEN status = 'not_applicable' THEN title_en || ': nothing to count, not applicable, no loss' || reading_text
        WHEN is_met
            THEN
                title_en
                || ' '
                || replace(replace(figure_text, '有', 'yes'), '无', 'no')
                || ', target '
                || target_text
                || ' reached'
        WHEN kind = 'condition' THEN title_en || ' ' || figure_text || ', short of ' || target_text || reading_text
        WHEN kind = 'shortfall' AND loss = 0
            THEN
                title_en
                || ' '
                || figure_text
                || ', target '
                || target_text
                || ', short by less than a step, no loss'
                || reading_text
        WHEN kind = 'shortfall'
            THEN
                title_en
                || ' '
                || figure_text
                || ', target '
                || target_text
                || coalesce(', short by ' || steps_text || CASE
                    WHEN unit = 'percent' THEN ' percentage point(s)'
                    ELSE ''
                END, '') || ', ' || loss_text || ' lost' || reading_text
        WHEN kind = 'tiers'
            THEN title_en || ' ' || figure_text || ', by tier ' || loss_text || ' lost' || reading_text
        ELSE
            title_en || ' ' || replace(replace(figure_text, '有', 'yes'), '无', 'no')
            || ', target ' || target_text || ', ' || loss_text || ' lost' || reading_text
    END || coalesce('; figure corrected: ' || correction, '') AS explanation_en
FROM worded
