"""The exchange of consents: from an authorisation to an account's usage points, or to a failure reason."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from shared.consents.models import ConsentStatus
from shared.core.errors import NotFound
from shared.lifecycle.erasure import OWNER
from tests.support.simulated_enedis import HEATED_HOUSE, SERVICES, SOLAR_HOUSE
from tests.support.states import take_state
from tests.support.worker import Person, Stage
from workers.sweeper import sweep

pytestmark = pytest.mark.anyio


async def status_of(stage: Stage, consent_id: str) -> tuple[ConsentStatus, str | None]:
    """The status of a consent, and its reason."""
    consent = await stage.resources.consents.load(consent_id)
    return consent.status, consent.error_code


async def test_a_consent_is_exchanged_once_however_often_it_is_delivered(stage: Stage, person: Person) -> None:
    consent_id = await stage.begin_consent(person, stage.enedis.share(HEATED_HOUSE))

    for _ in range(3):
        await stage.exchange.exchange(consent_id)

    assert 1 == len(stage.enedis.calls(SERVICES))
    assert [("consent.granted", {"consent_id": consent_id})] == stage.events(person)


async def test_a_consent_that_never_came_back_is_not_exchanged(stage: Stage, person: Person) -> None:
    consent, _ = await stage.resources.authorization_states.create(person.account_id, datetime.now(UTC))

    await stage.exchange.exchange(consent.id)

    assert [] == stage.enedis.calls(SERVICES)
    assert (ConsentStatus.PENDING, None) == await status_of(stage, consent.id)


async def test_a_person_who_refused_is_not_asked_about(stage: Stage, person: Person) -> None:
    now = datetime.now(UTC)
    _, state = await stage.resources.authorization_states.create(person.account_id, now)
    consent, _ = await take_state(stage.resources.authorization_states, state, now, None)

    await stage.exchange.exchange(consent.id)

    assert [] == stage.enedis.calls(SERVICES)
    assert (ConsentStatus.REFUSED, None) == await status_of(stage, consent.id)


async def test_while_enedis_is_down_a_consent_waits_and_is_taken_up_again(stage: Stage) -> None:
    for fault in (
        {"kind": "technical_error"},
        {"kind": "html"},
        {"kind": "truncated"},
        {"kind": "cut"},
        {"code": "900804"},
        {"code": "900807"},
    ):
        stage.enedis.start_again()
        person = await stage.create_person()
        consent_id = await stage.begin_consent(person, stage.enedis.share(HEATED_HOUSE))
        stage.enedis.break_calls(api=SERVICES, **fault)

        await stage.exchange.exchange(consent_id)

        assert (ConsentStatus.EXCHANGING, None) == await status_of(stage, consent_id), fault
        assert [] == stage.events(person), fault

        stage.redis.delete("slots:enedis:subscribed_services:closed")
        await stage.exchange.exchange(consent_id)
        assert (ConsentStatus.GRANTED, None) == await status_of(stage, consent_id), fault
        # The next account must hold this house alone.
        await stage.resources.erasure.erase_account(person.account_id, OWNER, datetime.now(UTC))


async def test_the_sweeper_has_a_consent_exchanged_that_nobody_works_on(stage: Stage, person: Person) -> None:
    # No time passes between the two.
    with time_machine.travel(datetime.now(UTC), tick=False):
        consent_id = await stage.begin_consent(person, stage.enedis.share(HEATED_HOUSE))
        assert 0 == await sweep(stage.resources)

    await stage.age_exchange(consent_id, timedelta(seconds=30))

    assert 1 == await sweep(stage.resources)
    assert [[consent_id]] == stage.queued("interactive")


async def test_a_consent_that_ended_is_not_swept_up(stage: Stage, person: Person) -> None:
    consent_id = await stage.begin_consent(person, stage.enedis.share(HEATED_HOUSE))
    await stage.exchange.exchange(consent_id)
    await stage.age_exchange(consent_id, timedelta(hours=1))

    assert 0 == await sweep(stage.resources)


async def test_the_authorisation_of_somebody_elses_point_does_not_open_another(stage: Stage, person: Person) -> None:
    """Ids are small sequential numbers: an attacker may return with a guessed one."""
    somebody = await stage.create_person()
    theirs = stage.enedis.share(SOLAR_HOUSE)
    await stage.exchange.exchange(await stage.begin_consent(somebody, theirs))
    consent_id = await stage.begin_consent(person, theirs)

    await stage.exchange.exchange(consent_id)

    assert (ConsentStatus.AWAITING_APPROVAL, "usage_point_taken") == await status_of(stage, consent_id)
    assert [] == await stage.resources.usage_points.list_for_account(person.account_id)
    point = await stage.resources.usage_points.find(somebody.account_id, SOLAR_HOUSE)
    assert somebody.account_id == point.account_id


async def test_a_point_other_than_the_announced_one_is_not_bound(stage: Stage, person: Person) -> None:
    consent_id = await stage.begin_consent(person, stage.enedis.share(SOLAR_HOUSE), expected_prm=HEATED_HOUSE)

    await stage.exchange.exchange(consent_id)

    assert (ConsentStatus.FAILED, "consent_refused") == await status_of(stage, consent_id)
    for prm in (SOLAR_HOUSE, HEATED_HOUSE):
        with pytest.raises(NotFound):
            await stage.resources.usage_points.find(person.account_id, prm)


async def test_the_announced_point_is_bound(stage: Stage, person: Person) -> None:
    consent_id = await stage.begin_consent(person, stage.enedis.share(SOLAR_HOUSE), expected_prm=SOLAR_HOUSE)

    await stage.exchange.exchange(consent_id)

    assert (ConsentStatus.GRANTED, None) == await status_of(stage, consent_id)


async def test_a_new_consent_for_a_point_of_ones_own_takes_the_place_of_the_old_one(
    stage: Stage, person: Person
) -> None:
    authorisation_id = stage.enedis.share(SOLAR_HOUSE)
    first = await stage.begin_consent(person, authorisation_id)
    second = await stage.begin_consent(person, authorisation_id)

    for consent_id in (first, second):
        await stage.exchange.exchange(consent_id)

    (point,) = await stage.resources.usage_points.list_for_account(person.account_id)
    assert second == point.consent.id
