/*
grain: one row per combination of the full factorial and item
columns:
  choice: the options of the readings the item itself follows, under which it is scored
*/
WITH follower AS (
    SELECT
        item.item,
        coalesce(list(used.interpretation) FILTER (WHERE used.interpretation IS NOT NULL), []) AS interpretations
    FROM rubric_item AS item
    LEFT JOIN rubric_reading_use AS used
        ON item.item = used.item
    GROUP BY item.item
)

SELECT
    cell.scenario,
    follower.item,
    array_to_string(
        list_filter(
            cell.settings,
            lambda setting : list_contains(follower.interpretations, split_part(setting, '=', 1))  -- noqa: CP01,LT01
        ), '; '
    ) AS choice
FROM reading_cell AS cell
CROSS JOIN follower
