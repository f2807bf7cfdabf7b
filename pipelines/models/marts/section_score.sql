/*
grain: one row per year, town and section of the rubric, bonus items apart
key: [year, town_id, section]
by_town: true
columns:
  available: points the section can give
  points: sum of its items; empty while one is missing
  points_low: the least the section can still come to (points)
  points_high: the most the section can still come to (points)
  missing_items: items still missing
*/
SELECT
    item.year,
    item.town_id,
    item.section,
    part.title_zh,
    part.title_en,
    cast(sum(item.available) AS DECIMAL(9, 2)) AS available,
    cast(CASE WHEN bool_and(item.status <> 'missing') THEN sum(item.points) END AS DECIMAL(9, 2)) AS points,
    cast(sum(item.points_low) AS DECIMAL(9, 2)) AS points_low,
    cast(sum(item.points_high) AS DECIMAL(9, 2)) AS points_high,
    count(*) FILTER (WHERE item.status = 'missing') AS missing_items
FROM item_score AS item
INNER JOIN rubric_section AS part
    ON item.section = part.section
WHERE item.kind = 'scored'
GROUP BY item.year, item.town_id, item.section, part.title_zh, part.title_en
