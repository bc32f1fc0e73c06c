"""Invitations (SQL): a code that lets one person in where registration is by invitation, once and until a day.

A code is shown when it is made and kept only as a hash.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import InvitationRefused, NotFound
from shared.crypto.server_secret import ServerSecret
from shared.storage.audit_log import ADMIN, record
from shared.storage.database import Database
from shared.storage.tables import invitations


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is known of an invitation once its code has been shown: everything but the code."""

    id: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class InvitationStore:
    """The invitations to this gateway."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Keep them in ``database``; ``server`` vouches for what is written down about them."""
        self._database = database
        self._server = server

    async def create_invitation(self, now: datetime, lifetime: timedelta) -> tuple[Invitation, str]:
        """A new invitation, good once, and its code, the only time that it is seen."""
        made = Invitation(f"inv_{secrets.token_hex(8)}", now, now + lifetime)
        code = f"rlvi_{secrets.token_urlsafe(24)}"
        async with self._database.transaction() as connection:
            await connection.execute(
                insert(invitations).values(
                    id=made.id, code_hash=_code_hash(code), created_at=now, expires_at=made.expires_at
                )
            )
            await record(connection, self._server, ADMIN, now, ADMIN, "invitation.created", {"invitation_id": made.id})
        return made, code

    async def list_invitations(self, after: str = "", limit: int = 100) -> list[Invitation]:
        """A page of them, used and expired ones too, in the order of their ids."""
        query = select(invitations).where(invitations.c.id > after).order_by(invitations.c.id).limit(limit)
        return [_invitation(row) for row in await self._database.read(query)]

    async def delete_invitation(self, invitation_id: str, now: datetime) -> None:
        """Take an invitation back; the account that was made with it stays. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            removed = await connection.execute(delete(invitations).where(invitations.c.id == invitation_id))
            if not removed.rowcount:
                raise NotFound
            details = {"invitation_id": invitation_id}
            await record(connection, self._server, ADMIN, now, ADMIN, "invitation.deleted", details)


async def use_invitation(connection: AsyncConnection, code: str, now: datetime) -> str:
    """Use an invitation up, in the transaction of what it is for; its id. Raises `InvitationRefused`, the same for a
    code that is unknown, expired or used: of many who use one at the same moment one gets through."""
    this_code = invitations.c.code_hash == _code_hash(code)
    used = await connection.execute(
        update(invitations)
        .where(this_code, invitations.c.used_at.is_(None), invitations.c.expires_at > now)
        .values(used_at=now)
    )
    if not used.rowcount:
        raise InvitationRefused
    return str(await connection.scalar(select(invitations.c.id).where(this_code)))


def _code_hash(code: str) -> str:
    # The code has 192 random bits: there is no guess to slow down.
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def _invitation(row: Row[tuple[object, ...]]) -> Invitation:
    return Invitation(row.id, row.created_at, row.expires_at, row.used_at)
