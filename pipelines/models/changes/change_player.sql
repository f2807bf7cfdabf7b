/*
grain: one row per town in scope, item and thing the item looks at that is not the same in both years (a player)
columns:
  cause: performance, revision, judgement, adjustment or coverage
  indicator: indicator whose figure it is; empty where it is none
  part: numerator, denominator, figure (where it can be divided in one year only), score or review
  before: how much it was, where it is one number
  after: how much it is
  group_no: number of the figure, score or review it belongs to among those of the item, from 0
  group_size: two where numerator and denominator of the figure both change, else one
  groups: how many figures, scores and reviews the item has that change
*/
WITH pair AS (
    SELECT
        earlier.year,
        earlier.town_id,
        earlier.item,
        earlier.kind,
        earlier.indicator,
        earlier.status = 'missing' AS was_missing,
        later.status = 'missing' AS is_missing,
        CASE
            WHEN earlier.status <> later.status THEN TRUE
            ELSE coalesce(earlier.loss_n <> later.loss_n OR earlier.loss_d <> later.loss_d, FALSE)
        END AS is_other
    FROM change_term AS earlier
    INNER JOIN change_term AS later
        ON earlier.year = later.year AND earlier.town_id = later.town_id AND earlier.term = later.term
    WHERE earlier.state = 'before' AND later.state = 'after'
),

looked_at AS (
    SELECT
        year,
        town_id,
        item,
        indicator,
        bool_or(was_missing <> is_missing) AS is_covered_once
    FROM pair
    WHERE indicator IS NOT NULL
    GROUP BY year, town_id, item, indicator
),

figure AS (
    SELECT
        looked_at.item,
        figure.*,
        figure.numerator_before IS NOT NULL
        AND figure.numerator_after IS NOT NULL
        AND coalesce(figure.denominator_before > 0 AND figure.denominator_after > 0, FALSE) AS is_split,
        CASE WHEN looked_at.is_covered_once THEN 'coverage' ELSE scope.figure_cause END AS cause
    FROM looked_at
    INNER JOIN change_scope AS scope
        ON looked_at.year = scope.year AND looked_at.town_id = scope.town_id
    INNER JOIN change_figure AS figure
        ON
            looked_at.year = figure.year
            AND looked_at.town_id = figure.town_id
            AND looked_at.indicator = figure.indicator
),

decided AS (
    SELECT
        year,
        town_id,
        item,
        adjusted_points,
        FALSE AS is_withheld
    FROM adjustment
    UNION ALL
    SELECT
        year,
        town_id,
        item,
        NULL AS adjusted_points,
        TRUE AS is_withheld
    FROM withheld_item
    WHERE source = 'adjustments'
),

review AS (
    SELECT
        scope.year,
        scope.town_id,
        item.item,
        max(decided.adjusted_points) FILTER (WHERE decided.year = scope.previous_year) AS points_before,
        max(decided.adjusted_points) FILTER (WHERE decided.year = scope.year) AS points_after,
        coalesce(bool_or(decided.is_withheld) FILTER (WHERE decided.year = scope.previous_year), FALSE) AS was_withheld,
        coalesce(bool_or(decided.is_withheld) FILTER (WHERE decided.year = scope.year), FALSE) AS is_withheld
    FROM change_scope AS scope
    INNER JOIN decided
        ON scope.town_id = decided.town_id AND decided.year IN (scope.previous_year, scope.year)
    INNER JOIN rubric_item AS item
        ON decided.item = item.item
    WHERE item.kind <> 'condition'
    GROUP BY scope.year, scope.town_id, item.item
),

player AS (
    SELECT
        year,
        town_id,
        item,
        cause,
        indicator,
        'numerator' AS part,
        indicator AS group_name,
        numerator_before AS before,
        numerator_after AS after
    FROM figure
    WHERE is_split AND numerator_before <> numerator_after
    UNION ALL
    SELECT
        year,
        town_id,
        item,
        cause,
        indicator,
        'denominator' AS part,
        indicator AS group_name,
        denominator_before AS before,
        denominator_after AS after
    FROM figure
    WHERE is_split AND denominator_before <> denominator_after
    UNION ALL
    SELECT
        year,
        town_id,
        item,
        cause,
        indicator,
        'figure' AS part,
        indicator AS group_name,
        NULL AS before,
        NULL AS after
    FROM figure
    WHERE
        NOT is_split
        AND (
            numerator_before IS DISTINCT FROM numerator_after OR denominator_before IS DISTINCT FROM denominator_after
        )
    UNION ALL
    SELECT
        year,
        town_id,
        item,
        CASE WHEN bool_or(was_missing <> is_missing) THEN 'coverage' ELSE 'judgement' END AS cause,
        '' AS indicator,
        'score' AS part,
        '/score' AS group_name,
        NULL AS before,
        NULL AS after
    FROM pair
    WHERE kind IN ('judged', 'bonus') AND is_other
    GROUP BY year, town_id, item
    UNION ALL
    SELECT
        year,
        town_id,
        item,
        CASE
            WHEN (was_withheld AND points_before IS NULL) <> (is_withheld AND points_after IS NULL) THEN 'coverage'
            ELSE 'adjustment'
        END AS cause,
        '' AS indicator,
        'review' AS part,
        '/review' AS group_name,
        points_before AS before,
        points_after AS after
    FROM review
    WHERE points_before IS DISTINCT FROM points_after OR was_withheld <> is_withheld
),

numbered AS (
    SELECT
        *,
        dense_rank() OVER (PARTITION BY year, town_id, item ORDER BY group_name) - 1 AS group_no,
        cast(count(*) OVER (PARTITION BY year, town_id, item, group_name) AS INTEGER) AS group_size
    FROM player
)

SELECT
    * EXCLUDE (group_name),
    cast(max(group_no) OVER (PARTITION BY year, town_id, item) + 1 AS INTEGER) AS groups
FROM numbered
