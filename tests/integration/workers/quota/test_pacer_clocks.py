"""Workers whose clocks differ from that of Redis, and from one another's, by hours: Redis' clock paces all of them, and
each receives times by its own clock."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.core.errors import NoSlotYet
from shared.jobs.models import Lane
from shared.quota.circuit_breaker import Patience
from shared.quota.pacer import Pacer, Quota
from shared.quota.quota_status import CircuitState, QuotaStatus, QuotaUse, circuit_key
from tests.support.patience import PATIENCE_SECONDS
from tests.support.worker import Lateness, now_of

pytestmark = pytest.mark.anyio

API = "measures"
SLOTS = f"slots:enedis:{API}"
HOUR_SECONDS = 3600
# Fast, slow, and right.
DIFFERENCES = (timedelta(hours=5), timedelta(hours=-7), timedelta())
PATIENCE = Patience(failures=2, first_pause_seconds=600, longest_pause_seconds=4000, probe_seconds=500)


@pytest.fixture
async def pacer(redis_url: str) -> AsyncIterator[Pacer]:
    async with AsyncRedis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS) as client:
        yield Pacer(client, "enedis", Quota(100, 12, 12), PATIENCE)


@pytest.fixture
async def board(redis_url: str) -> AsyncIterator[QuotaStatus]:
    async with AsyncRedis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS) as client:
        yield QuotaStatus(client)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS) as client:
        yield client


@contextmanager
def at_difference(difference: timedelta) -> Iterator[None]:
    """Shift this process's clock; that of Redis is unchanged."""
    with time_machine.travel(datetime.now(UTC) + difference):
        yield


async def use(pacer: Pacer) -> None:
    async with pacer.slot(API, Lane.BULK) as slot:
        await slot.reach()
        slot.sent()
        slot.worked = True


async def seconds_refused(pacer: Pacer) -> float:
    """The seconds until the next possible slot, by the caller's clock."""
    with pytest.raises(NoSlotYet) as refused:
        await use(pacer)
    assert refused.value.retry_at is not None
    return (refused.value.retry_at - datetime.now(UTC)).total_seconds()


def lasts(seconds: float | None, expected: float, lateness: Lateness) -> bool:
    """Whether ``seconds`` is what remains of a duration of ``expected`` that started with ``lateness``."""
    return seconds is not None and lateness.explains(expected, seconds)


async def fail(pacer: Pacer) -> None:
    for number in range(PATIENCE.failures):
        await pacer.circuit.note(API, f"call-{number}", worked=False)


async def test_an_hour_that_is_used_up_is_waited_for_by_each_clock(pacer: Pacer, redis: Redis) -> None:
    lateness = Lateness()
    for difference in DIFFERENCES:
        with at_difference(difference):
            redis.delete(SLOTS, f"{SLOTS}:bulk")
            for _ in range(12):
                await use(pacer)
            refused = await seconds_refused(pacer)

        slots: Any = redis.zrange(SLOTS, 0, -1, withscores=True)
        assert 12 == len(slots), difference
        assert all(abs(moment - now_of(redis)) <= lateness.seconds for _, moment in slots), difference
        assert lasts(refused, HOUR_SECONDS + 1, lateness), (difference, refused)


async def test_slots_that_one_clock_used_up_are_used_up_for_every_other(pacer: Pacer, redis: Redis) -> None:
    lateness = Lateness()
    for difference in DIFFERENCES * 4:
        with at_difference(difference):
            await use(pacer)

    for difference in DIFFERENCES:
        with at_difference(difference):
            assert lasts(await seconds_refused(pacer), HOUR_SECONDS + 1, lateness), difference


async def test_what_one_clock_closes_is_closed_as_long_for_every_other(
    pacer: Pacer, board: QuotaStatus, redis: Redis
) -> None:
    for closing in DIFFERENCES:
        redis.flushall()
        await use(pacer)
        lateness = Lateness()
        with at_difference(closing):
            await pacer.close_until(API, datetime.now(UTC) + timedelta(hours=1))

        for asking in DIFFERENCES:
            with at_difference(asking):
                assert lasts(await seconds_refused(pacer), HOUR_SECONDS, lateness), (closing, asking)
                (shown,) = await board.load_use()
                assert shown.closed_until is not None, (closing, asking)
                left = (shown.closed_until - datetime.now(UTC)).total_seconds()
                assert lasts(left, HOUR_SECONDS, lateness), (closing, asking)


async def test_a_pause_that_one_clock_begins_lasts_as_long_for_every_other(
    pacer: Pacer, board: QuotaStatus, redis: Redis
) -> None:
    for failing in DIFFERENCES:
        redis.flushall()
        await use(pacer)
        lateness = Lateness()
        with at_difference(failing):
            await fail(pacer)

        for asking in DIFFERENCES:
            with at_difference(asking):
                assert lasts(await seconds_refused(pacer), PATIENCE.first_pause_seconds, lateness), (failing, asking)
                (shown,) = await board.load_use()
                down_until = await board.down_until("enedis", [API])
                assert CircuitState.PAUSED is shown.circuit, (failing, asking)
                for moment in (shown.reopens_at, down_until):
                    assert moment is not None, (failing, asking)
                    left = (moment - datetime.now(UTC)).total_seconds()
                    assert lasts(left, PATIENCE.first_pause_seconds, lateness), (failing, asking)


async def test_after_a_pause_one_call_of_any_clock_tries_and_is_told_of_the_next_one_by_its_own(
    pacer: Pacer, board: QuotaStatus, redis: Redis
) -> None:
    async def try_in_vain() -> None:
        async with pacer.slot(API, Lane.BULK) as probe:
            seen.extend(await board.load_use())
            others.append(await seconds_refused(pacer))
            probe.worked = False

    for difference in DIFFERENCES:
        seen, others = list[QuotaUse](), list[float]()
        redis.flushall()
        await use(pacer)
        await fail(pacer)
        redis.hset(circuit_key("enedis", API), "pause_ends", str(now_of(redis) - 1))
        # So that the trial call has a slot now, and not a little later.
        redis.delete(SLOTS, f"{SLOTS}:bulk")
        with at_difference(difference):
            lateness = Lateness()
            with pytest.raises(NoSlotYet) as told:
                await try_in_vain()
            now = datetime.now(UTC)

        (shown,), retry_at = seen, told.value.retry_at
        assert CircuitState.PROBING is shown.circuit, difference
        assert shown.reopens_at is not None, difference
        left = (shown.reopens_at - now).total_seconds()
        assert lasts(left, PATIENCE.probe_seconds, lateness), (difference, left)
        assert retry_at is not None, difference
        left = (retry_at - now).total_seconds()
        assert lasts(left, 2 * PATIENCE.first_pause_seconds, lateness), (difference, left)
        # No other call is tried meanwhile: they check again shortly.
        assert [True] == [0 < each < PATIENCE.probe_seconds for each in others], difference
