"""The pacer with a real store: its sorted set contains exactly the allowed slots, for all callers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.core.errors import NoSlotYet
from shared.jobs.models import Lane
from shared.quota.pacer import AHEAD_SECONDS, TOLERANCE_SECONDS, Pacer, Quota
from shared.quota.quota_status import QuotaStatus
from tests.support.patience import PATIENCE_SECONDS
from tests.support.worker import Lateness, now_of, until

pytestmark = pytest.mark.anyio

API = "measures"
SLOTS = f"slots:enedis:{API}"
# The margins added to a second and to an hour.
MARGIN = 0.005
HOUR = 3601
Pace = Callable[[Quota], list[Pacer]]


@pytest.fixture
async def pacers(redis_url: str) -> AsyncIterator[Pace]:
    """The pacers of four workers, each with its own connection."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(AsyncRedis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS))
            for _ in range(4)
        ]
        yield lambda quota: [Pacer(client, "enedis", quota) for client in clients]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS) as client:
        yield client


def granted(redis: Redis, key: str = SLOTS) -> list[float]:
    """The times of the slots, in order."""
    slots: Any = redis.zrange(key, 0, -1, withscores=True)
    return [moment for _, moment in slots]


def earlier_slots(redis: Redis, count: int, seconds_ago: float, key: str = SLOTS) -> float:
    """Store ``count`` earlier slots, a tenth of a second apart; returns the time of the first."""
    first = now_of(redis) - seconds_ago
    redis.zadd(key, {f"earlier-{number}": first + number / 10 for number in range(count)})
    return first


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


async def use(pacer: Pacer, lane: Lane, api: str = API) -> None:
    """Make a call: wait for a slot, write the request in time."""
    async with pacer.slot(api, lane) as slot:
        await slot.reach()
        slot.sent()


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


async def test_a_refusal_for_a_burst_widens_the_margin_for_a_while_and_one_for_the_hour_does_not(
    pacers: Pace, redis: Redis
) -> None:
    """The latencies to the provider vary more than assumed."""
    (pacer, *_) = pacers(Quota(1, 1000, 1000))
    margins, lateness = [], Lateness()
    for seconds in (3600, 1, 1, 1, 1, 1, 1):
        await pacer.close_until(API, datetime.now(UTC) + timedelta(seconds=seconds))
        margin: Any = redis.get(f"{SLOTS}:margin")
        margins.append(float(margin or 0))
    redis.delete(f"{SLOTS}:closed")

    await use(pacer, Lane.INTERACTIVE)
    await use(pacer, Lane.INTERACTIVE)

    assert [0, 0.01, 0.02, 0.04, 0.08, 0.1, 0.1] == margins
    first, second = granted(redis)
    assert second - first >= 1.1
    assert 599 - lateness.seconds < float(redis.ttl(f"{SLOTS}:margin")) <= 600


async def test_slots_that_no_window_needs_any_more_are_forgotten(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    for key in (SLOTS, f"{SLOTS}:bulk"):
        earlier_slots(redis, 20, seconds_ago=7200, key=key)

    await use(pacer, Lane.BULK)

    assert (1, 1) == (len(granted(redis)), len(granted(redis, f"{SLOTS}:bulk")))
    assert all(0 < float(redis.ttl(key)) <= 3660 for key in (SLOTS, f"{SLOTS}:bulk"))


async def test_a_store_that_forgot_its_scripts_is_told_again(pacers: Pace, redis: Redis) -> None:
    (pacer, *_) = pacers(Quota(5, 1000, 1000))
    await use(pacer, Lane.BULK)
    redis.script_flush()

    await use(pacer, Lane.BULK)


async def test_a_slot_that_nobody_says_was_used_counts_from_the_latest_moment_possible(
    pacers: Pace, redis: Redis
) -> None:
    """Its caller may be late, or dead."""
    pacer, other, *_ = pacers(Quota(1, 1000, 1000))
    before = now_of(redis)
    await pacer.grant(API, Lane.BULK)

    await use(other, Lane.BULK)

    assert now_of(redis) - before >= 1 + MARGIN + TOLERANCE_SECONDS


async def test_a_slot_counts_from_when_the_request_was_written(pacers: Pace, redis: Redis) -> None:
    pacer, *_ = pacers(Quota(5, 1000, 1000))
    lateness = Lateness()
    async with pacer.slot(API, Lane.INTERACTIVE) as slot:
        await slot.reach()
        await asyncio.sleep(0.1)
        before = now_of(redis)
        slot.sent()
        after = now_of(redis)

    (counted,) = granted(redis)
    # Never earlier than the true time: the clock of Redis is known up to the round trip.
    assert before - 0.001 <= counted <= after + lateness.seconds
    assert 0 == redis.zcard(f"{SLOTS}:unsent")


async def test_whoever_wakes_much_too_late_gives_the_slot_up_and_takes_another(pacers: Pace, redis: Redis) -> None:
    pacer, *_ = pacers(Quota(5, 1000, 1000))
    async with pacer.slot(API, Lane.BULK) as slot:
        # The whole process is blocked.
        time.sleep(TOLERANCE_SECONDS + 0.1)  # noqa: ASYNC251  # on purpose
        before = now_of(redis)

        await slot.reach()
        slot.sent()

    (counted,) = granted(redis)
    assert before - 0.001 <= counted
    assert 1 == len(granted(redis, f"{SLOTS}:bulk"))


async def test_a_slot_in_which_nothing_was_sent_is_given_back(pacers: Pace, redis: Redis) -> None:
    pacer, *_ = pacers(Quota(5, 1000, 1000))

    with pytest.raises(ConnectionError):
        async with pacer.slot(API, Lane.BULK):
            raise ConnectionError

    assert [0, 0, 0] == [redis.zcard(key) for key in (SLOTS, f"{SLOTS}:bulk", f"{SLOTS}:unsent")]


async def test_a_slot_is_given_a_moment_ahead_and_reached_not_before_its_time(pacers: Pace, redis: Redis) -> None:
    pacer, *_ = pacers(Quota(1, 1000, 1000))
    await use(pacer, Lane.INTERACTIVE)
    (first,) = granted(redis)

    async with pacer.slot(API, Lane.INTERACTIVE) as slot:
        given = now_of(redis)
        await slot.reach()
        reached = now_of(redis)

    assert first + 1 + MARGIN - AHEAD_SECONDS <= given
    assert first + 1 + MARGIN <= reached


async def test_bulk_spreads_over_the_second(pacers: Pace, redis: Redis) -> None:
    """So that new calls get a slot soon."""
    pacer, *_ = pacers(Quota(5, 1000, 1000))

    await asyncio.gather(*(use(pacer, Lane.BULK) for _ in range(4)))

    moments = granted(redis, f"{SLOTS}:bulk")
    assert min(later - earlier for earlier, later in pairwise(moments)) >= 0.9 / 5 - 1e-5


async def test_whoever_looks_on_sees_the_slots_that_were_taken(pacers: Pace, redis_url: str) -> None:
    pacer, *_ = pacers(Quota(100, 1000, 1000))
    for lane in (Lane.INTERACTIVE, Lane.BULK, Lane.BULK):
        await use(pacer, lane)
    lateness, moment = Lateness(), datetime.now(UTC) + timedelta(minutes=10)
    await pacer.close_until(API, moment)

    async with AsyncRedis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS) as client:
        (shown,) = await QuotaStatus(client).load_use()

    assert ("enedis", API, 3, 2) == (shown.provider, shown.api, shown.used_last_hour, shown.used_last_hour_by_bulk)
    assert shown.closed_until is not None
    assert lateness.explains(shown.closed_until.timestamp(), moment.timestamp())
