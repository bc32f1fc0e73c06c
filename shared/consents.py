"""Consents and the usage points that they open (SQL): what the gateway may ask the provider for, and until when."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Row, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.calendar import day_of
from shared.catalog import Direction
from shared.database import Database, consents, usage_points
from shared.errors import ConsentMissing, ConsentRefused, NotFound, StateRefused, UsagePointTaken
from shared.models import ConsentStatus, GrantedPoint
from shared.vault import ServerSecret

STATE_LIFETIME = timedelta(minutes=15)


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
    """A usage point of an account. ``id`` is internal and may be written anywhere; ``prm``, the 14 digits, may not."""

    id: str
    account_id: str
    prm: str = field(repr=False)
    directions: frozenset[Direction]
    created_at: datetime
    consent: Consent


class ConsentStore:
    """The consents and usage points of this gateway."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Keep them in ``database``; ``server`` hides and finds the PRMs."""
        self._database = database
        self._server = server

    async def create_consent(
        self, account_id: str, now: datetime, expected_prm: str | None = None
    ) -> tuple[Consent, str]:
        """A consent to be given, and the state that comes back with it: single use, `STATE_LIFETIME` long."""
        state = secrets.token_urlsafe(32)
        consent = Consent(f"cons_{secrets.token_hex(12)}", account_id, ConsentStatus.PENDING, now, now + STATE_LIFETIME)
        async with self._database.transaction() as connection:
            await connection.execute(
                insert(consents).values(
                    id=consent.id,
                    account_id=account_id,
                    state_hash=_state_hash(state),
                    status=consent.status,
                    created_at=now,
                    state_expires_at=consent.state_expires_at,
                    expected_prm_hash=expected_prm and self._hash(expected_prm),
                )
            )
        return consent, state

    async def take_state(self, state: str, now: datetime, autorisation_id: int | None) -> tuple[Consent, bool]:
        """Use a state, once: with the provider's authorisation, or ``None`` when the person refused.

        Returns the consent and whether this call was the one that used it: the same callback loaded again gives the
        consent as it stands. Raises `StateRefused` for an unknown, expired or otherwise used state.
        """
        state_hash = _state_hash(state)
        status = ConsentStatus.REFUSED if autorisation_id is None else ConsentStatus.EXCHANGING
        async with self._database.transaction() as connection:
            taken = await connection.execute(
                update(consents)
                .where(
                    consents.c.state_hash == state_hash,
                    consents.c.status == ConsentStatus.PENDING,
                    consents.c.state_expires_at > now,
                )
                .values(status=status, autorisation_id=autorisation_id, taken_at=now)
            )
            row = (await connection.execute(select(consents).where(consents.c.state_hash == state_hash))).one_or_none()
        if row is None or row.status == ConsentStatus.PENDING or row.autorisation_id != autorisation_id:
            raise StateRefused
        return _consent(row), taken.rowcount == 1

    async def load_consent(self, consent_id: str, account_id: str | None = None) -> Consent:
        """A consent, of that account when one is given. Raises `NotFound`."""
        query = select(consents).where(consents.c.id == consent_id)
        if account_id is not None:
            query = query.where(consents.c.account_id == account_id)
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        return _consent(row)

    async def stale_exchanges(self, before: datetime) -> list[str]:
        """Ids of the consents whose exchange was begun before that moment and never ended."""
        query = select(consents.c.id).where(consents.c.status == ConsentStatus.EXCHANGING, consents.c.taken_at < before)
        async with self._database.transaction() as connection:
            return list(await connection.scalars(query))

    async def fail_consent(self, consent_id: str, error_code: str) -> None:
        """The exchange ended without a usage point, for this reason."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.EXCHANGING)
                .values(status=ConsentStatus.FAILED, error_code=error_code)
            )

    async def grant(self, consent_id: str, points: Sequence[GrantedPoint], now: datetime) -> None:
        """Bind what the provider opened to the consent's account, all or nothing; done twice it changes nothing.

        Raises `ConsentRefused` when it opened nothing, or not the point that was announced, and `UsagePointTaken`
        when another account holds the point under an active consent.
        """
        if not points:
            raise ConsentRefused("The provider shared no usage point.")
        expiries = [point.expires_on for point in points]
        expires_on = None if None in expiries else max(each for each in expiries if each is not None)
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(consents).where(consents.c.id == consent_id))).one()
            if row.status != ConsentStatus.EXCHANGING:
                return
            for point in points:
                if row.expected_prm_hash not in (None, *self._hashes(point.prm)):
                    raise ConsentRefused("The usage point shared is not the one that was announced.")
                await self._bind(connection, row.account_id, consent_id, point, now)
            await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id)
                .values(status=ConsentStatus.GRANTED, granted_at=now, expires_on=expires_on)
            )

    async def _bind(
        self, connection: AsyncConnection, account_id: str, consent_id: str, point: GrantedPoint, now: datetime
    ) -> None:
        same_point = usage_points.c.prm_hash.in_(self._hashes(point.prm))
        held_elsewhere = await connection.scalar(
            select(usage_points.c.id)
            .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
            .where(same_point, usage_points.c.account_id != account_id, _active(now))
        )
        if held_elsewhere is not None:
            raise UsagePointTaken
        values = {
            "consent_id": consent_id,
            "consumption": Direction.CONSUMPTION in point.directions,
            "production": Direction.PRODUCTION in point.directions,
        }
        updated = await connection.execute(
            update(usage_points).where(same_point, usage_points.c.account_id == account_id).values(values)
        )
        if updated.rowcount:
            return
        usage_point_id = f"up_{secrets.token_hex(12)}"
        sealed = self._server.encrypt(point.prm.encode(), purpose=_prm_purpose(usage_point_id))
        try:
            await connection.execute(
                insert(usage_points).values(
                    id=usage_point_id,
                    account_id=account_id,
                    prm_hash=self._hash(point.prm),
                    prm_sealed=sealed,
                    created_at=now,
                    **values,
                )
            )
        except IntegrityError:
            raise UsagePointTaken from None

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
            .where(usage_points.c.id > after, _active(now))
            .order_by(usage_points.c.id)
            .limit(limit)
        )
        async with self._database.transaction() as connection:
            return list(await connection.scalars(query))

    async def _usage_points(self, *where: ColumnElement[bool]) -> list[UsagePoint]:
        query = (
            select(usage_points, *(column.label(f"_{column.name}") for column in consents.c))
            .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
            .where(*where)
            .order_by(usage_points.c.created_at, usage_points.c.id)
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).all()
        return [self._usage_point(row) for row in rows]

    def _usage_point(self, row: Row[tuple[object, ...]]) -> UsagePoint:
        flags = {Direction.CONSUMPTION: row.consumption, Direction.PRODUCTION: row.production}
        return UsagePoint(
            id=row.id,
            account_id=row.account_id,
            prm=self._server.decrypt(row.prm_sealed, purpose=_prm_purpose(row.id)).decode(),
            directions=frozenset(direction for direction, is_open in flags.items() if is_open),
            created_at=row.created_at,
            consent=_consent(row, "_"),
        )

    def _hash(self, prm: str) -> str:
        return self._server.keyed_hash(prm, purpose="usage-point")

    def _hashes(self, prm: str) -> list[str]:
        return self._server.keyed_hashes(prm, purpose="usage-point")


def _active(now: datetime) -> ColumnElement[bool]:
    """`Consent.is_active`, as the database sees it."""
    in_time = or_(consents.c.expires_on.is_(None), consents.c.expires_on > day_of(now))
    return and_(consents.c.status == ConsentStatus.GRANTED, in_time)


def _consent(row: Row[tuple[object, ...]], prefix: str = "") -> Consent:
    names = [column.name for column in consents.c if column.name in Consent.__slots__ and column.name != "status"]
    values = {name: getattr(row, prefix + name) for name in names}
    return Consent(status=ConsentStatus(getattr(row, f"{prefix}status")), **values)


def _state_hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _prm_purpose(usage_point_id: str) -> str:
    return f"prm:{usage_point_id}"
