"""The order of calls on a real server: accounts take turns, their jobs take turns, and few calls are queued."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.ledger import LEASES_KEY, OK, Ledger, job_key
from shared.jobs.models import CallTicket, Job, Lane
from shared.jobs.store import JobStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LEASE, QUEUED_LEASE = 10.0, 20.0
IN_FLIGHT, DEPTH = 2, 5


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Lines:
    """The ledger and its jobs: sent calls are queued or running."""

    def __init__(self, redis: Redis) -> None:
        self.ledger = Ledger(
            redis, calls_in_flight=IN_FLIGHT, queue_depth=DEPTH, queued_lease_seconds=QUEUED_LEASE, keep_seconds=60
        )
        self.store = JobStore(redis, retention=timedelta(days=7))
        self.names: dict[str, str] = {}

    async def create(
        self, account: str, calls: int, lane: Lane = Lane.BULK, dataset: str = "consumption_load_curve"
    ) -> Job:
        start = date(2026, 1, 1)
        planned = [DayRange(start + timedelta(days=n), start + timedelta(days=n + 1)) for n in range(calls)]
        days = DayRange(start, start + timedelta(days=calls))
        job = await self.store.create_job(Series(account, "up_1", dataset), days, lane, planned, {}, NOW)
        self.names[job.id] = account + chr(ord("a") + sum(each[0] == account for each in self.names.values()))
        return job

    async def send(self) -> list[CallTicket]:
        return [call.ticket for call in await self.ledger.send_next(NOW)]

    def shown(self, tickets: list[CallTicket]) -> list[str]:
        return [f"{self.names[ticket.job_id]}{ticket.number}" for ticket in tickets]

    async def work_off(self, queue: list[CallTicket]) -> list[str]:
        """Run the calls in queue order until none is left; returns the order."""
        done = []
        queue += await self.send()
        while queue:
            done.append(queue.pop(0))
            await self.ledger.settle(done[-1], OK, NOW)
            queue += await self.send()
        return self.shown(done)


@pytest.fixture
def lines(redis: Redis) -> Lines:
    """With that server."""
    return Lines(redis)


async def test_no_account_has_more_than_its_places_however_many_jobs_it_has(lines: Lines) -> None:
    for _ in range(3):
        await lines.create("x", 5)

    assert ["xa0", "xb0"] == lines.shown(await lines.send())
    assert [] == await lines.send()


async def test_all_accounts_together_have_no_more_than_the_lines_places(lines: Lines) -> None:
    for account in "tuvwxyz":
        await lines.create(account, 5)

    sent = lines.shown(await lines.send())

    assert ["ta0", "ua0", "va0", "wa0", "xa0"] == sent


async def test_accounts_take_turns(lines: Lines) -> None:
    for account in "xyz":
        await lines.create(account, 3)

    assert ["xa0", "ya0", "za0", "xa1", "ya1", "za1", "xa2", "ya2", "za2"] == await lines.work_off([])


async def test_a_small_job_is_done_beside_a_hundred_of_another_account(lines: Lines) -> None:
    for _ in range(100):
        await lines.create("x", 1)
    queue = await lines.send()
    await lines.create("y", 1)

    order = await lines.work_off(queue)

    # At most behind the two calls that were queued before it.
    assert order.index("ya0") <= IN_FLIGHT


async def test_a_small_job_is_done_beside_a_backfill_of_the_same_account(lines: Lines) -> None:
    await lines.create("x", 50)
    await lines.create("x", 2)

    order = await lines.work_off([])

    assert ["xa0", "xb0", "xa1", "xb1", "xa2", "xa3"] == order[:6]


async def test_what_was_sent_before_is_not_overtaken_by_who_comes_later(lines: Lines) -> None:
    await lines.create("x", 4)
    first = await lines.send()
    await lines.create("y", 4)

    assert (["xa0", "xa1"], ["ya0", "ya1"]) == (lines.shown(first), lines.shown(await lines.send()))


@pytest.mark.parametrize(("lane", "dataset"), [(Lane.INTERACTIVE, "consumption_load_curve"), (Lane.BULK, "contract")])
async def test_another_line_has_places_of_its_own(lane: Lane, dataset: str, lines: Lines) -> None:
    """Interactive calls do not compete with bulk calls; records have another quota than time series."""
    for account in "uvwxyz":
        await lines.create(account, 5)
    await lines.send()
    await lines.create("x", 1, lane, dataset)

    assert ["xb0"] == lines.shown(await lines.send())


async def test_a_line_whose_calls_find_no_slot_stands_still(lines: Lines, redis: Redis) -> None:
    for account in "uvwxyz":
        await lines.create(account, 5)
    standing = await lines.send()
    for ticket in standing:
        await lines.ledger.start_call(ticket, NOW, LEASE)
        await lines.ledger.park(ticket, later(600), counts_as_attempt=False, keeps_place=True)

    assert [] == await lines.send()
    assert [] == await lines.ledger.overdue_calls(later(599))
    again = [call.ticket for call in await lines.ledger.overdue_calls(later(600))]
    # First the existing entries, in their order; the others follow in theirs.
    assert standing == again
    await lines.ledger.settle(standing[0], OK, NOW)
    assert ["za0"] == lines.shown(await lines.send())
    assert DEPTH == await redis.zcard(LEASES_KEY)


async def test_a_call_that_is_tried_again_later_gives_its_place_to_another_and_comes_before_the_unsent(
    lines: Lines,
) -> None:
    await lines.create("x", 5)
    failed, other = await lines.send()
    await lines.ledger.start_call(failed, NOW, LEASE)
    await lines.ledger.park(failed, later(15), counts_as_attempt=True)
    assert ["xa2"] == lines.shown(await lines.send())

    # It becomes due while the account has no free slot: it waits for one.
    assert [] == await lines.ledger.overdue_calls(later(15))
    await lines.ledger.settle(other, OK, later(15))

    assert [failed] == await lines.send()


@pytest.mark.parametrize("erased", [False, True])
async def test_the_places_of_a_job_that_is_ended_are_free_at_once(erased: bool, lines: Lines, redis: Redis) -> None:
    ended = await lines.create("x", 5)
    await lines.send()
    await lines.create("x", 5)

    if erased:
        await lines.ledger.forget([ended.id])
    else:
        await lines.ledger.cancel(ended.id, NOW)

    assert ["xb0", "xb1"] == lines.shown(await lines.send())
    assert 2 == await redis.zcard(LEASES_KEY)


async def test_nothing_of_an_account_is_left_in_the_lines_when_its_jobs_are_over(lines: Lines, redis: Redis) -> None:
    for account, calls in [("x", 4), ("y", 9)]:
        await lines.create(account, calls)
    await lines.work_off([])

    keys: Any = await redis.keys()
    kinds = Counter(key.decode().split(":")[0] for key in keys)

    # The process that ends a job publishes its event; the sweeper does if that process fails to.
    assert {"job": 2, "calls": 2, "jobs": 2, "untold": 1} == kinds


async def test_who_dies_before_a_free_place_is_given_away_delays_the_line_until_the_next_sweep(lines: Lines) -> None:
    job = await lines.create("x", 5)
    for ticket in await lines.send():
        await lines.ledger.settle(ticket, OK, NOW)

    swept = [call.ticket for call in await lines.ledger.overdue_calls(later(2))]

    assert [CallTicket(job.id, 2), CallTicket(job.id, 3)] == swept


async def test_a_job_that_was_created_and_never_sent_is_found_by_a_sweep(lines: Lines) -> None:
    await lines.create("x", 1)

    assert ["xa0"] == lines.shown([call.ticket for call in await lines.ledger.overdue_calls(NOW)])


async def test_a_job_of_a_version_that_knew_no_lines_is_taken_over(lines: Lines, redis: Redis) -> None:
    """It had sent three calls, of which one is settled and one was running; it resumes within one lease."""
    job = await lines.create("x", 5)
    await redis.delete("line:bulk", "line:bulk:x")
    await redis.hdel(job_key(job.id), "line")
    await redis.hset(job_key(job.id), mapping={"calls_sent": 3, "calls_done": 1, "status": "running"})
    await redis.hset(f"calls:{job.id}", mapping={"0:outcome": OK, "1:until": later(5).timestamp(), "2:queued": 1})
    await redis.zadd(LEASES_KEY, {f"{job.id}/1": later(5).timestamp(), f"{job.id}/2": later(5).timestamp()})
    # Its message is still in the queue.
    assert await lines.ledger.start_call(CallTicket(job.id, 2), NOW, LEASE) is None

    queue = [call.ticket for call in await lines.ledger.overdue_calls(later(5))]
    done = lines.shown(queue)
    while queue:
        await lines.ledger.settle(queue.pop(0), OK, later(6))
        sent = await lines.send()
        done += lines.shown(sent)
        queue += sent

    assert ["xa1", "xa2", "xa3", "xa4"] == done
    ended = await lines.store.load_job(job.id)
    assert ended is not None
    assert "succeeded" == ended.status


async def test_a_place_that_a_worker_of_such_a_version_left_taken_is_freed_by_a_sweep(
    lines: Lines, redis: Redis
) -> None:
    job = await lines.create("x", 5)
    await lines.send()
    # It settles without notifying the line.
    await redis.hset(f"calls:{job.id}", "0:outcome", OK)
    await redis.zrem(LEASES_KEY, f"{job.id}/0")

    assert ["xa2"] == lines.shown([call.ticket for call in await lines.ledger.overdue_calls(later(2))])
