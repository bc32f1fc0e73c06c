"""The pacer over a real store: what its sorted set holds is what was allowed, whoever asked, from wherever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.errors import NoSlotYet
from shared.models import Lane
from shared.slots import SlotBoard
from workers.pacer import Pacer, Quota

pytestmark = pytest.mark.anyio

API = "measures"
SLOTS = f"slots:enedis:{API}"
JITTER = 0.02
Pace = Callable[[Quota], list[Pacer]]


@pytest.fixture
async def pacers(redis_url: str) -> AsyncIterator[Pace]:
    """The pacers of four workers, each with a connection of its own."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(AsyncRedis.from_url(redis_url)) for _ in range(4)]
        yield lambda quota: [Pacer(client, "enedis", quota) for client in clients]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def granted(redis: Redis, key: str = SLOTS) -> list[float]:
    """The moments of the slots, in order."""
    slots: Any = redis.zrange(key, 0, -1, withscores=True)
    return [moment for _, moment in slots]


def now_of(redis: Redis) -> float:
    """The time of the store, which is that of the pacer."""
    seconds, microseconds = redis.time()
    return float(seconds) + float(microseconds) / 1_000_000


def earlier_slots(redis: Redis, count: int, seconds_ago: float, key: str = SLOTS) -> float:
    """As if so many slots had been given then, a tenth of a second apart; gives the moment of the first."""
    first = now_of(redis) - seconds_ago
    redis.zadd(key, {f"earlier-{number}": first + number / 10 for number in range(count)})
    return first


def most_within(moments: list[float], seconds: float) -> int:
    """The most moments that lie in any half-open window of that length."""
    return max(sum(1 for each in moments if start <= each < start + seconds) for start in moments)


async def refusal_of(waiting: Awaitable[None]) -> datetime:
    """When it says that there may be a slot."""
    with pytest.raises(NoSlotYet) as refused:
        await waiting
    assert refused.value.retry_at is not None
    return refused.value.retry_at


def seconds_until(moment: datetime | None) -> float:
    """How long it is until then."""
    assert moment is not None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


async def take_all(pacer: Pacer, lane: Lane) -> int:
    """Take slots as a worker does, until the hour is used up; how many."""
    taken = 0
    while True:
        try:
            await pacer.wait(API, lane)
        except NoSlotYet as refused:
            pause = seconds_until(refused.retry_at)
            if pause > 60:
                return taken
            await asyncio.sleep(pause)
        else:
            taken += 1


async def test_many_workers_at_once_never_exceed_a_window(pacers: Pace, redis: Redis) -> None:
    workers = pacers(Quota(5, 12, 12))

    taken = await asyncio.gather(*(take_all(pacer, lane) for pacer in workers for lane in Lane))

    moments = granted(redis)
    assert 12 == sum(taken) == len(moments)
    assert 5 == most_within(moments, 1.0)


async def test_the_sixth_slot_of_a_second_comes_a_second_after_the_first(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))

    for _ in range(6):
        await pacer.wait(API, Lane.INTERACTIVE)

    moments = granted(redis)
    assert moments[4] - moments[0] < 1 + JITTER <= moments[5] - moments[0]


async def test_a_slot_that_is_not_near_is_not_given_and_costs_nothing(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 12, 12))
    first = earlier_slots(redis, 12, seconds_ago=1800)

    refusals = [await refusal_of(pacer.wait(API, lane)) for lane in Lane]

    # When the oldest is an hour old.
    assert [pytest.approx(first + 3600 + JITTER, abs=1e-3)] * 2 == [each.timestamp() for each in refusals]
    assert 12 == len(granted(redis))


async def test_a_full_hour_gives_a_slot_as_soon_as_one_is_free(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 12, 12))
    first = earlier_slots(redis, 12, seconds_ago=3599.5)

    await pacer.wait(API, Lane.INTERACTIVE)

    assert first + 3600 + JITTER <= granted(redis)[-1] <= now_of(redis)


async def test_people_who_wait_pass_before_bulk(pacers: Pace, redis: Redis) -> None:
    person, *others = pacers(Quota(1, 1000, 1000))
    earlier_slots(redis, 1, seconds_ago=0.4)
    bulk = [asyncio.create_task(pacer.wait(API, Lane.BULK)) for pacer in others]

    await person.wait(API, Lane.INTERACTIVE)

    assert [] == granted(redis, f"{SLOTS}:bulk")
    for waiting in bulk:
        waiting.cancel()
    await asyncio.gather(*bulk, return_exceptions=True)


async def test_bulk_leaves_the_share_of_people_who_wait(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota.shared_out(100, 12, 0.25))
    for _ in range(9):
        await pacer.wait(API, Lane.BULK)

    retry_at = await refusal_of(pacer.wait(API, Lane.BULK))
    for _ in range(3):
        await pacer.wait(API, Lane.INTERACTIVE)

    assert pytest.approx(granted(redis)[0] + 3600 + JITTER, abs=1e-3) == retry_at.timestamp()
    assert retry_at == await refusal_of(pacer.wait(API, Lane.INTERACTIVE))
    assert (12, 9) == (len(granted(redis)), len(granted(redis, f"{SLOTS}:bulk")))


async def test_people_who_wait_may_take_the_whole_hour(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota.shared_out(100, 12, 0.25))
    for _ in range(12):
        await pacer.wait(API, Lane.INTERACTIVE)

    refusals = [await refusal_of(pacer.wait(API, lane)) for lane in Lane]

    assert [pytest.approx(granted(redis)[0] + 3600 + JITTER, abs=1e-3)] * 2 == [each.timestamp() for each in refusals]


async def test_a_share_that_bulk_used_an_hour_ago_is_its_own_again(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota.shared_out(100, 12, 0.25))
    for key in (SLOTS, f"{SLOTS}:bulk"):
        earlier_slots(redis, 9, seconds_ago=3605, key=key)

    await pacer.wait(API, Lane.BULK)


async def test_each_api_of_each_provider_has_its_own_quota(pacers: Pace, redis: Redis, redis_url: str) -> None:
    (pacer, *_) = pacers(Quota(1, 1, 1))
    async with AsyncRedis.from_url(redis_url) as client:
        other_provider = Pacer(client, "rte", Quota(1, 1, 1))

        await pacer.wait(API, Lane.BULK)
        await pacer.wait("subscribed_services", Lane.BULK)
        await other_provider.wait(API, Lane.BULK)

    await refusal_of(pacer.wait(API, Lane.BULK))


async def test_a_closed_api_gives_no_slot_to_anybody_before_that_moment(pacers: Pace, redis: Redis) -> None:
    closer, *others = pacers(Quota(5, 1000, 1000))
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)

    await closer.close_until(API, moment)

    assert [moment] * 6 == [await refusal_of(each.wait(API, lane)) for each in others for lane in Lane]
    assert [] == granted(redis)
    await closer.wait("subscribed_services", Lane.BULK)


async def test_an_api_that_is_closed_for_a_moment_only_is_waited_for(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    moment = datetime.fromtimestamp(now_of(redis) + 0.3, UTC)
    await pacer.close_until(API, moment)

    await pacer.wait(API, Lane.INTERACTIVE)

    (taken,) = granted(redis)
    assert moment.timestamp() <= taken <= now_of(redis)


async def test_a_shorter_closing_does_not_end_a_longer_one(pacers: Pace, redis: Redis) -> None:
    """Calls that are in the air when the hour is used up come back with both refusals, in any order."""
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    hour, second = (datetime.now(UTC) + each for each in (timedelta(hours=1), timedelta(seconds=1)))

    await pacer.close_until(API, hour)
    await pacer.close_until(API, second)

    assert pytest.approx(hour.timestamp(), abs=1e-3) == ((await refusal_of(pacer.wait(API, Lane.BULK))).timestamp())
    assert 3500 < float(redis.ttl(f"{SLOTS}:closed")) <= 3602


async def test_a_longer_closing_replaces_a_shorter_one(pacers: Pace) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    minute, hour = (datetime.now(UTC) + each for each in (timedelta(minutes=1), timedelta(hours=1)))

    await pacer.close_until(API, minute)
    await pacer.close_until(API, hour)

    assert pytest.approx(hour.timestamp(), abs=1e-3) == ((await refusal_of(pacer.wait(API, Lane.BULK))).timestamp())


async def test_a_closing_that_is_over_already_closes_nothing(pacers: Pace) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))

    await pacer.close_until(API, datetime.now(UTC) - timedelta(hours=1))

    await pacer.wait(API, Lane.BULK)


async def test_slots_that_no_window_needs_any_more_are_forgotten(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    for key in (SLOTS, f"{SLOTS}:bulk"):
        earlier_slots(redis, 20, seconds_ago=7200, key=key)

    await pacer.wait(API, Lane.BULK)

    assert (1, 1) == (len(granted(redis)), len(granted(redis, f"{SLOTS}:bulk")))
    assert all(0 < float(redis.ttl(key)) <= 3660 for key in (SLOTS, f"{SLOTS}:bulk"))


async def test_a_store_that_forgot_its_scripts_is_told_again(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    await pacer.wait(API, Lane.BULK)
    redis.script_flush()

    await pacer.wait(API, Lane.BULK)


async def test_whoever_looks_on_sees_the_slots_that_were_taken(pacers: Pace, redis_url: str) -> None:
    pacer, *_ = pacers(Quota(100, 1000, 1000))
    for lane in (Lane.INTERACTIVE, Lane.BULK, Lane.BULK):
        await pacer.wait(API, lane)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)
    await pacer.close_until(API, until)

    async with AsyncRedis.from_url(redis_url) as client:
        (use,) = await SlotBoard(client).load_use()

    assert ("enedis", API, 3, 2, until) == (
        use.provider,
        use.api,
        use.used_last_hour,
        use.used_last_hour_by_bulk,
        use.closed_until,
    )
