"""Rotation of the server secret: re-encrypts the SQL columns with the current one, and counts uses of earlier ones.

The gateway can keep running, if all its processes know both secrets. Readings, which an earlier secret authenticates
and the gateway can't decrypt, are unchanged; so are the links of the audit log.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, LargeBinary, Row, Table, and_, func, literal, or_, select, update

from shared.consents.consent_rows import PRM_HASH_PURPOSE
from shared.consents.models import ConsentStatus
from shared.core.datasets import DATASETS, Series
from shared.crypto.server_secret import CannotOpen, ServerSecret, key_id_of
from shared.readings.store import ReadingStore
from shared.storage.audit_log import ADMIN, record
from shared.storage.database import Database
from shared.storage.row_locks import begin_writing
from shared.storage.sealed_columns import PRM, sealed_columns
from shared.storage.tables import audit_events, consents, usage_points

_BATCH = 200
# Rows locked by other transactions are skipped until the next round.
_ROUNDS = 5
_UNDER_WAY = (ConsentStatus.PENDING, ConsentStatus.EXCHANGING, ConsentStatus.AWAITING_APPROVAL)
# A consent that ended longer ago is no longer recognised by its hashes.
_RECOGNISED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SecretUse:
    """The use of each server secret: kind → key id → count. ``consent_hashes``: the number of consents that are
    recognised by hashes without a key id."""

    current: str
    encrypted: Mapping[str, Mapping[str, int]]
    readings: Mapping[str, int]
    audit_links: Mapping[str, int]
    consent_hashes: int
    known: frozenset[str] = field(default_factory=frozenset)

    def total(self, key_id: str) -> int:
        """The number of values that depend on one secret."""
        of_kinds = [*self.encrypted.values(), self.readings, self.audit_links]
        return sum(each.get(key_id, 0) for each in of_kinds)

    @property
    def key_ids(self) -> list[str]:
        """The ids of all known or used secrets, the current one first."""
        found = self.known.union(*self.encrypted.values(), self.readings, self.audit_links)
        return [self.current, *sorted(found - {self.current})]


class SecretRotation:
    """The rotation of the server secret."""

    def __init__(self, database: Database, server: ServerSecret, readings: ReadingStore) -> None:
        """Re-encrypt ``database`` with the current secret of ``server``; count ``readings`` too."""
        self._database = database
        self._server = server
        self._readings = readings

    async def rotate(self, now: datetime) -> int:
        """Re-encrypt every row that uses a previous secret with the current one. Returns the number of rows.

        Each batch is committed separately: an interrupted rotation can be continued, and a repeated one has no effect.
        Values under an unknown secret are unchanged.
        """
        changed = 0
        for table in sealed_columns():
            for _ in range(_ROUNDS):
                found = await self._rotate_table(table)
                changed += found
                if not found:
                    break
        await self._forget_hashes(now)
        if changed:
            async with self._database.transaction() as connection:
                await begin_writing(connection)
                details = {"key_id": self._server.key_id, "rows": changed}
                await record(connection, self._server, ADMIN, now, ADMIN, "secret.rotated", details)
        return changed

    async def forget_readings(self) -> int:
        """Erase the readings that the current secret does not authenticate: they are fetched again. Returns the number
        of windows."""
        forgotten = 0
        async for series, key_ids in self._sealed_windows():
            others = [window for window, key_id in key_ids.items() if key_id != self._server.key_id]
            forgotten += await self._readings.erase_windows(series, others)
        return forgotten

    async def count_use(self) -> SecretUse:
        """The use of each secret."""
        readings: Counter[str] = Counter()
        async for _, key_ids in self._sealed_windows():
            readings.update(key_ids.values())
        link = func.substr(audit_events.c.link, 1, 8)
        links = await self._database.read(select(link.label("key_id"), func.count().label("rows")).group_by(link))
        recognised = or_(consents.c.expected_prm_hash.is_not(None), consents.c.return_hash.is_not(None))
        (hashes,) = await self._database.read(select(func.count().label("rows")).where(recognised))
        return SecretUse(
            current=self._server.key_id,
            encrypted={
                f"{table.name}.{each.column.name}": await self._count_column(each.column)
                for table, columns in sealed_columns().items()
                for each in columns
            },
            readings=readings,
            audit_links={row.key_id: row.rows for row in links},
            consent_hashes=hashes.rows,
            known=frozenset(self._server.known_key_ids),
        )

    async def _rotate_table(self, table: Table) -> int:
        changed, after = 0, ""
        earlier = [_bytes(key_id) for key_id in self._server.known_key_ids if key_id != self._server.key_id]
        if not earlier:
            return 0
        due = or_(*(_key_id(each.column).in_(earlier) for each in sealed_columns()[table]))
        while True:
            async with self._database.transaction() as connection:
                # Taken before reading, so that the rows read are those overwritten.
                await begin_writing(connection)
                query = select(table).where(table.c.id > after, due).order_by(table.c.id).limit(_BATCH)
                # Skipping locked rows avoids deadlocks.
                rows = (await connection.execute(query.with_for_update(skip_locked=True))).all()
                for row in rows:
                    values = self._under_current(table, row)
                    if values:
                        await connection.execute(update(table).where(table.c.id == row.id).values(values))
                        changed += 1
            if not rows:
                return changed
            after = rows[-1].id

    def _under_current(self, table: Table, row: Row[Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for each in sealed_columns()[table]:
            sealed = getattr(row, each.column.name)
            if sealed is None or key_id_of(sealed) == self._server.key_id:
                continue
            try:
                opened = self._server.decrypt(sealed, purpose=each.purpose(row.id))
            except CannotOpen:
                # Encrypted with an unknown secret, or not by this gateway: counted, and left unchanged.
                continue
            values[each.column.name] = self._server.encrypt(opened, purpose=each.purpose(row.id))
            if each is PRM:
                values["prm_hash"] = self._server.keyed_hash(opened.decode(), purpose=PRM_HASH_PURPOSE)
        return values

    async def _forget_hashes(self, now: datetime) -> None:
        """Remove the hashes of consents that have ended or were never granted: they can't be recomputed."""
        old = consents.c.created_at < now - _RECOGNISED
        over = or_(
            consents.c.status.not_in(_UNDER_WAY),
            and_(consents.c.status == ConsentStatus.PENDING, consents.c.state_expires_at < now),
        )
        async with self._database.transaction() as connection:
            await connection.execute(update(consents).where(old, over).values(expected_prm_hash=None, return_hash=None))

    async def _count_column(self, column: Column[Any]) -> dict[str, int]:
        key_id = _key_id(column)
        query = select(key_id.label("key_id"), func.count().label("rows")).where(column.is_not(None)).group_by(key_id)
        return {bytes(row.key_id).hex(): row.rows for row in await self._database.read(query)}

    async def _sealed_windows(self) -> AsyncIterator[tuple[Series, dict[str, str]]]:
        after = ""
        columns = (usage_points.c.id, usage_points.c.account_id)
        while rows := await self._database.read(
            select(*columns).where(usage_points.c.id > after).order_by(usage_points.c.id).limit(_BATCH)
        ):
            for row in rows:
                for dataset in DATASETS:
                    series = Series(row.account_id, row.id, dataset)
                    key_ids = await self._readings.load_key_ids(series)
                    if key_ids:
                        yield series, key_ids
            after = rows[-1].id


def _key_id(column: Column[Any]) -> Any:
    return func.substr(column, 2, 4, type_=LargeBinary)


def _bytes(key_id: str) -> Any:
    return literal(bytes.fromhex(key_id), LargeBinary)
