"""A gateway and an Enedis, joined without a network."""

from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest

from api.app import create_app
from api.dependencies import current_time
from api.routes import callback
from shared.config import Settings
from simulator.app import create_app as create_enedis
from simulator.config import SimulatorSettings
from tests.integration.consent.stage import Clock, Person, Town
from workers import consents as exchange_module
from workers.registry import build_providers


@pytest.fixture
def town_settings(settings: Settings) -> Settings:
    """Settings of a gateway before the simulated Enedis; a test may limit more."""
    return settings.model_copy(
        update={
            "enedis_base_url": "http://enedis.test",
            "enedis_authorize_url": "http://enedis.test/dataconnect/v2/oauth2/authorize",
            "enedis_per_second": 1000,
            "enedis_per_hour": 100_000,
        }
    )


@pytest.fixture
async def town(town_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """Everybody concerned; nobody waits for anything."""
    monkeypatch.setattr(callback, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(exchange_module, "_EMPTY_PAUSES_SECONDS", (0.0,))
    monkeypatch.setattr(exchange_module, "LATE_PAUSE_SECONDS", 0.0)
    app, clock = create_app(town_settings), Clock()

    async def now() -> datetime:
        return clock.now

    app.dependency_overrides[current_time] = now
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
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(simulator), base_url="http://enedis.test") as enedis,
    ):
        parts = app.state.resources
        yield Town(app, parts, enedis, build_providers(parts, enedis)["enedis"], clock)


@pytest.fixture
async def holder(town: Town) -> Person:
    """Somebody who may ask for their house."""
    person = await town.new_person()
    await town.consent(person)
    return person


@pytest.fixture
async def stranger(town: Town) -> Person:
    """Somebody else."""
    return await town.new_person()
