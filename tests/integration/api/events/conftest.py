"""The API over real HTTP, for the tests of streams."""

from collections.abc import AsyncIterator

import pytest

from tests.support.api_gateway import Stage
from tests.support.streams import Served, served


@pytest.fixture
async def web(stage: Stage) -> AsyncIterator[Served]:
    """The API over real HTTP."""
    async with served(stage.app) as web:
        yield web
