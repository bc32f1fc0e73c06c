"""`POST /oauth2/v3/token` and the access that a token gives."""

import base64
import json

import httpx
import pytest

from simulator.clock import ManualClock
from simulator.config import SimulatorSettings
from tests.support.cases import case

pytestmark = pytest.mark.anyio

PATH = "/oauth2/v3/token"
SECRET = "not-a-secret"
CLIENT = {"client_id": "application-under-test", "client_secret": SECRET}
GRANT = {"grant_type": "client_credentials"}
GATED = "/mesure_synchrone_auto/v2/consommation_quotidienne"


async def test_body_credentials_get_a_token_for_three_hours_and_a_half(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post(PATH, data=GRANT | CLIENT)
    body = answer.json()

    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 12_600, "default")
    assert answer.headers["cache-control"] == "no-store"


async def test_basic_credentials_get_a_token(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post(PATH, data=GRANT, auth=(CLIENT["client_id"], SECRET))

    assert answer.status_code == 200


async def test_the_token_lists_the_subscribed_apis(anonymous: httpx.AsyncClient) -> None:
    token = (await anonymous.post(PATH, data=GRANT | CLIENT)).json()["access_token"]
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    assert {"mesure_synchrone_auto", "subscribed_services"} <= {api["name"] for api in claims["subscribedAPIs"]}


async def test_a_bad_request_gets_an_rfc_6749_error(anonymous: httpx.AsyncClient) -> None:
    cases: list[tuple[dict[str, str], int, str]] = [
        (CLIENT, 400, "invalid_request"),
        (CLIENT | {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (GRANT, 401, "invalid_client"),
        (GRANT | CLIENT | {"client_secret": "wrong"}, 401, "invalid_client"),
        (GRANT | CLIENT | {"client_id": "wrong"}, 401, "invalid_client"),
        (GRANT | CLIENT | {"client_secret": "é"}, 401, "invalid_client"),
    ]

    for body, status, error in cases:
        with case(body, status, error):
            answer = await anonymous.post(PATH, data=body)

            assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_credentials_in_the_query_are_refused_even_if_right(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post(PATH, params=GRANT | CLIENT, data=GRANT | CLIENT)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert SECRET not in answer.text


async def test_json_is_no_form(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post(PATH, json=GRANT | CLIENT)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_malformed_basic_credentials_are_refused(anonymous: httpx.AsyncClient) -> None:
    for header in ["Basic !!!", "Basic //8=", "Basic YQ=="]:
        with case(header):
            answer = await anonymous.post(PATH, data=GRANT, headers={"Authorization": header})

            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_an_api_without_a_token_answers_900902(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get(GATED)

    assert (answer.status_code, answer.json()["code"]) == (401, "900902")


async def test_an_unknown_token_answers_900901(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get(GATED, headers={"Authorization": "Bearer invented"})

    assert answer.status_code == 401
    assert answer.json().keys() == {"code", "message", "description"}
    assert answer.json()["code"] == "900901"


async def test_a_token_ends_at_its_second(
    enedis: httpx.AsyncClient, clock: ManualClock, settings: SimulatorSettings
) -> None:
    clock.advance(settings.token_ttl_seconds - 1)
    last_moment = await enedis.get(GATED)
    clock.advance(1)
    too_late = await enedis.get(GATED)

    assert last_moment.status_code == 500  # past the gateway: refused for its missing parameters
    assert (too_late.status_code, too_late.json()["code"]) == (401, "900901")


async def test_tokens_can_be_revoked_one_by_one_and_all_at_once(enedis: httpx.AsyncClient) -> None:
    token = enedis.headers["Authorization"].removeprefix("Bearer ")
    await enedis.post("/oauth2/v3/revoke", data={"token": token})
    revoked = await enedis.get(GATED)
    other = (await enedis.post(PATH, data=GRANT | CLIENT)).json()["access_token"]
    cleared = await enedis.delete("/control/tokens")
    refused = await enedis.get(GATED, headers={"Authorization": f"Bearer {other}"})

    assert (revoked.status_code, cleared.json(), refused.status_code) == (401, {"count": 1}, 401)


async def test_token_requests_are_counted(enedis: httpx.AsyncClient) -> None:
    await enedis.post(PATH, data=GRANT | CLIENT)
    counted = await enedis.get("/control/calls/count", params={"api": "token"})

    assert counted.json()["count"] == 2


async def test_an_unsubscribed_api_answers_900908_and_is_missing_in_the_token(enedis: httpx.AsyncClient) -> None:
    await enedis.post("/control/settings", json={"unsubscribed_apis": ["mesure_synchrone_auto"]})
    answer = await enedis.get(GATED)

    assert answer.status_code == 403
    assert answer.json() == {
        "code": "900908",
        "message": "Resource forbidden ",
        "description": "User is NOT authorized to access the Resource. API Subscription validation failed.",
    }
