"""A simulated Enedis with a clock that the test moves, and a client with a token."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from simulator.app import create_app
from simulator.clock import ManualClock
from simulator.config import SimulatorSettings
from tests.support.simulated_rte import CREDENTIALS, new_token

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


@pytest.fixture(scope="module")
def shared_clock() -> ManualClock:
    """The clock of the application that the tests of RTE share."""
    return ManualClock(NOW)


@pytest.fixture(scope="module")
def shared_app(shared_clock: ManualClock) -> FastAPI:
    """One application for all tests: creating it takes longer than most of them."""
    client_id, client_secret = CREDENTIALS
    settings = SimulatorSettings(
        client_id=client_id, client_secret=SecretStr(client_secret), redirect_uri="http://gateway.test/oauth/callback"
    )
    return create_app(settings, shared_clock)


@pytest.fixture
async def anybody(shared_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token; the simulator is reset before each test."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shared_app), base_url="http://rte.test") as client:
        for state in ("faults", "limits", "rte/tokens", "calls"):
            await client.delete(f"/control/{state}")
        await client.post("/control/clock", json={"now": NOW.isoformat()})
        at_first = (await client.get("/control/settings")).json()
        yield client
        await client.post("/control/settings", json=at_first)


@pytest.fixture
async def rte(anybody: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client with an RTE token."""
    anybody.headers["Authorization"] = f"Bearer {await new_token(anybody)}"
    anybody.headers["Accept"] = "application/json"
    return anybody
