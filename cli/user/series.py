"""Readings as a chart needs them: instants, lengths, numbers, and what can be said of them all. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from shared.core.calendar import day_of, day_seconds, day_start

# What one reading of a step that is not a number of seconds is called; a day may have 23 hours, a month 28 days.
_CALENDAR_STEPS = {"P1D": "day", "P1W": "week", "P7D": "week", "P1M": "month", "P1Y": "year"}
_POWER_UNITS = {"W": 1.0, "kW": 1000.0}


@dataclass(frozen=True)
class Value:
    """A reading: ``start`` aware, in Paris; ``value`` in the unit of its series; ``at``: when, for a peak; ``known``:
    what part of the interval was measured."""

    start: datetime
    step: str
    value: float
    at: datetime | None = None
    known: float = 1.0

    @property
    def minutes(self) -> int | None:
        """Its length; ``None`` for one that the calendar says: a day, a week, a month."""
        if not self.step.startswith("PT") or self.step[-1] not in "MH" or not self.step[2:-1].isdigit():
            return None
        return int(self.step[2:-1]) * (60 if self.step[-1] == "H" else 1)


@dataclass(frozen=True)
class Summary:
    """``total`` with its unit where the values can be added up; mean and extremes of the intervals that are whole."""

    total: float | None
    total_unit: str
    mean: float
    least: Value
    most: Value


def parse_values(readings: Iterable[Mapping[str, Any]]) -> list[Value]:
    """The readings of the API that have a value, oldest first."""
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
    """`day`, `week`, `month`, or nothing for steps within a day."""
    return _CALENDAR_STEPS.get(values[0].step, "") if values else ""


def summarize(values: Sequence[Value], unit: str) -> Summary:
    """What can be said of at least one value: power over time adds up to energy, energy too, a peak to nothing."""
    total, total_unit = None, ""
    if unit in _POWER_UNITS:
        hours = sum(each.value * (each.minutes or 0) / 60 for each in values)
        total, total_unit = hours * _POWER_UNITS[unit], "Wh"
    elif unit.endswith("Wh"):
        total, total_unit = sum(each.value for each in values), unit
    # A week of which a day is known says nothing beside whole ones.
    whole = [each for each in values if each.known == 1] or values
    return Summary(
        total,
        total_unit,
        sum(each.value for each in whole) / len(whole),
        min(whole, key=lambda each: each.value),
        max(whole, key=lambda each: each.value),
    )


def scale_for(top: float, unit: str) -> tuple[float, str]:
    """What to divide by so that people read no long numbers, and the unit then: Wh to kWh or MWh, W to kW."""
    for factor, prefix in ((1e6, "M"), (1e3, "k")):
        if unit in ("Wh", "W", "VA") and top >= factor:
            return factor, prefix + unit
    return 1.0, unit


def cells_of_day(day: date, values: Iterable[Value], cell_minutes: int) -> list[float | None]:
    """The mean of a day's values in each of its cells, by the time that has really passed since midnight: 23, 24 or 25
    hours of them. ``None`` where nothing was measured."""
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
