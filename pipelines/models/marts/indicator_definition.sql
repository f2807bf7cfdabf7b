/*
grain: one row per indicator; definitions are working definitions, to be confirmed by the bureau
key: [indicator]
columns:
  definition_zh: numerator / denominator in Chinese
  definition_en: numerator / denominator in English
  counted_in_zh: what there is one more or less of when the figure moves, in Chinese
  counted_in_en: the same in English
  is_sampled: whether the denominator is a sample drawn
*/
SELECT
    indicator,
    title_zh,
    title_en,
    definition_zh,
    definition_en,
    unit,
    counted_in_zh,
    counted_in_en,
    is_sampled,
    source
FROM rubric_indicator
