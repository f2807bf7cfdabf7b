/*
grain: one row per year, town and sum of changes that a sway or a draw comes to, each distinct one once
columns:
  variant: the town so changed, standing in for a town when the models grade it
  scored_change: by how much the items that count towards 100 change (hundredths of a point)
  bonus_change: by how much the bonus items change (hundredths of a point)
*/
SELECT
    year,
    town_id,
    scored_change,
    bonus_change,
    concat_ws('|', town_id, scored_change, bonus_change) AS variant
FROM (
    SELECT
        year,
        town_id,
        scored_change,
        bonus_change
    FROM sway
    UNION
    SELECT
        year,
        town_id,
        scored_change,
        bonus_change
    FROM drawn_sway
)
