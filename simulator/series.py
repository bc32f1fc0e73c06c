"""The grid operator's data at a given time: the points of a household for a period, independent of any wire format.

Combines the readings of `curves` with missing and unpublished data. Both generations of the API render the same points
from here, so they are always consistent.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from simulator.curves import Peak, daily_watt_hours, is_day_late, is_day_lost, load_curve, lost_slots, peak
from simulator.households import Direction, Household
from simulator.paris import ONE_DAY, days_between, published_until, slot_end_labels


class Measure(StrEnum):
    """The kinds of series."""

    ENERGY = "energy"
    CURVE = "curve"
    PEAK = "peak"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of series in one direction."""

    measure: Measure
    direction: Direction


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Mean watts over the slot that ends at `label` (Paris wall time, no offset)."""

    label: str
    watts: int
    step_minutes: int


@dataclass(frozen=True, slots=True)
class DayEnergy:
    """Watt-hours of a day."""

    day: date
    watt_hours: int


@dataclass(frozen=True, slots=True)
class DayPeak:
    """The highest apparent power of a day."""

    day: date
    peak: Peak


@dataclass(frozen=True, slots=True)
class Period:
    """Days in Paris, `start` inclusive, `end` exclusive."""

    start: date
    end: date


def published_part(household: Household, period: Period, now: datetime, publication_hour: int) -> Period:
    """The part of the period that is published at `now`; may be empty. A late household's last day follows a day
    later."""
    until = published_until(now, publication_hour)
    if is_day_late(household, until - ONE_DAY):
        until -= ONE_DAY
    return Period(period.start, min(period.end, until))


def curve_points(household: Household, direction: Direction, period: Period) -> list[CurvePoint]:
    """The load curve of the period, gaps left out. Empty for a household whose curve is not collected."""
    if not household.records_curve:
        return []
    points: list[CurvePoint] = []
    for day in days_between(period.start, period.end):
        if is_day_lost(household, direction, day):
            continue
        step = household.step_minutes(day)
        lost = lost_slots(household, direction, day)
        watts = load_curve(household, direction, day)
        points.extend(
            CurvePoint(label, value, step)
            for slot, (label, value) in enumerate(zip(slot_end_labels(day, step), watts, strict=True))
            if slot not in lost
        )
    return points


def day_energies(household: Household, direction: Direction, period: Period) -> list[DayEnergy]:
    """The energy of each day of the period that reached the operator."""
    return [
        DayEnergy(day, daily_watt_hours(household, direction, day))
        for day in days_between(period.start, period.end)
        if not is_day_lost(household, direction, day)
    ]


def day_peaks(household: Household, period: Period) -> list[DayPeak]:
    """The peak of each day of the period that reached the operator."""
    return [
        DayPeak(day, peak(household, day))
        for day in days_between(period.start, period.end)
        if not is_day_lost(household, Direction.CONSUMPTION, day)
    ]


def monthly_peaks(peaks: list[DayPeak]) -> list[DayPeak]:
    """The highest peak of each calendar month among `peaks`, oldest first."""
    highest: dict[tuple[int, int], DayPeak] = {}
    for candidate in peaks:
        month = (candidate.day.year, candidate.day.month)
        if month not in highest or candidate.peak.volt_amperes > highest[month].peak.volt_amperes:
            highest[month] = candidate
    return list(highest.values())
