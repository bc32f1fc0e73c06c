"""A Redis that was killed and restarted: the loss of its last writes allows no burst."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.jobs.models import Lane
from shared.quota.pacer import Pacer, Quota
from tests.support.killable_valkey import KillableValkey

pytestmark = pytest.mark.anyio

API = "measures"
QUOTA = Quota(5, 1000, 1000)


@contextmanager
def looking(killable_valkey: KillableValkey) -> Iterator[Redis]:
    with Redis.from_url(killable_valkey.redis_url) as redis:
        yield redis


async def use(pacer: Pacer) -> float:
    """Make a call; returns the time at which it started."""
    async with pacer.slot(API, Lane.INTERACTIVE) as slot:
        await slot.reach()
        begun = time.monotonic()
        slot.sent()
    return begun


async def test_after_a_kill_nobody_has_a_slot_for_a_second_and_what_may_be_lost_counts_as_used(
    killable_valkey: KillableValkey,
) -> None:
    async with AsyncRedis.from_url(killable_valkey.redis_url) as redis:
        for _ in range(3):
            await use(Pacer(redis, "enedis", QUOTA))
    killable_valkey.await_disk()
    killable_valkey.kill()
    killable_valkey.start()
    async with AsyncRedis.from_url(killable_valkey.redis_url) as redis:
        # Also for a worker that has started meanwhile.
        pacer, began = Pacer(redis, "enedis", QUOTA), time.monotonic()

        begun = await use(pacer)
        await use(pacer)

    assert begun - began >= 1
    with looking(killable_valkey) as found:
        slots: Any = found.zrange(f"slots:enedis:{API}", 0, -1)
    # Three, two seconds of slots that may be lost, and two: one wait is enough, so the second call does not wait again.
    assert 3 + 10 + 2 == len(slots)
    assert 10 == len([each for each in slots if each.startswith(b"lost-")])


async def test_a_worker_that_lives_on_notices_that_redis_has_forgotten_everything(
    killable_valkey: KillableValkey,
) -> None:
    async with AsyncRedis.from_url(killable_valkey.redis_url) as redis:
        pacer = Pacer(redis, "enedis", QUOTA)
        last = [await use(pacer) for _ in range(5)][-1]
        killable_valkey.kill()
        killable_valkey.forget_everything()
        killable_valkey.start()
        await redis.connection_pool.disconnect()

        begun = await use(pacer)

    assert begun - last >= 1
