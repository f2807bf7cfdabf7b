/*
grain: one row per item of the rubric, in the order of the document
key: [item]
columns:
  position: place in the document, from 1
  kind: scored (counts towards 100), bonus or condition (carries no points)
  available: points the item can give
  section_zh: Chinese title of the section
  section_en: English title of the section
  area_zh: Chinese title of the area
  area_en: English title of the area
  requirement_zh: what the item asks for, restated in Chinese
  requirement_en: what the item asks for, in English
  shown_indicators: indicators shown beside a judgement
*/
SELECT
    item.item,
    item.position,
    item.area,
    area.title_zh AS area_zh,
    area.title_en AS area_en,
    item.section,
    section.title_zh AS section_zh,
    section.title_en AS section_en,
    item.clause,
    item.kind,
    item.basis,
    item.available,
    item.title_zh,
    item.title_en,
    item.requirement_zh,
    item.requirement_en,
    shown.shown_indicators
FROM rubric_item AS item
INNER JOIN rubric_section AS section
    ON item.section = section.section
INNER JOIN rubric_area AS area
    ON item.area = area.area
LEFT JOIN (
    SELECT
        item,
        string_agg(indicator, '; ' ORDER BY indicator) AS shown_indicators
    FROM rubric_shown_indicator
    GROUP BY item
) AS shown
    ON item.item = shown.item
