/*
grain: one row per combination of readings and reading
columns:
  interpretation: the open reading
  setting: the option taken, reading=option
  others: the options taken of all other readings
  options: how many options the reading has
*/
WITH taken AS (
    SELECT
        scenario,
        settings,
        unnest(settings) AS setting
    FROM reading_cell
),

counted AS (
    SELECT
        interpretation,
        count(*) AS options
    FROM rubric_interpretation
    GROUP BY interpretation
)

SELECT
    taken.scenario,
    counted.interpretation,
    taken.setting,
    array_to_string(
        list_filter(taken.settings, lambda other : other <> taken.setting), '; '  -- noqa: CP01,LT01
    ) AS others,
    counted.options
FROM taken
INNER JOIN counted
    ON split_part(taken.setting, '=', 1) = counted.interpretation
