"""The usage points (SQL): whose they are, and what the provider may be asked for.

A PRM is stored encrypted and as a keyed hash; it leaves this module only as a `UsagePoint`. Several accounts may hold
the same point, each by a consent and a row of its own. What the provider says of the right to one:
`shared.consents.access_loss`.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, or_, select, update

from shared.consents.loss_policy import Refusals, Unavailable
from shared.consents.models import Consent, ConsentStatus, UsagePoint
from shared.core.calendar import day_of
from shared.core.datasets import Direction
from shared.core.errors import AccountSuspended, ConsentMissing, NotFound
from shared.crypto.vault import CannotOpen, ServerSecret
from shared.readings.models import Reason
from shared.storage.audit_log import record
from shared.storage.database import Database
from shared.storage.row_locks import lock_row
from shared.storage.sealed_columns import LABEL, PRM
from shared.storage.tables import accounts, consents, usage_points

PRM_HASH_PURPOSE = "usage-point"
"""What the keyed hash of a PRM is for."""

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


class UsagePointStore:
    """The usage points of this gateway: finding them, and what is known and wanted of them."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Keep them in ``database``; ``server`` hides and finds the PRMs."""
        self._database = database
        self._server = server

    async def find_usage_point(self, account_id: str, prm: str) -> UsagePoint:
        """The usage point with these 14 digits, if it is this account's. Raises `NotFound` otherwise."""
        rows = await self._database.read(_OF_PRM, {"account_id": account_id, "hashes": self._hashes(prm)})
        if not rows:
            raise NotFound("This account has no such usage point.")
        return self._usage_point(rows[0])

    async def load_usage_point(self, usage_point_id: str) -> UsagePoint:
        """The usage point with this internal id. Raises `NotFound`."""
        found = await self._usage_points(usage_points.c.id == usage_point_id)
        if not found:
            raise NotFound
        return found[0]

    async def load_usage_points(self, usage_point_ids: Collection[str]) -> dict[str, UsagePoint]:
        """Those of these that there are, by their internal ids; without one that no known secret opens."""
        found = {}
        for row in await self._database.read(_POINTS.where(usage_points.c.id.in_(usage_point_ids))):
            with suppress(CannotOpen):
                found[row.id] = self._usage_point(row)
        return found

    async def load_active_usage_point(self, usage_point_id: str, now: datetime) -> UsagePoint:
        """The same, if the provider may be asked for it. Raises `NotFound`, `AccountSuspended` or `ConsentMissing`."""
        usage_point = await self.load_usage_point(usage_point_id)
        if usage_point.account_suspended:
            raise AccountSuspended
        if not usage_point.consent.is_active(now):
            raise ConsentMissing
        return usage_point

    async def list_usage_points(self, account_id: str) -> list[UsagePoint]:
        """All the usage points of an account, oldest first."""
        return await self._usage_points(usage_points.c.account_id == account_id)

    async def list_holders(self, prm: str) -> list[UsagePoint]:
        """The usage point with these 14 digits in each account that holds it. For administrators alone."""
        return await self._usage_points(usage_points.c.prm_hash.in_(self._hashes(prm)))

    async def active_usage_point_ids(self, now: datetime, after: str = "", limit: int = 500) -> list[str]:
        """A page of internal ids of the points that may be asked for, in the order of their ids; of all accounts but
        those that are suspended."""
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
        """Somebody wanted something of it today. Writes once a day."""
        if usage_point.read_on is not None and usage_point.read_on >= today:
            return
        async with self._database.transaction() as connection:
            await connection.execute(
                update(usage_points).where(usage_points.c.id == usage_point.id).values(read_on=today)
            )

    async def note_unavailable(self, usage_point_id: str, dataset: str, reason: Reason, now: datetime) -> None:
        """The provider said that it has no such dataset of this point; a new consent makes it be asked again."""
        this_point = usage_points.c.id == usage_point_id
        async with self._database.transaction() as connection:
            # Another dataset of the point that is noted at the same time waits.
            await lock_row(connection, usage_points, usage_point_id)
            before = await connection.scalar(select(usage_points.c.unavailable).where(this_point))
            noted = {**(before or {}), dataset: {"reason": reason, "noted_at": now.isoformat()}}
            await connection.execute(update(usage_points).where(this_point).values(unavailable=noted))

    async def change_usage_point(
        self, usage_point: UsagePoint, changes: Mapping[str, Any], actor: str, now: datetime
    ) -> UsagePoint:
        """Set ``label``, ``refresh`` or ``refresh_datasets``: those that ``changes`` names. Returns the point as it is
        now. Raises `NotFound`."""
        values = dict(changes)
        if "label" in values:
            label = values.pop("label")
            sealed = label and self._server.encrypt(label.encode(), purpose=LABEL.purpose(usage_point.id))
            values["label_sealed"] = sealed
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
        return await self.load_usage_point(usage_point.id)

    async def _usage_points(self, *where: ColumnElement[bool]) -> list[UsagePoint]:
        return [self._usage_point(row) for row in await self._database.read(_POINTS.where(*where))]

    def _usage_point(self, row: Row[tuple[object, ...]]) -> UsagePoint:
        flags = {Direction.CONSUMPTION: row.consumption, Direction.PRODUCTION: row.production}
        consent = consent_of(row, "_")
        return UsagePoint(
            id=row.id,
            account_id=row.account_id,
            prm=self._server.decrypt(row.prm_sealed, purpose=PRM.purpose(row.id)).decode(),
            directions=frozenset(direction for direction, is_open in flags.items() if is_open),
            created_at=row.created_at,
            consent=consent if row.lost_at is None else replace(consent, status=ConsentStatus.LOST),
            refusals=refusals_of(row),
            unavailable={name: _unavailable(noted) for name, noted in (row.unavailable or {}).items()},
            account_suspended=row.account_suspended_at is not None,
            label=self._open_label(row),
            refresh=row.refresh,
            read_on=row.read_on,
            refresh_datasets=None if row.refresh_datasets is None else frozenset(row.refresh_datasets),
        )

    def _open_label(self, row: Row[tuple[object, ...]]) -> str | None:
        if row.label_sealed is None:
            return None
        return self._server.decrypt(row.label_sealed, purpose=LABEL.purpose(row.id)).decode()

    def _hash(self, prm: str) -> str:
        return self._server.keyed_hash(prm, purpose=PRM_HASH_PURPOSE)

    def _hashes(self, prm: str) -> list[str]:
        return self._server.keyed_hashes(prm, purpose=PRM_HASH_PURPOSE)


def held(now: datetime) -> ColumnElement[bool]:
    """`Consent.is_active` of a usage point's consent, as the database sees it."""
    in_time = or_(consents.c.expires_on.is_(None), consents.c.expires_on > day_of(now))
    return and_(consents.c.status == ConsentStatus.GRANTED, in_time, usage_points.c.lost_at.is_(None))


_CONSENT_NAMES = [name for name in consents.c.keys() if name in Consent.__slots__ and name != "status"]  # noqa: SIM118  # no dictionary


def consent_of(row: Row[tuple[object, ...]], prefix: str = "") -> Consent:
    """The consent in a row whose columns have this prefix."""
    values = {name: getattr(row, prefix + name) for name in _CONSENT_NAMES}
    return Consent(status=ConsentStatus(getattr(row, f"{prefix}status")), **values)


def _unavailable(noted: Mapping[str, str]) -> Unavailable:
    return Unavailable(Reason(noted["reason"]), datetime.fromisoformat(noted["noted_at"]))


def refusals_of(row: Row[tuple[object, ...]]) -> Refusals | None:
    """The refusals in a usage point's row since the last success, ``None`` when there were none."""
    if row.refused_days is None:
        return None
    return Refusals(row.first_refused_at, row.last_refused_at, row.refused_days)
