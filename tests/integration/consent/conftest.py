"""A gateway and a simulated Enedis, connected without a network."""

from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.consents import callback_routes as callback
from api.http.dependencies import current_time
from shared.config.settings import Settings, load_settings
from shared.resources import open_resources
from simulator.app import create_app as create_enedis
from simulator.config import SimulatorSettings
from tests.support.consent_town import Clock, Person, Town
from tests.support.patience import PATIENCE_SECONDS
from workers.consents import exchange as exchange_module
from workers.registry import build_providers


@pytest.fixture(scope="session")
def gateway() -> FastAPI:
    """The API, built once: its routes are created with the first requests, which takes longer than most tests.

    `town` provides the resources, which differ in each test.
    """
    nowhere = {
        "RELEVE_SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
        "REDIS_URL": "unix:///nowhere/valkey.sock",
        "DATABASE_URL": "sqlite+aiosqlite:///nowhere.db",
    }
    return create_app(load_settings(nowhere))


@pytest.fixture
def town_settings(settings: Settings) -> Settings:
    """Settings of a gateway with the simulated Enedis; a test may set stricter limits."""
    return settings.model_copy(
        update={
            "enedis_base_url": "http://enedis.test",
            "enedis_authorize_url": "http://enedis.test/dataconnect/v2/oauth2/authorize",
            "enedis_per_second": 1000,
            "enedis_per_hour": 100_000,
        }
    )


@pytest.fixture
async def town(gateway: FastAPI, town_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """The gateway, the simulated Enedis and the accounts; without waits."""
    monkeypatch.setattr(callback, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(exchange_module, "_EMPTY_PAUSES_SECONDS", (0.0,))
    monkeypatch.setattr(exchange_module, "LATE_PAUSE_SECONDS", 0.0)
    clock = Clock()

    async def now() -> datetime:
        return clock.now

    monkeypatch.setitem(gateway.dependency_overrides, current_time, now)
    simulator = create_enedis(
        SimulatorSettings(
            client_id=town_settings.enedis_client_id,
            client_secret=town_settings.enedis_client_secret,
            redirect_uri="http://gateway.test/oauth/callback",
            per_second=10_000,
            per_hour=100_000,
        )
    )
    async with (
        open_resources(town_settings) as resources,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(simulator), base_url="http://enedis.test", timeout=PATIENCE_SECONDS
        ) as enedis,
    ):
        gateway.state.resources = resources
        yield Town(gateway, resources, enedis, build_providers(resources, enedis)["enedis"], clock)


@pytest.fixture
async def holder(town: Town) -> Person:
    """An account with consent for its house."""
    person = await town.new_person()
    await town.consent(person)
    return person


@pytest.fixture
async def stranger(town: Town) -> Person:
    """Another account."""
    return await town.new_person()
