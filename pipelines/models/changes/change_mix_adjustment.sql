/*
grain: one row per mix whose item was decided on review, in place of adjustment
columns_of: adjustment
*/
SELECT
    mix.year,
    mix.mix AS town_id,
    mix.item,
    adjustment.adjusted_points
FROM change_mix AS mix
INNER JOIN change_scope AS scope
    ON mix.year = scope.year AND mix.town_id = scope.town_id
LEFT JOIN change_player AS player
    ON
        mix.year = player.year
        AND mix.town_id = player.town_id
        AND mix.item = player.item
        AND player.part = 'review'
INNER JOIN adjustment
    ON
        mix.town_id = adjustment.town_id
        AND mix.item = adjustment.item
        AND adjustment.year
        = CASE WHEN coalesce((mix.mask >> player.group_no) & 1, 0) = 1 THEN scope.year ELSE scope.previous_year END
