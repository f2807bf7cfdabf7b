/*
grain: one row per town of the latest year, indicator and smallest whole change of its figure that gains so much
key: [year, town_id, indicator, change]
columns:
  lever_no: place among the changes of the indicator, 1 the smallest
  change: whole units more of the numerator; fewer where less is better; of a ratio more of the denominator
  numerator: numerator as it is
  denominator: denominator as it is
  numerator_after: numerator after the change
  denominator_after: denominator after the change
  points_gained: points gained over all items that look at the figure (points)
  items: items that gain points or are met
  conditions_met: conditions without points that the change meets
  explanation_zh: the change and what it gains, in Chinese
  explanation_en: the change and what it gains, in English
*/
WITH effect AS (
    SELECT
        changed.year,
        changed.town_id,
        changed.indicator,
        changed.change,
        changed.numerator,
        changed.denominator,
        sum(after.points_low - before.points_low) AS points_gained,
        string_agg(before.item, '; ' ORDER BY before.item) FILTER (
            WHERE after.points_low > before.points_low OR (after.is_met AND NOT before.is_met)
        ) AS items,
        string_agg(before.item, '; ' ORDER BY before.item) FILTER (WHERE after.is_met AND NOT before.is_met)
            AS conditions_met
    FROM lever_change AS changed
    INNER JOIN lever_scored_item AS after
        ON changed.year = after.year AND changed.variant = after.town_id
    INNER JOIN scored_item AS before
        ON
            changed.year = before.year
            AND changed.town_id = before.town_id
            AND after.item = before.item
            AND before.scenario = 'in_force'
    ANTI JOIN adjustment AS adjusted
        ON changed.year = adjusted.year AND changed.town_id = adjusted.town_id AND before.item = adjusted.item
    GROUP BY ALL
),

-- A change that gives no more than a smaller one is none.
compared AS (
    SELECT
        *,
        max(points_gained) OVER earlier AS gained_by_less,
        max(conditions_met) OVER earlier AS met_by_less
    FROM effect
    WINDOW earlier AS (
        PARTITION BY year, town_id, indicator ORDER BY change ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),

best AS (
    SELECT *
    FROM compared
    WHERE points_gained > coalesce(gained_by_less, 0) OR (conditions_met IS NOT NULL AND met_by_less IS NULL)
)

SELECT
    best.year,
    best.town_id,
    best.indicator,
    row_number() OVER (PARTITION BY best.year, best.town_id, best.indicator ORDER BY best.change) AS lever_no,
    best.change,
    value.numerator,
    value.denominator,
    cast(best.numerator AS DECIMAL(20, 2)) AS numerator_after,
    cast(best.denominator AS DECIMAL(20, 2)) AS denominator_after,
    cast(best.points_gained AS DECIMAL(9, 2)) AS points_gained,
    best.items,
    best.conditions_met,
    told.title_zh
    || CASE
        WHEN told.unit = 'flag' THEN '：补上'
        WHEN best.numerator < value.numerator THEN '：减少 ' || best.change || ' ' || told.counted_in_zh
        ELSE '：增加 ' || best.change || ' ' || told.counted_in_zh
    END
    || ' → +' || cast(best.points_gained AS DECIMAL(9, 2)) || ' 分'
    || coalesce('，达到条件 ' || best.conditions_met, '') AS explanation_zh,
    told.title_en
    || CASE
        WHEN told.unit = 'flag' THEN ': have it'
        WHEN best.numerator < value.numerator THEN ': ' || best.change || ' fewer (' || told.counted_in_en || ')'
        ELSE ': ' || best.change || ' more (' || told.counted_in_en || ')'
    END
    || ' → +' || cast(best.points_gained AS DECIMAL(9, 2))
    || coalesce(', meets ' || best.conditions_met, '') AS explanation_en
FROM best
INNER JOIN rubric_indicator AS told
    ON best.indicator = told.indicator
INNER JOIN indicator_value AS value
    ON best.year = value.year AND best.town_id = value.town_id AND best.indicator = value.indicator
