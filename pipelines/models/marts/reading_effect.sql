/*
grain: one row per year, town and open reading, and how much of what the readings can do to the town is its doing
key: [year, town_id, interpretation]
columns:
  interpretation: the open reading
  items: items the reading bites on; empty where it bites on the total
  clauses: the clauses of those items
  bites: whether the total or the grade is another one somewhere for this reading alone
  points_main_n: >-
    of the variance of the total over all combinations, the part that is this reading's alone (main effect), times
    combinations squared, in square hundredths of a point
  points_total_n: the part in which this reading has a hand, alone or with others (total effect), same unit
  points_d: the whole variance, same unit; 0 where no reading moves the total
  grade_main_n: >-
    the same of the grade being the one published (1) or another (0), main effect, in combinations squared
  grade_total_n: total effect; above 0 exactly where the grade depends on the reading
  grade_d: the whole; 0 where every combination gives the same answer
*/
-- Exact: sums of whole numbers over a balanced design, never a mean. With N combinations of which each option of the
-- reading has N/L, the main effect is L Σ(sum of an option)² - (sum)² and what the others explain together is
-- (N/L) Σ(sum over the options)² - (sum)²; the total effect is what they leave of N Σ y² - (sum)².
WITH setting AS (
    -- By numbers: over every combination of every town, texts would be what takes the time.
    SELECT
        scenario,
        interpretation,
        options,
        dense_rank() OVER (ORDER BY interpretation, setting) AS setting_no,
        dense_rank() OVER (ORDER BY interpretation, others) AS others_no
    FROM reading_setting
),

measured AS (
    SELECT
        scored.scenario,
        scored.year,
        scored.town_id,
        cast(scored.total_low * 100 AS BIGINT) AS points,
        cast(scored.grade IS NOT DISTINCT FROM published.grade AS BIGINT) AS is_same
    FROM reading_scored_town AS scored
    INNER JOIN scored_town AS published
        ON scored.year = published.year AND scored.town_id = published.town_id AND published.scenario = 'in_force'
),

whole AS (
    SELECT
        year,
        town_id,
        count(*) AS cells,
        sum(points) AS points,
        sum(points * points) AS points_squared,
        sum(is_same) AS is_same
    FROM measured
    GROUP BY year, town_id
),

by_option AS (
    SELECT
        measured.year,
        measured.town_id,
        setting.setting_no,
        any_value(setting.interpretation) AS interpretation,
        any_value(setting.options) AS options,
        sum(measured.points) AS points,
        sum(measured.is_same) AS is_same
    FROM measured
    INNER JOIN setting
        ON measured.scenario = setting.scenario
    GROUP BY measured.year, measured.town_id, setting.setting_no
),

by_others AS (
    SELECT
        measured.year,
        measured.town_id,
        setting.others_no,
        any_value(setting.interpretation) AS interpretation,
        sum(measured.points) AS points,
        sum(measured.is_same) AS is_same
    FROM measured
    INNER JOIN setting
        ON measured.scenario = setting.scenario
    GROUP BY measured.year, measured.town_id, setting.others_no
),

own AS (
    SELECT
        year,
        town_id,
        interpretation,
        any_value(options) AS options,
        any_value(options) * sum(points * points) AS points_squares,
        any_value(options) * sum(is_same * is_same) AS same_squares
    FROM by_option
    GROUP BY year, town_id, interpretation
),

others AS (
    SELECT
        year,
        town_id,
        interpretation,
        sum(points * points) AS points_squares,
        sum(is_same * is_same) AS same_squares
    FROM by_others
    GROUP BY year, town_id, interpretation
),

bitten AS (
    SELECT
        used.interpretation,
        string_agg(item.item, '; ' ORDER BY item.position) AS items,
        string_agg(item.clause, '; ' ORDER BY item.position) AS clauses
    FROM rubric_reading_use AS used
    INNER JOIN rubric_item AS item
        ON used.item = item.item
    GROUP BY used.interpretation
),

effect AS (
    SELECT
        own.year,
        own.town_id,
        own.interpretation,
        own.points_squares - whole.points * whole.points AS points_main_n,
        whole.cells * whole.points_squared - whole.cells // own.options * others.points_squares AS points_total_n,
        whole.cells * whole.points_squared - whole.points * whole.points AS points_d,
        own.same_squares - whole.is_same * whole.is_same AS grade_main_n,
        whole.cells * whole.is_same - whole.cells // own.options * others.same_squares AS grade_total_n,
        whole.cells * whole.is_same - whole.is_same * whole.is_same AS grade_d
    FROM own
    INNER JOIN others
        ON own.year = others.year AND own.town_id = others.town_id AND own.interpretation = others.interpretation
    INNER JOIN whole
        ON own.year = whole.year AND own.town_id = whole.town_id
)

SELECT
    effect.year,
    effect.town_id,
    effect.interpretation,
    bitten.items,
    bitten.clauses,
    effect.points_total_n > 0 OR effect.grade_total_n > 0 AS bites,
    cast(effect.points_main_n AS DECIMAL(38, 0)) AS points_main_n,
    cast(effect.points_total_n AS DECIMAL(38, 0)) AS points_total_n,
    cast(effect.points_d AS DECIMAL(38, 0)) AS points_d,
    cast(effect.grade_main_n AS DECIMAL(38, 0)) AS grade_main_n,
    cast(effect.grade_total_n AS DECIMAL(38, 0)) AS grade_total_n,
    cast(effect.grade_d AS DECIMAL(38, 0)) AS grade_d
FROM effect
LEFT JOIN bitten
    ON effect.interpretation = bitten.interpretation
