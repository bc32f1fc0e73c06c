"""The running API, somebody with an account, and their meter."""

from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest

from api.app import create_app
from api.dependencies import current_time
from shared.config import Settings
from shared.consents import UsagePoint
from tests.integration.api.stage import Clock, Person, Stage


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    """The running API."""
    app, clock = create_app(settings), Clock()

    async def now() -> datetime:
        return clock.now

    app.dependency_overrides[current_time] = now
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client,
    ):
        yield Stage(app, client, app.state.resources, clock)


@pytest.fixture
async def person(stage: Stage) -> Person:
    """Somebody with an account and nothing in it."""
    return await stage.create_person()


@pytest.fixture
async def usage_point(stage: Stage, person: Person) -> UsagePoint:
    """Their meter: `PRM`, consumption only."""
    return await stage.grant(person)
