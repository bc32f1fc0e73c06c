"""The processing of a returned consent (SQL): bound to usage points, failed, or awaiting approval.

Implements the rule for points that another account holds: docs/decisions/0013.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.consents.access_loss import UNREFUSED, lose_consent
from shared.consents.consent_rows import UNDECIDED, ConsentRows, consent_of, held, load_consent_row
from shared.consents.contract_proof import ContractProof
from shared.consents.duration import day_after
from shared.consents.models import ConsentStatus, GrantedPoint
from shared.core.calendar import day_of
from shared.core.datasets import Direction
from shared.core.errors import ConsentEmpty, ConsentRefused, UsagePointTaken
from shared.crypto.vault import ServerSecret
from shared.storage.audit_log import SYSTEM, record
from shared.storage.database import Database, hold
from shared.storage.tables import consents, usage_points


@dataclass(frozen=True, slots=True)
class Holder:
    """Another account that holds a point that was just granted; ``ended``: the grant ended its consent."""

    account_id: str
    consent_id: str
    usage_point_id: str
    ended: bool


class Grants:
    """The returned consents."""

    def __init__(self, database: Database, server: ServerSecret) -> None:
        """Store them in ``database``; ``server`` encrypts and looks up the PRMs."""
        self._database = database
        self._server = server
        self._rows = ConsentRows(server)

    async def load_returned_points(self, consent_id: str) -> list[GrantedPoint]:
        """The points of a return of v1 that are not bound yet, or that await approval or are approved; empty when there
        are none.

        The return has no direction and no expiry: both directions are assumed, and the requested duration is counted
        from the day of the return. Raises `CannotOpen` when the server secret is no longer known.
        """
        async with self._database.transaction() as connection:
            row = await load_consent_row(connection, consent_id)
        if row.awaiting_sealed is not None:
            return self._rows.open_awaiting(row)
        if row.prms_sealed is None:
            return []
        expires_on = day_after(day_of(row.taken_at), row.duration) if row.duration else None
        return [GrantedPoint(prm, frozenset(Direction), expires_on) for prm in self._rows.open_returned_prms(row)]

    async def load_proof(self, consent_id: str) -> ContractProof | None:
        """The contract proof of a consent, if the usage point was also named beforehand: facts about an arbitrary
        returned point would prove nothing. Raises `CannotOpen`."""
        async with self._database.transaction() as connection:
            row = await load_consent_row(connection, consent_id)
        return None if row.expected_prm_hash is None else self._rows.open_proof(row)

    async def stale_exchanges(self, before: datetime) -> list[str]:
        """Ids of the consents whose exchange was started before that time, or postponed to an earlier time, and has not
        ended."""
        due = or_(consents.c.put_off_until < before, consents.c.put_off_until.is_(None))
        query = select(consents.c.id).where(
            consents.c.status == ConsentStatus.EXCHANGING, consents.c.taken_at < before, due
        )
        return [row.id for row in await self._database.read(query)]

    async def put_off(self, consent_id: str, until: datetime) -> None:
        """Postpone the exchange until that time; does nothing when it has ended."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.EXCHANGING)
                .values(put_off_until=until)
            )

    async def fail(self, consent_id: str, error_code: str, now: datetime) -> None:
        """Fail the exchange, which ended without a usage point, with this error code."""
        async with self._database.transaction() as connection:
            failed = await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.EXCHANGING)
                .values(status=ConsentStatus.FAILED, error_code=error_code, **UNDECIDED)
            )
            if failed.rowcount:
                row = await load_consent_row(connection, consent_id)
                await self._rows.record(connection, consent_of(row), now, SYSTEM, "consent.failed", error_code)

    async def await_approval(self, consent_id: str, points: Sequence[GrantedPoint], now: datetime) -> None:
        """Put a consent up for approval by an administrator; until then its points are stored encrypted, not bound."""
        sealed = self._rows.seal_awaiting(consent_id, points)
        code = UsagePointTaken.code
        async with self._database.transaction() as connection:
            waits = await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.EXCHANGING)
                .values(
                    **(UNDECIDED | {"awaiting_sealed": sealed}), status=ConsentStatus.AWAITING_APPROVAL, error_code=code
                )
            )
            if waits.rowcount:
                row = await load_consent_row(connection, consent_id)
                await self._rows.record(connection, consent_of(row), now, SYSTEM, "consent.awaiting", code)

    async def grant(
        self, consent_id: str, points: Sequence[GrantedPoint], now: datetime, *, proved: bool = False
    ) -> Sequence[Holder] | None:
        """Bind the granted points to the consent's account, atomically and idempotently.

        Returns the other accounts that hold one of the points, ``None`` when there are none. ``proved``: the contract
        proof is valid. Raises `ConsentEmpty` when the provider granted no point, `ConsentRefused` when it granted
        another point than the announced one, and `UsagePointTaken` when another account has a claim and there is
        neither a valid proof nor an approval.
        """
        if not points:
            raise ConsentEmpty
        expiries = [point.expires_on for point in points]
        expires_on = None if None in expiries else max(each for each in expiries if each is not None)
        names = {hashed for point in points for hashed in self._rows.hashes(point.prm)}
        rows = await self._database.read(select(consents.c.autorisation_id).where(consents.c.id == consent_id))
        autorisation_id = rows[0].autorisation_id if rows else None
        values: dict[str, object] = {"granted_at": now, "expires_on": expires_on, "error_code": None}
        if autorisation_id is not None:
            names.add(f"authorisation:{autorisation_id}")
            values["seen_on"] = day_of(now)
        async with self._database.transaction() as connection:
            # Serialises the grants of these points until the end of the transaction. Under every hash, because two
            # processes may have different secret keys during a rotation.
            await hold(connection, names)
            # Written first, which is the lock in SQLite.
            granted = await connection.execute(
                update(consents)
                .where(consents.c.id == consent_id, consents.c.status == ConsentStatus.EXCHANGING)
                .values(**UNDECIDED, **values, status=ConsentStatus.GRANTED)
            )
            row = await load_consent_row(connection, consent_id)
            if not granted.rowcount:
                return None
            for point in points:
                if row.expected_prm_hash not in (None, *self._rows.hashes(point.prm)):
                    raise ConsentRefused("The shared usage point is not the announced one.")
            is_contested = await self._is_contested(connection, row, points, now)
            if is_contested and not proved and row.approved_at is None:
                raise UsagePointTaken
            for point in points:
                await self._bind(connection, row.account_id, consent_id, point, now)
            holders = await self._note_holders(connection, row, points, now, is_contested)
            # Chains last, and all at once, to avoid deadlocks between two grants for the same accounts.
            await hold(connection, {f"audit:{chain}" for chain in (row.account_id, *(h.account_id for h in holders))})
            await self._rows.record(connection, consent_of(row), now, SYSTEM, "consent.granted")
            for holder in holders:
                action = "consent.lost" if holder.ended else "consent.shared"
                details = {"consent_id": holder.consent_id, "usage_point_id": holder.usage_point_id}
                cause = {"cause": "held_by_another_account"} if holder.ended else {}
                await record(connection, self._server, holder.account_id, now, SYSTEM, action, details | cause)
        return holders or None

    async def _is_contested(
        self, connection: AsyncConnection, row: Row[Any], points: Sequence[GrantedPoint], now: datetime
    ) -> bool:
        """Whether another account has a claim to the authorisation or to a point, so that holding it proves nothing."""
        if row.autorisation_id is not None:
            claims = (
                await connection.execute(
                    select(consents.c.account_id, consents.c.granted_at, consents.c.status).where(
                        consents.c.autorisation_id == row.autorisation_id, consents.c.id != row.id
                    )
                )
            ).all()
            # Enedis reuses the number when a person shares again: an earlier grant identifies the same person.
            if any(each.account_id == row.account_id and each.granted_at is not None for each in claims):
                return False
            # A failed consent is no claim: otherwise guessing a number in advance would block its owner.
            undecided = (ConsentStatus.EXCHANGING, ConsentStatus.AWAITING_APPROVAL)
            if any(
                each.account_id != row.account_id and (each.granted_at is not None or each.status in undecided)
                for each in claims
            ):
                return True
        for point in points:
            rows = (
                await connection.execute(
                    select(usage_points.c.account_id, held(now).label("is_held"))
                    .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
                    .where(usage_points.c.prm_hash.in_(self._rows.hashes(point.prm)))
                )
            ).all()
            if any(each.account_id == row.account_id and each.is_held for each in rows):
                continue
            # A return of v1 can't be verified: for it, every account that ever held the point has a claim.
            if any(
                each.account_id != row.account_id and (each.is_held or row.autorisation_id is None) for each in rows
            ):
                return True
        return False

    async def _bind(
        self, connection: AsyncConnection, account_id: str, consent_id: str, point: GrantedPoint, now: datetime
    ) -> None:
        same_point = usage_points.c.prm_hash.in_(self._rows.hashes(point.prm))
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
        # Reuse the hash of another account's row, if any, so that all rows of a point have the same hash.
        same_hash = await connection.scalar(select(usage_points.c.prm_hash).where(same_point).limit(1))
        await connection.execute(
            insert(usage_points).values(
                id=usage_point_id,
                account_id=account_id,
                prm_hash=same_hash or self._rows.hash(point.prm),
                prm_sealed=self._rows.seal_prm(usage_point_id, point.prm),
                created_at=now,
                **values,
            )
        )

    async def _note_holders(
        self,
        connection: AsyncConnection,
        row: Row[Any],
        points: Sequence[GrantedPoint],
        now: datetime,
        was_contested: bool,
    ) -> list[Holder]:
        """The other accounts that hold one of the points; ends unverifiable claims that conflict with a proved one."""
        hashes = [hashed for point in points for hashed in self._rows.hashes(point.prm)]
        query = (
            select(usage_points.c.id, usage_points.c.account_id, usage_points.c.consent_id, consents.c.autorisation_id)
            .join_from(usage_points, consents, usage_points.c.consent_id == consents.c.id)
            .where(usage_points.c.prm_hash.in_(hashes), usage_points.c.account_id != row.account_id, held(now))
            # Always in the same order, to avoid deadlocks: consents are locked below.
            .order_by(usage_points.c.consent_id, usage_points.c.id)
        )
        holders = []
        for found in (await connection.execute(query)).all():
            ended = was_contested and found.autorisation_id is None
            if ended:
                await connection.execute(update(usage_points).where(usage_points.c.id == found.id).values(lost_at=now))
                await lose_consent(connection, found.consent_id)
            holders.append(Holder(found.account_id, found.consent_id, found.id, ended))
        return holders
