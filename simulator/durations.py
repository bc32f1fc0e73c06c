"""The duration of a consent: the ISO 8601 duration of the consent page, in calendar time. Pure."""

import re
from datetime import date, timedelta

from simulator.paris import months_before

_DURATION = re.compile(r"P(?=\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?", re.ASCII)
_LONGEST_YEARS = 3


class UnreadableDurationError(ValueError):
    """Not a positive ISO 8601 duration of years, months, weeks and days."""


class DurationTooLongError(ValueError):
    """More than three years."""


def parse_duration(text: str, today: date) -> timedelta:
    """The length of `P1Y4M`, `P36M` or `P1095D` from `today`.

    Raises:
        UnreadableDurationError: not such a duration, or an empty one.
        DurationTooLongError: it ends later than three years from `today`.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UnreadableDurationError
    years, months, weeks, days = (int(part or 0) for part in found.groups())
    longest = months_before(today, -12 * _LONGEST_YEARS)
    if years > _LONGEST_YEARS or years * 12 + months > 12 * _LONGEST_YEARS:
        raise DurationTooLongError
    end = months_before(today, -(years * 12 + months)) + timedelta(days=weeks * 7 + days)
    if end <= today:
        raise UnreadableDurationError
    # Three years in days are accepted as 1095 or 1096, independent of the calendar.
    if end > longest and weeks * 7 + days > 1_096:
        raise DurationTooLongError
    if end > longest and (years or months):
        raise DurationTooLongError
    return end - today
