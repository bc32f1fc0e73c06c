"""The true readings of a simulated household for each of its days, and a verdict on the gateway's stored readings.

Computed by the simulator's own functions, never from a response: distorted responses cannot affect it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.core.datasets import DATASETS
from simulator.curves import daily_watt_hours, is_day_lost, load_curve, lost_slots, peak
from simulator.households import Direction, Household, household_of
from simulator.paris import PARIS, day_minutes, day_start
from simulator.registers import register_watt_hours, registers_of

Told = tuple[str, int, datetime | None, Mapping[str, int] | None]
"""A reading: its step, its value, the time of a peak, the registers of an index."""


class Verdict(StrEnum):
    """The outcome of one requested day."""

    WHOLE = "whole"
    PARTIAL = "partial"
    EXPLAINED = "explained"
    WRONG = "wrong"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class TrueDay:
    """The readings of one day by their start, and whether they are complete."""

    readings: Mapping[datetime, Told]
    is_whole: bool


def true_day(usage_point_id: str, dataset: str, day: date) -> TrueDay:
    """Enedis's data for a day whose publication is final."""
    household = household_of(usage_point_id)
    described = DATASETS[dataset]
    direction = Direction.PRODUCTION if described.direction == "production" else Direction.CONSUMPTION
    if (
        not household.flows(direction)
        or day < household.activation_of(direction)
        or is_day_lost(household, direction, day)
    ):
        return TrueDay({}, is_whole=False)
    if dataset.endswith("_load_curve"):
        return _true_curve(household, direction, day)
    return TrueDay({day_start(day): _true_daily(household, direction, dataset, day)}, is_whole=True)


def judge(stored: Mapping[datetime, Told], truth: TrueDay, *, is_missing: bool) -> Verdict:
    """The verdict on one day, from its stored readings and whether the gateway reports it as missing."""
    if any(truth.readings.get(start) != told for start, told in stored.items()):
        return Verdict.WRONG
    if not is_missing:
        return Verdict.WHOLE if truth.is_whole and len(stored) == len(truth.readings) else Verdict.UNEXPLAINED
    return Verdict.PARTIAL if stored else Verdict.EXPLAINED


def told_of(reading: Mapping[str, Any]) -> tuple[datetime, Told]:
    """A reading from the API, in this module's form."""
    at = reading.get("at")
    told = (reading["step"], reading["value"], at and datetime.fromisoformat(at), reading.get("registers"))
    return datetime.fromisoformat(reading["start"]), told


def _true_curve(household: Household, direction: Direction, day: date) -> TrueDay:
    if not household.records_curve:
        return TrueDay({}, is_whole=False)
    minutes = household.step_minutes(day)
    lost = lost_slots(household, direction, day)
    readings: dict[datetime, Told] = {
        day_start(day) + timedelta(minutes=slot * minutes): (f"PT{minutes}M", watts, None, None)
        for slot, watts in enumerate(load_curve(household, direction, day))
        if slot not in lost
    }
    return TrueDay(readings, len(readings) * minutes == day_minutes(day))


def _true_daily(household: Household, direction: Direction, dataset: str, day: date) -> Told:
    if dataset == "daily_consumption_max_power":
        highest = peak(household, day)
        return "P1D", highest.volt_amperes, None if _comes_twice(highest.instant) else highest.instant, None
    if dataset.endswith("_index"):
        registers = registers_of(household, direction)
        shown = {register.code: register_watt_hours(household, direction, register, day) for register in registers}
        return "P1D", sum(shown.values()), None, shown
    return "P1D", daily_watt_hours(household, direction, day), None, None


def _comes_twice(instant: datetime) -> bool:
    """Whether this instant's label is ambiguous: no response distinguishes the two instants."""
    wall = instant.astimezone(PARIS).replace(tzinfo=None)
    return wall.replace(tzinfo=PARIS, fold=0).utcoffset() != wall.replace(tzinfo=PARIS, fold=1).utcoffset()
