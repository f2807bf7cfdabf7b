/*
grain: one row per year, town, item and assessor whose score counts; an item with a score in quarantine has none
key: [year, town_id, item, assessor]
by_town: true
columns:
  assessor: who scored
  score: the score given (points)
  reason: why points were taken or added
  evidence: what the score rests on
  assessed_on: when it was given
*/
SELECT
    score.year,
    score.town_id,
    score.item,
    score.assessor,
    score.score,
    score.reason,
    score.evidence,
    score.assessed_on,
    score.source_file,
    score.source_sheet,
    score.source_row
FROM accepted_assessor_scores AS score
ANTI JOIN withheld_item AS withheld
    ON
        withheld.source = 'assessor_scores'
        AND score.year = withheld.year
        AND score.town_id = withheld.town_id
        AND score.item = withheld.item
WHERE score.score IS NOT NULL
