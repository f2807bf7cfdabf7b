/*
grain: one row per combination of options over every open reading of the rubric, the full factorial
columns:
  scenario: the combination, reading=option of each reading
  settings: the same as a list, in the order of the readings' names
  departures: readings that are not as in force
  grade_gap: how a total between two bands is graded
  bonus_cap: how bonus enters the graded total
*/
WITH RECURSIVE numbered AS (
    SELECT
        reading.interpretation,
        reading.option,
        setting.option IS NULL AS departs,
        dense_rank() OVER (ORDER BY reading.interpretation) AS reading_no
    FROM rubric_interpretation AS reading
    LEFT JOIN rubric_setting AS setting
        ON
            reading.interpretation = setting.interpretation
            AND reading.option = setting.option
            AND setting.scenario = 'in_force'
),

combined AS (
    SELECT
        0 AS reading_no,
        string_split('', '')[1:0] AS settings,
        0 AS departures
    UNION ALL
    SELECT
        numbered.reading_no,
        list_append(combined.settings, numbered.interpretation || '=' || numbered.option) AS settings,
        combined.departures + cast(numbered.departs AS INTEGER) AS departures
    FROM combined
    INNER JOIN numbered
        ON numbered.reading_no = combined.reading_no + 1
),

whole AS (
    SELECT
        array_to_string(settings, '; ') AS scenario,
        settings,
        departures
    FROM combined
    WHERE reading_no = (SELECT coalesce(max(numbered.reading_no), 0) FROM numbered)
),

followed AS (
    SELECT coalesce(list(interpretation), []) AS interpretations
    FROM rubric_reading_use
    WHERE item = ''
)

SELECT
    whole.scenario,
    whole.settings,
    whole.departures,
    total.grade_gap,
    total.bonus_cap
FROM whole
CROSS JOIN followed
INNER JOIN rubric_reading_total AS total
    ON
        total.scenario = array_to_string(
            list_filter(
                whole.settings,
                lambda each : list_contains(followed.interpretations, split_part(each, '=', 1))  -- noqa: CP01,LT01
            ), '; '
        )
