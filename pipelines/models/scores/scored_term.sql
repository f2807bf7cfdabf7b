/*
grain: one row per scenario, year, town, item and term
by_town: true
columns:
  terms_of_item: how many terms the item has
  status: scored, judged, missing or not_applicable
  is_met: whether the target is reached; unknown without a figure
  steps_n: steps the figure falls short of its target, numerator, under the part-step policy in force
  steps_d: steps the figure falls short of its target, denominator
  loss_n: points the term takes, exact numerator; a bonus takes a negative number; empty while the term is missing
  loss_d: points the term takes, exact denominator
  best_n: the least the term can still take, numerator; a bonus whose entry is in quarantine could give anything
  best_d: the least the term can still take, denominator
  worst_n: the most the term can still take, numerator
  worst_d: the most the term can still take, denominator
*/
-- Every term kind of the rubric is interpreted here and nowhere else. All arithmetic is on integers.
WITH counted AS (
    SELECT
        *,
        count(*) OVER (PARTITION BY scenario, item) AS terms_of_item
    FROM rubric_term
),

figure AS (
    SELECT
        term.*,
        town_year.year,
        town_year.town_id,
        judgement.score_n,
        judgement.score_d,
        withheld.item IS NOT NULL AS is_withheld,
        cast(term.points * 100 AS HUGEINT) AS points_n,
        cast(100 AS HUGEINT) AS points_d,
        cast(value.numerator * 100 AS HUGEINT) AS n,
        cast(value.denominator * 100 AS HUGEINT) AS d
    FROM counted AS term
    CROSS JOIN town_year
    LEFT JOIN indicator_value AS value
        ON
            town_year.year = value.year
            AND town_year.town_id = value.town_id
            AND term.indicator = value.indicator
    LEFT JOIN judgement
        ON
            term.kind IN ('judged', 'bonus')
            AND town_year.year = judgement.year
            AND town_year.town_id = judgement.town_id
            AND term.item = judgement.item
    LEFT JOIN withheld_item AS withheld
        ON
            term.kind = 'bonus'
            AND withheld.source = 'assessor_scores'
            AND town_year.year = withheld.year
            AND town_year.town_id = withheld.town_id
            AND term.item = withheld.item
),

standing AS (
    SELECT
        * REPLACE (n // greatest(gcd(n, d), 1) AS n, d // greatest(gcd(n, d), 1) AS d),
        CASE
            WHEN kind IN ('judged', 'bonus') AND score_n IS NOT NULL THEN 'judged'
            WHEN kind = 'judged' OR is_withheld THEN 'missing'
            WHEN kind = 'bonus' THEN 'not_applicable'
            -- Nobody to serve, nothing wrongly drawn, no staff: that is known whatever stands above the line.
            WHEN d = 0 AND zero_denominator IN ('missing', 'not_applicable') THEN zero_denominator
            WHEN d = 0 THEN 'scored'
            WHEN n IS NULL OR d IS NULL THEN 'missing'
            ELSE 'scored'
        END AS status,
        CASE
            WHEN d = 0 THEN zero_denominator = 'full'
            WHEN direction = 'at_most' THEN n * target_d <= target_n * d
            ELSE n * target_d >= target_n * d
        END AS is_met,
        d > 0 AND CASE
            WHEN direction = 'at_most' THEN n * cliff_d > cliff_n * d
            ELSE n * cliff_d < cliff_n * d
        END AS is_over_cliff
    FROM figure
),

tier_reached AS (
    SELECT
        standing.scenario,
        standing.year,
        standing.town_id,
        standing.item,
        standing.term,
        min(tier.tier_no) AS tier_no
    FROM standing
    INNER JOIN rubric_tier AS tier
        ON
            standing.scenario = tier.scenario
            AND standing.item = tier.item
            AND standing.term = tier.term
            AND standing.n * tier.at_least_d >= tier.at_least_n * standing.d
    WHERE standing.kind = 'tiers' AND standing.d > 0
    GROUP BY standing.scenario, standing.year, standing.town_id, standing.item, standing.term
),

part_steps AS (
    -- Steps short before the part-step policy: (distance to target) / step, as one ratio.
    SELECT
        standing.*,
        tier.points_n AS tier_points_n,
        tier.points_d AS tier_points_d,
        CASE
            WHEN standing.is_met THEN 0
            WHEN standing.direction = 'at_most'
                THEN (standing.n * standing.target_d - standing.target_n * standing.d) * standing.step_d
            ELSE (standing.target_n * standing.d - standing.n * standing.target_d) * standing.step_d
        END AS short_n,
        standing.target_d * standing.d * standing.step_n AS short_d
    FROM standing
    LEFT JOIN tier_reached
        ON
            standing.scenario = tier_reached.scenario
            AND standing.year = tier_reached.year
            AND standing.town_id = tier_reached.town_id
            AND standing.item = tier_reached.item
            AND standing.term = tier_reached.term
    LEFT JOIN rubric_tier AS tier
        ON
            tier_reached.scenario = tier.scenario
            AND tier_reached.item = tier.item
            AND tier_reached.term = tier.term
            AND tier_reached.tier_no = tier.tier_no
),

steps AS (
    SELECT
        *,
        CASE
            WHEN kind <> 'shortfall' OR status <> 'scored' OR d = 0 THEN NULL
            WHEN part_step = 'whole' THEN short_n // short_d
            WHEN part_step = 'started' THEN (short_n + short_d - 1) // short_d
            ELSE short_n
        END AS steps_n,
        CASE
            WHEN kind <> 'shortfall' OR status <> 'scored' OR d = 0 THEN NULL
            WHEN part_step = 'pro_rata' THEN short_d
            ELSE 1
        END AS steps_d
    FROM part_steps
),

uncapped AS (
    SELECT
        *,
        CASE
            WHEN status = 'missing' THEN NULL
            WHEN status = 'not_applicable' OR kind = 'condition' THEN 0
            WHEN kind = 'judged' THEN points_n * score_d - score_n * points_d
            WHEN kind = 'bonus' THEN -score_n
            WHEN is_met THEN 0
            WHEN d = 0 OR is_over_cliff THEN worst_loss_n
            WHEN kind = 'shortfall' THEN steps_n * loss_per_step_n
            WHEN kind = 'tiers' THEN points_n * tier_points_d - tier_points_n * points_d
            WHEN kind = 'flag' OR below_target = 'nothing' THEN points_n
            -- A proportion: what is achieved is (n/d) / target, or target / (n/d) where less is better.
            WHEN kind = 'proportion' AND direction = 'at_most' THEN points_n * (target_d * n - target_n * d)
            WHEN kind = 'proportion' THEN points_n * (target_n * d - n * target_d)
        END AS loss_n,
        CASE
            WHEN status = 'missing' THEN NULL
            WHEN status = 'not_applicable' OR kind = 'condition' THEN 1
            WHEN kind = 'judged' THEN points_d * score_d
            WHEN kind = 'bonus' THEN score_d
            WHEN is_met THEN 1
            WHEN d = 0 OR is_over_cliff THEN worst_loss_d
            WHEN kind = 'shortfall' THEN steps_d * loss_per_step_d
            WHEN kind = 'tiers' THEN points_d * tier_points_d
            WHEN kind = 'flag' OR below_target = 'nothing' THEN points_d
            WHEN kind = 'proportion' AND direction = 'at_most' THEN points_d * target_d * n
            WHEN kind = 'proportion' THEN points_d * target_n * d
        END AS loss_d
    FROM steps
),

capped AS (
    SELECT
        * REPLACE (
            CASE
                WHEN abs(loss_n) * cap_d <= cap_n * loss_d OR cap_d IS NULL OR loss_n IS NULL THEN loss_n
                WHEN loss_n < 0 THEN -cap_n
                ELSE cap_n
            END AS loss_n,
            CASE
                WHEN abs(loss_n) * cap_d <= cap_n * loss_d OR cap_d IS NULL OR loss_n IS NULL THEN loss_d
                ELSE cap_d
            END AS loss_d
        )
    FROM uncapped
),

exact AS (
    SELECT
        * REPLACE (
            loss_n // greatest(gcd(loss_n, loss_d), 1) AS loss_n,
            loss_d // greatest(gcd(loss_n, loss_d), 1) AS loss_d
        )
    FROM capped
)

SELECT
    scenario,
    year,
    town_id,
    item,
    term,
    term_no,
    terms_of_item,
    kind,
    indicator,
    status,
    is_met,
    steps_n,
    steps_d,
    loss_n,
    loss_d,
    CASE WHEN status <> 'missing' THEN loss_n WHEN kind = 'bonus' THEN -coalesce(cap_n, 100) ELSE 0 END AS best_n,
    CASE WHEN status <> 'missing' THEN loss_d WHEN kind = 'bonus' THEN coalesce(cap_d, 1) ELSE 1 END AS best_d,
    CASE WHEN status <> 'missing' THEN loss_n ELSE coalesce(worst_loss_n, 0) END AS worst_n,
    CASE WHEN status <> 'missing' THEN loss_d ELSE coalesce(worst_loss_d, 1) END AS worst_d
FROM exact
