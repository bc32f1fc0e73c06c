"""Jobs on the wire."""

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.fields import AbsentDay, Body, DatasetName, Document, Prm
from api.schemas.gaps import MissingDays
from shared.catalog import DATASETS
from shared.models import JobStatus


def _describe_both_forms(schema: dict[str, Any]) -> None:
    """A series is asked for with its days, a record without: two forms, told apart by the dataset."""
    fields = schema.pop("properties")
    for day in ("start", "end"):
        fields[day].pop("default")

    def form(title: str, wanted: list[str], names: list[str]) -> dict[str, Any]:
        dataset = {**fields["dataset"], "enum": names, "examples": names[:1]}
        properties = {name: fields[name] for name in wanted} | {"dataset": dataset}
        return {"title": title, **closed, "properties": properties, "required": wanted}

    schema.pop("required")
    closed = {name: schema.pop(name) for name in ("type", "additionalProperties")}
    series = [each.name for each in DATASETS.values() if each.is_series]
    records = [each.name for each in DATASETS.values() if not each.is_series]
    schema["examples"] = [
        {
            "usage_point_id": "12345678901234",
            "dataset": "consumption_load_curve",
            "start": "2026-09-01",
            "end": "2026-10-01",
        },
        {"usage_point_id": "12345678901234", "dataset": "contract"},
    ]
    schema["oneOf"] = [
        form("SeriesJobRequest", ["usage_point_id", "dataset", "start", "end"], series),
        form("RecordJobRequest", ["usage_point_id", "dataset"], records),
    ]


class JobRequest(Body):
    """One dataset of one usage point: the days of a series, calendar days in Europe/Paris, or a record as it is now."""

    model_config = ConfigDict(json_schema_extra=_describe_both_forms)

    usage_point_id: Prm = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: DatasetName
    start: AbsentDay = None
    end: AbsentDay = Field(None, description="Not included; today at the latest.", examples=["2026-10-01"])


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
    events: str = Field(description="What happens to it, as it happens.")
    cancel: str | None = Field(description="What to DELETE to cancel it; `null` when it has ended.")


class JobSummary(Document):
    """A job: what was asked for, and how far it is."""

    id: str = Field(examples=["job_0123456789abcdef01234567"])
    status: JobStatus
    usage_point_id: str = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: str = Field(examples=["consumption_load_curve"])
    start: date | None = Field(description="`null` for a record.")
    end: date | None = Field(description="Not included; `null` for a record.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: JobProgress
    error: JobError | None
    links: JobLinks


class JobDocument(JobSummary):
    """A job, and what is not there."""

    missing: list[MissingDays] = Field(description="What of it is not stored whole at this moment.")


class PageLinks(Document):
    """Where the list goes on."""

    next: str | None = Field(description="The next page; `null` at the end of the list.")


class JobPage(Document):
    """Some jobs of the account, newest first."""

    jobs: list[JobSummary]
    links: PageLinks
