"""The weather of all households: temperature, clouds and the sun's course, derived only from the date.

Plausible for central France, the same for all households, never random.
"""

from datetime import date, datetime, time
from functools import lru_cache
from hashlib import blake2b
from math import cos, pi, pow

from simulator.paris import PARIS

_WARMEST_DAY = 203
_LONGEST_DAY = 172


@lru_cache(maxsize=8192)
def temperature_celsius(day: date) -> float:
    """The day's mean outside temperature: seasons, spells of about a week, and a daily variation."""
    season = 12.0 + 8.0 * cos(2 * pi * (_day_of_year(day) - _WARMEST_DAY) / 365.25)
    spell = (_draw("spell", day.toordinal() // 6) - 0.5) * 7.0
    whim = (_draw("whim", day.toordinal()) - 0.5) * 3.0
    return season + spell + whim


@lru_cache(maxsize=8192)
def clear_sky(day: date) -> float:
    """The transmitted share of sunlight, 0.12 (overcast) to 1."""
    return 0.12 + 0.88 * pow(_draw("sky", day.toordinal()), 0.8)


@lru_cache(maxsize=8192)
def daylight_hours(day: date) -> float:
    """Hours between sunrise and sunset, 8.2 to 16.2."""
    return 12.2 + 4.0 * cos(2 * pi * (_day_of_year(day) - _LONGEST_DAY) / 365.25)


@lru_cache(maxsize=512)
def sun_shape(daylight_minutes: int, noon_minute: int) -> tuple[float, ...]:
    """The sun's power at each minute of the wall clock divided by five, 0 at night, 1 at noon."""
    half = daylight_minutes / 2
    shape = []
    for five in range(288):
        away = abs(five * 5 + 2.5 - noon_minute) / half
        shape.append(pow(cos(pi / 2 * away), 1.6) if away < 1 else 0.0)
    return tuple(shape)


def sun_of(day: date) -> tuple[float, ...]:
    """The shape of `day`'s sun by five-minute step of the Paris wall clock."""
    summer_time = datetime.combine(day, time(12), PARIS).dst()
    noon_minute = 13 * 60 + 50 if summer_time else 12 * 60 + 50
    # Rounded to ten minutes so that neighbouring days share one computed shape.
    return sun_shape(round(daylight_hours(day) * 6) * 10, noon_minute)


def _day_of_year(day: date) -> int:
    return day.timetuple().tm_yday


def _draw(what: str, number: int) -> float:
    digest = blake2b(f"{what}:{number}".encode(), digest_size=4, person=b"weather").digest()
    return int.from_bytes(digest) / 0xFFFFFFFF
