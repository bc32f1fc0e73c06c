"""The daily check: each warning before a consent ends, once; usage points of two accounts; overdue decisions."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from shared.consents.consents import APPROVAL_PATIENCE, days_warned
from shared.consents.models import Consent, ConsentStatus
from shared.core.calendar import PARIS
from shared.core.errors import ProviderUnavailable
from shared.storage.tables import consents
from tests.support.consent_town import AWAITING, HOUSE, Person, Town, contract_of
from workers.consents.daily_check import care_for_consents

pytestmark = pytest.mark.anyio


async def consent_of(town: Town, person: Person) -> Consent:
    return (await town.resources.usage_points.find(person.account.id, HOUSE)).consent


async def days_before_end(town: Town, person: Person, days: int) -> datetime:
    """A morning in Paris, ``days`` days before the first day without consent."""
    expires_on = (await consent_of(town, person)).expires_on
    assert expires_on is not None
    return datetime.combine(expires_on - timedelta(days=days), time(7, 15), PARIS)


async def warned(town: Town, person: Person) -> list[str]:
    return [kind for kind, _ in await town.events(person) if kind in ("consent.expiring", "consent.expired")]


async def test_the_holder_is_told_thirty_seven_and_one_day_before_and_at_the_end(town: Town, holder: Person) -> None:
    told = {}
    for days in (40, 31, 30, 29, 8, 7, 6, 2, 1, 0, -1):
        before = len(await warned(town, holder))
        await care_for_consents(town.resources, town.provider, await days_before_end(town, holder, days))
        told[days] = (await warned(town, holder))[before:]

    assert {30: ["consent.expiring"], 7: ["consent.expiring"], 1: ["consent.expiring"], 0: ["consent.expired"]} == {
        days: events for days, events in told.items() if events
    }
    assert 1 == (await town.audited(holder)).count("consent.expired")
    assert {"consent_id": (await consent_of(town, holder)).id} == (await town.events(holder))[-1][1]


async def test_two_beats_at_the_same_moment_tell_it_once(town: Town, holder: Person) -> None:
    now = await days_before_end(town, holder, 7)

    await asyncio.gather(*(care_for_consents(town.resources, town.provider, now) for _ in range(4)))

    assert ["consent.expiring"] == await warned(town, holder)


async def test_after_a_long_stop_only_the_nearest_warning_is_sent(town: Town, holder: Person) -> None:
    for days in (3, 2):
        await care_for_consents(town.resources, town.provider, await days_before_end(town, holder, days))

    assert ["consent.expiring"] == await warned(town, holder)


async def test_nobody_is_told_of_a_consent_that_was_renewed_or_ended(town: Town, holder: Person) -> None:
    nearly = await days_before_end(town, holder, 1)
    old = await consent_of(town, holder)
    await town.control("clock", now=(datetime.now(UTC) + timedelta(days=100)).isoformat())
    await town.share_again(holder)
    new = await consent_of(town, holder)

    await care_for_consents(town.resources, town.provider, nearly)
    await holder.browser.delete(f"/v1/consents/{new.id}", headers=holder.headers)
    await care_for_consents(town.resources, town.provider, nearly + timedelta(days=100))

    assert old.id != new.id
    assert [] == await warned(town, holder)


def test_the_warning_that_is_due_is_the_nearest_one() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    consent = Consent("cons_1", "acct_1", ConsentStatus.GRANTED, now, now, expires_on=date(2026, 11, 23))
    expected = {31: None, 30: 30, 8: 30, 7: 7, 2: 7, 1: 1, 0: 0, -5: 0}

    assert expected == {
        days_left: days_warned(replace(consent, expires_on=date(2026, 11, 23) + timedelta(days=days_left)), now)
        for days_left in expected
    }
    assert None is days_warned(replace(consent, expires_on=None), now)


async def test_a_consent_without_an_end_warns_of_nothing(town: Town, holder: Person) -> None:
    consent = replace(await consent_of(town, holder), expires_on=None)

    assert not await town.resources.consents.note_warning(consent, town.clock.now)


async def test_of_a_point_that_two_hold_whoever_lost_the_right_at_enedis_loses_it_within_a_day(
    town: Town, holder: Person, stranger: Person
) -> None:
    """The previous account's authorisation was still active when the new account was granted: it ended later."""
    await town.share_again(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))
    await care_for_consents(town.resources, town.provider, town.clock.now)
    both = await town.holds(holder), await town.holds(stranger)
    await town.control("move", usage_point_id=HOUSE)

    await care_for_consents(town.resources, town.provider, town.clock.now)

    assert (True, True) == both
    assert (False, False) == (await town.holds(holder), await town.holds(stranger))


async def test_an_outage_of_enedis_ends_nobodys_consent(
    town: Town, holder: Person, stranger: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.share_again(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))
    await town.control("faults", kind="technical_error", api="subscribed_services", count=None)

    with pytest.raises(ProviderUnavailable):
        await town.provider.fetch_granted_points(58_249)
    await care_for_consents(town.resources, town.provider, town.clock.now)

    assert (True, True) == (await town.holds(holder), await town.holds(stranger))


async def test_a_point_that_one_alone_holds_costs_no_call(town: Town, holder: Person) -> None:
    async def calls() -> int:
        return int((await town.enedis.get("/control/calls/count")).json()["count"])

    before = await calls()

    await care_for_consents(town.resources, town.provider, town.clock.now)

    assert before == await calls()


async def test_what_no_administrator_decided_fails_after_a_month(town: Town, holder: Person, stranger: Person) -> None:
    waiting = await town.share_again(stranger)
    soon, late = town.clock.now + APPROVAL_PATIENCE, town.clock.now + APPROVAL_PATIENCE + timedelta(seconds=1)
    await care_for_consents(town.resources, town.provider, soon)
    before = await town.look(stranger, waiting["id"])

    await care_for_consents(town.resources, town.provider, late)

    after = await town.look(stranger, waiting["id"])
    assert (AWAITING, "failed", "usage_point_taken") == (before["status"], after["status"], after["error"]["code"])
    assert "consent.failed" == (await town.events(stranger))[-1][0]
    assert "consent.failed" == (await town.audited(stranger))[-1]


async def test_the_proof_of_a_link_that_nobody_used_is_forgotten(town: Town, stranger: Person) -> None:
    await town.ask(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))

    async def kept() -> bool:
        async with town.resources.database.transaction() as connection:
            return await connection.scalar(select(consents.c.proof_sealed)) is not None

    before = await kept()
    await care_for_consents(town.resources, town.provider, town.clock.now + timedelta(minutes=14))
    alive = await kept()
    await care_for_consents(town.resources, town.provider, town.clock.now + timedelta(minutes=16))

    assert (True, True, False) == (before, alive, await kept())
