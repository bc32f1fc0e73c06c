"""Attacks on the consent flow with states, links and cookies: none of them gains access."""

from datetime import timedelta

import httpx
import pytest

from shared.consents.models import ConsentStatus
from tests.support.consent_town import (
    GRANTED,
    HOUSE,
    PAGE,
    SOLAR,
    Form,
    Person,
    Town,
    holder_number,
    path_of,
)

pytestmark = pytest.mark.anyio


def refused(answer: httpx.Response, code: str = "state_refused") -> bool:
    return (400, code) == (answer.status_code, answer.json()["code"])


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
