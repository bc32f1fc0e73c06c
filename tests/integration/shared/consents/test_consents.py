"""Consents in a real database: a state is used once, and a usage point is bound to its own account, or to none."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from shared.accounts.store import AccountStore
from shared.consents.authorization_states import STATE_LIFETIME
from shared.consents.models import Consent, ConsentStatus
from shared.core.errors import NotFound, StateRefused
from shared.crypto.vault import ServerSecret
from shared.storage.database import Database
from shared.storage.tables import consents
from tests.support.consent_objects import ConsentObjects
from tests.support.states import take_state

pytestmark = pytest.mark.anyio

SERVER = ServerSecret("synthetic-server-secret-number-one-0000")
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
AUTHORISATION = 58_249
EXPECTED_PRM = "99999999999991"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database used by this test only."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> ConsentObjects:
    """The consents in it."""
    return ConsentObjects.on(database, SERVER)


@pytest.fixture
async def account_id(database: Database) -> str:
    """An account that requests consents."""
    account, _ = await AccountStore(database, SERVER).create_account(NOW)
    return account.id


async def test_a_new_consent_is_pending_and_its_state_is_a_long_random_text(
    store: ConsentObjects, account_id: str
) -> None:
    made = [await store.authorization_states.create(account_id, NOW) for _ in range(3)]

    assert 3 == len({state for _, state in made})
    assert {43} == {len(state) for _, state in made}
    for consent, _ in made:
        assert Consent(consent.id, account_id, ConsentStatus.PENDING, NOW, NOW + STATE_LIFETIME) == consent
        assert consent == await store.consents.load(consent.id)


async def test_a_state_is_kept_only_as_its_hash(store: ConsentObjects, database: Database, account_id: str) -> None:
    _, state = await store.authorization_states.create(account_id, NOW, EXPECTED_PRM)

    async with database.transaction() as connection:
        (row,) = (await connection.execute(select(consents))).all()

    assert 64 == len(row.state_hash)
    assert not [value for value in row if state in str(value) or EXPECTED_PRM in str(value)]


async def test_a_state_that_comes_back_is_taken_with_its_authorisation(store: ConsentObjects, account_id: str) -> None:
    consent, state = await store.authorization_states.create(account_id, NOW)
    later = NOW + timedelta(minutes=3)

    taken, is_new = await take_state(store.authorization_states, state, later, AUTHORISATION)

    assert is_new
    assert (consent.id, ConsentStatus.EXCHANGING, AUTHORISATION, later) == (
        taken.id,
        taken.status,
        taken.autorisation_id,
        taken.taken_at,
    )
    assert taken == await store.consents.load(consent.id)


async def test_the_same_callback_loaded_again_gives_the_consent_as_it_stands(
    store: ConsentObjects, account_id: str
) -> None:
    _, state = await store.authorization_states.create(account_id, NOW)
    first, _ = await take_state(store.authorization_states, state, NOW, AUTHORISATION)
    await store.grants.fail(first.id, "provider_garbage", NOW)

    again, is_new = await take_state(store.authorization_states, state, NOW + timedelta(days=40), AUTHORISATION)

    assert not is_new
    assert (ConsentStatus.FAILED, "provider_garbage", NOW) == (again.status, again.error_code, again.taken_at)


async def test_a_person_who_refuses_ends_the_consent(store: ConsentObjects, account_id: str) -> None:
    _, state = await store.authorization_states.create(account_id, NOW)

    refused, is_new = await take_state(store.authorization_states, state, NOW, None)
    _, is_new_again = await take_state(store.authorization_states, state, NOW, None)

    assert ConsentStatus.REFUSED is refused.status
    assert (True, False) == (is_new, is_new_again)
    assert not refused.is_active(NOW)


async def test_a_used_state_is_refused_with_anything_but_what_it_was_used_with(
    store: ConsentObjects, account_id: str
) -> None:
    for first, second in ((AUTHORISATION, AUTHORISATION + 1), (AUTHORISATION + 2, None), (None, 1)):
        consent, state = await store.authorization_states.create(account_id, NOW)
        await take_state(store.authorization_states, state, NOW, first)
        before = await store.consents.load(consent.id)

        with pytest.raises(StateRefused):
            await take_state(store.authorization_states, state, NOW, second)

        assert before == await store.consents.load(consent.id), (first, second)


async def test_an_expired_state_is_refused_and_stays_so(store: ConsentObjects, account_id: str) -> None:
    for authorisation in (AUTHORISATION, None):
        consent, state = await store.authorization_states.create(account_id, NOW)

        for late in (timedelta(), timedelta(seconds=1), timedelta(days=1)):
            with pytest.raises(StateRefused):
                await take_state(store.authorization_states, state, NOW + STATE_LIFETIME + late, authorisation)

        assert consent == await store.consents.load(consent.id), authorisation


async def test_a_state_is_good_to_the_last_moment_of_its_life(store: ConsentObjects, account_id: str) -> None:
    _, state = await store.authorization_states.create(account_id, NOW)

    _, is_new = await take_state(
        store.authorization_states, state, NOW + STATE_LIFETIME - timedelta(microseconds=1), AUTHORISATION
    )

    assert is_new


async def test_an_unknown_state_is_refused_and_spends_no_other(store: ConsentObjects, account_id: str) -> None:
    _, state = await store.authorization_states.create(account_id, NOW)

    for unknown in ("", state[:-1], state.swapcase(), state * 10_000):
        with pytest.raises(StateRefused) as refusal:
            await take_state(store.authorization_states, unknown, NOW, AUTHORISATION)
        assert state not in str(refusal.value)

    assert (await take_state(store.authorization_states, state, NOW, AUTHORISATION))[1]


async def test_of_twenty_simultaneous_callbacks_one_takes_the_state(store: ConsentObjects, account_id: str) -> None:
    _, state = await store.authorization_states.create(account_id, NOW)

    results = await asyncio.gather(
        *(take_state(store.authorization_states, state, NOW, AUTHORISATION) for _ in range(20))
    )

    assert 1 == sum(is_new for _, is_new in results)
    assert {(ConsentStatus.EXCHANGING, AUTHORISATION)} == {(each.status, each.autorisation_id) for each, _ in results}


async def test_of_twenty_simultaneous_authorisations_one_takes_the_state(
    store: ConsentObjects, account_id: str
) -> None:
    consent, state = await store.authorization_states.create(account_id, NOW)

    results = await asyncio.gather(
        *(take_state(store.authorization_states, state, NOW, AUTHORISATION + n) for n in range(20)),
        return_exceptions=True,
    )

    taken = [result for result in results if not isinstance(result, BaseException)]
    assert [True] == [is_new for _, is_new in taken]
    assert 19 == sum(isinstance(result, StateRefused) for result in results)
    assert taken[0][0] == await store.consents.load(consent.id)


async def test_two_consents_of_an_account_do_not_touch_each_other(store: ConsentObjects, account_id: str) -> None:
    first, first_state = await store.authorization_states.create(account_id, NOW)
    second, _ = await store.authorization_states.create(account_id, NOW)

    await take_state(store.authorization_states, first_state, NOW, AUTHORISATION)
    await store.grants.fail(first.id, "consent_refused", NOW)

    assert second == await store.consents.load(second.id)


async def test_a_consent_is_found_only_by_its_own_account(store: ConsentObjects, account_id: str) -> None:
    consent, _ = await store.authorization_states.create(account_id, NOW)

    assert consent == await store.consents.load(consent.id, account_id)
    with pytest.raises(NotFound):
        await store.consents.load(consent.id, "acct_of_somebody_else")
    with pytest.raises(NotFound):
        await store.consents.load("cons_unknown")


async def test_only_exchanges_that_were_begun_before_and_never_ended_are_stale(
    store: ConsentObjects, account_id: str
) -> None:
    """A killed worker left them unfinished; they must be repeated."""
    moments = {"old": NOW, "older": NOW - timedelta(minutes=5), "young": NOW + timedelta(minutes=1)}
    ids = {}
    for name, moment in moments.items():
        consent, state = await store.authorization_states.create(account_id, moment)
        ids[name] = consent.id
        await take_state(store.authorization_states, state, moment, AUTHORISATION)
    await store.authorization_states.create(account_id, NOW - timedelta(days=1))  # never came back
    ended, state = await store.authorization_states.create(account_id, NOW)
    await take_state(store.authorization_states, state, NOW, AUTHORISATION)
    await store.grants.fail(ended.id, "provider_refused_request", NOW)

    stale = await store.grants.stale_exchanges(NOW + timedelta(minutes=1))

    assert {ids["old"], ids["older"]} == set(stale)


async def test_only_an_exchange_can_fail(store: ConsentObjects, account_id: str) -> None:
    pending, _ = await store.authorization_states.create(account_id, NOW)
    refused, state = await store.authorization_states.create(account_id, NOW)
    await take_state(store.authorization_states, state, NOW, None)

    for consent in (pending, refused):
        before = await store.consents.load(consent.id)
        await store.grants.fail(consent.id, "consent_lost", NOW)
        assert before == await store.consents.load(consent.id)


def test_a_consent_is_active_once_granted_until_its_last_day_begins() -> None:
    known = {
        (ConsentStatus.GRANTED, None): True,
        (ConsentStatus.GRANTED, date(2026, 11, 23)): True,
        (ConsentStatus.GRANTED, date(2026, 11, 22)): False,
        (ConsentStatus.REVOKED, None): False,
        (ConsentStatus.EXCHANGING, None): False,
        (ConsentStatus.PENDING, None): False,
    }

    assert known == {
        (status, last): Consent("cons", "acct", status, NOW, NOW, expires_on=last).is_active(NOW)
        for status, last in known
    }
