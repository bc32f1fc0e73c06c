"""Invitations: a code registers one account, once, before it expires, and is shown only once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.api_gateway import Stage

pytestmark = pytest.mark.anyio

PATH = "/v1/admin/invitations"


@pytest.fixture
async def by_invitation(stage: Stage) -> Stage:
    """A gateway where registration requires an invitation."""
    settings = stage.resources.settings.model_copy(update={"registration": "invite"})
    stage.app.state.resources = replace(stage.resources, settings=settings)
    return stage


async def invite(stage: Stage, **asked: Any) -> Any:
    answer = await stage.client.post(PATH, json=asked, headers=stage.admin)
    assert 201 == answer.status_code, answer.text
    assert "no-store" == answer.headers["Cache-Control"]
    return answer.json()


async def register(stage: Stage, code: str | None) -> tuple[int, str | None]:
    answer = await stage.client.post("/v1/accounts", json={} if code is None else {"invitation": code})
    return answer.status_code, answer.json().get("code")


REFUSED = (403, "invitation_refused")


async def test_a_code_lets_one_person_in(by_invitation: Stage) -> None:
    invitation = await invite(by_invitation)

    assert (201, None) == await register(by_invitation, invitation["code"])
    assert REFUSED == await register(by_invitation, invitation["code"])


async def test_without_a_code_that_is_good_nobody_comes_in(by_invitation: Stage) -> None:
    await invite(by_invitation)

    for code in (None, "", "rlvi_0123456789abcdefghijklmnopqrstuv", "x" * 100, "é"):
        assert REFUSED == await register(by_invitation, code), code
    assert [] == await by_invitation.resources.administration.list_accounts()


async def test_a_code_used_by_twenty_at_the_same_moment_makes_one_account(by_invitation: Stage) -> None:
    invitation = await invite(by_invitation)

    answers = await asyncio.gather(*(register(by_invitation, invitation["code"]) for _ in range(20)))

    assert [(201, None), *[REFUSED] * 19] == sorted(answers, key=lambda answer: answer[0])
    assert 1 == len(await by_invitation.resources.administration.list_accounts())


async def test_a_code_is_good_until_its_last_moment(by_invitation: Stage) -> None:
    in_time, too_late = await invite(by_invitation, lifetime_days=2), await invite(by_invitation, lifetime_days=1)
    by_invitation.clock.now += timedelta(days=1)

    assert REFUSED == await register(by_invitation, too_late["code"])
    assert (201, None) == await register(by_invitation, in_time["code"])


async def test_an_invitation_that_was_taken_back_is_good_for_nothing(by_invitation: Stage) -> None:
    invitation = await invite(by_invitation)

    answer = await by_invitation.client.delete(f"{PATH}/{invitation['id']}", headers=by_invitation.admin)
    again = await by_invitation.client.delete(f"{PATH}/{invitation['id']}", headers=by_invitation.admin)

    assert (204, 404) == (answer.status_code, again.status_code)
    assert REFUSED == await register(by_invitation, invitation["code"])


async def test_invitations_are_listed_without_their_codes(by_invitation: Stage) -> None:
    used, unused = await invite(by_invitation), await invite(by_invitation)
    await register(by_invitation, used["code"])

    listed = await by_invitation.client.get(PATH, headers=by_invitation.admin)

    shown = {each["id"]: each for each in listed.json()["invitations"]}
    assert "2026-10-20T10:00:00Z" == shown[used["id"]]["used_at"]
    assert {name: value for name, value in unused.items() if name != "code"} == shown[unused["id"]]
    assert "2026-10-27T10:00:00Z" == unused["expires_at"]
    assert used["code"] not in listed.text


async def test_invitations_come_page_by_page(by_invitation: Stage) -> None:
    made = sorted([(await invite(by_invitation))["id"] for _ in range(3)])

    first = (await by_invitation.client.get(f"{PATH}?limit=2", headers=by_invitation.admin)).json()
    path = f"{PATH}?limit=2&after={first['next_after']}"
    second = (await by_invitation.client.get(path, headers=by_invitation.admin)).json()

    assert made == [each["id"] for page in (first, second) for each in page["invitations"]]
    assert second["next_after"] is None


async def test_what_becomes_of_an_invitation_is_written_down(by_invitation: Stage) -> None:
    used, taken_back = await invite(by_invitation), await invite(by_invitation)
    await register(by_invitation, used["code"])
    await by_invitation.client.delete(f"{PATH}/{taken_back['id']}", headers=by_invitation.admin)
    (account,) = await by_invitation.resources.administration.list_accounts()

    events = reversed(await by_invitation.resources.audit.load_events("admin"))

    assert [
        ("admin", "invitation.created", {"invitation_id": used["id"]}),
        ("admin", "invitation.created", {"invitation_id": taken_back["id"]}),
        ("system", "invitation.used", {"invitation_id": used["id"], "account_id": account.id}),
        ("admin", "invitation.deleted", {"invitation_id": taken_back["id"]}),
    ] == [(each.actor, each.action, each.details) for each in events]


async def test_a_code_is_not_used_up_where_registration_is_open(stage: Stage) -> None:
    invitation = await invite(stage)

    assert (201, None) == await register(stage, invitation["code"])

    (kept,) = await stage.resources.invitations.list_invitations()
    assert kept.used_at is None


async def test_an_invitation_for_no_time_or_for_ever_is_refused(stage: Stage) -> None:
    for lifetime_days in (0, 91, 1.5, "soon"):
        answer = await stage.client.post(PATH, json={"lifetime_days": lifetime_days}, headers=stage.admin)

        assert 422 == answer.status_code, lifetime_days
