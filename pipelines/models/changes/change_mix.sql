/*
grain: one row per town in scope, item and set of the things it looks at that are already the later year's
columns:
  mix: name of the mix; it stands in for the town when the models score it
  mask: figures, scores and reviews that are the later year's, one bit for each by its number
  whole: all of them
  split_indicator: a figure besides of which one half is the later year's; empty where there is none
  split_part: which half, numerator or denominator
*/
-- What is scored already, nothing later and all later, is not scored again, unless merged towns are put together.
WITH game AS (
    SELECT
        year,
        town_id,
        item,
        any_value(groups) AS groups
    FROM change_player
    GROUP BY year, town_id, item
),

merged AS (
    SELECT DISTINCT
        absorbed.year,
        absorbed.town_id,
        item.item
    FROM change_absorbed AS absorbed
    CROSS JOIN rubric_item AS item
    WHERE item.kind <> 'condition'
),

counted AS (
    SELECT
        coalesce(game.year, merged.year) AS year,
        coalesce(game.town_id, merged.town_id) AS town_id,
        coalesce(game.item, merged.item) AS item,
        cast(2 ** coalesce(game.groups, 0) AS BIGINT) - 1 AS whole,
        merged.item IS NOT NULL AS is_merged
    FROM game
    FULL OUTER JOIN merged
        ON game.year = merged.year AND game.town_id = merged.town_id AND game.item = merged.item
),

listed AS (
    SELECT
        *,
        unnest(range(0, whole + 1)) AS mask
    FROM counted
)

SELECT
    year,
    town_id,
    item,
    mask,
    whole,
    NULL AS split_indicator,
    NULL AS split_part,
    concat_ws('|', town_id, item, mask) AS mix
FROM listed
WHERE is_merged OR mask NOT IN (0, whole)
UNION ALL
SELECT
    listed.year,
    listed.town_id,
    listed.item,
    listed.mask,
    listed.whole,
    player.indicator AS split_indicator,
    player.part AS split_part,
    concat_ws('|', listed.town_id, listed.item, listed.mask, player.indicator, player.part) AS mix
FROM listed
INNER JOIN change_player AS player
    ON listed.year = player.year AND listed.town_id = player.town_id AND listed.item = player.item
WHERE player.group_size > 1 AND (listed.mask >> player.group_no) & 1 = 0
