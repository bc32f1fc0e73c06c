"""The application's token: one for all processes, encrypted in the store, renewed before it expires."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from shared.config.settings import Settings
from shared.core.errors import ProviderMisconfigured, ProviderUnavailable
from shared.crypto.vault import ServerSecret
from shared.resources import open_resources
from tests.support.patience import PATIENCE_SECONDS
from tests.support.simulated_enedis import HEATED_HOUSE, SimulatedEnedis
from tests.support.worker import Lateness
from workers.registry import build_providers
from workers.upstream import access_tokens as tokens
from workers.upstream.access_tokens import Token, TokenStore
from workers.upstream.http_client import open_http

pytestmark = pytest.mark.anyio

KEY = "token:enedis"


@dataclass
class Issuer:
    """Issues a new token each time, once it is allowed to."""

    lives_seconds: int = 12600
    issued: list[str] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> Token:
        number = len(self.issued) + 1
        self.issued.append(f"token-{number}")
        self.was_asked.set()
        await self.may_answer.wait()
        return Token(f"token-{number}", self.lives_seconds)


@pytest.fixture
def issuer() -> Issuer:
    ready = Issuer()
    ready.may_answer.set()
    return ready


@pytest.fixture
async def processes(worker_settings: Settings) -> AsyncIterator[list[TokenStore]]:
    """The token stores of three processes: each has its own connection, and an instance of the same secret."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_resources(worker_settings)) for _ in range(3)]
        yield [TokenStore(each.redis, each.server, "enedis") for each in opened]


async def test_one_token_is_fetched_for_everybody_who_wants_one_at_the_same_time(processes: list[TokenStore]) -> None:
    issuer = Issuer()
    wanting = [asyncio.create_task(store.token(issuer)) for store in processes for _ in range(5)]
    await issuer.was_asked.wait()
    issuer.may_answer.set()

    assert ["token-1"] * 15 == await asyncio.gather(*wanting)
    assert ["token-1"] == issuer.issued


async def test_a_known_token_is_not_fetched_again(processes: list[TokenStore], issuer: Issuer) -> None:
    for store in processes:
        assert "token-1" == await store.token(issuer)

    assert ["token-1"] == issuer.issued


async def test_the_store_holds_no_token_in_clear(processes: list[TokenStore], issuer: Issuer, redis: Redis) -> None:
    await processes[0].token(issuer)

    keys: Any = redis.keys()
    values: dict[bytes, Any] = {key: redis.get(key) for key in keys}
    assert KEY.encode() in values
    assert [] == [key for key, value in values.items() if b"token-1" in value]


async def test_a_token_is_renewed_before_it_ends(processes: list[TokenStore], redis: Redis, issuer: Issuer) -> None:
    kept = {12600: 12300, 3600: 3300, 600: 540, 60: 54, 1: 1, 0: 1, -5: 1}
    for issuer.lives_seconds, kept_seconds in kept.items():
        redis.delete(KEY)
        lateness = Lateness()

        await processes[0].token(issuer)

        milliseconds = redis.pttl(KEY)
        assert isinstance(milliseconds, int)
        # A short token may have no lifetime left.
        assert kept_seconds - lateness.seconds - 0.01 <= max(milliseconds / 1000, 0), issuer.lives_seconds
        assert milliseconds / 1000 <= kept_seconds, issuer.lives_seconds


async def test_a_token_that_is_gone_is_fetched_anew(processes: list[TokenStore], redis: Redis, issuer: Issuer) -> None:
    await processes[0].token(issuer)
    redis.delete(KEY)

    assert "token-2" == await processes[1].token(issuer)


async def test_a_token_that_was_refused_is_forgotten_and_a_newer_one_is_not(
    processes: list[TokenStore], issuer: Issuer
) -> None:
    await processes[0].token(issuer)

    await processes[1].discard("token-1")
    assert "token-2" == await processes[2].token(issuer)
    # A slow process learns only now that the old token was refused.
    await processes[0].discard("token-1")

    assert "token-2" == await processes[0].token(issuer)


async def test_a_token_that_another_secret_closed_is_fetched_anew(
    processes: list[TokenStore], worker_settings: Settings, issuer: Issuer
) -> None:
    await processes[0].token(issuer)
    changed = ServerSecret("another-secret-key-for-tests-0123456789")

    async with open_resources(worker_settings) as resources:
        store = TokenStore(resources.redis, changed, "enedis")
        assert "token-2" == await store.token(issuer)
        assert "token-2" == await store.token(issuer)


async def test_a_token_of_another_provider_is_not_taken_for_ours(
    worker_settings: Settings, redis: Redis, issuer: Issuer
) -> None:
    async with open_resources(worker_settings) as resources:
        await TokenStore(resources.redis, resources.server, "rte").token(issuer)
        redis.rename("token:rte", KEY)

        assert "token-2" == await TokenStore(resources.redis, resources.server, "enedis").token(issuer)


async def test_when_fetching_fails_the_next_one_tries(processes: list[TokenStore], issuer: Issuer) -> None:
    async def broken() -> Token:
        raise ProviderUnavailable

    with pytest.raises(ProviderUnavailable):
        await processes[0].token(broken)

    assert "token-1" == await processes[1].token(issuer)


async def test_a_token_that_took_longer_than_the_lock_lasts_is_good_all_the_same(
    processes: list[TokenStore], redis: Redis
) -> None:
    async def slow() -> Token:
        redis.delete(f"{KEY}:lock")
        return Token("token-1", 12600)

    assert "token-1" == await processes[0].token(slow)


async def test_who_waits_in_vain_for_another_process_gives_up_for_the_moment(
    processes: list[TokenStore], redis: Redis, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_FETCH_SECONDS", 0.2)
    redis.set(f"{KEY}:lock", "somebody who never ends")

    with pytest.raises(ProviderUnavailable) as refusal:
        await processes[0].token(issuer)

    assert refusal.value.retryable
    assert [] == issuer.issued


async def test_wrong_credentials_are_the_operators_affair(worker_settings: Settings, enedis: SimulatedEnedis) -> None:
    enedis.share(HEATED_HOUSE)
    wrong = worker_settings.model_copy(update={"enedis_client_secret": SecretStr("not-the-secret")})

    async with open_resources(wrong) as resources, open_http(PATIENCE_SECONDS) as http:
        with pytest.raises(ProviderMisconfigured) as refusal:
            await build_providers(resources, http)["enedis"].fetch_granted_points(58249)

    assert not refusal.value.retryable
    assert "not-the-secret" not in f"{refusal.value!s} {refusal.value!r}"
    assert [] == enedis.calls("subscribed_services")
