"""The usage points (SQL): their accounts, and the data that may be requested for them.

A PRM leaves this module only as part of a `UsagePoint`. Several accounts may hold the same point, each with a consent
and a row of its own. The provider's refusals of access are in `shared.consents.access_loss`.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, update

from shared.consents.consent_rows import ConsentRows, held
from shared.consents.models import UsagePoint
from shared.core.errors import AccountSuspended, ConsentMissing, NotFound
from shared.crypto.vault import CannotOpen, ServerSecret
from shared.readings.models import Reason
from shared.storage.audit_log import record
from shared.storage.database import Database
from shared.storage.row_locks import lock_row
from shared.storage.tables import accounts, consents, usage_points

_POINTS = (
    select(
        usage_points,
        *(column.label(f"_{column.name}") for column in consents.c),
        accounts.c.suspended_at.label("account_suspended_at"),
    )
    .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
    .join(accounts, usage_points.c.account_id == accounts.c.id)
    .order_by(usage_points.c.created_at, usage_points.c.id)
)
_OF_PRM = _POINTS.where(
    usage_points.c.account_id == bindparam("account_id"),
    usage_points.c.prm_hash.in_(bindparam("hashes", expanding=True)),
)


class UsagePoints:
    """The usage points of this gateway: look-up, status and settings."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store them in ``database``; ``server`` encrypts and looks up the PRMs."""
        self._database = database
        self._server = server
        self._rows = ConsentRows(server)

    async def find(self, account_id: str, prm: str) -> UsagePoint:
        """The usage point with these 14 digits, if the account holds it. Raises `NotFound` otherwise."""
        rows = await self._database.read(_OF_PRM, {"account_id": account_id, "hashes": self._rows.hashes(prm)})
        if not rows:
            raise NotFound("This account has no such usage point.")
        return self._rows.usage_point(rows[0])

    async def load(self, usage_point_id: str) -> UsagePoint:
        """The usage point with this internal id. Raises `NotFound`."""
        found = await self._load(usage_points.c.id == usage_point_id)
        if not found:
            raise NotFound
        return found[0]

    async def load_many(self, usage_point_ids: Collection[str]) -> dict[str, UsagePoint]:
        """The existing usage points among these internal ids, without those that no known secret decrypts."""
        found = {}
        for row in await self._database.read(_POINTS.where(usage_points.c.id.in_(usage_point_ids))):
            with suppress(CannotOpen):
                found[row.id] = self._rows.usage_point(row)
        return found

    async def load_active(self, usage_point_id: str, now: datetime) -> UsagePoint:
        """The usage point with this id, if its data may be requested. Raises `NotFound`, `AccountSuspended` or
        `ConsentMissing`."""
        usage_point = await self.load(usage_point_id)
        if usage_point.account_suspended:
            raise AccountSuspended
        if not usage_point.consent.is_active(now):
            raise ConsentMissing
        return usage_point

    async def list_for_account(self, account_id: str) -> list[UsagePoint]:
        """The usage points of an account, oldest first."""
        return await self._load(usage_points.c.account_id == account_id)

    async def list_holders(self, prm: str) -> list[UsagePoint]:
        """The usage point with these 14 digits in each account that holds it. For administrators only."""
        return await self._load(usage_points.c.prm_hash.in_(self._rows.hashes(prm)))

    async def other_holders(self, prms: Collection[str], account_id: str, now: datetime) -> list[UsagePoint]:
        """These points in other accounts that hold them under an active consent."""
        hashes = [hashed for prm in prms for hashed in self._rows.hashes(prm)]
        return await self._load(usage_points.c.prm_hash.in_(hashes), usage_points.c.account_id != account_id, held(now))

    async def list_shared(self, now: datetime) -> list[UsagePoint]:
        """The points that several accounts hold under active consents, one entry per account."""
        several = (
            select(usage_points.c.prm_hash)
            .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
            .where(held(now))
            .group_by(usage_points.c.prm_hash)
            .having(func.count() > 1)
        )
        return await self._load(usage_points.c.prm_hash.in_(several), held(now))

    async def active_ids(self, now: datetime, after: str = "", limit: int = 500) -> list[str]:
        """A page of internal ids of the points whose data may be requested, ordered by id, without those of suspended
        accounts."""
        query = (
            select(usage_points.c.id)
            .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
            .join(accounts, usage_points.c.account_id == accounts.c.id)
            .where(usage_points.c.id > after, held(now), accounts.c.suspended_at.is_(None))
            .order_by(usage_points.c.id)
            .limit(limit)
        )
        return [row.id for row in await self._database.read(query)]

    async def note_read(self, usage_point: UsagePoint, today: date) -> None:
        """Record that data of the point was requested today. Writes once a day."""
        if usage_point.read_on is not None and usage_point.read_on >= today:
            return
        async with self._database.transaction() as connection:
            await connection.execute(
                update(usage_points).where(usage_points.c.id == usage_point.id).values(read_on=today)
            )

    async def note_unavailable(self, usage_point_id: str, dataset: str, reason: Reason, now: datetime) -> None:
        """Record that the provider does not have this dataset for this point; a new consent resets this."""
        this_point = usage_points.c.id == usage_point_id
        async with self._database.transaction() as connection:
            # Serialises concurrent updates for other datasets of the point.
            await lock_row(connection, usage_points, usage_point_id)
            before = await connection.scalar(select(usage_points.c.unavailable).where(this_point))
            noted = {**(before or {}), dataset: {"reason": reason, "noted_at": now.isoformat()}}
            await connection.execute(update(usage_points).where(this_point).values(unavailable=noted))

    async def change(
        self, usage_point: UsagePoint, changes: Mapping[str, Any], actor: str, now: datetime
    ) -> UsagePoint:
        """Set those of ``label``, ``refresh`` and ``refresh_datasets`` that are in ``changes``. Returns the updated
        point. Raises `NotFound`."""
        values = dict(changes)
        if "label" in values:
            values["label_sealed"] = self._rows.seal_label(usage_point.id, values.pop("label"))
        if values.get("refresh_datasets") is not None:
            values["refresh_datasets"] = sorted(values["refresh_datasets"])
        if values:
            async with self._database.transaction() as connection:
                this_point = usage_points.c.id == usage_point.id
                changed = await connection.execute(update(usage_points).where(this_point).values(values))
                if not changed.rowcount:
                    raise NotFound
                details = {"usage_point": usage_point.id, "changed": sorted(changes)}
                account_id = usage_point.account_id
                await record(connection, self._server, account_id, now, actor, "usage_point.changed", details)
        return await self.load(usage_point.id)

    async def _load(self, *where: ColumnElement[bool]) -> list[UsagePoint]:
        return [self._rows.usage_point(row) for row in await self._database.read(_POINTS.where(*where))]
