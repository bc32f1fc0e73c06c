"""Authorisation states (SQL): created for an account, opened in one browser, and consumed once by the return.

A state is valid for `STATE_LIFETIME`, only in the browser that opened it: docs/decisions/0013. The state and the
browser's token are stored as hashes.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.consents.consent_rows import ConsentRows, consent_of
from shared.consents.contract_proof import ContractProof
from shared.consents.models import Consent, ConsentStatus
from shared.consents.usage_points import UsagePoints
from shared.core.errors import ConsentAlreadyActive, NotFound, StateRefused, TooManyRequests
from shared.crypto.vault import ServerSecret
from shared.storage.audit_log import SYSTEM
from shared.storage.database import Database, hold
from shared.storage.tables import accounts, consents

STATE_LIFETIME = timedelta(minutes=15)
PERSON = "person"
"""The actor of actions by the person with the link or returning from the provider, who presents no API key."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ReturnedPoints:
    """The return data of a consent page v1: the usage points (14 digits each), and a code."""

    prms: tuple[str, ...] = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invitee:
    """The information shown when a link is opened: its consent, and the creation time of the account behind it."""

    consent: Consent
    account_created_at: datetime
    names_usage_point: bool


class AuthorizationStates:
    """The requested consents, until the return from the provider."""

    def __init__(self, database: Database, server: ServerSecret, usage_points: UsagePoints) -> None:
        """Store them in ``database``; ``server`` encrypts return data, ``usage_points`` finds existing consents."""
        self._database = database
        self._server = server
        self._rows = ConsentRows(server)
        self._usage_points = usage_points

    async def create(
        self,
        account_id: str,
        now: datetime,
        expected_prm: str | None = None,
        *,
        duration: str | None = None,
        returns_points: bool = False,
        proof: ContractProof | None = None,
        actor: str = SYSTEM,
        most_per_hour: int | None = None,
    ) -> tuple[Consent, str]:
        """Create a pending consent and its state: single use, valid for `STATE_LIFETIME`.

        ``duration`` (ISO 8601) is the requested duration; ``returns_points``: the person is sent to a consent page v1,
        which returns usage points, accepted from no other page. ``proof`` is stored encrypted until the consent is
        decided. Raises `TooManyRequests` when the account started more than ``most_per_hour`` consents within an hour
        that were not granted: enumerating authorisations requires a state for each.
        """
        state = secrets.token_urlsafe(32)
        consent = Consent(f"cons_{secrets.token_hex(12)}", account_id, ConsentStatus.PENDING, now, now + STATE_LIFETIME)
        async with self._database.transaction() as connection:
            await connection.execute(
                insert(consents).values(
                    id=consent.id,
                    account_id=account_id,
                    state_hash=_hash_of(state),
                    status=consent.status,
                    created_at=now,
                    state_expires_at=consent.state_expires_at,
                    expected_prm_hash=expected_prm and self._rows.hash(expected_prm),
                    duration=duration,
                    returns_points=returns_points,
                    proof_sealed=self._rows.seal_proof(consent.id, proof),
                )
            )
            if most_per_hour is not None:
                await _refuse_many(connection, account_id, most_per_hour, now)
            await self._rows.record(connection, consent, now, actor, "consent.requested")
        return consent, state

    async def refuse_if_active(self, account_id: str, prm: str, now: datetime) -> None:
        """Raise `ConsentAlreadyActive`, with the expiry, if this account holds an active consent for this point."""
        try:
            consent = (await self._usage_points.find(account_id, prm)).consent
        except NotFound:
            return
        if consent.is_active(now):
            until = f" until {consent.expires_on.isoformat()}" if consent.expires_on else ""
            raise ConsentAlreadyActive(
                f"This account already holds an active consent for this usage point{until}; "
                "send `renew: true` to request another one."
            )

    async def look_up(self, state: str, browser: str, now: datetime) -> Invitee:
        """The information about a pending state, read-only. ``browser``: the browser's token, or "".

        Raises `StateRefused` for an unknown, expired or used state, and for one that another browser opened.
        """
        since = accounts.c.created_at.label("account_created_at")
        query = select(consents, since).join_from(consents, accounts).where(consents.c.state_hash == _hash_of(state))
        rows = await self._database.read(query)
        if not rows or not _is_open(rows[0], now):
            raise StateRefused
        if rows[0].browser_hash is not None and not _is_of(rows[0], browser):
            raise StateRefused
        return Invitee(consent_of(rows[0]), rows[0].account_created_at, rows[0].expected_prm_hash is not None)

    async def open(self, state: str, browser: str, now: datetime) -> Consent:
        """Bind a state to the browser with the token ``browser`` (256 random bits): only that browser can consume it.

        Idempotent in the same browser. Raises `StateRefused` as `look_up` does.
        """
        this_state = consents.c.state_hash == _hash_of(state)
        async with self._database.transaction() as connection:
            opened = await connection.execute(
                update(consents)
                .where(
                    this_state,
                    consents.c.status == ConsentStatus.PENDING,
                    consents.c.state_expires_at > now,
                    consents.c.browser_hash.is_(None),
                )
                .values(browser_hash=_hash_of(browser))
            )
            row = (await connection.execute(select(consents).where(this_state))).one_or_none()
            if row is None or not _is_open(row, now) or not _is_of(row, browser):
                raise StateRefused
            if opened.rowcount:
                await self._rows.record(connection, consent_of(row), now, PERSON, "consent.opened")
        return consent_of(row)

    async def find(self, state: str, browser: str) -> Consent:
        """The consent of a state, in any status, for the browser that opened it. Raises `StateRefused`."""
        rows = await self._database.read(select(consents).where(consents.c.state_hash == _hash_of(state)))
        if not rows or not _is_of(rows[0], browser):
            raise StateRefused
        return consent_of(rows[0])

    async def consume(
        self,
        state: str,
        now: datetime,
        autorisation_id: int | None,
        returned: ReturnedPoints | None = None,
        *,
        browser: str,
    ) -> tuple[Consent, bool]:
        """Consume a state once: with the provider's authorisation (v2), with usage points (v1), or with neither when
        the person refused. Only for the browser that opened it.

        The points are stored encrypted until they are bound; the code is not stored. Returns the consent and whether
        this call consumed the state: repeating the same return yields the current consent.
        Raises `StateRefused` for an unknown, expired or otherwise used state, one that was not opened or opened in
        another browser, and for unrequested points; the state is then unchanged.
        """
        this_state = consents.c.state_hash == _hash_of(state)
        given = autorisation_id is not None or returned is not None
        text = "\n".join([state, returned.code, *returned.prms]) if returned else None
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(consents).where(this_state))).one_or_none()
            if row is None or not _is_of(row, browser) or (returned is not None and not row.returns_points):
                raise StateRefused
            taken = await connection.execute(
                update(consents)
                .where(this_state, consents.c.status == ConsentStatus.PENDING, consents.c.state_expires_at > now)
                .values(
                    status=ConsentStatus.EXCHANGING if given else ConsentStatus.REFUSED,
                    autorisation_id=autorisation_id,
                    return_hash=text and self._server.keyed_hash(text, purpose="consent-return"),
                    prms_sealed=returned and self._rows.seal_returned_prms(row.id, returned.prms),
                    proof_sealed=row.proof_sealed if given else None,
                    taken_at=now,
                )
            )
            row = (await connection.execute(select(consents).where(this_state))).one()
            if taken.rowcount and not given:
                await self._rows.record(connection, consent_of(row), now, PERSON, "consent.refused")
        hashes = [None] if text is None else self._server.keyed_hashes(text, purpose="consent-return")
        same_return = row.autorisation_id == autorisation_id and row.return_hash in hashes
        if row.status == ConsentStatus.PENDING or not same_return:
            raise StateRefused
        return consent_of(row), taken.rowcount == 1


async def _refuse_many(connection: AsyncConnection, account_id: str, most: int, now: datetime) -> None:
    """Count after writing, under a lock: of two concurrent requests one sees the other."""
    await hold(connection, [f"consents:{account_id}"])
    query = (
        select(consents.c.created_at)
        .where(
            consents.c.account_id == account_id,
            consents.c.created_at > now - _HOUR,
            consents.c.granted_at.is_(None),
            consents.c.status != ConsentStatus.REFUSED,
        )
        .order_by(consents.c.created_at)
    )
    begun = (await connection.execute(query)).scalars().all()
    if len(begun) > most:
        raise TooManyRequests(
            "This account requested too many consents within an hour that were not granted; retry later.",
            retry_at=begun[0] + _HOUR,
        )


def _is_open(row: Row[Any], now: datetime) -> bool:
    return bool(row.status == ConsentStatus.PENDING and row.state_expires_at > now)


def _is_of(row: Row[Any], browser: str) -> bool:
    # Hashes of random values: timing would reveal nothing, but the comparison is constant-time anyway.
    return row.browser_hash is not None and hmac.compare_digest(str(row.browser_hash), _hash_of(browser))


def _hash_of(secret: str) -> str:
    # The input has 256 random bits: a fast hash is enough.
    return hashlib.sha256(secret.encode()).hexdigest()
