"""Schemas of events. Events contain ids and links, never a reading."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from api.http.fields import Document
from api.jobs.schemas import JobProgress
from shared.events.store import EVENT_TYPES, Event
from shared.jobs.models import JobStatus

EventType = Annotated[str, WithJsonSchema({"type": "string", "enum": list(EVENT_TYPES), "examples": ["job.succeeded"]})]
JOB_SNAPSHOT: Literal["job.snapshot"] = "job.snapshot"
ACCOUNT_SNAPSHOT: Literal["account.snapshot"] = "account.snapshot"
_RESOURCES = {
    "job_id": ("job", "/v1/jobs/"),
    "consent_id": ("consent", "/v1/consents/"),
    "webhook_id": ("webhook", "/v1/webhooks/"),
}


class EventData(Document):
    """The objects of an event: ids and links."""

    model_config = ConfigDict(extra="allow")

    job_id: str | None = None
    consent_id: str | None = None
    usage_point_id: str | None = Field(None, description="14 digits (PRM, PDL).", examples=["12345678901234"])
    links: dict[str, str] = Field(examples=[{"job": "/v1/jobs/job_0123456789abcdef01234567"}])


class EventDocument(Document):
    """An event: the `data` of a server-sent event, whose `id` and `event` are the event's id and type."""

    type: EventType
    timestamp: datetime
    data: EventData

    @classmethod
    def of(cls, event: Event, prms: Mapping[str, str]) -> "EventDocument":
        """Build the document of an event; ``prms``: the PRMs of the account's usage points, by internal id."""
        ids: dict[str, str] = dict(event.data)
        point = ids.pop("usage_point_id", None)
        if point is not None and point in prms:
            ids["usage_point_id"] = prms[point]
        links = {name: f"{path}{ids[key]}" for key, (name, path) in _RESOURCES.items() if key in ids}
        if "usage_point_id" in ids:
            links["usage_point"] = f"/v1/usage-points/{ids['usage_point_id']}"
        return cls(type=event.type, timestamp=event.happened_at, data=EventData(**ids, links=links))


class JobState(Document):
    """The status and progress of a job."""

    job_id: str
    status: JobStatus
    progress: JobProgress
    links: dict[str, str]


class JobSnapshot(Document):
    """The state of a job, sent in place of missed events."""

    type: Literal["job.snapshot"] = JOB_SNAPSHOT
    data: JobState


class UnfinishedJobs(Document):
    """The jobs in progress; only the newest if there are many."""

    jobs: list[JobState]


class AccountSnapshot(Document):
    """The state of an account's jobs, sent in place of missed events."""

    type: Literal["account.snapshot"] = ACCOUNT_SNAPSHOT
    data: UnfinishedJobs
