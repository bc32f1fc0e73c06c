"""Readings of one series in columns, without an object for each. Pure.

Responses contain tens of thousands of readings: a list per property costs a tenth of an object per reading.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from shared.readings.models import Reading

Number = int | float


@dataclass(slots=True)
class Columns:
    """Readings, oldest first, one list per property; all lists have the same length.

    ``starts`` and ``peaks``: epoch seconds. ``derived``: whether a value was computed from another dataset.
    ``coverage``: the measured share of the interval for aggregated values; ``None`` for others.
    """

    starts: list[int] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    values: list[Number] = field(default_factory=list)
    peaks: list[int | None] = field(default_factory=list)
    registers: list[Mapping[str, Number] | None] = field(default_factory=list)
    derived: list[bool] = field(default_factory=list)
    coverage: list[Number | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.starts)

    def add(
        self,
        step: str,
        starts: Iterable[int],
        values: Sequence[Number],
        peaks: Iterable[int | None] | None = None,
        registers: Iterable[Mapping[str, Number] | None] | None = None,
        coverage: Number | None = None,
    ) -> None:
        """Append a run of readings with the same step."""
        nothing = [None] * len(values)
        self.starts += starts
        self.steps += [step] * len(values)
        self.values += values
        self.peaks += nothing if peaks is None else peaks
        self.registers += nothing if registers is None else registers
        self.derived += [False] * len(values)
        self.coverage += [coverage] * len(values)

    def add_derived(self, readings: Iterable[Reading]) -> None:
        """Append readings that were computed from another dataset."""
        for reading in readings:
            self.add(reading.step, [int(reading.start.timestamp())], [reading.value])
            self.derived[-1] = True

    def extend(self, others: "Columns") -> None:
        """Append other readings."""
        for each in fields(self):
            getattr(self, each.name).extend(getattr(others, each.name))

    def between(self, first: int, last: int) -> "Columns":
        """The readings with a start from ``first`` (included) to ``last`` (excluded)."""
        if not self.starts or (first <= self.starts[0] and self.starts[-1] < last):
            return self
        kept = slice(bisect_left(self.starts, first), bisect_left(self.starts, last))
        return Columns(*(getattr(self, each.name)[kept] for each in fields(self)))

    def in_order(self) -> "Columns":
        """The readings sorted, oldest first."""
        order = sorted(range(len(self)), key=self.starts.__getitem__)
        return Columns(*([getattr(self, each.name)[index] for index in order] for each in fields(self)))
