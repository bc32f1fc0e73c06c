"""Readings prepared for charts: instants, durations, numbers, and a summary. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from shared.core.calendar import day_of, day_seconds, day_start

# Names of the steps without a fixed number of seconds; a day may have 23 hours, a month 28 days.
_CALENDAR_STEPS = {"P1D": "day", "P1W": "week", "P7D": "week", "P1M": "month", "P1Y": "year"}
_POWER_UNITS = {"W": 1.0, "kW": 1000.0}


@dataclass(frozen=True)
class Value:
    """A reading: ``start`` aware, in Paris; ``value`` in the unit of its series; ``at``: the time of a peak; ``known``:
    the measured part of the interval."""

    start: datetime
    step: str
    value: float
    at: datetime | None = None
    known: float = 1.0

    @property
    def minutes(self) -> int | None:
        """Its length; ``None`` for a calendar interval: a day, a week, a month."""
        if not self.step.startswith("PT") or self.step[-1] not in "MH" or not self.step[2:-1].isdigit():
            return None
        return int(self.step[2:-1]) * (60 if self.step[-1] == "H" else 1)


@dataclass(frozen=True)
class Summary:
    """``total`` with its unit where the values can be summed; mean and extremes of the complete intervals."""

    total: float | None
    total_unit: str
    mean: float
    least: Value
    most: Value


def parse_values(readings: Iterable[Mapping[str, Any]]) -> list[Value]:
    """The API's readings with a value, oldest first."""
    return [
        Value(
            datetime.fromisoformat(each["start"]),
            each["step"],
            float(each["value"]),
            datetime.fromisoformat(each["at"]) if each.get("at") else None,
            float(each.get("coverage", 1)),
        )
        for each in readings
        if each.get("value") is not None
    ]


def step_name(values: Sequence[Value]) -> str:
    """`day`, `week`, `month`, or an empty string for steps within a day."""
    return _CALENDAR_STEPS.get(values[0].step, "") if values else ""


def summarize(values: Sequence[Value], unit: str) -> Summary:
    """The summary of at least one value: power over time and energy sum to energy, peaks have no sum."""
    total, total_unit = None, ""
    if unit in _POWER_UNITS:
        hours = sum(each.value * (each.minutes or 0) / 60 for each in values)
        total, total_unit = hours * _POWER_UNITS[unit], "Wh"
    elif unit.endswith("Wh"):
        total, total_unit = sum(each.value for each in values), unit
    # A week with one known day is not comparable to complete weeks.
    whole = [each for each in values if each.known == 1] or values
    return Summary(
        total,
        total_unit,
        sum(each.value for each in whole) / len(whole),
        min(whole, key=lambda each: each.value),
        max(whole, key=lambda each: each.value),
    )


def scale_for(top: float, unit: str) -> tuple[float, str]:
    """The divisor for short display values, and the resulting unit: Wh to kWh or MWh, W to kW."""
    for factor, prefix in ((1e6, "M"), (1e3, "k")):
        if unit in ("Wh", "W", "VA") and top >= factor:
            return factor, prefix + unit
    return 1.0, unit


def cells_of_day(day: date, values: Iterable[Value], cell_minutes: int) -> list[float | None]:
    """The mean of a day's values per cell of elapsed time since midnight (23, 24 or 25 hours). ``None``: no measure."""
    count = day_seconds(day) // 60 // cell_minutes
    found: list[list[float]] = [[] for _ in range(count)]
    midnight = day_start(day)
    for each in values:
        first = (each.start - midnight) // timedelta(minutes=cell_minutes)
        for cell in range(first, first + max(1, (each.minutes or 0) // cell_minutes)):
            if 0 <= cell < count:
                found[cell].append(each.value)
    return [sum(cell) / len(cell) if cell else None for cell in found]


def by_day(values: Iterable[Value]) -> dict[date, list[Value]]:
    """The values by their day in Paris."""
    days: dict[date, list[Value]] = {}
    for each in values:
        days.setdefault(day_of(each.start), []).append(each)
    return days
