"""The callback of consent page v1: usage points in the URL, which are accepted once and shown by four digits."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from api.consents import callback_routes as callback
from shared.config.settings import Settings
from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.datasets import Direction
from tests.support.api_gateway import OTHER_PRM, PRM, Person, Stage

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
CODE = "a-code-that-nobody-exchanges"
PAGE_V1 = "https://consent.test/dataconnect/v1/oauth2/authorize"


@pytest.fixture(autouse=True)
def page_v1(stage: Stage, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use consent page v1, and shorten the wait, so that responses without a finished exchange come soon."""
    monkeypatch.setattr(callback, "WAIT_SECONDS", 0.05)
    stage.app.state.resources = replace(
        stage.resources, settings=settings.model_copy(update={"enedis_authorize_url": PAGE_V1})
    )


async def start(stage: Stage, person: Person, **body: object) -> dict[str, Any]:
    """Start a consent."""
    answer = await stage.client.post("/v1/consents", headers=person.headers, json=body)
    started: dict[str, Any] = answer.json()
    await stage.open_link(started)
    return started


async def come_back(
    stage: Stage, state: str, points: str = PRM, *, code: str = CODE, browser: bool = False
) -> httpx.Response:
    """Request the callback, as a browser does after the provider's redirect."""
    query = {"code": code, "state": state, "usage_point_id": points}
    return await stage.client.get("/oauth/callback", params=query, headers=BROWSER if browser else {})


async def work(stage: Stage, consent_id: str) -> None:
    """Exchange the returned usage points, as a worker does."""
    points = await stage.resources.grants.load_returned_points(consent_id)
    await stage.resources.grants.grant(consent_id, points, stage.clock.now)


async def test_a_return_is_handed_to_a_worker_by_the_consents_id_alone(stage: Stage, person: Person) -> None:
    started = (await stage.client.post("/v1/consents", headers=person.headers)).json()
    page = await stage.open_link(started)

    answer = await come_back(stage, started["state"])

    assert page.startswith(f"{PAGE_V1}?")
    assert (202, "exchanging") == (answer.status_code, answer.json()["status"])
    (message,) = await stage.queued("interactive")
    assert started["id"].encode() in message
    for secret in (started["state"], CODE, PRM):
        assert secret.encode() not in message


async def test_points_come_separated_by_semicolons_or_commas(stage: Stage, person: Person) -> None:
    for text in (f"{PRM};{OTHER_PRM}", f"{PRM},{OTHER_PRM}", f"{PRM}; {OTHER_PRM};", f"{PRM};{PRM},{OTHER_PRM}"):
        started = await start(stage, person)
        await come_back(stage, started["state"], text)
        await work(stage, started["id"])

        answer = await come_back(stage, started["state"], text)

        assert 200 == answer.status_code, text
        shown = answer.json()
        shown["usage_points"].sort(key=lambda each: each["ends_with"])
        # The default duration is three years, counted from the day of the return.
        assert {
            "status": "granted",
            "expires_on": "2029-10-20",
            "usage_points": [
                {"ends_with": each[-4:], "directions": ["consumption", "production"]} for each in (PRM, OTHER_PRM)
            ],
        } == shown, text


async def test_a_page_shows_four_digits_of_each_point(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    await come_back(stage, started["state"], f"{PRM};{OTHER_PRM}")
    await work(stage, started["id"])

    page = await come_back(stage, started["state"], f"{PRM};{OTHER_PRM}", browser=True)

    assert 200 == page.status_code
    for text in (f"se terminant par {PRM[-4:]}", f"ending in {OTHER_PRM[-4:]}"):
        assert text in page.text
    for secret in (PRM, OTHER_PRM, CODE, started["state"], started["id"]):
        assert secret not in page.text


async def test_loading_it_again_exchanges_nothing_twice_and_other_parameters_are_refused(
    stage: Stage, person: Person
) -> None:
    started = await start(stage, person)
    first, second = [await come_back(stage, started["state"]) for _ in range(2)]

    others = [
        await come_back(stage, started["state"], OTHER_PRM),
        await come_back(stage, started["state"], f"{PRM};{OTHER_PRM}"),
        await come_back(stage, started["state"], code="another-code"),
        await stage.client.get("/oauth/callback", params={"state": started["state"], "autorisation_id": 1}),
        await stage.client.get("/oauth/callback", params={"state": started["state"], "error": "access_denied"}),
    ]

    assert [202, 202] == [first.status_code, second.status_code]
    assert [(400, "state_refused")] * 5 == [(each.status_code, each.json()["code"]) for each in others]
    assert 1 == len(await stage.queued("interactive"))


async def test_a_state_lives_a_quarter_of_an_hour(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    stage.clock.now += timedelta(minutes=15)

    answer = await come_back(stage, started["state"])

    assert (400, "state_refused") == (answer.status_code, answer.json()["code"])


async def test_points_are_not_taken_from_somebody_who_was_sent_to_page_v2(
    stage: Stage, person: Person, settings: Settings
) -> None:
    """Returned usage points are unverified: page v2 sends none, so there they can only be typed into the URL."""
    stage.app.state.resources = replace(stage.resources, settings=settings)
    started = await start(stage, person)

    answer = await come_back(stage, started["state"])

    assert (400, "state_refused") == (answer.status_code, answer.json()["code"])
    assert ConsentStatus.PENDING is (await stage.resources.consents.load(started["id"])).status
    assert [] == await stage.queued("interactive")


async def test_a_number_wins_over_points(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    query = {"code": CODE, "state": started["state"], "usage_point_id": PRM, "autorisation_id": "4711"}

    await stage.client.get("/oauth/callback", params=query)

    assert 4711 == (await stage.resources.consents.load(started["id"])).autorisation_id
    assert [] == await stage.resources.grants.load_returned_points(started["id"])


async def test_a_refusal_on_page_v1_is_final_too(stage: Stage, person: Person) -> None:
    started = await start(stage, person)

    refused = await stage.client.get("/oauth/callback", params={"state": started["state"], "error": "access_denied"})
    approved_after_all = await come_back(stage, started["state"])

    assert (400, "consent_refused") == (refused.status_code, refused.json()["code"])
    assert (400, "state_refused") == (approved_after_all.status_code, approved_after_all.json()["code"])


async def test_a_point_other_than_the_announced_one_is_not_bound(stage: Stage, person: Person) -> None:
    started = await start(stage, person, usage_point_id=PRM)
    await come_back(stage, started["state"], OTHER_PRM)
    await stage.resources.grants.fail(started["id"], "consent_refused", stage.clock.now)

    answer = await come_back(stage, started["state"], OTHER_PRM)

    assert (400, "consent_refused") == (answer.status_code, answer.json()["code"])


TWENTY = [f"99{number:012d}" for number in range(20)]


async def test_twenty_points_are_taken(stage: Stage, person: Person) -> None:
    started = await start(stage, person)

    answer = await come_back(stage, started["state"], ";".join(TWENTY))
    await work(stage, started["id"])

    assert 202 == answer.status_code
    assert 20 == len(await stage.resources.usage_points.list_for_account(person.account.id))


# Invalid callback requests; each name is a parameter that the response names.
MALFORMED: dict[str, dict[str, str]] = {
    "21 points": {"usage_point_id": ";".join([*TWENTY, PRM])},
    "13 digits": {"usage_point_id": PRM[:-1]},
    "15 digits": {"usage_point_id": PRM + "0"},
    "one that is none": {"usage_point_id": f"{PRM};x"},
    "a blank between": {"usage_point_id": f"{PRM} {PRM}"},
    "other digits": {"usage_point_id": "٤" * 14},
    "separators": {"usage_point_id": ";,;"},
    "empty": {"usage_point_id": ""},
    "absurd": {"usage_point_id": ";" * 10_000},
    "no code": {"code": ""},
    "code too long": {"code": "x" * 2049},
    "NUL in the code": {"code": "x\x00"},
    "letters of another kind": {"code": "é"},
    "markup": {"state": "<script>"},
    "all": {"state": "", "code": " ", "usage_point_id": "1"},
}


async def test_a_malformed_return_is_refused_and_uses_no_state(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    sound = {"state": started["state"], "code": CODE, "usage_point_id": PRM}

    for case, wrong in MALFORMED.items():
        answer = await stage.client.get("/oauth/callback", params=sound | wrong)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), case
        assert list(wrong) == [each["pointer"] for each in answer.json()["errors"]], case
        assert ConsentStatus.PENDING is (await stage.resources.consents.load(started["id"])).status, case
        for secret in (PRM, CODE, "<script"):
            assert secret not in answer.text, case
    # A line end counts as a space.
    taken = await stage.client.get("/oauth/callback", params=sound | {"usage_point_id": PRM + "\n"})
    assert 202 == taken.status_code
    for secret in (PRM, CODE):
        assert secret not in taken.text


async def test_a_consent_that_was_lost_since_is_told_when_the_page_is_loaded_again(
    stage: Stage, person: Person
) -> None:
    started = await start(stage, person)
    await come_back(stage, started["state"])
    await stage.resources.grants.grant(
        started["id"], [GrantedPoint(PRM, frozenset(Direction), date(2029, 10, 20))], stage.clock.now
    )
    point = await stage.resources.usage_points.find(person.account.id, PRM)
    for days in (0, 1, 3):
        await stage.resources.access_loss.note_refusal(point.id, stage.clock.now + timedelta(days=days))

    answer = await come_back(stage, started["state"])
    page = await come_back(stage, started["state"], browser=True)
    document = (await stage.client.get(f"/v1/consents/{started['id']}", headers=person.headers)).json()

    assert (409, "consent_missing") == (answer.status_code, answer.json()["code"])
    assert "plus valable" in page.text
    assert ("lost", False) == (document["status"], document["active"])
