"""The paginated list of an account's jobs (Redis), newest first; new jobs do not shift pages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from redis.asyncio import Redis

from shared.jobs.ledger import job_key
from shared.jobs.models import Job
from shared.jobs.store import jobs_key, parse_job

_READ_AT_ONCE = 100
MOST_EXAMINED = 2000
"""The maximum number of jobs examined for one page, however few of them match."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the list: after this job, which need not exist any more. ``created_at``: epoch seconds."""

    created_at: float
    job_id: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """A page of jobs, and the position of the next page; ``None`` at the end of the list."""

    jobs: list[Job]
    next_place: Place | None


class JobList:
    """The ordered jobs of each account."""

    def __init__(self, redis: Redis) -> None:
        """Read them from this Redis."""
        self._redis = redis

    async def load_page(
        self,
        account_id: str,
        limit: int,
        *,
        place: Place | None = None,
        wanted: Callable[[Job], bool] = lambda job: True,
        created_from: datetime | None = None,
        created_before: datetime | None = None,
    ) -> JobPage:
        """Up to ``limit`` matching jobs after a position. May return fewer although more exist, when few jobs match."""
        found: list[Job] = []
        examined, newest = 0, created_before and f"({created_before.timestamp()}"
        oldest = created_from.timestamp() if created_from else "-inf"
        while True:
            batch = await self._next(account_id, place, newest or "+inf", oldest)
            for each, job in batch:
                if len(found) == limit:
                    return JobPage(found, place)
                place = each
                if job is not None and wanted(job):
                    found.append(job)
            examined += len(batch)
            if len(batch) < _READ_AT_ONCE:
                return JobPage(found, None)
            if examined >= MOST_EXAMINED:
                return JobPage(found, place)

    async def _next(
        self, account_id: str, place: Place | None, newest: str, oldest: float | str
    ) -> list[tuple[Place, Job | None]]:
        """The next jobs after a position; ``None`` for a job that has expired."""
        if place is not None and (newest == "+inf" or place.created_at < float(newest[1:])):
            newest = repr(place.created_at)
        places: list[Place] = []
        offset = 0
        while len(places) < _READ_AT_ONCE:
            rows = await cast(
                Awaitable[list[tuple[bytes, float]]],
                self._redis.zrevrangebyscore(
                    jobs_key(account_id), newest, oldest, start=offset, num=_READ_AT_ONCE, withscores=True
                ),
            )
            found = (Place(float(score), job_id.decode()) for job_id, score in rows)
            places += [each for each in found if place is None or _key(each) < _key(place)]
            offset += len(rows)
            if len(rows) < _READ_AT_ONCE:
                break
        places = places[:_READ_AT_ONCE]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for each in places:
                pipeline.hgetall(job_key(each.job_id))
            records: list[dict[bytes, bytes]] = await pipeline.execute() if places else []
        return [(each, _job(each.job_id, record)) for each, record in zip(places, records, strict=True)]


def _key(place: Place) -> tuple[float, str]:
    # The order of the sorted set: the id decides between two jobs created at the same time.
    return place.created_at, place.job_id


def _job(job_id: str, record: dict[bytes, bytes]) -> Job | None:
    fields: dict[str, Any] = {name.decode(): value.decode() for name, value in record.items()}
    return parse_job(job_id, fields) if fields else None
