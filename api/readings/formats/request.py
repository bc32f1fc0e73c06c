"""What an answer is about, and what each format can do with it."""

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
    """One answer without its readings. ``unit``: of its values. ``more``: members of the JSON document that only some
    answers have."""

    usage_point_id: str
    dataset: Dataset
    days: DayRange
    unit: str
    resolution: Resolution | None
    missing: Sequence[Mapping[str, Any]]
    more: Mapping[str, Any]

    @property
    def quality(self) -> str:
        """What every value of the answer is."""
        return "raw" if self.resolution is None else "computed"

    @property
    def has_decimals(self) -> bool:
        """Whether values may be other than the whole numbers that the provider gives."""
        is_sum = self.resolution is not None and self.dataset.quantity is not Quantity.PEAK
        return is_sum or self.unit != self.dataset.unit

    @property
    def columns(self) -> list[str]:
        """What a reading of this answer may have beside start, step, value and quality."""
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
    """One answer in one format: ``begin``, then ``rows`` for each batch of readings, then ``end``."""

    media_type: ClassVar[str]
    extension: ClassVar[str | None]
    """Of the file that the answer is best kept as; ``None``: of none."""

    def __init__(self, about: About) -> None:
        """Write this answer."""

    def begin(self) -> bytes:
        """What comes before the first reading."""

    def rows(self, columns: Columns) -> bytes:
        """More readings; may be empty when they are kept back for a larger piece."""

    def end(self) -> bytes:
        """What comes after the last reading."""
