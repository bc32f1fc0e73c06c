"""Consents and usage points, as passed between modules. Pure data, all frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from shared.consents.loss_policy import Refusals, Unavailable
from shared.core.calendar import day_of
from shared.core.datasets import Dataset, Direction
from shared.readings.models import Reason


class ConsentStatus(StrEnum):
    """The status of a consent, from the authorisation link to its end."""

    PENDING = "pending"
    EXCHANGING = "exchanging"
    # Another account holds the usage point, and the proof is not sufficient: an administrator decides.
    AWAITING_APPROVAL = "awaiting"
    GRANTED = "granted"
    REFUSED = "refused"
    FAILED = "failed"
    REVOKED = "revoked"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class GrantedPoint:
    """A usage point (its 14 digits) covered by a consent, with its directions and its expiry."""

    prm: str = field(repr=False)
    directions: frozenset[Direction] = frozenset()
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """A request for consent and its outcome."""

    id: str
    account_id: str
    status: ConsentStatus
    created_at: datetime
    state_expires_at: datetime
    autorisation_id: int | None = None
    taken_at: datetime | None = None
    granted_at: datetime | None = None
    expires_on: date | None = None
    error_code: str | None = None
    approved_at: datetime | None = None
    revoked_at: datetime | None = None
    seen_on: date | None = None
    warned_days: int | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether data may be requested under this consent."""
        in_time = self.expires_on is None or day_of(now) < self.expires_on
        return self.status is ConsentStatus.GRANTED and in_time


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """A usage point of an account. ``id`` is internal and may be logged; ``prm``, the 14 digits, may not.

    ``consent`` is the consent as it applies to this point: in a consent for several points a single one can be lost.
    """

    id: str
    account_id: str
    prm: str = field(repr=False)
    directions: frozenset[Direction]
    created_at: datetime
    consent: Consent
    refusals: Refusals | None = None
    unavailable: Mapping[str, Unavailable] = field(default_factory=dict)
    account_suspended: bool = False
    label: str | None = field(default=None, repr=False)
    refresh: bool = True
    refresh_datasets: frozenset[str] | None = None
    read_on: date | None = None

    @property
    def used_on(self) -> date:
        """The last day on which the point was used: read, or granted by a consent."""
        days = [self.read_on, day_of(self.created_at), self.consent.granted_at and day_of(self.consent.granted_at)]
        return max(day for day in days if day is not None)

    def is_refreshed(self, dataset: Dataset) -> bool:
        """Whether the nightly refresh includes this dataset of the point."""
        return self.refresh and (self.refresh_datasets is None or dataset.name in self.refresh_datasets)

    def reason_against(self, dataset: Dataset, now: datetime) -> Reason | None:
        """Why a call for this dataset would be useless for any days; ``None`` when there is no such reason."""
        if dataset.direction is not None and dataset.direction not in self.directions:
            return Reason.WRONG_DIRECTION
        noted = self.unavailable.get(dataset.name)
        return noted.reason if noted is not None and noted.holds(now) else None
