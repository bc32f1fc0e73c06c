"""The pacers of several workers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis as AsyncRedis

from shared.quota.pacer import Pacer
from tests.support.pacing import Pace
from tests.support.patience import PATIENCE_SECONDS


@pytest.fixture
async def pacers(redis_url: str) -> AsyncIterator[Pace]:
    """The pacers of four workers, each with its own connection."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(AsyncRedis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS))
            for _ in range(4)
        ]
        yield lambda quota: [Pacer(client, "enedis", quota) for client in clients]
