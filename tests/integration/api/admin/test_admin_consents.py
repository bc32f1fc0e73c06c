"""Consents that wait for an administrator's decision: shown without their usage point, approved or denied."""

from typing import Any

import pytest

from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.datasets import Direction
from shared.jobs.models import Lane
from tests.support.api_gateway import PRM, Person, Stage
from tests.support.states import take_state

pytestmark = pytest.mark.anyio

PATH = "/v1/admin/consents"
NOWHERE = "cons_0123456789abcdef01234567"


async def wait_for_word(stage: Stage, person: Person) -> str:
    """Create a consent of that account for a usage point that another account holds; returns its id."""
    now = stage.clock.now
    consent, state = await stage.resources.authorization_states.create(person.account.id, now)
    await take_state(stage.resources.authorization_states, state, now, next(stage.authorisations))
    point = GrantedPoint(PRM, frozenset({Direction.CONSUMPTION}))
    await stage.resources.grants.await_approval(consent.id, [point], now)
    return consent.id


async def listed(stage: Stage, query: str = "") -> Any:
    answer = await stage.client.get(f"{PATH}{query}", headers=stage.admin)
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def decide(stage: Stage, consent_id: str, word: str) -> int:
    return (await stage.client.post(f"{PATH}/{consent_id}/{word}", headers=stage.admin)).status_code


async def test_what_waits_is_listed_without_its_usage_point(stage: Stage, person: Person) -> None:
    consent_id = await wait_for_word(stage, person)

    shown = await listed(stage, "?status=awaiting_approval")

    moment = "2026-10-20T10:00:00Z"
    expected = {"id": consent_id, "account_id": person.account.id, "created_at": moment, "taken_at": moment}
    assert {"consents": [expected], "next_after": None} == shown


async def test_a_consent_that_waits_for_nothing_is_not_listed(stage: Stage, person: Person) -> None:
    await stage.grant(person)

    assert [] == (await listed(stage))["consents"]


async def test_what_waits_is_listed_page_by_page(stage: Stage) -> None:
    waiting = sorted([await wait_for_word(stage, await stage.create_person()) for _ in range(3)])

    first = await listed(stage, "?limit=2")
    second = await listed(stage, f"?limit=2&after={first['next_after']}")

    assert waiting == [each["id"] for page in (first, second) for each in page["consents"]]


async def test_no_other_consents_are_shown(stage: Stage) -> None:
    for status in ("granted", "", "awaiting"):
        answer = await stage.client.get(f"{PATH}?status={status}", headers=stage.admin)

        assert 422 == answer.status_code, status


async def test_an_approved_one_is_taken_up_by_a_worker_again(stage: Stage, person: Person) -> None:
    consent_id = await wait_for_word(stage, person)

    assert 202 == await decide(stage, consent_id, "approve")

    assert [consent_id] == await stage.take_task(Lane.INTERACTIVE)
    assert ConsentStatus.EXCHANGING == (await stage.resources.consents.load(consent_id)).status
    assert [] == (await listed(stage))["consents"]


async def test_a_denied_one_has_failed_and_its_usage_point_is_not_bound(stage: Stage, person: Person) -> None:
    consent_id = await wait_for_word(stage, person)

    assert 204 == await decide(stage, consent_id, "deny")

    consent = await stage.resources.consents.load(consent_id)
    assert (ConsentStatus.FAILED, "usage_point_taken") == (consent.status, consent.error_code)
    assert [] == await stage.resources.usage_points.list_for_account(person.account.id)


@pytest.mark.parametrize("word", ["approve", "deny"])
async def test_a_word_is_said_once_and_only_about_what_waits(stage: Stage, person: Person, word: str) -> None:
    consent_id = await wait_for_word(stage, person)
    await decide(stage, consent_id, word)

    assert [404, 404] == [await decide(stage, each, word) for each in (consent_id, NOWHERE)]
    assert 1 == len(await stage.resources.audit.load_events("admin"))


@pytest.mark.parametrize(("word", "action"), [("approve", "consent.approved"), ("deny", "consent.denied")])
async def test_it_is_written_down_for_both(stage: Stage, person: Person, word: str, action: str) -> None:
    consent_id = await wait_for_word(stage, person)

    await decide(stage, consent_id, word)

    (of_account, *_) = await stage.resources.audit.load_events(person.account.id)
    (of_admin,) = await stage.resources.audit.load_events("admin")
    assert ("admin", action) == (of_account.actor, of_account.action)
    assert ("admin", action) == (of_admin.actor, of_admin.action)
    assert {"account_id": person.account.id, "consent_id": consent_id} == of_admin.details
