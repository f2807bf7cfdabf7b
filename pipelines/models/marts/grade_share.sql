/*
grain: >-
  one row per year, town, cause of doubt and grade that at least one case gives; the cases of a cause add up to all of
  its cases. Draws are of the latest year
key: [year, town_id, cause, grade]
columns:
  cause: >-
    readings (every combination of the open readings), judgement (as given, and each of
    the town's judgements by itself a step lower and a step higher), sample (its sampled figures as found and at either
    end of their 95% interval) or draws (judgements
    of every town a step off by chance and every sample drawn again, 1,000 times)
  grade: the grade; the empty text where it is undecided
  position: place among the grades, 1 the best; one beyond the last where undecided
  is_in_force: whether it is the grade published
  cases: cases that give this grade
  cases_all: all cases of the cause
  total_lowest: the lowest total among these cases; while provisional the least it can come to (points)
  total_highest: the highest total among these cases; while provisional the most it can come to (points)
  rank_best: the best rank among these cases; empty while provisional
  rank_worst: the worst rank among these cases; empty while provisional
*/
WITH found AS (
    SELECT
        year,
        town_id,
        'readings' AS cause,
        coalesce(grade, '') AS grade,
        count(*) AS cases,
        min(total_low) AS total_lowest,
        max(total_high) AS total_highest,
        min(rank) AS rank_best,
        max(rank) AS rank_worst
    FROM reading_scored_town
    GROUP BY ALL
    UNION ALL
    SELECT
        year,
        town_id,
        cause,
        coalesce(grade, '') AS grade,
        count(*) AS cases,
        min(total_low) AS total_lowest,
        max(total_high) AS total_highest,
        min(rank) AS rank_best,
        max(rank) AS rank_worst
    FROM one_sided_town
    GROUP BY ALL
    UNION ALL
    SELECT
        year,
        town_id,
        'draws' AS cause,
        coalesce(grade, '') AS grade,
        count(*) AS cases,
        min(total_low) AS total_lowest,
        max(total_high) AS total_highest,
        min(rank) AS rank_best,
        max(rank) AS rank_worst
    FROM drawn_town
    GROUP BY ALL
)

SELECT
    found.year,
    found.town_id,
    found.cause,
    found.grade,
    coalesce(band.position, (SELECT max(last.position) + 1 FROM grade_band AS last)) AS position,
    found.grade = coalesce(town.grade, '') AS is_in_force,
    found.cases,
    cast(sum(found.cases) OVER (PARTITION BY found.year, found.town_id, found.cause) AS BIGINT) AS cases_all,
    found.total_lowest,
    found.total_highest,
    found.rank_best,
    found.rank_worst
FROM found
INNER JOIN scored_town AS town
    ON found.year = town.year AND found.town_id = town.town_id AND town.scenario = 'in_force'
LEFT JOIN grade_band AS band
    ON found.grade = band.grade
