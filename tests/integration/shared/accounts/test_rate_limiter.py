"""Rate limits, counted in a real store."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from shared.accounts.rate_limiter import Rate, RateLimiter
from shared.crypto.vault import ServerSecret

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=UTC)
FIVE_A_MINUTE = Rate(5, timedelta(minutes=1))
PAUSE = timedelta(seconds=12)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def throttle(redis: Redis) -> RateLimiter:
    return RateLimiter(redis, ServerSecret("synthetic-server-secret-number-one-0000"))


async def tries(throttle: RateLimiter, count: int, at: datetime = NOW, subject: str = "192.0.2.1") -> list[bool]:
    return [await throttle.try_once("login", subject, FIVE_A_MINUTE, at) is None for _ in range(count)]


async def test_so_many_at_once_and_no_more(throttle: RateLimiter) -> None:
    assert [True] * 5 + [False] * 2 == await tries(throttle, 7)


async def test_who_is_refused_is_told_when_it_is_worth_it_again(throttle: RateLimiter) -> None:
    await tries(throttle, 5)

    retry_at = await throttle.try_once("login", "192.0.2.1", FIVE_A_MINUTE, NOW)

    assert retry_at is not None
    assert abs(retry_at - NOW - PAUSE) < timedelta(milliseconds=1)
    assert [False] == await tries(throttle, 1, retry_at - timedelta(milliseconds=10))
    assert [True, False] == await tries(throttle, 2, retry_at)


async def test_after_the_period_as_many_as_before(throttle: RateLimiter) -> None:
    await tries(throttle, 7)

    assert [True] * 5 + [False] == await tries(throttle, 6, NOW + timedelta(minutes=1))


async def test_subjects_and_kinds_do_not_count_for_each_other(throttle: RateLimiter) -> None:
    await tries(throttle, 5)

    assert [True] == await tries(throttle, 1, subject="192.0.2.2")
    assert await throttle.try_once("registration", "192.0.2.1", FIVE_A_MINUTE, NOW) is None


async def test_many_at_once_are_counted_exactly(throttle: RateLimiter) -> None:
    answers = await asyncio.gather(*(throttle.try_once("login", "a", FIVE_A_MINUTE, NOW) for _ in range(100)))

    assert 5 == sum(each is None for each in answers)


async def test_a_clock_that_goes_back_locks_nobody_out_for_longer(throttle: RateLimiter) -> None:
    await tries(throttle, 5)

    retry_at = await throttle.try_once("login", "192.0.2.1", FIVE_A_MINUTE, NOW - timedelta(hours=1))

    assert retry_at is not None
    assert retry_at <= NOW + PAUSE + timedelta(seconds=1)


async def test_what_is_counted_is_forgotten_by_itself_and_not_readable(throttle: RateLimiter, redis: Redis) -> None:
    await tries(throttle, 5)

    (key,) = await redis.keys()

    assert 0 < await redis.pttl(key) <= 60_000
    assert b"192.0.2.1" not in key
