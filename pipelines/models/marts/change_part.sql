/*
grain: one row per town that was also assessed the year before, item, cause and thing that changed; they add up exactly
key: [year, town_id, item, cause, part, indicator]
columns:
  cause: performance, judgement, adjustment, coverage, register; in a comparison of publications revision and method too
  part: numerator, denominator, figure, score, review, register, rules or limit; what changed
  indicator: indicator whose figure changed; empty where it is none
  previous_year: the year it is compared with
  points: part of the change of the total; empty while either year is provisional (points)
  points_low: part of the change of the least the total can come to (points)
  points_high: part of the change of the most the total can come to (points)
  before: numerator, denominator or points decided on review as they were; empty where it is not one number
  after: the same as they are
  explanation_zh: what changed, in Chinese
  explanation_en: what changed, in English
*/
WITH item_change AS (
    SELECT
        scope.year,
        scope.town_id,
        later.item,
        unnest(['low', 'high']) AS bound,
        unnest([
            cast(earlier.points_low * 100 AS HUGEINT), cast(earlier.points_high * 100 AS HUGEINT)
        ]) AS before,
        unnest([
            cast((later.points_low - earlier.points_low) * 100 AS HUGEINT),
            cast((later.points_high - earlier.points_high) * 100 AS HUGEINT)
        ]) AS change
    FROM change_scope AS scope
    INNER JOIN scored_item AS earlier
        ON scope.previous_year = earlier.year AND scope.town_id = earlier.town_id AND earlier.scenario = 'in_force'
    INNER JOIN scored_item AS later
        ON
            scope.year = later.year
            AND scope.town_id = later.town_id
            AND earlier.item = later.item
            AND later.scenario = 'in_force'
    INNER JOIN rubric_scenario AS scenario
        ON later.scenario = scenario.scenario
    WHERE later.kind = 'scored' OR (later.kind = 'bonus' AND scenario.bonus_cap <> 'excluded')
),

town_change AS (
    SELECT
        scope.year,
        scope.town_id,
        scope.previous_year,
        earlier.status = 'final' AND later.status = 'final' AS is_final,
        unnest(['low', 'high']) AS bound,
        unnest([cast(earlier.total_low * 100 AS HUGEINT), cast(earlier.total_high * 100 AS HUGEINT)]) AS before,
        unnest([
            cast((later.total_low - earlier.total_low) * 100 AS HUGEINT),
            cast((later.total_high - earlier.total_high) * 100 AS HUGEINT)
        ]) AS change
    FROM change_scope AS scope
    INNER JOIN scored_town AS earlier
        ON scope.previous_year = earlier.year AND scope.town_id = earlier.town_id AND earlier.scenario = 'in_force'
    INNER JOIN scored_town AS later
        ON scope.year = later.year AND scope.town_id = later.town_id AND later.scenario = 'in_force'
),

summed AS (
    SELECT
        year,
        town_id,
        bound,
        sum(before) AS before,
        sum(change) AS change
    FROM item_change
    GROUP BY year, town_id, bound
),

limited AS (
    -- How much of what the items add reaches the total, where the total has a limit: the same share of each.
    SELECT
        town.*,
        cast(
            CASE WHEN summed.change <> 0 THEN abs(town.change) WHEN summed.before = town.before THEN 1 ELSE 0 END
            AS HUGEINT
        ) AS reach_n,
        cast(CASE WHEN summed.change <> 0 THEN abs(summed.change) ELSE 1 END AS HUGEINT) AS reach_d
    FROM town_change AS town
    INNER JOIN summed
        ON town.year = summed.year AND town.town_id = summed.town_id AND town.bound = summed.bound
),

item_rounded AS (
    -- In millionths of a point, half away from zero.
    SELECT
        item.year,
        item.town_id,
        item.item,
        item.bound,
        limited.previous_year,
        limited.is_final,
        limited.reach_n,
        limited.reach_d,
        abs(item.change) AS size,
        limited.change * 10000 AS town_amount,
        sign(item.change)
        * ((20000 * abs(item.change) * limited.reach_n + limited.reach_d) // (2 * limited.reach_d)) AS amount
    FROM item_change AS item
    INNER JOIN limited
        ON item.year = limited.year AND item.town_id = limited.town_id AND item.bound = limited.bound
),

item_amount AS (
    -- What rounding leaves over goes to the greatest. More than a few millionths is no rounding: the sum stays wrong.
    SELECT
        * REPLACE (
            cast(
                amount + CASE
                    WHEN
                        row_number() OVER town = 1 AND abs(town_amount - sum(amount) OVER whole_town) <= 100
                        THEN town_amount - sum(amount) OVER whole_town
                    ELSE 0
                END AS HUGEINT
            ) AS amount
        )
    FROM item_rounded
    WINDOW
        whole_town AS (PARTITION BY year, town_id, bound),
        town AS (PARTITION BY year, town_id, bound ORDER BY size DESC, item ASC)
),

part_rounded AS (
    SELECT
        share.*,
        item.previous_year,
        item.is_final,
        item.amount AS item_amount,
        sign(share.share_n)
        * (
            (20000 * abs(share.share_n) * item.reach_n + share.share_d * item.reach_d)
            // (2 * share.share_d * item.reach_d)
        ) AS amount
    FROM change_share AS share
    INNER JOIN item_amount AS item
        ON
            share.year = item.year
            AND share.town_id = item.town_id
            AND share.item = item.item
            AND share.bound = item.bound
),

part_amount AS (
    SELECT
        * REPLACE (
            cast(
                amount + CASE
                    WHEN
                        row_number() OVER item = 1 AND abs(item_amount - sum(amount) OVER whole_item) <= 100
                        THEN item_amount - sum(amount) OVER whole_item
                    ELSE 0
                END AS DECIMAL(14, 0)
            ) * cast(0.000001 AS DECIMAL(7, 6)) AS amount
        )
    FROM part_rounded
    WINDOW
        whole_item AS (PARTITION BY year, town_id, item, bound),
        item AS (
            PARTITION BY year, town_id, item, bound ORDER BY abs(amount) DESC, cause ASC, part ASC, indicator ASC
        )
),

part AS (
    SELECT
        year,
        town_id,
        item,
        cause,
        part,
        indicator,
        previous_year,
        is_final,
        before,
        after,
        cast(max(amount) FILTER (WHERE bound = 'low') AS DECIMAL(12, 6)) AS points_low,
        cast(max(amount) FILTER (WHERE bound = 'high') AS DECIMAL(12, 6)) AS points_high
    FROM part_amount
    GROUP BY year, town_id, item, cause, part, indicator, previous_year, is_final, before, after
),

figure AS (
    SELECT
        figure.year,
        figure.town_id,
        figure.indicator,
        indicator.unit,
        indicator.title_zh,
        indicator.title_en,
        unnest([TRUE, FALSE]) AS is_before,
        unnest([figure.numerator_before, figure.numerator_after]) AS numerator,
        unnest([figure.denominator_before, figure.denominator_after]) AS denominator
    FROM change_figure AS figure
    INNER JOIN rubric_indicator AS indicator
        ON figure.indicator = indicator.indicator
),

valued AS (
    -- Rates in hundredths of a percentage point, half up, for display only.
    SELECT
        *,
        CASE WHEN unit = 'percent' THEN '%' ELSE '' END AS sign,
        CASE
            WHEN denominator > 0
                THEN
                    cast(
                        (
                            2 * CASE WHEN unit = 'percent' THEN 10000 ELSE 100 END * cast(numerator * 100 AS HUGEINT)
                            + cast(denominator * 100 AS HUGEINT)
                        ) // (2 * cast(denominator * 100 AS HUGEINT)) AS DECIMAL(20, 0)
                    ) * cast(0.01 AS DECIMAL(3, 2))
        END AS value
    FROM figure
),

figure_text AS (
    SELECT
        year,
        town_id,
        indicator,
        title_zh,
        title_en,
        is_before,
        CASE
            WHEN unit = 'flag' THEN CASE WHEN numerator > 0 THEN '有' ELSE '无' END
            WHEN unit = 'count' THEN regexp_replace(cast(numerator AS VARCHAR), '\.?0+$', '')
            ELSE
                regexp_replace(cast(numerator AS VARCHAR), '\.?0+$', '') || '/'
                || regexp_replace(cast(denominator AS VARCHAR), '\.?0+$', '')
                || coalesce(' = ' || regexp_replace(cast(value AS VARCHAR), '\.?0+$', '') || sign, '')
        END AS told
    FROM valued
    WHERE numerator IS NOT NULL AND denominator IS NOT NULL
),

figure_told AS (
    SELECT
        year,
        town_id,
        indicator,
        any_value(title_zh) AS title_zh,
        any_value(title_en) AS title_en,
        coalesce(max(told) FILTER (WHERE is_before), '暂缺') || ' → '
        || coalesce(max(told) FILTER (WHERE NOT is_before), '暂缺') AS told_zh
    FROM figure_text
    GROUP BY year, town_id, indicator
),

score_told AS (
    SELECT
        scope.year,
        scope.town_id,
        judgement.item,
        max(regexp_replace(cast(judgement.score AS VARCHAR), '\.?0+$', '')) FILTER (
            WHERE judgement.year = scope.previous_year
        ) AS before,
        max(regexp_replace(cast(judgement.score AS VARCHAR), '\.?0+$', '')) FILTER (WHERE judgement.year = scope.year)
            AS after
    FROM change_scope AS scope
    INNER JOIN (
        SELECT
            *,
            cast((20000 * score_n + score_d) // (2 * score_d) AS DECIMAL(20, 0)) * cast(0.0001 AS DECIMAL(5, 4))
                AS score
        FROM judgement
    ) AS judgement
        ON scope.town_id = judgement.town_id AND judgement.year IN (scope.previous_year, scope.year)
    GROUP BY scope.year, scope.town_id, judgement.item
),

merged_told AS (
    SELECT
        year,
        town_id,
        string_agg(absorbed_id, '、' ORDER BY absorbed_id) AS told
    FROM change_absorbed
    GROUP BY year, town_id
),

worded AS (
    SELECT
        part.*,
        CASE
            WHEN part.part IN ('numerator', 'denominator', 'figure') THEN figure.title_zh || ' ' || figure.told_zh
            WHEN part.part = 'score' AND item.kind = 'bonus'
                THEN '加分 ' || coalesce(score.before, '无') || ' → ' || coalesce(score.after, '无')
            WHEN part.part = 'score'
                THEN '评分 ' || coalesce(score.before, '暂缺') || ' → ' || coalesce(score.after, '暂缺')
            WHEN part.part = 'review'
                THEN
                    '复核更正 ' || coalesce(regexp_replace(cast(part.before AS VARCHAR), '\.?0+$', ''), '无') || ' → '
                    || coalesce(regexp_replace(cast(part.after AS VARCHAR), '\.?0+$', ''), '无')
            ELSE '撤并：' || merged.told || ' 的数据合并计算'
        END AS explanation_zh,
        CASE
            WHEN part.part IN ('numerator', 'denominator', 'figure')
                THEN
                    figure.title_en || ' '
                    || replace(replace(replace(figure.told_zh, '暂缺', 'missing'), '有', 'yes'), '无', 'no')
            WHEN part.part = 'score' AND item.kind = 'bonus'
                THEN 'bonus ' || coalesce(score.before, 'none') || ' → ' || coalesce(score.after, 'none')
            WHEN part.part = 'score'
                THEN 'judged ' || coalesce(score.before, 'missing') || ' → ' || coalesce(score.after, 'missing')
            WHEN part.part = 'review'
                THEN
                    'review ' || coalesce(regexp_replace(cast(part.before AS VARCHAR), '\.?0+$', ''), 'none') || ' → '
                    || coalesce(regexp_replace(cast(part.after AS VARCHAR), '\.?0+$', ''), 'none')
            ELSE 'merged: the figures of ' || merged.told || ' counted together'
        END AS explanation_en
    FROM part
    INNER JOIN rubric_item AS item
        ON part.item = item.item
    LEFT JOIN figure_told AS figure
        ON part.year = figure.year AND part.town_id = figure.town_id AND part.indicator = figure.indicator
    LEFT JOIN score_told AS score
        ON part.year = score.year AND part.town_id = score.town_id AND part.item = score.item
    LEFT JOIN merged_told AS merged
        ON part.year = merged.year AND part.town_id = merged.town_id
    WHERE part.points_low <> 0 OR part.points_high <> 0
)

SELECT
    year,
    town_id,
    item,
    cause,
    part,
    indicator,
    previous_year,
    CASE WHEN is_final THEN points_low END AS points,
    points_low,
    points_high,
    before,
    after,
    explanation_zh,
    explanation_en
FROM worded
