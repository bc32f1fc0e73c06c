"""Jobs and their calls, as passed between modules. Pure data, all frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from shared.core.datasets import Series


class Lane(StrEnum):
    """The priority of a job: interactive (a client waits for the result) or bulk."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class JobStatus(StrEnum):
    """The status of a job. ``partial``: some of its calls failed permanently, the others are stored."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """A requested fetch and its progress. ``usage_point_id`` is the internal id. For a record ``start`` is the day of
    the request."""

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
    """The content of a queue message for a call: the job's id and the call's number in it."""

    job_id: str
    number: int


@dataclass(frozen=True, slots=True)
class DueCall:
    """A call that is due: to be enqueued in its lane, in the trace of its job."""

    ticket: CallTicket
    lane: Lane
    trace_context: Mapping[str, str] = field(default_factory=dict)
