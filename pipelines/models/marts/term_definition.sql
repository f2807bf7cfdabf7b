/*
grain: one row per term of the rubric, under the reading in force
key: [item, term]
columns:
  kind: term kind
  points: what the term governs (points)
  direction: at_least or at_most; empty where there is no target
  target_n: target, numerator of an exact ratio
  target_d: target, denominator
  step_n: one step short, numerator
  step_d: one step short, denominator
  loss_per_step_n: points a step takes, numerator
  loss_per_step_d: points a step takes, denominator
  part_step: whole, started or pro_rata; what a part of a step counts
  cap_n: the most the term takes, numerator; empty without a cap
  cap_d: the most the term takes, denominator
  cliff_n: a figure worse than this takes all at once, numerator; empty without a cliff
  cliff_d: a figure worse than this takes all at once, denominator
  below_target: linear or nothing; what a proportion gives below its target
  zero_denominator: missing, not_applicable, full or failed; what follows where there is nothing to divide by
  worst_loss_n: what the term takes at the worst figure, numerator
  worst_loss_d: what the term takes at the worst figure, denominator
  interpretations: open readings of the text that bite here, with the option in force
  rule_zh: the term as a sentence, in Chinese
  rule_en: the term as a sentence, in English
  bars_grade: for a condition, the grade it bars while unmet
*/
SELECT
    term.item,
    term.term,
    term.term_no,
    term.kind,
    term.indicator,
    term.title_zh,
    term.title_en,
    term.points,
    term.direction,
    term.target_n,
    term.target_d,
    term.step_n,
    term.step_d,
    term.loss_per_step_n,
    term.loss_per_step_d,
    term.part_step,
    term.cap_n,
    term.cap_d,
    term.cliff_n,
    term.cliff_d,
    term.below_target,
    term.zero_denominator,
    term.worst_loss_n,
    term.worst_loss_d,
    term.interpretations,
    term.rule_zh,
    term.rule_en,
    condition.bars_grade
FROM rubric_term AS term
LEFT JOIN rubric_condition AS condition
    ON term.scenario = condition.scenario AND term.item = condition.item
WHERE term.scenario = 'in_force'
