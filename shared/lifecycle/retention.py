"""How long things are kept: readings, audit events, consents that came to nothing, lists of jobs that are gone.

Enforced once a day, in small steps, each of which stands by itself: a run that is broken off is taken up by the next
one, and a second run finds nothing left to do. What jobs and events keep, Redis forgets by itself.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, delete, select

from shared.consents.models import ConsentStatus
from shared.core.calendar import day_of
from shared.core.datasets import DATASETS, Series
from shared.observability.logging import get_logger
from shared.readings.planning import days_of_window
from shared.resources import Resources
from shared.storage.tables import accounts, consents, usage_points

logger = get_logger(__name__)

CONSENTS_KEPT = timedelta(days=90)
"""For so long a consent that was never granted can be looked at."""
_NEVER_GRANTED = (ConsentStatus.PENDING, ConsentStatus.REFUSED, ConsentStatus.FAILED)
_LIMIT_SECONDS = 6 * 3600
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Removed:
    """How much a run removed, by kind."""

    windows: int = 0
    jobs: int = 0
    audit_events: int = 0
    consents: int = 0


async def enforce_retention(parts: Resources, now: datetime) -> Removed:
    """Remove what is older than the settings want. Of two runs at the same time one does nothing."""
    async with parts.jobs.alone("retention", _LIMIT_SECONDS) as is_alone:
        if not is_alone:
            return Removed()
        removed = Removed(
            windows=await _erase_windows(parts, now),
            jobs=await _prune_jobs(parts, now),
            audit_events=await _erase_audit_events(parts, now),
            consents=await _erase_consents(parts, now),
        )
        logger.info("retention enforced", **asdict(removed))
        return removed


async def _erase_windows(parts: Resources, now: datetime) -> int:
    kept_days, erased = parts.settings.readings_retention_days, 0
    if not kept_days:
        return 0
    async for row in _rows(parts, usage_points):
        for dataset in DATASETS:
            series = Series(row.account_id, row.id, dataset)
            names = await _old_windows(parts, series, now - timedelta(days=kept_days))
            erased += await parts.readings.erase_windows(series, names)
    return erased


async def _old_windows(parts: Resources, series: Series, before: datetime) -> list[str]:
    """The windows whose last day has ended by then; a record when it was fetched by then."""
    dataset, first_kept = DATASETS[series.dataset], day_of(before)
    if not dataset.is_series:
        known = await parts.readings.load_all_coverage(series)
        return [name for name, each in known.items() if each.fetched_at < before]
    names = await parts.readings.window_names(series)
    return [name for name in names if (days := days_of_window(dataset, name)) and days.end <= first_kept]


async def _prune_jobs(parts: Resources, now: datetime) -> int:
    pruned = 0
    async for row in _rows(parts, accounts):
        pruned += await parts.jobs.prune(row.id, now)
        await parts.events.trim(row.id, now - timedelta(days=parts.settings.job_retention_days))
    return pruned


async def _erase_audit_events(parts: Resources, now: datetime) -> int:
    kept_days = parts.settings.audit_retention_days
    return await parts.audit.erase_before(now - timedelta(days=kept_days)) if kept_days else 0


async def _erase_consents(parts: Resources, now: datetime) -> int:
    old = (consents.c.status.in_(_NEVER_GRANTED), consents.c.created_at < now - CONSENTS_KEPT)
    # None of these has a usage point; one that had would be kept by its reference, and the whole step with it.
    unused = ~select(usage_points.c.id).where(usage_points.c.consent_id == consents.c.id).exists()
    erased = 0
    while batch := await parts.database.read(select(consents.c.id).where(*old, unused).limit(_PAGE)):
        async with parts.database.transaction() as connection:
            these = consents.c.id.in_([row.id for row in batch])
            erased += (await connection.execute(delete(consents).where(these, *old, unused))).rowcount
    return erased


async def _rows(parts: Resources, table: Table) -> AsyncIterator[Row[Any]]:
    """Every row, in the order of the ids, a page at a time: what is added or removed meanwhile disturbs nothing."""
    after = ""
    page: Sequence[Row[Any]]
    while page := await parts.database.read(select(table).where(table.c.id > after).order_by(table.c.id).limit(_PAGE)):
        for row in page:
            yield row
        after = page[-1].id
