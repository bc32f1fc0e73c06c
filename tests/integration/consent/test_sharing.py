"""Two accounts and one usage point: a proof of the contract lets the second account in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import delete, update

from shared.consents.models import GrantedPoint
from shared.core.datasets import Direction
from shared.core.errors import NotFound
from shared.storage.tables import consents
from simulator.households import household_of
from tests.support.consent_town import (
    AWAITING,
    GRANTED,
    HOUSE,
    PAGE,
    PAGE_V1,
    SOLAR,
    Person,
    Town,
    contract_of,
    row,
)
from workers.registry import build_providers
from workers.upstream.port import Provider

pytestmark = pytest.mark.anyio


@dataclass
class Erasing:
    """A provider that erases every account before it responds."""

    town: Town

    async def fetch_granted_points(self, autorisation_id: int) -> Sequence[GrantedPoint]:
        """A usage point."""
        async with self.town.resources.database.transaction() as connection:
            await connection.execute(delete(consents))
        return [GrantedPoint(HOUSE, frozenset(Direction))]


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
