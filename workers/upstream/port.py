"""The port: what a provider's adapter promises, and what it may rely on."""

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
    """One call: a usage point's 14 digits, a dataset, days within the dataset's span, and who waits."""

    prm: str = field(repr=False)
    dataset: Dataset
    days: DayRange
    lane: Lane


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """One record: a usage point's 14 digits, a dataset that is no series, and who waits."""

    prm: str = field(repr=False)
    dataset: Dataset
    lane: Lane


class Slot(Protocol):
    """A moment at which the quota allows one call, and what becomes of that call.

    ``worked``: whether the provider answered, whatever it said; ``None`` when nothing can be told from it.
    """

    worked: bool | None

    async def reach(self) -> None:
        """Return when the request may be written, which has to follow at once. Raises `NoSlotYet`."""

    def sent(self) -> None:
        """The request has been written."""


class Slots(Protocol):
    """The provider's quota, shared by every worker."""

    def slot(self, api: str, lane: Lane) -> AbstractAsyncContextManager[Slot]:
        """A slot for one call, which is near. Raises `NoSlotYet` when none is, or nobody may call at the moment."""

    async def close_until(self, api: str, moment: datetime) -> None:
        """Nobody calls this API before that moment: the provider said so."""


class Provider(Protocol):
    """An adapter. Every method raises `ProviderError` leaves and `NoSlotYet`, nothing else."""

    name: str

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """What the provider has of those days, in any order; what is missing is missing."""

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        """What the provider knows of a record now, in values of JSON. Raises `NoMeasure` when there is nothing.

        It may say itself what it lacks: ``absent``, field → reason. ``provider_error`` there means: ask again soon.
        """

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """What a consent opened; empty when the provider knows of nothing (yet)."""


class PublicProvider(Protocol):
    """An adapter to data that is about nobody. Raises `ProviderError` leaves and `NoSlotYet`, nothing else."""

    name: str

    async def fetch_days(self, dataset: PublicDataset, days: DayRange) -> Mapping[date, Mapping[str, Any]]:
        """What the provider says of these days, in the dataset's documents; a day that is missing is missing.

        Where a call takes no days, it is what there is now of these.
        """
