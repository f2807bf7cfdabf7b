/*
grain: one row per town, indicator and change of its figure that may gain points or meet a condition
columns:
  change: whole units more of the numerator; fewer where less is better; of a ratio more of the denominator
  numerator: numerator after the change
  denominator: denominator after the change
*/
-- Only candidates: what a change really gives is scored by the models themselves.
WITH term AS (
    SELECT
        scored.year,
        scored.town_id,
        scored.item,
        scored.term,
        scored.kind,
        scored.indicator,
        scope.every_level,
        rule.* EXCLUDE (scenario, item, term, kind, indicator, points),
        indicator.unit,
        cast(value.numerator * 100 AS HUGEINT) AS n,
        cast(value.denominator * 100 AS HUGEINT) AS d,
        cast(rule.points * 100 AS HUGEINT) AS points_n,
        cast(100 AS HUGEINT) AS points_d,
        cast(item.available * 100 AS HUGEINT) AS available,
        cast(item.points_low * 100 AS HUGEINT) AS points_low,
        scored.best_n,
        scored.best_d
    FROM scored_term AS scored
    INNER JOIN lever_scope AS scope
        ON scored.year = scope.year AND scored.town_id = scope.town_id
    INNER JOIN rubric_term AS rule
        ON scored.scenario = rule.scenario AND scored.item = rule.item AND scored.term = rule.term
    INNER JOIN rubric_indicator AS indicator
        ON scored.indicator = indicator.indicator
    INNER JOIN indicator_value AS value
        ON scored.year = value.year AND scored.town_id = value.town_id AND scored.indicator = value.indicator
    INNER JOIN scored_item AS item
        ON
            scored.scenario = item.scenario
            AND scored.year = item.year
            AND scored.town_id = item.town_id
            AND scored.item = item.item
    -- A score replaced on review no longer follows the figure.
    ANTI JOIN adjustment AS adjusted
        ON scored.year = adjusted.year AND scored.town_id = adjusted.town_id AND scored.item = adjusted.item
    WHERE
        scored.scenario = 'in_force'
        AND scored.status = 'scored'
        AND (value.denominator > 0 OR indicator.unit = 'ratio')
        AND (
            (scored.kind = 'condition' AND NOT scored.is_met)
            OR (scored.kind <> 'condition' AND scored.loss_n > 0)
        )
),

others AS (
    -- What the other terms of the item take, as one exact ratio.
    SELECT
        term.year,
        term.town_id,
        term.term,
        list({'n': other.worst_n, 'd': other.worst_d}) AS losses
    FROM term
    INNER JOIN scored_term AS other
        ON
            term.year = other.year
            AND term.town_id = other.town_id
            AND term.item = other.item
            AND term.term <> other.term
    WHERE other.scenario = 'in_force'
    GROUP BY ALL
),

other AS (
    SELECT
        year,
        town_id,
        term,
        list_reduce(losses, lambda a, b : {'n': a.n * b.d + b.n * a.d, 'd': a.d * b.d}) AS loss  -- noqa: PRS
    FROM others
),

within AS (
    -- The most the item can come to by this term alone, in hundredths rounded half up.
    SELECT
        term.*,
        coalesce(other.loss.n, 0) AS other_n,
        coalesce(other.loss.d, 1) AS other_d,
        (2 * term.available * coalesce(other.loss.d, 1) - 200 * coalesce(other.loss.n, 0) + coalesce(other.loss.d, 1))
        // (2 * coalesce(other.loss.d, 1)) AS most
    FROM term
    LEFT JOIN other
        ON term.year = other.year AND term.town_id = other.town_id AND term.term = other.term
),

aimed AS (
    SELECT
        *,
        unnest(CASE
            WHEN kind IN ('condition', 'tiers', 'flag') THEN [NULL]
            WHEN every_level OR part_step IN ('whole', 'started')
                THEN range(cast(points_low AS BIGINT) + 1, cast(most AS BIGINT) + 1)
            WHEN most > points_low THEN [cast(points_low AS BIGINT) + 1, cast(most AS BIGINT)]
        END) AS level
    FROM within
),

allowed AS (
    -- To reach ``level`` hundredths the term may take (2 available - 2 level + 1) / 200 less what the others take.
    SELECT
        *,
        (2 * available - 2 * level + 1) * other_d - 200 * other_n AS loss_n,
        200 * other_d AS loss_d
    FROM aimed
),

wanted AS (
    SELECT
        *,
        least((loss_n * loss_per_step_d) // (loss_d * loss_per_step_n), 1000000) AS steps
    FROM allowed
),

threshold AS (
    -- The figure that is good enough, as an exact ratio; ``beyond`` where it must be passed, not only reached.
    SELECT
        year,
        town_id,
        indicator,
        unit,
        direction,
        n,
        d,
        cliff_n,
        cliff_d,
        coalesce(part_step = 'whole', FALSE) AS beyond,
        CASE
            WHEN kind = 'flag' THEN 1
            WHEN below_target = 'nothing' OR kind = 'condition' THEN target_n
            WHEN part_step = 'pro_rata'
                THEN
                    target_n * step_d * loss_per_step_n * loss_d
                    + CASE WHEN direction = 'at_most' THEN 1 ELSE -1 END
                    * loss_n * loss_per_step_d * step_n * target_d
            WHEN part_step = 'whole'
                THEN
                    target_n * step_d
                    + CASE WHEN direction = 'at_most' THEN 1 ELSE -1 END * (steps + 1) * step_n * target_d
            WHEN part_step = 'started'
                THEN target_n * step_d + CASE WHEN direction = 'at_most' THEN 1 ELSE -1 END * steps * step_n * target_d
            WHEN kind = 'proportion' AND direction = 'at_most' THEN target_n * points_n * loss_d
            WHEN kind = 'proportion' THEN target_n * (points_n * loss_d - loss_n * points_d)
        END AS figure_n,
        CASE
            WHEN kind = 'flag' THEN 1
            WHEN below_target = 'nothing' OR kind = 'condition' THEN target_d
            WHEN part_step = 'pro_rata' THEN target_d * step_d * loss_per_step_n * loss_d
            WHEN part_step IN ('whole', 'started') THEN target_d * step_d
            WHEN kind = 'proportion' AND direction = 'at_most' THEN target_d * (points_n * loss_d - loss_n * points_d)
            WHEN kind = 'proportion' THEN target_d * points_n * loss_d
        END AS figure_d
    FROM wanted
    WHERE kind <> 'tiers'
    UNION ALL
    SELECT
        term.year,
        term.town_id,
        term.indicator,
        term.unit,
        term.direction,
        term.n,
        term.d,
        term.cliff_n,
        term.cliff_d,
        FALSE AS beyond,
        tier.at_least_n AS figure_n,
        tier.at_least_d AS figure_d
    FROM term
    INNER JOIN rubric_tier AS tier
        ON term.item = tier.item AND term.term = tier.term
    WHERE tier.scenario = 'in_force'
),

-- Short of a cliff all is lost, whatever the steps say.
named AS (
    SELECT
        year,
        town_id,
        indicator,
        unit,
        direction,
        n,
        d,
        beyond,
        figure_n,
        figure_d
    FROM threshold
    WHERE figure_d > 0 AND figure_n >= 0
    UNION ALL
    SELECT
        year,
        town_id,
        indicator,
        unit,
        direction,
        n,
        d,
        FALSE AS beyond,
        cliff_n AS figure_n,
        cliff_d AS figure_d
    FROM threshold
    WHERE cliff_n IS NOT NULL
),

changed AS (
    -- How many whole units it takes; one unit is 100 of the hundredths that n and d are in.
    SELECT DISTINCT
        year,
        town_id,
        indicator,
        unit,
        direction,
        n,
        d,
        CASE
            WHEN unit = 'ratio' AND beyond THEN (n * figure_d - d * figure_n) // (figure_n * 100) + 1
            WHEN unit = 'ratio' THEN (n * figure_d - d * figure_n + figure_n * 100 - 1) // (figure_n * 100)
            WHEN direction = 'at_most' AND beyond THEN (n * figure_d - figure_n * d) // (figure_d * 100) + 1
            WHEN direction = 'at_most' THEN (n * figure_d - figure_n * d + figure_d * 100 - 1) // (figure_d * 100)
            WHEN beyond THEN (figure_n * d - n * figure_d) // (figure_d * 100) + 1
            ELSE (figure_n * d - n * figure_d + figure_d * 100 - 1) // (figure_d * 100)
        END AS change
    FROM named
    WHERE unit <> 'ratio' OR figure_n > 0
)

SELECT
    year,
    town_id,
    indicator,
    cast(change AS BIGINT) AS change,
    cast(
        CASE
            WHEN unit = 'ratio' THEN n
            WHEN direction = 'at_most' THEN n - 100 * change
            ELSE n + 100 * change
        END AS DECIMAL(22, 0)
    ) * cast(0.01 AS DECIMAL(3, 2)) AS numerator,
    cast(CASE WHEN unit = 'ratio' THEN d + 100 * change ELSE d END AS DECIMAL(22, 0)) * cast(0.01 AS DECIMAL(3, 2))
        AS denominator
FROM changed
WHERE
    change > 0
    AND (direction = 'at_least' OR unit = 'ratio' OR n >= 100 * change)
    AND (unit <> 'percent' OR direction = 'at_most' OR n + 100 * change <= d)
