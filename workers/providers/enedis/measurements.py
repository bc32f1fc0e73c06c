"""Enedis's points as readings, for both generations. Tolerates observed deviations, never guesses.

An invalid point becomes a gap: no value (``"null"``), a negative value, two values for one interval, an ambiguous
label. An invalid form makes the whole response unusable: `ValueError` and the like (`MALFORMED`), which the adapters
turn into `ProviderGarbage`.
"""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from shared.core.calendar import ONE_DAY, DayRange, day_start
from shared.readings.encoding import DAY_STEP, step_seconds
from shared.readings.models import Reading
from workers.providers.enedis.wall_clock import Interval, instants_of, resolve_ends

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""Errors of parsing a response of another form; numbers and dates may also exceed Python's range."""

_USUAL_STEP = "PT30M"
# Even a large site's register shows less than 10^12 Wh.
_TOO_LARGE = 10**15
_NUMBER = re.compile(r"[+-]?\d{1,20}([.]\d{1,20})?", re.ASCII)
_FACTORS = {"W": {"W": 1, "kW": 1000}, "Wh": {"Wh": 1, "kWh": 1000}, "VA": {"VA": 1, "kVA": 1000}}


class RawPoint(NamedTuple):
    """A point as received: label, value, and step where it has one, of any type; and the factor of the value."""

    label: Any
    value: Any
    step: Any = None
    factor: int = 1


def factor_of(unit: Any, wanted: str) -> int:
    """The factor that converts ``unit`` to ``wanted`` (W, Wh, VA); a missing unit is the wanted one.

    Raises `ValueError` for a unit of another quantity: watts are not volt-amperes.
    """
    if unit is None:
        return 1
    if not isinstance(unit, str) or unit not in _FACTORS[wanted]:
        raise ValueError("another unit than the requested one")
    return _FACTORS[wanted][unit]


def whole_number(value: Any, factor: int = 1) -> int | None:
    """A value as an integer; ``None`` when it is missing or negative, which no measure is.

    Raises `ValueError` or `TypeError` for a value that is not a number.
    """
    if value is None or value in ("null", ""):
        return None
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise ValueError("a value is a number")
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a value is a number")
    if not math.isfinite(value) or abs(value) >= _TOO_LARGE:
        raise ValueError("a value is a number that a meter can show")
    return None if value < 0 else round(value * factor)


def wall_time(label: Any) -> datetime:
    """A label as wall time; ``24:00:00`` is the next day's midnight.

    Raises `ValueError` or `TypeError` for an invalid label, and for an offset that Paris does not have at that time:
    whether the clock or the offset is wrong cannot be determined.
    """
    if not isinstance(label, str):
        raise TypeError("a label is a text")
    if label[11:16] == "24:00":
        return datetime.fromisoformat(label.replace("24:00", "00:00", 1)) + ONE_DAY
    written = datetime.fromisoformat(label)
    if written.tzinfo is not None and not instants_of(written):
        raise ValueError("Paris does not have this offset then")
    return written


def day_named(label: Any) -> date:
    """The day of a label, whatever its time of day. Raises as `wall_time`."""
    return wall_time(label).date()


def curve_readings(points: Iterable[RawPoint]) -> list[Reading]:
    """A load curve: each point is the mean over the interval that ends at its label. Raises `MALFORMED`."""
    raw = list(points)
    steps = [_USUAL_STEP if point.step is None else str(point.step) for point in raw]
    intervals = [
        Interval(wall_time(point.label), timedelta(seconds=step_seconds(step)), whole_number(point.value, point.factor))
        for point, step in zip(raw, steps, strict=True)
    ]
    return without_overlaps(
        agreed(
            Reading(end - interval.length, step, interval.value)
            for interval, step, end in zip(intervals, steps, resolve_ends(intervals), strict=True)
            if end is not None and interval.value is not None
        )
    )


def daily_readings(points: Iterable[RawPoint]) -> list[Reading]:
    """One value per day, labelled with the day. Raises `MALFORMED`."""
    values = ((day_start(day_named(point.label)), whole_number(point.value, point.factor)) for point in points)
    return agreed(Reading(start, DAY_STEP, value) for start, value in values if value is not None)


def peak_readings(points: Iterable[RawPoint]) -> list[Reading]:
    """One peak per day, labelled with its time. A peak with an ambiguous time keeps only its value and its day.

    Raises `MALFORMED`.
    """
    found = []
    for point in points:
        label, value = wall_time(point.label), whole_number(point.value, point.factor)
        if value is not None:
            moments = instants_of(label)
            at = moments[0] if len(moments) == 1 else None
            found.append(Reading(day_start(label.date()), DAY_STEP, value, at))
    return agreed(found)


def agreed(readings: Iterable[Reading]) -> list[Reading]:
    """One reading per start, oldest first. Identical duplicates are merged; conflicting ones are dropped."""
    by_start: dict[datetime, list[Reading]] = {}
    for reading in readings:
        by_start.setdefault(reading.start, []).append(reading)
    return [same[0] for _, same in sorted(by_start.items()) if all(each == same[0] for each in same)]


def without_overlaps(readings: Sequence[Reading]) -> list[Reading]:
    """The sorted readings whose interval overlaps no other one: overlapping readings contradict each other."""
    kept: list[Reading] = []
    latest_end: datetime | None = None
    for reading in readings:
        end = reading.start + timedelta(seconds=step_seconds(reading.step))
        if latest_end is None or reading.start >= latest_end:
            kept.append(reading)
        elif kept and kept[-1].start + timedelta(seconds=step_seconds(kept[-1].step)) > reading.start:
            kept.pop()
        latest_end = end if latest_end is None else max(latest_end, end)
    return kept


def within(readings: Iterable[Reading], days: DayRange) -> list[Reading]:
    """The readings that begin within these days: a response may cover more than the requested period."""
    first, last = day_start(days.start), day_start(days.end)
    return [reading for reading in readings if first <= reading.start < last]
