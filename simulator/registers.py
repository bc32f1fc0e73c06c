"""The meter's register values at the start of a day, in Wh: the total, and one per class of the tariff.

Registers are cumulative; the difference of two values is the energy in between, so that the day's energy, the curve and
the registers are always consistent.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b

from simulator.curves import daily_watt_hours, load_curve
from simulator.households import Direction, Household
from simulator.known_points import Profile
from simulator.paris import days_between, slot_start_minutes

# Where counting starts: a little before the oldest day that could be requested at the time of writing.
_REFERENCE = date(2023, 1, 1)
_OFF_PEAK_FROM = 22 * 60 + 30
_OFF_PEAK_UNTIL = 6 * 60 + 30


@dataclass(frozen=True, slots=True)
class Register:
    """One class of a tariff, as the grid names it."""

    code: str
    label: str
    dial: str


BASE = Register("BASE", "Base", "01")
OFF_PEAK = Register("HC", "Heures Creuses", "01")
PEAK = Register("HP", "Heures Pleines", "02")


def registers_of(household: Household, direction: Direction) -> tuple[Register, ...]:
    """The registers whose sum is the total."""
    if direction is Direction.CONSUMPTION and household.profile is Profile.NIGHT_TARIFF:
        return (OFF_PEAK, PEAK)
    return (BASE,)


def register_watt_hours(household: Household, direction: Direction, register: Register, day: date) -> int:
    """The value of `register` at the first instant of `day`."""
    shown = _at_reference(household, register)
    for year in range(_REFERENCE.year, day.year):
        shown += _yearly(household, direction, register, year)
    for year in range(day.year, _REFERENCE.year):
        shown -= _yearly(household, direction, register, year)
    this_year = days_between(date(day.year, 1, 1), day)
    return shown + sum(_daily(household, direction, register, counted) for counted in this_year)


def _at_reference(household: Household, register: Register) -> int:
    """A plausible initial value: counting every day since the commissioning would take seconds without any benefit."""
    draw = blake2b(f"{household.usage_point_id}:{register.code}".encode(), digest_size=4, person=b"register").digest()
    return 100_000_000 + int.from_bytes(draw) % 100_000_000


@lru_cache(maxsize=4096)
def _yearly(household: Household, direction: Direction, register: Register, year: int) -> int:
    days = days_between(date(year, 1, 1), date(year + 1, 1, 1))
    return sum(_daily(household, direction, register, day) for day in days)


@lru_cache(maxsize=16_384)
def _daily(household: Household, direction: Direction, register: Register, day: date) -> int:
    total = daily_watt_hours(household, direction, day)
    if register is BASE:
        return total
    off_peak = _off_peak_watt_hours(household, direction, day)
    return off_peak if register is OFF_PEAK else total - off_peak


def _off_peak_watt_hours(household: Household, direction: Direction, day: date) -> int:
    step = household.step_minutes(day)
    starts = slot_start_minutes(day, step)
    watts = load_curve(household, direction, day)
    night = sum(
        value for start, value in zip(starts, watts, strict=True) if start >= _OFF_PEAK_FROM or start < _OFF_PEAK_UNTIL
    )
    return night * step // 60
