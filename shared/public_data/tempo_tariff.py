"""The rules of the Tempo tariff: its seasons, their number of days of each colour, the start of its days. Pure.

A Tempo day runs from 06:00 to 06:00 in Paris and has the colour that RTE publishes under the date on which it begins:
what is consumed before 06:00 is billed in the colour of the day before. Peak hours (``hp``) are those from 06:00 to
22:00, the others off-peak (``hc``). A season is 1 September to 31 August.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum

from shared.core.calendar import ONE_DAY, PARIS, DayRange, days_between

_DAY_BEGINS = time(6)
_PEAK_ENDS = time(22)
_RED_DAYS, _WHITE_DAYS = 22, 43


class Colour(StrEnum):
    """The price category of a day: few days are red (expensive), most are blue."""

    BLUE = "BLUE"
    WHITE = "WHITE"
    RED = "RED"


class Hours(StrEnum):
    """The two prices of a colour."""

    OFF_PEAK = "off_peak"
    PEAK = "peak"


_SHORT = {Hours.OFF_PEAK: "hc", Hours.PEAK: "hp"}
PRICE_NAMES = tuple(f"{colour.lower()}_{hours}" for colour in Colour for hours in _SHORT.values())
"""The six prices: ``blue_hc``, ``blue_hp``, ``white_hc``, ``white_hp``, ``red_hc``, ``red_hp``."""


@dataclass(frozen=True, slots=True)
class Period:
    """A period with one price: its Tempo day, and its start and end (UTC)."""

    day: date
    hours: Hours
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ColourCount:
    """The days of a colour: ``allowed`` in the season, ``used`` so far according to publication."""

    allowed: int
    used: int

    @property
    def left(self) -> int:
        """The number of remaining days; never negative."""
        return max(0, self.allowed - self.used)


@dataclass(frozen=True, slots=True)
class SeasonCount:
    """A season so far. ``through``: the last counted day, ``None`` when there is none; ``unknown``: the number of days
    up to it without a known colour, which some colour's remaining days still include."""

    season: DayRange
    colours: Mapping[Colour, ColourCount]
    through: date | None
    unknown: int


def season_of(day: date) -> DayRange:
    """The season of a day."""
    year = day.year if day.month >= 9 else day.year - 1
    return DayRange(date(year, 9, 1), date(year + 1, 9, 1))


def allowance(season: DayRange) -> dict[Colour, int]:
    """The number of days of each colour in a season: 22 red, 43 white, and the remaining 300 or 301 blue."""
    return {
        Colour.BLUE: season.days - _WHITE_DAYS - _RED_DAYS,
        Colour.WHITE: _WHITE_DAYS,
        Colour.RED: _RED_DAYS,
    }


def count_season(season: DayRange, known: Mapping[date, Colour]) -> SeasonCount:
    """The counts of a season from the ``known`` colours, including a published tomorrow: its colour counts as used."""
    days = {day: colour for day, colour in known.items() if season.start <= day < season.end}
    used = Counter(days.values())
    colours = {colour: ColourCount(allowed, used[colour]) for colour, allowed in allowance(season).items()}
    through = max(days, default=None)
    unknown = 0 if through is None else sum(day not in days for day in days_between(season.start, through))
    return SeasonCount(season, colours, through, unknown)


def tempo_day_start(day: date) -> datetime:
    """The start of a Tempo day (UTC): 06:00 in Paris, also after a clock change."""
    return datetime.combine(day, _DAY_BEGINS, PARIS).astimezone(UTC)


def period_of(instant: datetime) -> Period:
    """The Tempo day and hours that an instant belongs to."""
    local = instant.astimezone(PARIS)
    day = local.date() if local.time() >= _DAY_BEGINS else local.date() - ONE_DAY
    start, end = tempo_day_start(day), tempo_day_start(day + ONE_DAY)
    peak_end = datetime.combine(day, _PEAK_ENDS, PARIS).astimezone(UTC)
    if instant < peak_end:
        return Period(day, Hours.PEAK, start, peak_end)
    return Period(day, Hours.OFF_PEAK, peak_end, end)


def price_name(colour: Colour, hours: Hours) -> str:
    """The name of the price, one of `PRICE_NAMES`."""
    return f"{colour.lower()}_{_SHORT[hours]}"
