"""The specifics of a real PostgreSQL: its timeouts, and one common error when it is unavailable."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Integer, bindparam, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from shared.storage.database import Database, hold, open_engine

pytestmark = pytest.mark.anyio

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture
async def database(empty_postgresql_url: str) -> AsyncIterator[Database]:
    """An empty database."""
    database = Database(empty_postgresql_url)
    yield database
    await database.close()


async def test_what_takes_too_long_for_a_request_is_given_up_and_a_migration_is_not(empty_postgresql_url: str) -> None:
    shown = []
    for engine in (open_engine(empty_postgresql_url), open_engine(empty_postgresql_url, limited=False)):
        async with engine.connect() as connection:
            shown.append([await connection.scalar(text(f"SHOW {name}")) for name in LIMITS])
        await engine.dispose()

    assert [["20s", "10s", "30s"], ["0", "0", "0"]] == shown


async def test_a_statement_that_is_given_up_says_that_the_database_can_not_be_used(database: Database) -> None:
    async with database.engine.connect() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = '1ms'"))
        with pytest.raises(OperationalError) as slow:
            await connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": 17.25})

    # The error text does not contain the query's values.
    assert "17.25" not in str(slow.value)
    # The connection is still usable.
    assert [(1,)] == list(await database.read(select(bindparam("one", 1, Integer))))


async def test_a_statement_that_is_wrong_says_so(database: Database) -> None:
    with pytest.raises(ProgrammingError):
        await database.read(select(text("nothing FROM nowhere")))


async def test_two_that_wait_for_each_other_do_not_do_so_for_ever(database: Database) -> None:
    async with database.transaction() as first, database.transaction() as second:
        await first.execute(text("SET LOCAL deadlock_timeout = '1ms'"))
        await hold(first, ["one"])
        await hold(second, ["two"])
        outcomes = await asyncio.gather(hold(second, ["one"]), hold(first, ["two"]), return_exceptions=True)

    assert [OperationalError] == [type(each) for each in outcomes if each is not None]


async def test_who_holds_a_name_is_waited_for_until_the_end_of_the_transaction(database: Database) -> None:
    order = []

    async def come_second() -> None:
        async with database.transaction() as connection:
            await hold(connection, ["one", "two"])
            order.append("second")

    async with database.transaction() as connection:
        await hold(connection, ["two"])
        coming = asyncio.create_task(come_second())
        while not await database.read(select(text("1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))):
            pass
        order.append("first")
    await coming

    assert ["first", "second"] == order
