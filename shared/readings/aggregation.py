"""Aggregation of values over hours, days, weeks and months in Paris time, and conversion of units. Pure.

Energy is summed exactly, in watt-seconds: a mean power counts for the length of its step, independently of the steps
next to it; an interval that crosses a bound counts proportionally on both sides. Hours are elapsed hours, so the
repeated hour in October is two hours; days have 23, 24 or 25 hours. Only the final result is rounded, to a thousandth
of a watt-hour, half to even.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from shared.core.calendar import ONE_DAY, DayRange, day_of, day_start, month_start, next_month
from shared.core.datasets import Dataset, Quantity
from shared.readings.column_batch import Columns, Number
from shared.readings.encoding import DAY_STEP, step_seconds

_HOUR_SECONDS = 3600
# Coverage has a resolution of one ten-thousandth and is truncated, so that only complete intervals have 1.
_COVERAGE_PARTS = 10_000


class Resolution(StrEnum):
    """The interval of aggregation: an hour, a day, a week starting on Monday, a month."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def step(self) -> str:
        """The length of one value, ISO 8601."""
        return _STEPS[self]


class Unit(StrEnum):
    """The unit of a value: energy, or the mean power over its interval."""

    WATT_HOURS = "Wh"
    KILOWATT_HOURS = "kWh"
    WATTS = "W"


class NotComputable(ValueError):
    """A parameter is not supported for this dataset; ``parameter``: its name."""

    def __init__(self, parameter: str, reason: str) -> None:
        """Store both; ``reason`` is shown to the client."""
        super().__init__(reason)
        self.parameter, self.reason = parameter, reason


_STEPS = {Resolution.HOUR: "PT1H", Resolution.DAY: DAY_STEP, Resolution.WEEK: "P1W", Resolution.MONTH: "P1M"}
# Decimals: a thousandth of a watt-hour, in either unit.
_DECIMALS = {Unit.WATT_HOURS: 3, Unit.KILOWATT_HOURS: 6, Unit.WATTS: 3}
_WATT_SECONDS = {Unit.WATT_HOURS: 3600, Unit.KILOWATT_HOURS: 3_600_000}


def unit_shown(dataset: Dataset, resolution: Resolution | None, unit: Unit | None) -> str:
    """The unit of the values in a response. Raises `NotComputable` for unsupported combinations."""
    own = str(dataset.unit)
    match dataset.quantity:
        case Quantity.INDEX if resolution is not None:
            raise NotComputable("resolution", "Meter index values cannot be aggregated over an interval.")
        case Quantity.INDEX if unit is Unit.WATTS:
            raise NotComputable("unit", "Meter index values cannot be converted to power.")
        case Quantity.PEAK if unit is not None:
            raise NotComputable("unit", f"A daily peak, in {own}, cannot be converted to energy or mean power.")
    if resolution is Resolution.HOUR and dataset.step == DAY_STEP:
        raise NotComputable("resolution", "This dataset has one value a day and cannot be split into hours.")
    if unit is not None:
        return str(unit)
    return str(Unit.WATT_HOURS) if dataset.quantity is Quantity.POWER and resolution is not None else own


class UnitChange:
    """Converts readings to another unit, without aggregation."""

    def __init__(self, quantity: Quantity, unit: Unit) -> None:
        """Convert values of ``quantity`` to ``unit``, which `unit_shown` has accepted."""
        self._quantity = quantity
        self._unit = unit

    def apply(self, columns: Columns) -> Columns:
        """Convert the values of some readings, and of their registers."""
        rows = zip(columns.starts, columns.steps, columns.values, strict=True)
        columns.values = [self._shown(value, interval_seconds(step, start)) for start, step, value in rows]
        columns.registers = [
            row and {name: self._shown(value, _HOUR_SECONDS) for name, value in row.items()}
            for row in columns.registers
        ]
        return columns

    def _shown(self, value: Number, seconds: int) -> Number:
        return _in_unit(_energy(self._quantity, value, seconds, seconds), seconds, self._unit)


class Summary:
    """Aggregates readings, given in batches and oldest first, over consecutive intervals.

    Energy is summed; of peaks the highest is kept. An interval without data is omitted; for the others ``coverage`` is
    the share of the interval that the readings fill.
    """

    def __init__(self, quantity: Quantity, resolution: Resolution, unit: Unit | None, days: DayRange) -> None:
        """Aggregate the readings within ``days``; ``unit``: of energies, ``None`` for peaks."""
        self._quantity = quantity
        self._resolution = resolution
        self._unit = unit
        self._first, self._last = (int(day_start(day).timestamp()) for day in (days.start, days.end))
        self._bucket: _Bucket | None = None

    def add(self, columns: Columns) -> Columns:
        """Add more readings. Returns the intervals that they complete."""
        ended = Columns()
        for start, step, value, peak in zip(columns.starts, columns.steps, columns.values, columns.peaks, strict=True):
            seconds = interval_seconds(step, start)
            moment, end = max(start, self._first), min(start + seconds, self._last)
            while moment < end:
                bucket = self._bucket
                if bucket is None or moment >= bucket.end:
                    self._close(ended)
                    bucket = self._bucket = _Bucket(*_bounds(self._resolution, moment))
                part = min(end, bucket.end) - moment
                if self._quantity is not Quantity.PEAK:
                    bucket.watt_seconds += _energy(self._quantity, value, part, seconds)
                elif bucket.highest is None or value > bucket.highest:
                    bucket.highest, bucket.peak = value, peak
                bucket.seconds += part
                moment += part
        return ended

    def end(self) -> Columns:
        """The last, still open interval, if there is one."""
        ended = Columns()
        self._close(ended)
        return ended

    def _close(self, ended: Columns) -> None:
        bucket, self._bucket = self._bucket, None
        if bucket is None:
            return
        if bucket.highest is None and self._unit is not None:
            value = _in_unit(bucket.watt_seconds, bucket.seconds, self._unit)
        else:
            value = bucket.highest or 0
        ended.add(
            self._resolution.step,
            [bucket.start],
            [value],
            peaks=[bucket.peak],
            coverage=_share(bucket.seconds, bucket.end - bucket.start),
        )


@dataclass(slots=True)
class _Bucket:
    """One interval and its accumulated values."""

    start: int
    end: int
    seconds: int = 0
    watt_seconds: int | Fraction = 0
    highest: Number | None = None
    peak: int | None = None


def interval_seconds(step: str, start: int) -> int:
    """The length of an interval from ``start`` (epoch seconds): a day has 23, 24 or 25 hours, months differ."""
    if step.startswith("PT"):
        return _fixed_seconds(step)
    _, end = _bounds(_BY_STEP[step], start)
    return end - start


_BY_STEP = {step: resolution for resolution, step in _STEPS.items()}
_fixed_seconds: Callable[[str], int] = lru_cache(maxsize=64)(step_seconds)


@lru_cache(maxsize=4096)
def _bounds(resolution: Resolution, moment: int) -> tuple[int, int]:
    """The interval that contains a time, in epoch seconds."""
    if resolution is Resolution.HOUR:
        # Paris is a whole number of hours ahead of UTC, for as long as there have been communicating meters.
        start = moment - moment % _HOUR_SECONDS
        return start, start + _HOUR_SECONDS
    day = day_of(datetime.fromtimestamp(moment, UTC))
    match resolution:
        case Resolution.DAY:
            first, after = day, day + ONE_DAY
        case Resolution.WEEK:
            first = day - timedelta(days=day.weekday())
            after = first + timedelta(days=7)
        case _:
            first, after = month_start(day), next_month(day)
    return int(day_start(first).timestamp()), int(day_start(after).timestamp())


def _energy(quantity: Quantity, value: Number, part: int, seconds: int) -> int | Fraction:
    """The watt-seconds of a part of an interval."""
    if quantity is Quantity.POWER:
        return int(value) * part
    energy, rest = divmod(int(value) * 3600 * part, seconds)
    return energy + Fraction(rest, seconds) if rest else energy


def _in_unit(watt_seconds: int | Fraction, seconds: int, unit: Unit) -> Number:
    return rounded(watt_seconds, _WATT_SECONDS.get(unit, seconds), _DECIMALS[unit])


def rounded(numerator: int | Fraction, denominator: int, decimals: int) -> Number:
    """The quotient rounded to ``decimals`` decimals, half to even: an ``int`` where it is whole, else the ``float``
    that is written with at most these digits."""
    scale: int = 10**decimals
    scaled, rest = divmod(numerator * scale, denominator)
    scaled += 2 * rest > denominator or (2 * rest == denominator and scaled % 2)
    whole, decimal = divmod(scaled, scale)
    return scaled / scale if decimal else whole


def _share(seconds: int, of: int) -> Number:
    return 1 if seconds >= of else seconds * _COVERAGE_PARTS // of / _COVERAGE_PARTS
