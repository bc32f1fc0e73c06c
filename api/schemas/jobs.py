"""Jobs on the wire."""

from datetime import date, datetime

from pydantic import Field

from api.schemas.fields import Body, DatasetName, Day, Document, Prm
from api.schemas.gaps import MissingDays
from shared.models import JobStatus


class JobRequest(Body):
    """The days of one dataset of one usage point. Both are calendar days in Europe/Paris."""

    usage_point_id: Prm = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: DatasetName
    start: Day
    end: Day = Field(description="Not included; today at the latest.", examples=["2026-10-01"])


class JobProgress(Document):
    """How far a job is."""

    calls_done: int
    calls_total: int = Field(description="0 when everything that can be had was stored already.")
    calls_failed: int


class JobError(Document):
    """What most of a job's failed calls failed of."""

    code: str = Field(examples=["provider_unavailable"])
    title: str


class JobLinks(Document):
    """Where to go on."""

    self: str = Field(examples=["/v1/jobs/job_0123456789abcdef01234567"])
    readings: str


class JobDocument(Document):
    """A job: what was asked for, and how far it is."""

    id: str = Field(examples=["job_0123456789abcdef01234567"])
    status: JobStatus
    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: str = Field(examples=["consumption_load_curve"])
    start: date
    end: date
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: JobProgress
    missing: list[MissingDays] = Field(description="The days of it that are not stored whole at this moment.")
    error: JobError | None
    links: JobLinks
