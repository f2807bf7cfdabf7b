-- One row per unit and name; not of one year.
SELECT
    town_id,
    town_code,
    town_name,
    short_name AS aliases,
    kind,
    district,
    managed_by,
    valid_from,
    valid_to
FROM unit
