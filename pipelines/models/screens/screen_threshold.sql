/*
grain: one row, from where on the screens ask; working definitions, all of them here and nowhere else
columns:
  least_scores: an assessor's scores of a year that can be compared with others', at least
  leniency: >-
    how far an assessor's mean share of the points may lie from that of the others on the same items (ten-thousandths of
    the points)
  spread: how many times the variance of an assessor's scores may go into that of the others on the same items
  least_towns: towns an assessor must have given the same score for an item before it is asked about
  bunch_width: how near a limit is near, for totals (points)
  bunch_width_share: how near a target is near, for rates (ten-thousandths)
  least_bunched: towns just above, at least
  bunched_times: how many times as many just above as just below
  least_denominator: figures with a smaller denominator may well be equal by chance
  shrunk_to: a denominator is asked about below so much of last year's, if the rate rose (percent)
*/
SELECT
    20 AS least_scores,
    500 AS leniency,
    4 AS spread,
    5 AS least_towns,
    cast(0.5 AS DECIMAL(9, 2)) AS bunch_width,
    50 AS bunch_width_share,
    5 AS least_bunched,
    4 AS bunched_times,
    100 AS least_denominator,
    70 AS shrunk_to
