"""The slots of the pacer: margins, late use, returned slots, and what operators see."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.jobs.models import Lane
from shared.quota.pacer import AHEAD_SECONDS, TOLERANCE_SECONDS, Quota
from shared.quota.quota_status import QuotaStatus
from tests.support.pacing import API, MARGIN, SLOTS, Pace, earlier_slots, granted, use
from tests.support.patience import PATIENCE_SECONDS
from tests.support.worker import Lateness, now_of

pytestmark = pytest.mark.anyio


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
