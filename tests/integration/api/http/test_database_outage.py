"""A real PostgreSQL that is down, or restarts: each request reports it, and later requests work again."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from api.app import create_app
from shared.config.settings import Settings
from shared.storage.database import migrate
from tests.support.postgresql import PostgresqlServer, running_postgresql

pytestmark = pytest.mark.anyio

NAME = "releve"


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """A server used by this test only, with a migrated database."""
    with running_postgresql() as server:
        server.create_database(NAME)
        asyncio.run(migrate(server.url(NAME)))
        yield server


@pytest.fixture
def connected(server: PostgresqlServer, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with that server."""
    return Settings.model_validate(
        {
            "RELEVE_SECRET_KEY": secrets.token_hex(32),
            "RELEVE_REGISTRATION": "open",
            "RELEVE_REGISTRATIONS_PER_HOUR": "100000",
            "RELEVE_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "REDIS_URL": redis_url,
            "DATABASE_URL": server.url(NAME),
            "ENEDIS_BASE_URL": "http://127.0.0.1:9",
            "ENEDIS_AUTHORIZE_URL": "http://127.0.0.1:9/dataconnect/v2/oauth2/authorize",
            "ENEDIS_CLIENT_ID": "application-under-test",
            "ENEDIS_CLIENT_SECRET": "not-a-secret",
        }
    )


@asynccontextmanager
async def running_api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The API with these settings."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client,
    ):
        yield client


async def register(client: httpx.AsyncClient) -> dict[str, str]:
    """The headers of a new account."""
    created = await client.post("/v1/accounts")
    assert 201 == created.status_code
    return {"Authorization": f"Bearer {created.json()['api_key']}"}


def assert_unavailable(answer: httpx.Response) -> None:
    """Check for a problem document with a retry time, and without internal details."""
    assert (503, "service_unavailable", True) == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["retryable"],
    )
    assert "application/problem+json" == answer.headers["Content-Type"]
    assert "5" == answer.headers["Retry-After"]
    for word in ("postgres", "socket", "releve-", "Traceback", "Error"):
        assert word not in answer.text


async def test_a_gateway_that_starts_before_its_database_serves_as_soon_as_that_is_there(
    server: PostgresqlServer, connected: Settings
) -> None:
    await asyncio.to_thread(server.stop)

    async with running_api(connected) as client:
        before = [
            await client.post("/v1/accounts"),
            await client.get("/health/ready"),
            await client.get("/v1/account", headers={"Authorization": f"Bearer rlv_{'0' * 43}"}),
        ]
        live = await client.get("/health/live")
        await asyncio.to_thread(server.start)
        headers = await register(client)
        account = await client.get("/v1/account", headers=headers)
        ready = await client.get("/health/ready")

    # The third request's key is malformed: this is detected without a database.
    assert 401 == before.pop().status_code
    for answer in before:
        assert_unavailable(answer)
    assert [200, 200, 200] == [live.status_code, account.status_code, ready.status_code]


async def test_the_first_request_after_a_restart_is_served(server: PostgresqlServer, connected: Settings) -> None:
    async with running_api(connected) as client:
        headers = await register(client)
        # Many concurrent requests, so that many connections wait in the pool.
        together = await asyncio.gather(*(client.get("/v1/account", headers=headers) for _ in range(20)))
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)

        after = [await client.get("/v1/account", headers=headers), await client.post("/v1/accounts")]

    assert {200} == {answer.status_code for answer in together}
    assert [200, 201] == [answer.status_code for answer in after]


async def test_while_the_database_is_away_everybody_is_told_and_nothing_is_lost(
    server: PostgresqlServer, connected: Settings
) -> None:
    async with running_api(connected) as client:
        headers = await register(client)
        await asyncio.to_thread(server.stop)

        away = await asyncio.gather(
            *(client.get("/v1/account", headers=headers) for _ in range(20)),
            *(client.post("/v1/accounts") for _ in range(20)),
        )
        await asyncio.to_thread(server.start)
        back = await client.get("/v1/account", headers=headers)

    for answer in away:
        assert_unavailable(answer)
    assert 200 == back.status_code


async def test_requests_that_the_end_of_the_database_interrupts_are_told_so(
    server: PostgresqlServer, connected: Settings
) -> None:
    async with running_api(connected) as client:
        headers = await register(client)
        answers: list[httpx.Response] = []
        are_busy = asyncio.Event()

        async def keep_asking() -> None:
            while not answers or answers[-1].status_code < 300:
                answers.append(await client.post("/v1/accounts"))
                if len(answers) > 20:
                    are_busy.set()

        asking = [asyncio.create_task(keep_asking()) for _ in range(8)]
        await are_busy.wait()
        await asyncio.to_thread(server.stop)
        await asyncio.gather(*asking)
        await asyncio.to_thread(server.start)
        back = await client.get("/v1/account", headers=headers)

    for answer in answers:
        if answer.status_code != 201:
            assert_unavailable(answer)
    assert 200 == back.status_code
