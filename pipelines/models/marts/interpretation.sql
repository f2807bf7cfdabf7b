/*
grain: one row per open reading of the rubric and option it has
key: [interpretation, option]
columns:
  interpretation: the open reading
  option: one way to read it
  position: place among its options, from 1
  is_default: whether the edition takes it unless told otherwise
  is_in_force: whether the published scores rest on it
  question_zh: what is open, in Chinese
  question_en: what is open, in English
  option_zh: what the option says, in Chinese
  option_en: what the option says, in English
*/
SELECT
    reading.interpretation,
    reading.option,
    reading.position,
    reading.is_default,
    setting.option IS NOT NULL AS is_in_force,
    reading.question_zh,
    reading.question_en,
    reading.option_zh,
    reading.option_en
FROM rubric_interpretation AS reading
LEFT JOIN rubric_setting AS setting
    ON
        reading.interpretation = setting.interpretation
        AND reading.option = setting.option
        AND setting.scenario = 'in_force'
