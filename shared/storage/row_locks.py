"""Having rows to oneself until a transaction ends, on either database.

A write that changes nothing does it. In PostgreSQL it takes the row's lock. In SQLite one transaction writes at a time:
what has written, if only this, is the one.
"""

from sqlalchemy import ColumnElement, Table, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import NotFound
from shared.storage.tables import accounts


async def lock_row(connection: AsyncConnection, table: Table, row_id: str, *where: ColumnElement[bool]) -> bool:
    """Lock the row of that id, if it is there and as ``where`` says; whether it is."""
    # Not its key: that would keep out rows which refer to it.
    column = next(each for each in table.c if not each.primary_key and not each.foreign_keys)
    same = update(table).where(table.c.id == row_id, *where).values({column: column})
    return bool((await connection.execute(same)).rowcount)


async def lock_account(connection: AsyncConnection, account_id: str) -> None:
    """Lock an account. Raises `NotFound`."""
    if not await lock_row(connection, accounts, account_id):
        raise NotFound("There is no such account.")


async def begin_writing(connection: AsyncConnection) -> None:
    """Be the transaction that writes, where there is one; lock nothing."""
    await lock_row(connection, accounts, "")
