"""The duration of a consent: ISO 8601 durations of years, months or days, in calendar time. Pure."""

import re
from datetime import date, timedelta

from shared.core.calendar import months_before

_DURATION = re.compile(r"P(\d{1,4})([YMD])", re.ASCII)


def day_after(day: date, duration: str) -> date:
    """The day ``duration`` (``P3Y``, ``P36M``, ``P1095D``) after ``day``.

    29 February plus a year is 28 February. Raises `ValueError` for any other duration.
    """
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError("not a duration of years, months or days")
    count = int(found[1])
    match found[2]:
        case "Y":
            return months_before(day, -12 * count)
        case "M":
            return months_before(day, -count)
        case _:
            return day + timedelta(days=count)
