"""Request and response schemas of jobs."""

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.http.fields import AbsentDay, Body, CreatedAt, DatasetName, Document, Prm, ShownDataset, ShownJobId, ShownPrm
from api.jobs.gap_schemas import MissingDays
from shared.core.datasets import DATASETS
from shared.jobs.models import JobStatus


def _describe_both_forms(schema: dict[str, Any]) -> None:
    """A time series is requested with a period, a record without: two forms, distinguished by the dataset."""
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
    """A dataset of a usage point: a period of a time series (calendar days in Europe/Paris), or the current record."""

    model_config = ConfigDict(json_schema_extra=_describe_both_forms)

    usage_point_id: Prm = Field(description="14 digits (PRM, PDL).", examples=["12345678901234"])
    dataset: DatasetName = Field(description="One of `GET /v1/datasets`.")
    start: AbsentDay = Field(None, description="First day of the period.")
    end: AbsentDay = Field(
        None, description="Day after the last day of the period; today at the latest.", examples=["2026-10-01"]
    )


class JobProgress(Document):
    """The progress of a job."""

    calls_done: int = Field(description="Provider calls that have ended, successfully or not.", examples=[3])
    calls_total: int = Field(
        description="Provider calls of the job; 0 if all available data was already stored.", examples=[5]
    )
    calls_failed: int = Field(description="Ended calls that failed permanently.", examples=[0])


class JobError(Document):
    """The most frequent error of a job's failed calls."""

    code: str = Field(description="Error code.", examples=["provider_unavailable"])
    title: str = Field(description="Error message.", examples=["The provider is temporarily unavailable."])


class JobLinks(Document):
    """Related resources."""

    self: str = Field(description="The job.", examples=["/v1/jobs/job_0123456789abcdef01234567"])
    readings: str = Field(
        description="The stored readings of the requested period, or the stored record.",
        examples=["/v1/usage-points/12345678901234/readings/daily_consumption?start=2026-09-01&end=2026-10-01"],
    )
    events: str = Field(
        description="The event stream of the job.",
        examples=["/v1/jobs/job_0123456789abcdef01234567/events"],
    )
    cancel: str | None = Field(
        description="Send `DELETE` to cancel the job; `null` if it has ended.",
        examples=["/v1/jobs/job_0123456789abcdef01234567"],
    )


class JobSummary(Document):
    """A job: its request, status and progress."""

    id: ShownJobId
    status: JobStatus = Field(examples=["running"])
    usage_point_id: ShownPrm
    dataset: ShownDataset
    start: date | None = Field(description="First day of the period; `null` for a record.", examples=["2026-09-01"])
    end: date | None = Field(
        description="Day after the last day of the period; `null` for a record.", examples=["2026-10-01"]
    )
    created_at: CreatedAt
    started_at: datetime | None = Field(
        description="Start time of the first call; `null` if none has started.", examples=["2026-09-21T14:13:21Z"]
    )
    finished_at: datetime | None = Field(description="End time; `null` if the job has not ended.")
    progress: JobProgress
    error: JobError | None = Field(description="`null` if no call failed.")
    links: JobLinks


class JobDocument(JobSummary):
    """A job and its missing days."""

    missing: list[MissingDays] = Field(description="Days of the period that are currently missing or incomplete.")


class PageLinks(Document):
    """Links of a page."""

    next: str | None = Field(
        description="The next page; `null` on the last page.", examples=["/v1/jobs?limit=20&cursor=…"]
    )


class JobPage(Document):
    """A page of jobs of the account."""

    jobs: list[JobSummary] = Field(description="Newest first.")
    links: PageLinks
