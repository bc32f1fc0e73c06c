"""Jobs and the events about them (Redis): what was asked, how far it is, and telling whoever listens.

What happens to a job's calls is the ledger's affair.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import LockError

from shared.ledger import LEASES_KEY, calls_key, job_key, planned_calls
from shared.models import DayRange, Job, JobStatus, Lane, Series

_KEPT_EVENTS = 1000
_ERROR = "error:"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an account's things: a type, and ids; never a reading."""

    id: str
    type: str
    data: Mapping[str, str]


class JobStore:
    """The jobs of all accounts."""

    def __init__(self, redis: Redis, *, retention: timedelta) -> None:
        """Keep an ended job for ``retention``."""
        self._redis = redis
        self._retention = retention

    async def create_job(
        self,
        series: Series,
        days: DayRange,
        lane: Lane,
        calls: Sequence[DayRange],
        trace_context: Mapping[str, str],
        now: datetime,
    ) -> Job:
        """Write down a job with its planned calls, whole or not at all. One without calls has succeeded already."""
        job = Job(
            id=f"job_{secrets.token_hex(12)}",
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
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(job_key(job.id), mapping=cast(Any, _record(job)))
            if calls:
                pipeline.hset(calls_key(job.id), mapping=cast(Any, planned_calls(calls)))
            else:
                pipeline.expire(job_key(job.id), self._retention)
            pipeline.zadd(_jobs_key(series.account_id), {job.id: now.timestamp()})
            forgotten = (now - self._retention - timedelta(days=7)).timestamp()
            pipeline.zremrangebyscore(_jobs_key(series.account_id), "-inf", forgotten)
            await pipeline.execute()
        return job

    async def load_job(self, job_id: str) -> Job | None:
        """A job, ``None`` when there is none of that id or it is older than the retention."""
        fields = await cast(Awaitable[Mapping[bytes, bytes]], self._redis.hgetall(job_key(job_id)))
        return _job(job_id, {name.decode(): value.decode() for name, value in fields.items()}) if fields else None

    async def waiting_calls(self) -> int:
        """How many calls are enqueued, running or laid aside."""
        return await self._redis.zcard(LEASES_KEY)

    @asynccontextmanager
    async def alone(self, name: str, limit_seconds: int) -> AsyncIterator[bool]:
        """Do something that two processes should not do at once; gives ``False`` to the one who came second."""
        lock = self._redis.lock(f"alone:{name}", timeout=limit_seconds, blocking=False)
        got_it = await lock.acquire()
        try:
            yield got_it
        finally:
            if got_it:
                # The limit may have passed meanwhile; then the lock is somebody else's and not ours to give back.
                with suppress(LockError):
                    await lock.release()

    async def publish(self, account_id: str, event_type: str, data: Mapping[str, str]) -> None:
        """Tell whoever listens to an account."""
        fields = {"type": event_type, "data": orjson.dumps(dict(data))}
        await self._redis.xadd(_events_key(account_id), cast(Any, fields), maxlen=_KEPT_EVENTS, approximate=True)

    async def last_event_id(self, account_id: str) -> str:
        """Where the account's events end now: what comes after is new."""
        newest = await cast(Awaitable[list[Any]], self._redis.xrevrange(_events_key(account_id), count=1))
        return newest[0][0].decode() if newest else "0-0"

    async def next_events(self, account_id: str, after: str, wait_seconds: float) -> list[Event]:
        """The events after that one, as soon as there are any, or none when the wait is over."""
        reply = await cast(
            Awaitable[list[Any] | None],
            self._redis.xread({_events_key(account_id): after}, block=max(1, int(wait_seconds * 1000))),
        )
        entries = [entry for _, stream in _streams(reply) for entry in stream]
        return [Event(id_.decode(), each[b"type"].decode(), orjson.loads(each[b"data"])) for id_, each in entries]


def _streams(reply: Any) -> list[Any]:
    """RESP2 gives pairs, RESP3 a mapping of lists of lists."""
    if isinstance(reply, Mapping):
        return [(name, [entry for batch in batches for entry in batch]) for name, batches in reply.items()]
    return reply or []


def _jobs_key(account_id: str) -> str:
    return f"jobs:{account_id}"


def _events_key(account_id: str) -> str:
    return f"events:{account_id}"


def _record(job: Job) -> dict[str, str | int | float]:
    return {
        "account_id": job.account_id,
        "usage_point_id": job.usage_point_id,
        "dataset": job.dataset,
        "start": job.start.isoformat(),
        "end": job.end.isoformat(),
        "lane": job.lane,
        "status": job.status,
        "created_at": job.created_at.timestamp(),
        "finished_at": job.finished_at.timestamp() if job.finished_at else "",
        "calls_total": job.calls_total,
        "calls_done": 0,
        "calls_failed": 0,
        "calls_sent": 0,
        "trace_context": orjson.dumps(dict(job.trace_context)).decode(),
    }


def _job(job_id: str, fields: Mapping[str, str]) -> Job:
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
