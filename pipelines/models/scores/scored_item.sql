/*
grain: one row per scenario, year, town and item
by_town: true
columns:
  available: points the item can give
  status: scored, judged, missing or not_applicable
  is_met: for a condition, whether all its targets are reached; unknown while one has no figure
  points: points of the item, clipped to 0 and what is available, rounded half up to two decimals; empty while missing
  points_low: the least the item can still come to (points)
  points_high: the most the item can still come to (points)
  points_before_adjustment: what the rubric alone gave, where a review replaced it (points)
*/
WITH pool AS (
    SELECT
        term.scenario,
        term.year,
        term.town_id,
        term.item,
        bool_or(term.status = 'missing') AS has_missing,
        bool_and(term.status = 'not_applicable') AS is_not_applicable,
        bool_and(term.kind IN ('judged', 'bonus')) AS is_judged,
        CASE
            WHEN bool_or(NOT term.is_met AND term.status <> 'missing') THEN FALSE
            WHEN NOT bool_or(term.status = 'missing') THEN TRUE
        END AS is_met,
        max(term.terms_of_item) > 1 AS has_several,
        any_value(term.best_n) AS best_n,
        any_value(term.best_d) AS best_d,
        any_value(term.worst_n) AS worst_n,
        any_value(term.worst_d) AS worst_d,
        list({'n': term.best_n, 'd': term.best_d}) FILTER (WHERE term.terms_of_item > 1) AS best_losses,
        list({'n': term.worst_n, 'd': term.worst_d}) FILTER (WHERE term.terms_of_item > 1) AS worst_losses
    FROM scored_term AS term
    GROUP BY term.scenario, term.year, term.town_id, term.item
),

summed AS (
    -- Losses are exact ratios with denominators of their own, so they are added as fractions are. Gathering them costs
    -- far more than taking one, and nearly all items have one term.
    SELECT
        *,
        list_reduce(best_losses, lambda a, b : {'n': a.n * b.d + b.n * a.d, 'd': a.d * b.d}) AS best_sum,  -- noqa: PRS
        list_reduce(worst_losses, lambda a, b : {'n': a.n * b.d + b.n * a.d, 'd': a.d * b.d}) AS worst_sum  -- noqa: PRS
    FROM pool
),

loss AS (
    SELECT
        * REPLACE (
            CASE WHEN has_several THEN best_sum.n ELSE best_n END AS best_n,
            CASE WHEN has_several THEN best_sum.d ELSE best_d END AS best_d,
            CASE WHEN has_several THEN worst_sum.n ELSE worst_n END AS worst_n,
            CASE WHEN has_several THEN worst_sum.d ELSE worst_d END AS worst_d
        )
    FROM summed
),

remaining AS (
    SELECT
        loss.scenario,
        loss.year,
        loss.town_id,
        item.item,
        item.kind,
        item.available,
        loss.has_missing,
        loss.is_not_applicable,
        loss.is_judged,
        loss.is_met,
        cast(item.available * 100 AS HUGEINT) * loss.best_d - 100 * loss.best_n AS high_n,
        100 * loss.best_d AS high_d,
        cast(item.available * 100 AS HUGEINT) * loss.worst_d - 100 * loss.worst_n AS low_n,
        100 * loss.worst_d AS low_d
    FROM loss
    INNER JOIN rubric_item AS item
        ON loss.item = item.item
),

rounded AS (
    -- Half up to whole hundredths, the one rounding there is. A bonus has no ceiling of its own.
    SELECT
        *,
        greatest((200 * high_n + high_d) // (2 * high_d), 0) AS high_hundredths,
        greatest((200 * low_n + low_d) // (2 * low_d), 0) AS low_hundredths
    FROM remaining
),

computed AS (
    SELECT
        *,
        cast(high_hundredths AS DECIMAL(9, 0)) * cast(0.01 AS DECIMAL(3, 2)) AS computed_high,
        cast(low_hundredths AS DECIMAL(9, 0)) * cast(0.01 AS DECIMAL(3, 2)) AS computed_low
    FROM rounded
),

clipped AS (
    SELECT
        * REPLACE (
            CASE WHEN kind = 'bonus' THEN computed_high ELSE least(computed_high, available) END AS computed_high,
            CASE WHEN kind = 'bonus' THEN computed_low ELSE least(computed_low, available) END AS computed_low
        )
    FROM computed
),

reviewed AS (
    SELECT
        clipped.*,
        adjustment.adjusted_points,
        -- An adjustment that is itself in quarantine leaves the item open.
        clipped.has_missing OR withheld.source IS NOT NULL AS is_open
    FROM clipped
    LEFT JOIN adjustment
        ON
            clipped.year = adjustment.year
            AND clipped.town_id = adjustment.town_id
            AND clipped.item = adjustment.item
    LEFT JOIN withheld_item AS withheld
        ON
            withheld.source = 'adjustments'
            AND clipped.year = withheld.year
            AND clipped.town_id = withheld.town_id
            AND clipped.item = withheld.item
)

SELECT
    scenario,
    year,
    town_id,
    item,
    kind,
    available,
    CASE
        WHEN adjusted_points IS NOT NULL AND is_judged THEN 'judged'
        WHEN adjusted_points IS NOT NULL THEN 'scored'
        WHEN is_open THEN 'missing'
        WHEN is_not_applicable THEN 'not_applicable'
        WHEN is_judged THEN 'judged'
        ELSE 'scored'
    END AS status,
    CASE WHEN kind = 'condition' THEN is_met END AS is_met,
    cast(
        CASE
            WHEN adjusted_points IS NOT NULL THEN adjusted_points
            WHEN NOT is_open THEN computed_high
        END AS DECIMAL(9, 2)
    ) AS points,
    cast(coalesce(adjusted_points, computed_low) AS DECIMAL(9, 2)) AS points_low,
    cast(coalesce(adjusted_points, computed_high) AS DECIMAL(9, 2)) AS points_high,
    cast(
        CASE WHEN adjusted_points IS NOT NULL AND NOT has_missing THEN computed_high END AS DECIMAL(9, 2)
    ) AS points_before_adjustment
FROM reviewed
