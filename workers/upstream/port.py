"""The port: what a provider adapter guarantees, and what it may rely on."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from shared.consents.models import GrantedPoint
from shared.core.calendar import DayRange
from shared.core.datasets import Dataset
from shared.core.public_datasets import PublicDataset
from shared.jobs.models import Lane
from shared.readings.models import Reading


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One call: a usage point's 14 digits, a dataset, days within the dataset's span, and the lane."""

    prm: str = field(repr=False)
    dataset: Dataset
    days: DayRange
    lane: Lane


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """One record: a usage point's 14 digits, a record dataset, and the lane."""

    prm: str = field(repr=False)
    dataset: Dataset
    lane: Lane


class Slot(Protocol):
    """A time at which the quota allows one call, and the outcome of that call.

    ``worked``: whether the provider responded, whatever the response; ``None`` when unknown.
    """

    worked: bool | None

    async def reach(self) -> None:
        """Return when the request may be written, which must happen at once. Raises `NoSlotYet`."""

    def sent(self) -> None:
        """The request has been written."""


class Slots(Protocol):
    """The provider's quota, shared by every worker."""

    def slot(self, api: str, lane: Lane) -> AbstractAsyncContextManager[Slot]:
        """A slot for one call in the near future. Raises `NoSlotYet` when there is none, or while calls are paused."""

    async def close_until(self, api: str, moment: datetime) -> None:
        """Pause all calls to this API until that time, as the provider requested."""


class Provider(Protocol):
    """An adapter. Every method raises `ProviderError` leaves and `NoSlotYet`, nothing else."""

    name: str

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """The provider's readings for those days, in any order; missing readings are left out."""

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        """The current record as JSON values. Raises `NoMeasure` when there is none.

        It may state its missing fields: ``absent``, field → reason. The reason ``provider_error`` means: retry soon.
        """

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """The points that a consent covers; empty when the provider knows of none (yet)."""


class PublicProvider(Protocol):
    """An adapter for public data. Raises `ProviderError` leaves and `NoSlotYet`, nothing else."""

    name: str

    async def fetch_days(self, dataset: PublicDataset, days: DayRange) -> Mapping[date, Mapping[str, Any]]:
        """The provider's documents for these days; missing days are left out.

        When the API takes no period, the currently available days among these.
        """
