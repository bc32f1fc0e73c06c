"""Whether a period may be requested: Enedis's rules on dates, independent of its error texts.

Pure: `now` is an argument. Each generation translates an `Objection` into its own error.
"""

from datetime import date, datetime
from enum import Enum, auto

from simulator.households import Household
from simulator.paris import ONE_DAY, months_before, paris_date
from simulator.series import Measure, Period, Series

LONGEST_CURVE_DAYS = 7
_CURVE_HISTORY_MONTHS = 24
_DAILY_HISTORY_MONTHS = 36
_HISTORY_EXTRA_DAYS = 15


class Objection(Enum):
    """Why a request for readings is refused. `object_to` checks those about the period."""

    REVERSED = auto()
    SPAN_TOO_LONG = auto()
    END_IN_FUTURE = auto()
    BEYOND_HISTORY = auto()
    BEFORE_ACTIVATION = auto()
    NO_CONSENT = auto()
    WRONG_DIRECTION = auto()


def parse_day(text: str) -> date | None:
    """`YYYY-MM-DD` only; None for another format or an invalid day."""
    if len(text) != 10 or not text.isascii() or text[4] != "-" or text[7] != "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def oldest_day(measure: Measure, today: date) -> date:
    """The first day that Enedis still keeps: 24 months and 15 days for curves, 36 months and 15 days for other data."""
    months = _CURVE_HISTORY_MONTHS if measure is Measure.CURVE else _DAILY_HISTORY_MONTHS
    return months_before(today, months) - _HISTORY_EXTRA_DAYS * ONE_DAY


def object_to(period: Period, series: Series, household: Household, now: datetime) -> Objection | None:
    """The first rule that `period` breaks for this series of this household, or None."""
    today = paris_date(now)
    if period.end <= period.start:
        return Objection.REVERSED
    if series.measure is Measure.CURVE and (period.end - period.start).days > LONGEST_CURVE_DAYS:
        return Objection.SPAN_TOO_LONG
    if period.end > today:
        return Objection.END_IN_FUTURE
    if period.start < oldest_day(series.measure, today):
        return Objection.BEYOND_HISTORY
    if period.start < household.activation_of(series.direction):
        return Objection.BEFORE_ACTIVATION
    return None
