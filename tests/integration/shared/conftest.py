"""Fixtures for the tests of the stores."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.support.patience import PATIENCE_SECONDS


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty server."""
    client = Redis.from_url(redis_url, socket_timeout=PATIENCE_SECONDS)
    yield client
    await client.aclose()
