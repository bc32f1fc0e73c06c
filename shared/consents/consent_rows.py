"""The rows of consents and usage points (SQL), shared by the classes of this package.

Decrypts the encrypted columns and hashes PRMs, which are stored encrypted and as a keyed hash.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.consents.contract_proof import ContractProof
from shared.consents.loss_policy import Refusals, Unavailable
from shared.consents.models import Consent, ConsentStatus, GrantedPoint, UsagePoint
from shared.core.calendar import day_of
from shared.core.datasets import Direction
from shared.core.errors import NotFound
from shared.crypto.vault import ServerSecret
from shared.readings.models import Reason
from shared.storage.audit_log import record
from shared.storage.sealed_columns import AWAITING_PRMS, CONTRACT_PROOF, LABEL, PRM, RETURNED_PRMS
from shared.storage.tables import consents, usage_points

PRM_HASH_PURPOSE = "usage-point"
"""The purpose of the keyed hash of a PRM."""

UNDECIDED = {"prms_sealed": None, "proof_sealed": None, "awaiting_sealed": None}
"""The columns that are kept only until a consent is decided, with their empty values."""


class ConsentRows:
    """Converts rows with encrypted columns to and from the models."""

    def __init__(self, server: ServerSecret) -> None:
        """Use ``server`` to encrypt and look up PRMs, and to encrypt the temporary data of a consent."""
        self._server = server

    def hash(self, prm: str) -> str:
        """The keyed hash of a PRM (14 digits) under the current secret, for new rows."""
        return self._server.keyed_hash(prm, purpose=PRM_HASH_PURPOSE)

    def hashes(self, prm: str) -> list[str]:
        """Every keyed hash under which a PRM may be stored: with the current secret, and with earlier ones."""
        return self._server.keyed_hashes(prm, purpose=PRM_HASH_PURPOSE)

    def seal_prm(self, usage_point_id: str, prm: str) -> bytes:
        """The encrypted PRM, for the column of this usage point."""
        return self._server.encrypt(prm.encode(), purpose=PRM.purpose(usage_point_id))

    def seal_label(self, usage_point_id: str, label: str | None) -> bytes | None:
        """The encrypted label, for the column of this usage point; ``None`` for none."""
        return self._server.encrypt(label.encode(), purpose=LABEL.purpose(usage_point_id)) if label else None

    def usage_point(self, row: Row[Any]) -> UsagePoint:
        """The usage point in a row that also has its consent's columns, with the prefix ``_``.

        Raises `CannotOpen` when no known secret decrypts it.
        """
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

    def _open_label(self, row: Row[Any]) -> str | None:
        if row.label_sealed is None:
            return None
        return self._server.decrypt(row.label_sealed, purpose=LABEL.purpose(row.id)).decode()

    def seal_proof(self, consent_id: str, proof: ContractProof | None) -> bytes | None:
        """The encrypted contract proof, for the column of this consent; ``None`` for none."""
        return self._server.encrypt(proof.encode(), purpose=CONTRACT_PROOF.purpose(consent_id)) if proof else None

    def open_proof(self, row: Row[Any]) -> ContractProof | None:
        """Decrypt the proof in a consent's row, ``None`` when there is none. Raises `CannotOpen`."""
        if row.proof_sealed is None:
            return None
        return ContractProof.decode(self._server.decrypt(row.proof_sealed, purpose=CONTRACT_PROOF.purpose(row.id)))

    def seal_returned_prms(self, consent_id: str, prms: Sequence[str]) -> bytes:
        """The encrypted PRMs of a return of v1, for the column of this consent."""
        return self._server.encrypt(" ".join(prms).encode(), purpose=RETURNED_PRMS.purpose(consent_id))

    def open_returned_prms(self, row: Row[Any]) -> list[str]:
        """Decrypt the PRMs of a return in a consent's row. Raises `CannotOpen`."""
        return self._server.decrypt(row.prms_sealed, purpose=RETURNED_PRMS.purpose(row.id)).decode().split()

    def seal_awaiting(self, consent_id: str, points: Sequence[GrantedPoint]) -> bytes:
        """The encrypted points that await approval, for the column of this consent."""
        encoded = [
            [each.prm, sorted(each.directions), each.expires_on and each.expires_on.isoformat()] for each in points
        ]
        return self._server.encrypt(json.dumps(encoded).encode(), purpose=AWAITING_PRMS.purpose(consent_id))

    def open_awaiting(self, row: Row[Any]) -> list[GrantedPoint]:
        """Decrypt the points that await approval in a consent's row. Raises `CannotOpen`."""
        encoded = self._server.decrypt(row.awaiting_sealed, purpose=AWAITING_PRMS.purpose(row.id))
        return [
            GrantedPoint(prm, frozenset(map(Direction, directions)), expires_on and date.fromisoformat(expires_on))
            for prm, directions, expires_on in json.loads(encoded)
        ]

    async def record(
        self,
        connection: AsyncConnection,
        consent: Consent,
        now: datetime,
        actor: str,
        action: str,
        code: str | None = None,
    ) -> None:
        """Add an action on a consent to its account's audit log; ``code``: of an error."""
        details = {"consent_id": consent.id} | ({"code": code} if code else {})
        await record(connection, self._server, consent.account_id, now, actor, action, details)


async def load_consent_row(connection: AsyncConnection, consent_id: str) -> Row[Any]:
    """The row of this consent. Raises `NotFound` when its account was erased in the meantime."""
    row = (await connection.execute(select(consents).where(consents.c.id == consent_id))).one_or_none()
    if row is None:
        raise NotFound
    return row


def held(now: datetime) -> ColumnElement[bool]:
    """`Consent.is_active` of a usage point's consent, as an SQL condition."""
    in_time = or_(consents.c.expires_on.is_(None), consents.c.expires_on > day_of(now))
    return and_(consents.c.status == ConsentStatus.GRANTED, in_time, usage_points.c.lost_at.is_(None))


_CONSENT_NAMES = [name for name in consents.c.keys() if name in Consent.__slots__ and name != "status"]  # noqa: SIM118  # no dictionary


def consent_of(row: Row[Any], prefix: str = "") -> Consent:
    """The consent in a row whose columns have this prefix."""
    values = {name: getattr(row, prefix + name) for name in _CONSENT_NAMES}
    return Consent(status=ConsentStatus(getattr(row, f"{prefix}status")), **values)


def _unavailable(noted: Mapping[str, str]) -> Unavailable:
    return Unavailable(Reason(noted["reason"]), datetime.fromisoformat(noted["noted_at"]))


def refusals_of(row: Row[Any]) -> Refusals | None:
    """The refusals in a usage point's row since the last success, ``None`` when there were none."""
    if row.refused_days is None:
        return None
    return Refusals(row.first_refused_at, row.last_refused_at, row.refused_days)
