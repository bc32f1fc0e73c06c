"""Two accounts and one usage point: a couple, a new tenant, and a false claim to be one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import delete, select, update

from shared.consents.duration import day_after
from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.calendar import day_of
from shared.core.datasets import Direction
from shared.core.errors import ConsentMissing, NotFound, ProviderUnavailable
from shared.storage.audit_log import ADMIN
from shared.storage.tables import consents
from simulator.households import household_of
from tests.support.consent_town import AWAITING, FLAT, GRANTED, HOUSE, PAGE, SOLAR, Person, Town, contract_of
from workers.registry import build_providers
from workers.upstream.port import Provider

pytestmark = pytest.mark.anyio

PAGE_V1 = "http://enedis.test/dataconnect/v1/oauth2/authorize"


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
class Erasing:
    """A provider that erases every account before it responds."""

    town: Town

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """A usage point."""
        async with self.town.resources.database.transaction() as connection:
            await connection.execute(delete(consents))
        return [GrantedPoint(HOUSE, frozenset(Direction))]


@dataclass
class Renumbered:
    """A provider where every authorisation number covers the same usage point."""

    point: GrantedPoint

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """That usage point."""
        return [self.point]


async def row(town: Town, consent_id: str) -> Any:
    async with town.resources.database.transaction() as connection:
        return (await connection.execute(select(consents).where(consents.c.id == consent_id))).one()


async def fetched(town: Town, api: str) -> int:
    answer = await town.enedis.get("/control/calls/count", params={"api": api})
    return int(answer.json()["count"])


# A proof


async def test_who_names_the_point_and_knows_its_contract_gets_it_too_by_a_consent_of_their_own(
    town: Town, holder: Person, stranger: Person
) -> None:
    consent = await town.share_again(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))

    assert GRANTED == consent["status"]
    mine = await town.resources.usage_points.find(stranger.account.id, HOUSE)
    theirs = await town.resources.usage_points.find(holder.account.id, HOUSE)
    assert mine.id != theirs.id
    assert mine.consent.id != theirs.consent.id
    assert await town.holds(holder)
    assert {mine.id, theirs.id} == set(await town.resources.usage_points.active_ids(town.clock.now))


async def test_the_one_who_had_it_before_is_told_and_not_by_whom(town: Town, holder: Person, stranger: Person) -> None:
    before = (await town.resources.usage_points.find(holder.account.id, HOUSE)).consent

    await town.share_again(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))

    assert ("consent.shared", {"consent_id": before.id}) == (await town.events(holder))[-1]
    shared = [
        each for each in await town.resources.audit.load_events(holder.account.id) if each.action == "consent.shared"
    ]
    assert 1 == len(shared)
    assert stranger.account.id not in repr(shared)
    assert ["consent.granted"] == [kind for kind, _ in await town.events(stranger)]
    assert None is await town.resources.audit.find_break(holder.account.id)


async def test_one_wrong_fact_is_no_proof(town: Town, holder: Person) -> None:
    for wrong in ({"subscribed_power": 36}, {"postal_code": "75001"}, {"activated_on": "2001-01-01"}):
        stranger = await town.new_person()
        consent = await town.share_again(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE) | wrong)

        assert (AWAITING, "usage_point_taken") == (consent["status"], consent["error"]["code"]), wrong
        assert "administrator" in consent["hint"], wrong
        assert not await town.holds(stranger), wrong
        assert await town.holds(holder), wrong


async def test_a_proof_is_encrypted_and_forgotten_when_the_consent_is_decided(
    town: Town, holder: Person, stranger: Person
) -> None:
    proof = contract_of(HOUSE)
    await town.control("revoke", usage_point_id=HOUSE)
    consent_id, back = await town.begin(stranger, usage_point_id=HOUSE, proof=proof)
    before = await row(town, consent_id)
    await town.come_back(stranger.browser, back)
    await town.work()
    wrong = proof | {"postal_code": "75001"}
    refused = await town.share_again(await town.new_person(), usage_point_id=HOUSE, proof=wrong)

    assert before.proof_sealed is not None
    assert proof["postal_code"].encode() not in before.proof_sealed
    assert None is (await row(town, consent_id)).proof_sealed
    assert None is (await row(town, refused["id"])).proof_sealed


async def test_nobody_is_asked_about_a_contract_when_the_point_is_free(town: Town, stranger: Person) -> None:
    consent = await town.consent(stranger, usage_point_id=HOUSE, proof=contract_of(SOLAR))

    assert GRANTED == consent["status"]
    assert 0 == await fetched(town, "situation_contrat_auto")


async def test_three_proofs_are_looked_at_whoever_shows_them_then_only_an_administrator_can_say_yes(
    town: Town, holder: Person
) -> None:
    wrong = contract_of(HOUSE) | {"postal_code": "75001"}
    for _ in range(3):
        await town.share_again(await town.new_person(), usage_point_id=HOUSE, proof=wrong)
    right = await town.share_again(await town.new_person(), usage_point_id=HOUSE, proof=contract_of(HOUSE))
    town.clock.now += timedelta(days=1)
    person = await town.new_person()
    # A waiting account also claims the number; that does not count against an account with proof.
    next_day = await town.share_again(person, usage_point_id=HOUSE, proof=contract_of(HOUSE))

    assert (AWAITING, GRANTED) == (right["status"], next_day["status"])


async def test_while_enedis_does_not_tell_the_contract_the_proof_waits_and_uses_up_no_try(
    town: Town, holder: Person, stranger: Person
) -> None:
    await town.control("faults", kind="technical_error", api="donnees_generales_auto", count=None)
    await town.control("revoke", usage_point_id=HOUSE)
    consent_id, back = await town.begin(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))
    await town.come_back(stranger.browser, back)
    for _ in range(4):
        await town.work()
    during = await town.look(stranger, consent_id)
    (await town.enedis.delete("/control/faults")).raise_for_status()

    await town.work()

    assert ("exchanging", GRANTED) == (during["status"], (await town.look(stranger, consent_id))["status"])


async def test_what_can_prove_nothing_is_refused_at_once_and_not_repeated(town: Town, stranger: Person) -> None:
    bodies: list[dict[str, object]] = [
        {"proof": contract_of(HOUSE)},
        {"usage_point_id": HOUSE, "proof": {"postal_code": "75001"}},
        {"usage_point_id": HOUSE, "proof": {}},
        {"usage_point_id": HOUSE, "proof": {"postal_code": "7500", "subscribed_power": 6}},
        {"usage_point_id": HOUSE, "proof": {"postal_code": "75001", "subscribed_power": 0}},
        {"usage_point_id": HOUSE, "proof": {"postal_code": "75001", "subscribed_power": 1e300}},
        {"usage_point_id": HOUSE, "proof": {"postal_code": "75001", "last_name": "X"}},
        {"usage_point_id": HOUSE, "proof": {"postal_code": "75001", "activated_on": "yesterday"}},
    ]
    for body in bodies:
        refused = await town.try_to_ask(stranger, **body)

        assert (422, "validation_failed") == (refused.status_code, refused.json()["code"]), body
        assert HOUSE not in refused.text, body


async def test_the_person_who_waits_reads_what_helps_in_the_browser(
    town: Town, holder: Person, stranger: Person
) -> None:
    await town.control("revoke", usage_point_id=HOUSE)
    _, back = await town.begin(stranger)
    await town.come_back(stranger.browser, back)
    await town.work()

    page = await stranger.browser.get("/oauth/callback", params=back, headers=PAGE)
    program = await town.come_back(stranger.browser, back)

    assert (409, 409) == (page.status_code, program.status_code)
    assert "deux informations du contrat" in page.text
    assert ("usage_point_taken", True) == (program.json()["code"], "administrator" in program.json()["detail"])


async def test_the_older_generation_tells_the_same_facts(town: Town, stranger: Person) -> None:
    """With only v5 and its page, a second account needs a proof or an administrator's approval."""
    older = replace(town.resources, settings=town.resources.settings.model_copy(update={"enedis_api": "v5"}))
    town.provider = build_providers(older, town.enedis)["enedis"]
    town.set(enedis_authorize_url=PAGE_V1)
    old, wrong = await town.new_person(), await town.new_person()
    await town.consent(old)
    household = household_of(HOUSE)
    facts = contract_of(HOUSE) | {"activated_on": household.activation.isoformat()}

    refused = await town.consent(wrong, usage_point_id=HOUSE, proof=facts | {"activated_on": "2001-01-01"})
    proved = await town.consent(stranger, usage_point_id=HOUSE, proof=facts)

    assert (AWAITING, GRANTED) == (refused["status"], proved["status"])
    assert (False, True) == (await town.holds(old), await town.holds(stranger))


async def test_a_proof_that_no_key_opens_any_more_is_no_proof(town: Town, holder: Person, stranger: Person) -> None:
    await town.control("revoke", usage_point_id=HOUSE)
    consent_id, back = await town.begin(stranger, usage_point_id=HOUSE, proof=contract_of(HOUSE))
    await town.come_back(stranger.browser, back)
    async with town.resources.database.transaction() as connection:
        await connection.execute(update(consents).values(proof_sealed=bytes(40)))

    await town.work()

    assert AWAITING == (await town.look(stranger, consent_id))["status"]


async def test_of_an_account_that_is_erased_during_the_exchange_nothing_is_told(town: Town, stranger: Person) -> None:
    consent_id, back = await town.begin(stranger)
    await town.come_back(stranger.browser, back)
    town.provider = cast(Provider, Erasing(town))

    await town.work()

    with pytest.raises(NotFound):
        await town.resources.consents.load(consent_id)
    assert [] == await town.events(stranger)


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
