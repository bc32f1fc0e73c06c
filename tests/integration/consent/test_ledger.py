"""The ledger of consents: listing, history, revocation, and that nothing is fetched afterwards."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.core.calendar import ONE_DAY, DayRange, day_of
from shared.core.datasets import DATASETS, Series
from shared.core.errors import ConsentMissing
from shared.jobs.models import CallTicket, Lane
from shared.readings.planning import plan_calls, windows_of
from tests.support.consent_town import FLAT, GRANTED, HOUSE, SOLAR, Document, Person, Town
from workers.fetching.fetcher import Fetcher
from workers.refresh import refresh

pytestmark = pytest.mark.anyio

MEASURES = "mesure_synchrone_auto"


async def ended(person: Person, consent_id: str) -> Document:
    answer = await person.browser.delete(f"/v1/consents/{consent_id}", headers=person.headers)
    assert 200 == answer.status_code, answer.text
    document: Document = answer.json()
    return document


async def listed(person: Person, **query: object) -> Document:
    params = {name: str(value) for name, value in query.items()}
    answer = await person.browser.get("/v1/consents", headers=person.headers, params=params)
    assert 200 == answer.status_code, answer.text
    document: Document = answer.json()
    return document


async def asked_of_enedis(town: Town) -> int:
    answer = await town.enedis.get("/control/calls/count", params={"api": MEASURES})
    return int(answer.json()["count"])


async def test_every_consent_of_the_account_is_listed_newest_first_in_pages(
    town: Town, holder: Person, stranger: Person
) -> None:
    await town.consent(stranger, SOLAR)
    ids = [(await listed(holder))["consents"][0]["id"]]
    for _ in range(4):
        town.clock.now += timedelta(seconds=1)
        ids.append((await town.ask(holder))["id"])

    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await listed(holder, limit=2, **cursor)
        pages.append([each["id"] for each in page["consents"]])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    newest = ids[::-1]
    assert [newest[:2], newest[2:4], newest[4:]] == pages


async def test_a_page_can_not_begin_at_what_belongs_to_somebody_else(
    town: Town, holder: Person, stranger: Person
) -> None:
    theirs = await town.ask(holder)

    for cursor, code in ((theirs["id"], 404), ("cons_00", 404), ("nonsense", 422)):
        answer = await stranger.browser.get("/v1/consents", headers=stranger.headers, params={"cursor": cursor})
        assert code == answer.status_code


async def test_what_was_done_is_written_down_with_who_did_it(town: Town, stranger: Person) -> None:
    consent = await town.consent(stranger)
    await ended(stranger, consent["id"])

    events = [each for each in await town.resources.audit.load_events(stranger.account.id) if "consent." in each.action]

    (key,) = await town.resources.accounts.keys.list_keys(stranger.account.id)
    assert [
        ("consent.requested", key.id),
        ("consent.opened", "person"),
        ("consent.granted", "system"),
        ("consent.revoked", key.id),
    ] == [(each.action, each.actor) for each in reversed(events)]
    assert {consent["id"]} == {each.details["consent_id"] for each in events}
    assert HOUSE not in repr(events)


async def test_a_refusal_and_a_failure_are_written_down_too(town: Town, stranger: Person) -> None:
    started = await town.ask(stranger)
    await town.open_link(started, stranger.browser)
    await town.come_back(stranger.browser, {"state": started["state"], "error": "access_denied"})
    await town.consent(stranger, SOLAR, usage_point_id=HOUSE)

    assert ["consent.refused", "consent.failed"] == [
        each for each in await town.audited(stranger) if each not in ("consent.requested", "consent.opened")
    ]


async def test_ending_a_consent_says_where_the_share_itself_is_ended_and_keeps_what_is_stored(
    town: Town, holder: Person
) -> None:
    point = await town.resources.usage_points.find(holder.account.id, HOUSE)

    document = await ended(holder, point.consent.id)
    again = await ended(holder, point.consent.id)

    assert ("revoked", False) == (document["status"], document["active"])
    assert "Enedis" in document["hint"]
    assert document == again
    assert [("consent.revoked", {"consent_id": point.consent.id})] == (await town.events(holder))[1:]
    assert 1 == (await town.audited(holder)).count("consent.revoked")
    shown = await holder.browser.get(f"/v1/usage-points/{HOUSE}", headers=holder.headers)
    assert ("revoked", False) == (shown.json()["consent"]["status"], shown.json()["consent"]["active"])


async def test_a_link_that_was_ended_is_worth_nothing(town: Town, stranger: Person) -> None:
    for opened in (False, True):
        started = await town.ask(stranger)
        if opened:
            await town.open_link(started, stranger.browser)

        await ended(stranger, started["id"])

        assert 400 == (await town.open_link(started, stranger.browser)).status_code, opened
        back = {"state": started["state"], "autorisation_id": "58249"}
        assert 400 == (await town.come_back(stranger.browser, back)).status_code, opened
        assert "revoked" == (await town.look(stranger, started["id"]))["status"], opened


async def test_what_is_ended_while_it_is_exchanged_binds_nothing(town: Town, stranger: Person) -> None:
    consent_id, back = await town.begin(stranger)
    await town.come_back(stranger.browser, back)

    await ended(stranger, consent_id)
    await town.resources.grants.grant(
        consent_id, await town.provider.fetch_granted_points(int(back["autorisation_id"])), town.clock.now
    )

    assert not await town.holds(stranger)
    assert "revoked" == (await town.look(stranger, consent_id))["status"]


async def test_what_did_not_come_about_can_not_be_ended(town: Town, stranger: Person) -> None:
    failed = await town.consent(stranger, SOLAR, usage_point_id=HOUSE)

    assert "failed" == (await ended(stranger, failed["id"]))["status"]
    assert None is (await town.look(stranger, failed["id"]))["revoked_at"]


async def test_only_a_key_that_manages_ends_a_consent(town: Town, holder: Person) -> None:
    body = {"scopes": ["read", "fetch"]}
    key = (await holder.browser.post("/v1/account/keys", headers=holder.headers, json=body)).json()["api_key"]
    point = await town.resources.usage_points.find(holder.account.id, HOUSE)

    answer = await holder.browser.delete(f"/v1/consents/{point.consent.id}", headers={"Authorization": f"Bearer {key}"})

    assert 403 == answer.status_code
    assert await town.holds(holder)


# Nothing is fetched without an active consent


async def test_no_job_is_taken_for_a_point_whose_consent_was_ended(town: Town, holder: Person) -> None:
    await end_of_house(town, holder)
    day = day_of(town.clock.now) - timedelta(days=30)
    body = {"usage_point_id": HOUSE, "dataset": "daily_consumption", "start": str(day), "end": str(day + ONE_DAY)}

    answer = await holder.browser.post("/v1/jobs", headers=holder.headers, json=body)

    assert (409, "consent_missing") == (answer.status_code, answer.json()["code"])


async def test_a_call_that_waits_while_its_consent_is_ended_is_not_made(town: Town, holder: Person) -> None:
    point = await town.resources.usage_points.find(holder.account.id, HOUSE)
    today = day_of(town.clock.now)
    days, dataset = DayRange(today - timedelta(days=30), today - timedelta(days=1)), DATASETS["consumption_load_curve"]
    series = Series(holder.account.id, point.id, dataset.name)
    calls = plan_calls(dataset, windows_of(dataset, days))
    job = await town.resources.jobs.create_job(series, days, Lane.INTERACTIVE, calls, {}, datetime.now(UTC))
    due = await town.resources.ledger.send_next(datetime.now(UTC))
    fetcher = Fetcher(town.resources, {"enedis": town.provider})
    await fetcher.do_call(due[0].ticket)
    before = await asked_of_enedis(town)

    await end_of_house(town, holder)
    for number in range(len(calls)):
        await fetcher.do_call(CallTicket(job.id, number))

    assert (1, 1) == (before, await asked_of_enedis(town))
    assert len(calls) > 2
    found = await town.resources.jobs.load_job(job.id)
    assert found is not None
    assert "partial" == found.status
    assert {"consent_missing"} == set(found.errors)
    with pytest.raises(ConsentMissing):
        await town.resources.usage_points.load_active(point.id, town.clock.now)


async def test_the_nightly_plan_passes_a_point_by_whose_consent_was_ended(
    town: Town, holder: Person, stranger: Person
) -> None:
    await town.consent(stranger, FLAT)
    await end_of_house(town, holder)

    made = await refresh(town.resources)

    assert made > 0
    of_holder = await town.resources.redis.exists(f"jobs:{holder.account.id}")
    of_stranger = await town.resources.redis.exists(f"jobs:{stranger.account.id}")
    assert (0, 1) == (of_holder, of_stranger)
    assert 0 == await asked_of_enedis(town)


async def test_a_new_consent_opens_the_point_again_with_what_was_stored(town: Town, holder: Person) -> None:
    before = await town.resources.usage_points.find(holder.account.id, HOUSE)
    await end_of_house(town, holder)

    renewed = await town.share_again(holder)

    after = await town.resources.usage_points.find(holder.account.id, HOUSE)
    assert GRANTED == renewed["status"]
    assert (before.id, renewed["id"]) == (after.id, after.consent.id)


async def end_of_house(town: Town, person: Person) -> None:
    point = await town.resources.usage_points.find(person.account.id, HOUSE)
    await ended(person, point.consent.id)
