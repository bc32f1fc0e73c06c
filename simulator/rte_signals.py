"""The EcoWatt signal of a day: the level of each hour and a sentence. Pure, from the date and a level only."""

from datetime import date
from functools import lru_cache
from typing import Literal

from simulator.rte_calendar import coldest_red_days, season_of

Level = Literal[1, 2, 3]
"""Green, orange, red."""

FIRST_DAY = date(2022, 9, 1)
DAYS_AHEAD = 3
HOURS = range(24)
_RED_DAYS, _TENSE_DAYS = 2, 6
_NIGHT = range(6)
_PEAKS = frozenset({8, 9, 10, 11, 18, 19})
_MESSAGES: dict[Level, str] = {
    1: "Pas d\u2019alerte.",
    2: "Système électrique tendu. Les éco-gestes sont les bienvenus.",
    3: "Système électrique très tendu. Des coupures sont inévitables sans baisse de la consommation.",
}


@lru_cache(maxsize=8192)
def level_of(day: date) -> Level:
    """Green, except for the few coldest working days of a winter."""
    if day in coldest_red_days(season_of(day), _RED_DAYS):
        return 3
    return 2 if day in coldest_red_days(season_of(day), _TENSE_DAYS) else 1


def hours_of(level: Level) -> list[int]:
    """The level of each hour: nights are low-carbon (0), the peaks have the level of the day."""
    return [0 if hour in _NIGHT else level if hour in _PEAKS else max(1, level - 1) for hour in HOURS]


def message_of(level: Level) -> str:
    """The sentence of a day, with its typographic apostrophe."""
    return _MESSAGES[level]


def misread(message: str) -> str:
    """A sentence as in the older lines of the open data: UTF-8 decoded as Windows-1252."""
    return message.encode().decode("cp1252")
