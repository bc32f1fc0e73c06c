"""Job responses: lookup within the caller's account, response documents, and entity tags for conditional requests."""

from collections.abc import Mapping
from datetime import datetime

from api.http.etags import entity_tag
from api.http.long_polling import wait_until
from api.http.problems import problem_kinds
from api.jobs.gap_schemas import MissingDays
from api.jobs.schemas import JobDocument, JobError, JobLinks, JobProgress, JobSummary
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS
from shared.core.errors import JobGone, NotFound
from shared.crypto.server_secret import ServerSecret
from shared.jobs.job_ids import is_job_id_of
from shared.jobs.models import Job
from shared.readings.planning import missing_days
from shared.resources import Resources

_LONGEST_PAUSE_SECONDS = 30
_CALLS_PER_SECOND = 5


async def find_job(resources: Resources, job_id: str, account_id: str) -> Job:
    """A job of this account. Raises `NotFound`, or `JobGone` if the job existed but is no longer stored."""
    job = await resources.jobs.load_job(job_id)
    if job is not None and job.account_id == account_id:
        return job
    if job is None and is_job_id_of(account_id, job_id):
        raise JobGone
    raise NotFound("This job does not exist in this account.")


async def await_end(resources: Resources, job: Job, wait_seconds: float) -> Job:
    """The job as soon as it has ended, or its current state when the wait times out."""
    return await wait_until(
        is_over=lambda each: each.status.ended,
        load=lambda: find_job(resources, job.id, job.account_id),
        listening=resources.listeners,
        account_id=job.account_id,
        concerns=lambda event: event.type != "job.progress" and event.data.get("job_id") == job.id,
        wait_seconds=wait_seconds,
    )


async def job_document(resources: Resources, job: Job, prm: str, now: datetime) -> JobDocument:
    """A job with the days that are currently not stored."""
    dataset, days = DATASETS[job.dataset], DayRange(job.start, job.end)
    stock = await resources.readings.load_stock(job.series, days)
    missing = [MissingDays.of(gap) for gap in missing_days(dataset, days, stock.coverage, now, stock.derived)]
    return JobDocument(**dict(job_summary(job, prm)), missing=missing)


def job_summary(job: Job, prm: str) -> JobSummary:
    """A job without its missing days, from the job record alone."""
    is_series = DATASETS[job.dataset].is_series
    return JobSummary(
        id=job.id,
        status=job.status,
        usage_point_id=prm,
        dataset=job.dataset,
        start=job.start if is_series else None,
        end=job.end if is_series else None,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        progress=job_progress(job),
        error=_main_error(job),
        links=JobLinks(
            self=job_path(job.id),
            events=f"{job_path(job.id)}/events",
            cancel=None if job.status.ended else job_path(job.id),
            readings=f"/v1/usage-points/{prm}/readings/{job.dataset}"
            + (f"?start={job.start}&end={job.end}" if is_series else ""),
        ),
    )


def job_progress(job: Job) -> JobProgress:
    """The progress of a job."""
    return JobProgress(calls_done=job.calls_done, calls_total=job.calls_total, calls_failed=job.calls_failed)


def job_path(job_id: str) -> str:
    """The path of a job."""
    return f"/v1/jobs/{job_id}"


def pause_headers(job: Job) -> dict[str, str]:
    """`Retry-After` for the next poll; empty for a job that has ended."""
    if job.status.ended:
        return {}
    left = (job.calls_total - job.calls_done) // _CALLS_PER_SECOND
    return {"Retry-After": str(max(1, min(left, _LONGEST_PAUSE_SECONDS)))}


def job_tag(server: ServerSecret, job: Job) -> str:
    """An entity tag that changes whenever the job record changes. It is computed from the job record alone, so it does
    not reflect days that another job stored, or that were erased, in the meantime."""
    seen = (job.id, job.status, job.calls_done, job.calls_failed, sorted(job.errors.items()))
    return entity_tag(server, repr((*seen, job.started_at, job.finished_at)).encode())


def _main_error(job: Job) -> JobError | None:
    if not job.errors:
        return None
    errors: Mapping[str, int] = job.errors
    code = max(errors, key=lambda each: errors[each])
    kind = problem_kinds().get(code)
    return JobError(code=code, title=kind.title if kind else code)
