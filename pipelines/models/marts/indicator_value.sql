/*
grain: one row per year, town and indicator, reported or not
key: [year, town_id, indicator]
by_town: true
columns:
  numerator: numerator, as its indicator defines it; empty when not reported
  denominator: denominator, as its indicator defines it; empty when not reported
  value: numerator / denominator, rounded half up to six decimals for display; nothing is scored on it
  status: reported, missing (not reported), withheld (rows behind it are quarantined) or no_denominator (0 to divide by)
*/
-- indicator_figure is what all models of the folder indicators yield, gathered as they are run.
WITH figure AS (
    SELECT
        town_year.year,
        town_year.town_id,
        indicator.indicator,
        indicator.unit,
        coalesce(figure.source, indicator.source) AS source,
        withheld.source IS NOT NULL AS is_withheld,
        CASE WHEN withheld.source IS NULL THEN cast(figure.numerator AS DECIMAL(20, 2)) END AS numerator,
        CASE WHEN withheld.source IS NULL THEN cast(figure.denominator AS DECIMAL(20, 2)) END AS denominator,
        figure.first_source,
        coalesce(figure.source_rows, 0) AS source_rows
    FROM town_year
    CROSS JOIN rubric_indicator AS indicator
    LEFT JOIN indicator_figure AS figure
        ON
            town_year.year = figure.year
            AND town_year.town_id = figure.town_id
            AND indicator.indicator = figure.indicator
    LEFT JOIN (SELECT DISTINCT
        source,
        year,
        town_id
    FROM withheld) AS withheld
        ON
            coalesce(figure.source, indicator.source) = withheld.source
            AND town_year.year = withheld.year
            AND town_year.town_id = withheld.town_id
)

SELECT
    year,
    town_id,
    indicator,
    numerator,
    denominator,
    CASE
        WHEN denominator > 0
            THEN
                cast(
                    (2000000 * cast(numerator * 100 AS HUGEINT) + cast(denominator * 100 AS HUGEINT))
                    // (2 * cast(denominator * 100 AS HUGEINT)) AS DECIMAL(20, 0)
                ) * cast(0.000001 AS DECIMAL(7, 6))
    END AS value,
    unit,
    CASE
        WHEN is_withheld THEN 'withheld'
        WHEN numerator IS NULL OR denominator IS NULL THEN 'missing'
        WHEN denominator = 0 THEN 'no_denominator'
        ELSE 'reported'
    END AS status,
    source,
    first_source.file AS source_file,
    first_source.sheet AS source_sheet,
    first_source.row AS source_row,
    source_rows
FROM figure
