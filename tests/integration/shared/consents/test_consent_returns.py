"""A callback of consent page v1 in a real database: its usage points are kept encrypted until they are bound."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from shared.accounts.store import AccountStore
from shared.consents.authorization_states import STATE_LIFETIME, ReturnedPoints
from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.datasets import Direction
from shared.core.errors import ConsentAlreadyActive, ConsentRefused, NotFound, StateRefused, UsagePointTaken
from shared.crypto.vault import CannotOpen, ServerSecret
from shared.storage.database import Database
from shared.storage.tables import consents
from tests.support.consent_objects import ConsentObjects
from tests.support.states import take_state

pytestmark = pytest.mark.anyio

SECRET, OTHER_SECRET = "synthetic-server-secret-number-one-0000", "synthetic-server-secret-number-two-1111"
SERVER = ServerSecret(SECRET)
# 00:30 on the 23rd in Paris.
NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
PRM, OTHER_PRM = "99999999999991", "99888888888882"
RETURNED = ReturnedPoints((PRM, OTHER_PRM), "a-code-that-nobody-exchanges")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> ConsentObjects:
    return ConsentObjects.on(database, SERVER)


@pytest.fixture
async def account_ids(database: Database) -> list[str]:
    accounts = AccountStore(database, SERVER)
    return [(await accounts.create_account(NOW))[0].id for _ in range(2)]


async def begin(store: ConsentObjects, account_id: str, expected_prm: str | None = None) -> tuple[str, str]:
    """Start a consent with page v1; returns its id and its state."""
    consent, state = await store.authorization_states.create(
        account_id, NOW, expected_prm, duration="P1Y", returns_points=True
    )
    return consent.id, state


async def sealed_prms(database: Database, consent_id: str) -> bytes | None:
    async with database.transaction() as connection:
        return await connection.scalar(select(consents.c.prms_sealed).where(consents.c.id == consent_id))


async def test_its_points_are_open_in_both_directions_for_the_duration_asked_for(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    consent_id, state = await begin(store, account_ids[0])

    consent, is_new = await take_state(store.authorization_states, state, NOW, None, RETURNED)
    points = await store.grants.load_returned_points(consent_id)

    assert (ConsentStatus.EXCHANGING, True, None) == (consent.status, is_new, consent.autorisation_id)
    until = date(2027, 11, 23)
    assert [GrantedPoint(each, frozenset(Direction), until) for each in (PRM, OTHER_PRM)] == points


async def test_once_bound_they_are_not_kept_beside_the_usage_points(
    store: ConsentObjects, account_ids: list[str], database: Database
) -> None:
    consent_id, state = await begin(store, account_ids[0])
    await take_state(store.authorization_states, state, NOW, None, RETURNED)
    waiting = await sealed_prms(database, consent_id)

    await store.grants.grant(consent_id, await store.grants.load_returned_points(consent_id), NOW)

    assert waiting is not None
    assert None is await sealed_prms(database, consent_id)
    assert [] == await store.grants.load_returned_points(consent_id)
    assert {PRM, OTHER_PRM} == {each.prm for each in await store.usage_points.list_for_account(account_ids[0])}
    consent = await store.consents.load(consent_id)
    assert (ConsentStatus.GRANTED, date(2027, 11, 23)) == (consent.status, consent.expires_on)


async def test_once_failed_they_are_not_kept_at_all(
    store: ConsentObjects, account_ids: list[str], database: Database
) -> None:
    consent_id, state = await begin(store, account_ids[0])
    await take_state(store.authorization_states, state, NOW, None, RETURNED)

    await store.grants.fail(consent_id, "usage_point_taken", NOW)

    assert None is await sealed_prms(database, consent_id)


async def test_neither_a_point_nor_the_code_is_in_the_file(
    store: ConsentObjects, account_ids: list[str], stored_bytes: Callable[[], bytes]
) -> None:
    consent_id, state = await begin(store, account_ids[0], PRM)
    await take_state(store.authorization_states, state, NOW, None, RETURNED)

    stored = await asyncio.to_thread(stored_bytes)

    assert consent_id.encode() in stored  # the consent is stored: the next checks are not vacuous
    for secret in (PRM, OTHER_PRM, RETURNED.code, state):
        assert secret.encode() not in stored
    assert PRM not in repr(RETURNED)
    assert RETURNED.code not in repr(RETURNED)


async def test_the_same_return_shows_how_things_stand_and_another_one_is_refused(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    consent_id, state = await begin(store, account_ids[0])
    await take_state(store.authorization_states, state, NOW, None, RETURNED)
    await store.grants.grant(consent_id, await store.grants.load_returned_points(consent_id), NOW)

    again, is_new = await take_state(store.authorization_states, state, NOW + timedelta(days=9), None, RETURNED)

    assert (ConsentStatus.GRANTED, False) == (again.status, is_new)
    others = [
        (None, ReturnedPoints((PRM,), RETURNED.code)),
        (None, ReturnedPoints((PRM, OTHER_PRM), "another-code")),
        (None, ReturnedPoints((OTHER_PRM, PRM), RETURNED.code)),
        (58_249, None),
        (None, None),
    ]
    for autorisation_id, returned in others:
        with pytest.raises(StateRefused):
            await take_state(store.authorization_states, state, NOW, autorisation_id, returned)


async def test_of_many_returns_at_once_one_uses_the_state(store: ConsentObjects, account_ids: list[str]) -> None:
    _, state = await begin(store, account_ids[0])

    results = await asyncio.gather(
        *(take_state(store.authorization_states, state, NOW, None, RETURNED) for _ in range(10))
    )

    assert 1 == sum(is_new for _, is_new in results)


async def test_points_are_not_believed_of_somebody_who_was_sent_to_page_v2(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    consent, state = await store.authorization_states.create(account_ids[0], NOW, duration="P1Y")

    with pytest.raises(StateRefused):
        await take_state(store.authorization_states, state, NOW, None, RETURNED)

    assert ConsentStatus.PENDING is (await store.consents.load(consent.id)).status
    # The refusal did not consume the state.
    assert (await take_state(store.authorization_states, state, NOW, 58_249))[1]


async def test_a_number_is_believed_from_either_page(store: ConsentObjects, account_ids: list[str]) -> None:
    _, state = await begin(store, account_ids[0])

    consent, is_new = await take_state(store.authorization_states, state, NOW, 58_249)

    assert (ConsentStatus.EXCHANGING, 58_249, True) == (consent.status, consent.autorisation_id, is_new)


async def test_a_state_that_is_too_old_takes_no_points(
    store: ConsentObjects, account_ids: list[str], database: Database
) -> None:
    consent_id, state = await begin(store, account_ids[0])

    with pytest.raises(StateRefused):
        await take_state(store.authorization_states, state, NOW + STATE_LIFETIME, None, RETURNED)

    assert None is await sealed_prms(database, consent_id)


async def test_points_copied_to_another_consent_do_not_open(
    store: ConsentObjects, account_ids: list[str], database: Database
) -> None:
    """With write access to SQL, an attacker can't bind another account's usage points to their own account."""
    theirs, their_state = await begin(store, account_ids[0])
    mine, my_state = await begin(store, account_ids[1])
    await take_state(store.authorization_states, their_state, NOW, None, RETURNED)
    await take_state(store.authorization_states, my_state, NOW, None, ReturnedPoints(("99000000000000",), "x"))
    async with database.transaction() as connection:
        copied = await connection.scalar(select(consents.c.prms_sealed).where(consents.c.id == theirs))
        await connection.execute(update(consents).where(consents.c.id == mine).values(prms_sealed=copied))

    with pytest.raises(CannotOpen):
        await store.grants.load_returned_points(mine)


async def test_a_return_outlives_a_change_of_the_servers_secret(
    store: ConsentObjects, account_ids: list[str], database: Database
) -> None:
    consent_id, state = await begin(store, account_ids[0])
    await take_state(store.authorization_states, state, NOW, None, RETURNED)

    changed = ConsentObjects.on(database, ServerSecret(OTHER_SECRET, [SECRET]))

    assert (PRM, OTHER_PRM) == tuple(each.prm for each in await changed.grants.load_returned_points(consent_id))
    assert not (await take_state(changed.authorization_states, state, NOW, None, RETURNED))[1]


async def test_one_point_of_another_account_keeps_all_from_being_bound(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    holder, newcomer = account_ids
    first, first_state = await begin(store, holder)
    await take_state(store.authorization_states, first_state, NOW, None, ReturnedPoints((OTHER_PRM,), "x"))
    await store.grants.grant(first, await store.grants.load_returned_points(first), NOW)
    consent_id, state = await begin(store, newcomer)
    await take_state(store.authorization_states, state, NOW, None, RETURNED)

    with pytest.raises(UsagePointTaken):
        await store.grants.grant(consent_id, await store.grants.load_returned_points(consent_id), NOW)

    assert [] == await store.usage_points.list_for_account(newcomer)
    assert ConsentStatus.EXCHANGING is (await store.consents.load(consent_id)).status
    assert [OTHER_PRM] == [each.prm for each in await store.usage_points.list_for_account(holder)]


async def test_two_accounts_that_are_granted_the_same_point_at_once_never_both_hold_it(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    begun = [await begin(store, account_id) for account_id in account_ids]
    for _, state in begun:
        await take_state(store.authorization_states, state, NOW, None, ReturnedPoints((PRM,), "x"))
    point = GrantedPoint(PRM, frozenset(Direction), date(2027, 11, 23))

    ended = await asyncio.gather(*(store.grants.grant(each, [point], NOW) for each, _ in begun), return_exceptions=True)

    assert [UsagePointTaken] == [type(each) for each in ended if each is not None]
    assert 1 == len(await store.usage_points.active_ids(NOW))


async def test_one_more_point_than_the_announced_one_is_refused(store: ConsentObjects, account_ids: list[str]) -> None:
    consent_id, state = await begin(store, account_ids[0], PRM)
    await take_state(store.authorization_states, state, NOW, None, RETURNED)

    with pytest.raises(ConsentRefused):
        await store.grants.grant(consent_id, await store.grants.load_returned_points(consent_id), NOW)

    assert [] == await store.usage_points.list_for_account(account_ids[0])


async def test_a_second_consent_for_a_point_is_refused_while_the_first_is_active_and_only_to_its_account(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    consent_id, state = await begin(store, account_ids[0])
    await take_state(store.authorization_states, state, NOW, None, RETURNED)
    await store.grants.grant(consent_id, await store.grants.load_returned_points(consent_id), NOW)

    with pytest.raises(ConsentAlreadyActive, match="until 2027-11-23"):
        await store.authorization_states.refuse_if_active(account_ids[0], PRM, NOW)

    await store.authorization_states.refuse_if_active(account_ids[0], PRM, NOW + timedelta(days=366))
    await store.authorization_states.refuse_if_active(account_ids[0], "99000000000000", NOW)
    await store.authorization_states.refuse_if_active(account_ids[1], PRM, NOW)


async def test_an_exchange_that_was_put_off_is_not_stale_before_its_time(
    store: ConsentObjects, account_ids: list[str]
) -> None:
    consent_id, state = await begin(store, account_ids[0])
    await take_state(store.authorization_states, state, NOW, None, RETURNED)
    minute = timedelta(minutes=1)
    before = await store.grants.stale_exchanges(NOW + minute)

    await store.grants.put_off(consent_id, NOW + 5 * minute)

    assert [consent_id] == before
    assert [] == await store.grants.stale_exchanges(NOW + 5 * minute)
    assert [consent_id] == await store.grants.stale_exchanges(NOW + 6 * minute)


async def test_what_is_not_there_can_not_be_loaded(store: ConsentObjects) -> None:
    with pytest.raises(NotFound):
        await store.consents.load("cons_unknown")
