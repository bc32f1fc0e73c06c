"""Two accounts and one usage point: approvals by an administrator, and a new tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

import pytest

from shared.consents.duration import day_after
from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.calendar import day_of
from shared.core.datasets import Direction
from shared.core.errors import ConsentMissing, NotFound, ProviderUnavailable
from shared.storage.audit_log import ADMIN
from tests.support.consent_town import (
    AWAITING,
    FLAT,
    GRANTED,
    HOUSE,
    PAGE_V1,
    SOLAR,
    Person,
    Town,
    contract_of,
    row,
)
from workers.upstream.port import Provider

pytestmark = pytest.mark.anyio


@dataclass
class Unsure:
    """A provider that is temporarily unavailable for one authorisation."""

    whole: Provider
    number: int | None

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """The usage points of the authorisation, or an outage."""
        if autorisation_id == self.number:
            raise ProviderUnavailable
        return await self.whole.fetch_granted_points(autorisation_id)


@dataclass
class Renumbered:
    """A provider where every authorisation number covers the same usage point."""

    point: GrantedPoint

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """That usage point."""
        return [self.point]


# An administrator


async def test_an_administrator_can_let_a_consent_pass_and_it_is_exchanged_anew(
    town: Town, holder: Person, stranger: Person
) -> None:
    waiting = await town.share_again(stranger)
    assert [waiting["id"]] == [each.id for each in await town.resources.consents.list_awaiting()]

    await town.resources.consents.approve(waiting["id"], ADMIN, town.clock.now)
    approved = await town.look(stranger, waiting["id"])
    await town.work()

    assert "exchanging" == approved["status"]
    assert GRANTED == (await town.look(stranger, waiting["id"]))["status"]
    assert await town.holds(stranger)
    assert await town.holds(holder)
    assert [] == await town.resources.consents.list_awaiting()
    assert None is (await row(town, waiting["id"])).awaiting_sealed
    assert ["consent.awaiting", "consent.approved", "consent.granted"] == (await town.audited(stranger))[-3:]
    assert ["consent.approved"] == [each.action for each in await town.resources.audit.load_events(ADMIN)]
    assert "consent.shared" in [kind for kind, _ in await town.events(holder)]


async def test_an_administrator_can_refuse_and_what_it_would_have_opened_is_forgotten(
    town: Town, holder: Person, stranger: Person
) -> None:
    waiting = await town.share_again(stranger)
    assert HOUSE.encode() not in (await row(town, waiting["id"])).awaiting_sealed

    await town.resources.consents.deny(waiting["id"], ADMIN, town.clock.now)

    denied = await town.look(stranger, waiting["id"])
    assert ("failed", "usage_point_taken") == (denied["status"], denied["error"]["code"])
    assert None is (await row(town, waiting["id"])).awaiting_sealed
    assert "consent.denied" == (await town.audited(stranger))[-1]
    with pytest.raises(NotFound):
        await town.resources.consents.deny(waiting["id"], ADMIN, town.clock.now)
    with pytest.raises(NotFound):
        await town.resources.consents.approve(waiting["id"], ADMIN, town.clock.now)
    assert not await town.holds(stranger)


async def test_an_approval_does_not_give_what_enedis_has_ended_meanwhile(
    town: Town, holder: Person, stranger: Person
) -> None:
    waiting = await town.share_again(stranger)
    await town.control("revoke", usage_point_id=HOUSE)

    await town.resources.consents.approve(waiting["id"], ADMIN, town.clock.now)
    await town.work(timedelta(minutes=10))

    assert "consent_empty" == (await town.look(stranger, waiting["id"]))["error"]["code"]
    assert not await town.holds(stranger)


async def test_an_approval_is_for_the_point_that_waited_and_for_no_other(
    town: Town, holder: Person, stranger: Person
) -> None:
    """The holder of the number has meanwhile shared another usage point under it."""
    waiting = await town.share_again(stranger)
    town.provider = cast(Provider, Renumbered(GrantedPoint(SOLAR, frozenset(Direction), date(2099, 1, 1))))

    await town.resources.consents.approve(waiting["id"], ADMIN, town.clock.now)
    await town.work(timedelta(minutes=10))

    assert "consent_empty" == (await town.look(stranger, waiting["id"]))["error"]["code"]
    assert not await town.holds(stranger, SOLAR)


async def test_what_waits_comes_in_pages(town: Town, holder: Person) -> None:
    ids = sorted([(await town.share_again(await town.new_person()))["id"] for _ in range(3)])

    first = await town.resources.consents.list_awaiting(limit=2)
    second = await town.resources.consents.list_awaiting(first[-1].id, 2)

    assert ids == [each.id for each in (*first, *second)]


async def test_a_return_of_v1_that_waits_is_bound_as_it_came_when_it_is_approved(
    town: Town, holder: Person, stranger: Person
) -> None:
    town.set(enedis_authorize_url=PAGE_V1)
    waiting = await town.consent(stranger, f"{HOUSE};{FLAT}")

    await town.resources.consents.approve(waiting["id"], ADMIN, town.clock.now + timedelta(days=3))
    await town.work()

    assert AWAITING == waiting["status"]
    assert await town.holds(stranger, HOUSE)
    assert await town.holds(stranger, FLAT)
    # From the date in Paris of the callback, not of the approval.
    came_back = day_of(town.clock.now)
    assert day_after(came_back, "P3Y") == date.fromisoformat((await town.look(stranger, waiting["id"]))["expires_on"])


# A new tenant: Enedis responds for the application and the usage point, regardless of the tenant


async def test_a_new_tenant_needs_no_proof_and_the_one_before_loses_the_point_at_once(
    town: Town, holder: Person, stranger: Person
) -> None:
    old = await town.resources.usage_points.find(holder.account.id, HOUSE)
    await town.control("move", usage_point_id=HOUSE)

    consent = await town.consent(stranger)

    assert GRANTED == consent["status"]
    assert not await town.holds(holder)
    assert ConsentStatus.LOST is (await town.resources.usage_points.load(old.id)).consent.status
    with pytest.raises(ConsentMissing):
        await town.resources.usage_points.load_active(old.id, town.clock.now)
    assert ("consent.revoked", {"consent_id": old.consent.id}) == (await town.events(holder))[-1]
    assert "consent.lost" == (await town.audited(holder))[-1]


async def test_while_enedis_can_not_be_asked_about_the_one_before_nobody_new_gets_the_point(
    town: Town, holder: Person, stranger: Person
) -> None:
    await town.control("move", usage_point_id=HOUSE)
    consent_id, back = await town.begin(stranger)
    await town.come_back(stranger.browser, back)
    number = (await town.resources.usage_points.find(holder.account.id, HOUSE)).consent.autorisation_id
    whole = town.provider
    town.provider = cast(Provider, Unsure(whole, number))

    await town.work()
    during = await town.look(stranger, consent_id)
    held_meanwhile = await town.holds(holder)
    town.provider = whole
    await town.work()

    assert ("exchanging", True) == (during["status"], held_meanwhile)
    assert GRANTED == (await town.look(stranger, consent_id))["status"]
    assert not await town.holds(holder)


async def test_the_one_before_does_not_come_back_with_the_number_of_the_new_one(
    town: Town, holder: Person, stranger: Person
) -> None:
    await town.control("move", usage_point_id=HOUSE)
    await town.consent(stranger)
    number = (await town.resources.usage_points.find(stranger.account.id, HOUSE)).consent.autorisation_id
    assert number is not None

    claimed = await town.claim(holder, number)

    assert AWAITING == claimed["status"]
    assert not await town.holds(holder)


async def test_a_consent_of_v1_can_not_be_asked_about_and_ends_when_somebody_else_proves(
    town: Town, stranger: Person
) -> None:
    old = await town.new_person()
    town.set(enedis_authorize_url=PAGE_V1)
    await town.consent(old, f"{HOUSE};{FLAT}")
    town.set(enedis_authorize_url="http://enedis.test/dataconnect/v2/oauth2/authorize")
    await town.control("move", usage_point_id=HOUSE)

    unproved = await town.consent(await town.new_person())
    held_still = await town.holds(old)
    proved = await town.share_again(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))

    assert (AWAITING, True, GRANTED) == (unproved["status"], held_still, proved["status"])
    # Of a consent for both usage points, only this one is lost.
    assert (False, True) == (await town.holds(old, HOUSE), await town.holds(old, FLAT))
    assert "consent.lost" == (await town.audited(old))[-1]
    assert "consent.revoked" == (await town.events(old))[-1][0]


async def test_who_holds_a_point_renews_it_without_a_proof_though_somebody_else_holds_it_too(
    town: Town, holder: Person, stranger: Person
) -> None:
    await town.share_again(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))

    renewed = await town.share_again(holder, usage_point_id=HOUSE, renew=True)

    assert GRANTED == renewed["status"]
    assert await town.holds(stranger)


async def test_that_holds_for_a_return_of_v1_too(town: Town, holder: Person, stranger: Person) -> None:
    await town.share_again(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))
    town.set(enedis_authorize_url=PAGE_V1)

    renewed = await town.consent(holder, HOUSE)

    assert GRANTED == renewed["status"]
    assert await town.holds(stranger)
