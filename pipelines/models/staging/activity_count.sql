/*
grain: one row per year, town and kind of activity, in the years the activity log was delivered
by_town: true
columns:
  kind: kind of activity, as in the contract
  activities: activities logged; 0 for a town that logged none in a delivered year
*/
WITH kinds AS (
    SELECT unnest(['培训', '会议', '信息稿件', '分析材料']) AS kind
)

SELECT
    town_year.year,
    town_year.town_id,
    kinds.kind,
    count(activity.source_file) AS activities,
    min({'file': activity.source_file, 'sheet': activity.source_sheet, 'row': activity.source_row})
    FILTER (WHERE activity.source_file IS NOT NULL) AS first_source
FROM town_year
CROSS JOIN kinds
INNER JOIN delivered_source
    ON town_year.year = delivered_source.year AND delivered_source.source = 'activities'
LEFT JOIN accepted_activities AS activity
    ON
        town_year.year = activity.year
        AND town_year.town_id = activity.town_id
        AND kinds.kind = activity.kind
GROUP BY town_year.year, town_year.town_id, kinds.kind
