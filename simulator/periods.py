"""Whether a period may be asked for: Enedis's rules on dates, without the words in which it refuses.

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
    """Why a question about readings is refused. `object_to` knows those about the period."""

    REVERSED = auto()
    SPAN_TOO_LONG = auto()
    END_IN_FUTURE = auto()
    BEYOND_HISTORY = auto()
    BEFORE_ACTIVATION = auto()
    NO_CONSENT = auto()
    WRONG_DIRECTION = auto()


def parse_day(text: str) -> date | None:
    """`YYYY-MM-DD` and nothing else; None when it is not that or not a day."""
    if len(text) != 10 or not text.isascii() or text[4] != "-" or text[7] != "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def oldest_day(measure: Measure, today: date) -> date:
    """The first day that Enedis still keeps: 24 months and 15 days of curve, 36 months and 15 days of the rest."""
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
