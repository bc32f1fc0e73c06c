"""Jobs on the wire."""

from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.http.fields import AbsentDay, Body, CreatedAt, DatasetName, Document, Prm, ShownDataset, ShownJobId, ShownPrm
from api.jobs.gap_schemas import MissingDays
from shared.core.datasets import DATASETS
from shared.jobs.models import JobStatus


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
    dataset: DatasetName = Field(description="One of `GET /v1/datasets`.")
    start: AbsentDay = Field(None, description="The first day.")
    end: AbsentDay = Field(None, description="Not included; today at the latest.", examples=["2026-10-01"])


class JobProgress(Document):
    """How far a job is."""

    calls_done: int = Field(description="Calls to the provider that have ended, well or not.", examples=[3])
    calls_total: int = Field(description="0 when everything that can be had was stored already.", examples=[5])
    calls_failed: int = Field(description="Of the ended ones, those that failed for good.", examples=[0])


class JobError(Document):
    """What most of a job's failed calls failed of."""

    code: str = Field(description="The kind of problem, for programs.", examples=["provider_unavailable"])
    title: str = Field(description="The same for people.", examples=["The provider is not working at the moment."])


class JobLinks(Document):
    """Where to go on."""

    self: str = Field(description="The job.", examples=["/v1/jobs/job_0123456789abcdef01234567"])
    readings: str = Field(
        description="What is stored of what it was asked for.",
        examples=["/v1/usage-points/12345678901234/readings/daily_consumption?start=2026-09-01&end=2026-10-01"],
    )
    events: str = Field(
        description="What happens to it, as it happens.",
        examples=["/v1/jobs/job_0123456789abcdef01234567/events"],
    )
    cancel: str | None = Field(
        description="What to DELETE to cancel it; `null` when it has ended.",
        examples=["/v1/jobs/job_0123456789abcdef01234567"],
    )


class JobSummary(Document):
    """A job: what was asked for, and how far it is."""

    id: ShownJobId
    status: JobStatus = Field(examples=["running"])
    usage_point_id: ShownPrm
    dataset: ShownDataset
    start: date | None = Field(description="`null` for a record.", examples=["2026-09-01"])
    end: date | None = Field(description="Not included; `null` for a record.", examples=["2026-10-01"])
    created_at: CreatedAt
    started_at: datetime | None = Field(
        description="When its first call began; `null`: none has.", examples=["2026-09-21T14:13:21Z"]
    )
    finished_at: datetime | None = Field(description="When it ended; `null` while it has not.")
    progress: JobProgress
    error: JobError | None = Field(description="`null` when no call failed.")
    links: JobLinks


class JobDocument(JobSummary):
    """A job, and what is not there."""

    missing: list[MissingDays] = Field(description="What of it is not stored whole at this moment.")


class PageLinks(Document):
    """Where the list goes on."""

    next: str | None = Field(
        description="The next page; `null` at the end of the list.", examples=["/v1/jobs?limit=20&cursor=…"]
    )


class JobPage(Document):
    """Some jobs of the account, newest first."""

    jobs: list[JobSummary] = Field(description="Newest first.")
    links: PageLinks
