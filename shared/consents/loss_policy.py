"""The policy for treating a consent as lost after the provider refuses access to a usage point. Pure.

Enedis has temporarily refused many valid consents at once (``ADAM-DC-0007``, ``ADAM-DC-0008``), for hours and for days.
So a single refusal has no effect; only refusals on several days, without a success in between, do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.calendar import day_of
from shared.readings.models import Reason

DAYS_REFUSED = 3
"""The minimum number of distinct days (Europe/Paris) with a refusal."""
DAYS_BETWEEN = timedelta(days=3)
"""The minimum time between the first and the last of these days."""


NOT_COLLECTED_PAUSE = timedelta(days=30)
"""How long a load curve that is not collected is not requested: the holder may withdraw the objection to it."""
WRONG_DIRECTION_PAUSE = timedelta(days=180)
"""How long a dataset of the wrong direction is not requested. The point may begin to produce, and one wrong response
must not hide a dataset permanently. Two calls a year."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A dataset that the provider does not have for a usage point: the reason, and the time of that response."""

    reason: Reason
    noted_at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether another request would be useless."""
        is_curve = self.reason is Reason.CURVE_NOT_COLLECTED
        return now - self.noted_at < (NOT_COLLECTED_PAUSE if is_curve else WRONG_DIRECTION_PAUSE)


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals since the last success: the first, the last, and the number of distinct days."""

    first_at: datetime
    last_at: datetime
    days: int

    @property
    def mean_loss(self) -> bool:
        """Whether the consent is considered lost."""
        return self.days >= DAYS_REFUSED and day_of(self.last_at) - day_of(self.first_at) >= DAYS_BETWEEN


def refused_again(before: Refusals | None, now: datetime) -> Refusals:
    """The refusals, with one more at ``now``. Several on one day count once; a clock that lags adds nothing."""
    if before is None:
        return Refusals(now, now, 1)
    is_new_day = day_of(now) > day_of(before.last_at)
    return Refusals(before.first_at, max(before.last_at, now), before.days + is_new_day)
