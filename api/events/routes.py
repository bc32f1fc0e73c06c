"""Events as they happen: of one job, and of everything of an account."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from api.events.schemas import EventType
from api.events.streams import AccountFeed, JobFeed, is_all_told, open_stream
from api.http.dependencies import CurrentCaller, JobId, ResourcesDep
from api.http.problems import KEY_REFUSALS, documented
from api.jobs.documents import find_job
from shared.core.errors import JobGone, NotFound, ServiceUnavailable, TooManyListeners, ValidationFailed
from shared.events.store import EVENT_TYPES

router = APIRouter(tags=["events"])

_EventId = Annotated[str, StringConstraints(pattern=r"^([0-9]{1,18}-[0-9]{1,18})?$")]


async def last_heard(
    header: Annotated[
        _EventId | None,
        Header(
            alias="Last-Event-ID",
            description="The `id` of the last event that was heard: go on after it.",
            examples=["1790000000000-0"],
        ),
    ] = None,
    query: Annotated[
        _EventId | None,
        Query(alias="last_event_id", description="The same, for who can't set headers.", examples=["1790000000000-0"]),
    ] = None,
) -> str | None:
    """The event to go on after, if any. The header is the newer one: a browser sets it when it comes back."""
    return header or query or None


LastHeard = Annotated[str | None, Depends(last_heard)]


def _known_type(name: str) -> str:
    if name not in EVENT_TYPES:
        raise PydanticCustomError("event_type", "There is no such type of events.")
    return name


Types = Annotated[
    list[Annotated[EventType, AfterValidator(_known_type)]],
    Query(max_length=len(EVENT_TYPES), description="Only events of these types; all of them without."),
]


# Of one event: OpenAPI 3.1 has no word for a stream, and those who read such a schema take it so.
_EVENT_SCHEMA = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "For `Last-Event-ID`."},
        "event": {"type": "string", "description": "Its type."},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "What it is about."},
    },
}


def _stream(example: str) -> dict[str, Any]:
    return {
        "description": "A stream of server-sent events, each with `id`, `event` (its type) and `data` (JSON).",
        "content": {"text/event-stream": {"schema": _EVENT_SCHEMA, "example": example}},
    }


_JOB_EXAMPLE = """id: 1790000000000-0
event: job.succeeded
data: {"type":"job.succeeded","timestamp":"2026-09-21T14:13:20Z","data":{"job_id":"job_0123456789abcdef01234567",\
"links":{"job":"/v1/jobs/job_0123456789abcdef01234567"}}}

"""


@router.head("/v1/jobs/{job_id}/events", include_in_schema=False, response_class=Response)
@router.get(
    "/v1/jobs/{job_id}/events",
    operation_id="stream_job_events",
    summary="What happens to a job, as it happens",
    response_class=Response,
    responses={
        200: _stream(_JOB_EXAMPLE),
        204: {"description": "The job has ended, and everything was told: don't come back."},
        **documented(*KEY_REFUSALS, NotFound, JobGone, ValidationFailed, TooManyListeners, ServiceUnavailable),
    },
)
async def stream_job_events(
    resources: ResourcesDep, caller: CurrentCaller, job_id: JobId, after: LastHeard
) -> Response:
    """Begins with `job.snapshot`: its status and progress; goes on with `job.progress`, and ends with the job. Who
    comes back with the last `id` is told what came after it. Any key of the account will do; no quota is counted."""
    job = await find_job(resources, job_id, caller.account.id)
    story = JobFeed(resources, job)
    if job.status.ended and after is not None and await is_all_told(resources, job.account_id, story, after):
        return Response(status_code=204)
    return await open_stream(resources, caller, story, after)


@router.head("/v1/events", include_in_schema=False, response_class=Response)
@router.get(
    "/v1/events",
    operation_id="stream_events",
    summary="What happens, as it happens",
    response_class=Response,
    responses={
        200: _stream(_JOB_EXAMPLE),
        **documented(*KEY_REFUSALS, ValidationFailed, TooManyListeners, ServiceUnavailable),
    },
)
async def stream_events(
    resources: ResourcesDep,
    caller: CurrentCaller,
    after: LastHeard,
    types: Types = [],  # noqa: B006  # FastAPI copies it
) -> Response:
    """Begins with `account.snapshot`: the jobs that are under way. Who comes back with the last `id` is told what came
    after it; when that is kept no longer, there is a snapshot again. It ends with the key, the account's suspension, or
    the account."""
    return await open_stream(resources, caller, AccountFeed(resources, caller.account.id, types), after)
