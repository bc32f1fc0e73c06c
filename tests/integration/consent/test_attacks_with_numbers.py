"""Attacks on the consent flow with numbers of authorisations: none of them gains access."""

from datetime import timedelta

import pytest

from shared.consents.models import ConsentStatus
from shared.core.errors import UsagePointTaken
from tests.support.consent_town import (
    AWAITING,
    FLAT,
    GRANTED,
    HOUSE,
    SOLAR,
    Person,
    Town,
    contract_of,
    holder_number,
)
from workers.consents.exchange import EMPTY_PATIENCE

pytestmark = pytest.mark.anyio


FIRST_NUMBER = 58_249


# The number


async def test_the_number_of_a_victim_after_their_return_opens_nothing(
    town: Town, holder: Person, stranger: Person
) -> None:
    _, back = await town.begin(stranger, SOLAR)

    await town.come_back(stranger.browser, back, autorisation_id=await holder_number(town, holder))
    await town.work()

    assert not await town.holds(stranger)
    assert await town.holds(holder)
    assert ["consent.awaiting"] == [kind for kind, _ in await town.events(stranger)]
    assert ["consent.granted"] == [kind for kind, _ in await town.events(holder)]


async def test_the_number_of_a_victim_who_ended_their_consent_here_opens_nothing(
    town: Town, holder: Person, stranger: Person
) -> None:
    """Enedis does not know of the revocation: the authorisation is still active, and no account holds the point."""
    number = await holder_number(town, holder)
    point = await town.resources.usage_points.find(holder.account.id, HOUSE)
    await holder.browser.delete(f"/v1/consents/{point.consent.id}", headers=holder.headers)

    claimed = await town.claim(stranger, number)

    assert AWAITING == claimed["status"]
    assert not await town.holds(stranger)


async def test_a_number_brought_before_its_person_is_back_opens_nothing_for_either_without_a_proof(
    town: Town, stranger: Person
) -> None:
    victim = await town.new_person()
    started = await town.ask(stranger)
    await town.open_link(started, stranger.browser)
    # Guessed before Enedis issues it, so that the exchange is retried.
    await town.come_back(stranger.browser, {"state": started["state"], "autorisation_id": str(FIRST_NUMBER)})
    await town.work()
    consent_id, back = await town.begin(victim)
    assert str(FIRST_NUMBER) == back["autorisation_id"]
    await town.come_back(victim.browser, back)

    await town.work()

    assert AWAITING == (await town.look(victim, consent_id))["status"]
    assert AWAITING == (await town.look(stranger, started["id"]))["status"]
    assert not await town.holds(stranger)
    # Only the contract's holder is accepted.
    proved = await town.share_again(victim, usage_point_id=HOUSE, proof=contract_of(HOUSE))
    assert GRANTED == proved["status"]
    assert not await town.holds(stranger)


async def test_a_guessed_number_is_not_granted_in_the_moment_before_its_person_is_back(
    town: Town, stranger: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enedis has just issued it; the holder's browser has not followed the redirect yet."""
    victim = await town.new_person()
    started = await town.ask(stranger)
    await town.open_link(started, stranger.browser)
    await town.come_back(stranger.browser, {"state": started["state"], "autorisation_id": str(FIRST_NUMBER)})
    await town.work()
    consent_id, back = await town.begin(victim)

    async def meanwhile(_seconds: float) -> None:
        await town.come_back(victim.browser, back)

    monkeypatch.setattr("workers.consents.exchange.sleep", meanwhile)
    await town.work(timedelta(minutes=1))

    assert AWAITING == (await town.look(stranger, started["id"]))["status"]
    assert "exchanging" == (await town.look(victim, consent_id))["status"]


async def test_a_number_that_was_guessed_too_early_and_failed_is_still_worth_everything_to_its_person(
    town: Town, stranger: Person
) -> None:
    started = await town.ask(stranger)
    await town.open_link(started, stranger.browser)
    await town.come_back(stranger.browser, {"state": started["state"], "autorisation_id": str(FIRST_NUMBER)})
    await town.work(EMPTY_PATIENCE)
    victim = await town.new_person()

    consent = await town.consent(victim)

    assert "consent_empty" == (await town.look(stranger, started["id"]))["error"]["code"]
    assert GRANTED == consent["status"]


async def test_a_claim_that_waits_does_not_keep_its_person_from_renewing(
    town: Town, holder: Person, stranger: Person
) -> None:
    await town.claim(stranger, await holder_number(town, holder))

    renewed = await town.share_again(holder, usage_point_id=HOUSE, renew=True)

    assert GRANTED == renewed["status"]


async def test_an_announced_point_makes_any_other_number_useless(town: Town, holder: Person, stranger: Person) -> None:
    claimed = await town.claim(stranger, await holder_number(town, holder), usage_point_id=SOLAR)

    assert ("failed", "consent_refused") == (claimed["status"], claimed["error"]["code"])


async def test_an_account_that_counts_through_the_numbers_is_stopped_after_ten(town: Town, stranger: Person) -> None:
    people = [await town.new_person() for _ in range(3)]
    for person, point in zip(people, (HOUSE, SOLAR, FLAT), strict=True):
        await town.consent(person, point)
    town.set(consents_per_hour=10)

    outcomes = [(await town.claim(stranger, FIRST_NUMBER - 5 + n))["status"] for n in range(10)]
    stopped = await stranger.browser.post("/v1/consents", headers=stranger.headers)
    town.clock.now += timedelta(hours=1)
    later = await stranger.browser.post("/v1/consents", headers=stranger.headers)

    assert {AWAITING, "exchanging"} == set(outcomes)
    assert 3 == outcomes.count(AWAITING)
    assert not [point for point in (HOUSE, SOLAR, FLAT) if await town.holds(stranger, point)]
    assert (429, "too_many_requests") == (stopped.status_code, stopped.json()["code"])
    assert 1 <= int(stopped.headers["Retry-After"]) <= 3600
    assert 201 == later.status_code


async def test_an_attempt_is_not_made_uncounted_by_ending_it(town: Town, stranger: Person) -> None:
    town.set(consents_per_hour=2)
    for number in (1, 2):
        claimed = await town.claim(stranger, number)
        await stranger.browser.delete(f"/v1/consents/{claimed['id']}", headers=stranger.headers)

    assert 429 == (await town.try_to_ask(stranger)).status_code


async def test_an_address_that_counts_through_the_numbers_with_many_accounts_is_stopped(
    town: Town, holder: Person
) -> None:
    town.set(consent_returns_per_hour=5)
    answers, people = [], [await town.new_person() for _ in range(7)]
    for number, person in enumerate(people):
        started = await town.ask(person)
        await town.open_link(started, person.browser)
        back = {"state": started["state"], "autorisation_id": str(FIRST_NUMBER + 100 + number)}
        answers.append((await town.come_back(person.browser, back)).status_code)
    made_up = await town.come_back(town.new_browser(), {"state": "A" * 43, "autorisation_id": "1"})

    assert [202] * 5 + [429] * 2 == answers
    assert 429 == made_up.status_code
    last = await town.resources.consents.list_for_account(people[-1].account.id)
    assert [ConsentStatus.PENDING] == [each.status for each in last]


async def test_who_only_loads_the_page_again_while_it_is_worked_on_is_not_stopped(town: Town, stranger: Person) -> None:
    town.set(consent_returns_per_hour=2)
    _, back = await town.begin(stranger)

    answers = [(await town.come_back(stranger.browser, back)).status_code for _ in range(20)]

    assert [202] * 20 == answers


async def test_a_gateway_can_insist_on_the_usage_point(town: Town, holder: Person, stranger: Person) -> None:
    town.set(consent_needs_usage_point=True)

    unnamed = await town.try_to_ask(stranger)
    named = await town.consent(stranger, SOLAR, usage_point_id=SOLAR)

    assert ["/usage_point_id"] == [each["pointer"] for each in unnamed.json()["errors"]]
    assert GRANTED == named["status"]


# Consent page v1, which sends the usage points themselves


async def test_a_point_that_is_put_into_a_return_of_v1_is_not_taken_over_even_after_its_holders_consent_ended(
    town: Town, holder: Person, stranger: Person
) -> None:
    point = await town.resources.usage_points.find(holder.account.id, HOUSE)
    await holder.browser.delete(f"/v1/consents/{point.consent.id}", headers=holder.headers)
    page_v1 = "http://enedis.test/dataconnect/v1/oauth2/authorize"
    town.set(enedis_authorize_url=page_v1)
    consent_id, back = await town.begin(stranger, SOLAR)

    await town.come_back(stranger.browser, back, usage_point_id=HOUSE)
    await town.work()

    assert (AWAITING, UsagePointTaken.code) == (
        (await town.look(stranger, consent_id))["status"],
        (await town.look(stranger, consent_id))["error"]["code"],
    )
    assert not await town.holds(stranger)
