/*
grain: >-
  one row per combination of readings, year, town and kind of item, conditions one by one; sums stand in for the items
  they add up, since a total looks at nothing else
columns:
  item: the condition; empty for a sum
  status: missing while an item is, else scored
  is_met: for a condition, whether it is met
  points_low: the least the items can still come to (points)
  points_high: the most the items can still come to (points)
*/
WITH shared AS (
    -- Items that follow the same readings move together, so they are added before they are combined.
    SELECT
        cell.scenario,
        cell.choice,
        list(cell.item) AS items
    FROM reading_cell_item AS cell
    GROUP BY cell.scenario, cell.choice
),

profile AS (
    SELECT
        row_number() OVER (ORDER BY choice, list_sort(items)) AS profile_no,
        choice,
        list_sort(items) AS items
    FROM shared
    GROUP BY choice, list_sort(items)
),

part AS (
    SELECT
        profile.profile_no,
        scored.year,
        scored.town_id,
        scored.kind,
        CASE WHEN scored.kind = 'condition' THEN scored.item ELSE '' END AS item,
        bool_or(scored.status = 'missing') AS is_missing,
        bool_and(scored.is_met) AS is_met,
        sum(scored.points_low) AS points_low,
        sum(scored.points_high) AS points_high
    FROM reading_scored_item AS scored
    INNER JOIN (
        SELECT
            profile_no,
            choice,
            unnest(items) AS item
        FROM profile
    ) AS profile
        ON scored.scenario = profile.choice AND scored.item = profile.item
    GROUP BY ALL
),

-- By numbers: over every combination of every town, texts would be what takes the time.
cell AS (
    SELECT
        scenario,
        row_number() OVER (ORDER BY scenario) AS cell_no
    FROM reading_cell
),

follows AS (
    SELECT
        cell.cell_no,
        profile.profile_no
    FROM shared
    INNER JOIN cell
        ON shared.scenario = cell.scenario
    INNER JOIN profile
        ON shared.choice = profile.choice AND list_sort(shared.items) = profile.items
),

summed AS (
    SELECT
        follows.cell_no,
        part.year,
        part.town_id,
        part.kind,
        part.item,
        CASE WHEN bool_or(part.is_missing) THEN 'missing' ELSE 'scored' END AS status,
        bool_and(part.is_met) AS is_met,
        cast(sum(part.points_low) AS DECIMAL(9, 2)) AS points_low,
        cast(sum(part.points_high) AS DECIMAL(9, 2)) AS points_high
    FROM follows
    INNER JOIN part
        ON follows.profile_no = part.profile_no
    GROUP BY ALL
)

SELECT
    cell.scenario,
    summed.year,
    summed.town_id,
    summed.kind,
    summed.item,
    summed.status,
    summed.is_met,
    summed.points_low,
    summed.points_high
FROM summed
INNER JOIN cell
    ON summed.cell_no = cell.cell_no
