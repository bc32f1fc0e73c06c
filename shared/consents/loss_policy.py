"""When the provider's "no right to this usage point" is believed. Pure: a stated policy over days.

Enedis has refused valid consents by the wave (``ADAM-DC-0007``, ``ADAM-DC-0008``), for hours and for days. So one
refusal ends nothing; only refusals on several days, with no success in between, do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.calendar import day_of
from shared.readings.models import Reason

DAYS_REFUSED = 3
"""On so many different days of Europe/Paris, at least, has the provider refused…"""
DAYS_BETWEEN = timedelta(days=3)
"""… and so many lie between the first of them and the last, at least."""


NOT_COLLECTED_PAUSE = timedelta(days=30)
"""Who objected to the load curve may change their mind: so often is it looked whether they did."""
WRONG_DIRECTION_PAUSE = timedelta(days=180)
"""Somebody may begin to produce; and one wrong answer must not hide a dataset for ever. Two calls a year."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The provider does not have a dataset of a usage point: why, and when it said so."""

    reason: Reason
    noted_at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether asking again would be a waste."""
        is_curve = self.reason is Reason.CURVE_NOT_COLLECTED
        return now - self.noted_at < (NOT_COLLECTED_PAUSE if is_curve else WRONG_DIRECTION_PAUSE)


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals since the last success: the first, the last, and on how many different days."""

    first_at: datetime
    last_at: datetime
    days: int

    @property
    def mean_loss(self) -> bool:
        """Whether the consent is to be taken for lost."""
        return self.days >= DAYS_REFUSED and day_of(self.last_at) - day_of(self.first_at) >= DAYS_BETWEEN


def refused_again(before: Refusals | None, now: datetime) -> Refusals:
    """The refusals, with one more at ``now``. Many on one day count once; a clock that lags adds nothing."""
    if before is None:
        return Refusals(now, now, 1)
    is_new_day = day_of(now) > day_of(before.last_at)
    return Refusals(before.first_at, max(before.last_at, now), before.days + is_new_day)
