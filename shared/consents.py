"""Consents (SQL): what the gateway may ask the provider for, from the link shown to a person to its end.

What comes back from the provider with a state is believed once, and only as far as it can be: docs/decisions/0008.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.calendar import day_of
from shared.catalog import Direction
from shared.database import consents, usage_points
from shared.durations import day_after
from shared.errors import ConsentAlreadyActive, ConsentEmpty, ConsentRefused, NotFound, StateRefused, UsagePointTaken
from shared.models import ConsentStatus, GrantedPoint
from shared.usage_points import UNREFUSED, Consent, UsagePoint, UsagePointStore, consent_of, held, prm_purpose

__all__ = ["STATE_LIFETIME", "Consent", "ConsentStore", "ReturnedPoints", "UsagePoint"]

STATE_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ReturnedPoints:
    """What a consent page of generation v1 sends back: the usage points (14 digits each), and a code."""

    prms: tuple[str, ...] = field(repr=False)
    code: str = field(repr=False)


class ConsentStore(UsagePointStore):
    """The consents of this gateway, and the usage points that they open."""

    async def create_consent(
        self,
        account_id: str,
        now: datetime,
        expected_prm: str | None = None,
        *,
        duration: str | None = None,
        returns_points: bool = False,
    ) -> tuple[Consent, str]:
        """A consent to be given, and the state that comes back with it: single use, `STATE_LIFETIME` long.

        ``duration`` (ISO 8601) is asked for; ``returns_points`` says that the person is sent to a page of v1, which
        sends usage points back: from another page none are believed.
        """
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
                    duration=duration,
                    returns_points=returns_points,
                )
            )
        return consent, state

    async def refuse_if_active(self, account_id: str, prm: str, now: datetime) -> None:
        """Raises `ConsentAlreadyActive`, with the expiry, if this account holds an active consent for this point."""
        try:
            consent = (await self.find_usage_point(account_id, prm)).consent
        except NotFound:
            return
        if consent.is_active(now):
            until = f" until {consent.expires_on.isoformat()}" if consent.expires_on else ""
            raise ConsentAlreadyActive(
                f"This account already holds an active consent for this usage point{until}; "
                "send `renew: true` to ask for another one."
            )

    async def take_state(
        self, state: str, now: datetime, autorisation_id: int | None, returned: ReturnedPoints | None = None
    ) -> tuple[Consent, bool]:
        """Use a state, once: with the provider's authorisation (v2), with usage points (v1), or with neither when the
        person refused.

        The points are kept encrypted until they are bound; the code is not kept. Returns the consent and whether this
        call was the one that used the state: the same return loaded again gives the consent as it stands.
        Raises `StateRefused` for an unknown, expired or otherwise used state, and for points that nobody sent for.
        """
        this_state = consents.c.state_hash == _state_hash(state)
        given = autorisation_id is not None or returned is not None
        text = "\n".join([state, returned.code, *returned.prms]) if returned else None
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(consents).where(this_state))).one_or_none()
            if row is None or (returned is not None and not row.returns_points):
                raise StateRefused
            taken = await connection.execute(
                update(consents)
                .where(this_state, consents.c.status == ConsentStatus.PENDING, consents.c.state_expires_at > now)
                .values(
                    status=ConsentStatus.EXCHANGING if given else ConsentStatus.REFUSED,
                    autorisation_id=autorisation_id,
                    return_hash=text and self._server.keyed_hash(text, purpose="consent-return"),
                    prms_sealed=returned and self._seal_prms(row.id, returned.prms),
                    taken_at=now,
                )
            )
            row = (await connection.execute(select(consents).where(this_state))).one()
        hashes = [None] if text is None else self._server.keyed_hashes(text, purpose="consent-return")
        same_return = row.autorisation_id == autorisation_id and row.return_hash in hashes
        if row.status == ConsentStatus.PENDING or not same_return:
            raise StateRefused
        return consent_of(row), taken.rowcount == 1

    async def load_consent(self, consent_id: str, account_id: str | None = None) -> Consent:
        """A consent, of that account when one is given. Raises `NotFound`."""
        query = select(consents).where(consents.c.id == consent_id)
        if account_id is not None:
            query = query.where(consents.c.account_id == account_id)
        rows = await self._database.read(query)
        if not rows:
            raise NotFound
        return consent_of(rows[0])

    async def load_returned_points(self, consent_id: str) -> list[GrantedPoint]:
        """The points that came back with a return of v1 and are not bound yet; empty when there are none.

        The return names no direction and no end: both directions are taken for open, and the duration that was asked
        for is counted from the day of the return. Raises `CannotOpen` when the server's secret is not known any more.
        """
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(consents).where(consents.c.id == consent_id))).one()
        if row.prms_sealed is None:
            return []
        prms = self._server.decrypt(row.prms_sealed, purpose=_prms_purpose(consent_id)).decode().split()
        expires_on = day_after(day_of(row.taken_at), row.duration) if row.duration else None
        return [GrantedPoint(prm, frozenset(Direction), expires_on) for prm in prms]

    async def stale_exchanges(self, before: datetime) -> list[str]:
        """Ids of the consents whose exchange was begun, or put off to a moment, before that moment and never ended."""
        due = or_(consents.c.put_off_until < before, consents.c.put_off_until.is_(None))
        query = select(consents.c.id).where(
            consents.c.status == ConsentStatus.EXCHANGING, consents.c.taken_at < before, due
        )
        return [row.id for row in await self._database.read(query)]

    async def put_off_exchange(self, consent_id: str, until: datetime) -> None:
        """The exchange is not to be begun again before that moment; nothing when it has ended."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.EXCHANGING)
                .values(put_off_until=until)
            )

    async def fail_consent(self, consent_id: str, error_code: str) -> None:
        """The exchange ended without a usage point, for this reason."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.EXCHANGING)
                .values(status=ConsentStatus.FAILED, error_code=error_code, prms_sealed=None)
            )

    async def grant(self, consent_id: str, points: Sequence[GrantedPoint], now: datetime) -> None:
        """Bind what the provider opened to the consent's account, all or nothing; done twice it changes nothing.

        Raises `ConsentEmpty` when it opened nothing, `ConsentRefused` when it opened another point than the one that
        was announced, and `UsagePointTaken` when another account holds one of the points under an active consent.
        """
        if not points:
            raise ConsentEmpty
        expiries = [point.expires_on for point in points]
        expires_on = None if None in expiries else max(each for each in expiries if each is not None)
        async with self._database.transaction() as connection:
            # Written first: in SQLite no other grant looks whether a point is free before this one has ended.
            granted = await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.EXCHANGING)
                .values(status=ConsentStatus.GRANTED, granted_at=now, expires_on=expires_on, prms_sealed=None)
            )
            row = (await connection.execute(select(consents).where(consents.c.id == consent_id))).one()
            if not granted.rowcount:
                return
            for point in points:
                if row.expected_prm_hash not in (None, *self._hashes(point.prm)):
                    raise ConsentRefused("The usage point shared is not the one that was announced.")
                await self._bind(connection, row.account_id, consent_id, point, now)

    async def _bind(
        self, connection: AsyncConnection, account_id: str, consent_id: str, point: GrantedPoint, now: datetime
    ) -> None:
        same_point = usage_points.c.prm_hash.in_(self._hashes(point.prm))
        held_elsewhere = await connection.scalar(
            select(usage_points.c.id)
            .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
            .where(same_point, usage_points.c.account_id != account_id, held(now))
        )
        if held_elsewhere is not None:
            raise UsagePointTaken
        values: dict[str, object] = {
            "consent_id": consent_id,
            "consumption": Direction.CONSUMPTION in point.directions,
            "production": Direction.PRODUCTION in point.directions,
            "unavailable": {},
            **UNREFUSED,
        }
        updated = await connection.execute(
            update(usage_points).where(same_point, usage_points.c.account_id == account_id).values(values)
        )
        if updated.rowcount:
            return
        usage_point_id = f"up_{secrets.token_hex(12)}"
        sealed = self._server.encrypt(point.prm.encode(), purpose=prm_purpose(usage_point_id))
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

    def _seal_prms(self, consent_id: str, prms: Sequence[str]) -> bytes:
        return self._server.encrypt(" ".join(prms).encode(), purpose=_prms_purpose(consent_id))


def _state_hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _prms_purpose(consent_id: str) -> str:
    return f"returned-prms:{consent_id}"
