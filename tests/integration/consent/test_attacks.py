"""Attacks on the consent flow, each as an attacker would try it: none of them gains access.

Enedis numbers its authorisations sequentially and answers queries about each only to the application, so an attacker
who can submit an arbitrary number guesses a valid one sooner or later. `docs/threat-model.md` lists remaining risks.
"""

from datetime import timedelta

import httpx
import pytest

from shared.consents.models import ConsentStatus
from shared.core.errors import UsagePointTaken
from tests.support.consent_town import (
    AWAITING,
    FLAT,
    GRANTED,
    HOUSE,
    PAGE,
    SOLAR,
    Form,
    Person,
    Town,
    contract_of,
    path_of,
)
from workers.consents.exchange import EMPTY_PATIENCE

pytestmark = pytest.mark.anyio

FIRST_NUMBER = 58_249


def refused(answer: httpx.Response, code: str = "state_refused") -> bool:
    return (400, code) == (answer.status_code, answer.json()["code"])


async def holder_number(town: Town, person: Person) -> int:
    """The authorisation number of an account's house."""
    found = await town.resources.usage_points.find(person.account.id, HOUSE)
    assert found.consent.autorisation_id is not None
    return found.consent.autorisation_id


# The state


async def test_a_made_up_state_is_worth_nothing(town: Town, holder: Person, stranger: Person) -> None:
    number = await holder_number(town, holder)

    for state in ("A" * 43, "x", stranger.account.id):
        assert refused(await town.come_back(stranger.browser, {"state": state, "autorisation_id": str(number)}))

    assert not await town.holds(stranger)


async def test_a_return_that_is_replayed_in_another_browser_shows_and_does_nothing(
    town: Town, stranger: Person
) -> None:
    person = await town.new_person()
    consent_id, back = await town.begin(person)
    await town.come_back(person.browser, back)
    await town.work()

    replayed = await town.come_back(stranger.browser, back)
    again = await town.come_back(person.browser, back)

    assert refused(replayed)
    assert HOUSE[-4:] not in replayed.text
    assert (200, "granted") == (again.status_code, again.json()["status"])
    assert 1 == (await town.audited(person)).count("consent.granted")
    assert GRANTED == (await town.look(person, consent_id))["status"]


async def test_a_state_that_nobody_opened_here_can_not_come_back(town: Town, stranger: Person) -> None:
    """The attacker takes the state to Enedis directly, without the page that names the consent's account."""
    started = await town.ask(stranger)

    answer = await town.come_back(stranger.browser, {"state": started["state"], "autorisation_id": "58249"})

    assert refused(answer)
    assert "pending" == (await town.look(stranger, started["id"]))["status"]


async def test_a_callback_of_the_attacker_opened_by_somebody_else_is_refused_and_leaves_the_state_to_its_browser(
    town: Town, stranger: Person
) -> None:
    victim = town.new_browser()
    _, back = await town.begin(stranger)

    lured = await town.come_back(victim, back)
    with_a_cookie_of_their_own = await victim.get("/consent", params={"state": back["state"]}, headers=PAGE)
    after = await town.come_back(stranger.browser, back)

    assert refused(lured)
    assert 400 == with_a_cookie_of_their_own.status_code
    assert 202 == after.status_code


async def test_a_cookie_that_is_made_up_opens_no_state(town: Town, stranger: Person) -> None:
    consent_id, back = await town.begin(await town.new_person())
    browser = town.new_browser()

    answers = []
    for value in ("A" * 43, "A" * 42, "", '"', "A" * 5000):
        browser.cookies.set("releve-consent", value)
        answers.append(await town.come_back(browser, back))

    assert all(map(refused, answers))
    assert ConsentStatus.PENDING is (await town.resources.consents.load(consent_id)).status


async def test_the_state_of_another_account_can_not_be_used_once_they_opened_it(
    town: Town, holder: Person, stranger: Person
) -> None:
    """The state leaked; the attacker wants their own house in the victim's account, or the page."""
    started = await town.ask(holder)
    await town.open_link(started, holder.browser)

    opened = await town.open_link(started, stranger.browser)
    looked = await stranger.browser.get(path_of(started["authorize_url"]), headers=PAGE)
    back = await town.come_back(stranger.browser, {"state": started["state"], "error": "access_denied"})

    assert refused(opened)
    assert 400 == looked.status_code
    assert holder.account.id not in looked.text
    assert refused(back)
    assert "pending" == (await town.look(holder, started["id"]))["status"]


async def test_who_opens_the_link_of_another_first_keeps_them_out_and_gains_nothing(
    town: Town, holder: Person, stranger: Person
) -> None:
    started = await town.ask(holder, usage_point_id=HOUSE, renew=True)
    opened = await town.open_link(started, stranger.browser)
    back = await town.agree(opened.json()["provider_url"], SOLAR)

    late = await town.open_link(started, holder.browser)
    await town.come_back(stranger.browser, back)
    await town.work()

    assert refused(late)
    # Not even the attacker's own meter for another account, since the usage point was stated in advance.
    assert "consent_refused" == (await town.look(holder, started["id"]))["error"]["code"]
    assert not await town.holds(stranger)


async def test_after_a_quarter_of_an_hour_neither_the_link_nor_the_return_is_worth_anything(
    town: Town, stranger: Person
) -> None:
    opened = await town.begin(stranger)
    unopened = await town.ask(stranger)
    town.clock.now += timedelta(minutes=15)

    assert refused(await town.come_back(stranger.browser, opened[1]))
    assert refused(await town.open_link(unopened, stranger.browser))
    assert "pending" == (await town.look(stranger, opened[0]))["status"]


# The page before Enedis's: a victim is sent to the attacker's link


async def test_the_page_says_whose_account_will_read_and_what_to_do_if_one_did_not_begin(
    town: Town, stranger: Person
) -> None:
    started = await town.ask(stranger, usage_point_id=HOUSE)
    victim = town.new_browser()

    page = await victim.get(path_of(started["authorize_url"]), headers=PAGE)

    assert 200 == page.status_code
    for told in (stranger.account.id, "127.0.0.1:8000", "fermez cette page", "close this page", "is expected"):
        assert told in page.text
    assert HOUSE not in page.text
    assert "enedis.test" not in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    cookie = page.headers["Set-Cookie"].lower()
    for attribute in ("httponly", "samesite=lax", "path=/;", "max-age=900"):
        assert attribute in f"{cookie};"


async def test_only_the_button_of_the_page_leads_on(town: Town, stranger: Person) -> None:
    started = await town.ask(stranger)
    link, victim = path_of(started["authorize_url"]), town.new_browser()
    form = Form((await victim.get(link, headers=PAGE)).text).action
    foreign = Form((await stranger.browser.get(link, headers=PAGE)).text).action

    # A form on the attacker's site, without a token, and with the page token of the attacker's own browser.
    bare, with_another_token = [await victim.post(each, headers=PAGE) for each in (link, f"/consent{foreign}")]
    # A script on the attacker's site that claims to be a program.
    scripts = [await victim.post(link, headers={"Sec-Fetch-Site": site}) for site in ("cross-site", "same-site")]
    pressed = await victim.post(f"/consent{form}", headers=PAGE)

    assert [400] * 4 == [each.status_code for each in (bare, with_another_token, *scripts)]
    assert 200 == pressed.status_code
    assert "http://enedis.test/dataconnect/v2/oauth2/authorize?" in pressed.text
    assert "form-action 'none'" in pressed.headers["Content-Security-Policy"]


async def test_a_program_that_looks_into_messages_does_not_use_the_link_up(town: Town, stranger: Person) -> None:
    started = await town.ask(stranger)
    scanner = town.new_browser()
    for headers in (PAGE, {"Accept": "application/json"}, {}):
        assert 200 == (await scanner.get(path_of(started["authorize_url"]), headers=headers)).status_code

    assert 200 == (await town.open_link(started, stranger.browser)).status_code
    assert ["consent.requested", "consent.opened"] == await town.audited(stranger)


async def test_the_same_browser_may_open_the_link_again(town: Town, stranger: Person) -> None:
    started = await town.ask(stranger)

    opened = [await town.open_link(started, stranger.browser) for _ in range(2)]

    assert [200, 200] == [each.status_code for each in opened]
    assert 1 == (await town.audited(stranger)).count("consent.opened")


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
