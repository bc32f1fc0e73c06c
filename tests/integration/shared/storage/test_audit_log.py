"""The chains of audit events: concurrent additions in sequence, verification, pruning, and detected forgeries."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from shared.accounts.store import AccountStore
from shared.crypto.vault import ServerSecret
from shared.storage.audit_log import ADMIN, AuditLog, record
from shared.storage.database import Database
from shared.storage.tables import accounts, audit_events

pytestmark = pytest.mark.anyio

OLD, NEW = "synthetic-server-secret-number-one-0000", "synthetic-server-secret-number-two-1111"
SERVER = ServerSecret(OLD)
NOW = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database used by this test only."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def log(database: Database) -> AuditLog:
    """The chains in it."""
    return AuditLog(database, SERVER)


async def add(
    database: Database, number: int, chain: str = ADMIN, at: datetime = NOW, server: ServerSecret = SERVER
) -> None:
    """Perform an operation, and audit it in the same transaction."""
    async with database.transaction() as connection:
        # The audited operation: the transaction writes something first.
        await connection.execute(update(accounts).where(accounts.c.id == "nobody").values(id="nobody"))
        await record(connection, server, chain, at, ADMIN, "synthetic.action", {"number": number, "é": None})


async def change(database: Database, statement: object) -> None:
    async with database.transaction() as connection:
        await connection.execute(statement)  # type: ignore[call-overload]  # any statement


async def test_events_come_back_newest_first_in_pages(database: Database, log: AuditLog) -> None:
    for number in range(5):
        await add(database, number)

    first = await log.load_events(ADMIN, limit=2)
    rest = await log.load_events(ADMIN, before=first[-1].number, limit=10)

    assert [5, 4, 3, 2, 1] == [each.number for each in [*first, *rest]]
    assert (NOW, ADMIN, "synthetic.action", {"number": 4, "é": None}) == (
        first[0].at,
        first[0].actor,
        first[0].action,
        first[0].details,
    )


async def test_a_chain_holds_and_an_empty_one_too(database: Database, log: AuditLog) -> None:
    for number in range(5):
        await add(database, number)

    assert [None, None] == [await log.find_break(chain) for chain in (ADMIN, "acct_without_events")]


async def test_events_that_many_add_at_once_are_one_chain(database: Database, log: AuditLog) -> None:
    await asyncio.gather(*(add(database, number, chain) for number in range(20) for chain in (ADMIN, "acct_1")))

    for chain in (ADMIN, "acct_1"):
        assert list(range(20, 0, -1)) == [each.number for each in await log.load_events(chain)]
        assert await log.find_break(chain) is None


async def test_what_is_rolled_back_leaves_no_event(database: Database, log: AuditLog) -> None:
    async def fail_afterwards() -> None:
        async with database.transaction() as connection:
            await connection.execute(update(accounts).values(suspended_at=NOW))
            await record(connection, SERVER, ADMIN, NOW, ADMIN, "synthetic.action")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_afterwards()

    assert [] == await log.load_events(ADMIN)


# Of five events: the forged one and its change (`None`: removed), and the event at which it is detected.
FORGERIES: dict[str, tuple[int, dict[str, Any] | None, int]] = {
    "action": (3, {"action": "forged"}, 3),
    "actor": (3, {"actor": "key_forged"}, 3),
    "moment": (3, {"at": NOW + DAY}, 3),
    "details": (3, {"details": {"number": 7}}, 3),
    "the first": (1, {"action": "forged"}, 1),
    "link": (4, {"link": "forged"}, 4),
    "unknown secret": (4, {"link": "00000000:00"}, 4),
    "taken out": (3, None, 4),
    "renumbered": (5, {"number": 9}, 9),
}


async def test_who_can_write_to_sql_can_not_change_the_past_unseen(database: Database, log: AuditLog) -> None:
    for chain, (forged, values, found_at) in FORGERIES.items():
        for number in range(5):
            await add(database, number, chain)
        assert await log.find_break(chain) is None, chain

        here = (audit_events.c.chain == chain) & (audit_events.c.number == forged)
        await change(
            database,
            delete(audit_events).where(here) if values is None else update(audit_events).where(here).values(values),
        )

        assert found_at == await log.find_break(chain), chain


async def test_an_event_of_one_chain_does_not_fit_into_another(database: Database, log: AuditLog) -> None:
    await add(database, 1, ADMIN)
    (event,) = await log.load_events(ADMIN)

    await change(
        database,
        insert(audit_events).values(
            chain="acct_1",
            number=1,
            at=event.at,
            actor=event.actor,
            action=event.action,
            details=event.details,
            link=event.link,
        ),
    )

    assert 1 == await log.find_break("acct_1")


async def test_a_chain_goes_on_over_a_rotation_of_the_secret(database: Database) -> None:
    rotated = ServerSecret(NEW, [OLD])
    await add(database, 1)
    await add(database, 2, server=rotated)

    assert await AuditLog(database, rotated).find_break(ADMIN) is None
    assert 1 == await AuditLog(database, ServerSecret(NEW)).find_break(ADMIN)


async def test_retention_removes_the_old_and_the_rest_still_holds(database: Database, log: AuditLog) -> None:
    for number in range(5):
        await add(database, number, at=NOW + number * DAY)
    await add(database, 0, "acct_1", at=NOW)

    removed = await log.erase_before(NOW + 3 * DAY)
    await add(database, 6, "acct_1", at=NOW + 9 * DAY)

    assert 3 == removed
    assert [5, 4] == [each.number for each in await log.load_events(ADMIN)]
    # The newest event of a chain stays, however old it is: the next one continues it.
    assert [2, 1] == [each.number for each in await log.load_events("acct_1")]
    assert [None, None] == [await log.find_break(chain) for chain in (ADMIN, "acct_1")]


async def test_a_new_account_begins_its_chain(database: Database, log: AuditLog) -> None:
    account, _ = await AccountStore(database, SERVER).create_account(NOW)

    events = await log.load_events(account.id)

    assert [(1, "account.created", "system")] == [(each.number, each.action, each.actor) for each in events]
    assert [] != await database.read(select(audit_events))
