"""Dead-lettered calls on a real server: listed with their reason, bounded, and erased with their account."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.dead_letters import KEPT_CALLS, DeadLetterStore
from shared.jobs.ledger import OK, Ledger
from shared.jobs.models import CallTicket, Lane
from shared.jobs.store import JobStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DAYS = DayRange(date(2026, 1, 5), date(2026, 1, 12))
SERIES = Series("acct_1", "up_1", "consumption_load_curve")


@pytest.fixture
def dead(redis: Redis) -> DeadLetterStore:
    """The dead-letter store."""
    return DeadLetterStore(redis)


async def fail(redis: Redis, series: Series = SERIES, *, is_dead: bool = True, now: datetime = NOW) -> str:
    """A job whose call fails at its first attempt."""
    ledger = Ledger(redis, calls_in_flight=50, queue_depth=50, queued_lease_seconds=20, keep_seconds=60)
    store = JobStore(redis, retention=timedelta(days=7))
    job = await store.create_job(series, DAYS, Lane.BULK, [DAYS], {}, now)
    (call,) = await ledger.send_next(now)
    await ledger.start_call(call.ticket, now, 10)
    for _ in range(2):
        await ledger.settle(call.ticket, "consent_lost", now, is_dead=is_dead, upstream_code="ADAM-DC-0008")
    return job.id


async def jobs_of(dead: DeadLetterStore, later: timedelta = timedelta()) -> list[str]:
    return [call.job_id for call in await dead.list_calls(None, 5000, NOW + later)]


async def test_a_call_that_was_given_up_is_listed_once_with_its_reason(redis: Redis, dead: DeadLetterStore) -> None:
    job_id = await fail(redis)

    (call,) = await dead.list_calls(None, 10, NOW)

    assert (job_id, "acct_1", SERIES.dataset, DAYS) == (call.job_id, call.account_id, call.dataset, call.days)
    assert ("consent_lost", "ADAM-DC-0008", 1, NOW) == (call.code, call.upstream_code, call.attempts, call.at)


async def test_calls_that_succeeded_or_are_no_news_are_not_listed(redis: Redis, dead: DeadLetterStore) -> None:
    await fail(redis, is_dead=False)
    ledger = Ledger(redis, calls_in_flight=5, queue_depth=5, queued_lease_seconds=20, keep_seconds=60)
    store = JobStore(redis, retention=timedelta(days=7))
    job = await store.create_job(SERIES, DAYS, Lane.BULK, [DAYS], {}, NOW)
    await ledger.settle(CallTicket(job.id, 0), OK, NOW)

    assert [] == await jobs_of(dead)


async def test_they_are_listed_page_by_page_the_newest_first(redis: Redis, dead: DeadLetterStore) -> None:
    jobs = [await fail(redis) for _ in range(5)]

    pages, before = [], None
    while page := await dead.list_calls(before, 2, NOW):
        pages.append([call.job_id for call in page])
        before = page[-1].id

    assert [jobs[:2:-1], jobs[2:0:-1], jobs[:1]] == pages


async def test_the_newest_thousand_are_kept(redis: Redis, dead: DeadLetterStore) -> None:
    await fail(redis)
    ((_, fields),) = cast(list[tuple[bytes, dict[Any, Any]]], await redis.xrange("dead"))
    async with redis.pipeline() as pipeline:
        for _ in range(KEPT_CALLS - 1):
            pipeline.xadd("dead", fields)
        await pipeline.execute()
    newest = await fail(redis)

    listed = await jobs_of(dead)

    assert (KEPT_CALLS, newest) == (len(listed), listed[0])


async def test_they_are_forgotten_after_thirty_days(redis: Redis, dead: DeadLetterStore) -> None:
    await fail(redis)

    assert 1 == len(await jobs_of(dead, timedelta(days=29)))
    assert [] == await jobs_of(dead, timedelta(days=31))


async def test_the_next_one_that_is_given_up_takes_those_away_that_are_too_old(redis: Redis) -> None:
    await fail(redis)
    await fail(redis, now=NOW + timedelta(days=1))
    newest = await fail(redis, now=NOW + timedelta(days=31))

    kept = cast(list[tuple[bytes, dict[bytes, bytes]]], await redis.xrange("dead"))
    assert 2 == len(kept)
    assert newest.encode() == kept[-1][1][b"job_id"]


async def test_those_of_a_usage_point_or_of_an_account_can_be_erased(redis: Redis, dead: DeadLetterStore) -> None:
    for account, point in [("acct_1", "up_1"), ("acct_1", "up_2"), ("acct_2", "up_3")]:
        await fail(redis, Series(account, point, SERIES.dataset))

    await dead.forget("acct_1", ["up_2"])
    of_point = [call.account_id for call in await dead.list_calls(None, 10, NOW)]
    await dead.forget("acct_1", None)

    assert ["acct_2", "acct_1"] == of_point
    assert ["acct_2"] == [call.account_id for call in await dead.list_calls(None, 10, NOW)]
