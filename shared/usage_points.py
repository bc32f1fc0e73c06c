"""The usage points (SQL): whose they are, what the provider may be asked for, and for how long that has been refused.

A PRM is stored encrypted and as a keyed hash; it leaves this module only as a `UsagePoint`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, Row, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.calendar import day_of
from shared.catalog import Dataset, Direction
from shared.database import Database, consents, usage_points
from shared.errors import ConsentMissing, NotFound
from shared.models import ConsentStatus, Reason
from shared.refusals import Refusals, Unavailable, refused_again
from shared.vault import ServerSecret


@dataclass(frozen=True, slots=True)
class Consent:
    """One request for consent and what became of it."""

    id: str
    account_id: str
    status: ConsentStatus
    created_at: datetime
    state_expires_at: datetime
    autorisation_id: int | None = None
    taken_at: datetime | None = None
    granted_at: datetime | None = None
    expires_on: date | None = None
    error_code: str | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether the provider may be asked on the strength of it."""
        in_time = self.expires_on is None or day_of(now) < self.expires_on
        return self.status is ConsentStatus.GRANTED and in_time


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """A usage point of an account. ``id`` is internal and may be written anywhere; ``prm``, the 14 digits, may not.

    ``consent`` is the consent as it holds for this point: of a consent for several, one point alone can be lost.
    """

    id: str
    account_id: str
    prm: str = field(repr=False)
    directions: frozenset[Direction]
    created_at: datetime
    consent: Consent
    refusals: Refusals | None = None
    unavailable: Mapping[str, Unavailable] = field(default_factory=dict)

    def reason_against(self, dataset: Dataset, now: datetime) -> Reason | None:
        """Why a call for this dataset would be wasted, whatever its days: ``None`` when nothing is known against it."""
        if dataset.direction is not None and dataset.direction not in self.directions:
            return Reason.WRONG_DIRECTION
        noted = self.unavailable.get(dataset.name)
        return noted.reason if noted is not None and noted.holds(now) else None


class UsagePointStore:
    """The usage points of this gateway: finding them, and noting what the provider says of the right to them."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Keep them in ``database``; ``server`` hides and finds the PRMs."""
        self._database = database
        self._server = server

    async def find_usage_point(self, account_id: str, prm: str) -> UsagePoint:
        """The usage point with these 14 digits, if it is this account's. Raises `NotFound` otherwise."""
        found = await self._usage_points(
            usage_points.c.account_id == account_id, usage_points.c.prm_hash.in_(self._hashes(prm))
        )
        if not found:
            raise NotFound("This account has no such usage point.")
        return found[0]

    async def load_usage_point(self, usage_point_id: str) -> UsagePoint:
        """The usage point with this internal id. Raises `NotFound`."""
        found = await self._usage_points(usage_points.c.id == usage_point_id)
        if not found:
            raise NotFound
        return found[0]

    async def load_active_usage_point(self, usage_point_id: str, now: datetime) -> UsagePoint:
        """The same, if the provider may be asked for it. Raises `NotFound` or `ConsentMissing`."""
        usage_point = await self.load_usage_point(usage_point_id)
        if not usage_point.consent.is_active(now):
            raise ConsentMissing
        return usage_point

    async def list_usage_points(self, account_id: str) -> list[UsagePoint]:
        """All the usage points of an account, oldest first."""
        return await self._usage_points(usage_points.c.account_id == account_id)

    async def active_usage_point_ids(self, now: datetime, after: str = "", limit: int = 500) -> list[str]:
        """A page of internal ids of the points that may be asked for, of all accounts, in the order of their ids."""
        query = (
            select(usage_points.c.id)
            .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
            .where(usage_points.c.id > after, held(now))
            .order_by(usage_points.c.id)
            .limit(limit)
        )
        return [row.id for row in await self._database.read(query)]

    async def note_refusal(self, usage_point_id: str, now: datetime) -> bool:
        """The provider said that there is no right to this point; the policy is that of `shared.refusals`.

        Returns whether this refusal was the one that made the point lost. A consent is lost with its last point.
        """
        this_point = usage_points.c.id == usage_point_id
        async with self._database.transaction() as connection:
            # A write that changes nothing: whoever notes the same point at the same time waits for this transaction.
            locked = await connection.execute(
                update(usage_points)
                .where(this_point, usage_points.c.lost_at.is_(None))
                .values(consumption=usage_points.c.consumption)
            )
            if not locked.rowcount:
                return False
            row = (await connection.execute(select(usage_points).where(this_point))).one()
            refusals = refused_again(_refusals(row), now)
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
                await _lose_consent(connection, row.consent_id)
        return refusals.mean_loss

    async def note_unavailable(self, usage_point_id: str, dataset: str, reason: Reason, now: datetime) -> None:
        """The provider said that it has no such dataset of this point; a new consent makes it be asked again."""
        this_point = usage_points.c.id == usage_point_id
        async with self._database.transaction() as connection:
            # A write that changes nothing: another dataset of the point that is noted at the same time waits.
            await connection.execute(
                update(usage_points).where(this_point).values(consumption=usage_points.c.consumption)
            )
            before = await connection.scalar(select(usage_points.c.unavailable).where(this_point))
            noted = {**(before or {}), dataset: {"reason": reason, "noted_at": now.isoformat()}}
            await connection.execute(update(usage_points).where(this_point).values(unavailable=noted))

    async def note_success(self, usage_point: UsagePoint) -> None:
        """The provider answered for this point: earlier refusals count no more. Writes only if there were any."""
        if usage_point.refusals is None:
            return
        async with self._database.transaction() as connection:
            await connection.execute(
                update(usage_points)
                .where(usage_points.c.id == usage_point.id, usage_points.c.lost_at.is_(None))
                .values(UNREFUSED)
            )

    async def _usage_points(self, *where: ColumnElement[bool]) -> list[UsagePoint]:
        query = (
            select(usage_points, *(column.label(f"_{column.name}") for column in consents.c))
            .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
            .where(*where)
            .order_by(usage_points.c.created_at, usage_points.c.id)
        )
        return [self._usage_point(row) for row in await self._database.read(query)]

    def _usage_point(self, row: Row[tuple[object, ...]]) -> UsagePoint:
        flags = {Direction.CONSUMPTION: row.consumption, Direction.PRODUCTION: row.production}
        consent = consent_of(row, "_")
        return UsagePoint(
            id=row.id,
            account_id=row.account_id,
            prm=self._server.decrypt(row.prm_sealed, purpose=prm_purpose(row.id)).decode(),
            directions=frozenset(direction for direction, is_open in flags.items() if is_open),
            created_at=row.created_at,
            consent=consent if row.lost_at is None else replace(consent, status=ConsentStatus.LOST),
            refusals=_refusals(row),
            unavailable={name: _unavailable(noted) for name, noted in (row.unavailable or {}).items()},
        )

    def _hash(self, prm: str) -> str:
        return self._server.keyed_hash(prm, purpose="usage-point")

    def _hashes(self, prm: str) -> list[str]:
        return self._server.keyed_hashes(prm, purpose="usage-point")


UNREFUSED = {"first_refused_at": None, "last_refused_at": None, "refused_days": None, "lost_at": None}
"""The columns of a usage point of which the provider has refused nothing since the last success."""


def held(now: datetime) -> ColumnElement[bool]:
    """`Consent.is_active` of a usage point's consent, as the database sees it."""
    in_time = or_(consents.c.expires_on.is_(None), consents.c.expires_on > day_of(now))
    return and_(consents.c.status == ConsentStatus.GRANTED, in_time, usage_points.c.lost_at.is_(None))


def consent_of(row: Row[tuple[object, ...]], prefix: str = "") -> Consent:
    """The consent in a row whose columns have this prefix."""
    names = [column.name for column in consents.c if column.name in Consent.__slots__ and column.name != "status"]
    values = {name: getattr(row, prefix + name) for name in names}
    return Consent(status=ConsentStatus(getattr(row, f"{prefix}status")), **values)


def prm_purpose(usage_point_id: str) -> str:
    """What binds an encrypted PRM to its row."""
    return f"prm:{usage_point_id}"


async def _lose_consent(connection: AsyncConnection, consent_id: str) -> None:
    another_point = select(usage_points.c.id).where(
        usage_points.c.consent_id == consent_id, usage_points.c.lost_at.is_(None)
    )
    await connection.execute(
        update(consents)
        .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.GRANTED, ~another_point.exists())
        .values(status=ConsentStatus.LOST)
    )


def _unavailable(noted: Mapping[str, str]) -> Unavailable:
    return Unavailable(Reason(noted["reason"]), datetime.fromisoformat(noted["noted_at"]))


def _refusals(row: Row[tuple[object, ...]]) -> Refusals | None:
    if row.refused_days is None:
        return None
    return Refusals(row.first_refused_at, row.last_refused_at, row.refused_days)
