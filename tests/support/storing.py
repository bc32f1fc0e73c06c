"""Storing as a worker does, for a running job: data is stored for no other. The job is removed afterwards."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.jobs.ledger import Ledger
from shared.jobs.models import Job, Lane
from shared.jobs.store import JobStore
from shared.readings.models import Coverage, Reading
from shared.readings.store import ReadingStore

_DAY = DayRange(date(2026, 10, 1), date(2026, 10, 2))


async def save_window(
    store: ReadingStore, series: Series, coverage: Coverage, readings: Sequence[Reading], public_key: bytes
) -> None:
    """Store a window."""
    async with _job_under_way(store, series) as job:
        assert await store.save_window(job, coverage, readings, public_key)


async def save_record(
    store: ReadingStore, series: Series, coverage: Coverage, record: Mapping[str, Any], public_key: bytes
) -> None:
    """Store a record."""
    async with _job_under_way(store, series) as job:
        assert await store.save_record(job, coverage, record, public_key)


@asynccontextmanager
async def _job_under_way(store: ReadingStore, series: Series) -> AsyncIterator[Job]:
    redis = store._redis
    jobs = JobStore(redis, retention=timedelta(days=7))
    job = await jobs.create_job(series, _DAY, Lane.BULK, [_DAY], {}, datetime.now(UTC))
    try:
        yield job
    finally:
        await Ledger(redis, calls_in_flight=1, queue_depth=1, queued_lease_seconds=1, keep_seconds=1).forget([job.id])
        await jobs.drop_from_list(series.account_id, [job.id])
