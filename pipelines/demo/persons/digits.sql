-- What of an identity number is the same for many: dates of birth and serial numbers, each with its part of the check.
-- The linter takes a macro's parameters for types, and knows no lambda.
-- noqa: disable=CP01,CP05,LT01,LT02

CREATE MACRO checked(digits, weights) AS
cast(
    list_sum(list_transform(
        range(1, len(weights) + 1), lambda place : cast(digits[place] AS INTEGER) * weights[place]
    )) AS BIGINT
);

CREATE TABLE birth AS
SELECT
    number,
    strftime(DATE '1935-01-01' + cast(number AS INTEGER), '%Y%m%d') AS digits,
    checked(strftime(DATE '1935-01-01' + cast(number AS INTEGER), '%Y%m%d'), [2, 1, 6, 3, 7, 9, 10, 5]) AS checked
FROM (SELECT unnest(range(25000)) AS number);

CREATE TABLE serial AS
SELECT
    number,
    format('{:03d}', number) AS digits,
    checked(format('{:03d}', number), [8, 4, 2]) AS checked
FROM (SELECT unnest(range(1000)) AS number);
