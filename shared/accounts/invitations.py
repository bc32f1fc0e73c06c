"""Invitations (SQL): single-use codes with an expiry for registration by invitation.

A code is shown only at creation and stored as a hash.
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
    """The stored properties of an invitation, without its code."""

    id: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class InvitationStore:
    """The invitations to this gateway."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store them in ``database``; ``server`` authenticates the audit log."""
        self._database = database
        self._server = server

    async def create_invitation(self, now: datetime, lifetime: timedelta) -> tuple[Invitation, str]:
        """Create a single-use invitation. Returns it with its code, which is shown only once."""
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
        """A page of the invitations, including used and expired ones, ordered by id."""
        query = select(invitations).where(invitations.c.id > after).order_by(invitations.c.id).limit(limit)
        return [_invitation(row) for row in await self._database.read(query)]

    async def delete_invitation(self, invitation_id: str, now: datetime) -> None:
        """Delete an invitation; an account that was created with it is kept. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            removed = await connection.execute(delete(invitations).where(invitations.c.id == invitation_id))
            if not removed.rowcount:
                raise NotFound
            details = {"invitation_id": invitation_id}
            await record(connection, self._server, ADMIN, now, ADMIN, "invitation.deleted", details)


async def use_invitation(connection: AsyncConnection, code: str, now: datetime) -> str:
    """Consume an invitation in the transaction of the registration. Returns its id. Raises `InvitationRefused`, the
    same for an unknown, expired or used code; of concurrent uses exactly one succeeds."""
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
    # The code has 192 random bits: a fast hash is enough.
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def _invitation(row: Row[tuple[object, ...]]) -> Invitation:
    return Invitation(row.id, row.created_at, row.expires_at, row.used_at)
