"""The provider's callback: from browsers, from programs, and from unauthorised callers."""

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from api.consents import callback_routes as callback
from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.datasets import Direction
from tests.support.api_gateway import OTHER_PRM, PRM, Person, Stage
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the wait, so that responses without a finished exchange come soon."""
    monkeypatch.setattr(callback, "WAIT_SECONDS", 0.05)


async def start(stage: Stage, person: Person) -> dict[str, Any]:
    """Start a consent."""
    answer = await stage.client.post("/v1/consents", headers=person.headers)
    started: dict[str, Any] = answer.json()
    await stage.open_link(started)
    return started


async def come_back(stage: Stage, query: Mapping[str, object], *, browser: bool = False) -> httpx.Response:
    """Request the callback, as a browser does after the provider's redirect."""
    parameters = {name: str(value) for name, value in query.items()}
    return await stage.client.get("/oauth/callback", params=parameters, headers=BROWSER if browser else {})


async def grant(stage: Stage, consent_id: str, prm: str = PRM) -> None:
    """Grant a consent, as a worker does."""
    point = GrantedPoint(prm, frozenset({Direction.CONSUMPTION}), date(2029, 10, 19))
    await stage.resources.grants.grant(consent_id, [point], stage.clock.now)


async def test_a_return_has_the_consent_exchanged_by_a_worker(stage: Stage, person: Person) -> None:
    started = await start(stage, person)

    answer = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})

    assert (202, "exchanging", []) == (
        answer.status_code,
        answer.json()["status"],
        answer.json()["usage_points"],
    )
    assert "5" == answer.headers["Retry-After"]
    (message,) = await stage.queued("interactive")
    assert started["id"].encode() in message
    for secret in (started["state"], "4711", person.api_key):
        assert secret.encode() not in message


async def test_it_waits_for_the_end_of_the_exchange(
    stage: Stage, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "WAIT_SECONDS", PATIENCE_SECONDS)
    started = await start(stage, person)

    async def work() -> None:
        assert [started["id"]] == await stage.take_task("interactive")
        await grant(stage, started["id"])
        await stage.resources.events.publish(person.account.id, "consent.granted", {"consent_id": started["id"]})

    answer, _ = await asyncio.gather(come_back(stage, {"state": started["state"], "autorisation_id": 4711}), work())

    assert 200 == answer.status_code
    assert {
        "status": "granted",
        "expires_on": "2029-10-19",
        "usage_points": [{"ends_with": "1234", "directions": ["consumption"]}],
    } == answer.json()


async def test_loading_it_again_shows_how_things_stand_and_exchanges_nothing_twice(
    stage: Stage, person: Person
) -> None:
    started = await start(stage, person)
    first = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})
    second = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})
    await grant(stage, started["id"])
    third = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})
    stage.clock.now += timedelta(days=1)
    next_day = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})

    assert [202, 202, 200, 200] == [each.status_code for each in (first, second, third, next_day)]
    assert 1 == len(await stage.queued("interactive"))


async def test_twenty_returns_at_the_same_moment_exchange_once(stage: Stage, person: Person) -> None:
    started = await start(stage, person)

    answers = await asyncio.gather(
        *(come_back(stage, {"state": started["state"], "autorisation_id": 4711}) for _ in range(20))
    )

    assert {202} == {answer.status_code for answer in answers}
    assert 1 == len(await stage.queued("interactive"))


async def test_a_used_state_takes_no_other_authorisation(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    await come_back(stage, {"state": started["state"], "autorisation_id": 4711})
    await grant(stage, started["id"])

    attempts: list[dict[str, object]] = [{"autorisation_id": 4712}, {"error": "invalid_request"}]
    for query in attempts:
        answer = await come_back(stage, {"state": started["state"], **query})

        assert (400, "state_refused") == (answer.status_code, answer.json()["code"])
        assert "1234" not in answer.text
    consent = await stage.resources.consents.load(started["id"])
    assert (ConsentStatus.GRANTED, 4711) == (consent.status, consent.autorisation_id)


async def test_an_unknown_state_exchanges_nothing(stage: Stage, person: Person) -> None:
    await start(stage, person)

    answer = await come_back(stage, {"state": "A" * 43, "autorisation_id": 4711})

    assert (400, "state_refused") == (answer.status_code, answer.json()["code"])
    assert [] == await stage.queued("interactive")


async def test_a_state_lives_a_quarter_of_an_hour(stage: Stage, person: Person) -> None:
    alive, expired = await start(stage, person), await start(stage, person)
    stage.clock.now += timedelta(minutes=14, seconds=59)
    in_time = await come_back(stage, {"state": alive["state"], "autorisation_id": 4711})
    stage.clock.now += timedelta(seconds=1)
    too_late = await come_back(stage, {"state": expired["state"], "autorisation_id": 4711})

    assert 202 == in_time.status_code
    assert (400, "state_refused") == (too_late.status_code, too_late.json()["code"])
    assert ConsentStatus.PENDING == (await stage.resources.consents.load(expired["id"])).status
    assert 1 == len(await stage.queued("interactive"))


async def test_a_refusal_is_final(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    refusal = {"error": "invalid_request", "error_description": "demande_non_aboutie"}

    refused = await come_back(stage, {"state": started["state"], **refusal})
    again = await come_back(stage, {"state": started["state"], **refusal})
    approved_after_all = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})

    assert [(400, "consent_refused")] * 2 == [(each.status_code, each.json()["code"]) for each in (refused, again)]
    assert (400, "state_refused") == (approved_after_all.status_code, approved_after_all.json()["code"])
    assert "demande_non_aboutie" not in refused.text
    assert [] == await stage.queued("interactive")


async def test_a_failed_exchange_is_told_with_its_own_status(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    await come_back(stage, {"state": started["state"], "autorisation_id": 4711})
    await stage.resources.grants.fail(started["id"], "usage_point_taken", stage.clock.now)

    answer = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})

    assert (409, "usage_point_taken") == (answer.status_code, answer.json()["code"])


async def test_a_return_is_written_down_though_the_broker_does_not_take_it(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    await stage.resources.redis.set("interactive", "in the way")

    answer = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})

    assert 202 == answer.status_code
    stale = await stage.resources.grants.stale_exchanges(stage.clock.now + timedelta(seconds=1))
    assert [started["id"]] == stale


def malformed(state: str) -> dict[str, tuple[dict[str, object], list[str]]]:
    """Malformed callback requests, and the parameters that the response names."""
    no_numbers: dict[str, object] = {
        "no number": "12x",
        "negative": "-1",
        "not whole": "1.5",
        "exponent": "1e3",
        "other digits": "٤٧",
        "one too large": 2**63,
        "absurd": "9" * 6000,
        "NUL in the id": "1\x00",
    }
    no_states = {"NUL": "\x00", "absurd state": "x" * 5000, "quotes": "é' OR 1=1 --"}
    return {
        "nothing": ({}, ["state", "autorisation_id"]),
        "no id": ({"state": state}, ["autorisation_id"]),
        "no state": ({"autorisation_id": 1}, ["state"]),
        **{case: ({"state": state, "autorisation_id": each}, ["autorisation_id"]) for case, each in no_numbers.items()},
        **{case: ({"state": each, "autorisation_id": 1}, ["state"]) for case, each in no_states.items()},
        "markup": ({"state": "<script>", "error": "x"}, ["state"]),
    }


async def test_a_malformed_return_is_refused_and_uses_no_state(stage: Stage, person: Person) -> None:
    started = await start(stage, person)

    for case, (parameters, pointers) in malformed(started["state"]).items():
        answer = await come_back(stage, parameters)
        page = await come_back(stage, parameters, browser=True)

        assert (422, "validation_failed") == (answer.status_code, answer.json()["code"]), case
        assert pointers == [each["pointer"] for each in answer.json()["errors"]], case
        assert 422 == page.status_code, case
        assert "<script" not in answer.text + page.text, case
        assert ConsentStatus.PENDING == (await stage.resources.consents.load(started["id"])).status, case


async def test_the_largest_number_that_can_be_kept_is_taken(stage: Stage, person: Person) -> None:
    started = await start(stage, person)

    answer = await come_back(stage, {"state": started["state"], "autorisation_id": 2**63 - 1})

    assert 202 == answer.status_code


async def test_bytes_that_are_no_text_are_refused(stage: Stage) -> None:
    answer = await stage.client.get("/oauth/callback?state=%FF%FE&autorisation_id=%C0")

    assert (422, "validation_failed") == (answer.status_code, answer.json()["code"])


async def test_a_browser_gets_a_page_in_both_languages_that_shows_four_digits(stage: Stage, person: Person) -> None:
    started = await start(stage, person)
    waiting = await come_back(stage, {"state": started["state"], "autorisation_id": 4711}, browser=True)
    await grant(stage, started["id"])

    page = await come_back(stage, {"state": started["state"], "autorisation_id": 4711}, browser=True)

    assert 202 == waiting.status_code
    assert 'http-equiv="refresh"' in waiting.text
    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["Content-Type"])
    for text in ('lang="fr"', 'lang="en"', "se terminant par 1234", "ending in 1234", "19/10/2029"):
        assert text in page.text
    assert "refresh" not in page.text
    for secret in (PRM, person.account.id, started["id"], started["state"], "4711", "acct_"):
        assert secret not in page.text


async def test_a_page_loads_nothing_and_tells_nobody_where_it_was(stage: Stage, person: Person) -> None:
    started = await start(stage, person)

    page = await come_back(stage, {"state": started["state"], "autorisation_id": 4711}, browser=True)

    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert ("no-referrer", "no-store", "nosniff") == (
        page.headers["Referrer-Policy"],
        page.headers["Cache-Control"],
        page.headers["X-Content-Type-Options"],
    )
    for loading in ("src=", "href=", "<script", "url(", "@import"):
        assert loading not in page.text


async def test_a_page_says_why_it_failed(stage: Stage, person: Person) -> None:
    reasons = [
        ("usage_point_taken", 409, "déjà relié à un autre compte"),
        ("consent_refused", 400, "n'a pas été donné"),
        ("provider_unavailable", 503, "n'a pas pu être enregistré"),
        ("a code of tomorrow", 503, "n'a pas pu être enregistré"),
    ]
    for number, (code, status, text) in enumerate(reasons, start=4711):
        started = await start(stage, person)
        query = {"state": started["state"], "autorisation_id": number}
        await come_back(stage, query)
        await stage.resources.grants.fail(started["id"], code, stage.clock.now)

        page = await come_back(stage, query, browser=True)

        assert status == page.status_code, code
        assert text in page.text.replace("&#x27;", "'"), code


async def test_a_meter_of_another_account_is_not_shown(stage: Stage, person: Person) -> None:
    await stage.grant(person, OTHER_PRM)
    started = await start(stage, person)
    await come_back(stage, {"state": started["state"], "autorisation_id": 4711})
    await grant(stage, started["id"])

    answer = await come_back(stage, {"state": started["state"], "autorisation_id": 4711})

    # Not even another meter of the same account: only the usage points of this consent.
    assert ["1234"] == [each["ends_with"] for each in answer.json()["usage_points"]]
