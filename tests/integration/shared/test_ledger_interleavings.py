"""The ledger under chance, on a real server: a queue that loses and doubles messages, workers that die, are slow or
come twice, sweepers that overlap. Whatever happens, no call is in two hands, too many are never in flight, and in the
end each is settled once and the counters are right."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from redis.asyncio import Redis

from shared.jobs import JobStore
from shared.ledger import LEASES_KEY, OK, Ledger, job_key
from shared.models import CallTicket, DayRange, Job, JobStatus, Lane, Series

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LEASE, QUEUED_LEASE = 10.0, 20.0
IN_FLIGHT = 3
SERIES = Series("acct_1", "up_1", "consumption_load_curve")
OUTCOMES = [OK, OK, OK, "consent_lost", "provider_timeout"]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty server."""
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


class World:
    """Some jobs, a queue, and whoever works on them; a clock of its own, and chance from a seed."""

    def __init__(self, redis: Redis, seed: int) -> None:
        self.redis = redis
        self.chance = random.Random(seed)  # noqa: S311  # the same world again for the same seed
        self.now = START
        self.ledger = Ledger(redis, calls_in_flight=IN_FLIGHT, queued_lease_seconds=QUEUED_LEASE, keep_seconds=60)
        self.store = JobStore(redis, retention=timedelta(days=7))
        self.jobs: list[Job] = []
        self.queue: list[CallTicket] = []
        self.at_work: list[CallTicket] = []
        self.alive_until: dict[CallTicket, datetime] = {}
        self.attempts: Counter[CallTicket] = Counter()
        self.settled: dict[CallTicket, list[str]] = defaultdict(list)

    async def add_job(self, calls: int) -> None:
        first = date(2026, 1, 1)
        planned = [DayRange(first + timedelta(days=n), first + timedelta(days=n + 1)) for n in range(calls)]
        lane = self.chance.choice(list(Lane))
        days = DayRange(first, first + timedelta(days=calls))
        job = await self.store.create_job(SERIES, days, lane, planned, {}, self.now)
        self.jobs.append(job)
        self.enqueue(await self.ledger.send_next(job.id, self.now))

    def enqueue(self, tickets: tuple[CallTicket, ...] | list[CallTicket]) -> None:
        self.queue += tickets

    async def mirror_queue(self) -> None:
        """Let the server see how long the queue of each lane is."""
        lanes = {job.id: job.lane for job in self.jobs}
        await self.redis.delete(*Lane)
        for ticket in self.queue:
            await self.redis.rpush(lanes[ticket.job_id], ticket.number)

    # What may happen

    async def deliver(self) -> None:
        if self.queue:
            ticket = self.queue.pop(self.chance.randrange(len(self.queue)))
            started = await self.ledger.start_call(ticket, self.now, LEASE)
            if started is None:
                return
            # Nobody who is alive has it, and it was not settled before.
            assert self.alive_until.get(ticket, START) <= self.now
            assert [] == self.settled[ticket]
            self.attempts[ticket] += 1
            assert self.attempts[ticket] == started.attempt
            self.alive_until[ticket] = self.now + timedelta(seconds=LEASE)
            self.at_work.append(ticket)

    async def lose_message(self) -> None:
        if self.queue:
            self.queue.pop()

    async def double_message(self) -> None:
        if self.queue:
            self.queue.append(self.chance.choice(self.queue))

    async def die(self) -> None:
        if self.at_work:
            self.at_work.pop()

    async def show_life(self) -> None:
        if self.at_work:
            ticket = self.chance.choice(self.at_work)
            if await self.ledger.renew(ticket, self.now, LEASE):
                self.alive_until[ticket] = self.now + timedelta(seconds=LEASE)

    async def lay_aside(self) -> None:
        if self.at_work:
            ticket = self.at_work.pop(0)
            counts = self.chance.random() < 0.5
            open_before = not self.settled[ticket]
            await self.ledger.park(
                ticket, self.now + timedelta(seconds=self.chance.uniform(0, 60)), counts_as_attempt=counts
            )
            if open_before:
                self.alive_until.pop(ticket, None)
                self.attempts[ticket] -= not counts

    async def settle(self) -> None:
        if self.at_work:
            ticket = self.at_work.pop(self.chance.randrange(len(self.at_work)))
            outcome = self.chance.choice(OUTCOMES)
            settlement = await self.ledger.settle(ticket, outcome, self.now)
            if settlement.settled:
                self.settled[ticket].append(outcome)
            self.enqueue(settlement.next_calls)

    async def settle_twice_at_once(self) -> None:
        if self.at_work:
            ticket = self.at_work.pop()
            both = await asyncio.gather(*(self.ledger.settle(ticket, outcome, self.now) for outcome in (OK, "late")))
            for settlement, outcome in zip(both, (OK, "late"), strict=True):
                if settlement.settled:
                    self.settled[ticket].append(outcome)
                self.enqueue(settlement.next_calls)

    async def sweep(self) -> None:
        await self.mirror_queue()
        sweeps = await asyncio.gather(*(self.ledger.overdue_calls(self.now) for _ in range(self.chance.randint(1, 3))))
        given = [ticket for sweep in sweeps for ticket in sweep]
        assert len(set(given)) == len(given)
        assert not [ticket for ticket in given if self.settled[ticket]]
        self.enqueue(given)

    async def wait(self) -> None:
        self.now += timedelta(seconds=self.chance.choice([0.1, 1, 5, LEASE, QUEUED_LEASE]))

    # What must hold

    async def check(self) -> None:
        for job in self.jobs:
            sent, done = (
                int(each or 0) for each in await self.redis.hmget(job_key(job.id), "calls_sent", "calls_done")
            )
            assert 0 <= sent - done <= IN_FLIGHT
            assert done == sum(len(outcomes) for ticket, outcomes in self.settled.items() if ticket.job_id == job.id)

    @property
    def over(self) -> bool:
        return sum(job.calls_total for job in self.jobs) == sum(map(len, self.settled.values()))


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_each_call_is_settled_once_and_the_counters_are_right(seed: int, redis: Redis) -> None:
    world = World(redis, seed)
    for _ in range(3):
        await world.add_job(world.chance.randint(1, 8))
    trouble: list[Callable[[], Awaitable[None]]] = [
        world.deliver,
        world.deliver,
        world.deliver,
        world.lose_message,
        world.double_message,
        world.die,
        world.show_life,
        world.lay_aside,
        world.settle,
        world.settle_twice_at_once,
        world.sweep,
        world.wait,
    ]

    for _ in range(250):
        await world.chance.choice(trouble)()
        await world.check()
    # From here on nothing goes wrong any more: it must come to its end by itself.
    for _ in range(400):
        if world.over:
            break
        for calm in (world.wait, world.sweep, world.deliver, world.settle):
            await calm()
        await world.check()

    assert {1} == {len(world.settled[CallTicket(job.id, n)]) for job in world.jobs for n in range(job.calls_total)}
    assert 0 == await redis.zcard(LEASES_KEY)
    for job in world.jobs:
        outcomes = [world.settled[CallTicket(job.id, n)][0] for n in range(job.calls_total)]
        errors = Counter(outcome for outcome in outcomes if outcome != OK)
        failed = errors.total()
        status = (
            JobStatus.PARTIAL if 0 < failed < len(outcomes) else JobStatus.FAILED if failed else JobStatus.SUCCEEDED
        )
        loaded = await world.store.load_job(job.id)
        assert loaded is not None
        assert (status, len(outcomes), failed, errors) == (
            loaded.status,
            loaded.calls_done,
            loaded.calls_failed,
            loaded.errors,
        )
