"""Exclusive row locks until the end of a transaction, for both databases.

The lock is an update that changes nothing. In PostgreSQL it takes the lock of the row. In SQLite, where one transaction
writes at a time, it makes this transaction the only writer.
"""

from sqlalchemy import ColumnElement, Table, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import NotFound
from shared.storage.tables import accounts


async def lock_row(connection: AsyncConnection, table: Table, row_id: str, *where: ColumnElement[bool]) -> bool:
    """Lock the row with that id, if it exists and matches ``where``. Returns whether it does."""
    # Not a key column: that would block inserting rows that refer to it.
    column = next(each for each in table.c if not each.primary_key and not each.foreign_keys)
    same = update(table).where(table.c.id == row_id, *where).values({column: column})
    return bool((await connection.execute(same)).rowcount)


async def lock_account(connection: AsyncConnection, account_id: str) -> None:
    """Lock an account. Raises `NotFound`."""
    if not await lock_row(connection, accounts, account_id):
        raise NotFound("There is no such account.")


async def begin_writing(connection: AsyncConnection) -> None:
    """Become the writing transaction in SQLite, without locking a row."""
    await lock_row(connection, accounts, "")
