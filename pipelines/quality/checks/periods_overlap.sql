/*
source: towns
field: valid_from
severity: critical
message: {zh: 同一单位编号的启用、停用年度重叠或颠倒, en: the years of one unit's names overlap or run backwards}
remedy: {zh: 同一单位任一年度只能有一个名称, en: a unit has one name in any year}
*/
SELECT
    town.source_file,
    town.source_sheet,
    town.source_row
FROM typed_towns AS town
WHERE
    town.row_kind = 'data'
    AND (
        town.valid_from > town.valid_to
        OR EXISTS (
            SELECT 1
            FROM town_register AS other
            WHERE
                town.town_id = other.town_id
                AND (town.source_file, town.source_sheet, town.source_row)
                <> (other.source_file, other.source_sheet, other.source_row)
                AND coalesce(town.valid_from, 0) <= coalesce(other.valid_to, 9999)
                AND coalesce(other.valid_from, 0) <= coalesce(town.valid_to, 9999)
        )
    )
