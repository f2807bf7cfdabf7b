/*
grain: one row per town in scope, item, cause, thing the item looks at and end of the range
columns:
  cause: performance, revision, judgement, adjustment, coverage or register
  indicator: indicator whose figure it is; empty where it is none
  part: numerator, denominator, figure, score, review or register
  before: how much it was, where it is one number
  after: how much it is
  bound: low or high, the end of the range of points
  share_n: what it adds to the item, exact numerator (hundredths of a point)
  share_d: what it adds to the item, exact denominator
*/
-- Each takes the mean of what it adds when its turn comes, over all orders in which figures, scores and reviews could
-- become the later year's, and over both orders of a figure's numerator and denominator within (Shapley, and Owen for
-- the two). Orders in which the same came before are alike, so sets are weighed instead of orders.
WITH own AS (
    SELECT
        scope.year,
        scope.town_id,
        score.item,
        score.year = scope.year AS is_after,
        unnest(['low', 'high']) AS bound,
        unnest([cast(score.points_low * 100 AS BIGINT), cast(score.points_high * 100 AS BIGINT)]) AS points
    FROM change_scope AS scope
    INNER JOIN scored_item AS score
        ON scope.town_id = score.town_id AND score.year IN (scope.previous_year, scope.year)
    WHERE score.scenario = 'in_force' AND score.kind <> 'condition'
),

mixed AS (
    SELECT
        mix.year,
        mix.town_id,
        mix.item,
        mix.mask,
        mix.whole,
        mix.split_indicator,
        mix.split_part,
        unnest(['low', 'high']) AS bound,
        unnest([cast(score.points_low * 100 AS BIGINT), cast(score.points_high * 100 AS BIGINT)]) AS points
    FROM change_mix AS mix
    INNER JOIN change_scored_mix AS score
        ON mix.year = score.year AND mix.mix = score.town_id
),

together AS (
    SELECT DISTINCT
        year,
        town_id,
        item
    FROM mixed
    WHERE mask = 0 AND split_indicator IS NULL
),

game AS (
    SELECT DISTINCT
        year,
        town_id,
        item,
        groups
    FROM change_player
),

reached AS (
    SELECT
        year,
        town_id,
        item,
        mask,
        split_indicator,
        split_part,
        bound,
        points
    FROM mixed
    UNION ALL
    SELECT
        own.year,
        own.town_id,
        own.item,
        CASE WHEN own.is_after THEN cast(2 ** game.groups AS BIGINT) - 1 ELSE 0 END AS mask,
        NULL AS split_indicator,
        NULL AS split_part,
        own.bound,
        own.points
    FROM own
    INNER JOIN game
        ON own.year = game.year AND own.town_id = game.town_id AND own.item = game.item
    ANTI JOIN together
        ON own.year = together.year AND own.town_id = together.town_id AND own.item = together.item
),

turn AS (
    -- Sets that come before the turn of a player, and those that come after it, with the groups of others in them.
    SELECT
        player.*,
        reached.bound,
        reached.points,
        coalesce(reached.split_part = player.part, (reached.mask >> player.group_no) & 1 = 1) AS is_in,
        bit_count(reached.mask) - ((reached.mask >> player.group_no) & 1) AS others
    FROM change_player AS player
    INNER JOIN reached
        ON player.year = reached.year AND player.town_id = reached.town_id AND player.item = reached.item
    WHERE reached.split_indicator IS NULL OR reached.split_indicator = player.indicator
)

SELECT
    year,
    town_id,
    item,
    cause,
    indicator,
    part,
    before,
    after,
    bound,
    cast(
        sum(
            points * CASE WHEN is_in THEN 1 ELSE -1 END
            * factorial(cast(others AS INTEGER)) * factorial(cast(groups - others - 1 AS INTEGER))
        ) AS HUGEINT
    ) AS share_n,
    cast(any_value(group_size) * factorial(any_value(groups)) AS HUGEINT) AS share_d
FROM turn
GROUP BY year, town_id, item, cause, indicator, part, before, after, bound
UNION ALL
SELECT
    own.year,
    own.town_id,
    own.item,
    'register' AS cause,
    '' AS indicator,
    'register' AS part,
    NULL AS before,
    NULL AS after,
    own.bound,
    cast(sum(CASE WHEN own.is_after THEN own.points - mixed.points ELSE mixed.points - own.points END) AS HUGEINT)
        AS share_n,
    1 AS share_d
FROM own
INNER JOIN mixed
    ON
        own.year = mixed.year
        AND own.town_id = mixed.town_id
        AND own.item = mixed.item
        AND own.bound = mixed.bound
        AND mixed.mask = CASE WHEN own.is_after THEN mixed.whole ELSE 0 END
        AND mixed.split_indicator IS NULL
INNER JOIN together
    ON own.year = together.year AND own.town_id = together.town_id AND own.item = together.item
GROUP BY own.year, own.town_id, own.item, own.bound
