"""The pacer: windows, shares and closings, on a real server."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.core.errors import NoSlotYet
from shared.jobs.models import Lane
from shared.quota.pacer import Pacer, Quota
from tests.support.pacing import API, MARGIN, SLOTS, Pace, earlier_slots, granted, use
from tests.support.patience import PATIENCE_SECONDS
from tests.support.worker import Lateness, now_of, until

pytestmark = pytest.mark.anyio


HOUR = 3601


def most_within(moments: list[float], seconds: float) -> int:
    """The maximum number of times in any half-open window of that length."""
    return max(sum(1 for each in moments if start <= each < start + seconds) for start in moments)


@dataclass(frozen=True)
class Refusal:
    """The time of the next possible slot, by the process's clock; and by that of Redis: between ``earliest`` and
    ``latest``, which are as close as the machine's speed allows."""

    retry_at: datetime
    earliest: float
    latest: float

    def __contains__(self, moment: float) -> bool:
        return self.earliest - 1e-4 <= moment <= self.latest + 1e-4


async def refusal_of(redis: Redis, waiting: Awaitable[None]) -> Refusal:
    """The refusal that a wait for a slot raises."""
    begun, redis_begun = datetime.now(UTC), now_of(redis)
    with pytest.raises(NoSlotYet) as refused:
        await waiting
    ended, redis_ended, retry_at = datetime.now(UTC), now_of(redis), refused.value.retry_at
    assert retry_at is not None
    earliest = redis_begun + (retry_at - ended).total_seconds()
    return Refusal(retry_at, earliest, redis_ended + (retry_at - begun).total_seconds())


def seconds_until(moment: datetime | None) -> float:
    """The seconds until that time."""
    assert moment is not None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


async def take_all(pacer: Pacer, lane: Lane) -> int:
    """Take slots as a worker does, until the hour is used up; returns their number."""
    taken = 0
    while True:
        try:
            await use(pacer, lane)
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
    assert most_within(moments, 1.0) <= 5


async def test_the_sixth_slot_of_a_second_comes_a_second_after_the_first(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))

    for _ in range(6):
        await use(pacer, Lane.INTERACTIVE)

    moments = granted(redis)
    assert 1 + MARGIN <= moments[5] - moments[0]


async def test_the_fifth_slot_of_a_second_is_given_at_once_and_the_sixth_exactly_a_second_after_the_first(
    pacers: Pace, redis: Redis
) -> None:
    """A caller that would have to wait long is refused; so the second that already has slots lies in the future, and no
    machine is too slow for the test."""
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    earlier_slots(redis, 4, seconds_ago=-100)

    await use(pacer, Lane.INTERACTIVE)

    redis.delete(SLOTS)
    first = earlier_slots(redis, 5, seconds_ago=-100)
    assert first + 1 + MARGIN in await refusal_of(redis, use(pacer, Lane.INTERACTIVE))


async def test_a_slot_that_is_not_near_is_not_given_and_costs_nothing(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 12, 12))
    first = earlier_slots(redis, 12, seconds_ago=1800)

    refusals = [await refusal_of(redis, use(pacer, lane)) for lane in Lane]

    # When the oldest is an hour old.
    assert [True, True] == [first + HOUR in each for each in refusals]
    assert 12 == len(granted(redis))


async def test_a_full_hour_gives_a_slot_as_soon_as_one_is_free(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 12, 12))
    first, lateness = earlier_slots(redis, 12, seconds_ago=HOUR - 0.3), Lateness()

    await use(pacer, Lane.INTERACTIVE)

    # Not earlier than the true time, and later by at most the round trip to the store.
    assert first + HOUR <= granted(redis)[-1] < now_of(redis) + lateness.seconds


async def test_people_who_wait_pass_before_bulk(pacers: Pace, redis: Redis) -> None:
    pacer, *others = pacers(Quota(1, 1000, 1000))
    earlier_slots(redis, 1, seconds_ago=0)
    person = asyncio.create_task(use(pacer, Lane.INTERACTIVE))
    await until(lambda: redis.zcard(f"{SLOTS}:waiting") == 1)
    bulk = [asyncio.create_task(use(pacer, Lane.BULK)) for pacer in others]

    await person

    _, of_person, *later = granted(redis)
    # A slow machine may already be in the next second.
    assert [] == [moment for moment in granted(redis, f"{SLOTS}:bulk") if moment <= of_person]
    assert len(later) == len(granted(redis, f"{SLOTS}:bulk"))
    for waiting in bulk:
        waiting.cancel()
    await asyncio.gather(*bulk, return_exceptions=True)


async def test_bulk_leaves_the_share_of_people_who_wait(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota.shared_out(100, 12, 0.25))
    for _ in range(9):
        await use(pacer, Lane.BULK)

    of_bulk = await refusal_of(redis, use(pacer, Lane.BULK))
    for _ in range(3):
        await use(pacer, Lane.INTERACTIVE)

    # Bulk counts its slots from the latest possible use, not from the actual one.
    assert granted(redis, f"{SLOTS}:bulk")[0] + HOUR in of_bulk
    assert granted(redis)[0] + HOUR in await refusal_of(redis, use(pacer, Lane.INTERACTIVE))
    assert (12, 9) == (len(granted(redis)), len(granted(redis, f"{SLOTS}:bulk")))


async def test_people_who_wait_may_take_the_whole_hour(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota.shared_out(100, 12, 0.25))
    for _ in range(12):
        await use(pacer, Lane.INTERACTIVE)

    refusals = [await refusal_of(redis, use(pacer, lane)) for lane in Lane]

    assert [True, True] == [granted(redis)[0] + HOUR in each for each in refusals]


async def test_a_share_that_bulk_used_an_hour_ago_is_its_own_again(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota.shared_out(100, 12, 0.25))
    for key in (SLOTS, f"{SLOTS}:bulk"):
        earlier_slots(redis, 9, seconds_ago=HOUR + 4, key=key)

    await use(pacer, Lane.BULK)


async def test_each_api_of_each_provider_has_its_own_quota(pacers: Pace, redis: Redis, redis_url: str) -> None:
    (pacer, *_) = pacers(Quota(1, 1, 1))
    async with AsyncRedis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS) as client:
        other_provider = Pacer(client, "rte", Quota(1, 1, 1))

        await use(pacer, Lane.BULK)
        await use(pacer, Lane.BULK, "subscribed_services")
        await use(other_provider, Lane.BULK)

    await refusal_of(redis, use(pacer, Lane.BULK))


async def test_a_closed_api_gives_no_slot_to_anybody_before_that_moment(pacers: Pace, redis: Redis) -> None:
    closer, *others = pacers(Quota(5, 1000, 1000))
    lateness, moment = Lateness(), datetime.now(UTC) + timedelta(hours=1)

    await closer.close_until(API, moment)

    refusals = [await refusal_of(redis, use(each, lane)) for each in others for lane in Lane]
    assert [True] * 6 == [lateness.explains(each.retry_at.timestamp(), moment.timestamp()) for each in refusals]
    assert [] == granted(redis)
    await use(closer, Lane.BULK, "subscribed_services")


async def test_an_api_that_is_closed_for_a_moment_only_is_waited_for(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    opens_at, lateness = now_of(redis) + 0.3, Lateness()
    with time_machine.travel(datetime.now(UTC), tick=False):
        await pacer.close_until(API, datetime.now(UTC) + timedelta(seconds=0.3))

    await use(pacer, Lane.INTERACTIVE)

    (taken,) = granted(redis)
    assert opens_at <= taken < now_of(redis) + lateness.seconds


async def test_a_shorter_closing_does_not_end_a_longer_one(pacers: Pace, redis: Redis) -> None:
    """Calls in transit when the hour is used up return both refusals, in any order."""
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    lateness = Lateness()
    hour, second = (datetime.now(UTC) + each for each in (timedelta(hours=1), timedelta(seconds=1)))

    await pacer.close_until(API, hour)
    await pacer.close_until(API, second)

    refused = await refusal_of(redis, use(pacer, Lane.BULK))
    assert lateness.explains(refused.retry_at.timestamp(), hour.timestamp())
    assert 3599 - lateness.seconds < float(redis.ttl(f"{SLOTS}:closed")) <= 3602


async def test_a_longer_closing_replaces_a_shorter_one(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    lateness = Lateness()
    minute, hour = (datetime.now(UTC) + each for each in (timedelta(minutes=1), timedelta(hours=1)))

    await pacer.close_until(API, minute)
    await pacer.close_until(API, hour)

    refused = await refusal_of(redis, use(pacer, Lane.BULK))
    assert lateness.explains(refused.retry_at.timestamp(), hour.timestamp())


async def test_a_closing_that_is_over_already_closes_nothing(pacers: Pace) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))

    await pacer.close_until(API, datetime.now(UTC) - timedelta(hours=1))

    await use(pacer, Lane.BULK)
