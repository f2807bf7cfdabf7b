-- Chance from whole numbers only, so that a seed gives the same rows on every machine, with any number of threads.
-- The linter takes a macro's parameters for types.
-- noqa: disable=CP05

CREATE MACRO low_word(number) AS number & 4294967295;

CREATE MACRO folded(word, bits) AS xor(word, word >> bits);

-- The finishing step of MurmurHash3: 32 bits in, 32 well mixed bits out.
CREATE MACRO mixed(word) AS
folded(low_word(folded(low_word(folded(word, 16) * 2246822507), 13) * 3266489909), 16);

-- A 32-bit key for anything that chance is drawn for.
CREATE MACRO key_of(subject) AS low_word(md5_number_lower(concat_ws('|', getvariable('seed'), subject)));

-- One of 0 … options - 1, each as likely. `what` keeps the draws for one key apart; `number` those of one `what`.
CREATE MACRO draw(key, what, options, number := 0) AS
cast(
    (
        mixed(low_word(key + low_word(md5_number_lower(what)) + cast(number AS UBIGINT) * 2654435761))
        * cast(options AS UBIGINT)
    ) >> 32 AS BIGINT
);

-- One of -spread … spread, those near 0 more likely.
CREATE MACRO draw_around(key, what, spread, number := 0) AS
draw(key, what, spread + 1, number := 2 * number) + draw(key, what, spread + 1, number := 2 * number + 1) - spread;

-- `part` ten-thousandths of a whole number, rounded down.
CREATE MACRO share(whole, part) AS whole * part // 10000;

CREATE MACRO clipped(lowest, value, highest) AS greatest(lowest, least(value, highest));

CREATE MACRO hundredths(number) AS cast(
    cast(number AS DECIMAL(15, 0)) * cast(0.01 AS DECIMAL(3, 2)) AS DECIMAL(18, 2)
);
