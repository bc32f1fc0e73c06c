"""The running API, somebody with an account, and their meter."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.dependencies import current_time
from shared.config import Settings, load_settings
from shared.consents import UsagePoint
from shared.resources import open_resources
from shared.telemetry import start_logging
from tests.integration.api.stage import Clock, Person, Stage


@pytest.fixture(scope="session")
def built_api() -> FastAPI:
    """The application, built once: its routes take longer to build than most tests to run. Take `stage`."""
    nowhere = {"REDIS_URL": "redis://127.0.0.1:9", "DATABASE_URL": "sqlite+aiosqlite://"}
    return create_app(load_settings({"RELEVE_SECRET_KEY": secrets.token_hex(32), **nowhere}))


@pytest.fixture
async def stage(built_api: FastAPI, settings: Settings) -> AsyncIterator[Stage]:
    """The running API, over the stores of this test."""
    clock = Clock()
    # As the API does when it starts: what is logged of a failure must not show the values of its variables.
    start_logging(settings.log_level)

    async def now() -> datetime:
        return clock.now

    built_api.dependency_overrides = {current_time: now}
    async with (
        open_resources(settings) as parts,
        httpx.AsyncClient(transport=httpx.ASGITransport(built_api), base_url="http://gateway.test") as client,
    ):
        built_api.state.resources = parts
        yield Stage(built_api, client, parts, clock)


@pytest.fixture
async def person(stage: Stage) -> Person:
    """Somebody with an account and nothing in it."""
    return await stage.create_person()


@pytest.fixture
async def usage_point(stage: Stage, person: Person) -> UsagePoint:
    """Their meter: `PRM`, consumption only."""
    return await stage.grant(person)
