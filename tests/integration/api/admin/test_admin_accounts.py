"""Accounts for administrators: the visible fields, the possible changes, and their audit entries."""

from typing import Any

import pytest

from shared.consents.models import UsagePoint
from shared.core.errors import AccountSuspended
from tests.support.api_gateway import Person, Stage

pytestmark = pytest.mark.anyio

NOBODY = "acct_0123456789abcdef01234567"
EMAIL = "somebody@example.org"


async def get(stage: Stage, path: str) -> Any:
    answer = await stage.client.get(f"/v1/admin{path}", headers=stage.admin)
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def change(stage: Stage, person: Person, **changes: Any) -> Any:
    path = f"/v1/admin/accounts/{person.account.id}"
    answer = await stage.client.patch(path, json=changes, headers=stage.admin)
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def actions(stage: Stage, chain: str) -> list[tuple[str, str, Any]]:
    """The events of a chain, oldest first."""
    return [
        (each.actor, each.action, each.details) for each in reversed(await stage.resources.audit.load_events(chain))
    ]


async def test_an_account_is_shown_by_its_figures(stage: Stage, person: Person, usage_point: UsagePoint) -> None:
    shown = await get(stage, "/accounts")

    assert {
        "accounts": [
            {
                "id": person.account.id,
                "created_at": "2026-10-20T10:00:00Z",
                "suspended_at": None,
                "fetch_quota": None,
                "read_quota": None,
                "usage_point_count": 1,
                "key_count": 1,
            }
        ],
        "next_after": None,
    } == shown


async def test_the_accounts_come_page_by_page_each_once(stage: Stage) -> None:
    everybody = {(await stage.create_person()).account.id for _ in range(5)}
    seen: list[str] = []
    after = ""

    while after is not None:
        page = await get(stage, f"/accounts?limit=2{after and f'&after={after}'}")
        seen += [each["id"] for each in page["accounts"]]
        after = page["next_after"]

    assert sorted(everybody) == seen


async def test_an_email_address_is_shown_for_one_account_and_the_account_can_see_that_it_was(stage: Stage) -> None:
    account, _ = await stage.resources.accounts.create_account(stage.clock.now, email=EMAIL)

    shown = await get(stage, f"/accounts/{account.id}")

    assert EMAIL == shown["email"]
    assert ("admin", "account.email_shown", {}) == (await actions(stage, account.id))[-1]
    assert ("admin", "account.email_shown", {"account_id": account.id}) == (await actions(stage, "admin"))[-1]
    assert EMAIL not in (await stage.client.get("/v1/admin/accounts", headers=stage.admin)).text


async def test_where_there_is_no_email_address_nothing_was_shown(stage: Stage, person: Person) -> None:
    shown = await get(stage, f"/accounts/{person.account.id}")

    assert shown["email"] is None
    assert [] == await actions(stage, "admin")


async def test_an_account_that_is_not_there_is_not_found(stage: Stage) -> None:
    for method, end in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("DELETE", "/readings")):
        path = f"/v1/admin/accounts/{NOBODY}{end}"
        body: Any = {} if method == "PATCH" else None
        answer = await stage.client.request(method, path, headers=stage.admin, json=body)

        assert (404, "not_found") == (answer.status_code, answer.json()["code"]), (method, end)
    assert [] == await actions(stage, "admin")


async def test_no_key_of_a_suspended_account_lets_in_until_it_is_resumed(stage: Stage, person: Person) -> None:
    suspended = await change(stage, person, suspended=True)
    refused = await stage.client.get("/v1/account", headers=person.headers)
    resumed = await change(stage, person, suspended=False)
    let_in = await stage.client.get("/v1/account", headers=person.headers)

    assert "2026-10-20T10:00:00Z" == suspended["suspended_at"]
    assert (403, "account_suspended") == (refused.status_code, refused.json()["code"])
    assert resumed["suspended_at"] is None
    assert 200 == let_in.status_code


async def test_suspending_is_written_down_for_both_and_once(stage: Stage, person: Person) -> None:
    for suspended in (True, True, False, False):
        await change(stage, person, suspended=suspended)

    assert [("admin", "account.suspended", {}), ("admin", "account.resumed", {})] == (
        await actions(stage, person.account.id)
    )[-2:]
    of_account = {"account_id": person.account.id}
    assert [("admin", "account.suspended", of_account), ("admin", "account.resumed", of_account)] == (
        await actions(stage, "admin")
    )


async def test_quotas_are_set_one_by_one_and_given_back(stage: Stage, person: Person) -> None:
    assert (10, None) == quotas(await change(stage, person, fetch_quota=10))
    assert (10, 0) == quotas(await change(stage, person, read_quota=0))
    assert (None, 0) == quotas(await change(stage, person, fetch_quota=None))
    assert ("admin", "account.quotas_set", {"fetch_quota": None}) == (await actions(stage, person.account.id))[-1]
    caller = await stage.resources.accounts.authenticate(person.api_key)
    assert (None, 0) == (caller.account.fetch_quota, caller.account.read_quota)


def quotas(document: Any) -> tuple[int | None, int | None]:
    return document["fetch_quota"], document["read_quota"]


async def test_a_change_of_nothing_changes_nothing(stage: Stage, person: Person) -> None:
    before = await get(stage, f"/accounts/{person.account.id}")

    await change(stage, person)

    assert before == await get(stage, f"/accounts/{person.account.id}")
    assert [] == await actions(stage, "admin")


async def test_a_change_that_makes_no_sense_is_refused(stage: Stage, person: Person) -> None:
    path = f"/v1/admin/accounts/{person.account.id}"
    senseless: list[dict[str, Any]] = [
        {"suspended": None},
        {"fetch_quota": -1},
        {"read_quota": 1.5},
        {"email": EMAIL},
        {"suspended": "perhaps"},
    ]
    for changes in senseless:
        answer = await stage.client.patch(path, json=changes, headers=stage.admin)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), changes


async def test_nothing_is_asked_of_the_provider_for_a_suspended_account(
    stage: Stage, person: Person, usage_point: UsagePoint
) -> None:
    await change(stage, person, suspended=True)

    with pytest.raises(AccountSuspended):
        await stage.resources.usage_points.load_active(usage_point.id, stage.clock.now)
    assert [] == await stage.resources.usage_points.active_ids(stage.clock.now)
    await change(stage, person, suspended=False)
    assert [usage_point.id] == await stage.resources.usage_points.active_ids(stage.clock.now)
