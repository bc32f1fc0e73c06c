"""Consents and usage points, as they cross a boundary. Pure data, all frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from shared.consents.loss_policy import Refusals, Unavailable
from shared.core.calendar import day_of
from shared.core.datasets import Dataset, Direction
from shared.readings.models import Reason


class ConsentStatus(StrEnum):
    """The life of a consent, from the link shown to a person to its end."""

    PENDING = "pending"
    EXCHANGING = "exchanging"
    # Another account holds the usage point, and what was shown is not proof enough: an administrator decides.
    AWAITING_APPROVAL = "awaiting"
    GRANTED = "granted"
    REFUSED = "refused"
    FAILED = "failed"
    REVOKED = "revoked"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class GrantedPoint:
    """A usage point (its 14 digits) that a consent opened, in which directions, and until when."""

    prm: str = field(repr=False)
    directions: frozenset[Direction] = frozenset()
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """One request for consent and what became of it."""

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
        """Whether the provider may be asked on the strength of it."""
        in_time = self.expires_on is None or day_of(now) < self.expires_on
        return self.status is ConsentStatus.GRANTED and in_time


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """A usage point of an account. ``id`` is internal and may be written anywhere; ``prm``, the 14 digits, may not.

    ``consent`` is the consent as it holds for this point: of a consent for several, one point alone can be lost.
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
        """The last day on which somebody wanted something of it: read it, or gave a consent."""
        days = [self.read_on, day_of(self.created_at), self.consent.granted_at and day_of(self.consent.granted_at)]
        return max(day for day in days if day is not None)

    def is_refreshed(self, dataset: Dataset) -> bool:
        """Whether its owner wants the nightly refresh to look after this dataset."""
        return self.refresh and (self.refresh_datasets is None or dataset.name in self.refresh_datasets)

    def reason_against(self, dataset: Dataset, now: datetime) -> Reason | None:
        """Why a call for this dataset would be wasted, whatever its days: ``None`` when nothing is known against it."""
        if dataset.direction is not None and dataset.direction not in self.directions:
            return Reason.WRONG_DIRECTION
        noted = self.unavailable.get(dataset.name)
        return noted.reason if noted is not None and noted.holds(now) else None
