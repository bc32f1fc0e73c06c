"""Erasure of accounts, usage points and stored readings. Data in flight can't restore erased data.

SQL first: one transaction deletes the rows and adds a note to ``erasures``. Then Redis, in a safe order: new jobs are
refused, existing jobs are erased, without which nothing is stored, then their data is erased. The sweeper repeats the
second part a minute later and deletes the note, so a crash in between leaves no data. docs/decisions/0014.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.accounts.daily_quota import QuotaStore
from shared.accounts.idempotency_keys import IdempotencyStore
from shared.consents.consent_rows import PRM_HASH_PURPOSE
from shared.consents.models import ConsentStatus, UsagePoint
from shared.core.calendar import DayRange
from shared.core.datasets import DATASETS, Series
from shared.core.errors import NotFound
from shared.crypto.receipts import Receipt
from shared.crypto.server_secret import ServerSecret
from shared.events.deliveries import DeliveryStore
from shared.events.store import EventStore
from shared.jobs.dead_letters import DeadLetterStore
from shared.jobs.job_service import JobService
from shared.jobs.store import JobStore
from shared.lifecycle.erasure_notes import new_erasure_id, note_erasure
from shared.observability.logging import get_logger
from shared.readings.planning import days_of_window
from shared.readings.store import ReadingStore
from shared.storage.audit_log import ADMIN, AuditLog, record
from shared.storage.database import Database, hold
from shared.storage.row_locks import lock_account
from shared.storage.tables import accounts, api_keys, audit_events, consents, erasures, usage_points, webhook_endpoints

logger = get_logger(__name__)

OWNER = "account"
"""The actor in the administrators' chain when an account erased itself, because its key is erased too."""
SECOND_PASS_AFTER = timedelta(minutes=1)
_FINAL_AFTER = timedelta(minutes=5)
_PAUSES_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
# Every column of a consent that contains a usage point, encrypted or as a hash.
_WITHOUT_PRM = dict.fromkeys(("expected_prm_hash", "return_hash", "prms_sealed", "proof_sealed", "awaiting_sealed"))
_OPEN = (ConsentStatus.PENDING, ConsentStatus.EXCHANGING, ConsentStatus.AWAITING_APPROVAL)


@dataclass(frozen=True, slots=True)
class Purge:
    """The result of a purge of readings: the erased windows, the days they covered, and the cancelled jobs."""

    windows: int
    days: DayRange | None
    jobs_cancelled: int


class Erasure:
    """Erases data, and cancels the jobs that would restore it."""

    def __init__(
        self,
        database: Database,
        server: ServerSecret,
        *,
        audit: AuditLog,
        jobs: JobStore,
        job_service: JobService,
        dead_calls: DeadLetterStore,
        readings: ReadingStore,
        events: EventStore,
        deliveries: DeliveryStore,
        quotas: QuotaStore,
        idempotency: IdempotencyStore,
    ) -> None:
        """Erase from all of these."""
        self._database = database
        self._server = server
        self._audit = audit
        self._jobs = jobs
        self._job_service = job_service
        self._dead_calls = dead_calls
        self._readings = readings
        self._events = events
        self._deliveries = deliveries
        self._quotas = quotas
        self._idempotency = idempotency

    async def erase_account(self, account_id: str, actor: str, now: datetime) -> Receipt:
        """Erase an account and all its data. ``actor``: `OWNER`, or `shared.storage.audit_log.ADMIN`. Raises
        `NotFound`."""
        erasure_id = new_erasure_id()
        # First, so that an unreachable Redis fails the erasure before any change, and the caller can retry.
        points = await self._point_ids(account_id)
        counts = await self._count_stored(account_id, points)

        async def take_rows(connection: AsyncConnection) -> list[str]:
            await _hold_rows(connection, account_id)
            counts["api_keys"] = await _count(connection, api_keys, api_keys.c.account_id == account_id)
            counts["consents"] = await _count(connection, consents, consents.c.account_id == account_id)
            counts["webhooks"] = await _count(
                connection, webhook_endpoints, webhook_endpoints.c.account_id == account_id
            )
            removed = delete(usage_points).where(usage_points.c.account_id == account_id).returning(usage_points.c.id)
            taken = [row.id for row in await connection.execute(removed)]
            counts["usage_points"] = len(taken)
            await connection.execute(delete(accounts).where(accounts.c.id == account_id))
            counts["audit_events"] = await _delete_chain(connection, account_id)
            await note_erasure(connection, erasure_id, account_id, taken, is_account=True, now=now)
            hashed = self._server.keyed_hash(account_id, purpose="account")
            await record(connection, self._server, ADMIN, now, actor, "account.erased", {"account_hash": hashed})
            return taken

        points = await self._in_turn(take_rows)
        await self.erase_noted(account_id, points, now, is_account=True)
        return Receipt(erasure_id, account_id, None, now, now + _FINAL_AFTER, counts)

    async def erase_usage_point(self, usage_point: UsagePoint, actor: str, now: datetime) -> Receipt:
        """Erase a usage point of an account with its readings and jobs. Its consent is kept as history, without the
        point, and revoked with its last point. Raises `NotFound`."""
        erasure_id, account_id, points = new_erasure_id(), usage_point.account_id, [usage_point.id]
        counts = await self._count_stored(account_id, points)
        async with self._database.transaction() as connection:
            removed = (
                delete(usage_points).where(usage_points.c.id == usage_point.id).returning(usage_points.c.consent_id)
            )
            consent_id = await connection.scalar(removed)
            if consent_id is None:
                raise NotFound
            await hold(connection, [consent_id])
            hashes = self._server.keyed_hashes(usage_point.prm, purpose=PRM_HASH_PURPOSE)
            await connection.execute(
                update(consents)
                .where(consents.c.account_id == account_id, consents.c.expected_prm_hash.in_(hashes))
                .where(consents.c.status.not_in(_OPEN))
                .values(expected_prm_hash=None)
            )
            rest = await _count(connection, usage_points, usage_points.c.consent_id == consent_id)
            if not rest:
                this_consent = consents.c.id == consent_id
                await connection.execute(update(consents).where(this_consent).values(_WITHOUT_PRM))
                await connection.execute(
                    update(consents)
                    .where(this_consent, consents.c.status == ConsentStatus.GRANTED)
                    .values(status=ConsentStatus.REVOKED, revoked_at=now)
                )
            await note_erasure(connection, erasure_id, account_id, points, is_account=False, now=now)
            details = {"consent_id": consent_id, "consent_ended": not rest}
            await record(connection, self._server, account_id, now, actor, "usage_point.erased", details)
        counts["usage_points"] = 1
        await self.erase_noted(account_id, points, now, is_account=False)
        return Receipt(erasure_id, account_id, usage_point.prm, now, now + _FINAL_AFTER, counts)

    async def erase_readings(self, series: Series, days: DayRange | None, actor: str, now: datetime) -> Purge:
        """Erase whole windows of a series that overlap ``days``, or all windows without ``days``. Cancels the jobs that
        fetch the series, so that they restore nothing. Raises `NotFound` when the account does not exist."""
        details = {"dataset": series.dataset}
        if days is not None:
            details |= {"start": str(days.start), "end": str(days.end)}
        await self._audit.note(series.account_id, now, actor, "readings.erased", details)
        return await self._purge(series, days, now)

    async def erase_readings_of_account(self, account_id: str, now: datetime, actor: str = ADMIN) -> Purge:
        """Erase all stored data of an account's usage points, which are kept. Raises `NotFound`."""
        await self._audit.note(account_id, now, actor, "readings.erased")
        series = _all_series(account_id, await self._point_ids(account_id))
        purges = [await self._purge(each, None, now) for each in series]
        return Purge(sum(each.windows for each in purges), None, sum(each.jobs_cancelled for each in purges))

    async def erase_readings_of_point(self, usage_point: UsagePoint, actor: str, now: datetime) -> dict[str, Purge]:
        """Erase all stored data of a usage point, which is kept with its consent. Returns the results by dataset.
        Raises `NotFound` when the account does not exist."""
        account_id = usage_point.account_id
        await self._audit.note(account_id, now, actor, "readings.erased", {"usage_point": usage_point.id})
        return {each.dataset: await self._purge(each, None, now) for each in _all_series(account_id, [usage_point.id])}

    async def finish(self, now: datetime, limit: int = 100) -> int:
        """Run the second pass for erasures older than a minute, and delete their notes. Returns their number."""
        query = select(erasures).where(erasures.c.erased_at <= now - SECOND_PASS_AFTER).order_by(erasures.c.erased_at)
        rows = await self._database.read(query.limit(limit))
        for row in rows:
            await self._erase_stored(row.account_id, row.usage_point_ids, now, is_account=row.is_account)
            async with self._database.transaction() as connection:
                if row.is_account:
                    await _delete_chain(connection, row.account_id)
                await connection.execute(delete(erasures).where(erasures.c.id == row.id))
        return len(rows)

    async def erase_noted(self, account_id: str, points: Sequence[str], now: datetime, *, is_account: bool) -> None:
        """Erase from Redis the data of a committed erasure. Raises nothing: the sweeper retries a failure."""
        try:
            await self._erase_stored(account_id, points, now, is_account=is_account)
        except Exception:
            # The rows are deleted and the note exists: the sweeper retries as soon as Redis is available.
            logger.exception("erasing put off", whole_account=is_account)

    async def _erase_stored(self, account_id: str, points: Sequence[str], now: datetime, *, is_account: bool) -> None:
        """Erase everything in Redis. Idempotent."""
        await self._jobs.refuse_erased([*points, account_id] if is_account else points)
        job_ids = await self._job_ids(account_id, points, is_account=is_account)
        under_way = await self._job_service.forget(job_ids, now)
        await self._dead_calls.forget(account_id, None if is_account else points)
        if is_account:
            await self._deliveries.forget_account(account_id)
            await self._events.say_goodbye(account_id, under_way)
        else:
            await self._jobs.drop_from_list(account_id, job_ids)
            await self._events.forget_ids(account_id, points)
            await self._deliveries.forget_ids(account_id, [*points, *job_ids])
            for job_id in under_way:
                await self._events.publish(account_id, "job.cancelled", {"job_id": job_id})
        for series in _all_series(account_id, points):
            await self._readings.erase_series(series)
        if is_account:
            await self._jobs.forget_account(account_id)
            await self._events.forget_account(account_id)
            await self._quotas.forget(account_id, now)
            await self._idempotency.forget(account_id, now)

    async def _purge(self, series: Series, days: DayRange | None, now: datetime) -> Purge:
        job_ids = await self._jobs.find_jobs(series.account_id, series.usage_point_id, series.dataset, under_way=True)
        cancelled = await self._job_service.cancel_all(series.account_id, job_ids, now)
        dataset = DATASETS[series.dataset]
        held = {name: days_of_window(dataset, name) for name in await self._readings.window_names(series)}
        if days is not None:
            held = {name: each for name, each in held.items() if each and each.clipped(days.start, days.end)}
        await self._readings.erase_windows(series, list(held))
        gone = [each for each in held.values() if each is not None]
        span = DayRange(min(each.start for each in gone), max(each.end for each in gone)) if gone else None
        return Purge(len(held), span, cancelled)

    async def _job_ids(self, account_id: str, points: Sequence[str], *, is_account: bool) -> list[str]:
        if is_account:
            return await self._jobs.list_job_ids(account_id)
        return [job_id for point in points for job_id in await self._jobs.find_jobs(account_id, point)]

    async def _count_stored(self, account_id: str, points: Sequence[str]) -> dict[str, int]:
        windows = [await self._readings.count_windows(series) for series in _all_series(account_id, points)]
        jobs = [await self._jobs.find_jobs(account_id, point) for point in points]
        return {"windows": sum(windows), "jobs": sum(map(len, jobs))}

    async def _point_ids(self, account_id: str) -> list[str]:
        rows = await self._database.read(select(usage_points.c.id).where(usage_points.c.account_id == account_id))
        return [row.id for row in rows]

    async def _in_turn(self, work: Callable[[AsyncConnection], Awaitable[list[str]]]) -> list[str]:
        """Run ``work`` in a transaction, and retry when its locks are not available.

        It locks every row of an account. Other transactions lock rows in different orders: waiting for them while
        holding locks would be a deadlock, which the database resolves by failing one of the two.
        """
        for pause_seconds in _PAUSES_SECONDS:
            try:
                async with self._database.transaction() as connection:
                    return await work(connection)
            except OperationalError:
                if self._database.engine.dialect.name != "postgresql":
                    raise
                await asyncio.sleep(pause_seconds)
        async with self._database.transaction() as connection:
            return await work(connection)


def _all_series(account_id: str, points: Collection[str]) -> list[Series]:
    return [Series(account_id, point, dataset) for point in points for dataset in DATASETS]


async def _hold_rows(connection: AsyncConnection, account_id: str) -> None:
    """Lock an account and all its rows without waiting. Raises `NotFound` and `OperationalError`."""
    await lock_account(connection, account_id)
    for table in (usage_points, consents, api_keys, webhook_endpoints):
        mine = select(table.c.id).where(table.c.account_id == account_id)
        await connection.execute(mine.with_for_update(nowait=True))
    this_account = select(accounts.c.id).where(accounts.c.id == account_id)
    await connection.execute(this_account.with_for_update(nowait=True))


async def _delete_chain(connection: AsyncConnection, account_id: str) -> int:
    await hold(connection, [f"audit:{account_id}"])
    return (await connection.execute(delete(audit_events).where(audit_events.c.chain == account_id))).rowcount


async def _count(connection: AsyncConnection, table: Table, where: ColumnElement[bool]) -> int:
    return await connection.scalar(select(func.count()).select_from(table).where(where)) or 0
