"""Access to the administrators' routes: accepted and rejected callers, and that every route requires the admin key."""

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from pydantic import SecretStr

from api.app import openapi_document
from tests.support.api_gateway import Person, Stage

pytestmark = pytest.mark.anyio


@cache
def ways_in() -> list[tuple[str, str]]:
    """Method and path of every operation for administrators, with unknown ids."""
    ids = {"account_id": "acct_0", "invitation_id": "inv_0", "consent_id": "cons_0", "valid_from": "2026-01-01"}
    return [
        (method.upper(), path.format(**ids))
        for path, operations in openapi_document()["paths"].items()
        for method in operations
        if path.startswith("/v1/admin")
    ]


def with_settings(stage: Stage, **changed: Any) -> None:
    """Run the API with other settings."""
    settings = stage.resources.settings.model_copy(update=changed)
    stage.app.state.resources = replace(stage.resources, settings=settings)


async def test_nobody_comes_in_without_the_admin_key(stage: Stage, person: Person) -> None:
    admin = stage.resources.settings.admin_api_key.get_secret_value()
    shown: dict[str, dict[str, Any]] = {
        "no key": {},
        "an account's key": person.headers,
        "a character too few": {"Authorization": f"Bearer {admin[:-1]}"},
        "another scheme": {"Authorization": f"Basic {admin}"},
        "another header": {"X-API-Key": admin},
        "not ASCII": {"Authorization": b"Bearer caf\xe9"},
    }
    for (method, path), (case, headers) in product(ways_in(), shown.items()):
        answer = await stage.client.request(method, path, headers=headers)

        assert (401, "unauthenticated") == (answer.status_code, answer.json()["code"]), (method, path, case)
        assert admin not in answer.text, (method, path, case)


async def test_without_an_admin_key_there_is_no_such_api(stage: Stage) -> None:
    with_settings(stage, admin_api_key=SecretStr(""))
    shown: list[dict[str, str]] = [{}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}]

    for (method, path), headers in product(ways_in(), shown):
        answer = await stage.client.request(method, path, headers=headers)

        assert (404, "not_found") == (answer.status_code, answer.json()["code"]), (method, path, headers)


async def test_the_admin_key_is_no_key_of_an_account(stage: Stage) -> None:
    for headers in (stage.admin, {"X-API-Key": stage.resources.settings.admin_api_key.get_secret_value()}):
        answer = await stage.client.get("/v1/account", headers=headers)

        assert (401, "unauthenticated") == (answer.status_code, answer.json()["code"])


async def test_who_shows_many_wrong_admin_keys_has_to_wait_and_the_right_one_still_lets_in(stage: Stage) -> None:
    with_settings(stage, failed_logins_per_minute=3)
    wrong = {"Authorization": "Bearer wrong"}

    answers = [await stage.client.get("/v1/admin/accounts", headers=wrong) for _ in range(4)]

    assert [401, 401, 401, 429] == [answer.status_code for answer in answers]
    assert "Retry-After" in answers[-1].headers
    assert 200 == (await stage.client.get("/v1/admin/accounts", headers=stage.admin)).status_code


async def test_wrong_admin_keys_do_not_count_as_wrong_keys_of_accounts(stage: Stage) -> None:
    with_settings(stage, failed_logins_per_minute=1)
    for _ in range(2):
        await stage.client.get("/v1/admin/accounts")

    answer = await stage.client.get("/v1/account", headers={"X-API-Key": "wrong"})

    assert 401 == answer.status_code


async def test_every_route_for_administrators_asks_for_their_key_and_no_other_does() -> None:
    document = openapi_document()

    for path, operations in document["paths"].items():
        for operation in operations.values():
            schemes = {name for each in operation.get("security", []) for name in each}
            assert ({"adminKey"} if path.startswith("/v1/admin") else set()) == schemes & {"adminKey"}, path
    assert len(ways_in()) > 10
