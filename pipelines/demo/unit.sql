/*
The fictional city: one row per unit and name; the unit renamed in mid-series has two.
Eleven units make a district, two districts the 22 units over which the levels are dealt.
  level: points out of 100 expected in the first year (hundredths); trend: what a year adds to it
*/
WITH numbered AS (
    SELECT
        number,
        key_of(concat('unit', number)) AS key,
        number // 11 AS district_number,
        number % 11 AS place
    FROM (SELECT unnest(range(getvariable('towns'))) AS number)
),

dealt AS (
    -- Every 22 units get the whole range of levels, whatever the seed: so each grade occurs, and few fail.
    SELECT
        *,
        [
            7420, 7720, 7980, 8180, 8330, 8450, 8520, 8580, 8640, 8700, 8750,
            8800, 8850, 8900, 8960, 9020, 9090, 9170, 9270, 9390, 9500, 9620
        ] AS levels,
        '云霁岚汐澜蓁漪沚洄浔沼汀鹤雁鹿鹭兰蓼苇荻枫桐栗梅竹菱荷芷蕙榆樟桂棠砚屿墩' AS letters,
        (22 * row_number() OVER block - 11) // count(*) OVER (PARTITION BY number // 22) AS rank_in_block
    FROM numbered
    WINDOW block AS (PARTITION BY number // 22 ORDER BY key, number)
),

named AS (
    SELECT
        *,
        levels[rank_in_block + 1] AS level,
        draw(key, 'trend', 110) - 10 + (9000 - levels[rank_in_block + 1]) // 30 AS trend,
        place < 6 AS is_street,
        format(
            '99{:02d}{:02d}', district_number // 90 + 1, district_number % 90 + 1
        ) AS district_code,
        CASE
            WHEN number < 22
                THEN [
                    '清岚', '望舒', '锦汐', '镜月', '听涛', '鹿吟', '浣云', '霜桥', '枫汀', '苇渡', '栗溪',
                    '朝霁', '星屿', '云蓁', '晴砚', '兰沚', '竹漪', '雁洄', '棠墩', '鹤沼', '梅浔', '蓼塘'
                ][number + 1]
            ELSE concat(letters[number // 1296 + 1], letters[number // 36 % 36 + 1], letters[number % 36 + 1])
        END AS short_name
    FROM dealt
),

described AS (
    SELECT
        *,
        format('YL-{:02d}', number + 1) AS town_id,
        CASE
            WHEN district_number = 0 THEN '澄湖区'
            WHEN district_number = 1 THEN '霁川区'
            ELSE format('虚构第{:04d}区', district_number + 1)
        END AS district,
        -- The first 镇 of all becomes a 街道 in the middle year: same place, other name and code.
        number = 6 AS is_renamed,
        CASE WHEN is_street THEN 35000 + draw(key, 'residents', 50000) ELSE 22000 + draw(key, 'residents', 38000) END
            AS residents
    FROM named
),

spelled AS (
    SELECT
        *,
        CASE
            WHEN is_street THEN format('{}0{:02d}', district_code, place + 1)
            ELSE format('{}1{:02d}', district_code, place - 6)
        END AS town_code,
        concat(short_name, if(is_street, '街道', '镇')) AS town_name,
        if(is_street, '街道', '镇') AS kind,
        NULL AS valid_from,
        if(is_renamed, getvariable('renamed_in') - 1, NULL) AS valid_to
    FROM described
    UNION ALL BY NAME
    SELECT
        *,
        concat(district_code, '015') AS town_code,
        concat(short_name, '街道') AS town_name,
        '街道' AS kind,
        getvariable('renamed_in') AS valid_from,
        NULL AS valid_to
    FROM described
    WHERE is_renamed
)

SELECT
    number,
    town_id,
    town_code,
    town_name,
    short_name,
    kind,
    district,
    if(place IN (1, 4), '云澜经开区', district) AS managed_by,
    valid_from,
    valid_to,
    key,
    level,
    trend,
    residents,
    is_street
FROM spelled
ORDER BY number, valid_from NULLS FIRST
