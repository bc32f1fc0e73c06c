"""Events as they happen (server-sent events): one story of an account or of a job, told to who listens, and resumed.

A story is told from where the listener left off. When that is no longer kept, it begins with a snapshot of how things
stand. A heartbeat keeps the connection open and shows who is gone.
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
    """What is told to one listener."""

    def wants(self, event: Event) -> bool:
        """Whether an event belongs to it."""

    def ends_with(self, event: Event) -> bool:
        """Whether nothing comes after this event."""

    async def snapshot(self) -> tuple[str, BaseModel, bool]:
        """How things stand: the snapshot's type, itself, and whether nothing comes after it."""

    async def is_over(self) -> bool:
        """Whether nothing comes any more, though no event said so: it can be lost with the process that had to tell."""


class AccountFeed:
    """Everything that happens to an account, or only what is of some types."""

    def __init__(self, resources: Resources, account_id: str, types: Collection[str] = ()) -> None:
        """``types``: all of them when there is none."""
        self._resources = resources
        self._account_id = account_id
        self._types = frozenset(types)

    def wants(self, event: Event) -> bool:
        """That the account is erased is told to everybody."""
        return not self._types or event.type in self._types or event.type == ACCOUNT_ERASED

    def ends_with(self, event: Event) -> bool:
        """Nothing comes after an account."""
        return event.type == ACCOUNT_ERASED

    async def snapshot(self) -> tuple[str, BaseModel, bool]:
        """The jobs that are under way."""
        page = await self._resources.job_list.load_page(
            self._account_id, _SHOWN_JOBS, wanted=lambda job: not job.status.ended
        )
        return ACCOUNT_SNAPSHOT, AccountSnapshot(data=UnfinishedJobs(jobs=list(map(_state, page.jobs)))), False

    async def is_over(self) -> bool:
        """An account goes on."""
        return False


class JobFeed:
    """What happens to a job, to its end."""

    def __init__(self, resources: Resources, job: Job) -> None:
        """Of a job as it was a moment ago."""
        self._resources = resources
        self._job = job

    def wants(self, event: Event) -> bool:
        """With its account it goes, too."""
        return event.data.get("job_id") == self._job.id or event.type == ACCOUNT_ERASED

    def ends_with(self, event: Event) -> bool:
        """One of its ends."""
        return event.type in _JOB_ENDS or event.type == ACCOUNT_ERASED

    async def snapshot(self) -> tuple[str, BaseModel, bool]:
        """Its status and progress; as it was last seen, when it is gone."""
        found = await self._resources.jobs.load_job(self._job.id)
        self._job = found or self._job
        return JOB_SNAPSHOT, JobSnapshot(data=_state(self._job)), found is None or found.status.ended

    async def is_over(self) -> bool:
        """Whether it has ended or is gone."""
        found = await self._resources.jobs.load_job(self._job.id)
        return found is None or found.status.ended


class EventStream(EventSourceResponse):
    """The answer that tells a story. Who does not take what is sent is cut off, and resumes when it comes back."""

    def __init__(
        self, content: AsyncIterator[ServerSentEvent | bytes], listening: EventListeners, listener: Listener
    ) -> None:
        """``listener`` leaves when the answer is over, however that comes about."""
        # The heartbeats are part of the story, which looks around at each of them: those of the library stay off.
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
    """Begin to listen, then answer. ``after``: the last event that was heard. Raises `TooManyListeners` and
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
    """Whether somebody who heard everything up to ``after`` has nothing more to hear of what is kept."""
    if await resources.events.find_place(account_id, after) != after:
        return False
    return not any(map(story.wants, await resources.events.load_events(account_id, after)))


@asynccontextmanager
async def listening_until_exit(listening: EventListeners) -> AsyncIterator[None]:
    """End all listening as soon as the server is told to stop: it waits for answers that are under way."""

    async def watch() -> None:
        # The library knows: it has the signal told to it.
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
    # So that those who were cut off together do not come back together.
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
        # What was passed over need not be read again by who resumes.
        yield ServerSentEvent(comment="", id=last if last != told else None, sep="\n")
        beat_at, told = time() + HEARTBEAT_SECONDS, last
        if await story.is_over():
            name, snapshot, _ = await story.snapshot()
            yield _message(snapshot, name, last)
            return


async def _telling(resources: Resources, listener: Listener, event: Event) -> bytes:
    """An event as it goes over the wire; made once for all who listen to the account."""
    commons = listener.commons
    if commons.last_told[0] != event.id:
        if event.data.get("usage_point_id", "") not in {"", *commons.prms}:
            points = await resources.usage_points.list_for_account(listener.account_id)
            commons.prms.update({point.id: point.prm for point in points})
        message = _message(EventDocument.of(event, commons.prms), event.type, event.id)
        commons.last_told = (event.id, message.encode())
    return commons.last_told[1]


def _state(job: Job) -> JobState:
    return JobState(job_id=job.id, status=job.status, progress=job_progress(job), links={"job": job_path(job.id)})


def _message(document: BaseModel, name: str, event_id: str) -> ServerSentEvent:
    return ServerSentEvent(document.model_dump_json(exclude_none=True), event=name, id=event_id, sep="\n")
