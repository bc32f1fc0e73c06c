"""The rules of the Tempo tariff: its seasons, how many days of each colour they have, when its days begin. Pure.

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
    """What a day costs: few red days are dear, most are blue."""

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
    """The hours of one price: of which Tempo day they are, and the instants (UTC) between which they lie."""

    day: date
    hours: Hours
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ColourCount:
    """How the days of a colour stand: ``allowed`` is what the season has, ``used`` what was published of it."""

    allowed: int
    used: int

    @property
    def left(self) -> int:
        """How many are to come; never below zero, whatever was published."""
        return max(0, self.allowed - self.used)


@dataclass(frozen=True, slots=True)
class SeasonCount:
    """A season so far. ``through``: the last day of it that is counted, ``None`` when none is; ``unknown``: how many
    days up to it have no known colour, each of which one colour has less of."""

    season: DayRange
    colours: Mapping[Colour, ColourCount]
    through: date | None
    unknown: int


def season_of(day: date) -> DayRange:
    """The season of a day."""
    year = day.year if day.month >= 9 else day.year - 1
    return DayRange(date(year, 9, 1), date(year + 1, 9, 1))


def allowance(season: DayRange) -> dict[Colour, int]:
    """How many days of each colour a season has: 22 red, 43 white, and blue is the rest, 300 or 301."""
    return {
        Colour.BLUE: season.days - _WHITE_DAYS - _RED_DAYS,
        Colour.WHITE: _WHITE_DAYS,
        Colour.RED: _RED_DAYS,
    }


def count_season(season: DayRange, known: Mapping[date, Colour]) -> SeasonCount:
    """How a season stands by the colours that are ``known``, a tomorrow that is published included: its colour is spent
    once it is drawn."""
    days = {day: colour for day, colour in known.items() if season.start <= day < season.end}
    used = Counter(days.values())
    colours = {colour: ColourCount(allowed, used[colour]) for colour, allowed in allowance(season).items()}
    through = max(days, default=None)
    unknown = 0 if through is None else sum(day not in days for day in days_between(season.start, through))
    return SeasonCount(season, colours, through, unknown)


def tempo_day_start(day: date) -> datetime:
    """When a Tempo day begins (UTC): 06:00 in Paris, also after a night in which the clock was changed."""
    return datetime.combine(day, _DAY_BEGINS, PARIS).astimezone(UTC)


def period_of(instant: datetime) -> Period:
    """The Tempo day and the hours to which an instant belongs."""
    local = instant.astimezone(PARIS)
    day = local.date() if local.time() >= _DAY_BEGINS else local.date() - ONE_DAY
    start, end = tempo_day_start(day), tempo_day_start(day + ONE_DAY)
    peak_end = datetime.combine(day, _PEAK_ENDS, PARIS).astimezone(UTC)
    if instant < peak_end:
        return Period(day, Hours.PEAK, start, peak_end)
    return Period(day, Hours.OFF_PEAK, peak_end, end)


def price_name(colour: Colour, hours: Hours) -> str:
    """Which of `PRICE_NAMES` is paid."""
    return f"{colour.lower()}_{_SHORT[hours]}"
