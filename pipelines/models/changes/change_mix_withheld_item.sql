/*
grain: one row per mix whose item has a correction in quarantine, in place of withheld_item
columns_of: withheld_item
*/
SELECT
    withheld.source,
    mix.year,
    mix.mix AS town_id,
    mix.item
FROM change_mix AS mix
INNER JOIN change_scope AS scope
    ON mix.year = scope.year AND mix.town_id = scope.town_id
LEFT JOIN change_player AS player
    ON
        mix.year = player.year
        AND mix.town_id = player.town_id
        AND mix.item = player.item
        AND player.part = 'review'
INNER JOIN withheld_item AS withheld
    ON
        mix.town_id = withheld.town_id
        AND mix.item = withheld.item
        AND withheld.source = 'adjustments'
        AND withheld.year
        = CASE WHEN coalesce((mix.mask >> player.group_no) & 1, 0) = 1 THEN scope.year ELSE scope.previous_year END
