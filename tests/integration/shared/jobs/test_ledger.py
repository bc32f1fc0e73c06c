"""The ledger of calls on a real server: in any order and with any repetition, each call is settled exactly once."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.ledger import LEASES_KEY, OK, Ledger, calls_key, job_key
from shared.jobs.models import CallTicket, DueCall, Job, JobStatus, Lane
from shared.jobs.store import JobStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LEASE, QUEUED_LEASE, KEEP = 10.0, 20.0, 604_800
IN_FLIGHT = 4
SERIES = Series("acct_1", "up_1", "consumption_load_curve")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def days_of_call(number: int) -> DayRange:
    start = date(2026, 1, 1) + timedelta(days=7 * number)
    return DayRange(start, start + timedelta(days=7))


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    """The ledger in it."""
    return Ledger(
        redis, calls_in_flight=IN_FLIGHT, queue_depth=32, queued_lease_seconds=QUEUED_LEASE, keep_seconds=KEEP
    )


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    """The jobs of the ledger's calls."""
    return JobStore(redis, retention=timedelta(seconds=KEEP))


async def create(jobs: JobStore, calls: int, lane: Lane = Lane.BULK) -> Job:
    planned = [days_of_call(number) for number in range(calls)]
    days = DayRange(planned[0].start, planned[-1].end)
    return await jobs.create_job(SERIES, days, lane, planned, {}, NOW)


def tickets(job: Job, *numbers: int) -> tuple[CallTicket, ...]:
    return tuple(CallTicket(job.id, number) for number in numbers)


async def status_of(jobs: JobStore, job: Job) -> Job:
    loaded = await jobs.load_job(job.id)
    assert loaded is not None
    return loaded


async def send(ledger: Ledger) -> tuple[CallTicket, ...]:
    return tuple(call.ticket for call in await ledger.send_next(NOW))


# Sending


async def test_a_job_gets_as_many_calls_as_may_be_in_flight_and_no_more(ledger: Ledger, jobs: JobStore) -> None:
    job = await create(jobs, 10)

    assert tickets(job, 0, 1, 2, 3) == await send(ledger)
    assert () == await send(ledger)


async def test_a_short_job_gets_all_its_calls(ledger: Ledger, jobs: JobStore) -> None:
    job = await create(jobs, 2)

    assert tickets(job, 0, 1) == await send(ledger)
    assert () == await send(ledger)


async def test_a_call_is_sent_with_its_lane_and_the_trace_of_its_job(ledger: Ledger, jobs: JobStore) -> None:
    trace = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01", "tracestate": "synthetic=é"}
    days = days_of_call(0)
    job = await jobs.create_job(SERIES, days, Lane.INTERACTIVE, [days], trace, NOW)

    assert [DueCall(CallTicket(job.id, 0), Lane.INTERACTIVE, trace)] == await ledger.send_next(NOW)


async def test_a_call_that_is_settled_makes_room_for_one(ledger: Ledger, jobs: JobStore) -> None:
    job = await create(jobs, 6)
    await send(ledger)

    given = []
    for ticket in tickets(job, 2, 0, 1):
        settlement = await ledger.settle(ticket, OK, NOW)
        assert (True, JobStatus.QUEUED) == (settlement.settled, settlement.status)
        given.append(await send(ledger))

    assert [tickets(job, 4), tickets(job, 5), ()] == given


async def test_fifty_processes_that_send_at_once_send_each_call_once(ledger: Ledger, jobs: JobStore) -> None:
    job = await create(jobs, 10)

    sent = await asyncio.gather(*(send(ledger) for _ in range(50)))

    assert list(tickets(job, 0, 1, 2, 3)) == [ticket for each in sent for ticket in each]


async def test_of_a_job_nobody_knows_nothing_is_sent_started_or_settled(ledger: Ledger, redis: Redis) -> None:
    ghost = CallTicket("job_unknown", 0)

    assert await ledger.start_call(ghost, NOW, LEASE) is None
    settlement = await ledger.settle(ghost, OK, NOW)

    assert (False, None) == (settlement.settled, settlement.status)
    assert not await ledger.claim(ghost, ["2026-01-01"], NOW)
    assert not await ledger.renew(ghost, NOW, LEASE)
    assert [] == await redis.keys()


# Starting


async def test_a_started_call_says_its_days_and_attempt_and_its_job_runs(ledger: Ledger, jobs: JobStore) -> None:
    job = await create(jobs, 3)
    await send(ledger)

    started = await ledger.start_call(CallTicket(job.id, 1), later(1), LEASE)

    assert started is not None
    assert (CallTicket(job.id, 1), days_of_call(1), 1) == (started.ticket, started.days, started.attempt)
    loaded = await status_of(jobs, job)
    assert (JobStatus.RUNNING, later(1)) == (loaded.status, loaded.started_at)


async def test_a_duplicate_is_refused_while_its_twin_lives_and_taken_from_then_on(
    ledger: Ledger, jobs: JobStore
) -> None:
    await create(jobs, 1)
    (ticket,) = await send(ledger)
    await ledger.start_call(ticket, NOW, LEASE)

    during = [await ledger.start_call(ticket, later(seconds), LEASE) for seconds in (0, 5, LEASE - 0.001)]
    after = await ledger.start_call(ticket, later(LEASE), LEASE)

    assert [None, None, None] == during
    assert after is not None
    assert 2 == after.attempt


async def test_of_fifty_deliveries_at_once_one_starts_the_call(ledger: Ledger, jobs: JobStore) -> None:
    await create(jobs, 1)
    (ticket,) = await send(ledger)

    started = await asyncio.gather(*(ledger.start_call(ticket, NOW, LEASE) for _ in range(50)))

    assert [1] == [each.attempt for each in started if each is not None]


async def test_a_sign_of_life_keeps_the_call(ledger: Ledger, jobs: JobStore) -> None:
    await create(jobs, 1)
    (ticket,) = await send(ledger)
    await ledger.start_call(ticket, NOW, LEASE)

    for seconds in (0, 3, 6, 9):
        assert await ledger.renew(ticket, later(seconds), LEASE)

    assert await ledger.start_call(ticket, later(18), LEASE) is None
    assert [] == await ledger.overdue_calls(later(18))
    assert [ticket] == [call.ticket for call in await ledger.overdue_calls(later(19))]


async def test_two_signs_of_life_at_the_same_moment_are_both_true(ledger: Ledger, jobs: JobStore) -> None:
    await create(jobs, 1)
    (ticket,) = await send(ledger)
    await ledger.start_call(ticket, NOW, LEASE)

    assert [True, True] == [await ledger.renew(ticket, NOW, LEASE), await ledger.renew(ticket, NOW, LEASE)]


async def test_a_settled_call_has_nothing_left_to_do(ledger: Ledger, jobs: JobStore, redis: Redis) -> None:
    job = await create(jobs, 2)
    ticket, _ = await send(ledger)
    await ledger.start_call(ticket, NOW, LEASE)
    await ledger.settle(ticket, OK, NOW)

    assert not await ledger.renew(ticket, later(1), LEASE)
    await ledger.park(ticket, later(2), counts_as_attempt=True)
    assert await ledger.start_call(ticket, later(60), LEASE) is None
    assert [f"{job.id}/1".encode()] == await redis.zrange(LEASES_KEY, 0, -1)


@pytest.mark.parametrize("status", [status for status in JobStatus if status.ended])
async def test_a_call_of_a_job_that_is_over_is_not_begun_and_no_other_one_is_sent(
    status: JobStatus, ledger: Ledger, jobs: JobStore, redis: Redis
) -> None:
    job = await create(jobs, 6)
    waiting, running, *_ = await send(ledger)
    await ledger.start_call(running, NOW, LEASE)
    await redis.hset(job_key(job.id), "status", status)

    assert await ledger.start_call(waiting, NOW, LEASE) is None
    settlement = await ledger.settle(running, OK, NOW)

    assert (False, None) == (settlement.settled, settlement.status)
    assert () == await send(ledger)
    assert [] == await ledger.overdue_calls(later(3600))
    assert 0 == await redis.zcard(LEASES_KEY)


# Settling


async def test_of_fifty_settlements_at_once_one_counts(ledger: Ledger, jobs: JobStore) -> None:
    job = await create(jobs, 9)
    ticket, *_ = await send(ledger)

    settlements = await asyncio.gather(
        *(ledger.settle(ticket, OK if n % 2 else "provider_timeout", NOW) for n in range(50))
    )

    assert 1 == len([each for each in settlements if each.settled])
    assert tickets(job, 4) == await send(ledger)
    loaded = await status_of(jobs, job)
    assert 1 == loaded.calls_done
    assert (loaded.calls_failed, sum(loaded.errors.values())) in [(0, 0), (1, 1)]


async def test_of_fifty_calls_settled_at_once_each_counts_and_the_job_ends_once(ledger: Ledger, jobs: JobStore) -> None:
    job = await create(jobs, 50)

    settlements = await asyncio.gather(*(ledger.settle(CallTicket(job.id, n), OK, NOW) for n in range(50)))

    assert Counter({JobStatus.QUEUED: 49, JobStatus.SUCCEEDED: 1}) == Counter(each.status for each in settlements)
    assert 50 == (await status_of(jobs, job)).calls_done


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([OK, OK, OK], JobStatus.SUCCEEDED),
        ([OK, "consent_lost", OK], JobStatus.PARTIAL),
        (["provider_timeout", "consent_lost", OK], JobStatus.PARTIAL),
        (["consent_lost", "consent_lost", "provider_timeout"], JobStatus.FAILED),
    ],
)
async def test_a_job_ends_as_its_calls_did(
    outcomes: list[str], status: JobStatus, ledger: Ledger, jobs: JobStore
) -> None:
    job = await create(jobs, 3)

    settlements = [await ledger.settle(CallTicket(job.id, n), outcome, later(n)) for n, outcome in enumerate(outcomes)]

    loaded = await status_of(jobs, job)
    errors = Counter(outcome for outcome in outcomes if outcome != OK)
    assert [JobStatus.QUEUED, JobStatus.QUEUED, status] == [each.status for each in settlements]
    assert (status, later(2), 3, errors.total(), errors) == (
        loaded.status,
        loaded.finished_at,
        loaded.calls_done,
        loaded.calls_failed,
        loaded.errors,
    )


async def test_a_job_that_ended_leaves_no_lease_and_is_kept_for_a_while(
    ledger: Ledger, jobs: JobStore, redis: Redis
) -> None:
    job = await create(jobs, 3)
    await send(ledger)

    for ticket in tickets(job, 0, 1, 2):
        await ledger.settle(ticket, OK, NOW)

    assert 0 == await redis.zcard(LEASES_KEY)
    assert [KEEP, KEEP] == [await redis.ttl(key) for key in (job_key(job.id), calls_key(job.id))]
