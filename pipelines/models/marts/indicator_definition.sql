/*
grain: one row per indicator; definitions are working definitions, to be confirmed by the bureau
key: [indicator]
columns:
  definition_zh: numerator / denominator in Chinese
  definition_en: numerator / denominator in English
*/
SELECT
    indicator,
    title_zh,
    title_en,
    definition_zh,
    definition_en,
    unit,
    source
FROM rubric_indicator
