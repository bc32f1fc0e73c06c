"""API keys in a real database: their scopes, decryption rights and expiry, and complete revocation."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from shared.accounts.api_keys import EVERY_SCOPE, MOST_KEYS, ApiKeyStore, Scope
from shared.accounts.store import AccountStore, Caller
from shared.core.errors import AccountSuspended, Forbidden, LastKey, LimitReached, NotFound, Unauthenticated
from shared.crypto.vault import SealContext, ServerSecret, open_blob, seal
from shared.storage.audit_log import AuditLog
from shared.storage.database import Database
from shared.storage.tables import accounts, api_keys

pytestmark = pytest.mark.anyio

SERVER = ServerSecret("synthetic-server-secret-number-one-0000")
NOW = datetime(2026, 11, 22, 9, 30, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CONTEXT = SealContext("acct", "up", "daily_consumption", "2026-03")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database used by this test only."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> AccountStore:
    """The accounts in it."""
    return AccountStore(database, SERVER)


@pytest.fixture
async def owner(store: AccountStore) -> Caller:
    """A caller authenticated with the first key of a new account."""
    _, api_key = await store.create_account(NOW)
    return await store.authenticate(api_key, NOW)


async def test_another_key_opens_what_was_sealed_before_it_was_made(store: AccountStore, owner: Caller) -> None:
    public_key = await store.load_public_key(owner.account.id)
    blob = seal(b"synthetic reading", public_key=public_key, context=CONTEXT, server=SERVER)

    _, api_key = await store.keys.create_key(owner.key, owner.opened, NOW, name="Home")
    caller = await store.authenticate(api_key, NOW)

    opened = open_blob(blob, private_key=caller.private_key, context=CONTEXT, server=SERVER)
    assert (b"synthetic reading", owner.account, "Home") == (opened, caller.account, caller.key.name)


async def test_of_many_keys_it_is_known_which_still_let_in(store: AccountStore, owner: Caller) -> None:
    soon, _ = await store.keys.create_key(owner.key, owner.opened, NOW, expires_at=NOW + SECOND)
    gone, _ = await store.keys.create_key(owner.key, owner.opened, NOW)
    await store.keys.revoke_key(owner.account.id, gone.id, owner.key.id, NOW)
    shown = [owner.key.id, soon.id, gone.id, "key_of_nobody"]

    assert {owner.key.id, soon.id} == await store.keys.usable_keys(shown, NOW)
    assert {owner.key.id} == await store.keys.usable_keys(shown, NOW + SECOND)


async def test_a_key_that_may_not_read_is_given_nothing_that_opens(
    store: AccountStore, database: Database, owner: Caller
) -> None:
    key, api_key = await store.keys.create_key(owner.key, owner.opened, NOW, scopes=[Scope.FETCH])
    caller = await store.authenticate(api_key, NOW)

    rows = await database.read(select(api_keys.c.wrapped_private_key).where(api_keys.c.id == key.id))

    assert [(None,)] == [tuple(row) for row in rows]
    with pytest.raises(Forbidden):
        _ = caller.private_key


async def test_a_row_that_says_more_than_the_key_was_given_opens_nothing_all_the_same(
    store: AccountStore, database: Database, owner: Caller
) -> None:
    """An attacker with write access to SQL adds every scope to the row of a key that may not read."""
    key, api_key = await store.keys.create_key(owner.key, owner.opened, NOW, scopes=[Scope.FETCH])
    async with database.transaction() as connection:
        await connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(scopes="read fetch manage"))

    caller = await store.authenticate(api_key, NOW)

    with pytest.raises(Forbidden):
        _ = caller.private_key


async def test_a_key_gives_no_more_than_it_has(store: AccountStore, owner: Caller) -> None:
    key, api_key = await store.keys.create_key(owner.key, owner.opened, NOW, scopes=[Scope.FETCH])
    caller = await store.authenticate(api_key, NOW)

    for wanted in ([Scope.READ], [Scope.MANAGE], [Scope.FETCH, Scope.READ]):
        with pytest.raises(Forbidden):
            await store.keys.create_key(caller.key, caller.opened, NOW, scopes=wanted)
    assert {owner.key.id, key.id} == {each.id for each in await store.keys.list_keys(owner.account.id)}


async def test_a_maker_without_the_vault_makes_no_key_that_reads(store: AccountStore, owner: Caller) -> None:
    with pytest.raises(Forbidden):
        await store.keys.create_key(owner.key, None, NOW, scopes=EVERY_SCOPE)


async def test_a_key_works_until_its_expiry(store: AccountStore, owner: Caller) -> None:
    _, api_key = await store.keys.create_key(owner.key, owner.opened, NOW, expires_at=NOW + SECOND)

    await store.authenticate(api_key, NOW + SECOND / 2)
    with pytest.raises(Unauthenticated):
        await store.authenticate(api_key, NOW + SECOND)


async def test_a_revoked_key_is_refused_at_once_by_who_knew_it(
    store: AccountStore, database_url: str, owner: Caller
) -> None:
    """Another process, which has just accepted the key, rejects it on the next request."""
    key, api_key = await store.keys.create_key(owner.key, owner.opened, NOW)
    elsewhere = Database(database_url)
    other_process = AccountStore(elsewhere, SERVER)
    await other_process.authenticate(api_key, NOW)

    await store.keys.revoke_key(owner.account.id, key.id, owner.key.id, NOW)

    with pytest.raises(Unauthenticated):
        await other_process.authenticate(api_key, NOW)
    await elsewhere.close()


async def test_a_key_of_somebody_else_is_not_there(store: AccountStore, owner: Caller) -> None:
    _, others_key = await store.create_account(NOW)
    other = await store.authenticate(others_key, NOW)

    with pytest.raises(NotFound):
        await store.keys.revoke_key(owner.account.id, other.key.id, owner.key.id, NOW)

    assert other.key.id == (await store.authenticate(others_key, NOW)).key.id


async def test_the_last_key_that_may_manage_stays(store: AccountStore, owner: Caller) -> None:
    await store.keys.create_key(owner.key, owner.opened, NOW, scopes=[Scope.READ])
    await store.keys.create_key(owner.key, owner.opened, NOW - 2 * SECOND, expires_at=NOW - SECOND)

    with pytest.raises(LastKey):
        await store.keys.revoke_key(owner.account.id, owner.key.id, owner.key.id, NOW)

    assert 3 == len(await store.keys.list_keys(owner.account.id))


async def test_rotation_is_a_new_key_and_the_end_of_the_old_one(store: AccountStore, owner: Caller) -> None:
    _, new_key = await store.keys.create_key(owner.key, owner.opened, NOW)
    rotated = await store.authenticate(new_key, NOW)

    await store.keys.revoke_key(owner.account.id, owner.key.id, rotated.key.id, NOW)

    assert [rotated.key.id] == [each.id for each in await store.keys.list_keys(owner.account.id)]
    assert owner.private_key == rotated.private_key


async def test_keys_made_at_once_stay_within_the_limit(store: AccountStore, owner: Caller) -> None:
    made = await asyncio.gather(
        *(store.keys.create_key(owner.key, owner.opened, NOW) for _ in range(MOST_KEYS + 5)), return_exceptions=True
    )

    refused = [each for each in made if isinstance(each, BaseException)]
    assert [LimitReached] * 6 == [type(each) for each in refused]
    assert MOST_KEYS == len(await store.keys.list_keys(owner.account.id))


async def test_the_last_use_is_known_to_the_hour(store: AccountStore, owner: Caller) -> None:
    key, api_key = await store.keys.create_key(owner.key, owner.opened, NOW)
    last_use = []
    for moment in (NOW, NOW + timedelta(minutes=29), NOW + timedelta(minutes=30)):
        await store.authenticate(api_key, moment)
        used = {each.id: each.last_used_at for each in await store.keys.list_keys(owner.account.id)}
        last_use.append(used[key.id])

    nine, ten = datetime(2026, 11, 22, 9, tzinfo=UTC), datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert [nine, nine, ten] == last_use


async def test_a_suspended_account_is_told_so_only_to_who_has_its_key(
    store: AccountStore, database: Database, owner: Caller
) -> None:
    _, api_key = await store.keys.create_key(owner.key, owner.opened, NOW)
    async with database.transaction() as connection:
        await connection.execute(update(accounts).values(suspended_at=NOW))

    with pytest.raises(AccountSuspended):
        await store.authenticate(api_key, NOW)
    with pytest.raises(Unauthenticated):
        await store.authenticate(api_key[:-1], NOW)


async def test_neither_key_nor_name_is_in_the_rows(store: AccountStore, database: Database, owner: Caller) -> None:
    _, api_key = await store.keys.create_key(owner.key, owner.opened, NOW, name="synthetic-name")

    rows = repr([tuple(row) for row in await database.read(select(api_keys))])

    assert api_key not in rows
    assert "synthetic-name" not in rows
    assert "synthetic-name" not in repr(await store.keys.list_keys(owner.account.id))


async def test_what_was_done_with_keys_is_in_the_accounts_audit(
    store: AccountStore, database: Database, owner: Caller
) -> None:
    key, _ = await store.keys.create_key(owner.key, owner.opened, NOW, scopes=[Scope.READ])
    await store.keys.revoke_key(owner.account.id, key.id, owner.key.id, NOW + SECOND)

    events = await AuditLog(database, SERVER).load_events(owner.account.id)

    assert [
        ("key.revoked", owner.key.id, {"key_id": key.id}),
        ("key.created", owner.key.id, {"key_id": key.id, "scopes": ["read"]}),
        ("account.created", "system", {"key_id": owner.key.id}),
    ] == [(each.action, each.actor, each.details) for each in events]


async def test_one_look_up_by_an_index_finds_a_key(store: AccountStore, database: Database) -> None:
    """For any number of accounts, the query is for one row by a unique index."""
    queries: list[str] = []
    read = database.read

    async def noting(query, parameters=None):  # type: ignore[no-untyped-def]  # the replaced method is typed
        queries.append(str(query))
        return await read(query, parameters)

    database.read = noting  # type: ignore[method-assign]  # it calls the real method
    _, api_key = await store.create_account(NOW)

    await ApiKeyStore(database, SERVER).open_key(api_key, NOW)

    assert 1 == len(queries)
    assert "WHERE api_keys.verifier = " in queries[0]
