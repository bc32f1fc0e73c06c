"""Starting a consent, and reading it as its account."""

from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.config.settings import Settings
from shared.consents.models import GrantedPoint
from shared.core.datasets import Direction
from tests.support.api_gateway import OTHER_PRM, PRM, Person, Stage
from tests.support.states import take_state

pytestmark = pytest.mark.anyio


async def test_a_consent_begins_with_a_page_of_ours_that_leads_to_the_providers(
    stage: Stage, person: Person, settings: Settings
) -> None:
    answer = await stage.client.post("/v1/consents", headers=person.headers)

    assert 201 == answer.status_code
    started = answer.json()
    assert "2026-10-20T10:15:00Z" == started["expires_at"]
    assert f"{settings.public_url}/consent?state={started['state']}" == started["authorize_url"]
    page = await stage.open_link(started)
    assert page.startswith(settings.enedis_authorize_url + "?")
    assert {
        "client_id": [settings.enedis_client_id],
        "response_type": ["code"],
        "state": [started["state"]],
        "duration": ["P3Y"],
    } == parse_qs(urlsplit(page).query)


async def test_what_the_configured_address_asks_for_is_kept(stage: Stage, person: Person, settings: Settings) -> None:
    address = "https://consent.test/authorize?theme=dark&auto=approve"
    changed = settings.model_copy(update={"enedis_authorize_url": address})
    stage.app.state.resources = replace(stage.resources, settings=changed)

    answer = await stage.client.post("/v1/consents", headers=person.headers)

    query = parse_qs(urlsplit(await stage.open_link(answer.json())).query)
    assert (["dark"], ["approve"], ["code"]) == (query["theme"], query["auto"], query["response_type"])


async def test_no_two_consents_have_the_same_state(stage: Stage, person: Person) -> None:
    states = [(await stage.client.post("/v1/consents", headers=person.headers)).json()["state"] for _ in range(5)]

    assert 5 == len(set(states))


async def test_its_owner_sees_what_a_consent_opened(stage: Stage, person: Person) -> None:
    started = (await stage.client.post("/v1/consents", headers=person.headers)).json()
    path = f"/v1/consents/{started['id']}"
    pending = (await stage.client.get(path, headers=person.headers)).json()
    await take_state(stage.resources.authorization_states, started["state"], stage.clock.now, 7)
    point = GrantedPoint(PRM, frozenset(Direction), date(2029, 10, 19))
    await stage.resources.grants.grant(started["id"], [point], stage.clock.now)
    granted = (await stage.client.get(path, headers=person.headers)).json()

    assert ("pending", False, []) == (pending["status"], pending["active"], pending["usage_points"])
    assert ("granted", True, "2029-10-19") == (granted["status"], granted["active"], granted["expires_on"])
    assert [{"usage_point_id": PRM, "directions": ["consumption", "production"]}] == granted["usage_points"]


async def test_a_failed_consent_says_why(stage: Stage, person: Person) -> None:
    started = (await stage.client.post("/v1/consents", headers=person.headers)).json()
    await take_state(stage.resources.authorization_states, started["state"], stage.clock.now, 7)
    await stage.resources.grants.fail(started["id"], "usage_point_taken", stage.clock.now)

    answer = await stage.client.get(f"/v1/consents/{started['id']}", headers=person.headers)

    assert ("failed", "usage_point_taken") == (answer.json()["status"], answer.json()["error"]["code"])


async def test_another_account_does_not_see_a_consent(stage: Stage, person: Person) -> None:
    started = (await stage.client.post("/v1/consents", headers=person.headers)).json()
    stranger = await stage.create_person()

    answer = await stage.client.get(f"/v1/consents/{started['id']}", headers=stranger.headers)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


async def test_the_expected_usage_point_is_kept_only_as_a_hash(stage: Stage, person: Person) -> None:
    answer = await stage.client.post("/v1/consents", json={"usage_point_id": PRM}, headers=person.headers)

    assert 201 == answer.status_code
    async with stage.resources.database.transaction() as connection:
        rows = (await connection.exec_driver_sql("SELECT * FROM consents")).all()
    assert 1 == len(rows)
    assert PRM not in repr(rows)


async def test_a_bad_request_for_a_consent_is_refused(stage: Stage, person: Person) -> None:
    points: list[object] = ["12", f"{OTHER_PRM} ", 1]
    bodies: list[object] = [*({"usage_point_id": each} for each in points), {"prm": PRM}, [], 1]
    for body in bodies:
        answer = await stage.client.post("/v1/consents", json=body, headers=person.headers)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), body
        assert OTHER_PRM not in answer.text, body


async def test_without_credentials_of_the_provider_there_is_no_consent(
    stage: Stage, person: Person, settings: Settings
) -> None:
    stage.app.state.resources = replace(stage.resources, settings=settings.model_copy(update={"enedis_client_id": ""}))

    answer = await stage.client.post("/v1/consents", headers=person.headers)

    assert (503, "provider_misconfigured") == (answer.status_code, answer.json()["code"])


async def test_the_person_is_told_beforehand_what_a_page_without_a_way_back_means(stage: Stage, person: Person) -> None:
    started = (await stage.client.post("/v1/consents", headers=person.headers)).json()

    assert "Une erreur est survenue lors du partage de vos données" in started["hint"]
    assert "Delete that authorisation" in started["hint"]


async def test_an_active_consent_for_the_expected_point_is_said_at_once_with_its_expiry(
    stage: Stage, person: Person
) -> None:
    await stage.grant(person)

    answer = await stage.client.post("/v1/consents", json={"usage_point_id": PRM}, headers=person.headers)

    assert (409, "consent_already_active") == (answer.status_code, answer.json()["code"])
    assert "2029-10-19" in answer.json()["detail"]
    assert PRM not in answer.text


async def test_a_consent_can_be_renewed_and_asked_for_another_point_or_after_it_ended(
    stage: Stage, person: Person
) -> None:
    await stage.grant(person, expires_on=date(2026, 10, 25))
    bodies: list[dict[str, object]] = [
        {"usage_point_id": PRM, "renew": True},
        {"usage_point_id": OTHER_PRM},
        {},
    ]
    before = [await stage.client.post("/v1/consents", json=each, headers=person.headers) for each in bodies]
    stage.clock.now += timedelta(days=5)
    after = await stage.client.post("/v1/consents", json={"usage_point_id": PRM}, headers=person.headers)

    assert [201] * 4 == [each.status_code for each in (*before, after)]


async def test_nobody_learns_whether_somebody_else_holds_a_point(stage: Stage, person: Person) -> None:
    await stage.grant(person)
    stranger = await stage.create_person()

    answer = await stage.client.post("/v1/consents", json={"usage_point_id": PRM}, headers=stranger.headers)

    assert 201 == answer.status_code
