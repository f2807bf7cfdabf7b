SELECT
    year,
    town,
    person_id,
    paid_on,
    amount_yuan
FROM payment
