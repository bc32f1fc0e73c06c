"""Shared fetches on a real server: of two calls for the same days one fetches, the other waits."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.ledger import LEASES_KEY, OK, Ledger
from shared.jobs.models import CallTicket, Lane
from shared.jobs.store import JobStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LEASE = 10.0
SERIES = Series("acct_1", "up_1", "consumption_load_curve")
MONDAY, TUESDAY, WEDNESDAY = "2026-01-05", "2026-01-06", "2026-01-07"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Askers:
    """Jobs of one call each, which starts immediately."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.ledger = Ledger(redis, calls_in_flight=10, queue_depth=32, queued_lease_seconds=20, keep_seconds=60)
        self.store = JobStore(redis, retention=timedelta(days=7))

    async def ask(self, lane: Lane = Lane.INTERACTIVE, series: Series = SERIES) -> CallTicket:
        """A running call that has claimed no window yet."""
        days = DayRange(date(2026, 1, 5), date(2026, 1, 8))
        await self.store.create_job(series, days, lane, [days], {}, NOW)
        (call,) = await self.ledger.send_next(NOW)
        assert await self.ledger.start_call(call.ticket, NOW, LEASE) is not None
        return call.ticket

    async def sent(self) -> list[CallTicket]:
        return [call.ticket for call in await self.ledger.send_next(NOW)]

    async def swept(self, seconds: float) -> list[CallTicket]:
        return [call.ticket for call in await self.ledger.overdue_calls(later(seconds))]

    async def attempts(self, ticket: CallTicket) -> int:
        return int(await self.redis.hget(f"calls:{ticket.job_id}", f"{ticket.number}:attempts") or 0)


@pytest.fixture
def askers(redis: Redis) -> Askers:
    """With that server."""
    return Askers(redis)


async def test_who_comes_second_waits_until_the_first_is_settled(askers: Askers) -> None:
    first, second = await askers.ask(), await askers.ask()

    assert await askers.ledger.claim(first, [MONDAY, TUESDAY], NOW)
    assert not await askers.ledger.claim(second, [TUESDAY, WEDNESDAY], NOW)
    before = await askers.sent()
    await askers.ledger.settle(first, OK, NOW)

    assert ([], [second]) == (before, await askers.sent())
    started = await askers.ledger.start_call(second, NOW, LEASE)
    # Waiting did not count as an attempt.
    assert started is not None
    assert 1 == started.attempt
    assert await askers.ledger.claim(second, [TUESDAY, WEDNESDAY], NOW)


async def test_who_waits_holds_nothing(askers: Askers) -> None:
    first, second, third = [await askers.ask() for _ in range(3)]
    await askers.ledger.claim(first, [MONDAY], NOW)
    await askers.ledger.claim(second, [MONDAY, TUESDAY], NOW)

    assert await askers.ledger.claim(third, [TUESDAY], NOW)


async def test_all_who_wait_have_a_turn_when_the_first_is_settled(askers: Askers) -> None:
    first, *others = [await askers.ask() for _ in range(10)]
    await askers.ledger.claim(first, [MONDAY], NOW)
    for other in others:
        assert not await askers.ledger.claim(other, [MONDAY], NOW)

    await askers.ledger.settle(first, "provider_timeout", NOW)

    assert set(others) == set(await askers.sent())


async def test_other_days_and_other_series_are_nobodys_concern(askers: Askers) -> None:
    others = [Series("acct_2", "up_1", SERIES.dataset), Series("acct_1", "up_2", SERIES.dataset)]
    others.append(Series("acct_1", "up_1", "daily_consumption"))
    tickets = [await askers.ask(series=series) for series in (SERIES, SERIES, *others)]

    claimed = [
        await askers.ledger.claim(ticket, [day], NOW)
        for ticket, day in zip(tickets, (MONDAY, TUESDAY, MONDAY, MONDAY, MONDAY), strict=True)
    ]

    assert [True] * 5 == claimed


async def test_a_call_that_is_tried_again_later_keeps_what_it_has_claimed(askers: Askers) -> None:
    """Ten calls for the same days count as one to a failing provider."""
    first, second = await askers.ask(), await askers.ask()
    await askers.ledger.claim(first, [MONDAY], NOW)
    await askers.ledger.park(first, later(10), counts_as_attempt=True)

    assert not await askers.ledger.claim(second, [MONDAY], NOW)
    assert [first] == await askers.swept(10)
    assert await askers.ledger.start_call(first, later(10), LEASE) is not None
    assert await askers.ledger.claim(first, [MONDAY], later(10))
    assert [] == await askers.sent()


async def test_what_a_call_needs_no_more_is_free_for_others(askers: Askers) -> None:
    first, second = await askers.ask(), await askers.ask()
    await askers.ledger.claim(first, [MONDAY, TUESDAY], NOW)

    await askers.ledger.claim(first, [TUESDAY], NOW)

    assert await askers.ledger.claim(second, [MONDAY], NOW)


@pytest.mark.parametrize("erased", [False, True])
async def test_a_job_that_is_ended_lets_go_of_everything(erased: bool, askers: Askers, redis: Redis) -> None:
    first, second = await askers.ask(), await askers.ask()
    await askers.ledger.claim(first, [MONDAY], NOW)
    await askers.ledger.claim(second, [MONDAY], NOW)

    if erased:
        await askers.ledger.forget([first.job_id])
    else:
        await askers.ledger.cancel(first.job_id, NOW)

    assert [second] == await askers.sent()
    keys: Any = await redis.keys()
    assert [] == [key for key in keys if key.startswith((b"claims:", b"waiters:"))]


async def test_a_job_that_is_ended_while_it_waits_does_not_come_back(askers: Askers, redis: Redis) -> None:
    first, second = await askers.ask(), await askers.ask()
    await askers.ledger.claim(first, [MONDAY], NOW)
    await askers.ledger.claim(second, [MONDAY], NOW)
    await askers.ledger.forget([second.job_id])

    await askers.ledger.settle(first, OK, NOW)

    assert [] == await askers.sent()
    assert [] == await askers.swept(3600)
    assert 0 == await redis.zcard(LEASES_KEY)


async def test_the_claims_of_a_worker_that_died_are_those_of_whoever_does_its_call(askers: Askers) -> None:
    first, second = await askers.ask(), await askers.ask()
    await askers.ledger.claim(first, [MONDAY], NOW)
    await askers.ledger.claim(second, [MONDAY], NOW)

    assert [first] == await askers.swept(LEASE)
    assert await askers.ledger.start_call(first, later(LEASE), LEASE) is not None
    assert await askers.ledger.claim(first, [MONDAY], later(LEASE))
    await askers.ledger.settle(first, OK, later(LEASE))

    assert [second] == await askers.sent()


async def test_who_waits_too_long_looks_again(askers: Askers) -> None:
    """In case the call it waits for never returns."""
    first, second = await askers.ask(), await askers.ask()
    await askers.ledger.claim(first, [MONDAY], NOW)
    await askers.ledger.claim(second, [MONDAY], NOW)
    await askers.redis.delete(f"job:{first.job_id}", f"calls:{first.job_id}")

    assert [second] == await askers.swept(60)
    assert await askers.ledger.start_call(second, later(60), LEASE) is not None
    assert await askers.ledger.claim(second, [MONDAY], later(60))


# A person and the nightly refresh


async def test_a_person_does_not_wait_for_a_bulk_call_that_nobody_works_on(askers: Askers) -> None:
    bulk, person = await askers.ask(Lane.BULK), await askers.ask()
    await askers.ledger.claim(bulk, [MONDAY], NOW)
    await askers.ledger.park(bulk, later(3600), counts_as_attempt=False, keeps_place=True)

    assert await askers.ledger.claim(person, [MONDAY], NOW)


async def test_a_person_waits_a_moment_for_a_bulk_call_that_is_at_work(askers: Askers) -> None:
    bulk, person = await askers.ask(Lane.BULK), await askers.ask()
    await askers.ledger.claim(bulk, [MONDAY], NOW)

    assert not await askers.ledger.claim(person, [MONDAY], NOW)
    assert [person] == await askers.swept(2)
    assert await askers.ledger.start_call(person, later(2), LEASE) is not None
    assert await askers.ledger.claim(person, [MONDAY], later(2))


async def test_the_refresh_waits_for_a_person(askers: Askers) -> None:
    person, bulk = await askers.ask(), await askers.ask(Lane.BULK)
    await askers.ledger.claim(person, [MONDAY], NOW)

    assert not await askers.ledger.claim(bulk, [MONDAY], NOW)
    await askers.ledger.settle(person, OK, NOW)

    assert [bulk] == await askers.sent()
