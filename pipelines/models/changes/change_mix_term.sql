/*
grain: one row per mix and term of its item, in place of scored_term
columns_of: scored_term
*/
WITH looked_at AS (
    SELECT DISTINCT
        year,
        town_id,
        item,
        indicator,
        group_no
    FROM change_player
    WHERE part <> 'review'
)

SELECT
    term.scenario,
    term.year,
    mix.mix AS town_id,
    term.item,
    term.term,
    term.terms_of_item,
    term.kind,
    term.status,
    term.is_met,
    term.best_n,
    term.best_d,
    term.worst_n,
    term.worst_d
FROM change_mix AS mix
INNER JOIN change_term AS term
    ON mix.year = term.year AND mix.town_id = term.town_id AND mix.item = term.item
LEFT JOIN looked_at
    ON
        term.year = looked_at.year
        AND term.town_id = looked_at.town_id
        AND term.item = looked_at.item
        AND coalesce(term.indicator, '') = looked_at.indicator
WHERE
    term.state = CASE
        WHEN (mix.mask >> looked_at.group_no) & 1 = 1 THEN 'after'
        WHEN mix.split_indicator = term.indicator THEN mix.split_part
        ELSE 'before'
    END
