"""Idempotency keys: the first request is executed, the others get its result."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from redis.asyncio import Redis

from shared.accounts.idempotency_keys import KEPT_FOR, LEASE, IdempotencyStore
from shared.core.errors import IdempotencyInProgress, IdempotencyKeyReused, NotFound
from shared.crypto.server_secret import ServerSecret
from shared.storage.tombstones import erased_key

pytestmark = pytest.mark.anyio

# Two minutes before midnight in Paris, so that the day ends within a request.
NOW = datetime(2026, 11, 22, 22, 58, tzinfo=UTC)
REQUEST = ("create_job", '{"usage_point_id":"99000000000471"}')
SECOND = timedelta(seconds=1)


@pytest.fixture
def store(redis: Redis) -> IdempotencyStore:
    """The keys in it."""
    return IdempotencyStore(redis, ServerSecret("a-synthetic-secret-of-the-server-0123456789"))


async def test_what_came_of_a_request_is_told_for_a_day_and_no_longer(store: IdempotencyStore) -> None:
    first = await store.begin("acct_1", "key", REQUEST, NOW)
    await store.keep(first, "job_1")

    outcomes = [
        (await store.begin("acct_1", "key", REQUEST, NOW + passed)).outcome
        for passed in (timedelta(0), LEASE * 2, KEPT_FOR - SECOND, KEPT_FOR)
    ]

    assert first.outcome is None
    assert ["job_1", "job_1", "job_1", None] == outcomes


async def test_another_request_with_the_same_key_is_refused_while_the_first_counts(store: IdempotencyStore) -> None:
    first = await store.begin("acct_1", "key", REQUEST, NOW)

    with pytest.raises(IdempotencyKeyReused):
        await store.begin("acct_1", "key", ("create_job", "{}"), NOW)
    await store.keep(first, "job_1")
    with pytest.raises(IdempotencyKeyReused):
        await store.begin("acct_1", "key", ("other", REQUEST[1]), NOW)

    assert (await store.begin("acct_2", "key", ("other", ""), NOW)).outcome is None


async def test_of_fifty_at_once_one_does_it(store: IdempotencyStore) -> None:
    answers = await asyncio.gather(
        *(store.begin("acct_1", "key", REQUEST, NOW) for _ in range(50)), return_exceptions=True
    )

    assert 49 == sum(isinstance(answer, IdempotencyInProgress) for answer in answers)
    refused = next(answer for answer in answers if isinstance(answer, IdempotencyInProgress))
    assert NOW + LEASE == refused.retry_at


async def test_whoever_is_killed_frees_the_key_and_who_comes_after_keeps_it(store: IdempotencyStore) -> None:
    killed = await store.begin("acct_1", "key", REQUEST, NOW)
    later = NOW + LEASE
    second = await store.begin("acct_1", "key", REQUEST, later)
    await store.keep(second, "job_2")

    # The first request was slow, not lost.
    await store.keep(killed, "job_1")
    await store.release(killed)

    assert "job_2" == (await store.begin("acct_1", "key", REQUEST, later)).outcome


async def test_a_request_that_came_to_nothing_frees_its_key_for_another_one(store: IdempotencyStore) -> None:
    await store.release(await store.begin("acct_1", "key", REQUEST, NOW))

    assert (await store.begin("acct_1", "key", ("create_job", "corrected"), NOW)).outcome is None


async def test_nothing_of_a_key_or_a_request_can_be_read_and_all_of_it_goes(
    store: IdempotencyStore, redis: Redis
) -> None:
    key = "99000000000471-by-a-careless-client"
    await store.keep(await store.begin("acct_1", key, REQUEST, NOW), "job_1")
    (name,) = cast(list[bytes], await redis.keys("*"))
    dump = await redis.dump(name)
    kept_seconds = await redis.ttl(name)
    await store.forget("acct_1", NOW + timedelta(minutes=5))

    assert dump is not None
    assert b"99000000000471" not in name + dump
    assert KEPT_FOR.total_seconds() <= kept_seconds <= 2 * 86_400
    assert [] == await redis.keys("*")


async def test_an_account_that_is_gone_begins_nothing(store: IdempotencyStore, redis: Redis) -> None:
    await redis.set(erased_key("acct_1"), 1)

    with pytest.raises(NotFound):
        await store.begin("acct_1", "key", REQUEST, NOW)
