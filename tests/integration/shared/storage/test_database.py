"""The database: its migrations match the declared schema, its times are unambiguous, its constraints are enforced."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, insert, inspect, select
from sqlalchemy.exc import IntegrityError, StatementError

from shared.storage.database import DATABASE_AWAY, Database, migrate
from shared.storage.tables import accounts, api_keys, metadata

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[4]
NOW = datetime(2026, 11, 22, 9, 30, 15, 123456, tzinfo=UTC)


def account(number: int = 1, created_at: datetime = NOW) -> dict[str, object]:
    return {"id": f"acct_{number}", "created_at": created_at, "public_key": b"synthetic"}


async def tables_of(url: str) -> set[str]:
    database = Database(url)
    async with database.engine.connect() as connection:
        names = await connection.run_sync(lambda there: inspect(there).get_table_names())
    await database.close()
    return set(names)


async def stored_ids(url: str) -> list[str]:
    database = Database(url)
    rows = await database.read(select(accounts.c.id))
    await database.close()
    return [row.id for row in rows]


async def write_nothing(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(select(1))


def connections_of(database: Database) -> tuple[list[object], list[object]]:
    """The connections opened from here on, and those of them that were closed, oldest first."""
    opened: list[object] = []
    closed: list[object] = []
    event.listen(database.engine.sync_engine, "connect", lambda connection, _record: opened.append(connection))
    event.listen(database.engine.sync_engine, "close", lambda connection, _record: closed.append(connection))
    return opened, closed


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def test_a_database_that_does_not_exist_is_made_with_its_directory_and_every_table(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/not/there/releve.db"

    await migrate(url)

    assert {*metadata.tables, "alembic_version"} == await tables_of(url)


async def test_several_that_migrate_an_empty_postgresql_at_once_all_find_it_done(empty_postgresql_url: str) -> None:
    outcomes = await asyncio.gather(*(migrate(empty_postgresql_url) for _ in range(4)), return_exceptions=True)

    assert [None] * 4 == outcomes
    assert {*metadata.tables, "alembic_version"} == await tables_of(empty_postgresql_url)


async def test_the_migrated_schema_is_the_declared_one(database_url: str) -> None:
    database = Database(database_url)

    async with database.engine.connect() as connection:
        found = await connection.run_sync(differences)

    await database.close()
    assert [] == found


async def test_the_comparison_would_find_a_difference(schema_url: str) -> None:
    database = Database(schema_url)
    async with database.transaction() as connection:
        await connection.exec_driver_sql("ALTER TABLE accounts ADD COLUMN forgotten INTEGER")

    async with database.engine.connect() as connection:
        found = await connection.run_sync(differences)

    await database.close()
    assert 1 == len(found)


async def test_migrating_again_changes_nothing_and_loses_nothing(database_url: str) -> None:
    database = Database(database_url)
    async with database.transaction() as connection:
        await connection.execute(insert(accounts).values(account()))

    await migrate(database_url)
    await migrate(database_url)

    async with database.transaction() as connection:
        kept = list(await connection.scalars(select(accounts.c.id)))
    await database.close()
    assert ["acct_1"] == kept


def alembic(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Alembic as a developer does."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_developers_command_finds_nothing_to_migrate(database_url: str) -> None:
    result = alembic(database_url, "check")

    assert (0, "No new upgrade operations detected.") == (result.returncode, result.stdout.strip()), result.stderr


async def test_each_migration_can_be_undone_and_done_again(schema_url: str) -> None:
    undone = await asyncio.to_thread(alembic, schema_url, "downgrade", "base")
    without = await tables_of(schema_url)
    done = await asyncio.to_thread(alembic, schema_url, "upgrade", "head")
    same = await asyncio.to_thread(alembic, schema_url, "check")

    assert (0, 0, 0) == (undone.returncode, done.returncode, same.returncode), undone.stderr + done.stderr + same.stdout
    assert {"alembic_version"} == without
    assert {*metadata.tables, "alembic_version"} == await tables_of(schema_url)


# Times


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-11, minutes=-30))])
async def test_a_moment_comes_back_in_utc_to_the_microsecond(database_url: str, zone: timezone) -> None:
    database = Database(database_url)
    async with database.transaction() as connection:
        await connection.execute(insert(accounts).values(account(created_at=NOW.astimezone(zone))))

    async with database.transaction() as connection:
        moment = await connection.scalar(select(accounts.c.created_at))
        later = await connection.scalar(select(accounts.c.id).where(accounts.c.created_at > NOW.astimezone(zone)))
        same = await connection.scalar(select(accounts.c.id).where(accounts.c.created_at == NOW.astimezone(zone)))

    await database.close()
    assert NOW == moment
    assert timedelta() == moment.utcoffset()
    assert (None, "acct_1") == (later, same)


async def test_a_naive_moment_is_refused_in_a_row_and_in_a_question(database_url: str) -> None:
    database = Database(database_url)
    naive = NOW.replace(tzinfo=None)

    async with database.engine.connect() as connection:
        with pytest.raises(StatementError, match="only aware datetimes"):
            await connection.execute(insert(accounts).values(account(created_at=naive)))
        with pytest.raises(StatementError, match="only aware datetimes"):
            await connection.execute(select(accounts).where(accounts.c.created_at > naive))

    await database.close()


# Transactions


async def test_a_transaction_is_undone_when_an_exception_leaves_it(database_url: str) -> None:
    database = Database(database_url)

    async def fail() -> None:
        async with database.transaction() as connection:
            await connection.execute(insert(accounts).values(account()))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with database.transaction() as connection:
        kept = list(await connection.scalars(select(accounts.c.id)))
    await database.close()
    assert [] == kept


async def test_a_key_without_its_account_is_refused_and_goes_with_it(database_url: str) -> None:
    database = Database(database_url)
    key = {"id": "key_1", "account_id": "acct_1", "verifier": "v", "wrapped_private_key": b"w", "created_at": NOW}

    async with database.engine.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(insert(api_keys).values(key))
    async with database.transaction() as connection:
        await connection.execute(insert(accounts).values(account()))
        await connection.execute(insert(api_keys).values(key))
        await connection.execute(accounts.delete())
        left = list(await connection.scalars(select(api_keys.c.id)))

    await database.close()
    assert [] == left


async def test_a_reader_does_not_wait_for_a_writer(database_url: str) -> None:
    database = Database(database_url)

    async with database.transaction() as writer:
        await writer.execute(insert(accounts).values(account()))
        async with database.transaction() as reader:
            seen = list(await reader.scalars(select(accounts.c.id)))

    await database.close()
    assert [] == seen


async def test_nothing_is_connected_before_it_is_needed(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'none.db'}")

    await database.close()

    assert not (tmp_path / "none.db").exists()


async def test_a_closed_database_gives_every_connection_back(database_url: str) -> None:
    database = Database(database_url)
    closed = []
    event.listen(database.engine.sync_engine, "close", lambda connection, _record: closed.append(connection))
    async with database.transaction(), database.transaction():
        pass

    await database.close()

    assert 2 == len(closed)


async def test_nothing_is_left_of_a_transaction_that_is_under_way_when_the_database_is_closed(
    database_url: str,
) -> None:
    database = Database(database_url)
    opened, closed = connections_of(database)
    is_inside, may_end = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with database.transaction() as connection:
            await connection.execute(insert(accounts).values(account()))
            is_inside.set()
            await may_end.wait()

    writer = asyncio.create_task(write())
    await is_inside.wait()
    await database.close()
    before = list(closed)
    may_end.set()
    await writer

    assert ([], opened) == (before, closed)
    assert ["acct_1"] == await stored_ids(database_url)


async def test_a_closed_database_says_that_it_is_away(database_url: str) -> None:
    database = Database(database_url)
    await database.close()

    with pytest.raises(DATABASE_AWAY):
        await database.read(select(accounts.c.id))
    with pytest.raises(DATABASE_AWAY):
        await write_nothing(database)
