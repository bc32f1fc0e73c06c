"""A worker without its queue consumer: its resources over real stores and a served Enedis, and accounts with meters.

Tests take messages from the queue themselves, to decide when a call is delivered, and how often.
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

# The day on which this test process started: a test's days stay the same even if midnight passes.
_TODAY = day_of(datetime.now(UTC))


def days_ago(number: int) -> date:
    """The day ``number`` days before the day on which the tests started."""
    return _TODAY - timedelta(days=number)


def half_hours_of(days: DayRange) -> int:
    """The number of half-hours of these days in Paris: one may be an hour longer or shorter than the others."""
    return sum(day_seconds(day) // 1800 for day in days_between(days.start, days.end))


class Lateness:
    """How long a test has taken so far: an observed time may be later than the expected one by at most that much."""

    def __init__(self) -> None:
        """Start to count."""
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self._begun

    def explains(self, found: float | None, expected: float) -> bool:
        """Whether the time found is the expected one, within the allowed lateness."""
        return found is not None and -0.001 <= found - expected <= self.seconds + 0.001


def now_of(redis: Redis) -> float:
    """The store's time, which the pacer and the circuit breakers use; it may differ from this process's."""
    seconds, microseconds = redis.time()
    return float(seconds) + float(microseconds) / 1_000_000


async def until(happened: Callable[[], bool]) -> None:
    """Wait for an effect of another process or of the served simulator."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not happened():  # noqa: ASYNC110  # the change is made in another thread: this loop has no event to await
            await asyncio.sleep(0.005)


class HeldBack:
    """A provider whose responses are ready, and are returned when the gate opens; or raises the failure instead."""

    def __init__(self, provider: Provider, failure: Exception | None = None) -> None:
        self._provider, self._failure = provider, failure
        self.name = provider.name
        self.asked, self.gate = asyncio.Event(), asyncio.Event()

    async def fetch_readings(self, request: FetchRequest) -> Sequence[Reading]:
        """The readings, once the gate is open."""
        readings = await self._provider.fetch_readings(request)
        await self._wait()
        return readings

    async def fetch_record(self, request: RecordRequest) -> Mapping[str, Any]:
        """The record, once the gate is open."""
        record = await self._provider.fetch_record(request)
        await self._wait()
        return record

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """The points, once the gate is open."""
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
    """One worker's resources."""

    resources: Resources
    providers: dict[str, Provider]
    enedis: SimulatedEnedis
    http: httpx.AsyncClient
    # A separate client: a test's observations must not use the resources that it tests.
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
        """Create an empty account."""
        account, api_key = await self.resources.accounts.create_account(datetime.now(UTC))
        return Person(account.id, api_key)

    async def begin_consent(self, person: Person, authorisation_id: int, expected_prm: str | None = None) -> str:
        """Create a consent that Enedis redirected back, ready for its exchange; returns its id."""
        now = datetime.now(UTC)
        _, state = await self.resources.authorization_states.create(person.account_id, now, expected_prm)
        consent, _ = await take_state(self.resources.authorization_states, state, now, authorisation_id)
        return consent.id

    async def grant(self, person: Person, prm: str, duration: str = "P3Y") -> UsagePoint:
        """Grant a usage point to the account through a real exchange."""
        await self.exchange.exchange(await self.begin_consent(person, self.enedis.share(prm, duration)))
        return await self.resources.usage_points.find(person.account_id, prm)

    async def move_in(self, prm: str) -> UsagePoint:
        """The usage point of a new account, at a reset Enedis; earlier accounts of the usage point are removed."""
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
        """A job for these days, regardless of stored data; its first calls are leased and enqueued."""
        now = datetime.now(UTC)
        kind = DATASETS[dataset]
        windows = [part for each in windows_of(kind, days) if (part := each.clipped(days.start, days.end))]
        series = Series(usage_point.account_id, usage_point.id, dataset)
        job = await self.resources.jobs.create_job(series, days, lane, plan_calls(kind, windows), {}, now)
        await self.resources.job_service.send_next(now)
        return job

    async def age_exchange(self, consent_id: str, by: timedelta) -> None:
        """Move back the start time of a consent's exchange."""
        async with self.resources.database.transaction() as connection:
            query = update(consents).where(consents.c.id == consent_id)
            await connection.execute(query.values(taken_at=datetime.now(UTC) - by))

    def queued(self, name: str) -> list[Sequence[Any]]:
        """The arguments of the messages in a queue, oldest first."""
        messages: Any = self.redis.lrange(name, 0, -1)
        return [arguments_of(message) for message in reversed(messages)]

    def next_ticket(self, lane: Lane = Lane.INTERACTIVE) -> CallTicket | None:
        """Pop the oldest call of a lane's queue."""
        message: Any = self.redis.rpop(str(lane))
        return None if message is None else CallTicket(*arguments_of(message))

    async def work_off(self, lane: Lane = Lane.INTERACTIVE) -> int:
        """Run every call in a lane's queue, and the calls that they enqueue; returns their number."""
        done = 0
        while (ticket := self.next_ticket(lane)) is not None:
            await self.fetcher.do_call(ticket)
            done += 1
        return done

    async def do_again(self, ticket: CallTicket, fetcher: Fetcher | None = None) -> None:
        """Make a deferred call due, and run it."""
        await bring_back(self.resources, ticket)
        await (fetcher or self.fetcher).do_call(ticket)

    async def job(self, job: Job) -> Job:
        """The job's current state."""
        found = await self.resources.jobs.load_job(job.id)
        assert found is not None
        return found

    async def run(self, usage_point: UsagePoint, dataset: str, days: DayRange) -> Job:
        """Run a job from its submission to its end."""
        job = await self.submit(usage_point, dataset, days)
        await self.work_off()
        return await self.job(job)

    async def coverage(self, job: Job) -> dict[str, Coverage]:
        """The coverage of every window of the job's time series."""
        return await self.resources.readings.load_all_coverage(job.series)

    async def read(self, person: Person, job: Job) -> Sequence[Reading]:
        """The readings of the job's days that the account's key decrypts."""
        caller = await self.resources.accounts.authenticate(person.api_key)
        kind = DATASETS[job.dataset]
        names = [window_name(kind, window.start) for window in windows_of(kind, DayRange(job.start, job.end))]
        return list(await self.resources.readings.open_windows(job.series, names, caller.private_key))

    def events(self, person: Person) -> list[tuple[str, dict[str, str]]]:
        """The events published to the account."""
        entries: Any = self.redis.xrange(f"events:{person.account_id}")
        return [(fields[b"type"].decode(), json.loads(fields[b"data"])) for _, fields in entries]

    def lease_of(self, ticket: CallTicket) -> float | None:
        """When the call's lease ends, in epoch seconds; ``None`` without one."""
        score: float | None = self.redis.zscore("leases", f"{ticket.job_id}/{ticket.number}")
        return score


def arguments_of(message: bytes) -> Sequence[Any]:
    """The arguments in a queue message."""
    envelope = json.loads(message)
    arguments: list[Any] = json.loads(base64.b64decode(envelope["body"]))[0]
    return arguments
