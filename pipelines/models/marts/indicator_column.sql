/*
grain: one row per indicator, part of its ratio and received column that the part is made of
key: [indicator, part, source, field]
columns:
  part: numerator or denominator
  field: column of the source
*/
SELECT
    indicator,
    part,
    source,
    field
FROM indicator_field
