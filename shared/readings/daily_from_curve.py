"""Daily energy without a call: the sum of a day's complete load curve. Pure.

A value of a curve is the mean power of its step, so a day's energy (Wh) is the sum of W times seconds, divided by 3600.
On real pairs of responses this equals the provider's own daily value to the watt-hour. A day with a missing step is
never derived.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from shared.core.calendar import day_of, day_seconds, day_start
from shared.readings.encoding import DAY_STEP, step_seconds
from shared.readings.models import Coverage, Reading


def whole_days(coverage: Mapping[str, Coverage]) -> frozenset[date]:
    """The days of a curve, whose windows are days, that are stored completely from midnight to midnight."""
    return frozenset(known.since for known in coverage.values() if not known.gaps)


def derive_daily(curve: Iterable[Reading]) -> Iterator[Reading]:
    """The daily energy (Wh) of each complete day of a curve (W), oldest first; other days are omitted.

    Half a watt-hour is rounded to even, as Python does: registers have no fractions either.
    """
    watt_seconds: dict[date, int] = defaultdict(int)
    seconds: dict[date, int] = defaultdict(int)
    for reading in curve:
        day, length = day_of(reading.start), step_seconds(reading.step)
        watt_seconds[day] += reading.value * length
        seconds[day] += length
    for day in sorted(seconds):
        if seconds[day] == day_seconds(day):
            yield Reading(day_start(day), DAY_STEP, round(watt_seconds[day] / 3600))
