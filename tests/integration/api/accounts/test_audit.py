"""The audit over HTTP: each account sees its own chain, administrators all chains, and a break is detected."""

from typing import Any

import pytest
from sqlalchemy import update

from shared.storage.tables import audit_events
from tests.support.api_gateway import Person, Stage

pytestmark = pytest.mark.anyio


async def get(stage: Stage, headers: dict[str, str], path: str) -> Any:
    answer = await stage.client.get(path, headers=headers)
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def make_keys(stage: Stage, person: Person, number: int) -> None:
    for _ in range(number):
        answer = await stage.client.post("/v1/account/keys", headers=person.headers)
        assert 201 == answer.status_code


async def test_an_account_sees_what_was_done_to_it_newest_first(stage: Stage, person: Person) -> None:
    await make_keys(stage, person, 1)

    shown = await get(stage, person.headers, "/v1/account/audit")

    assert [("key.created", 2), ("account.created", 1)] == [
        (each["action"], each["number"]) for each in shown["events"]
    ]
    caller = await stage.resources.accounts.authenticate(person.api_key)
    assert [caller.key.id, "system"] == [each["actor"] for each in shown["events"]]
    assert (True, None) == (shown["intact"], shown["next_before"])


async def test_nobody_sees_the_audit_of_somebody_else(stage: Stage, person: Person) -> None:
    other = await stage.create_person()
    await make_keys(stage, other, 3)

    shown = await get(stage, person.headers, "/v1/account/audit")
    chosen = await get(stage, person.headers, f"/v1/account/audit?chain={other.account.id}")

    assert ["account.created"] == [each["action"] for each in shown["events"]]
    assert shown == chosen


async def test_the_events_come_page_by_page(stage: Stage, person: Person) -> None:
    await make_keys(stage, person, 4)

    first = await get(stage, person.headers, "/v1/account/audit?limit=3")
    second = await get(stage, person.headers, f"/v1/account/audit?limit=3&before={first['next_before']}")

    assert [5, 4, 3, 2, 1] == [each["number"] for page in (first, second) for each in page["events"]]
    assert (3, None) == (first["next_before"], second["next_before"])
    assert (True, None) == (first["intact"], second["intact"])


async def test_an_event_that_was_changed_is_noticed(stage: Stage, person: Person) -> None:
    await make_keys(stage, person, 2)
    async with stage.resources.database.transaction() as connection:
        event = update(audit_events).where(audit_events.c.chain == person.account.id, audit_events.c.number == 2)
        await connection.execute(event.values(action="key.revoked"))

    assert False is (await get(stage, person.headers, "/v1/account/audit"))["intact"]
    assert False is (await get(stage, stage.admin, f"/v1/admin/audit?chain={person.account.id}"))["intact"]
    assert True is (await get(stage, stage.admin, "/v1/admin/audit"))["intact"]


async def test_a_key_that_may_only_read_does_not_see_the_audit(stage: Stage, person: Person) -> None:
    made = await stage.client.post("/v1/account/keys", json={"scopes": ["read"]}, headers=person.headers)

    answer = await stage.client.get("/v1/account/audit", headers={"X-API-Key": made.json()["api_key"]})

    assert (403, "forbidden") == (answer.status_code, answer.json()["code"])


async def test_administrators_see_their_own_chain_and_that_of_each_account(stage: Stage, person: Person) -> None:
    await stage.client.patch(f"/v1/admin/accounts/{person.account.id}", json={"suspended": True}, headers=stage.admin)

    own = await get(stage, stage.admin, "/v1/admin/audit")
    of_account = await get(stage, stage.admin, f"/v1/admin/audit?chain={person.account.id}")

    assert ["account.suspended"] == [each["action"] for each in own["events"]]
    assert ["account.suspended", "account.created"] == [each["action"] for each in of_account["events"]]


async def test_a_chain_that_is_not_there_is_empty_and_whole(stage: Stage) -> None:
    shown = await get(stage, stage.admin, "/v1/admin/audit?chain=acct_0123456789abcdef01234567")

    assert {"events": [], "intact": True, "next_before": None} == shown


async def test_a_page_that_makes_no_sense_is_refused(stage: Stage) -> None:
    for query in ("chain=system", "chain=", "chain=acct_", "before=0", "before=x", "limit=501"):
        answer = await stage.client.get(f"/v1/admin/audit?{query}", headers=stage.admin)

        assert 422 == answer.status_code, query
