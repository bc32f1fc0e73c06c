"""Random interleavings of the ledger, on a real server: a queue that loses and duplicates messages, workers that die,
are slow or repeat calls, overlapping sweepers, cancelled and erased jobs, accounts that request the same days. At all
times no call has two workers, no account exceeds its slots or leaks one, no two calls fetch the same days; in the end
each call is settled once, the counters are right and nothing is left."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.fair_queue import LINES, line_of
from shared.jobs.ledger import LEASES_KEY, OK, Ledger
from shared.jobs.models import CallTicket, DueCall, Job, JobStatus, Lane
from shared.jobs.store import JobStore

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FIRST_DAY = date(2026, 1, 1)
LEASE, QUEUED_LEASE = 10.0, 20.0
IN_FLIGHT, DEPTH = 2, 5
# Longer than a test can take: ended jobs are checked at the end.
KEEP = 86_400
ACCOUNTS = ("acct_1", "acct_2", "acct_3")
DATASETS = ("consumption_load_curve", "contract")
OUTCOMES = [OK, OK, OK, "consent_lost", "provider_timeout"]


def texts(reply: Iterable[bytes]) -> list[str]:
    """A server's reply as text."""
    return [each.decode() for each in reply]


def windows_of(job: Job, number: int) -> set[str]:
    """Two days; the previous and the next call each share one of them."""
    return {str(job.start + timedelta(days=number + each)) for each in (0, 1)}


class World:
    """Some jobs, a queue, and workers; with a simulated clock, and seeded randomness."""

    def __init__(self, redis: Redis, seed: int) -> None:
        self.redis = redis
        self.chance = random.Random(seed)  # noqa: S311  # the same world again for the same seed
        self.now = START
        self.ledger = Ledger(
            redis, calls_in_flight=IN_FLIGHT, queue_depth=DEPTH, queued_lease_seconds=QUEUED_LEASE, keep_seconds=KEEP
        )
        self.store = JobStore(redis, retention=timedelta(days=7))
        self.jobs: dict[str, Job] = {}
        self.over: set[str] = set()
        self.queue: list[CallTicket] = []
        self.at_work: list[CallTicket] = []
        self.alive_until: dict[CallTicket, datetime] = {}
        self.attempts: Counter[CallTicket] = Counter()
        self.claims: dict[CallTicket, set[str]] = {}
        self.settled: dict[CallTicket, list[str]] = defaultdict(list)

    async def add_job(self) -> None:
        calls, shift = self.chance.randint(1, 6), timedelta(days=self.chance.randint(0, 3))
        series = Series(self.chance.choice(ACCOUNTS), "up_1", self.chance.choice(DATASETS))
        days = DayRange(FIRST_DAY + shift, FIRST_DAY + shift + timedelta(days=calls))
        planned = [DayRange(days.start + timedelta(days=n), days.start + timedelta(days=n + 1)) for n in range(calls)]
        job = await self.store.create_job(series, days, self.chance.choice(list(Lane)), planned, {}, self.now)
        self.jobs[job.id] = job
        await self.send()

    async def send(self) -> None:
        """A worker may die between freeing a slot and assigning it."""
        if self.chance.random() < 0.9:
            self.enqueue(await self.ledger.send_next(self.now))

    def enqueue(self, calls: Iterable[DueCall]) -> None:
        self.queue += [call.ticket for call in calls]

    def lane_of(self, ticket: CallTicket) -> Lane:
        return self.jobs[ticket.job_id].lane

    # Possible steps

    async def deliver(self) -> None:
        if not self.queue:
            return
        ticket = self.queue.pop(self.chance.randrange(min(3, len(self.queue))))
        started = await self.ledger.start_call(ticket, self.now, LEASE)
        if started is None:
            return
        # No live worker has it, and it was not settled before.
        assert self.alive_until.get(ticket, START) <= self.now
        assert [] == self.settled[ticket]
        assert ticket.job_id not in self.over
        self.attempts[ticket] += 1
        assert self.attempts[ticket] == started.attempt
        if await self.claim(ticket):
            self.alive_until[ticket] = self.now + timedelta(seconds=LEASE)
            self.at_work.append(ticket)
        else:
            self.attempts[ticket] -= 1
            self.alive_until.pop(ticket, None)
            await self.send()

    async def claim(self, ticket: CallTicket) -> bool:
        job = self.jobs[ticket.job_id]
        windows = windows_of(job, ticket.number)
        self.claims.pop(ticket, None)
        if not await self.ledger.claim(ticket, sorted(windows), self.now):
            return False
        for other, held in self.claims.items():
            if self.jobs[other.job_id].series == job.series and windows & held:
                # Claims are only taken over from the bulk lane, and not by it.
                assert (Lane.INTERACTIVE, Lane.BULK) == (job.lane, self.lane_of(other))
                held.difference_update(windows)
        self.claims[ticket] = windows
        return True

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
            counts, keeps_place = self.chance.random() < 0.5, self.chance.random() < 0.5
            is_open = not self.settled[ticket] and ticket.job_id not in self.over
            until = self.now + timedelta(seconds=self.chance.uniform(0, 60))
            await self.ledger.park(ticket, until, counts_as_attempt=counts, keeps_place=keeps_place)
            if is_open:
                self.alive_until.pop(ticket, None)
                self.attempts[ticket] -= not counts
            await self.send()

    async def settle(self) -> None:
        if self.at_work:
            ticket = self.at_work.pop(self.chance.randrange(len(self.at_work)))
            await self.end(ticket, self.chance.choice(OUTCOMES))
            await self.send()

    async def settle_twice_at_once(self) -> None:
        if self.at_work:
            ticket = self.at_work.pop()
            await asyncio.gather(*(self.end(ticket, outcome) for outcome in (OK, "late")))
            await self.send()

    async def end(self, ticket: CallTicket, outcome: str) -> None:
        if (await self.ledger.settle(ticket, outcome, self.now)).settled:
            self.settled[ticket].append(outcome)
            self.claims.pop(ticket, None)

    async def cancel_or_erase(self) -> None:
        under_way = [job_id for job_id in self.jobs if job_id not in self.over and not self.has_ended(job_id)]
        if len(under_way) > 1:
            job_id = self.chance.choice(under_way)
            if self.chance.random() < 0.5:
                assert await self.ledger.cancel(job_id, self.now)
            else:
                assert [job_id] == await self.ledger.forget([job_id])
            self.over.add(job_id)
            self.claims = {ticket: held for ticket, held in self.claims.items() if ticket.job_id != job_id}
            await self.send()

    async def sweep(self) -> None:
        # The server must know the queue length of each lane.
        await self.redis.delete(*Lane)
        for ticket in self.queue:
            await self.redis.rpush(self.lane_of(ticket), ticket.number)
        sweeps = await asyncio.gather(*(self.ledger.overdue_calls(self.now) for _ in range(self.chance.randint(1, 3))))
        given = [call.ticket for sweep in sweeps for call in sweep]
        assert len(set(given)) == len(given)
        assert not [ticket for ticket in given if self.settled[ticket] or ticket.job_id in self.over]
        self.queue += given

    async def wait(self) -> None:
        self.now += timedelta(seconds=self.chance.choice([0.1, 1, 5, LEASE, QUEUED_LEASE]))

    # Invariants

    def has_ended(self, job_id: str) -> bool:
        return self.jobs[job_id].calls_total == sum(len(self.settled[each]) for each in self.calls_of(job_id))

    def calls_of(self, job_id: str) -> list[CallTicket]:
        return [CallTicket(job_id, number) for number in range(self.jobs[job_id].calls_total)]

    async def check(self) -> None:
        found = await self.look()
        leased = set(texts(next(found)))
        placed: set[str] = set()
        for _ in LINES:
            places = [each.split("/", 1) for each in texts(next(found))]
            assert len(places) <= DEPTH
            assert {account for account, _ in places} <= set(ACCOUNTS)
            for account in ACCOUNTS:
                of_account, waiting, turn = set(texts(next(found))), next(found), next(found)
                assert {member for each, member in places if each == account} == of_account
                assert len(of_account) <= IN_FLIGHT
                if waiting and len(of_account) < IN_FLIGHT:
                    assert turn is not None
            placed |= {member for _, member in places}
        assert placed <= leased
        for job_id, job in self.under_way.items():
            back, sent = {int(each) for each in texts(next(found))}, int(next(found) or 0)
            is_waiting = next(found) is not None
            for ticket in self.calls_of(job_id):
                # Each call is in exactly one state: not yet sent, leased, returned, or settled.
                states = (
                    ticket.number >= sent,
                    f"{job_id}/{ticket.number}" in leased,
                    ticket.number in back,
                    bool(self.settled[ticket]),
                )
                assert 1 == sum(states), (ticket, states)
            assert (bool(back) or sent < job.calls_total) == is_waiting

    async def look(self) -> Iterator[Any]:
        """The server's state for all checks, read atomically and in the order of the checks."""
        ask = self.redis.pipeline()
        ask.zrange(LEASES_KEY, 0, -1)
        for line in LINES:
            ask.zrange(f"places:{line}", 0, -1)
            for account in ACCOUNTS:
                ask.smembers(f"places:{line}:{account}")
                ask.exists(f"line:{line}:{account}")
                ask.zscore(f"line:{line}", account)
        for job_id, job in self.under_way.items():
            ask.zrange(f"again:{job_id}", 0, -1)
            ask.hget(f"job:{job_id}", "calls_sent")
            ask.zscore(f"line:{line_of(job.lane, job.dataset)}:{job.account_id}", job_id)
        return iter(await ask.execute())

    @property
    def under_way(self) -> dict[str, Job]:
        """The jobs that were neither cancelled nor erased."""
        return {job_id: job for job_id, job in self.jobs.items() if job_id not in self.over}

    @property
    def is_over(self) -> bool:
        return all(job_id in self.over or self.has_ended(job_id) for job_id in self.jobs)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_each_call_is_settled_once_and_nothing_is_left(seed: int, redis: Redis) -> None:
    world = World(redis, seed)
    for _ in range(6):
        await world.add_job()
    trouble: list[Callable[[], Awaitable[None]]] = [
        *[world.deliver] * 5,
        world.lose_message,
        world.double_message,
        world.die,
        world.show_life,
        world.lay_aside,
        world.settle,
        world.settle,
        world.settle_twice_at_once,
        world.sweep,
        world.wait,
    ]

    for step in range(200):
        await (world.cancel_or_erase if step % 80 == 79 else world.chance.choice(trouble))()
        if step % 4 == 0:
            await world.check()
    # From here on nothing fails any more: everything must end by itself.
    for _ in range(500):
        if world.is_over:
            break
        for calm in (world.wait, world.sweep, world.deliver, world.settle):
            await calm()
    await world.check()

    kept = {job_id: job for job_id, job in world.jobs.items() if job_id not in world.over}
    assert {1} == {len(world.settled[ticket]) for job_id in kept for ticket in world.calls_of(job_id)}
    keys: Any = await redis.keys()
    left = {key.split(":")[0] for key in texts(keys)}
    assert set() == left & {LEASES_KEY, "line", "places", "again", "claims", "waiters"}
    for job_id in kept:
        outcomes = [world.settled[ticket][0] for ticket in world.calls_of(job_id)]
        errors = Counter(outcome for outcome in outcomes if outcome != OK)
        failed = errors.total()
        status = (
            JobStatus.PARTIAL if 0 < failed < len(outcomes) else JobStatus.FAILED if failed else JobStatus.SUCCEEDED
        )
        loaded = await world.store.load_job(job_id)
        assert loaded is not None
        assert (status, len(outcomes), failed, errors) == (
            loaded.status,
            loaded.calls_done,
            loaded.calls_failed,
            loaded.errors,
        )
