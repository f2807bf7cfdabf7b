/*
source: adjustments
field: approved_on
severity: warning
message: {zh: 签发之后更正，却没有对应的答复或裁定记录, en: "adjusted after the sign-off, and no answer or decision is on record"}
remedy: {zh: 请在复核流程记录中补登答复或裁定及依据, en: add the answer or decision with its evidence to the review records}
*/
WITH signed AS (
    SELECT
        year,
        max(recorded_on) AS signed_on
    FROM typed_review_records
    WHERE row_kind = 'data' AND step = '签发'
    GROUP BY year
)

SELECT
    adjusted.source_file,
    adjusted.source_sheet,
    adjusted.source_row
FROM typed_adjustments AS adjusted
INNER JOIN signed
    ON adjusted.year = signed.year AND adjusted.approved_on > signed.signed_on
ANTI JOIN (
    SELECT * FROM typed_review_records
    WHERE row_kind = 'data' AND step IN ('答复', '裁定')
) AS decided
    ON
        adjusted.year = decided.year
        AND adjusted.town_id = decided.town_id
        AND adjusted.item = decided.item
        AND adjusted.approved_on >= decided.recorded_on
WHERE adjusted.row_kind = 'data'
