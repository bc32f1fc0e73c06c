"""The adapters of RTE with a scripted HTTP server."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from shared.config.settings import Settings
from shared.core.calendar import DayRange
from shared.core.errors import (
    NoSlotYet,
    ProviderError,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderNotSubscribed,
    ProviderRefusedRequest,
    ProviderThrottled,
    ProviderTokenRejected,
    ProviderUnavailable,
)
from shared.core.public_datasets import ECOWATT, TEMPO
from shared.quota.pacer import Pacer, Quota
from shared.resources import Resources, open_resources
from tests.support.loopback import Reply, ScriptedProvider, served
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.workers.recorded import recorded_rte
from workers.providers.rte.adapter import Rte, token_fetcher
from workers.providers.rte.open_data import RteOpenData
from workers.registry import build_public_providers
from workers.upstream.access_tokens import TokenStore
from workers.upstream.http_client import ProviderClient, open_http

pytestmark = pytest.mark.anyio

TOKEN = Reply({"access_token": "opaque-and-secret", "token_type": "Bearer", "expires_in": 7199})
WINTER = DayRange(date(2026, 12, 7), date(2026, 12, 11))
SIGNALS = DayRange(date(2026, 12, 7), date(2026, 12, 12))
UNLIMITED = Quota(1000, 100_000, 100_000)
F04 = Reply(recorded_rte("error_400_F04"), status=400)
SECRET = "not-a-secret-of-rte"


@pytest.fixture(scope="session")
def serving() -> Iterator[tuple[ScriptedProvider, str]]:
    """An HTTP server of this test process, and its URL."""
    provider = ScriptedProvider("/token/oauth/")
    with served(provider) as base_url:
        yield provider, base_url


@pytest.fixture
def provider(serving: tuple[ScriptedProvider, str]) -> ScriptedProvider:
    """The server, reset."""
    serving[0].start_again(TOKEN)
    return serving[0]


@pytest.fixture
async def resources(
    settings: Settings, serving: tuple[ScriptedProvider, str], provider: ScriptedProvider
) -> AsyncIterator[Resources]:
    """A worker's stores; the server stands for RTE and its open data."""
    changes: dict[str, Any] = {
        "rte_base_url": serving[1],
        "rte_open_data_url": serving[1],
        "rte_client_id": "application",
        "rte_client_secret": SecretStr(SECRET),
    }
    async with open_resources(settings.model_copy(update=changes)) as opened:
        yield opened


@pytest.fixture
async def rte(resources: Resources) -> AsyncIterator[Rte]:
    """The adapter, without a rate limit."""
    settings = resources.settings
    async with open_http(PATIENCE_SECONDS) as http:
        pacer, tokens = Pacer(resources.redis, "rte", UNLIMITED), TokenStore(resources.redis, resources.server, "rte")
        fetch_token = token_fetcher(settings.rte_base_url, settings.rte_client_id, SECRET)
        yield Rte(ProviderClient(http, settings.rte_base_url, pacer, tokens, fetch_token))


@pytest.fixture
async def open_data(resources: Resources) -> AsyncIterator[RteOpenData]:
    """The adapter of the open data."""
    async with open_http(PATIENCE_SECONDS) as http:
        yield RteOpenData(
            http, resources.settings.rte_open_data_url, Pacer(resources.redis, "rte_open_data", UNLIMITED)
        )


async def test_colours_are_asked_for_with_the_offset_of_each_day_and_a_token(
    rte: Rte, provider: ScriptedProvider
) -> None:
    provider.will_answer(Reply(recorded_rte("tempo_autumn")))

    documents = await rte.fetch_days(TEMPO, DayRange(date(2026, 10, 24), date(2026, 10, 27)))

    (call,) = provider.received
    assert "/open_api/tempo_like_supply_contract/v1/tempo_like_calendars" == call.path
    # An encoded plus is a plus; a literal one would be decoded as a space.
    assert {"start_date": "2026-10-24T00:00:00+02:00", "end_date": "2026-10-27T00:00:00+01:00"} == call.query
    assert ("application/json", "Bearer opaque-and-secret") == (call.headers["accept"], call.headers["authorization"])
    assert ["BLUE", "BLUE", "WHITE"] == [documents[day]["colour"] for day in sorted(documents)]


async def test_the_token_is_asked_for_by_basic_credentials_once_and_kept_encrypted(
    rte: Rte, provider: ScriptedProvider, resources: Resources
) -> None:
    provider.will_answer(Reply(recorded_rte("tempo_winter")), Reply(recorded_rte("ecowatt_signals")))

    await rte.fetch_days(TEMPO, WINTER)
    await rte.fetch_days(ECOWATT, SIGNALS)

    (asked,) = provider.token_requests
    basic = base64.b64encode(f"application:{SECRET}".encode()).decode()
    assert ("POST", f"Basic {basic}") == (asked.method, asked.headers["authorization"])
    assert (b"grant_type=client_credentials", "application/json") == (asked.body, asked.headers["accept"])
    assert b"opaque-and-secret" not in (await resources.redis.get("token:rte") or b"opaque-and-secret")
    # Its lifetime, less a margin.
    assert 0 < await resources.redis.ttl("token:rte") <= 7199 - 300


async def test_only_the_days_that_were_asked_for_are_taken(rte: Rte, provider: ScriptedProvider) -> None:
    provider.will_answer(Reply(recorded_rte("tempo_winter")), Reply(recorded_rte("ecowatt_sandbox")))

    colours = await rte.fetch_days(TEMPO, DayRange(date(2026, 12, 8), date(2026, 12, 9)))

    assert [date(2026, 12, 8)] == list(colours)
    assert {} == await rte.fetch_days(ECOWATT, SIGNALS)


async def test_signals_are_asked_for_without_parameters(rte: Rte, provider: ScriptedProvider) -> None:
    provider.will_answer(Reply(recorded_rte("ecowatt_signals")))

    documents = await rte.fetch_days(ECOWATT, SIGNALS)

    assert [("/open_api/ecowatt/v5/signals", {})] == [(call.path, call.query) for call in provider.received]
    assert [1, 2, 3, 1] == [documents[day]["level"] for day in sorted(documents)]


async def test_a_term_too_far_ahead_is_asked_for_one_day_shorter(rte: Rte, provider: ScriptedProvider) -> None:
    provider.will_answer(F04, Reply(recorded_rte("tempo_winter")))

    documents = await rte.fetch_days(TEMPO, DayRange(WINTER.start, date(2026, 12, 12)))

    ends = [call.query["end_date"] for call in provider.received]
    assert ["2026-12-12T00:00:00+01:00", "2026-12-11T00:00:00+01:00"] == ends
    assert 4 == len(documents)


async def test_a_term_is_shortened_once(rte: Rte, provider: ScriptedProvider) -> None:
    provider.will_answer(F04)

    with pytest.raises(ProviderRefusedRequest) as caught:
        await rte.fetch_days(TEMPO, WINTER)

    assert (2, "TMPLIKSUPCON_TMPLIKCAL_F04") == (len(provider.received), caught.value.upstream_code)


XML = Reply(content=b"<Tempo><Couleur>BLEU</Couleur></Tempo>", headers={"content-type": "application/xml"})


async def test_whatever_is_no_data_is_an_error(rte: Rte, provider: ScriptedProvider, redis: Redis) -> None:
    for reply, leaf in (
        (XML, ProviderGarbage),
        (Reply(content=b"<html>Maintenance</html>", headers={"content-type": "text/html"}), ProviderGarbage),
        (Reply({"tempo_like_calendars": {"values": "none"}}), ProviderGarbage),
        (Reply(recorded_rte("error_500_T03"), status=500), ProviderUnavailable),
        (Reply(status=503, content=b"maintenance"), ProviderUnavailable),
        (Reply(status=509, content=b""), ProviderUnavailable),
        (Reply(status=408, content=b""), ProviderUnavailable),
        (Reply(status=403, content=b""), ProviderNotSubscribed),
        (Reply({"error": "TMPLIKSUPCON_TMPLIKCAL_F03"}, status=400), ProviderRefusedRequest),
        (Reply(status=401, content=b""), ProviderTokenRejected),
        (Reply(recorded_rte("tempo_winter"), cut=True), ProviderUnavailable),
    ):
        redis.flushall()
        provider.will_answer(reply)

        with pytest.raises(ProviderError) as caught:
            await rte.fetch_days(TEMPO, WINTER)

        assert leaf is type(caught.value), reply


async def test_a_refused_token_is_renewed_once(rte: Rte, provider: ScriptedProvider) -> None:
    provider.will_answer(Reply(status=401, content=b""), Reply(recorded_rte("tempo_winter")))

    await rte.fetch_days(TEMPO, WINTER)

    assert (2, 2) == (len(provider.token_requests), len(provider.received))


async def test_without_a_token_nothing_is_asked(rte: Rte, provider: ScriptedProvider, redis: Redis) -> None:
    for reply, leaf in (
        (Reply({"token_type": "Bearer", "expires_in": 7199}), ProviderGarbage),
        (Reply({"access_token": "two\nlines", "expires_in": 7199}), ProviderGarbage),
        (Reply({"access_token": "token", "expires_in": "soon"}), ProviderGarbage),
        (Reply(content=b"<html></html>"), ProviderGarbage),
        (Reply(status=500, content=b""), ProviderUnavailable),
        (Reply({"error": "invalid_client"}, status=401), ProviderMisconfigured),
    ):
        redis.flushall()
        provider.start_again(reply)

        with pytest.raises(ProviderError) as caught:
            await rte.fetch_days(TEMPO, WINTER)

        assert leaf is type(caught.value), reply
        assert [] == provider.received, reply


async def test_a_used_up_quota_closes_that_api_alone_for_as_long_as_it_says(
    rte: Rte, provider: ScriptedProvider, redis: Redis
) -> None:
    for headers, seconds in (
        (dict[str, str](), 900),
        ({"Retry-After": "1200"}, 1200),
        ({"Retry-After": "999999"}, 86_400),
        ({"Retry-After": "?"}, 900),
    ):
        redis.flushall()
        provider.will_answer(Reply(status=429, content=b"", headers=headers), Reply(recorded_rte("tempo_winter")))
        before = datetime.now(UTC)

        with pytest.raises(ProviderThrottled) as caught:
            await rte.fetch_days(ECOWATT, SIGNALS)

        pause = timedelta(seconds=seconds)
        assert caught.value.retry_at is not None
        assert before + pause <= caught.value.retry_at <= datetime.now(UTC) + pause, headers
        with pytest.raises(NoSlotYet):
            await rte.fetch_days(ECOWATT, SIGNALS)
        assert 4 == len(await rte.fetch_days(TEMPO, WINTER)), headers


async def test_a_moment_to_ask_again_may_be_a_date(rte: Rte, provider: ScriptedProvider) -> None:
    moment = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    written = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    provider.will_answer(Reply(status=429, content=b"", headers={"Retry-After": written}))

    with pytest.raises(ProviderThrottled) as caught:
        await rte.fetch_days(TEMPO, WINTER)

    assert moment == caught.value.retry_at


async def test_a_refusal_is_logged_with_its_transaction_and_without_a_secret(
    rte: Rte, provider: ScriptedProvider, logs: StringIO
) -> None:
    provider.will_answer(Reply(recorded_rte("error_500_T03"), status=500))

    with pytest.raises(ProviderUnavailable):
        await rte.fetch_days(TEMPO, WINTER)

    (line,) = (each for each in map(json.loads, logs.getvalue().splitlines()) if each["event"] == "RTE refused a call")
    assert ("COMMON_ERROR_T03", "Id-0000000000000000000000a3") == (line["code"], line["transaction_id"])
    assert "opaque-and-secret" not in logs.getvalue()
    assert SECRET not in logs.getvalue()


async def test_days_that_cannot_be_understood_are_logged_and_the_others_taken(
    rte: Rte, provider: ScriptedProvider, logs: StringIO
) -> None:
    body = recorded_rte("tempo_winter")
    body["tempo_like_calendars"]["values"][0]["value"] = "GREY"
    provider.will_answer(Reply(body))

    assert 3 == len(await rte.fetch_days(TEMPO, WINTER))
    assert '"days": 1' in logs.getvalue()


async def test_open_data_is_asked_for_a_period_without_a_token(
    open_data: RteOpenData, provider: ScriptedProvider
) -> None:
    body = recorded_rte("open_data")
    body["results"].append({"date": "2023-01-11", "couleur_du_jour": "mauve"})
    provider.will_answer(Reply(body))

    documents = await open_data.fetch_days(ECOWATT, DayRange(date(2022, 9, 1), date(2023, 6, 1)))

    (call,) = provider.received
    assert "/api/explore/v2.1/catalog/datasets/nouveau_signal_ecowatt/records" == call.path
    where = "date >= date'2022-09-01' and date < date'2023-06-01'"
    assert {"where": where, "order_by": "date", "limit": "100"} == call.query
    assert ("authorization" in call.headers, []) == (False, provider.token_requests)
    assert [date(2022, 9, 1), date(2023, 1, 10)] == sorted(documents)


async def test_open_data_that_is_none_is_an_error(
    open_data: RteOpenData, provider: ScriptedProvider, redis: Redis
) -> None:
    for reply, leaf in (
        (Reply(status=429, content=b""), ProviderThrottled),
        (Reply({"error_code": "ODSQLError"}, status=400), ProviderRefusedRequest),
        (Reply(status=500, content=b""), ProviderUnavailable),
        (Reply(content=b"<html></html>"), ProviderGarbage),
        (Reply({}, cut=True, content=b"{}"), ProviderUnavailable),
    ):
        redis.flushall()
        provider.will_answer(reply)

        with pytest.raises(ProviderError) as caught:
            await open_data.fetch_days(ECOWATT, DayRange(date(2022, 9, 1), date(2022, 9, 2)))

        assert leaf is type(caught.value), reply


async def test_the_registry_builds_both_adapters_for_an_application_of_rte_and_none_without(
    resources: Resources, settings: Settings, provider: ScriptedProvider
) -> None:
    provider.will_answer(Reply(recorded_rte("tempo_winter")), Reply(recorded_rte("open_data")))
    async with open_http(PATIENCE_SECONDS) as http, open_resources(settings) as without:
        built = build_public_providers(resources, http)

        assert {"rte": "rte", "rte_open_data": "rte_open_data"} == {name: each.name for name, each in built.items()}
        assert 4 == len(await built["rte"].fetch_days(TEMPO, WINTER))
        assert 1 == len(await built["rte_open_data"].fetch_days(ECOWATT, DayRange(date(2023, 1, 1), date(2023, 2, 1))))
        assert {} == build_public_providers(without, http)
