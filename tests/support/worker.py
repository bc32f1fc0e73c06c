"""A worker without its queue's consumer: everything open over real stores and a served Enedis, and people with meters.

What the queue holds is taken out by hand, so that a test decides when a call is delivered, and how often.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from redis import Redis
from sqlalchemy import update

from shared.consents.models import GrantedPoint, UsagePoint
from shared.core.calendar import DayRange, day_of, day_seconds, days_between
from shared.core.datasets import DATASETS, Series
from shared.core.errors import NotFound
from shared.jobs.models import CallTicket, Job, Lane
from shared.lifecycle.erasure import OWNER
from shared.readings.models import Coverage, Reading
from shared.readings.planning import plan_calls, window_name, windows_of
from shared.resources import Resources
from shared.storage.tables import consents
from tests.support.due_calls import bring_back
from tests.support.patience import PATIENCE_SECONDS
from tests.support.simulated_enedis import SimulatedEnedis
from tests.support.states import take_state
from workers.consents.exchange import ConsentExchange
from workers.fetching.fetcher import Fetcher
from workers.upstream.port import FetchRequest, Provider, RecordRequest

# The day on which this test process began: what a test says of a day is the same day throughout, though midnight pass.
_TODAY = day_of(datetime.now(UTC))


def days_ago(number: int) -> date:
    """A day that lies so far back, from the day on which the tests began."""
    return _TODAY - timedelta(days=number)


def half_hours_of(days: DayRange) -> int:
    """How many half-hours these days have in Paris: one may be an hour longer or shorter than the others."""
    return sum(day_seconds(day) // 1800 for day in days_between(days.start, days.end))


class Lateness:
    """How long a test has taken so far: what it finds may be later than what it expects by so much, and by no more."""

    def __init__(self) -> None:
        """Begin to count."""
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self._begun

    def explains(self, found: float | None, expected: float) -> bool:
        """Whether this moment is the expected one, as late as it may be."""
        return found is not None and -0.001 <= found - expected <= self.seconds + 0.001


def now_of(redis: Redis) -> float:
    """The time of the store, which is that of the pacer and the circuits, and need not be this process's."""
    seconds, microseconds = redis.time()
    return float(seconds) + float(microseconds) / 1_000_000


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another process, or the served simulator, does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not happened():  # noqa: ASYNC110  # it happens in another thread: there is no event of this loop to await
            await asyncio.sleep(0.005)


class HeldBack:
    """A provider whose answers are there, and are handed over when the gate opens; or the failure in their place."""

    def __init__(self, provider: Provider, failure: Exception | None = None) -> None:
        self._provider, self._failure = provider, failure
        self.name = provider.name
        self.asked, self.gate = asyncio.Event(), asyncio.Event()

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """The readings, when the gate is open."""
        readings = await self._provider.fetch_readings(request)
        await self._wait()
        return readings

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        """The record, when the gate is open."""
        record = await self._provider.fetch_record(request)
        await self._wait()
        return record

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """The points, when the gate is open."""
        points = await self._provider.fetch_granted_points(autorisation_id)
        await self._wait()
        return points

    async def _wait(self) -> None:
        self.asked.set()
        await self.gate.wait()
        if self._failure is not None:
            raise self._failure


@dataclass(frozen=True)
class Person:
    """An account and its key."""

    account_id: str
    api_key: str


@dataclass(frozen=True)
class Stage:
    """One worker's parts."""

    resources: Resources
    providers: dict[str, Provider]
    enedis: SimulatedEnedis
    http: httpx.AsyncClient
    # A client of its own: what a test looks at must not go through the resources that it tests.
    redis: Redis
    _moved_in: list[str] = field(default_factory=list)

    @property
    def fetcher(self) -> Fetcher:
        """A fetcher, as each worker process has one."""
        return Fetcher(self.resources, self.providers)

    @property
    def exchange(self) -> ConsentExchange:
        """The exchange of consents."""
        return ConsentExchange(self.resources, self.providers["enedis"])

    async def create_person(self) -> Person:
        """Somebody with an account and nothing in it."""
        account, api_key = await self.resources.accounts.create_account(datetime.now(UTC))
        return Person(account.id, api_key)

    async def begin_consent(self, person: Person, authorisation_id: int, expected_prm: str | None = None) -> str:
        """A consent that has come back from Enedis's page and is to be exchanged; its id."""
        now = datetime.now(UTC)
        _, state = await self.resources.authorization_states.create(person.account_id, now, expected_prm)
        consent, _ = await take_state(self.resources.authorization_states, state, now, authorisation_id)
        return consent.id

    async def grant(self, person: Person, prm: str, duration: str = "P3Y") -> UsagePoint:
        """A usage point that the person has shared, by the real way."""
        await self.exchange.exchange(await self.begin_consent(person, self.enedis.share(prm, duration)))
        return await self.resources.usage_points.find(person.account_id, prm)

    async def move_in(self, prm: str) -> UsagePoint:
        """The usage point of somebody new, at an Enedis that has seen nothing; whoever lived there is gone."""
        now = datetime.now(UTC)
        for account_id in self._moved_in:
            with suppress(NotFound):
                await self.resources.erasure.erase_account(account_id, OWNER, now)
        self.enedis.start_again()
        person = await self.create_person()
        self._moved_in[:] = [person.account_id]
        return await self.grant(person, prm)

    async def renew(self, person: Person, usage_point: UsagePoint) -> UsagePoint:
        """The same usage point under a new consent."""
        await self.exchange.exchange(await self.begin_consent(person, self.enedis.share_anew(usage_point.prm)))
        return await self.resources.usage_points.load(usage_point.id)

    async def submit(self, usage_point: UsagePoint, dataset: str, days: DayRange, lane: Lane = Lane.INTERACTIVE) -> Job:
        """A job for these days, whatever is stored of them; its first calls are leased and enqueued."""
        now = datetime.now(UTC)
        kind = DATASETS[dataset]
        windows = [part for each in windows_of(kind, days) if (part := each.clipped(days.start, days.end))]
        series = Series(usage_point.account_id, usage_point.id, dataset)
        job = await self.resources.jobs.create_job(series, days, lane, plan_calls(kind, windows), {}, now)
        await self.resources.job_service.send_next(now)
        return job

    async def age_exchange(self, consent_id: str, by: timedelta) -> None:
        """As if the exchange of a consent had been begun so much earlier."""
        async with self.resources.database.transaction() as connection:
            query = update(consents).where(consents.c.id == consent_id)
            await connection.execute(query.values(taken_at=datetime.now(UTC) - by))

    def queued(self, name: str) -> list[Sequence[Any]]:
        """The arguments of the messages that a queue holds, oldest first."""
        messages: Any = self.redis.lrange(name, 0, -1)
        return [arguments_of(message) for message in reversed(messages)]

    def next_ticket(self, lane: Lane = Lane.INTERACTIVE) -> CallTicket | None:
        """Take the oldest call out of a lane's queue."""
        message: Any = self.redis.rpop(str(lane))
        return None if message is None else CallTicket(*arguments_of(message))

    async def work_off(self, lane: Lane = Lane.INTERACTIVE) -> int:
        """Do every call that a lane's queue holds, and what they enqueue; how many."""
        done = 0
        while (ticket := self.next_ticket(lane)) is not None:
            await self.fetcher.do_call(ticket)
            done += 1
        return done

    async def do_again(self, ticket: CallTicket, fetcher: Fetcher | None = None) -> None:
        """Do a call that was laid aside as soon as its moment has come: that is now."""
        await bring_back(self.resources, ticket)
        await (fetcher or self.fetcher).do_call(ticket)

    async def job(self, job: Job) -> Job:
        """The job as it stands."""
        found = await self.resources.jobs.load_job(job.id)
        assert found is not None
        return found

    async def run(self, usage_point: UsagePoint, dataset: str, days: DayRange) -> Job:
        """A job from its submission to its end."""
        job = await self.submit(usage_point, dataset, days)
        await self.work_off()
        return await self.job(job)

    async def coverage(self, job: Job) -> dict[str, Coverage]:
        """What is known of every window of the job's series."""
        return await self.resources.readings.load_all_coverage(job.series)

    async def read(self, person: Person, job: Job) -> Sequence[Reading]:
        """What the person's key opens of the job's days."""
        caller = await self.resources.accounts.authenticate(person.api_key)
        kind = DATASETS[job.dataset]
        names = [window_name(kind, window.start) for window in windows_of(kind, DayRange(job.start, job.end))]
        return list(await self.resources.readings.open_windows(job.series, names, caller.private_key))

    def events(self, person: Person) -> list[tuple[str, dict[str, str]]]:
        """What the person's listeners were told."""
        entries: Any = self.redis.xrange(f"events:{person.account_id}")
        return [(fields[b"type"].decode(), json.loads(fields[b"data"])) for _, fields in entries]

    def lease_of(self, ticket: CallTicket) -> float | None:
        """When the call's lease ends, in epoch seconds; ``None`` without one."""
        score: float | None = self.redis.zscore("leases", f"{ticket.job_id}/{ticket.number}")
        return score


def arguments_of(message: bytes) -> Sequence[Any]:
    """The arguments that a message of the queue carries."""
    envelope = json.loads(message)
    arguments: list[Any] = json.loads(base64.b64decode(envelope["body"]))[0]
    return arguments
