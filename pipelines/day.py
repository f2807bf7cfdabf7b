"""A day as files of settings write it."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator


def _as_written(day: Any) -> Any:
    # Digits alone would be taken for seconds since 1970, and a time of day for its day.
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", str(day)):
        raise ValueError("a day is written as 2014-02-03")
    return day


#: For models of pydantic: written as 2014-02-03 and no other way.
Day = Annotated[date, BeforeValidator(_as_written)]
