/*
grain: one row, the edition of the rubric the scores rest on
key: [edition]
columns:
  edition: edition of the rubric
  document_zh: Chinese title of the document it restates
  document_en: English title of the document
  number: number of the document
  issued: when the document was issued
  issuer_zh: who issued it, in Chinese
  issuer_en: who issued it, in English
  replaces: the document it replaced
  grade_gap: how a total between two bands is graded, none or half_up
  bonus_cap: how bonus enters the graded total, capped_100, uncapped or excluded
*/
SELECT
    edition.edition,
    edition.title_zh AS document_zh,
    edition.title_en AS document_en,
    edition.number,
    edition.issued,
    edition.issuer_zh,
    edition.issuer_en,
    edition.replaces,
    scenario.grade_gap,
    scenario.bonus_cap
FROM rubric_edition AS edition
INNER JOIN rubric_scenario AS scenario
    ON edition.edition = scenario.edition
WHERE scenario.scenario = 'in_force'
