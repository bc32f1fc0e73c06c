"""Decides whether a request for readings is accepted, in both generations. Never formulates the error response.

The order of the rules is fixed: reversed dates first, because they need no lookup of the point; then the consent, the
direction, and the limits on the period.
"""

from datetime import datetime

from simulator.clock import Clock
from simulator.conditions import Conditions
from simulator.consents import Consents
from simulator.households import Household, household_of
from simulator.paris import paris_date
from simulator.periods import Objection, object_to
from simulator.series import Period, Series, published_part


class Admission:
    """The rules of both generations over one registry of consents and one clock."""

    def __init__(self, clock: Clock, conditions: Conditions, consents: Consents) -> None:
        self._clock = clock
        self._conditions = conditions
        self._consents = consents

    def now(self) -> datetime:
        """The simulated instant."""
        return self._clock.now()

    def may_read(self, usage_point_id: str) -> bool:
        """Whether the application holds an active consent for this point."""
        return self._consents.is_active(usage_point_id, paris_date(self.now()))

    def objection(self, usage_point_id: str, period: Period, series: Series) -> Objection | None:
        """The first rule that the request breaks, or None."""
        household = household_of(usage_point_id)
        found = object_to(period, series, household, self.now())
        if found is Objection.REVERSED:
            return found
        if not self.may_read(usage_point_id):
            return Objection.NO_CONSENT
        if not household.flows(series.direction):
            return Objection.WRONG_DIRECTION
        return found

    def published(self, household: Household, period: Period) -> Period:
        """The part of the period whose data are published."""
        return published_part(household, period, self.now(), self._conditions.publication_hour)
