"""Event streams: of one job, and of an account."""

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
            description="`id` of the last received event: the stream resumes after it.",
            examples=["1790000000000-0"],
        ),
    ] = None,
    query: Annotated[
        _EventId | None,
        Query(
            alias="last_event_id",
            description="The same, for clients that cannot set headers.",
            examples=["1790000000000-0"],
        ),
    ] = None,
) -> str | None:
    """The event to resume after, if any. The header takes precedence: a browser updates it when it reconnects."""
    return header or query or None


LastHeard = Annotated[str | None, Depends(last_heard)]


def _known_type(name: str) -> str:
    if name not in EVENT_TYPES:
        raise PydanticCustomError("event_type", "This event type does not exist.")
    return name


Types = Annotated[
    list[Annotated[EventType, AfterValidator(_known_type)]],
    Query(max_length=len(EVENT_TYPES), description="Only events of these types. Default: all types."),
]


# The schema of one event: OpenAPI 3.1 cannot describe a stream, and tools interpret such a schema per event.
_EVENT_SCHEMA = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "Value for `Last-Event-ID`."},
        "event": {"type": "string", "description": "Event type."},
        "data": {"type": "string", "contentMediaType": "application/json", "description": "The event as JSON."},
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
    summary="Stream the events of a job",
    response_class=Response,
    responses={
        200: _stream(_JOB_EXAMPLE),
        204: {"description": "The job has ended and all its events were received: do not reconnect."},
        **documented(*KEY_REFUSALS, NotFound, JobGone, ValidationFailed, TooManyListeners, ServiceUnavailable),
    },
)
async def stream_job_events(
    resources: ResourcesDep, caller: CurrentCaller, job_id: JobId, after: LastHeard
) -> Response:
    """The stream starts with `job.snapshot` (status and progress), continues with `job.progress`, and ends with the
    job. A client that reconnects with `Last-Event-ID` receives the events after it. Any key of the account is accepted;
    no quota is counted."""
    job = await find_job(resources, job_id, caller.account.id)
    story = JobFeed(resources, job)
    if job.status.ended and after is not None and await is_all_told(resources, job.account_id, story, after):
        return Response(status_code=204)
    return await open_stream(resources, caller, story, after)


@router.head("/v1/events", include_in_schema=False, response_class=Response)
@router.get(
    "/v1/events",
    operation_id="stream_events",
    summary="Stream the events of the account",
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
    """The stream starts with `account.snapshot`: the jobs in progress. A client that reconnects with `Last-Event-ID`
    receives the events after it, or a new snapshot if they are no longer kept. The stream ends when the key is revoked
    or the account is suspended or deleted."""
    return await open_stream(resources, caller, AccountFeed(resources, caller.account.id, types), after)
