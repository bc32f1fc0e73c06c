"""A client whose token is refused: which token it uses next, and when it gives up."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest

from shared.core.errors import ProviderTokenRejected
from shared.jobs.models import Lane
from shared.quota.pacer import PacedSlot, Pacer, Quota
from shared.resources import Resources
from tests.support.loopback import served
from tests.support.patience import PATIENCE_SECONDS
from workers.upstream.access_tokens import Token, TokenStore
from workers.upstream.http_client import ProviderClient, open_http

pytestmark = pytest.mark.anyio

API = "measures"


class TokenProvider:
    """A provider that accepts only the newest token, or none."""

    def __init__(self) -> None:
        self.issued = 0
        self.is_good = True
        self.used: list[str] = []
        self.before_refusal: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        status = 200
        if scope["path"] == "/token":
            self.issued += 1
            self.is_good = True
            content = json.dumps(f"token-{self.issued}").encode()
        else:
            headers = dict(scope["headers"])
            token = headers[b"authorization"].decode().removeprefix("Bearer ")
            self.used.append(token)
            status = 200 if self.is_good and token == f"token-{self.issued}" else 401
            content = b"{}"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/json")]})
        await send({"type": "http.response.body", "body": content})


class SlotsHeldBack:
    """The slots of a pacer, each granted when the gate opens. Implements `workers.upstream.port.Slots`."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self.asked, self.gate = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slot(self, api: str, lane: Lane) -> AsyncIterator[PacedSlot]:
        self.asked.set()
        await self.gate.wait()
        async with self._pacer.slot(api, lane) as slot:
            yield slot

    async def close_until(self, api: str, moment: datetime) -> None:
        await self._pacer.close_until(api, moment)


@pytest.fixture
def provider() -> Iterator[tuple[TokenProvider, str]]:
    it = TokenProvider()
    with served(it) as address:
        yield it, address


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with open_http(PATIENCE_SECONDS) as client:
        yield client


def fetcher(address: str) -> Callable[[httpx.AsyncClient], Awaitable[Token]]:
    async def fetch_token(http: httpx.AsyncClient) -> Token:
        return Token((await http.post(f"{address}/token")).json(), 12600)

    return fetch_token


async def test_a_token_that_is_replaced_while_a_call_waits_for_its_slot_is_not_used(
    resources: Resources, provider: tuple[TokenProvider, str], http: httpx.AsyncClient
) -> None:
    known, address = provider
    tokens = TokenStore(resources.redis, resources.server, "enedis")
    slots = SlotsHeldBack(Pacer(resources.redis, "enedis", Quota(1000, 10_000, 10_000)))
    client = ProviderClient(http, address, slots, tokens, fetcher(address))
    slots.gate.set()
    await client.request(API, "GET", "/", Lane.INTERACTIVE)
    slots.gate.clear()
    slots.asked.clear()
    waiting = asyncio.create_task(client.request(API, "GET", "/", Lane.INTERACTIVE))
    await slots.asked.wait()

    known.is_good = False
    await tokens.discard("token-1")
    await tokens.token(lambda: fetcher(address)(http))
    slots.gate.set()

    assert 200 == (await waiting).status
    assert ["token-1", "token-2"] == known.used


async def test_the_refusal_of_a_token_that_somebody_has_replaced_is_not_counted(
    resources: Resources, provider: tuple[TokenProvider, str], http: httpx.AsyncClient
) -> None:
    """Many calls are in transit when tokens are lost; each is refused, one of them first."""
    known, address = provider
    tokens = TokenStore(resources.redis, resources.server, "enedis")
    neighbour = TokenStore(resources.redis, resources.server, "enedis")
    losses = iter(range(3))

    class Losing(TokenStore):
        """Loses its token, and another process replaces it, just after each of three look-ups."""

        async def token(self, fetch_token: Callable[[], Awaitable[Token]]) -> str:
            found = await tokens.token(fetch_token)
            if next(losses, None) is not None:
                await neighbour.discard(found)
                await neighbour.token(fetch_token)
            return found

    pacer = Pacer(resources.redis, "enedis", Quota(1000, 10_000, 10_000))
    losing = Losing(resources.redis, resources.server, "enedis")
    client = ProviderClient(http, address, pacer, losing, fetcher(address))

    answer = await client.request(API, "GET", "/", Lane.INTERACTIVE)

    assert 200 == answer.status
    assert ["token-1", "token-2", "token-3", "token-4"] == known.used


async def test_a_provider_that_accepts_no_token_is_asked_twice(
    resources: Resources, provider: tuple[TokenProvider, str], http: httpx.AsyncClient
) -> None:
    known, address = provider

    async def fetch_useless(_: httpx.AsyncClient) -> Token:
        return Token("useless", 12600)

    pacer = Pacer(resources.redis, "enedis", Quota(1000, 10_000, 10_000))
    tokens = TokenStore(resources.redis, resources.server, "enedis")
    client = ProviderClient(http, address, pacer, tokens, fetch_useless)

    with pytest.raises(ProviderTokenRejected):
        await client.request(API, "GET", "/", Lane.INTERACTIVE)

    assert ["useless", "useless"] == known.used


async def test_of_two_that_discard_the_same_token_one_is_told_that_it_was_the_newest(resources: Resources) -> None:
    stores = [TokenStore(resources.redis, resources.server, "enedis") for _ in range(4)]

    async def issue() -> Token:
        return Token("token", 12600)

    await stores[0].token(issue)

    assert 1 == sum(await asyncio.gather(*(store.discard("token") for store in stores)))
