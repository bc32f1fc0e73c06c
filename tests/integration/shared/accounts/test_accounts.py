"""Accounts in a real database: the right key opens the vault, all others get the same refusal, and none is stored."""

import asyncio
import base64
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, select, update

from shared.accounts.store import AccountStore, Caller
from shared.core.errors import NotFound, Unauthenticated
from shared.crypto.api_key_format import check_api_key, new_api_key
from shared.crypto.vault import CannotOpen, SealContext, ServerSecret, open_blob, seal
from shared.storage.database import Database
from shared.storage.tables import accounts, api_keys

pytestmark = pytest.mark.anyio

SECRET, OTHER_SECRET = "synthetic-server-secret-number-one-0000", "synthetic-server-secret-number-two-1111"
SERVER = ServerSecret(SECRET)
NOW = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=UTC)
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


def swap_case_of_first_letter(key: str) -> str:
    index = next(n for n, each in enumerate(key) if n > 3 and each.isalpha())
    return key[:index] + key[index].swapcase() + key[index + 1 :]


async def test_the_key_of_a_new_account_lets_its_account_in(store: AccountStore) -> None:
    account, api_key = await store.create_account(NOW)

    caller = await store.authenticate(api_key)

    assert account == caller.account
    assert NOW == caller.account.created_at
    assert 32 == len(caller.private_key)


async def test_what_is_sealed_to_the_public_key_opens_with_the_callers_private_key(store: AccountStore) -> None:
    account, api_key = await store.create_account(NOW)
    public_key = await store.load_public_key(account.id)
    blob = seal(b"synthetic reading", public_key=public_key, context=CONTEXT, server=SERVER)

    caller = await store.authenticate(api_key)

    assert b"synthetic reading" == open_blob(blob, private_key=caller.private_key, context=CONTEXT, server=SERVER)


async def test_each_key_lets_in_its_own_account_among_many(store: AccountStore) -> None:
    made = [await store.create_account(NOW) for _ in range(5)]

    callers = [await store.authenticate(api_key) for _, api_key in made]

    assert [account for account, _ in made] == [caller.account for caller in callers]
    assert 5 == len({account.id for account, _ in made})
    assert 5 == len({caller.private_key for caller in callers})
    assert 5 == len({caller.key.id for caller in callers})


WRONG_KEYS: dict[str, Callable[[str], str]] = {
    "empty": lambda _key: "",
    "blank": lambda _key: " ",
    "mistyped": swap_case_of_first_letter,
    "cut": lambda key: key[:-1],
    "longer": lambda key: key + "0",
    "with a blank": lambda key: f" {key}",
    "with a newline": lambda key: f"{key}\n",
    "without prefix": lambda key: key[4:],
    "of another gateway": lambda _key: new_api_key(),
    "huge": lambda key: key * 100_000,
    "zeros": lambda _key: "\x00" * 53,
    "other digits": lambda key: key[:4] + "٣" * 49,
    "surrogates": lambda key: key[:4] + "\ud800" * 49,
    "an injection": lambda _key: "' OR 1=1 --",
}


async def test_every_wrong_key_is_refused_alike(store: AccountStore) -> None:
    _, api_key = await store.create_account(NOW)
    for kind, change in WRONG_KEYS.items():
        wrong = change(api_key)

        with pytest.raises(Unauthenticated) as refusal:
            await store.authenticate(wrong)

        error = refusal.value
        assert (Unauthenticated, "A valid API key is required.", ()) == (type(error), error.detail, error.errors), kind
        assert api_key not in "".join(traceback.format_exception(error)), kind


async def test_a_key_of_an_erased_account_is_refused(store: AccountStore, database: Database) -> None:
    _, api_key = await store.create_account(NOW)
    async with database.transaction() as connection:
        await connection.execute(delete(accounts))

    with pytest.raises(Unauthenticated):
        await store.authenticate(api_key)


async def test_a_wrapped_key_copied_to_another_row_opens_nothing(store: AccountStore, database: Database) -> None:
    """With write access to SQL, an attacker can't make one account's key open another account's vault."""
    victim, victims_key = await store.create_account(NOW)
    intruder, intruders_key = await store.create_account(NOW)
    async with database.transaction() as connection:
        wrapped = await connection.scalar(
            select(api_keys.c.wrapped_private_key).where(api_keys.c.account_id == intruder.id)
        )
        await connection.execute(
            update(api_keys).where(api_keys.c.account_id == victim.id).values(wrapped_private_key=wrapped)
        )

    with pytest.raises(Unauthenticated):
        await store.authenticate(victims_key)
    async with database.transaction() as connection:
        await connection.execute(
            update(api_keys).where(api_keys.c.account_id == intruder.id).values(account_id=victim.id)
        )
    with pytest.raises(Unauthenticated):
        await store.authenticate(intruders_key)


async def test_a_public_key_is_only_given_for_the_account_it_was_made_for(
    store: AccountStore, database: Database
) -> None:
    victim, _ = await store.create_account(NOW)
    intruder, _ = await store.create_account(NOW)
    async with database.transaction() as connection:
        theirs = await connection.scalar(select(accounts.c.public_key).where(accounts.c.id == intruder.id))
        await connection.execute(update(accounts).where(accounts.c.id == victim.id).values(public_key=theirs))

    with pytest.raises(CannotOpen):
        await store.load_public_key(victim.id)
    assert 32 == len(await store.load_public_key(intruder.id))


async def test_an_unknown_account_has_no_public_key(store: AccountStore) -> None:
    with pytest.raises(NotFound):
        await store.load_public_key("acct_unknown")


async def test_accounts_outlive_a_change_of_the_servers_secret(store: AccountStore, database: Database) -> None:
    account, api_key = await store.create_account(NOW)
    before = await store.load_public_key(account.id)

    changed = AccountStore(database, ServerSecret(OTHER_SECRET, [SECRET]))

    assert before == await changed.load_public_key(account.id)
    assert account == (await changed.authenticate(api_key)).account


async def test_neither_an_api_key_nor_what_it_opens_is_in_the_file(
    store: AccountStore, stored_bytes: Callable[[], bytes]
) -> None:
    account, api_key = await store.create_account(NOW)
    public_key = await store.load_public_key(account.id)
    private_key = (await store.authenticate(api_key)).private_key

    stored = await asyncio.to_thread(stored_bytes)

    assert account.id.encode() in stored  # the account is stored: the next checks are not vacuous
    for secret in (api_key.encode(), api_key[4:40].encode(), check_api_key(api_key), private_key, public_key):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in stored


async def test_a_caller_shows_no_private_key(store: AccountStore) -> None:
    _, api_key = await store.create_account(NOW)

    caller = await store.authenticate(api_key)

    assert repr(caller.private_key) not in repr(caller)
    assert caller == Caller(caller.account, caller.key, caller.private_key)
