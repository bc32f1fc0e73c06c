"""Server-sent events: resumable streams of the events of an account or of a job.

A stream resumes after the last event that the client received. If that event is no longer kept, the stream starts with
a snapshot of the current state. A heartbeat keeps the connection open and detects disconnected clients.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Protocol

from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import AppStatus, SendTimeoutError
from starlette.types import Receive, Scope, Send

from api.events.schemas import (
    ACCOUNT_SNAPSHOT,
    JOB_SNAPSHOT,
    AccountSnapshot,
    EventDocument,
    JobSnapshot,
    JobState,
    UnfinishedJobs,
)
from api.http.error_handlers import STORE_FAILURES
from api.jobs.documents import job_path, job_progress
from shared.accounts.store import Caller
from shared.events.listeners import EventListeners, Listener, Purpose
from shared.events.store import ACCOUNT_ERASED, NO_EVENT, Event, position_of
from shared.jobs.models import Job, JobStatus
from shared.observability.logging import get_logger
from shared.resources import Resources

logger = get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
_CUT_AFTER_SECONDS = 20.0
_RETRY_MILLISECONDS = (2000, 5000)
_READ_AT_ONCE = 200
_SHOWN_JOBS = 100
_EXIT_SECONDS = 0.2
_JOB_ENDS = {f"job.{status}" for status in JobStatus if status.ended}


class EventFeed(Protocol):
    """The events of one stream."""

    def wants(self, event: Event) -> bool:
        """Whether the event belongs to the stream."""

    def ends_with(self, event: Event) -> bool:
        """Whether this event is the last of the stream."""

    async def snapshot(self) -> tuple[str, BaseModel, bool]:
        """The current state: type of the snapshot, its document, and whether the stream ends with it."""

    async def is_over(self) -> bool:
        """Whether the stream has ended without a final event, which is lost if its process dies before sending it."""


class AccountFeed:
    """All events of an account, or those of some types."""

    def __init__(self, resources: Resources, account_id: str, types: Collection[str] = ()) -> None:
        """``types``: empty for all types."""
        self._resources = resources
        self._account_id = account_id
        self._types = frozenset(types)

    def wants(self, event: Event) -> bool:
        """The deletion of the account is always sent, whatever the types."""
        return not self._types or event.type in self._types or event.type == ACCOUNT_ERASED

    def ends_with(self, event: Event) -> bool:
        """The stream ends with the deletion of the account."""
        return event.type == ACCOUNT_ERASED

    async def snapshot(self) -> tuple[str, BaseModel, bool]:
        """The jobs in progress."""
        page = await self._resources.job_list.load_page(
            self._account_id, _SHOWN_JOBS, wanted=lambda job: not job.status.ended
        )
        return ACCOUNT_SNAPSHOT, AccountSnapshot(data=UnfinishedJobs(jobs=list(map(_state, page.jobs)))), False

    async def is_over(self) -> bool:
        """Never: an account's stream ends with an event."""
        return False


class JobFeed:
    """The events of a job, until it ends."""

    def __init__(self, resources: Resources, job: Job) -> None:
        """``job``: as just loaded."""
        self._resources = resources
        self._job = job

    def wants(self, event: Event) -> bool:
        """Events of the job, and the deletion of its account, which deletes the job."""
        return event.data.get("job_id") == self._job.id or event.type == ACCOUNT_ERASED

    def ends_with(self, event: Event) -> bool:
        """The stream ends when the job ends, or with its account."""
        return event.type in _JOB_ENDS or event.type == ACCOUNT_ERASED

    async def snapshot(self) -> tuple[str, BaseModel, bool]:
        """Its status and progress; the last known ones if the job is no longer stored."""
        found = await self._resources.jobs.load_job(self._job.id)
        self._job = found or self._job
        return JOB_SNAPSHOT, JobSnapshot(data=_state(self._job)), found is None or found.status.ended

    async def is_over(self) -> bool:
        """Whether the job has ended or is no longer stored."""
        found = await self._resources.jobs.load_job(self._job.id)
        return found is None or found.status.ended


class EventStream(EventSourceResponse):
    """The streaming response. A client that does not read in time is disconnected; it can reconnect and resume."""

    def __init__(
        self, content: AsyncIterator[ServerSentEvent | bytes], listening: EventListeners, listener: Listener
    ) -> None:
        """``listener`` leaves when the response ends, for whatever reason."""
        # Heartbeats are sent by the stream itself, with a check at each: those of the library are off.
        super().__init__(content, ping=0, sep="\n", send_timeout=_CUT_AFTER_SECONDS)
        self._listening = listening
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream until its end."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            logger.info("listener cut off")
        finally:
            self._listening.leave(self._listener)


async def open_stream(resources: Resources, caller: Caller, story: EventFeed, after: str | None) -> EventStream:
    """Start listening, then respond. ``after``: the last event that the client received. Raises `TooManyListeners` and
    `ServiceUnavailable`."""
    listening = resources.listeners
    listener = listening.join(caller.account.id, Purpose.STREAM, caller.key.id)
    try:
        await listening.ready()
        return EventStream(_told(resources, listener, story, after), listening, listener)
    except BaseException:
        listening.leave(listener)
        raise


async def is_all_told(resources: Resources, account_id: str, story: EventFeed, after: str) -> bool:
    """Whether no kept event of the stream follows ``after``."""
    if await resources.events.find_place(account_id, after) != after:
        return False
    return not any(map(story.wants, await resources.events.load_events(account_id, after)))


@asynccontextmanager
async def listening_until_exit(listening: EventListeners) -> AsyncIterator[None]:
    """End all listeners as soon as the server is asked to stop, because it waits for open responses."""

    async def watch() -> None:
        # The library handles the signal and sets this flag.
        while not AppStatus.should_exit:  # noqa: ASYNC110  # set by a signal, which sets no event
            await asyncio.sleep(_EXIT_SECONDS)
        listening.end()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


async def _told(
    resources: Resources, listener: Listener, story: EventFeed, after: str | None
) -> AsyncIterator[ServerSentEvent | bytes]:
    # Random, so that clients that were disconnected together do not reconnect together.
    yield ServerSentEvent(retry=random.randint(*_RETRY_MILLISECONDS), sep="\n")  # noqa: S311  # spreads load, guards no secret
    try:
        async for each in _chapters(resources, listener, story, after):
            yield each
    except STORE_FAILURES as error:
        logger.warning("stream broken off", error=type(error).__name__)


async def _chapters(
    resources: Resources, listener: Listener, story: EventFeed, after: str | None
) -> AsyncIterator[ServerSentEvent | bytes]:
    time, account_id = asyncio.get_running_loop().time, listener.account_id
    beat_at = time() + HEARTBEAT_SECONDS
    last, told = after or NO_EVENT, after
    while not listener.ended:
        if listener.catch_up():
            place = await resources.events.find_place(account_id, after)
            if place != after:
                name, snapshot, is_over = await story.snapshot()
                last = told = place
                yield _message(snapshot, name, place)
                if is_over:
                    return
            heard = await resources.events.load_events(account_id, last, _READ_AT_ONCE)
            if len(heard) == _READ_AT_ONCE:
                listener.fall_behind()
        else:
            heard = listener.take()
        for event in heard:
            if position_of(event.id) <= position_of(last):
                continue
            last = event.id
            if story.wants(event):
                told = last
                yield await _telling(resources, listener, event)
                beat_at = time() + HEARTBEAT_SECONDS
                if story.ends_with(event):
                    return
        after = last
        if (heard or await listener.wait(max(0.0, beat_at - time()))) and time() < beat_at:
            continue
        # The id lets a client that resumes skip the events that were filtered out.
        yield ServerSentEvent(comment="", id=last if last != told else None, sep="\n")
        beat_at, told = time() + HEARTBEAT_SECONDS, last
        if await story.is_over():
            name, snapshot, _ = await story.snapshot()
            yield _message(snapshot, name, last)
            return


async def _telling(resources: Resources, listener: Listener, event: Event) -> bytes:
    """A serialised event; built once for all listeners of the account."""
    cache = listener.cache
    if cache.last_told[0] != event.id:
        if event.data.get("usage_point_id", "") not in {"", *cache.prms}:
            points = await resources.usage_points.list_for_account(listener.account_id)
            cache.prms.update({point.id: point.prm for point in points})
        message = _message(EventDocument.of(event, cache.prms), event.type, event.id)
        cache.last_told = (event.id, message.encode())
    return cache.last_told[1]


def _state(job: Job) -> JobState:
    return JobState(job_id=job.id, status=job.status, progress=job_progress(job), links={"job": job_path(job.id)})


def _message(document: BaseModel, name: str, event_id: str) -> ServerSentEvent:
    return ServerSentEvent(document.model_dump_json(exclude_none=True), event=name, id=event_id, sep="\n")
