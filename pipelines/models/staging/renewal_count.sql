/*
grain: one row per year and town in which anybody had paid the year before, by the ledger of contributions
columns:
  insured_before: persons who paid in the town last year
  exited: of them, who did not pay this year and whose exit the town declared (persons)
  renewed: of them, who paid this year, in this town or another (persons)
*/
WITH payer AS (
    -- However often somebody paid, once a year and town: only distinct persons are joined.
    SELECT DISTINCT
        year,
        town_id,
        person_id
    FROM accepted_contributions
),

paid AS (
    SELECT DISTINCT
        year,
        person_id
    FROM payer
)

SELECT
    before.year + 1 AS year,
    before.town_id,
    count(*) AS insured_before,
    count(*) FILTER (WHERE paid.person_id IS NULL AND gone.person_id IS NOT NULL) AS exited,
    count(paid.person_id) AS renewed
FROM payer AS before
LEFT JOIN paid
    ON before.year = paid.year - 1 AND before.person_id = paid.person_id
LEFT JOIN accepted_pension_exits AS gone
    ON before.year = gone.year - 1 AND before.town_id = gone.town_id AND before.person_id = gone.person_id
GROUP BY before.year, before.town_id
