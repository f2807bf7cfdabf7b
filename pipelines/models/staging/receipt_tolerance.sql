/*
grain: one row, the working definition of "received in time"; to be confirmed by the bureau
columns:
  days: days a receipt at the bank may lie before or after the payment it belongs to
*/
SELECT 30 AS days
