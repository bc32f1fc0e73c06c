"""Consents (SQL): the authorisations to request data from the provider, from the link to their end.

Listing, revocation, approval, and expiry warnings. Authorisation states are in `shared.consents.authorization_states`,
the processing of returns in `shared.consents.grants`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update

from shared.consents.consent_rows import UNDECIDED, ConsentRows, consent_of
from shared.consents.models import Consent, ConsentStatus
from shared.core.calendar import day_of
from shared.core.errors import NotFound, UsagePointTaken
from shared.crypto.vault import ServerSecret
from shared.storage.audit_log import ADMIN, SYSTEM, record
from shared.storage.database import Database
from shared.storage.tables import consents, usage_points

WARNING_DAYS = (30, 7, 1)
"""The days before the expiry of a consent on which its account is warned."""
APPROVAL_PATIENCE = timedelta(days=30)
"""A consent that awaits approval for longer is refused, and its points are deleted."""
_OPEN = (
    ConsentStatus.PENDING,
    ConsentStatus.EXCHANGING,
    ConsentStatus.AWAITING_APPROVAL,
    ConsentStatus.GRANTED,
)


class Consents:
    """The consents of this gateway."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store them in ``database``; ``server`` authenticates the audit log."""
        self._database = database
        self._server = server
        self._rows = ConsentRows(server)

    async def load(self, consent_id: str, account_id: str | None = None) -> Consent:
        """A consent, of that account when one is given. Raises `NotFound`."""
        query = select(consents).where(consents.c.id == consent_id)
        if account_id is not None:
            query = query.where(consents.c.account_id == account_id)
        rows = await self._database.read(query)
        if not rows:
            raise NotFound
        return consent_of(rows[0])

    async def list_for_account(self, account_id: str, after: str = "", limit: int = 50) -> list[Consent]:
        """A page of an account's consents, newest first: those that follow the one with the id ``after``.

        Raises `NotFound` when that one does not belong to the account.
        """
        query = select(consents).where(consents.c.account_id == account_id)
        if after:
            last = await self.load(after, account_id)
            older = or_(
                consents.c.created_at < last.created_at,
                and_(consents.c.created_at == last.created_at, consents.c.id < last.id),
            )
            query = query.where(older)
        rows = await self._database.read(
            query.order_by(consents.c.created_at.desc(), consents.c.id.desc()).limit(limit)
        )
        return [consent_of(row) for row in rows]

    async def revoke(self, consent_id: str, account_id: str, actor: str, now: datetime) -> tuple[Consent, bool]:
        """Revoke an account's consent, also a pending one: no more data is requested under it. Stored data is kept.

        Returns the consent, and whether this call revoked it; a consent that has ended is unchanged. Raises `NotFound`.
        """
        this_consent = and_(consents.c.id == consent_id, consents.c.account_id == account_id)
        async with self._database.transaction() as connection:
            revoked = await connection.execute(
                update(consents)
                .where(this_consent, consents.c.status.in_(_OPEN))
                .values(status=ConsentStatus.REVOKED, revoked_at=now, **UNDECIDED)
            )
            row = (await connection.execute(select(consents).where(this_consent))).one_or_none()
            if row is None:
                raise NotFound
            if revoked.rowcount:
                await self._rows.record(connection, consent_of(row), now, actor, "consent.revoked")
        return consent_of(row), revoked.rowcount == 1

    # Approval by an administrator

    async def list_awaiting(self, after: str = "", limit: int = 100) -> list[Consent]:
        """A page of the consents of all accounts that await approval, ordered by id."""
        query = (
            select(consents)
            .where(consents.c.status == ConsentStatus.AWAITING_APPROVAL, consents.c.id > after)
            .order_by(consents.c.id)
            .limit(limit)
        )
        return [consent_of(row) for row in await self._database.read(query)]

    async def approve(self, consent_id: str, actor: str, now: datetime) -> None:
        """Approve a consent although another account holds one of its points.

        A worker resumes the exchange within seconds: it requests the provider's data again and notifies the accounts
        concerned. Until then the consent is `exchanging`. Raises `NotFound` when no such consent awaits approval.
        """
        values = {"status": ConsentStatus.EXCHANGING, "approved_at": now, "error_code": None, "put_off_until": None}
        await self._decide(consent_id, actor, now, "consent.approved", values)

    async def deny(self, consent_id: str, actor: str, now: datetime) -> None:
        """Deny a consent and delete its points. Raises `NotFound` when no such consent awaits approval."""
        values = {**UNDECIDED, "status": ConsentStatus.FAILED, "error_code": UsagePointTaken.code}
        await self._decide(consent_id, actor, now, "consent.denied", values)

    async def _decide(
        self, consent_id: str, actor: str, now: datetime, action: str, values: Mapping[str, object]
    ) -> None:
        async with self._database.transaction() as connection:
            decided = await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.AWAITING_APPROVAL)
                .values(values)
            )
            if not decided.rowcount:
                raise NotFound("No consent with this id awaits approval.")
            row = (await connection.execute(select(consents).where(consents.c.id == consent_id))).one()
            await self._rows.record(connection, consent_of(row), now, actor, action)
            # Always in this order, to avoid deadlocks: the account's chain, then the administrators'.
            details = {"account_id": row.account_id, "consent_id": consent_id}
            await record(connection, self._server, ADMIN, now, actor, action, details)

    # Expiry

    async def list_ending(self, now: datetime) -> list[Consent]:
        """The granted consents with a due expiry warning or expiry notification.

        Only those with a usage point: there is no warning for a consent that was renewed.
        """
        last_day = day_of(now) + timedelta(days=max(WARNING_DAYS))
        rests = select(usage_points.c.id).where(
            usage_points.c.consent_id == consents.c.id, usage_points.c.lost_at.is_(None)
        )
        query = (
            select(consents)
            .where(consents.c.status == ConsentStatus.GRANTED, consents.c.expires_on <= last_day, rests.exists())
            .where(_not_warned(0))
            .order_by(consents.c.id)
        )
        found = [consent_of(row) for row in await self._database.read(query)]
        return [each for each in found if each.warned_days is None or each.warned_days > (days_warned(each, now) or 0)]

    async def note_warning(self, consent: Consent, now: datetime) -> bool:
        """Record that the account is being warned. Returns whether the caller must send the warning, and no concurrent
        caller. The expiry itself is also recorded in the audit log."""
        days = days_warned(consent, now)
        if days is None:
            return False
        async with self._database.transaction() as connection:
            noted = await connection.execute(
                update(consents)
                .where(consents.c.id == consent.id, consents.c.status == ConsentStatus.GRANTED, _not_warned(days))
                .values(warned_days=days)
            )
            if noted.rowcount and not days:
                await self._rows.record(connection, consent, now, SYSTEM, "consent.expired")
        return noted.rowcount == 1

    async def forget_undecided(self, now: datetime) -> Sequence[Consent]:
        """Remove expired data: the proofs of expired states, and the consents that no administrator has decided.

        Returns the consents that failed as a result.
        """
        async with self._database.transaction() as connection:
            await connection.execute(
                update(consents)
                .where(consents.c.status == ConsentStatus.PENDING, consents.c.state_expires_at < now)
                .where(consents.c.proof_sealed.is_not(None))
                .values(proof_sealed=None)
            )
        waiting = and_(
            consents.c.status == ConsentStatus.AWAITING_APPROVAL, consents.c.taken_at < now - APPROVAL_PATIENCE
        )
        rows = await self._database.read(select(consents).where(waiting))
        # One transaction each: a transaction that adds to several chains would have to lock them all at once.
        return [consent_of(row) for row in rows if await self._fail_undecided(consent_of(row), waiting, now)]

    async def _fail_undecided(self, consent: Consent, waiting: ColumnElement[bool], now: datetime) -> bool:
        async with self._database.transaction() as connection:
            failed = await connection.execute(
                update(consents)
                .where(consents.c.id == consent.id, waiting)
                .values(status=ConsentStatus.FAILED, error_code=UsagePointTaken.code, **UNDECIDED)
            )
            if failed.rowcount:
                await self._rows.record(connection, consent, now, SYSTEM, "consent.failed", UsagePointTaken.code)
        return failed.rowcount == 1


def days_warned(consent: Consent, now: datetime) -> int | None:
    """The due warning, as days before the end: 0 at the end itself, ``None`` for none yet."""
    if consent.expires_on is None:
        return None
    days_left = (consent.expires_on - day_of(now)).days
    return min((days for days in (*WARNING_DAYS, 0) if days_left <= days), default=None)


def _not_warned(days: int) -> ColumnElement[bool]:
    return or_(consents.c.warned_days.is_(None), consents.c.warned_days > days)
