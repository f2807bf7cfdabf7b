-- Of a thousand contributions two never reach the bank and one arrives with a yuan too little.
SELECT
    year,
    town,
    person_id,
    paid_on + cast(days_under_way AS INTEGER) AS received_on,
    amount_yuan - if(what_goes_wrong = 2, hundredths(100), hundredths(0)) AS amount_yuan
FROM payment
WHERE what_goes_wrong > 1
