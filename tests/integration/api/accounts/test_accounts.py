"""Accounts over HTTP."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.config.settings import Settings
from shared.consents.models import UsagePoint
from shared.crypto.api_key_format import new_api_key
from tests.support.api_gateway import Person, Stage

pytestmark = pytest.mark.anyio


async def test_a_new_account_gets_a_key_that_opens_it(stage: Stage) -> None:
    created = await stage.client.post("/v1/accounts")

    assert 201 == created.status_code
    assert "no-store" == created.headers["Cache-Control"]
    seen = await stage.client.get("/v1/account", headers={"Authorization": f"Bearer {created.json()['api_key']}"})
    assert 200 == seen.status_code
    expected = {**created.json()["account"], "email": None, "usage_points": []}
    assert expected == {name: value for name, value in seen.json().items() if name not in ("key", "quotas")}
    assert ["fetch", "manage", "read"] == seen.json()["key"]["scopes"]


async def test_the_key_may_come_in_a_header_of_its_own(stage: Stage, person: Person) -> None:
    answer = await stage.client.get("/v1/account", headers={"X-API-Key": person.api_key})

    assert 200 == answer.status_code


async def test_an_account_lists_its_usage_points(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    answer = await stage.client.get("/v1/account", headers=person.headers)

    assert [
        {
            "usage_point_id": usage_point.prm,
            "directions": ["consumption"],
            "consent_status": "granted",
            "expires_on": "2029-10-19",
        }
    ] == answer.json()["usage_points"]


async def test_a_closed_gateway_takes_no_new_account(stage: Stage, settings: Settings) -> None:
    closed = settings.model_copy(update={"registration": "closed"})
    stage.app.state.resources = replace(stage.resources, settings=closed)

    answer = await stage.client.post("/v1/accounts")

    assert (403, "registration_closed") == (answer.status_code, answer.json()["code"])


def _mistyped(key: str) -> str:
    return key[:-1] + ("A" if key[-1] != "A" else "B")


def _not_valid(key: str) -> dict[str, dict[str, Any]]:
    """Invalid headers that are similar to valid ones."""
    return {
        "no key": {},
        "empty": {"Authorization": "Bearer "},
        "mistyped": {"Authorization": f"Bearer {_mistyped(key)}"},
        "one character too many": {"Authorization": f"Bearer {key}x"},
        "another scheme": {"Authorization": f"Basic {key}"},
        "no scheme": {"Authorization": key},
        "absurdly long": {"Authorization": "Bearer " + "rlv_" * 5000},
        "well formed, wrong checksum": {"X-API-Key": "rlv_" + "0" * 49},
        "not ASCII": {"X-API-Key": "cl\u00e9".encode("latin-1")},
        "UTF-8": {"X-API-Key": "caf\u00e9 \u20ac".encode()},
    }


async def test_without_a_valid_key_nobody_comes_in(stage: Stage, person: Person) -> None:
    for case, headers in _not_valid(person.api_key).items():
        answer = await stage.client.get("/v1/account", headers=headers)

        assert (401, "unauthenticated") == (answer.status_code, answer.json()["code"]), case
        assert "application/problem+json" == answer.headers["Content-Type"], case
        assert "Bearer" == answer.headers["WWW-Authenticate"], case
        assert person.api_key not in answer.text, case


async def test_a_key_of_another_gateway_is_not_a_key_here(stage: Stage) -> None:
    answer = await stage.client.get("/v1/account", headers={"X-API-Key": new_api_key()})

    assert 401 == answer.status_code


async def test_every_refusal_of_a_key_says_the_same(stage: Stage, person: Person) -> None:
    keys = [_mistyped(person.api_key), new_api_key(), "x"]
    answers = [await stage.client.get("/v1/account", headers={"X-API-Key": key}) for key in keys]

    assert 1 == len({json.dumps(answer.json()) for answer in answers})
