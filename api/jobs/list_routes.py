"""The list of jobs, with filters and pagination."""

import base64
import binascii
import hmac
import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from api.http.dependencies import CurrentCaller, ResourcesDep, SmallPageSize
from api.http.fields import DatasetName, Prm
from api.http.problems import KEY_REFUSALS, documented
from api.jobs.documents import job_summary
from api.jobs.schemas import JobPage, PageLinks
from shared.core.errors import FieldError, NotFound, ServiceUnavailable, ValidationFailed
from shared.crypto.server_secret import ServerSecret, length_prefixed
from shared.jobs.job_pages import Place
from shared.jobs.models import Job, JobStatus

router = APIRouter(tags=["jobs"])

_CHECK_DIGITS = 32
_DATE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")
_PLACE = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ([a-z]{1,8}_[0-9a-f]{1,40})")

Status = Annotated[list[JobStatus], Query(max_length=6, description="Only jobs in one of these states.")]
Dataset = Annotated[DatasetName | None, Query(description="Only jobs for this dataset.")]
Point = Annotated[
    Prm | None,
    Query(
        alias="usage_point_id", description="Only jobs for this usage point (14 digits).", examples=["12345678901234"]
    ),
]


def _as_moment(value: object) -> object:
    # A bare number would be taken for seconds since 1970.
    if isinstance(value, str) and _DATE_TIME.match(value):
        return value
    raise PydanticCustomError("moment", "The value must be an RFC 3339 date-time with an offset.")


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_as_moment, json_schema_input_type=AwareDatetime),
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(2199, 12, 31, tzinfo=UTC)),
]
Cursor = Annotated[
    str | None, Query(max_length=300, description="Cursor from `links.next` of the previous page.", examples=["…"])
]


@router.head("/v1/jobs", include_in_schema=False)
@router.get(
    "/v1/jobs",
    operation_id="list_jobs",
    summary="List jobs",
    responses=documented(*KEY_REFUSALS, NotFound, ValidationFailed, ServiceUnavailable),
)
async def list_jobs(
    resources: ResourcesDep,
    caller: CurrentCaller,
    status: Status = [],  # noqa: B006  # FastAPI copies it
    dataset: Dataset = None,
    prm: Point = None,
    created_after: Annotated[Moment | None, Query(description="Only jobs created at or after this time.")] = None,
    created_before: Annotated[Moment | None, Query(description="Only jobs created before this time.")] = None,
    limit: SmallPageSize = 20,
    cursor: Cursor = None,
) -> JobPage:
    """Newest first, including jobs of the nightly refresh. Follow `links.next` until it is `null`; new jobs do not
    shift the pages. With filters, a page may hold fewer than `limit` jobs although more follow."""
    account_id = caller.account.id
    place = None if cursor is None else _open_cursor(resources.server, account_id, cursor)
    points = {each.id: each.prm for each in await resources.usage_points.list_for_account(account_id)}
    if prm is not None and prm not in points.values():
        raise NotFound("This usage point does not exist in this account.")

    def is_wanted(job: Job) -> bool:
        return (
            (not status or job.status in status)
            and (dataset is None or job.dataset == dataset)
            and job.usage_point_id in points
            and (prm is None or points[job.usage_point_id] == prm)
        )

    page = await resources.job_list.load_page(
        account_id, limit, place=place, wanted=is_wanted, created_from=created_after, created_before=created_before
    )
    following = None
    if page.next_place is not None:
        given = {
            "status": [each.value for each in status],
            "dataset": dataset,
            "usage_point_id": prm,
            "created_after": created_after and created_after.isoformat(),
            "created_before": created_before and created_before.isoformat(),
            "limit": limit,
            "cursor": _close_cursor(resources.server, account_id, page.next_place),
        }
        wanted = {name: value for name, value in given.items() if value}
        following = f"/v1/jobs?{urlencode(wanted, doseq=True)}"
    return JobPage(
        jobs=[job_summary(job, points[job.usage_point_id]) for job in page.jobs], links=PageLinks(next=following)
    )


def _close_cursor(server: ServerSecret, account_id: str, place: Place) -> str:
    text = f"{place.created_at!r} {place.job_id}"
    check = server.keyed_hash(length_prefixed(account_id, text).hex(), purpose="cursor")[:_CHECK_DIGITS]
    return base64.urlsafe_b64encode(f"{check}{text}".encode()).decode().rstrip("=")


def _open_cursor(server: ServerSecret, account_id: str, cursor: str) -> Place:
    """The position that a cursor encodes. Raises `ValidationFailed` for a cursor that this list did not issue."""
    refused = ValidationFailed(errors=[FieldError("cursor", "This is not a valid cursor of this list.")])
    try:
        opened = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise refused from None
    check, text = opened[:_CHECK_DIGITS], opened[_CHECK_DIGITS:]
    expected = server.keyed_hashes(length_prefixed(account_id, text).hex(), purpose="cursor")
    found = _PLACE.fullmatch(text)
    if found is None or not any(hmac.compare_digest(check, each[:_CHECK_DIGITS]) for each in expected):
        raise refused
    return Place(float(found[1]), found[2])
