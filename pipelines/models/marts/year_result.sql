/*
grain: one row per year assessed
key: [year]
columns:
  towns: towns assessed
  provisional: towns whose result is not final
  result: fingerprint of the result as it is, over the points of every item and the rules of the grades
  signed_on: when the year's result was signed off last; empty while it is not
  signed_by: by whom
  signed_result: the fingerprint that was signed
  result_as_signed: fingerprint of the result without the adjustments approved after it was signed
  is_as_signed: whether nothing but such adjustments has changed since; empty while it is not signed
*/
WITH signed AS (
    SELECT
        year,
        recorded_on AS signed_on,
        recorded_by AS signed_by,
        lower(trim(result)) AS signed_result
    FROM review_record
    WHERE step = '签发'
    QUALIFY row_number() OVER (PARTITION BY year ORDER BY recorded_on DESC, source_file DESC, source_row DESC) = 1
),

rules AS (
    SELECT
        string_agg(
            concat_ws(
                '|',
                edition.grade_gap,
                edition.bonus_cap,
                band.grade,
                coalesce(band.at_least, -1),
                coalesce(band.above, -1),
                coalesce(band.at_most, -1),
                coalesce(band.below, -1)
            ), ';'
            ORDER BY band.position
        ) AS told
    FROM grade_band AS band
    CROSS JOIN edition
),

-- What the items had on the day the result was signed: adjustments approved later are not yet in it.
corrected_then AS (
    SELECT
        adjusted.year,
        adjusted.town_id,
        adjusted.item,
        adjusted.score
    FROM accepted_adjustments AS adjusted
    INNER JOIN signed
        ON adjusted.year = signed.year AND adjusted.approved_on <= signed.signed_on
    WHERE adjusted.score IS NOT NULL
    QUALIFY
        row_number() OVER (
            PARTITION BY adjusted.year, adjusted.town_id, adjusted.item ORDER BY adjusted.approved_on DESC
        ) = 1
),

told AS (
    SELECT
        year,
        string_agg(
            concat_ws('|', town_id, item, coalesce(points, -1), is_met), ';'
            ORDER BY town_id, item
        ) AS as_it_is
    FROM item_score
    GROUP BY year
),

told_then AS (
    SELECT
        score.year,
        string_agg(
            concat_ws(
                '|',
                score.town_id,
                score.item,
                coalesce(
                    cast(held.score AS DECIMAL(9, 2)),
                    CASE WHEN score.approved_on IS NULL THEN score.points ELSE score.points_before_adjustment END,
                    -1
                ),
                score.is_met
            ), ';'
            ORDER BY score.town_id, score.item
        ) AS as_signed
    FROM item_score AS score
    INNER JOIN (SELECT year FROM signed) AS signed
        ON score.year = signed.year
    LEFT JOIN corrected_then AS held
        ON score.year = held.year AND score.town_id = held.town_id AND score.item = held.item
    GROUP BY score.year
),

towns AS (
    SELECT
        year,
        count(*) AS towns,
        count(*) FILTER (WHERE status = 'provisional') AS provisional
    FROM town_score
    GROUP BY year
),

fingerprinted AS (
    SELECT
        told.year,
        left(sha256(rules.told || '#' || told.as_it_is), 16) AS result,
        left(sha256(rules.told || '#' || told_then.as_signed), 16) AS result_as_signed
    FROM told
    CROSS JOIN rules
    LEFT JOIN told_then
        ON told.year = told_then.year
)

SELECT
    towns.year,
    towns.towns,
    towns.provisional,
    fingerprinted.result,
    signed.signed_on,
    signed.signed_by,
    signed.signed_result,
    fingerprinted.result_as_signed,
    signed.signed_result = fingerprinted.result_as_signed AS is_as_signed
FROM towns
INNER JOIN fingerprinted
    ON towns.year = fingerprinted.year
LEFT JOIN signed
    ON towns.year = signed.year
