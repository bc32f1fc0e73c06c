"""A simulated Enedis with a clock that the test moves, and a client with a token."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from simulator.app import create_app
from simulator.clock import ManualClock
from simulator.config import SimulatorSettings

CLIENT_ID = "application-under-test"
CLIENT_SECRET = "not-a-secret"
# 13:00 on a Monday in Paris: yesterday is published.
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def settings() -> SimulatorSettings:
    # The clock does not advance between calls, so a real limit would stop every test at its sixth call.
    return SimulatorSettings(
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        redirect_uri="http://gateway.test/oauth/callback",
        per_second=10_000,
        per_hour=10_000,
    )


@pytest.fixture
async def anonymous(settings: SimulatorSettings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(app=create_app(settings, clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://enedis.test") as client:
        yield client


@pytest.fixture
async def enedis(anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client with a token."""
    answer = await anonymous.post(
        "/oauth2/v3/token",
        data={"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
    )
    anonymous.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return anonymous


@pytest.fixture
def ask(enedis: httpx.AsyncClient) -> Ask:
    """Request a 2026 measure; keywords add parameters, or remove one with None."""

    async def ask_measure(
        resource: str, start: str, end: str, usage_point_id: str = "99000000000011", **others: str | None
    ) -> httpx.Response:
        wanted: dict[str, str | None] = {"pointId": usage_point_id, "dateDebut": start, "dateFin": end}
        if resource == "puissance_conso_max_quotidienne":
            wanted |= {"mesuresPas": "P1D", "grandeurPhysique": "PMA"}
        parameters = {name: value for name, value in (wanted | others).items() if value is not None}
        return await enedis.get(f"/mesure_synchrone_auto/v2/{resource}", params=parameters)

    return ask_measure


@pytest.fixture
def share(enedis: httpx.AsyncClient) -> Callable[[str], Awaitable[int]]:
    """Share a usage point and return its authorisation id."""

    async def share_point(usage_point_id: str) -> int:
        answer = await enedis.post("/control/consents", json={"usage_point_id": usage_point_id})
        assert answer.status_code == 201
        return int(answer.json()["authorisation_id"])

    return share_point
