"""Consents (SQL): what the gateway may ask the provider for, from the link shown to a person to its end.

The ledger: what there is, who ends it, who decides what waits for a word, and who is to be told that one runs out. The
way of a state is in `shared.consents.authorization_states`, what becomes of a return in `shared.consents.grants`.
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
"""So many days before its end the holder of a consent is told."""
APPROVAL_PATIENCE = timedelta(days=30)
"""What nobody has decided after so long is refused, and its points are forgotten."""
_OPEN = (
    ConsentStatus.PENDING,
    ConsentStatus.EXCHANGING,
    ConsentStatus.AWAITING_APPROVAL,
    ConsentStatus.GRANTED,
)


class Consents:
    """The consents of this gateway."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Keep them in ``database``; ``server`` seals the audit log."""
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

        Raises `NotFound` when that one is not the account's.
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
        """End an account's consent, also one that is not given yet: nothing is asked of the provider any more on the
        strength of it. What is stored stays.

        Returns it, and whether this call ended it: one that has ended already stays as it is. Raises `NotFound`.
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

    # What waits for an administrator's word

    async def list_awaiting(self, after: str = "", limit: int = 100) -> list[Consent]:
        """A page of the consents of all accounts that wait for a word, in the order of their ids."""
        query = (
            select(consents)
            .where(consents.c.status == ConsentStatus.AWAITING_APPROVAL, consents.c.id > after)
            .order_by(consents.c.id)
            .limit(limit)
        )
        return [consent_of(row) for row in await self._database.read(query)]

    async def approve(self, consent_id: str, actor: str, now: datetime) -> None:
        """Let the account have the points though somebody else holds one.

        A worker takes the exchange up again, within seconds: it asks the provider anew and tells everybody concerned.
        Until then the consent is `exchanging`. Raises `NotFound` when nothing of that id waits.
        """
        values = {"status": ConsentStatus.EXCHANGING, "approved_at": now, "error_code": None, "put_off_until": None}
        await self._decide(consent_id, actor, now, "consent.approved", values)

    async def deny(self, consent_id: str, actor: str, now: datetime) -> None:
        """Refuse it; its points are forgotten. Raises `NotFound` when nothing of that id waits."""
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
                raise NotFound("No consent of that id waits for a word.")
            row = (await connection.execute(select(consents).where(consents.c.id == consent_id))).one()
            await self._rows.record(connection, consent_of(row), now, actor, action)
            # In this order everywhere: the account's chain, then the administrators'.
            details = {"account_id": row.account_id, "consent_id": consent_id}
            await record(connection, self._server, ADMIN, now, actor, action, details)

    # What runs out

    async def list_ending(self, now: datetime) -> list[Consent]:
        """The granted consents whose account is to be told that they end, or that they have ended.

        Only those that a usage point rests on: of one that was renewed nobody has to hear.
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
        """Its account is about to be told; whether that is for the caller to do, and not for somebody else at the same
        moment. At the end itself it is also written down."""
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
        """Remove what waited for too long: the proofs of states that have expired, and what no administrator decided.

        Returns the consents that failed by it.
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
        # Each by itself: a transaction that adds to several chains would have to hold them all at once.
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
    """Which of the warnings is due: so many days before the end, 0 at the end itself, ``None`` for none yet."""
    if consent.expires_on is None:
        return None
    days_left = (consent.expires_on - day_of(now)).days
    return min((days for days in (*WARNING_DAYS, 0) if days_left <= days), default=None)


def _not_warned(days: int) -> ColumnElement[bool]:
    return or_(consents.c.warned_days.is_(None), consents.c.warned_days > days)
