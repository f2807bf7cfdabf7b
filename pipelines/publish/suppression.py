"""Small counts of persons stay out of what is shared, and so that no total gives them away.

A mart whose header lists ``persons`` is published without its counts from 1 to 9. A count is hidden with its whole row,
since a rate or a second count would tell it; two counts of a row that differ by 1 to 9 are such a count too. Whoever
knows a total over the towns could take what is shown from it: so of the same year (whatever the key holds beside the
town) other rows are hidden as well, in an order that does not depend on their figures, until every count from 1 to 9
would be as possible as the real one, or all of them are hidden. Zero is no person and is hidden last.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.transform import Model

#: Counts from 1 to below this are not shared.
LEAST = 10

#: The column that says a row's counts are hidden; every model with ``persons`` yields it as FALSE.
MARK = "is_suppressed"


def shared(model: Model) -> str:
    """A query for the rows of a model as they may be shared. ValueError where the model cannot be made safe."""
    if not model.persons:
        return f"SELECT * FROM {model.name}"
    if "town_id" not in model.key or MARK not in model.yields:
        raise ValueError(f"{model.name}: a mart that counts persons is keyed by town_id and yields {MARK}")
    within = ", ".join(name for name in model.key if name != "town_id") or "1"
    figures = _figures(model.persons)
    numbers = range(len(figures))
    small = [f"coalesce(figure_{n} BETWEEN 1 AND {LEAST - 1}, FALSE)" for n in numbers]
    # How far each figure could be lowered without becoming another kind of figure.
    room = [
        f"CASE WHEN figure_{n} >= {LEAST} THEN figure_{n} - {LEAST} WHEN figure_{n} > 0 THEN figure_{n} - 1 ELSE 0 END"
        for n in numbers
    ]
    is_enough = " AND ".join(f"(NOT has_small_{n} OR (large_{n} > 0 AND room_{n} >= {LEAST - 2}))" for n in numbers)
    helpers = "is_small, place, has_small, goes_on_small, is_hidden, " + ", ".join(
        f"figure_{n}, has_small_{n}, room_{n}, large_{n}" for n in numbers
    )
    how_large = " + ".join(f"CAST(figure_{n} >= {LEAST} AS INTEGER)" for n in numbers)
    hidden = (*model.persons, *model.made_of_persons)
    return f"""
        WITH figured AS (
            SELECT *, {_each("{x} AS figure_{n}", figures)} FROM {model.name}
        ),
        ordered AS (
            SELECT *, {" OR ".join(small)} AS is_small, row_number() OVER (
                PARTITION BY {within}
                ORDER BY {" OR ".join(small)} DESC, {how_large} DESC NULLS LAST, sha256(CAST(town_id AS VARCHAR))
            ) AS place
            FROM figured
        ),
        summed AS (
            SELECT *, bool_or(is_small) OVER whole AS has_small,
                coalesce(lead(is_small) OVER so_far, FALSE) AS goes_on_small,
                {_each("bool_or({x}) OVER whole AS has_small_{n}", small)},
                {_each("sum(coalesce({x}, 0)) OVER so_far AS room_{n}", room)},
                {_each("count_if({x}) OVER so_far AS large_{n}", [f"figure_{n} >= {LEAST}" for n in numbers])}
            FROM ordered
            WINDOW whole AS (PARTITION BY {within}), so_far AS (PARTITION BY {within} ORDER BY place)
        ),
        parted AS (
            SELECT *, has_small AND NOT coalesce(bool_or(NOT goes_on_small AND {is_enough}) OVER (
                PARTITION BY {within} ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), FALSE) AS is_hidden
            FROM summed
        )
        SELECT * EXCLUDE ({helpers})
            REPLACE ({", ".join(f'CASE WHEN NOT is_hidden THEN "{name}" END AS "{name}"' for name in hidden)},
                is_hidden AS {MARK})
        FROM parted"""


def _figures(counts: Sequence[str]) -> list[str]:
    """The counts of a row and, since subtracting is easy, how far each two of them are apart."""
    return [f'"{name}"' for name in counts] + [f'abs("{one}" - "{other}")' for one, other in combinations(counts, 2)]


def _each(template: str, expressions: Sequence[str]) -> str:
    return ", ".join(template.format(n=number, x=expression) for number, expression in enumerate(expressions))
