"""The audit log (SQL): a hash chain of events for each account, and one for the administrators.

Each event has a *link*: a keyed hash of itself and of the previous link. With write access to SQL but without the
server secret, changing an event or removing one from the middle breaks the chain. Events contain ids and codes; never a
reading, a PRM, a name or an address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Row, Select, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.crypto.server_secret import CannotOpen, ServerSecret
from shared.storage.database import Database, hold
from shared.storage.row_locks import lock_account
from shared.storage.tables import audit_events

ADMIN = "admin"
"""The chain of the administrators' actions, and the name of administrators as an actor."""
SYSTEM = "system"
"""The actor of automatic actions: expiry, retention, responses of the provider."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One event of the audit log. ``actor``: a key's id, `ADMIN` or `SYSTEM`."""

    chain: str
    number: int
    at: datetime
    actor: str
    action: str
    details: Mapping[str, Any]
    link: str


async def record(
    connection: AsyncConnection,
    server: ServerSecret,
    chain: str,
    at: datetime,
    actor: str,
    action: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an event, in the same transaction as the action itself.

    In SQLite that transaction must have written something before: only then is it the only one that adds to a chain.
    """
    await hold(connection, [f"audit:{chain}"])
    newest = (
        await connection.execute(
            select(audit_events.c.number, audit_events.c.link)
            .where(audit_events.c.chain == chain)
            .order_by(audit_events.c.number.desc())
            .limit(1)
        )
    ).one_or_none()
    number, before = (newest.number + 1, newest.link) if newest else (1, "")
    event = AuditEvent(chain, number, at, actor, action, dict(details or {}), "")
    link = f"{server.key_id}:{server.keyed_hash(_text(event, before), purpose='audit')}"
    await connection.execute(
        insert(audit_events).values(
            chain=chain, number=number, at=at, actor=actor, action=action, details=event.details, link=link
        )
    )


class AuditLog:
    """The chains: reading, verification and retention."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Read from ``database``; ``server`` computes the links."""
        self._database = database
        self._server = server

    async def note(
        self, account_id: str, now: datetime, actor: str, action: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Record an action on an account that is about to happen outside SQL. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            await lock_account(connection, account_id)
            await record(connection, self._server, account_id, now, actor, action, details)

    async def load_events(self, chain: str, before: int | None = None, limit: int = 100) -> list[AuditEvent]:
        """A page of a chain, newest first: the events before the one with that number."""
        query = _chain(chain).order_by(audit_events.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_events.c.number < before)
        return [_event(row) for row in await self._database.read(query)]

    async def find_break(self, chain: str) -> int | None:
        """The number of the first event with an invalid link, ``None`` when the whole chain is valid.

        The predecessor of the oldest event may have been removed by retention: its link is then not verified. Removal
        of the newest events can't be detected from the chain itself.
        """
        previous: AuditEvent | None = None
        after = 0
        while page := await self._page(chain, after):
            for event in page:
                if event.number == 1 or previous is not None:
                    before = previous.link if previous else ""
                    follows = event.number == (previous.number + 1 if previous else 1)
                    if not follows or not self._fits(event, before):
                        return event.number
                previous = event
            after = page[-1].number
        return None

    async def erase_before(self, moment: datetime) -> int:
        """Remove the events before ``moment`` from every chain; the newest event of a chain is kept, so that the next
        one continues it. Returns the number of removed events."""
        newest = (
            select(audit_events.c.chain, func.max(audit_events.c.number).label("number"))
            .group_by(audit_events.c.chain)
            .subquery()
        )
        old = audit_events.c.at < moment
        is_newest = (
            select(newest.c.chain)
            .where(newest.c.chain == audit_events.c.chain, newest.c.number == audit_events.c.number)
            .exists()
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(delete(audit_events).where(old, ~is_newest))).rowcount

    async def _page(self, chain: str, after: int) -> list[AuditEvent]:
        query = _chain(chain).where(audit_events.c.number > after).order_by(audit_events.c.number).limit(500)
        return [_event(row) for row in await self._database.read(query)]

    def _fits(self, event: AuditEvent, before: str) -> bool:
        key_id, _, hashed = event.link.partition(":")
        try:
            return self._server.is_keyed_hash(hashed, _text(event, before), purpose="audit", key_id=key_id)
        except CannotOpen:
            return False


def _chain(chain: str) -> Select[Any]:
    return select(audit_events).where(audit_events.c.chain == chain)


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(row.chain, row.number, row.at, row.actor, row.action, row.details, row.link)


def _text(event: AuditEvent, before: str) -> str:
    """The input of a link's hash: the same text for the same event, independently of the database."""
    parts = [before, event.chain, event.number, event.at.astimezone(UTC), event.actor, event.action, event.details]
    return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_OMIT_MICROSECONDS).decode()
