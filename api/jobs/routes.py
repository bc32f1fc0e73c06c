"""Jobs: requests to fetch data, and their progress."""

from datetime import datetime

from fastapi import APIRouter, Response

from api.http.dependencies import Asker, CurrentCaller, IfNoneMatch, JobId, Now, ResourcesDep, WaitSeconds
from api.http.etags import is_current
from api.http.headers import ETAG, LIMITS, PREFERENCE_APPLIED, HeaderDocs, header, location
from api.http.idempotency import REPLAYED, REPLAYED_HEADER, IdempotencyKey, once
from api.http.problems import KEY_REFUSALS, documented
from api.http.rate_limit_headers import limit_headers
from api.jobs.documents import await_end, find_job, job_document, job_path, job_tag, pause_headers
from api.jobs.schemas import JobDocument, JobRequest
from api.jobs.submission import check_period, check_right, submit_job
from shared.core.datasets import DATASETS
from shared.core.errors import (
    ConsentMissing,
    DatasetNotAvailable,
    Forbidden,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    JobGone,
    NotFound,
    OutOfHistory,
    ProviderDown,
    QuotaExceeded,
    ServiceUnavailable,
    ValidationFailed,
    WrongDirection,
)
from shared.jobs.models import Job
from shared.resources import Resources

router = APIRouter(tags=["jobs"])

_PAUSE: HeaderDocs = {"Retry-After": header("Seconds to wait before the next poll, while the job has not ended.", 5)}
_JOB_HEADERS = _PAUSE | PREFERENCE_APPLIED | ETAG
_LOCATION = location("The path of the job.", "/v1/jobs/job_0123456789abcdef01234567")
_CREATED_HEADERS = _LOCATION | _JOB_HEADERS | LIMITS | REPLAYED_HEADER
# A browser may cache the response but must revalidate it each time; shared caches must not store it.
_CACHING = {"Cache-Control": "private, no-cache", "Vary": "Authorization, X-API-Key, Prefer"}


@router.post(
    "/v1/jobs",
    status_code=202,
    operation_id="create_job",
    summary="Create a job",
    responses={
        200: {
            "model": JobDocument,
            "description": "With `Prefer: wait=N`: the job, if it has ended.",
            "headers": _CREATED_HEADERS,
        },
        202: {"description": "The job.", "headers": _CREATED_HEADERS},
        **documented(
            *KEY_REFUSALS,
            Forbidden,
            NotFound,
            ConsentMissing,
            IdempotencyInProgress,
            JobGone,
            ValidationFailed,
            OutOfHistory,
            DatasetNotAvailable,
            WrongDirection,
            IdempotencyKeyReused,
            QuotaExceeded,
            ProviderDown,
            ServiceUnavailable,
            body=True,
        ),
    },
)
async def create_job(
    resources: ResourcesDep,
    caller: Asker,
    now: Now,
    wait: WaitSeconds,
    key: IdempotencyKey,
    request: JobRequest,
    response: Response,
) -> JobDocument:
    """The request is validated before the job is created. Only days that are not stored yet are fetched, and a record
    only if the stored one is out of date. A repeated `Idempotency-Key` returns the same job in its current state."""
    account = caller.account
    async with once(resources, account.id, key, "create_job", request, now) as deed:
        if deed.outcome is None:
            dataset = DATASETS[request.dataset]
            days = check_period(dataset, request.start, request.end, now)
            usage_point = await resources.usage_points.find(account.id, request.usage_point_id)
            check_right(usage_point, dataset, now)
            job, usage = await submit_job(resources, account, usage_point, dataset, days, now)
            response.headers.update(limit_headers(usage, now))
            deed.outcome = job.id
        else:
            job = await find_job(resources, deed.outcome, account.id)
            response.headers[REPLAYED] = "true"
    if wait:
        job = await _wait(resources, job, wait, response)
        response.status_code = 200 if job.status.ended else 202
    response.headers["Location"] = job_path(job.id)
    return await _answer(resources, job, now, response)


@router.head("/v1/jobs/{job_id}", response_model=JobDocument, include_in_schema=False)
@router.get(
    "/v1/jobs/{job_id}",
    operation_id="get_job",
    summary="Get a job",
    response_model=JobDocument,
    responses={
        200: {"headers": _JOB_HEADERS},
        304: {"description": "The job has not changed since the version in `If-None-Match`.", "headers": _JOB_HEADERS},
        **documented(*KEY_REFUSALS, NotFound, JobGone, ValidationFailed, ServiceUnavailable),
    },
)
async def get_job(
    resources: ResourcesDep,
    caller: CurrentCaller,
    now: Now,
    wait: WaitSeconds,
    job_id: JobId,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> JobDocument | Response:
    """Poll after `Retry-After` seconds until `status` is `succeeded`, `partial`, `failed` or `cancelled`."""
    job = await find_job(resources, job_id, caller.account.id)
    if wait:
        job = await _wait(resources, job, wait, response)
    response.headers.update(_CACHING)
    if is_current(if_none_match, job_tag(resources.server, job)):
        return Response(None, 304, {**response.headers, **_headers_of(resources, job)})
    return await _answer(resources, job, now, response)


@router.delete(
    "/v1/jobs/{job_id}",
    operation_id="cancel_job",
    summary="Cancel a job",
    responses={
        200: {"headers": ETAG},
        **documented(*KEY_REFUSALS, Forbidden, NotFound, JobGone, ValidationFailed, ServiceUnavailable),
    },
)
async def delete_job(
    resources: ResourcesDep, caller: Asker, now: Now, job_id: JobId, response: Response
) -> JobDocument:
    """Data that is already stored remains. Running calls are not stored, and queued calls are not made. A job that has
    ended is not changed."""
    job = await resources.job_service.cancel(await find_job(resources, job_id, caller.account.id), now)
    return await _answer(resources, job, now, response)


async def _wait(resources: Resources, job: Job, wait_seconds: int, response: Response) -> Job:
    response.headers["Preference-Applied"] = f"wait={wait_seconds}"
    return await await_end(resources, job, wait_seconds)


async def _answer(resources: Resources, job: Job, now: datetime, response: Response) -> JobDocument:
    response.headers.update(_headers_of(resources, job))
    usage_point = await resources.usage_points.load(job.usage_point_id)
    return await job_document(resources, job, usage_point.prm, now)


def _headers_of(resources: Resources, job: Job) -> dict[str, str]:
    return {"ETag": job_tag(resources.server, job), **pause_headers(job)}
