WITH judged AS (
    SELECT
        *,
        unnest([
            {'place': 1, 'item': '1.1', 'points': 600, 'step': 50},
            {'place': 2, 'item': '1.2', 'points': 300, 'step': 50},
            {'place': 3, 'item': '1.3', 'points': 600, 'step': 50},
            {'place': 4, 'item': '1.4.1', 'points': 100, 'step': 25},
            {'place': 5, 'item': '1.4.2', 'points': 200, 'step': 25},
            {'place': 6, 'item': '2.1.1', 'points': 200, 'step': 25},
            {'place': 7, 'item': '2.1.2', 'points': 200, 'step': 25},
            {'place': 8, 'item': '2.2.1', 'points': 300, 'step': 50},
            {'place': 9, 'item': '2.2.2', 'points': 300, 'step': 50},
            {'place': 10, 'item': '2.2.3', 'points': 400, 'step': 50},
            {'place': 11, 'item': '2.2.6', 'points': 200, 'step': 25},
            {'place': 12, 'item': '3.1.1', 'points': 200, 'step': 25},
            {'place': 13, 'item': '3.1.2', 'points': 100, 'step': 25},
            {'place': 14, 'item': '3.2.1', 'points': 100, 'step': 25},
            {'place': 15, 'item': '3.2.2', 'points': 100, 'step': 25},
            {'place': 16, 'item': '3.2.4', 'points': 400, 'step': 50},
            {'place': 17, 'item': '3.2.5', 'points': 200, 'step': 25},
            {'place': 18, 'item': '3.2.6', 'points': 200, 'step': 25},
            {'place': 19, 'item': '3.3.R', 'points': 500, 'step': 50},
            {'place': 20, 'item': '4.1', 'points': 1000, 'step': 50},
            {'place': 21, 'item': '4.2', 'points': 500, 'step': 50},
            {'place': 22, 'item': '5.1', 'points': 500, 'step': 50},
            {'place': 23, 'item': '5.2', 'points': 700, 'step': 50},
            {'place': 24, 'item': '5.3', 'points': 300, 'step': 50},
            {'place': 25, 'item': '1.4.B', 'points': 0, 'step': 50},
            {'place': 26, 'item': '3.4.B', 'points': 0, 'step': 50}
        ]) AS entry
    FROM town_year
),

assessed AS (
    -- Every other year a second assessor looks at the larger items.
    SELECT
        *,
        unnest(range(if(elapsed % 2 = 1 AND entry.points >= 400, 2, 1))) AS assessor,
        entry.points * clipped(0, level + draw_around(key, 'item level', 250, number := entry.place), 10000) AS deserved
    FROM judged
    -- One unit still waits for its last two areas in the last year, and few are given a bonus.
    WHERE
        NOT (is_last_year AND number = 1 AND entry.item IN ('4.1', '4.2', '5.1', '5.2', '5.3'))
        AND (entry.points > 0 OR (draw(key, 'bonus', 100, number := entry.place) < 7 AND level > 8600))
),

scored AS (
    -- Assessors give whole steps: the one below or above what is deserved, by how near it is. Rarely two disagree.
    SELECT
        *,
        CASE
            WHEN entry.points = 0 THEN 50 * (1 + draw(key, 'bonus points', 4, number := entry.place))
            WHEN assessor = 1 AND draw(key, 'disagreement', 200, number := entry.place) = 0 THEN entry.points // 2
            ELSE least(
                entry.points,
                (deserved + draw(key, 'step', 10000 * entry.step, number := entry.place * 2 + assessor))
                // (10000 * entry.step) * entry.step
            )
        END AS score
    FROM assessed
)

SELECT
    year,
    town_name AS town,
    entry.item,
    hundredths(score) AS score,
    CASE
        WHEN entry.points = 0 THEN '特色做法受到上级肯定'
        WHEN score = entry.points THEN '符合要求'
        WHEN score * 10 >= entry.points * 9
            THEN ['个别资料不全', '个别环节不够及时'][draw(key, 'reason', 2, number := entry.place) + 1]
        WHEN score * 10 >= entry.points * 7
            THEN ['部分资料不全', '部分事项办理超期', '台账与原件不完全一致'][draw(key, 'reason', 3, number := entry.place) + 1]
        ELSE '多处未按要求落实'
    END AS reason,
    ['查阅资料', '现场查看', '抽查业务档案', '系统数据'][draw(key, 'evidence', 4, number := entry.place) + 1] AS evidence,
    ['考核员甲', '考核员乙'][assessor + 1] AS assessor,
    make_date(year + 1, 1, 10) + cast(draw(key, 'assessed on', 70) AS INTEGER) AS assessed_on
FROM scored
