"""API keys over HTTP: creation, listing, revocation; the permissions of each scope; the rate limit on wrong keys."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.crypto.api_key_format import new_api_key
from tests.support.api_gateway import PRM, Person, Stage

pytestmark = pytest.mark.anyio

CURVE = f"/v1/usage-points/{PRM}/readings/consumption_load_curve"
DAYS = {"start": "2026-10-01", "end": "2026-10-02"}


async def make_key(stage: Stage, person: Person, **wish: Any) -> httpx.Response:
    return await stage.client.post("/v1/account/keys", headers=person.headers, json=wish)


async def headers_of_key(stage: Stage, person: Person, scopes: Iterable[str]) -> dict[str, str]:
    made = await make_key(stage, person, scopes=list(scopes))
    return {"Authorization": f"Bearer {made.json()['api_key']}"}


async def test_a_key_is_shown_once_and_listed_without_itself(stage: Stage, person: Person) -> None:
    made = await make_key(stage, person, name="  Home Assistant ", scopes=["read", "fetch"])

    listed = await stage.client.get("/v1/account/keys", headers=person.headers)
    assert (201, "no-store") == (made.status_code, made.headers["Cache-Control"])
    key = {name: value for name, value in made.json().items() if name != "api_key"}
    assert ("Home Assistant", ["fetch", "read"], None) == (key["name"], key["scopes"], key["last_used_at"])
    assert 2 == len(listed.json()["keys"])
    assert key in listed.json()["keys"]
    assert made.json()["api_key"] not in listed.text


async def test_a_key_without_wishes_is_like_the_one_that_made_it(stage: Stage, person: Person) -> None:
    made = await stage.client.post("/v1/account/keys", headers=person.headers)

    assert (201, ["fetch", "manage", "read"]) == (made.status_code, made.json()["scopes"])


async def test_another_key_reads_what_is_stored_already(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    await stage.store_curve(usage_point, stage.clock.now.date().replace(day=1), stage.clock.now.date().replace(day=2))

    answer = await stage.client.get(CURVE, params=DAYS, headers=await headers_of_key(stage, person, ["read"]))

    assert (200, 48) == (answer.status_code, len(answer.json()["readings"]))


CAN_NOT_BE_GRANTED: dict[str, tuple[dict[str, Any], str]] = {
    "no scope": ({"scopes": []}, "/scopes"),
    "unknown scope": ({"scopes": ["read", "everything"]}, "/scopes/1"),
    "no list": ({"scopes": "read"}, "/scopes"),
    "no name": ({"name": ""}, "/name"),
    "long name": ({"name": "x" * 101}, "/name"),
    "past": ({"expires_at": "2026-10-20T09:59:59Z"}, "/expires_at"),
    "no offset": ({"expires_at": "2027-10-20T09:59:59"}, "/expires_at"),
    "unknown field": ({"secret": "x"}, ""),
}


async def test_a_wish_that_can_not_be_granted_makes_no_key(stage: Stage, person: Person) -> None:
    for case, (wish, pointer) in CAN_NOT_BE_GRANTED.items():
        answer = await make_key(stage, person, **wish)

        assert (422, [pointer]) == (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]), case
    assert 1 == len((await stage.client.get("/v1/account/keys", headers=person.headers)).json()["keys"])


async def test_a_key_that_was_taken_back_is_refused(stage: Stage, person: Person) -> None:
    made = (await make_key(stage, person)).json()

    taken = await stage.client.delete(f"/v1/account/keys/{made['id']}", headers=person.headers)

    after = await stage.client.get("/v1/account", headers={"X-API-Key": made["api_key"]})
    again = await stage.client.delete(f"/v1/account/keys/{made['id']}", headers=person.headers)
    assert (204, b"") == (taken.status_code, taken.content)
    assert (401, 404) == (after.status_code, again.status_code)


async def test_the_last_key_can_not_be_taken_back(stage: Stage, person: Person) -> None:
    (own,) = (await stage.client.get("/v1/account/keys", headers=person.headers)).json()["keys"]

    answer = await stage.client.delete(f"/v1/account/keys/{own['id']}", headers=person.headers)

    assert (409, "last_key") == (answer.status_code, answer.json()["code"])


async def test_an_expired_key_is_refused_like_an_unknown_one(stage: Stage, person: Person) -> None:
    expiry = (stage.clock.now + timedelta(days=1)).isoformat()
    made = (await make_key(stage, person, expires_at=expiry)).json()
    before = await stage.client.get("/v1/account", headers={"X-API-Key": made["api_key"]})

    stage.clock.now += timedelta(days=1)
    after = await stage.client.get("/v1/account", headers={"X-API-Key": made["api_key"]})

    unknown = await stage.client.get("/v1/account", headers={"X-API-Key": new_api_key()})
    assert (200, 401) == (before.status_code, after.status_code)
    assert unknown.json() == after.json()


async def test_a_scope_allows_its_own_and_nothing_else(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    order = {"usage_point_id": PRM, "dataset": "consumption_load_curve", **DAYS}
    for scope, allowed in {"read": {"readings"}, "fetch": {"job"}, "manage": {"keys", "consent"}}.items():
        headers = await headers_of_key(stage, person, [scope])
        requests = {
            "readings": stage.client.build_request("GET", CURVE, params=DAYS, headers=headers),
            "job": stage.client.build_request("POST", "/v1/jobs", json=order, headers=headers),
            "keys": stage.client.build_request("GET", "/v1/account/keys", headers=headers),
            "consent": stage.client.build_request("POST", "/v1/consents", headers=headers),
        }

        statuses = {name: (await stage.client.send(request)).status_code for name, request in requests.items()}

        assert allowed == {name for name, status in statuses.items() if status < 400}, scope
        assert {403} == {status for name, status in statuses.items() if name not in allowed}, scope


async def test_a_refusal_names_the_scope_that_is_missing(stage: Stage, person: Person) -> None:
    answer = await stage.client.get("/v1/account/keys", headers=await headers_of_key(stage, person, ["read"]))

    assert "forbidden" == answer.json()["code"]
    assert "manage" in answer.json()["detail"]


async def test_an_account_has_an_address_if_it_wants_to_and_nobody_else_sees_it(stage: Stage) -> None:
    made = await stage.client.post("/v1/accounts", json={"email": "somebody@example.org"})

    own = await stage.client.get("/v1/account", headers={"X-API-Key": made.json()["api_key"]})

    assert "somebody@example.org" == own.json()["email"]
    assert "somebody@example.org" not in made.text


async def test_an_address_that_is_none_is_refused(stage: Stage) -> None:
    for email in ("nobody", "two@at@example.org", "a b@example.org", "x" * 300 + "@example.org", 7):
        answer = await stage.client.post("/v1/accounts", json={"email": email})

        assert (422, "/email") == (answer.status_code, answer.json()["errors"][0]["pointer"]), email


def with_settings(stage: Stage, settings: Settings, **changes: object) -> None:
    stage.app.state.resources = replace(stage.resources, settings=settings.model_copy(update=changes))


async def test_registrations_from_one_address_are_slowed_down(stage: Stage, settings: Settings) -> None:
    with_settings(stage, settings, registrations_per_hour=3)

    answers = [await stage.client.post("/v1/accounts") for _ in range(4)]

    refused = answers[-1]
    assert [201, 201, 201, 429] == [answer.status_code for answer in answers]
    assert ("too_many_requests", True) == (refused.json()["code"], refused.json()["retryable"])
    assert int(refused.headers["Retry-After"]) >= 1


async def test_wrong_keys_are_slowed_down_and_the_right_one_comes_in_all_the_same(
    stage: Stage, settings: Settings, person: Person
) -> None:
    with_settings(stage, settings, failed_logins_per_minute=3)

    wrong = [(await stage.client.get("/v1/account", headers={"X-API-Key": new_api_key()})).status_code for _ in "1234"]

    assert [401, 401, 401, 429] == wrong
    assert 200 == (await stage.client.get("/v1/account", headers=person.headers)).status_code


async def test_what_counts_as_one_address(stage: Stage, settings: Settings) -> None:
    """An IPv6 /64 network counts as one address, although its owner can choose among 2^64."""
    with_settings(stage, settings, registrations_per_hour=1)
    # No network occurs in two pairs, so that no pair counts for another.
    pairs = {
        ("192.0.2.1", "192.0.2.2"): [201, 201],
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"): [201, 429],
        ("2001:db8:2:2::1", "2001:db8:2:3::1"): [201, 201],
        ("::ffff:192.0.2.3", "192.0.2.3"): [201, 429],
    }
    for pair, expected in pairs.items():
        statuses = []
        for host in pair:
            transport = httpx.ASGITransport(stage.app, client=(host, 4711))
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
                statuses.append((await client.post("/v1/accounts")).status_code)

        assert expected == statuses, pair
