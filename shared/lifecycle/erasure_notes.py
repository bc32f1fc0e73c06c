"""Notes of erasures that are still to be applied to Redis (SQL): written in the transaction that deletes the rows."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.storage.tables import erasures


async def note_erasure(
    connection: AsyncConnection,
    erasure_id: str,
    account_id: str,
    points: Sequence[str],
    *,
    is_account: bool,
    now: datetime,
) -> None:
    """Add the note of an erasure of these points, or of the whole account; kept until the second pass in Redis."""
    await connection.execute(
        insert(erasures).values(
            id=erasure_id, account_id=account_id, usage_point_ids=list(points), is_account=is_account, erased_at=now
        )
    )


def new_erasure_id() -> str:
    """The id of an erasure, which is also in its receipt."""
    return f"erase_{secrets.token_hex(8)}"
