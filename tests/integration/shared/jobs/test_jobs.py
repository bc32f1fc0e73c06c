"""Jobs on a real server: requests are kept for the documented retention."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.ledger import OK, Ledger, calls_key, job_key
from shared.jobs.models import CallTicket, Job, JobStatus, Lane
from shared.jobs.store import JobStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, 15, 123457, tzinfo=UTC)
RETENTION = timedelta(days=7)
SERIES = Series("acct_1", "up_1", "consumption_load_curve")
DAYS = DayRange(date(2026, 11, 1), date(2026, 11, 15))
CALLS = [DayRange(date(2026, 11, 1), date(2026, 11, 8)), DayRange(date(2026, 11, 8), date(2026, 11, 15))]
TRACE = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01", "tracestate": "synthetic=é"}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty server, as processes open it."""
    client = Redis.from_url(redis_url, socket_timeout=60)
    yield client
    await client.aclose()


@pytest.fixture
def store(redis: Redis) -> JobStore:
    """The jobs in it."""
    return JobStore(redis, retention=RETENTION)


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    """The ledger on the same server."""
    keep_seconds = int(RETENTION.total_seconds())
    return Ledger(redis, calls_in_flight=4, queue_depth=32, queued_lease_seconds=20, keep_seconds=keep_seconds)


async def create(store: JobStore, calls: list[DayRange], now: datetime = NOW) -> Job:
    return await store.create_job(SERIES, DAYS, Lane.BULK, calls, TRACE, now)


async def test_a_job_comes_back_as_it_was_created(store: JobStore) -> None:
    job = await create(store, CALLS)

    assert Job(
        id=job.id,
        account_id="acct_1",
        usage_point_id="up_1",
        dataset="consumption_load_curve",
        start=DAYS.start,
        end=DAYS.end,
        lane=Lane.BULK,
        status=JobStatus.QUEUED,
        created_at=NOW,
        calls_total=2,
        trace_context=TRACE,
    ) == await store.load_job(job.id)
    assert job == await store.load_job(job.id)


async def test_a_job_without_calls_has_succeeded_at_once(store: JobStore, redis: Redis) -> None:
    job = await create(store, [])

    loaded = await store.load_job(job.id)

    assert (JobStatus.SUCCEEDED, NOW, 0) == (job.status, job.finished_at, job.calls_total)
    assert job == loaded
    assert int(RETENTION.total_seconds()) == await redis.ttl(job_key(job.id))
    assert not await redis.exists(calls_key(job.id))


async def test_a_job_tells_how_its_calls_went(store: JobStore, ledger: Ledger) -> None:
    job = await create(store, CALLS)
    started, ended = NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)
    await ledger.send_next(NOW)
    await ledger.start_call(CallTicket(job.id, 0), started, 10)
    await ledger.settle(CallTicket(job.id, 0), OK, ended)
    running = await store.load_job(job.id)

    await ledger.settle(CallTicket(job.id, 1), "consent_lost", ended)
    over = await store.load_job(job.id)

    assert running is not None
    assert over is not None
    assert (JobStatus.RUNNING, started, None, 1, 0) == (
        running.status,
        running.started_at,
        running.finished_at,
        running.calls_done,
        running.calls_failed,
    )
    assert (JobStatus.PARTIAL, started, ended, 2, 1, {"consent_lost": 1}) == (
        over.status,
        over.started_at,
        over.finished_at,
        over.calls_done,
        over.calls_failed,
        over.errors,
    )


async def test_an_ended_job_is_forgotten_after_its_retention(store: JobStore, ledger: Ledger, redis: Redis) -> None:
    job = await create(store, CALLS[:1])
    assert -1 == await redis.ttl(job_key(job.id))

    await ledger.settle(CallTicket(job.id, 0), OK, NOW)

    kept_seconds = int(RETENTION.total_seconds())
    assert [kept_seconds] * 2 == [await redis.ttl(key) for key in (job_key(job.id), calls_key(job.id))]
    # The server's clock can't be moved: its expiry is triggered directly.
    for key in (job_key(job.id), calls_key(job.id)):
        await redis.pexpire(key, 0)
    assert await store.load_job(job.id) is None
    # Its list entry is removed with the account's next job; its end was not published here.
    assert {b"jobs:acct_1", b"untold"} == set(await redis.keys())


async def test_an_unknown_job_is_none(store: JobStore) -> None:
    assert await store.load_job("job_unknown") is None


async def test_the_list_of_an_accounts_jobs_forgets_those_that_are_long_over(store: JobStore, redis: Redis) -> None:
    long_ago = NOW - RETENTION - timedelta(days=7, seconds=1)
    gone = await create(store, [], long_ago)
    waiting = await create(store, CALLS, long_ago)
    # As its retention does.
    await redis.delete(f"job:{gone.id}")
    recent = await create(store, [], NOW - RETENTION - timedelta(days=6))

    newest = await create(store, [], NOW)

    assert [waiting.id, recent.id, newest.id] == await store.list_job_ids("acct_1")


async def test_waiting_calls_are_those_that_are_enqueued_running_or_laid_aside(store: JobStore, ledger: Ledger) -> None:
    job = await create(store, [*CALLS, DayRange(date(2026, 11, 15), date(2026, 11, 20))])
    before = await store.waiting_calls()
    await ledger.send_next(NOW)
    await ledger.start_call(CallTicket(job.id, 0), NOW, 10)
    await ledger.park(CallTicket(job.id, 1), NOW + timedelta(hours=1), counts_as_attempt=True)
    during = await store.waiting_calls()

    await ledger.settle(CallTicket(job.id, 0), OK, NOW)

    assert (0, 3, 2) == (before, during, await store.waiting_calls())


# Alone


async def test_of_two_who_want_to_be_alone_one_is_until_it_is_done(store: JobStore) -> None:
    refresh, another = (partial(store.alone, name, 60) for name in ("refresh", "another"))

    async with refresh() as first, refresh() as second, another() as other:
        assert (True, False, True) == (first, second, other)

    async with store.alone("refresh", 60) as again:
        assert again


async def test_who_came_second_does_not_end_the_firsts_turn(store: JobStore) -> None:
    async with store.alone("refresh", 60):
        async with store.alone("refresh", 60) as second:
            assert not second
        async with store.alone("refresh", 60) as third:
            assert not third


async def test_a_turn_that_took_too_long_is_not_given_back_for_another(store: JobStore, redis: Redis) -> None:
    async with store.alone("refresh", 60):
        await redis.pexpire("alone:refresh", 0)
        async with store.alone("refresh", 60) as successor:
            assert successor
            async with store.alone("refresh", 60) as third:
                assert not third


async def test_a_turn_ends_with_an_exception_too(store: JobStore) -> None:
    async def fail() -> None:
        async with store.alone("refresh", 60):
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with store.alone("refresh", 60) as again:
        assert again
