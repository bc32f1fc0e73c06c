"""Jobs: asking for data, and seeing how far it is."""

from datetime import datetime

from fastapi import APIRouter, Response

from api.dependencies import Asker, CurrentCaller, JobId, Now, Parts, WaitSeconds
from api.limits import LIMIT_HEADERS, limit_headers
from api.schemas.gaps import MissingDays
from api.schemas.jobs import JobDocument, JobError, JobLinks, JobProgress, JobRequest
from api.schemas.problems import documented, problem_kinds
from api.submission import check_period, check_right, submit_job
from api.waiting import wait_until
from shared.catalog import DATASETS
from shared.erasure import cancel_job
from shared.errors import (
    ConsentMissing,
    DatasetNotAvailable,
    Forbidden,
    NotFound,
    OutOfHistory,
    QuotaExceeded,
    ServiceUnavailable,
    Unauthenticated,
    ValidationFailed,
    WrongDirection,
)
from shared.models import DayRange, Job
from shared.planning import missing_days, window_name, windows_of
from shared.resources import Resources

router = APIRouter(tags=["jobs"])

_LONGEST_PAUSE_SECONDS = 30
_CALLS_PER_SECOND = 5

_JOB_HEADERS = {
    "Retry-After": {"description": "Seconds until it is worth asking again.", "schema": {"type": "integer"}},
    "Preference-Applied": {"description": "The wait that was granted.", "schema": {"type": "string"}},
}
_LOCATION = {"Location": {"description": "Where the job is.", "schema": {"type": "string"}}}


@router.post(
    "/v1/jobs",
    status_code=202,
    operation_id="create_job",
    summary="Ask for data",
    responses={
        200: {
            "model": JobDocument,
            "description": "With `Prefer: wait=N`: the job, which has ended.",
            "headers": {**_LOCATION, **_JOB_HEADERS, **LIMIT_HEADERS},
        },
        202: {"headers": {**_LOCATION, **_JOB_HEADERS, **LIMIT_HEADERS}},
        **documented(
            Unauthenticated,
            Forbidden,
            NotFound,
            ConsentMissing,
            ValidationFailed,
            OutOfHistory,
            DatasetNotAvailable,
            WrongDirection,
            QuotaExceeded,
            ServiceUnavailable,
            body=True,
        ),
    },
)
async def create_job(
    parts: Parts, caller: Asker, now: Now, wait: WaitSeconds, request: JobRequest, response: Response
) -> JobDocument:
    """What can be checked is checked first. Only the days that are not stored yet are fetched, a record only when the
    stored one is old."""
    dataset = DATASETS[request.dataset]
    days = check_period(dataset, request.start, request.end, now)
    usage_point = await parts.consents.find_usage_point(caller.account.id, request.usage_point_id)
    check_right(usage_point, dataset, now)
    job, usage = await submit_job(parts, caller.account, usage_point, dataset, days, now)
    response.headers.update(limit_headers(usage, now))
    if wait:
        job = await _wait(parts, job, wait, response)
        response.status_code = 200 if job.status.ended else 202
    response.headers["Location"] = _path(job)
    return await _answer(parts, job, usage_point.prm, now, response)


@router.get(
    "/v1/jobs/{job_id}",
    operation_id="get_job",
    summary="How far a job is",
    responses={
        200: {"headers": _JOB_HEADERS},
        **documented(Unauthenticated, NotFound, ValidationFailed, ServiceUnavailable),
    },
)
async def get_job(
    parts: Parts, caller: CurrentCaller, now: Now, wait: WaitSeconds, job_id: JobId, response: Response
) -> JobDocument:
    """Ask again after `Retry-After` seconds, until `status` is `succeeded`, `partial`, `failed` or `cancelled`."""
    job = await _load_own(parts, job_id, caller.account.id)
    if wait:
        job = await _wait(parts, job, wait, response)
    usage_point = await parts.consents.load_usage_point(job.usage_point_id)
    return await _answer(parts, job, usage_point.prm, now, response)


@router.delete(
    "/v1/jobs/{job_id}",
    operation_id="cancel_job",
    summary="Cancel a job",
    responses=documented(Unauthenticated, Forbidden, NotFound, ValidationFailed, ServiceUnavailable),
)
async def delete_job(parts: Parts, caller: Asker, now: Now, job_id: JobId, response: Response) -> JobDocument:
    """What it has stored stays; what is on its way is not stored, and what is queued is not asked for. A job that has
    ended stays as it is."""
    job = await cancel_job(parts, await _load_own(parts, job_id, caller.account.id), now)
    usage_point = await parts.consents.load_usage_point(job.usage_point_id)
    return await _answer(parts, job, usage_point.prm, now, response)


async def _load_own(parts: Resources, job_id: str, account_id: str) -> Job:
    job = await parts.jobs.load_job(job_id)
    if job is None or job.account_id != account_id:
        raise NotFound("This account has no such job.")
    return job


async def _wait(parts: Resources, job: Job, wait_seconds: int, response: Response) -> Job:
    response.headers["Preference-Applied"] = f"wait={wait_seconds}"
    return await wait_until(
        is_over=lambda each: each.status.ended,
        load=lambda: _load_own(parts, job.id, job.account_id),
        jobs=parts.jobs,
        account_id=job.account_id,
        concerns=lambda event: event.type != "job.progress" and event.data.get("job_id") == job.id,
        wait_seconds=wait_seconds,
    )


async def _answer(parts: Resources, job: Job, prm: str, now: datetime, response: Response) -> JobDocument:
    if not job.status.ended:
        left = (job.calls_total - job.calls_done) // _CALLS_PER_SECOND
        response.headers["Retry-After"] = str(max(1, min(left, _LONGEST_PAUSE_SECONDS)))
    dataset, days = DATASETS[job.dataset], DayRange(job.start, job.end)
    names = [window_name(dataset, window.start) for window in windows_of(dataset, days)]
    coverage = await parts.readings.load_coverage(job.series, names)
    derived = await parts.readings.load_derived_days(job.series, dataset, days)
    return JobDocument(
        id=job.id,
        status=job.status,
        usage_point_id=prm,
        dataset=job.dataset,
        start=job.start if dataset.is_series else None,
        end=job.end if dataset.is_series else None,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        progress=JobProgress(calls_done=job.calls_done, calls_total=job.calls_total, calls_failed=job.calls_failed),
        missing=[MissingDays.of(gap) for gap in missing_days(dataset, days, coverage, now, derived)],
        error=_main_error(job),
        links=JobLinks(
            self=_path(job),
            readings=f"/v1/usage-points/{prm}/readings/{job.dataset}"
            + (f"?start={job.start}&end={job.end}" if dataset.is_series else ""),
        ),
    )


def _main_error(job: Job) -> JobError | None:
    if not job.errors:
        return None
    code = max(job.errors, key=lambda each: job.errors[each])
    kind = problem_kinds().get(code)
    return JobError(code=code, title=kind.title if kind else code)


def _path(job: Job) -> str:
    return f"/v1/jobs/{job.id}"
