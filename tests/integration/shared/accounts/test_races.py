"""Concurrent operations of several processes on one real database: each rule holds as if they ran one by one.

Each store here has its own connections, as processes have.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest

from shared.accounts.store import AccountStore
from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.datasets import Direction
from shared.core.errors import LastKey, StateRefused, UsagePointTaken
from shared.crypto.vault import ServerSecret
from shared.storage.database import Database
from tests.support.consent_objects import ConsentObjects

pytestmark = pytest.mark.anyio

OLD_SECRET, NEW_SECRET = "synthetic-server-secret-number-one-0000", "synthetic-server-secret-number-two-1111"
SERVER = ServerSecret(OLD_SECRET)
NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
DAYS = (NOW, NOW + timedelta(days=1), NOW + timedelta(days=3))
ROUNDS = 5
BROWSER = "synthetic-browser"
authorisations = count(1)


def point(number: int) -> GrantedPoint:
    return GrantedPoint(f"{99_000_000_000_000 + number}", frozenset({Direction.CONSUMPTION}), date(2029, 1, 1))


@pytest.fixture
async def processes(database_url: str) -> AsyncIterator[list[Database]]:
    """The database for several processes, each with an open connection, so that none starts late."""
    async with AsyncExitStack() as stack:
        databases = [Database(database_url) for _ in range(4)]
        for database in databases:
            stack.push_async_callback(database.close)
            async with database.transaction() as connection:
                await connection.exec_driver_sql("SELECT 1")
        yield databases


@pytest.fixture
async def account_ids(processes: list[Database]) -> list[str]:
    """One account for each process."""
    return [(await AccountStore(each, SERVER).create_account(NOW))[0].id for each in processes]


async def exchanging(store: ConsentObjects, account_id: str) -> str:
    """A consent after the callback, with its own authorisation, during its exchange."""
    consent, state = await store.authorization_states.create(account_id, NOW)
    await store.authorization_states.open(state, BROWSER, NOW)
    await store.authorization_states.consume(state, NOW, next(authorisations), browser=BROWSER)
    return consent.id


async def test_everybody_who_registers_at_once_gets_an_account_of_their_own(processes: list[Database]) -> None:
    stores = [AccountStore(each, SERVER) for each in processes]

    created = await asyncio.gather(*(stores[number % len(stores)].create_account(NOW) for number in range(100)))

    callers = await asyncio.gather(*(stores[0].authenticate(api_key) for _, api_key in created))
    assert [account.id for account, _ in created] == [caller.account.id for caller in callers]
    assert 100 == len({account.id for account, _ in created})
    assert 100 == len({api_key for _, api_key in created})


async def test_the_same_return_in_every_process_at_once_is_used_once(
    processes: list[Database], account_ids: list[str]
) -> None:
    states = [ConsentObjects.on(each, SERVER).authorization_states for each in processes]
    for _ in range(ROUNDS):
        _, state = await states[0].create(account_ids[0], NOW)
        await states[0].open(state, BROWSER, NOW)

        results = await asyncio.gather(
            *(states[number % len(states)].consume(state, NOW, 58_249, browser=BROWSER) for number in range(20))
        )

        assert 1 == sum(is_first for _, is_first in results)
        assert {ConsentStatus.EXCHANGING} == {consent.status for consent, _ in results}


async def test_of_all_browsers_that_open_one_link_at_once_one_may_come_back_with_it(
    processes: list[Database], account_ids: list[str]
) -> None:
    states = [ConsentObjects.on(each, SERVER).authorization_states for each in processes]
    for _ in range(ROUNDS):
        _, state = await states[0].create(account_ids[0], NOW)

        results = await asyncio.gather(
            *(states[number % len(states)].open(state, f"{BROWSER}-{number}", NOW) for number in range(12)),
            return_exceptions=True,
        )

        assert 11 == sum(isinstance(result, StateRefused) for result in results)


async def test_of_all_accounts_that_are_granted_one_point_at_once_one_gets_it(
    processes: list[Database], account_ids: list[str]
) -> None:
    stores = [ConsentObjects.on(each, SERVER) for each in processes]
    for number in range(ROUNDS):
        begun = [await exchanging(store, account_id) for store, account_id in zip(stores, account_ids, strict=True)]

        outcomes = await asyncio.gather(
            *(store.grants.grant(each, [point(number)], NOW) for store, each in zip(stores, begun, strict=True)),
            return_exceptions=True,
        )

        refused = [type(each) for each in outcomes if each is not None]
        assert [UsagePointTaken] * (len(stores) - 1) == refused
    owned = [await stores[0].usage_points.list_for_account(account_id) for account_id in account_ids]
    assert [point(number).prm for number in range(ROUNDS)] == sorted(each.prm for points in owned for each in points)


async def test_that_holds_while_some_processes_have_the_new_secret_key_and_others_the_old_one(
    processes: list[Database], account_ids: list[str]
) -> None:
    both_ways = (ServerSecret(OLD_SECRET, [NEW_SECRET]), ServerSecret(NEW_SECRET, [OLD_SECRET]))
    stores = [ConsentObjects.on(each, server) for each, server in zip(processes[:2], both_ways, strict=True)]
    for number in range(ROUNDS):
        begun = [await exchanging(store, account_id) for store, account_id in zip(stores, account_ids, strict=False)]

        outcomes = await asyncio.gather(
            *(store.grants.grant(each, [point(number)], NOW) for store, each in zip(stores, begun, strict=True)),
            return_exceptions=True,
        )

        assert [UsagePointTaken] == [type(each) for each in outcomes if each is not None]


async def test_grants_of_the_same_points_in_another_order_do_not_wait_for_each_other_for_ever(
    processes: list[Database], account_ids: list[str]
) -> None:
    stores = [ConsentObjects.on(each, SERVER) for each in processes]
    points = [point(number) for number in range(6)]
    begun = [await exchanging(store, account_ids[0]) for store in stores]

    outcomes = await asyncio.gather(
        *(
            store.grants.grant(consent_id, points[number:] + points[:number], NOW)
            for number, (store, consent_id) in enumerate(zip(stores, begun, strict=True))
        ),
        return_exceptions=True,
    )

    # All are of one account, so none is refused, and each usage point is stored once.
    assert [None] * len(stores) == outcomes
    assert [each.prm for each in points] == sorted(
        each.prm for each in await stores[0].usage_points.list_for_account(account_ids[0])
    )


async def test_a_consent_ends_with_its_last_points_when_they_are_lost_at_the_same_moment(
    processes: list[Database], account_ids: list[str]
) -> None:
    stores = [ConsentObjects.on(each, SERVER) for each in processes]
    for number in range(ROUNDS):
        consent_id = await exchanging(stores[0], account_ids[0])
        shared = [point(4 * number + each) for each in range(4)]
        await stores[0].grants.grant(consent_id, shared, NOW)
        ids = [(await stores[0].usage_points.find(account_ids[0], each.prm)).id for each in shared]
        for day in DAYS[:-1]:
            assert [False] * 4 == [await stores[0].access_loss.note_refusal(each, day) for each in ids]

        lost = await asyncio.gather(
            *(store.access_loss.note_refusal(each, DAYS[-1]) for store, each in zip(stores, ids, strict=True))
        )

        assert [True] * 4 == lost
        assert ConsentStatus.LOST is (await stores[0].consents.load(consent_id)).status


async def test_of_the_last_two_keys_that_are_revoked_at_once_one_stays(processes: list[Database]) -> None:
    first, second = (AccountStore(each, SERVER) for each in processes[:2])
    for _ in range(ROUNDS):
        account, api_key = await first.create_account(NOW)
        caller = await first.authenticate(api_key, NOW)
        other, _ = await first.keys.create_key(caller.key, caller.opened, NOW)

        outcomes = await asyncio.gather(
            first.keys.revoke_key(account.id, other.id, caller.key.id, NOW),
            second.keys.revoke_key(account.id, caller.key.id, other.id, NOW),
            return_exceptions=True,
        )

        assert [LastKey] == [type(each) for each in outcomes if each is not None]
        assert 1 == len(await first.keys.list_keys(account.id))
