"""Administration of provider calls: the dead-letter list."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.admin.schemas import DeadCallDocument, DeadCallList
from api.http.dependencies import ADMIN_ONLY, Now, PageSize, ResourcesDep
from api.http.problems import documented
from shared.core.errors import NotFound, ServiceUnavailable, TooManyRequests, Unauthenticated, ValidationFailed

router = APIRouter(prefix="/v1/admin/calls", tags=["administration"], dependencies=ADMIN_ONLY)

_PROBLEMS = (Unauthenticated, NotFound, TooManyRequests, ValidationFailed, ServiceUnavailable)
_After = Annotated[
    str | None,
    Query(
        pattern=r"^[1-9][0-9]{0,14}-[0-9]{1,9}$",
        description="`next_after` of the previous page.",
        examples=["1790000000000-0"],
    ),
]


@router.get(
    "/dead",
    operation_id="admin_list_dead_calls",
    summary="List failed provider calls",
    responses=documented(*_PROBLEMS),
)
async def list_dead_calls(
    resources: ResourcesDep, now: Now, after: _After = None, limit: PageSize = 100
) -> DeadCallList:
    """Newest first, with the reason. The last 1,000 are kept, for 30 days."""
    found = await resources.dead_letters.list_calls(after, limit, now)
    next_after = found[-1].id if len(found) == limit else None
    return DeadCallList(calls=[DeadCallDocument.of(each) for each in found], next_after=next_after)
