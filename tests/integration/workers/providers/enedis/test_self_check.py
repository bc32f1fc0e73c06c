"""The start-up check, over HTTP against the simulated Enedis: its passed and failed checks."""

import base64
import json
from collections.abc import Iterator
from itertools import product

import httpx
import pytest
from pydantic import SecretStr

from shared.config.settings import Settings, load_settings
from simulator.app import create_app
from simulator.config import SimulatorSettings
from tests.support.loopback import served
from tests.support.patience import PATIENCE_SECONDS, PROVIDER_PATIENCE_SECONDS
from workers.providers.enedis import self_check as check
from workers.providers.enedis.self_check import Finding, Outcome, check_enedis, has_failed, subscribed_apis

pytestmark = pytest.mark.anyio

CLIENT_ID, CLIENT_SECRET = "application-under-test", "not-a-secret-of-anybody"


@pytest.fixture(scope="module")
def served_enedis() -> Iterator[str]:
    """The simulated Enedis; tests use `enedis`, which is reset for each test."""
    settings = SimulatorSettings(
        client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET), redirect_uri="http://gateway.test/oauth/callback"
    )
    with served(create_app(settings)) as address:
        yield address


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the timeout, so that working checks pass on a slow machine."""
    monkeypatch.setattr(check, "_TIMEOUT_SECONDS", PATIENCE_SECONDS)


@pytest.fixture
def enedis(served_enedis: str) -> str:
    """The URL of the simulated Enedis, without faults."""
    with httpx.Client(base_url=f"{served_enedis}/control", timeout=PATIENCE_SECONDS) as control:
        control.delete("/faults").raise_for_status()
        control.post("/settings", json={"unsubscribed_apis": []}).raise_for_status()
    return served_enedis


def settings_for(address: str, **changes: str) -> Settings:
    return load_settings(
        {
            "RELEVE_SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
            "REDIS_URL": "unix:///nowhere/valkey.sock",
            "DATABASE_URL": "sqlite+aiosqlite:///nowhere.db",
            "RELEVE_PUBLIC_URL": "https://releve.test/",
            "ENEDIS_BASE_URL": address,
            "ENEDIS_AUTHORIZE_URL": f"{address}/dataconnect/v2/oauth2/authorize",
            "ENEDIS_CLIENT_ID": CLIENT_ID,
            "ENEDIS_CLIENT_SECRET": CLIENT_SECRET,
            "ENEDIS_TIMEOUT_SECONDS": str(PROVIDER_PATIENCE_SECONDS),
            **changes,
        }
    )


async def control(enedis: str, path: str, body: dict[str, object]) -> None:
    """Change the behaviour of the simulated Enedis."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        (await client.post(f"{enedis}/control/{path}", json=body)).raise_for_status()


async def outcomes(settings: Settings) -> tuple[dict[str, Outcome], dict[str, Finding]]:
    findings = await check_enedis(settings)
    told = repr(findings)
    for secret in (CLIENT_ID, CLIENT_SECRET, "eyJ", "userinfo"):
        assert secret not in told
    by_name = {each.name: each for each in findings}
    assert any(each.outcome is Outcome.FAILED for each in findings) is has_failed(findings)
    # Each failed check comes with a remedy.
    assert [] == [each for each in findings if each.outcome is Outcome.FAILED and not each.action]
    return {name: each.outcome for name, each in by_name.items()}, by_name


async def test_with_everything_in_order_all_is_well(enedis: str) -> None:
    for generation, page in product(("2026", "v5", "auto"), ("v1", "v2")):
        address = f"{enedis}/dataconnect/{page}/oauth2/authorize"

        found, by_name = await outcomes(settings_for(enedis, ENEDIS_API=generation, ENEDIS_AUTHORIZE_URL=address))

        assert {Outcome.OK, Outcome.INFO} == set(found.values()), (generation, page)
        assert "https://releve.test/oauth/callback" == by_name["redirect URI"].detail, (generation, page)
        assert "3 h 30 min" in by_name["token"].detail, (generation, page)
        assert f"APIs: {generation}" in by_name["generation"].detail, (generation, page)
        assert f"consent page: {page}" in by_name["generation"].detail, (generation, page)


async def test_a_wrong_secret_is_told_from_an_outage(enedis: str) -> None:
    found, by_name = await outcomes(settings_for(enedis, ENEDIS_CLIENT_SECRET="another"))

    assert (Outcome.OK, Outcome.FAILED) == (found["API gateway"], found["token"])
    assert "does not accept" in by_name["token"].detail
    assert "subscribed APIs" not in found


async def test_missing_credentials_are_named_and_no_token_is_asked_for(enedis: str) -> None:
    found, by_name = await outcomes(settings_for(enedis, ENEDIS_CLIENT_ID=""))

    assert (Outcome.FAILED, Outcome.SKIPPED) == (found["credentials"], found["token"])
    assert by_name["credentials"].detail.endswith("ENEDIS_CLIENT_ID")


async def test_a_needed_api_that_the_token_does_not_list_is_named(enedis: str) -> None:
    await control(enedis, "settings", {"unsubscribed_apis": ["subscribed_services"]})

    found, by_name = await outcomes(settings_for(enedis))
    page = f"{enedis}/dataconnect/v1/oauth2/authorize"
    with_page_v1, _ = await outcomes(settings_for(enedis, ENEDIS_AUTHORIZE_URL=page))

    assert Outcome.FAILED is found["subscribed APIs"]
    assert by_name["subscribed APIs"].detail.endswith(": subscribed_services")
    # Page v1 returns usage points: they need no exchange.
    assert Outcome.OK is with_page_v1["subscribed APIs"]


async def test_an_api_that_only_records_need_is_told_and_does_not_fail(enedis: str) -> None:
    await control(enedis, "settings", {"unsubscribed_apis": ["comptage_auto"]})

    found, by_name = await outcomes(settings_for(enedis))

    assert Outcome.INFO is found["subscribed APIs"]
    assert "comptage_auto" in by_name["subscribed APIs"].detail


async def test_a_token_endpoint_that_does_not_work_is_an_outage(enedis: str) -> None:
    await control(enedis, "faults", {"kind": "technical_error", "api": "token", "count": None})

    found, by_name = await outcomes(settings_for(enedis))

    assert (Outcome.OK, Outcome.FAILED) == (found["API gateway"], found["token"])
    assert "a few minutes" in by_name["token"].action


async def test_where_nobody_listens_nothing_is_reached_and_no_token_asked_for() -> None:
    found, _ = await outcomes(settings_for("http://127.0.0.1:9"))

    assert (Outcome.FAILED, Outcome.FAILED, Outcome.SKIPPED) == (
        found["API gateway"],
        found["consent page"],
        found["token"],
    )


async def test_an_address_that_can_not_be_called_is_said_to_be_none() -> None:
    for address in (
        "not an address",
        "ftp://127.0.0.1",
        "http://",
        "http://[::1",
        "http://127.0.0.1:x",
        "http://a b/",
    ):
        found, by_name = await outcomes(settings_for("http://127.0.0.1:9", ENEDIS_BASE_URL=address))

        assert Outcome.FAILED is found["API gateway"], address
        assert "ENEDIS_BASE_URL" in by_name["API gateway"].action, address


async def test_a_password_in_an_address_is_not_repeated() -> None:
    _, by_name = await outcomes(
        settings_for("http://127.0.0.1:9", ENEDIS_BASE_URL="http://userinfo:userinfo@127.0.0.1:9")
    )

    assert "http://127.0.0.1:9 does not respond" == by_name["API gateway"].detail


def jwt(claims: object) -> str:
    parts = [json.dumps({"alg": "RS256"}).encode(), json.dumps(claims).encode(), b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_a_token_is_read_where_it_can_be_and_opaque_otherwise() -> None:
    tokens: list[tuple[str, set[str] | None]] = [
        (jwt({"subscribedAPIs": [{"name": "Subscribed Services", "context": "/x/v1"}]}), {"subscribedservices", "x"}),
        (jwt({"subscribedAPIs": [{"context": "/mesure_synchrone_auto/v2"}]}), {"mesuresynchroneauto"}),
        (jwt({"subscribedAPIs": []}), set()),
        (jwt({"subscribedAPIs": [None, 1, "x", {}, {"name": None}]}), {"none"}),
        (jwt({"subscribedAPIs": "x"}), None),
        (jwt({}), None),
        (jwt([]), None),
        ("opaque", None),
        ("a.b.c", None),
        ("..", None),
        ("é.é.é", None),
        (f"a.{'W' * 100_000}.c", None),
    ]

    assert [expected for _, expected in tokens] == [subscribed_apis(token) for token, _ in tokens]
