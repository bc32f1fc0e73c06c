"""Jobs (Redis): the requested fetches and their progress.

The ledger manages the calls of a job.
"""

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import LockError

from shared.core.calendar import DayRange
from shared.core.datasets import Series
from shared.core.errors import NotFound
from shared.jobs.fair_queue import line_of
from shared.jobs.job_ids import new_job_id
from shared.jobs.ledger import LEASES_KEY, calls_key, job_key, planned_calls
from shared.jobs.models import Job, JobStatus, Lane
from shared.storage.redis_scripts import RedisScript
from shared.storage.tombstones import erased_key

_ERROR = "error:"
_READ_AT_ONCE = 500
# How long an erased account or usage point is remembered: longer than any earlier operation can still be in progress.
_REMEMBERED = timedelta(days=1)


class JobStore:
    """The jobs of all accounts."""

    def __init__(self, redis: Redis, *, retention: timedelta) -> None:
        """Keep an ended job for ``retention``."""
        self._redis = redis
        self._retention = retention
        self._create: RedisScript[int] = RedisScript(redis, "shared.jobs", "create")

    async def create_job(
        self,
        series: Series,
        days: DayRange,
        lane: Lane,
        calls: Sequence[DayRange],
        trace_context: Mapping[str, str],
        now: datetime,
    ) -> Job:
        """Create a job with its planned calls, atomically. A job without calls has already succeeded.

        Raises `NotFound` when the account or the usage point was erased in the meantime.
        """
        job = Job(
            id=new_job_id(series.account_id),
            account_id=series.account_id,
            usage_point_id=series.usage_point_id,
            dataset=series.dataset,
            start=days.start,
            end=days.end,
            lane=lane,
            status=JobStatus.QUEUED if calls else JobStatus.SUCCEEDED,
            created_at=now,
            calls_total=len(calls),
            finished_at=None if calls else now,
            trace_context=trace_context,
        )
        record, planned = _flat(_record(job)), _flat(planned_calls(calls))
        forgotten = (now - self._retention - timedelta(days=7)).timestamp()
        keep_seconds = int(self._retention.total_seconds())
        created = await self._create(
            record=job_key(job.id),
            calls=calls_key(job.id),
            jobs=jobs_key(job.account_id),
            erased=[erased_key(job.account_id), erased_key(job.usage_point_id)],
            job=job.id,
            created_at=now.timestamp(),
            forgotten_before=forgotten,
            keep_seconds=keep_seconds,
            values_of_record=len(record),
            value=[*record, *planned],
        )
        if not created:
            raise NotFound
        return job

    async def load_job(self, job_id: str) -> Job | None:
        """A job, ``None`` when the id is unknown or the job is older than the retention."""
        fields = await cast(Awaitable[Mapping[bytes, bytes]], self._redis.hgetall(job_key(job_id)))
        return parse_job(job_id, {name.decode(): value.decode() for name, value in fields.items()}) if fields else None

    async def list_job_ids(self, account_id: str) -> list[str]:
        """The ids of an account's jobs, oldest first; the records of the oldest ones may have expired."""
        ids = await cast(Awaitable[list[bytes]], self._redis.zrange(jobs_key(account_id), 0, -1))
        return [each.decode() for each in ids]

    async def find_jobs(
        self, account_id: str, usage_point_id: str, dataset: str | None = None, *, under_way: bool = False
    ) -> list[str]:
        """The ids of the jobs of a usage point, or of one of its series; ``under_way``: only of jobs not ended."""
        wanted = []
        ids = await self.list_job_ids(account_id)
        for index in range(0, len(ids), _READ_AT_ONCE):
            batch = ids[index : index + _READ_AT_ONCE]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in batch:
                    pipeline.hmget(job_key(job_id), ["usage_point_id", "dataset", "status"])
                rows = await pipeline.execute()
            for job_id, row in zip(batch, rows, strict=True):
                point, name, status = (value and value.decode() for value in row)
                is_wanted = point == usage_point_id and dataset in (None, name)
                if is_wanted and not (under_way and JobStatus(status).ended):
                    wanted.append(job_id)
        return wanted

    async def prune(self, account_id: str, now: datetime) -> int:
        """Remove expired jobs from an account's list. Returns their number."""
        before = now - self._retention
        key = jobs_key(account_id)
        old = await cast(Awaitable[list[bytes]], self._redis.zrangebyscore(key, "-inf", before.timestamp()))
        gone = [job_id for job_id in map(bytes.decode, old) if not await self._redis.exists(job_key(job_id))]
        await self.drop_from_list(account_id, gone)
        return len(gone)

    async def refuse_erased(self, ids: Collection[str]) -> None:
        """Refuse new jobs of these accounts and usage points, and new events of these accounts, from now on.

        The marks are hashes and expire after a day.
        """
        async with self._redis.pipeline(transaction=True) as pipeline:
            for each in ids:
                pipeline.set(erased_key(each), 1, ex=_REMEMBERED)
            await pipeline.execute()

    async def forget_account(self, account_id: str) -> None:
        """Erase an account's list of jobs; the ledger erases the jobs themselves."""
        await self._redis.delete(jobs_key(account_id))

    async def drop_from_list(self, account_id: str, job_ids: Sequence[str]) -> None:
        """Remove erased jobs from their account's list."""
        for index in range(0, len(job_ids), _READ_AT_ONCE):
            await self._redis.zrem(jobs_key(account_id), *job_ids[index : index + _READ_AT_ONCE])

    async def waiting_calls(self) -> int:
        """The number of calls that are queued, running or parked."""
        return await self._redis.zcard(LEASES_KEY)

    @asynccontextmanager
    async def alone(self, name: str, limit_seconds: int) -> AsyncIterator[bool]:
        """Hold a lock for work that must not run concurrently; yields ``False`` when another process holds it."""
        lock = self._redis.lock(f"alone:{name}", timeout=limit_seconds, blocking=False)
        got_it = await lock.acquire()
        try:
            yield got_it
        finally:
            if got_it:
                # The limit may have passed in the meantime; another process may then hold the lock.
                with suppress(LockError):
                    await lock.release()


def jobs_key(account_id: str) -> str:
    """The key of the ids of an account's jobs, by creation time."""
    return f"jobs:{account_id}"


def _flat(fields: Mapping[str, Any]) -> list[Any]:
    return [part for pair in fields.items() for part in pair]


def _record(job: Job) -> dict[str, str | int | float]:
    return {
        "account_id": job.account_id,
        "usage_point_id": job.usage_point_id,
        "dataset": job.dataset,
        "start": job.start.isoformat(),
        "end": job.end.isoformat(),
        "lane": job.lane,
        "line": line_of(job.lane, job.dataset),
        "status": job.status,
        "created_at": job.created_at.timestamp(),
        "finished_at": job.finished_at.timestamp() if job.finished_at else "",
        "calls_total": job.calls_total,
        "calls_done": 0,
        "calls_failed": 0,
        "calls_sent": 0,
        "trace_context": orjson.dumps(dict(job.trace_context)).decode(),
    }


def parse_job(job_id: str, fields: Mapping[str, str]) -> Job:
    """Parse a job from the fields of its record."""
    return Job(
        id=job_id,
        account_id=fields["account_id"],
        usage_point_id=fields["usage_point_id"],
        dataset=fields["dataset"],
        start=date.fromisoformat(fields["start"]),
        end=date.fromisoformat(fields["end"]),
        lane=Lane(fields["lane"]),
        status=JobStatus(fields["status"]),
        created_at=_moment(fields["created_at"]),
        calls_total=int(fields["calls_total"]),
        calls_done=int(fields["calls_done"]),
        calls_failed=int(fields["calls_failed"]),
        started_at=_moment(fields["started_at"]) if fields.get("started_at") else None,
        finished_at=_moment(fields["finished_at"]) if fields.get("finished_at") else None,
        errors={name[len(_ERROR) :]: int(value) for name, value in fields.items() if name.startswith(_ERROR)},
        trace_context=orjson.loads(fields["trace_context"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)
