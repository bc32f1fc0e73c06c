"""The parameters of a readings response, and the interface of the formats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from shared.core.calendar import DayRange
from shared.core.datasets import Dataset, Quantity
from shared.readings.aggregation import Resolution
from shared.readings.column_batch import Columns

TIMEZONE = "Europe/Paris"


@dataclass(frozen=True, slots=True)
class About:
    """One response without its readings. ``unit``: of its values. ``more``: members of the JSON document that only some
    responses have."""

    usage_point_id: str
    dataset: Dataset
    days: DayRange
    unit: str
    resolution: Resolution | None
    missing: Sequence[Mapping[str, Any]]
    more: Mapping[str, Any]

    @property
    def quality(self) -> str:
        """The `quality` of all values of the response."""
        return "raw" if self.resolution is None else "computed"

    @property
    def has_decimals(self) -> bool:
        """Whether values may differ from the whole numbers of the provider."""
        is_sum = self.resolution is not None and self.dataset.quantity is not Quantity.PEAK
        return is_sum or self.unit != self.dataset.unit

    @property
    def columns(self) -> list[str]:
        """The columns in addition to start, step, value and quality."""
        quantity, resolution = self.dataset.quantity, self.resolution
        return [
            name
            for name, there in (
                ("origin", self.dataset.derived_from is not None and resolution is None),
                ("at", quantity is Quantity.PEAK),
                ("registers", quantity is Quantity.INDEX),
                ("coverage", resolution is not None),
            )
            if there
        ]


class Representation(Protocol):
    """One response in one format: ``begin``, then ``rows`` for each batch of readings, then ``end``."""

    media_type: ClassVar[str]
    extension: ClassVar[str | None]
    """File extension for downloads; ``None`` if the format is not downloaded as a file."""

    def __init__(self, about: About) -> None:
        """``about``: the parameters of the response."""

    def begin(self) -> bytes:
        """The bytes before the first reading."""

    def rows(self, columns: Columns) -> bytes:
        """More readings; may be empty if they are buffered for a larger piece."""

    def end(self) -> bytes:
        """The bytes after the last reading."""
