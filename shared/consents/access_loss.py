"""The loss of access to usage points (SQL): counts the provider's refusals, and records a loss.

The loss and its entry in the audit log are one transaction.
"""

from datetime import datetime

from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.consents.consent_rows import refusals_of
from shared.consents.loss_policy import refused_again
from shared.consents.models import ConsentStatus, UsagePoint
from shared.core.calendar import day_of
from shared.crypto.vault import ServerSecret
from shared.storage.audit_log import SYSTEM, record
from shared.storage.database import Database, hold
from shared.storage.row_locks import lock_row
from shared.storage.tables import consents, usage_points

UNREFUSED = {"first_refused_at": None, "last_refused_at": None, "refused_days": None, "lost_at": None}
"""The columns of a usage point without refusals since the last success."""


class AccessLoss:
    """The access to each usage point, according to the provider's responses."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store it in ``database``; ``server`` authenticates the audit log."""
        self._database = database
        self._server = server

    async def note_refusal(self, usage_point_id: str, now: datetime) -> bool:
        """Record that the provider refused access to this point; the policy is that of `shared.consents.loss_policy`.

        Returns whether the point became lost with this refusal. A consent is lost with its last point.
        """
        this_point = usage_points.c.id == usage_point_id
        async with self._database.transaction() as connection:
            if not await lock_row(connection, usage_points, usage_point_id, usage_points.c.lost_at.is_(None)):
                return False
            row = (await connection.execute(select(usage_points).where(this_point))).one()
            refusals = refused_again(refusals_of(row), now)
            await connection.execute(
                update(usage_points)
                .where(this_point)
                .values(
                    first_refused_at=refusals.first_at,
                    last_refused_at=refusals.last_at,
                    refused_days=refusals.days,
                    lost_at=now if refusals.mean_loss else None,
                )
            )
            if refusals.mean_loss:
                await self._note_loss(connection, row, now, "refused")
        return refusals.mean_loss

    async def mark_lost(self, usage_point_id: str, now: datetime, cause: str) -> bool:
        """Mark a point as lost; ``cause`` is recorded in the audit log. Returns whether it was not lost before."""
        this_point = usage_points.c.id == usage_point_id
        async with self._database.transaction() as connection:
            lost = await connection.execute(
                update(usage_points).where(this_point, usage_points.c.lost_at.is_(None)).values(lost_at=now)
            )
            if not lost.rowcount:
                return False
            row = (await connection.execute(select(usage_points).where(this_point))).one()
            await self._note_loss(connection, row, now, cause)
        return True

    async def note_success(self, usage_point: UsagePoint, now: datetime) -> None:
        """Record that the provider returned data for this point: resets refusals, and marks the consent as valid today.

        Writes only if there were refusals, and once a day.
        """
        today, seen_on = day_of(now), usage_point.consent.seen_on
        is_first_today = seen_on is None or seen_on < today
        if usage_point.refusals is None and not is_first_today:
            return
        async with self._database.transaction() as connection:
            if usage_point.refusals is not None:
                await connection.execute(
                    update(usage_points)
                    .where(usage_points.c.id == usage_point.id, usage_points.c.lost_at.is_(None))
                    .values(UNREFUSED)
                )
            if is_first_today:
                earlier = or_(consents.c.seen_on.is_(None), consents.c.seen_on < today)
                await connection.execute(
                    update(consents).where(consents.c.id == usage_point.consent.id, earlier).values(seen_on=today)
                )

    async def _note_loss(
        self, connection: AsyncConnection, row: Row[tuple[object, ...]], now: datetime, cause: str
    ) -> None:
        """Mark the consent of a lost point as lost, if that was its last one, and add the loss to the audit log."""
        await lose_consent(connection, row.consent_id)
        details = {"consent_id": row.consent_id, "usage_point_id": row.id, "cause": cause}
        await record(connection, self._server, row.account_id, now, SYSTEM, "consent.lost", details)


async def lose_consent(connection: AsyncConnection, consent_id: str) -> None:
    """Mark a consent as lost if all its points are lost."""
    # Of two points lost concurrently, the second transaction sees the loss of the first.
    await hold(connection, [consent_id])
    another_point = select(usage_points.c.id).where(
        usage_points.c.consent_id == consent_id, usage_points.c.lost_at.is_(None)
    )
    await connection.execute(
        update(consents)
        .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.GRANTED, ~another_point.exists())
        .values(status=ConsentStatus.LOST)
    )
