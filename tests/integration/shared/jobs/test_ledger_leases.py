"""Leases on a real server: a lost or deferred call is enqueued again once, when due, and never while it is running."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.ledger import LEASES_KEY, OK, Ledger
from shared.jobs.models import CallTicket, Lane
from shared.jobs.store import JobStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LEASE, QUEUED_LEASE = 10.0, 20.0
SERIES = Series("acct_1", "up_1", "consumption_load_curve")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    """The ledger in it."""
    return Ledger(redis, calls_in_flight=10, queue_depth=32, queued_lease_seconds=QUEUED_LEASE, keep_seconds=60)


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    """The jobs of the ledger's calls."""
    return JobStore(redis, retention=timedelta(days=7))


async def sent(ledger: Ledger, jobs: JobStore, calls: int, lane: Lane = Lane.BULK) -> tuple[CallTicket, ...]:
    """The calls of a new job, enqueued."""
    start = date(2026, 1, 1)
    planned = [DayRange(start + timedelta(days=n), start + timedelta(days=n + 1)) for n in range(calls)]
    days = DayRange(start, start + timedelta(days=calls))
    await jobs.create_job(SERIES, days, lane, planned, {}, NOW)
    return tuple(call.ticket for call in await ledger.send_next(NOW))


async def overdue(ledger: Ledger, seconds: float, limit: int = 200) -> list[CallTicket]:
    """The calls that a sweep ``seconds`` later enqueues again."""
    return [call.ticket for call in await ledger.overdue_calls(later(seconds), limit)]


async def test_a_call_that_the_queue_lost_is_enqueued_again_when_its_lease_ends(ledger: Ledger, jobs: JobStore) -> None:
    (ticket,) = await sent(ledger, jobs, 1)

    before = await overdue(ledger, QUEUED_LEASE - 0.001)
    after = await overdue(ledger, QUEUED_LEASE)

    assert ([], [ticket]) == (before, after)


async def test_each_call_is_given_once_a_lease(ledger: Ledger, jobs: JobStore) -> None:
    tickets = await sent(ledger, jobs, 5)

    sweeps = [await overdue(ledger, seconds) for seconds in (20, 20, 30, 39.9, 40, 41)]

    assert [5, 0, 0, 0, 5, 0] == [len(sweep) for sweep in sweeps]
    assert set(tickets) == set(sweeps[0]) == set(sweeps[4])


async def test_of_twenty_sweepers_at_once_one_gets_each_call(ledger: Ledger, jobs: JobStore) -> None:
    tickets = await sent(ledger, jobs, 10)

    sweeps = await asyncio.gather(*(overdue(ledger, 20, limit=3) for _ in range(20)))

    given = [ticket for sweep in sweeps for ticket in sweep]
    assert sorted(tickets, key=str) == sorted(given, key=str)


async def test_what_is_longest_overdue_comes_first_and_no_more_than_asked(ledger: Ledger, jobs: JobStore) -> None:
    tickets = await sent(ledger, jobs, 3)
    for ticket, seconds in zip(tickets, (9, 7, 8), strict=True):
        await ledger.start_call(ticket, later(seconds), LEASE)

    assert [tickets[1], tickets[2]] == await overdue(ledger, 60, limit=2)
    assert [tickets[0]] == await overdue(ledger, 60, limit=2)


async def test_a_call_whose_worker_died_comes_back_after_its_lease_and_counts_an_attempt(
    ledger: Ledger, jobs: JobStore
) -> None:
    (ticket,) = await sent(ledger, jobs, 1)
    await ledger.start_call(ticket, NOW, LEASE)

    alive = await overdue(ledger, LEASE - 0.001)
    dead = await overdue(ledger, LEASE)
    started = await ledger.start_call(ticket, later(LEASE), LEASE)

    assert ([], [ticket]) == (alive, dead)
    assert started is not None
    assert 2 == started.attempt


# Deferred calls


@pytest.mark.parametrize(("counts", "next_attempt"), [(True, 2), (False, 1)])
async def test_a_call_laid_aside_comes_back_at_its_moment(
    counts: bool, next_attempt: int, ledger: Ledger, jobs: JobStore
) -> None:
    (ticket,) = await sent(ledger, jobs, 1)
    await ledger.start_call(ticket, NOW, LEASE)
    await ledger.park(ticket, later(3600), counts_as_attempt=counts)

    before = await overdue(ledger, 3599.9)
    after = await overdue(ledger, 3600)
    started = await ledger.start_call(ticket, later(3601), LEASE)

    assert ([], [ticket]) == (before, after)
    assert started is not None
    assert next_attempt == started.attempt


async def test_a_call_laid_aside_for_less_than_its_lease_can_be_begun_at_its_moment(
    ledger: Ledger, jobs: JobStore
) -> None:
    """The worker that deferred it no longer works on it, however long its lease was."""
    (ticket,) = await sent(ledger, jobs, 1)
    await ledger.start_call(ticket, NOW, LEASE)

    await ledger.park(ticket, later(2), counts_as_attempt=True)

    assert [ticket] == await overdue(ledger, 2)
    assert await ledger.start_call(ticket, later(2), LEASE) is not None


async def test_a_call_laid_aside_into_the_past_comes_back_at_once(ledger: Ledger, jobs: JobStore) -> None:
    (ticket,) = await sent(ledger, jobs, 1)
    await ledger.start_call(ticket, NOW, LEASE)

    await ledger.park(ticket, later(-5), counts_as_attempt=False)

    assert [ticket] == await overdue(ledger, 0)


@pytest.mark.parametrize(("keeps_place", "others"), [(True, 0), (False, 2)])
async def test_a_call_laid_aside_keeps_its_place_when_nobody_could_do_better_with_it(
    keeps_place: bool, others: int, ledger: Ledger, jobs: JobStore
) -> None:
    tickets = await sent(ledger, jobs, 12)
    for ticket in tickets:
        await ledger.start_call(ticket, NOW, LEASE)
        await ledger.park(ticket, later(3600), counts_as_attempt=True, keeps_place=keeps_place)

    assert others == len(await ledger.send_next(NOW))


async def test_calls_that_kept_their_places_come_back_in_their_order(ledger: Ledger, jobs: JobStore) -> None:
    tickets = await sent(ledger, jobs, 4)
    for ticket, seconds in zip(tickets, (8, 6, 9, 7), strict=True):
        await ledger.start_call(ticket, NOW, LEASE)
        await ledger.park(ticket, later(seconds), counts_as_attempt=False, keeps_place=True)

    assert list(tickets) == await overdue(ledger, 10)


async def test_a_message_for_a_call_that_is_laid_aside_has_nothing_to_say(ledger: Ledger, jobs: JobStore) -> None:
    kept, given_back = await sent(ledger, jobs, 2)
    for ticket in (kept, given_back):
        await ledger.start_call(ticket, NOW, LEASE)
        await ledger.park(ticket, later(60), counts_as_attempt=True, keeps_place=ticket == kept)

    assert [None, None] == [await ledger.start_call(ticket, later(1), LEASE) for ticket in (kept, given_back)]


async def test_a_call_that_is_renewed_after_it_was_settled_elsewhere_stays_settled(
    ledger: Ledger, jobs: JobStore, redis: Redis
) -> None:
    """A worker that was considered dead resumes: another one has finished its call meanwhile."""
    (ticket,) = await sent(ledger, jobs, 1)
    await ledger.start_call(ticket, NOW, LEASE)
    await overdue(ledger, LEASE)
    await ledger.start_call(ticket, later(LEASE), LEASE)
    await ledger.settle(ticket, OK, later(12))

    assert not await ledger.renew(ticket, later(13), LEASE)
    late = await ledger.settle(ticket, "provider_timeout", later(14))

    assert (False, None) == (late.settled, late.status)
    assert 0 == await redis.zcard(LEASES_KEY)
    job = await jobs.load_job(ticket.job_id)
    assert job is not None
    assert ({}, 1, 0) == (job.errors, job.calls_done, job.calls_failed)


# A long queue


@pytest.mark.parametrize("lane", Lane)
async def test_a_call_that_waits_in_a_long_queue_is_not_enqueued_a_second_time(
    lane: Lane, ledger: Ledger, jobs: JobStore, redis: Redis
) -> None:
    (ticket,) = await sent(ledger, jobs, 1, lane)
    await redis.rpush(lane, "a message")

    long = [await overdue(ledger, seconds) for seconds in (20, 40, 60)]
    await redis.lpop(lane)
    empty = await overdue(ledger, 80)

    assert ([[], [], []], [ticket]) == (long, empty)


async def test_only_the_queue_of_its_own_lane_makes_a_call_wait(ledger: Ledger, jobs: JobStore, redis: Redis) -> None:
    (ticket,) = await sent(ledger, jobs, 1, Lane.INTERACTIVE)
    await redis.rpush(Lane.BULK, "a message")

    assert [ticket] == await overdue(ledger, 20)


@pytest.mark.parametrize("ending", ["died", "laid aside"])
async def test_a_call_that_was_begun_is_enqueued_again_however_long_the_queue_is(
    ending: str, ledger: Ledger, jobs: JobStore, redis: Redis
) -> None:
    (ticket,) = await sent(ledger, jobs, 1)
    await redis.rpush(Lane.BULK, "a message")
    await ledger.start_call(ticket, NOW, LEASE)
    if ending == "laid aside":
        await ledger.park(ticket, later(LEASE), counts_as_attempt=True)

    sweeps = [await overdue(ledger, seconds) for seconds in (10, 30, 50)]

    # Once: then it waits in the queue as before.
    assert [[ticket], [], []] == sweeps


async def test_a_message_that_was_overtaken_is_lost(ledger: Ledger, jobs: JobStore, redis: Redis) -> None:
    """The loss is detected although the queue is never empty."""
    lost, overtaking, waiting = await sent(ledger, jobs, 3)
    await redis.rpush(Lane.BULK, "the message of the third")
    await ledger.start_call(overtaking, NOW, QUEUED_LEASE * 9)

    sweeps = [await overdue(ledger, seconds) for seconds in (20, 40, 60)]

    # Once: then it is the last in the queue, and nothing has overtaken it.
    assert [[lost], [], []] == sweeps
    assert await ledger.start_call(waiting, later(60), LEASE) is not None


async def test_the_lease_of_a_job_that_is_lost_is_swept_away(ledger: Ledger, jobs: JobStore, redis: Redis) -> None:
    (ticket,) = await sent(ledger, jobs, 1)
    await redis.delete(f"job:{ticket.job_id}", f"calls:{ticket.job_id}")

    assert [] == await overdue(ledger, 20)
    assert [b"jobs:acct_1"] == await redis.keys()
