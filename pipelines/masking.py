"""What may not be shown as it stands: identity numbers inside texts, and signs that would forge or hide text.

The same patterns serve Python and the database. A number is masked by its look, date of birth included, whether or not
its check digit agrees: one that was mistyped is still somebody's.
"""

from __future__ import annotations

import re

MASK = "***"

#: Nobody sees these; between digits they would hide a number.
_UNSEEN = "[\u00ad\u200b-\u200f\u2060\ufeff]*"
_DIGIT = "[0-9\uff10-\uff19]"


def _digit(first: int, last: int) -> str:
    return f"[{first}-{last}{chr(0xFF10 + first)}-{chr(0xFF10 + last)}]"


def _both_widths(*parts: tuple[int, int]) -> str:
    return _UNSEEN.join(_digit(*part) for part in parts)


_ANY = (0, 9)
_MONTH = f"(?:{_both_widths((0, 0), (1, 9))}|{_both_widths((1, 1), (0, 2))})"
_DAY = f"(?:{_both_widths((0, 0), (1, 9))}|{_both_widths((1, 2), _ANY)}|{_both_widths((3, 3), (0, 1))})"
_CENTURY = f"(?:{_both_widths((1, 1), (8, 9))}|{_both_widths((2, 2), (0, 0))})"
_LAST = "[0-9\uff10-\uff19Xx\uff38\uff58]"
#: People part a number into place, date of birth and sequence.
_PART = f"{_UNSEEN}[ \u3000_-]?{_UNSEEN}"
_PLACE, _TWO, _THREE = (_both_widths(*[_ANY] * count) for count in (6, 2, 3))
_BORN = f"{_TWO}{_UNSEEN}{_MONTH}{_UNSEEN}{_DAY}"
_LONG = f"{_PLACE}{_PART}{_CENTURY}{_UNSEEN}{_BORN}{_PART}{_THREE}{_UNSEEN}{_LAST}"
_SHORT = f"{_PLACE}{_PART}{_BORN}{_PART}{_THREE}"

#: An identity number of 18 or 15 places with the rest of the digits it stands among.
IDENTITY_NUMBER = f"{_DIGIT}{{0,20}}?(?:{_LONG}|{_SHORT}){_DIGIT}*{_LAST}?"
#: Any number longer than codes and figures are.
LONG_NUMBER = f"(?:{_DIGIT}{_UNSEEN}){{13,}}{_LAST}?"

_IDENTITY_NUMBER = re.compile(IDENTITY_NUMBER)

#: Control characters, line and paragraph separators, signs that turn the direction of text, and halves of characters.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def masked(text: str) -> str:
    """``text`` with every identity number in it masked."""
    return _IDENTITY_NUMBER.sub(MASK, text) if len(text) >= 15 else text


def masked_sql(column: str, *, wholly: bool = False) -> str:
    """SQL for the text of ``column``, masked; ``wholly`` masks any number longer than codes and figures are."""
    pattern = f"{LONG_NUMBER}|{IDENTITY_NUMBER}" if wholly else IDENTITY_NUMBER
    # Few cells are long enough to hold one.
    return (
        f"CASE WHEN length({column}) >= 13 THEN regexp_replace({column}, '{pattern}', '{MASK}', 'g') ELSE {column} END"
    )


def one_line(text: str) -> str:
    """``text`` as it may stand in one line of a log: what would forge a line or hide text is written ``\\u202e``."""
    return _UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def lines(text: str) -> str:
    """``text`` of several lines, each as ``one_line`` has it; tabs stay."""
    return "\n".join("\t".join(map(one_line, line.split("\t"))) for line in text.split("\n"))
