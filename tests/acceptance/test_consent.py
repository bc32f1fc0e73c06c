"""From registration to a usage point: an account, a consent given or refused, in a browser or by a program."""

from html.parser import HTMLParser

import httpx

from simulator.holders import holder_of
from simulator.households import household_of
from simulator.known_points import Profile
from tests.support.running_gateway import Person, Stage

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Form(HTMLParser):
    """The only form of a page: its target and its initial values. Or the link of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.leads_to = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "meta" and found.get("http-equiv") == "refresh":
            _, _, self.leads_to = found["content"].partition("url=")
        elif tag == "form":
            self.action = found["action"]
        elif tag == "input" and (found["type"] not in ("radio", "checkbox") or "checked" in found):
            self.fields[found["name"]] = found.get("value", "")


def answer_form(stage: Stage, link: str, **answers: str) -> httpx.Response:
    """Open the link in a browser, press the button, fill in and submit the provider's page, and follow the redirect."""
    ours = stage.client.get(link, headers=BROWSER)
    onward = stage.client.post(str(ours.url.join(Form(ours.text).action)), headers=BROWSER)
    page = stage.client.get(Form(onward.text).leads_to, headers=BROWSER)
    form = Form(page.text)
    return stage.client.post(
        str(page.url.join(form.action)), data=form.fields | answers, headers=BROWSER, follow_redirects=True
    )


def test_a_new_account_holds_nothing_and_is_known_by_its_key(stage: Stage) -> None:
    person = stage.new_person()

    account = person.get("/v1/account")

    assert (person.account_id, []) == (account["id"], account["usage_points"])


def test_a_person_who_agrees_in_the_browser_gets_a_page_and_the_account_gets_the_usage_point(
    stage: Stage, person: Person
) -> None:
    usage_point_id = stage.new_household(Profile.SOLAR)
    started = person.ask_consent()
    person.seen.texts.append(usage_point_id)

    page = answer_form(stage, started["authorize_url"], decision="approve", other_usage_point_id=usage_point_id)

    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["Content-Type"])
    assert "Votre consentement est enregistré" in page.text
    assert usage_point_id[-4:] in page.text
    assert usage_point_id not in page.text
    (point,) = person.get("/v1/usage-points")["usage_points"]
    assert (usage_point_id, ["consumption", "production"]) == (point["usage_point_id"], point["directions"])
    assert ("granted", True) == (point["consent"]["status"], point["consent"]["active"])


def test_a_person_who_refuses_in_the_browser_is_told_that_nothing_will_be_read(stage: Stage, person: Person) -> None:
    started = person.ask_consent()

    page = answer_form(stage, started["authorize_url"], decision="refuse")

    assert (400, "text/html; charset=utf-8") == (page.status_code, page.headers["Content-Type"])
    assert "Aucune donnée ne sera lue" in page.text
    assert "refused" == person.get(f"/v1/consents/{started['id']}")["status"]
    assert [] == person.get("/v1/usage-points")["usage_points"]


def test_a_program_that_follows_the_provider_gets_json_with_the_end_of_the_number_only(
    stage: Stage, person: Person
) -> None:
    usage_point_id = stage.new_household()

    granted = person.give_consent(usage_point_id)

    assert "granted" == granted["status"]
    assert [{"ends_with": usage_point_id[-4:], "directions": ["consumption"]}] == granted["usage_points"]
    (point,) = person.get("/v1/account")["usage_points"]
    assert (usage_point_id, granted["expires_on"]) == (point["usage_point_id"], point["expires_on"])


def test_a_program_that_is_refused_gets_a_problem_document(stage: Stage, person: Person) -> None:
    started = person.ask_consent()

    answer = stage.client.get(f"{person.open_link(started)}&auto=refuse", follow_redirects=True)

    assert (400, "application/problem+json") == (answer.status_code, answer.headers["Content-Type"])
    assert "consent_refused" == answer.json()["code"]
    assert "refused" == person.get(f"/v1/consents/{started['id']}")["status"]


def test_the_way_back_works_once_and_shows_how_things_stand_when_it_is_loaded_again(
    stage: Stage, person: Person
) -> None:
    usage_point_id = stage.new_household()
    person.seen.texts.append(usage_point_id)
    url = f"{person.open_link(person.ask_consent())}&auto=approve&usage_point_id={usage_point_id}"
    back = stage.client.get(url).headers["Location"]
    first = stage.client.get(back)

    again = stage.client.get(back)
    other_number = stage.client.get(back.replace("autorisation_id=", "autorisation_id=1"))

    assert (200, first.json()) == (again.status_code, again.json())
    assert (400, "state_refused") == (other_number.status_code, other_number.json()["code"])


def test_a_second_account_that_knows_the_contract_gets_the_usage_point_too(
    stage: Stage, person: Person, household: str
) -> None:
    partner, home = stage.new_person(), household_of(household)
    stage.enedis.client.post("/control/revoke", json={"usage_point_id": household}).raise_for_status()
    proof = {"subscribed_power": home.subscribed_kva, "postal_code": holder_of(home).postal_code}
    partner.seen.texts.append(household)
    url = f"{partner.open_link(partner.ask_consent(household, proof))}&auto=approve&usage_point_id={household}"

    answer = stage.client.get(url, follow_redirects=True)

    assert (200, "granted") == (answer.status_code, answer.json()["status"])
    for each in (person, partner):
        assert [household] == [point["usage_point_id"] for point in each.get("/v1/usage-points")["usage_points"]]


def test_a_usage_point_is_not_given_to_a_second_account(stage: Stage, person: Person, household: str) -> None:
    """Enedis grants a usage point once; here its holder has revoked it there, and consents for another account."""
    stranger = stage.new_person()
    stage.enedis.client.post("/control/revoke", json={"usage_point_id": household}).raise_for_status()
    url = f"{stranger.open_link(stranger.ask_consent())}&auto=approve&usage_point_id={household}"

    answer = stage.client.get(url, follow_redirects=True)

    assert (409, "usage_point_taken") == (answer.status_code, answer.json()["code"])
    assert [] == stranger.get("/v1/usage-points")["usage_points"]
    assert 404 == stage.client.get(f"/v1/usage-points/{household}", headers=stranger.headers).status_code
