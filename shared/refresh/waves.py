"""The progress of the refresh (Redis): its waves, the position at which a plan resumes after a crash, its active jobs.

A *wave* is one plan over all usage points, and the calls that result from it. `refresh:waves` holds the ids of the
newest ones by start, `refresh:wave:{id}` the counts of each. `refresh:jobs` holds ``wave|job`` for each series with an
active job of the refresh, by a hash of the series: not even the id of an erased point remains. No key or value here
identifies an account.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Literal, cast

from redis.asyncio import Redis

from shared.config.settings import Settings
from shared.core.datasets import Series
from shared.crypto.server_secret import ServerSecret
from shared.jobs.ledger import job_key
from shared.jobs.models import Job, JobStatus
from shared.refresh.wave_schedule import first_wave
from shared.storage.redis_scripts import RedisScript

PLANNER_SECONDS = 30.0
"""A planner that has not renewed its lease for this long is considered dead."""
_PACKAGE = "shared.refresh"
_KEPT_WAVES = 12
_KEPT_SECONDS = 4 * 86400
_LOOKED_AT_ONCE = 1000

_WAVES_KEY, _JOBS_KEY, _PLANNER_KEY, _RESUMED_KEY = (
    "refresh:waves",
    "refresh:jobs",
    "refresh:planner",
    "refresh:resumed",
)


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave. ``cursor``: during planning, the last planned usage point. ``points``, ``jobs``, ``calls``: counts so
    far. ``waiting``: series skipped because the job of an earlier wave for them had not ended. ``left_by_earlier``:
    unsettled calls of earlier waves at the start of this one."""

    id: str
    state: Literal["planning", "broken_off", "running", "ended"]
    by_hand: bool
    started_at: datetime
    planned_at: datetime | None
    ended_at: datetime | None
    cursor: str
    points: int
    jobs: int
    calls: int
    calls_left: int
    calls_failed: int
    waiting: int
    left_by_earlier: int

    @property
    def calls_done(self) -> int:
        """The number of its calls that are settled or no longer needed."""
        return self.calls - self.calls_left


class RefreshStore:
    """The waves of the refresh. Only one planner plans at a time."""

    def __init__(self, redis: Redis) -> None:
        """Store them in this Redis."""
        self._redis = redis
        self._begin: RedisScript[int] = RedisScript(redis, _PACKAGE, "begin")
        self._note: RedisScript[int] = RedisScript(redis, _PACKAGE, "note")
        self._look: RedisScript[list[Any]] = RedisScript(redis, _PACKAGE, "look")
        self._abandoned: RedisScript[int] = RedisScript(redis, _PACKAGE, "abandoned")
        self._let_go: RedisScript[None] = RedisScript(redis, _PACKAGE, "let_go")

    # Planning

    async def claim_plan(self) -> str | None:
        """Become the planner, with a lease of `PLANNER_SECONDS`; ``None`` while another planner holds the lease."""
        planner = secrets.token_hex(8)
        got_it = await self._redis.set(_PLANNER_KEY, planner, nx=True, px=int(PLANNER_SECONDS * 1000))
        return planner if got_it else None

    async def release_plan(self, planner: str) -> None:
        """Release the lease of the planner."""
        await self._let_go(planner=_PLANNER_KEY, who=planner)

    async def begin_wave(self, wave_id: str, now: datetime, *, by_hand: bool) -> bool:
        """Record the start of a wave, with the unsettled calls of earlier ones; ``False`` if it has already started."""
        left = sum((await self._calls_left()).values())
        begins = await self._begin(
            waves=_WAVES_KEY,
            wave=_wave_key(wave_id),
            id=wave_id,
            now=now.timestamp(),
            by_hand=int(by_hand),
            left=left,
            kept=_KEPT_WAVES,
            kept_seconds=_KEPT_SECONDS,
        )
        return bool(begins)

    async def note_point(
        self, planner: str, wave_id: str, usage_point_id: str, jobs: Sequence[Job], waiting: int
    ) -> bool:
        """Record a planned usage point: its jobs, and the number of series with an active job. Renews the lease.

        Returns whether this planner still holds the plan; a planner whose lease was taken over stops.
        """
        noted = await self._note(
            planner=_PLANNER_KEY,
            wave=_wave_key(wave_id),
            jobs=_JOBS_KEY,
            who=planner,
            lease_ms=int(PLANNER_SECONDS * 1000),
            id=wave_id,
            cursor=usage_point_id,
            waiting=waiting,
            made=[part for job in jobs for part in (_series_field(job.series), job.id, job.calls_total)],
        )
        return bool(noted)

    async def note_planned(self, wave_id: str, now: datetime) -> None:
        """Record that the planning of a wave is complete."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(_wave_key(wave_id), "planned_at", now.timestamp())
            pipeline.hdel(_wave_key(wave_id), "cursor")
            await pipeline.execute()

    async def find_under_way(self, all_series: Collection[Series]) -> set[Series]:
        """The series with a job of an earlier wave that has not ended yet."""
        if not all_series:
            return set()
        fields = [_series_field(series) for series in all_series]
        entries = await cast(Awaitable[list[bytes | None]], self._redis.hmget(_JOBS_KEY, fields))
        jobs = {
            series: entry.decode().partition("|")[2] for series, entry in zip(all_series, entries, strict=True) if entry
        }
        async with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in jobs.values():
                pipeline.hget(job_key(job_id), "status")
            statuses = await pipeline.execute()
        return {
            series
            for series, status in zip(jobs, statuses, strict=True)
            if status is not None and not JobStatus(status.decode()).ended
        }

    async def is_abandoned(self) -> bool:
        """Whether the newest wave's plan was interrupted. True once per `PLANNER_SECONDS`: it is resumed once."""
        abandoned = await self._abandoned(
            waves=_WAVES_KEY, planner=_PLANNER_KEY, resumed=_RESUMED_KEY, pause_seconds=int(PLANNER_SECONDS)
        )
        return bool(abandoned)

    # Monitoring

    async def load_newest(self) -> Wave | None:
        """The newest wave, if one started within the last days."""
        return next(iter(await self.load_waves(1)), None)

    async def load_waves(self, limit: int = _KEPT_WAVES) -> list[Wave]:
        """The newest waves, newest first."""
        ids = await cast(Awaitable[list[bytes]], self._redis.zrevrange(_WAVES_KEY, 0, limit - 1))
        left = await self._calls_left()
        waves = []
        for number, wave_id in enumerate(map(bytes.decode, ids)):
            fields = await cast(Awaitable[Mapping[bytes, bytes]], self._redis.hgetall(_wave_key(wave_id)))
            if fields:
                known = {name.decode(): value.decode() for name, value in fields.items()}
                waves.append(_wave(wave_id, known, left.get(wave_id, 0), is_newest=number == 0))
        return waves

    async def _calls_left(self) -> dict[str, int]:
        """The number of unsettled calls of each wave."""
        cursor, found = b"0", dict[bytes, tuple[str, int]]()
        while True:
            cursor, *page = await self._look(jobs=_JOBS_KEY, cursor=cursor, count=_LOOKED_AT_ONCE)
            # A scan may return an entry twice.
            found |= {series: (wave_id.decode(), int(left)) for series, wave_id, left in page}
            if cursor == b"0":
                break
        total: dict[str, int] = {}
        for wave_id, left in found.values():
            total[wave_id] = total.get(wave_id, 0) + left
        return total


def time_of_first_wave(settings: Settings, server: ServerSecret) -> time:
    """When this gateway's refresh begins, in Paris time: as configured, plus a delay specific to the gateway."""
    own = server.keyed_hash("first wave", purpose="refresh")
    return first_wave(settings.refresh_at, own, settings.refresh_jitter_minutes)


def _wave(wave_id: str, fields: Mapping[str, str], left: int, *, is_newest: bool) -> Wave:
    planned_at = _moment(fields.get("planned_at"))
    ended_at = None
    if planned_at is not None and not left:
        ended_at = max(planned_at, _moment(fields.get("finished_at")) or planned_at)
    state: Literal["planning", "broken_off", "running", "ended"] = "ended" if ended_at else "running"
    if planned_at is None:
        state = "planning" if is_newest else "broken_off"
    return Wave(
        id=wave_id,
        state=state,
        by_hand=fields["by_hand"] == "1",
        started_at=datetime.fromtimestamp(float(fields["started_at"]), UTC),
        planned_at=planned_at,
        ended_at=ended_at,
        cursor=fields.get("cursor", ""),
        calls_left=left,
        **{
            name: int(fields.get(name, 0))
            for name in ("points", "jobs", "calls", "calls_failed", "waiting", "left_by_earlier")
        },
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(float(text), UTC) if text else None


def _wave_key(wave_id: str) -> str:
    return f"refresh:wave:{wave_id}"


def _series_field(series: Series) -> str:
    # The hash can't be reversed by guessing, because ids are random.
    return hashlib.sha256(f"{series.usage_point_id}/{series.dataset}".encode()).hexdigest()[:32]
