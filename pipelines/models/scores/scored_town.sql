/*
grain: one row per scenario, year and town
columns:
  status: final, or provisional while an item is missing
  points: sum of the items, without bonus; empty while provisional (points)
  bonus: sum of the bonus items (points)
  total: what is graded, under the reading of bonus_cap in force; empty while provisional (points)
  total_low: the least the total can still come to (points)
  total_high: the most the total can still come to (points)
  condition_met: whether every condition of the rubric is met; unknown while a figure is missing
  grade: the grade; empty while the range spans more than one
  grade_low: the grade at the low end of the range
  grade_high: the grade at the high end of the range
  rank: competition rank on the total (1, 2, 2, 4) among towns whose result is final
*/
WITH summed AS (
    SELECT
        scenario,
        year,
        town_id,
        sum(points_low) FILTER (WHERE kind = 'scored') AS points_low,
        sum(points_high) FILTER (WHERE kind = 'scored') AS points_high,
        coalesce(sum(points_low) FILTER (WHERE kind = 'bonus'), 0) AS bonus_low,
        coalesce(sum(points_high) FILTER (WHERE kind = 'bonus'), 0) AS bonus_high,
        bool_and(status <> 'missing') FILTER (WHERE kind <> 'condition') AS is_final
    FROM scored_item
    GROUP BY scenario, year, town_id
),

totalled AS (
    SELECT
        summed.*,
        scenario.grade_gap,
        CASE scenario.bonus_cap
            WHEN 'excluded' THEN points_low
            WHEN 'uncapped' THEN points_low + bonus_low
            ELSE least(points_low + bonus_low, 100)
        END AS total_low,
        CASE scenario.bonus_cap
            WHEN 'excluded' THEN points_high
            WHEN 'uncapped' THEN points_high + bonus_high
            ELSE least(points_high + bonus_high, 100)
        END AS total_high
    FROM summed
    INNER JOIN rubric_scenario AS scenario
        ON summed.scenario = scenario.scenario
),

graded_on AS (
    -- Both branches in hundredths: a whole number beside a decimal would have the database drop the decimals.
    SELECT
        *,
        CASE
            WHEN grade_gap = 'half_up' THEN cast(floor(total_low + 0.5) AS DECIMAL(9, 2))
            ELSE cast(total_low AS DECIMAL(9, 2))
        END AS graded_low,
        CASE
            WHEN grade_gap = 'half_up' THEN cast(floor(total_high + 0.5) AS DECIMAL(9, 2))
            ELSE cast(total_high AS DECIMAL(9, 2))
        END AS graded_high
    FROM totalled
),

condition AS (
    -- An unmet condition leaves at best the grade below the one it bars; an unknown one may still do so.
    SELECT
        item.scenario,
        item.year,
        item.town_id,
        CASE
            WHEN bool_or(NOT item.is_met) THEN FALSE
            WHEN bool_and(item.is_met IS NOT NULL) THEN TRUE
        END AS condition_met,
        max(band.position + 1) FILTER (WHERE NOT item.is_met) AS best_position,
        max(band.position + 1) FILTER (WHERE item.is_met IS NULL OR NOT item.is_met) AS best_position_low
    FROM scored_item AS item
    INNER JOIN rubric_condition AS rule
        ON item.scenario = rule.scenario AND item.item = rule.item
    LEFT JOIN rubric_band AS band
        ON rule.scenario = band.scenario AND rule.bars_grade = band.grade
    GROUP BY item.scenario, item.year, item.town_id
),

placed AS (
    SELECT
        graded_on.*,
        condition.condition_met,
        greatest(band_low.position, coalesce(condition.best_position_low, 1)) AS position_low,
        greatest(band_high.position, coalesce(condition.best_position, 1)) AS position_high
    FROM graded_on
    LEFT JOIN condition
        ON
            graded_on.scenario = condition.scenario
            AND graded_on.year = condition.year
            AND graded_on.town_id = condition.town_id
    INNER JOIN rubric_band AS band_low
        ON
            graded_on.scenario = band_low.scenario
            AND (band_low.at_least IS NULL OR graded_on.graded_low >= band_low.at_least)
            AND (band_low.above IS NULL OR graded_on.graded_low > band_low.above)
            AND (band_low.at_most IS NULL OR graded_on.graded_low <= band_low.at_most)
            AND (band_low.below IS NULL OR graded_on.graded_low < band_low.below)
    INNER JOIN rubric_band AS band_high
        ON
            graded_on.scenario = band_high.scenario
            AND (band_high.at_least IS NULL OR graded_on.graded_high >= band_high.at_least)
            AND (band_high.above IS NULL OR graded_on.graded_high > band_high.above)
            AND (band_high.at_most IS NULL OR graded_on.graded_high <= band_high.at_most)
            AND (band_high.below IS NULL OR graded_on.graded_high < band_high.below)
)

SELECT
    placed.scenario,
    placed.year,
    placed.town_id,
    CASE WHEN placed.is_final THEN 'final' ELSE 'provisional' END AS status,
    cast(CASE WHEN placed.is_final THEN placed.points_high END AS DECIMAL(9, 2)) AS points,
    cast(placed.bonus_high AS DECIMAL(9, 2)) AS bonus,
    cast(CASE WHEN placed.is_final THEN placed.total_high END AS DECIMAL(9, 2)) AS total,
    cast(placed.total_low AS DECIMAL(9, 2)) AS total_low,
    cast(placed.total_high AS DECIMAL(9, 2)) AS total_high,
    placed.condition_met,
    CASE WHEN placed.position_low = placed.position_high THEN low.grade END AS grade,
    low.grade AS grade_low,
    high.grade AS grade_high,
    CASE
        WHEN placed.is_final
            THEN rank() OVER (
                PARTITION BY placed.scenario, placed.year, placed.is_final ORDER BY placed.total_high DESC
            )
    END AS rank
FROM placed
INNER JOIN rubric_band AS low
    ON placed.scenario = low.scenario AND placed.position_low = low.position
INNER JOIN rubric_band AS high
    ON placed.scenario = high.scenario AND placed.position_high = high.position
