/*
grain: >-
  one row per question for the assessor's chair; a question, never a verdict: what was seen may well be as it should be
key: [screen, year, town_id, assessor, item, indicator]
columns:
  screen: >-
    leniency, spread or all_equal (of an assessor), bunched_totals or bunched_figures (of a year), same_as_last_year,
    same_as_another_town or shrunk_denominator (of a figure)
  town_id: the town it is about; the empty text where it is about no single one
  assessor: the assessor it is about; the empty text where it is about none
  item: the item it is about; the empty text where it is about none
  indicator: the indicator it is about, of bunched totals the grade; the empty text where it is about neither
  figure: the figure that was seen
  compared_with: what it was compared with
  seen_zh: what was seen, in Chinese
  seen_en: what was seen, in English
  question_zh: what to ask, in Chinese
  question_en: what to ask, in English
*/
WITH question AS (
    SELECT * FROM screened_assessor
    UNION ALL
    SELECT * FROM screened_limit
    UNION ALL
    SELECT * FROM screened_figure
)

SELECT
    screen,
    year,
    town_id,
    assessor,
    item,
    indicator,
    figure,
    compared_with,
    seen_zh,
    seen_en,
    question_zh,
    question_en
FROM question
