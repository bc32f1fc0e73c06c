"""Readings and their coverage. Pure data, all frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Reason(StrEnum):
    """Why a day is missing or incomplete."""

    NOT_FETCHED = "not_fetched"
    NOT_PUBLISHED_YET = "not_published_yet"
    NO_MEASURE = "no_measure"
    INCOMPLETE = "incomplete"
    BEFORE_ACTIVATION = "before_activation"
    BEYOND_HISTORY = "beyond_history"
    CURVE_NOT_COLLECTED = "curve_not_collected"
    WRONG_DIRECTION = "wrong_direction"
    CONSENT_LOST = "consent_lost"
    PROVIDER_ERROR = "provider_error"


UNDER_CONSENT = frozenset({Reason.CONSENT_LOST, Reason.WRONG_DIRECTION, Reason.CURVE_NOT_COLLECTED})
"""The reasons that a new consent may resolve."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value over one interval. ``start`` is an instant (UTC), ``step`` its ISO 8601 length, ``value`` in the
    dataset's unit. ``at``: the instant of a peak within the interval, where the dataset has one. ``registers``: for an
    index, the value of each time-class register of the meter (Wh), by its name; never an empty mapping."""

    start: datetime
    step: str
    value: int
    at: datetime | None = None
    registers: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Days that are missing or incomplete (``partial``), the reason, and when to request them (``None``: never)."""

    start: date
    end: date
    reason: Reason
    partial: bool = False
    ask_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of one window: the days ``since`` … ``through`` (excluded) were requested at ``fetched_at``; all are
    stored completely except for ``gaps``. For a record they are the day of the request."""

    window: str
    fetched_at: datetime
    since: date
    through: date
    gaps: tuple[Gap, ...] = ()

    @property
    def state(self) -> str:
        """``complete``, ``partial`` or ``absent``, over the requested days."""
        if not self.gaps:
            return "complete"
        lost = sum((gap.end - gap.start).days for gap in self.gaps if not gap.partial)
        return "absent" if lost == (self.through - self.since).days else "partial"


@dataclass(frozen=True, slots=True)
class Stock:
    """The stored data of some days of a series: the coverage of each window; the days derived from another series, with
    the time at which that was fetched; and the encrypted blob of each window, where requested."""

    coverage: Mapping[str, Coverage]
    derived: Mapping[date, datetime]
    blobs: Mapping[str, bytes | None] | None = field(default=None, repr=False)
