"""The readings of a household on a day: energy, load curve and peak, derived only from the usage point and the date.

The order of computation keeps everything consistent: first the day's energy D in whole watt-hours, then a shape over
the day's slots, then whole watts that sum to exactly D * 60 / step, so that the sum of watts times hours is D on days
of 23, 24 and 25 hours alike. Nothing is stored and nothing is random. The APIs do the rendering.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import shake_128

from simulator.households import Direction, Household
from simulator.known_points import Profile
from simulator.paris import day_start, slot_start_minutes
from simulator.weather import clear_sky, daylight_hours, sun_of, temperature_celsius

_HEATING_STARTS_BELOW = 16.0

# Relative use of each half-hour of the wall clock.
_WEEKDAY = (
    3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 5, 8, 11, 12, 9, 6, 5, 4, 4, 4, 5, 7,
    10, 9, 6, 5, 4, 4, 4, 4, 5, 6, 8, 10, 13, 16, 18, 18, 16, 14, 12, 10, 8, 6, 5, 4,
)  # fmt: skip
_WEEKEND = (
    4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 6, 8, 10, 11, 11, 10, 10, 12, 16,
    18, 16, 12, 10, 9, 8, 8, 8, 8, 9, 10, 12, 14, 16, 17, 16, 14, 12, 11, 9, 8, 7, 6, 5,
)  # fmt: skip
_HEATING = (
    6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 8, 10, 13, 14, 14, 13, 11, 10, 9, 8, 8, 7, 7, 7,
    7, 7, 6, 6, 6, 6, 6, 7, 8, 9, 10, 11, 12, 12, 12, 12, 11, 11, 10, 9, 8, 7, 7, 6,
)  # fmt: skip
# The water heater starts with the night tariff (22:30) and runs for a few hours.
_WATER = tuple(
    20 if half_hour >= 45 else (16, 14, 11, 7, 3, 1)[half_hour] if half_hour < 6 else 0 for half_hour in range(48)
)


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest power of a day and its time."""

    volt_amperes: int
    instant: datetime


@lru_cache(maxsize=16_384)
def daily_watt_hours(household: Household, direction: Direction, day: date) -> int:
    """The energy of `day` in Wh, whether or not the meter's data reached Enedis."""
    whim = _draws(household, direction, day, "day", 4)
    if direction is Direction.PRODUCTION:
        return _produced_watt_hours(household, day, whim)
    heating = household.heating_watt_hours_per_degree * max(0.0, _HEATING_STARTS_BELOW - temperature_celsius(day))
    base = household.base_watt_hours * (0.75 + whim[0] * 0.5) * (1.15 if day.weekday() >= 5 else 1.0)
    water = household.water_watt_hours * (0.8 + whim[1] * 0.4)
    if household.profile is Profile.SECOND_HOME and not _occupied(household, day):
        # A refrigerator, a router and frost protection.
        return int(350 + whim[2] * 250 + heating * 0.03)
    if household.profile is Profile.SOLAR:
        base *= 1 - 0.4 * clear_sky(day) * daylight_hours(day) / 16
    return int(base + heating * (0.9 + whim[3] * 0.2) + water)


@lru_cache(maxsize=1024)
def load_curve(household: Household, direction: Direction, day: date) -> tuple[int, ...]:
    """Mean watts of every slot of `day`, complete. Their sum * step / 60 is `daily_watt_hours`."""
    step = household.step_minutes(day)
    starts = slot_start_minutes(day, step)
    if direction is Direction.PRODUCTION:
        weights = _sun_weights(household, day, starts)
    else:
        weights = _use_weights(household, day, starts)
    return _spread(daily_watt_hours(household, direction, day) * 60 // step, weights)


def peak(household: Household, day: date) -> Peak:
    """The day's highest apparent power: inside the curve's highest slot, and above its mean."""
    watts = load_curve(household, Direction.CONSUMPTION, day)
    highest = max(watts)
    step_seconds = household.step_minutes(day) * 60
    strength, moment = _draws(household, Direction.CONSUMPTION, day, "peak", 2)
    # Strictly inside the slot: its label is its end, and an instant on the boundary would belong to two.
    seconds = watts.index(highest) * step_seconds + 1 + int(moment * (step_seconds - 2))
    return Peak(
        volt_amperes=int(highest * (1.05 + strength * 0.4)) + 60,
        instant=day_start(day) + timedelta(seconds=seconds),
    )


def is_day_lost(household: Household, direction: Direction, day: date) -> bool:
    """Whether no data of `day` ever reached Enedis."""
    return household.profile is Profile.GAPS and _draws(household, direction, day, "lost", 1)[0] < 0.06


def is_day_late(household: Household, day: date) -> bool:
    """Whether `day` is published a day later than usual."""
    return household.profile is Profile.GAPS and _draws(household, Direction.CONSUMPTION, day, "late", 1)[0] < 0.15


def lost_slots(household: Household, direction: Direction, day: date) -> frozenset[int]:
    """The slots of `day` that are missing from the curve, although the day's energy is known."""
    if household.profile is not Profile.GAPS:
        return frozenset()
    draws = _draws(household, direction, day, "slots", 3)
    count = len(slot_start_minutes(day, household.step_minutes(day)))
    if draws[0] < 0.1:
        return frozenset(range(count))
    if draws[0] < 0.35:
        first = int(draws[1] * count)
        return frozenset(range(first, min(count, first + 1 + int(draws[2] * 12))))
    return frozenset()


def _produced_watt_hours(household: Household, day: date, whim: Sequence[float]) -> int:
    full_sun_hours = 1.2 + 5.6 * ((daylight_hours(day) - 8.2) / 8.0)
    sold_share = 1.0 if household.profile is Profile.PRODUCER else 0.55
    return int(household.solar_peak_watts * full_sun_hours * clear_sky(day) * sold_share * (0.9 + whim[0] * 0.2))


def _occupied(household: Household, day: date) -> bool:
    """A second home: August, and roughly every other weekend."""
    if day.month == 8:
        return True
    saturday = day.toordinal() - (day.weekday() - 5) if day.weekday() >= 5 else None
    if saturday is None:
        return False
    return _draws(household, Direction.CONSUMPTION, date.fromordinal(saturday), "stay", 1)[0] < 0.55


def _use_weights(household: Household, day: date, starts: Sequence[int]) -> list[float]:
    noise = _noise(household, Direction.CONSUMPTION, day, len(starts))
    heating = household.heating_watt_hours_per_degree * max(0.0, _HEATING_STARTS_BELOW - temperature_celsius(day))
    base = household.base_watt_hours / 340
    heat = heating / 400
    water = household.water_watt_hours / 110
    use = _WEEKEND if day.weekday() >= 5 else _WEEKDAY
    weights = [
        use[start // 30] * base * (0.35 + byte / 190 + (2.2 if byte > 247 else 0.0))
        + _HEATING[start // 30] * heat * (0.8 + byte / 640)
        + _WATER[start // 30] * water
        for start, byte in zip(starts, noise, strict=True)
    ]
    if household.profile is Profile.SOLAR:
        sun, clear = sun_of(day), clear_sky(day)
        weights = [w * (1 - 0.85 * clear * sun[start // 5]) for w, start in zip(weights, starts, strict=True)]
    return weights


def _sun_weights(household: Household, day: date, starts: Sequence[int]) -> list[float]:
    noise = _noise(household, Direction.PRODUCTION, day, len(starts))
    step = household.step_minutes(day)
    sun = sun_of(day)
    # The middle of the slot, in five-minute steps; a five-minute slot is a single step.
    return [sun[(start + step // 2) // 5] * (0.6 + byte / 320) for start, byte in zip(starts, noise, strict=True)]


def _spread(total: int, weights: Sequence[float]) -> tuple[int, ...]:
    """Integers proportional to `weights` that sum to exactly `total`."""
    scale = total / sum(weights) if total else 0.0
    values = []
    reached, given = 0.0, 0
    for weight in weights:
        reached += weight
        upto = round(reached * scale)
        values.append(upto - given)
        given = upto
    # Rounding of the last running sum can miss the total by one in floating point.
    values[max(range(len(values)), key=values.__getitem__)] += total - given
    return tuple(values)


def _noise(household: Household, direction: Direction, day: date, count: int) -> bytes:
    return shake_128(f"{household.usage_point_id}:{direction}:{day.toordinal()}:curve".encode()).digest(count)


def _draws(household: Household, direction: Direction, day: date, what: str, count: int) -> list[float]:
    key = f"{household.usage_point_id}:{direction}:{day.toordinal()}:{what}"
    digest = shake_128(key.encode()).digest(2 * count)
    return [int.from_bytes(digest[at : at + 2]) / 0x10000 for at in range(0, 2 * count, 2)]
