"""The colours of Tempo, season by season, derived only from the date.

Pure, and the same on every machine. A season begins on 1 September; its coldest days, by the simulated weather, are the
red and the white ones. Past colours are invented too: they differ from the real ones.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Literal

from simulator.paris import days_between
from simulator.weather import temperature_celsius

Colour = Literal["BLUE", "WHITE", "RED"]

FIRST_DAY = date(2014, 9, 1)
RED_DAYS, WHITE_DAYS = 22, 43
# RTE's responses contain a day without `value`; another source reports it as blue.
UNSAID_DAY = date(2022, 12, 28)
_RED_MONTHS = frozenset({11, 12, 1, 2, 3})
_SATURDAY, _SUNDAY = 5, 6


def season_of(day: date) -> int:
    """The year in which the season of `day` began."""
    return day.year if day.month >= 9 else day.year - 1


def colour_of(day: date) -> Colour:
    """The colour of `day`, whether or not it has been published."""
    return _season(season_of(day)).get(day, "BLUE")


def coldest_red_days(season: int, count: int) -> frozenset[date]:
    """The days on which the whole power system is under stress."""
    reds = [day for day, colour in _season(season).items() if colour == "RED"]
    return frozenset(sorted(reds, key=temperature_celsius)[:count])


@lru_cache(maxsize=64)
def _season(year: int) -> Mapping[date, Colour]:
    """The days of a season that are not blue."""
    days = [day for day in days_between(date(year, 9, 1), date(year + 1, 9, 1)) if day != UNSAID_DAY]
    days.sort(key=temperature_celsius)
    # Red days are working days: the weekend prevents a sixth consecutive one.
    red = [day for day in days if day.month in _RED_MONTHS and day.weekday() < _SATURDAY][:RED_DAYS]
    taken = set(red)
    white = [day for day in days if day not in taken and day.weekday() != _SUNDAY][:WHITE_DAYS]
    return {**dict.fromkeys(red, "RED"), **dict.fromkeys(white, "WHITE")}
