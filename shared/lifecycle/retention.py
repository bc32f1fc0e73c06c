"""Retention: removes old readings, audit events, consents that were never granted, and list entries of expired jobs.

Enforced once a day, in small independent steps: the next run continues an interrupted one, and a second run has no
effect. Jobs and events expire in Redis automatically.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, delete, select

from shared.config.settings import Settings
from shared.consents.models import ConsentStatus
from shared.core.calendar import day_of
from shared.core.datasets import DATASETS, Series
from shared.events.store import EventStore
from shared.jobs.store import JobStore
from shared.observability.logging import get_logger
from shared.readings.planning import days_of_window
from shared.readings.store import ReadingStore
from shared.storage.audit_log import AuditLog
from shared.storage.database import Database
from shared.storage.tables import accounts, consents, usage_points

logger = get_logger(__name__)

CONSENTS_KEPT = timedelta(days=90)
"""How long a consent that was never granted is kept."""
_NEVER_GRANTED = (ConsentStatus.PENDING, ConsentStatus.REFUSED, ConsentStatus.FAILED)
_LIMIT_SECONDS = 6 * 3600
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Removed:
    """The number of removed items of a run, by kind."""

    windows: int = 0
    jobs: int = 0
    audit_events: int = 0
    consents: int = 0


class Retention:
    """Removes data that is older than the configured retention."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        jobs: JobStore,
        readings: ReadingStore,
        events: EventStore,
        audit: AuditLog,
    ) -> None:
        """Apply ``settings`` to all of these stores."""
        self._settings = settings
        self._database = database
        self._jobs = jobs
        self._readings = readings
        self._events = events
        self._audit = audit

    async def enforce(self, now: datetime) -> Removed:
        """Remove data that is older than the configured retention. A concurrent run does nothing."""
        async with self._jobs.alone("retention", _LIMIT_SECONDS) as is_alone:
            if not is_alone:
                return Removed()
            removed = Removed(
                windows=await self._erase_windows(now),
                jobs=await self._prune_jobs(now),
                audit_events=await self._erase_audit_events(now),
                consents=await self._erase_consents(now),
            )
            logger.info("retention enforced", **asdict(removed))
            return removed

    async def _erase_windows(self, now: datetime) -> int:
        kept_days, erased = self._settings.readings_retention_days, 0
        if not kept_days:
            return 0
        async for row in self._rows(usage_points):
            for dataset in DATASETS:
                series = Series(row.account_id, row.id, dataset)
                names = await self._old_windows(series, now - timedelta(days=kept_days))
                erased += await self._readings.erase_windows(series, names)
        return erased

    async def _old_windows(self, series: Series, before: datetime) -> list[str]:
        """The windows whose last day ended before that time; a record if it was fetched before that time."""
        dataset, first_kept = DATASETS[series.dataset], day_of(before)
        if not dataset.is_series:
            known = await self._readings.load_all_coverage(series)
            return [name for name, each in known.items() if each.fetched_at < before]
        names = await self._readings.window_names(series)
        return [name for name in names if (days := days_of_window(dataset, name)) and days.end <= first_kept]

    async def _prune_jobs(self, now: datetime) -> int:
        pruned = 0
        async for row in self._rows(accounts):
            pruned += await self._jobs.prune(row.id, now)
            await self._events.trim(row.id, now - timedelta(days=self._settings.job_retention_days))
        return pruned

    async def _erase_audit_events(self, now: datetime) -> int:
        kept_days = self._settings.audit_retention_days
        return await self._audit.erase_before(now - timedelta(days=kept_days)) if kept_days else 0

    async def _erase_consents(self, now: datetime) -> int:
        old = (consents.c.status.in_(_NEVER_GRANTED), consents.c.created_at < now - CONSENTS_KEPT)
        # None of these should have a usage point; the reference to one that had would fail the whole step.
        unused = ~select(usage_points.c.id).where(usage_points.c.consent_id == consents.c.id).exists()
        erased = 0
        while batch := await self._database.read(select(consents.c.id).where(*old, unused).limit(_PAGE)):
            async with self._database.transaction() as connection:
                these = consents.c.id.in_([row.id for row in batch])
                erased += (await connection.execute(delete(consents).where(these, *old, unused))).rowcount
        return erased

    async def _rows(self, table: Table) -> AsyncIterator[Row[Any]]:
        """Every row, ordered by id, in pages: concurrent inserts and deletions have no effect on the iteration."""
        after = ""
        page: Sequence[Row[Any]]
        while page := await self._database.read(
            select(table).where(table.c.id > after).order_by(table.c.id).limit(_PAGE)
        ):
            for row in page:
                yield row
            after = page[-1].id
