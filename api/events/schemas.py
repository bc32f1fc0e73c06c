"""Events on the wire: what happened, to what; never a reading."""

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
    """What an event is about: ids, and where to look."""

    model_config = ConfigDict(extra="allow")

    job_id: str | None = None
    consent_id: str | None = None
    usage_point_id: str | None = Field(None, description="14 digits (PRM, PDL).", examples=["12345678901234"])
    links: dict[str, str] = Field(examples=[{"job": "/v1/jobs/job_0123456789abcdef01234567"}])


class EventDocument(Document):
    """Something that happened, as `data` of a server-sent event whose `id` and `event` say which and of what type."""

    type: EventType
    timestamp: datetime
    data: EventData

    @classmethod
    def of(cls, event: Event, prms: Mapping[str, str]) -> "EventDocument":
        """As it is told; ``prms``: the 14 digits of the account's usage points, by their internal ids."""
        ids: dict[str, str] = dict(event.data)
        point = ids.pop("usage_point_id", None)
        if point is not None and point in prms:
            ids["usage_point_id"] = prms[point]
        links = {name: f"{path}{ids[key]}" for key, (name, path) in _RESOURCES.items() if key in ids}
        if "usage_point_id" in ids:
            links["usage_point"] = f"/v1/usage-points/{ids['usage_point_id']}"
        return cls(type=event.type, timestamp=event.happened_at, data=EventData(**ids, links=links))


class JobState(Document):
    """How far a job is."""

    job_id: str
    status: JobStatus
    progress: JobProgress
    links: dict[str, str]


class JobSnapshot(Document):
    """Where a job stands: in place of what was not heard."""

    type: Literal["job.snapshot"] = JOB_SNAPSHOT
    data: JobState


class UnfinishedJobs(Document):
    """The jobs that are under way, the newest of them when they are many."""

    jobs: list[JobState]


class AccountSnapshot(Document):
    """Where an account's jobs stand: in place of what was not heard."""

    type: Literal["account.snapshot"] = ACCOUNT_SNAPSHOT
    data: UnfinishedJobs
