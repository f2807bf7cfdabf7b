/*
grain: one row per year, town, sampled indicator and count another sample of the same size could have come to
columns:
  variant: the town with that count, standing in for a town when the models score it
  numerator: the count another sample could have come to
  denominator: records drawn
  weight: how likely the count is beside the others of the figure, a whole number
  is_within: whether a sample could be off by so much, by Wilson's interval at 95%
*/
-- Another sample is taken to be binomial with the rate (right + 1/2) / (drawn + 1), so that a sample in which all was
-- right is not taken for certainty. Weights follow from one count to the next by exact ratios, rounded down to whole
-- numbers, from 10^9 at the count found until they come to nothing. Above 100,000 records a figure is taken as known.
WITH RECURSIVE drawn AS (
    SELECT
        value.year,
        value.town_id,
        value.indicator,
        cast(value.numerator AS HUGEINT) AS found,
        cast(value.denominator AS HUGEINT) AS drawn
    FROM indicator_value AS value
    INNER JOIN rubric_indicator AS indicator
        ON value.indicator = indicator.indicator
    WHERE
        indicator.is_sampled
        AND value.denominator BETWEEN 1 AND 100000
        AND value.numerator BETWEEN 0 AND value.denominator
        AND value.numerator = floor(value.numerator)
        AND value.denominator = floor(value.denominator)
),

weighed AS (
    SELECT
        drawn.*,
        way.way,
        drawn.found AS number,
        cast(1000000000 AS HUGEINT) AS weight
    FROM drawn
    CROSS JOIN (SELECT unnest([-1, 1]) AS way) AS way
    UNION ALL
    SELECT
        year,
        town_id,
        indicator,
        found,
        drawn,
        way,
        number + way AS number,
        CASE way
            WHEN 1 THEN weight * (drawn - number) * (2 * found + 1) // ((number + 1) * (2 * (drawn - found) + 1))
            ELSE weight * number * (2 * (drawn - found) + 1) // ((drawn - number + 1) * (2 * found + 1))
        END AS weight
    FROM weighed
    WHERE weight > 0
)

SELECT
    year,
    town_id,
    indicator,
    town_id || '|' || indicator || '|' || number AS variant,
    cast(number AS DECIMAL(20, 2)) AS numerator,
    cast(drawn AS DECIMAL(20, 2)) AS denominator,
    weight,
    -- (found - number)² / drawn² <= 1.96² (number / drawn) (1 - number / drawn) / drawn, without a division.
    10000 * drawn * (found - number) * (found - number) <= 38416 * number * (drawn - number) AS is_within
FROM weighed
-- The count found heads both ways and is counted once.
WHERE weight > 0 AND (way = 1 OR number < found)
