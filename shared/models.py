"""The values that cross a boundary of Relève: between stores, queue, workers and API. Pure data, all frozen.

A *window* is what one sealed blob holds; its name is the day (``2026-03-29``), the month (``2026-03``), or ``current``
for a record, which has no days of its own.
A range of days is half open: ``start`` belongs to it, ``end`` does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from shared.catalog import Direction


class Lane(StrEnum):
    """Who waits for whom: a person for an answer, or nobody in particular."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class JobStatus(StrEnum):
    """The life of a job. ``partial``: some of its calls failed for good, the others are stored."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


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


class Reason(StrEnum):
    """Why a day is not there, or not whole."""

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
"""The reasons that a new consent may end."""


@dataclass(frozen=True, slots=True)
class DayRange:
    """The days from ``start`` to ``end``, the end not included. Never empty."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError("a range of days ends after it starts")

    @property
    def days(self) -> int:
        """How many days it holds."""
        return (self.end - self.start).days

    def clipped(self, start: date, end: date) -> "DayRange | None":
        """The part of it between two days, ``None`` when nothing is left."""
        first, last = max(self.start, start), min(self.end, end)
        return DayRange(first, last) if first < last else None


@dataclass(frozen=True, slots=True)
class Reading:
    """One value over one interval. ``start`` is an instant (UTC), ``step`` its ISO 8601 length, ``value`` in the
    dataset's unit. ``at``: the instant of a peak within the interval, where the dataset has one. ``registers``: for an
    index, what each time-class register of the meter shows (Wh), by its name; never an empty mapping."""

    start: datetime
    step: str
    value: int
    at: datetime | None = None
    registers: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Days that are not there, or not whole (``partial``), why, and when it is worth asking again (never: ``None``)."""

    start: date
    end: date
    reason: Reason
    partial: bool = False
    ask_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of one window: the days ``since`` … ``through`` (not included) were asked for at ``fetched_at``;
    all are stored and whole but for ``gaps``. Of a record they are the day on which it was asked for."""

    window: str
    fetched_at: datetime
    since: date
    through: date
    gaps: tuple[Gap, ...] = ()

    @property
    def state(self) -> str:
        """``complete``, ``partial`` or ``absent``, over the days asked for."""
        if not self.gaps:
            return "complete"
        lost = sum((gap.end - gap.start).days for gap in self.gaps if not gap.partial)
        return "absent" if lost == (self.through - self.since).days else "partial"


@dataclass(frozen=True, slots=True)
class Series:
    """Whose readings of what: the name of one sealed series. Ids are internal ones, never a PRM."""

    account_id: str
    usage_point_id: str
    dataset: str


@dataclass(frozen=True, slots=True)
class Job:
    """What somebody asked for, and how far it is. ``usage_point_id`` is the internal id. For a record ``start`` is the
    day on which it was asked for."""

    id: str
    account_id: str
    usage_point_id: str
    dataset: str
    start: date
    end: date
    lane: Lane
    status: JobStatus
    created_at: datetime
    calls_total: int
    calls_done: int = 0
    calls_failed: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    errors: Mapping[str, int] = field(default_factory=dict)
    trace_context: Mapping[str, str] = field(default_factory=dict)

    @property
    def series(self) -> Series:
        """The series that the job fills."""
        return Series(self.account_id, self.usage_point_id, self.dataset)


@dataclass(frozen=True, slots=True)
class CallTicket:
    """A call as the queue carries it: the job's id and the call's number in it; nothing else."""

    job_id: str
    number: int


@dataclass(frozen=True, slots=True)
class DueCall:
    """A call whose turn has come: to be enqueued in its lane, in the trace of its job."""

    ticket: CallTicket
    lane: Lane
    trace_context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GrantedPoint:
    """A usage point (its 14 digits) that a consent opened, in which directions, and until when."""

    prm: str = field(repr=False)
    directions: frozenset[Direction] = frozenset()
    expires_on: date | None = None
