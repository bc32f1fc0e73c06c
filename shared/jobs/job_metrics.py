"""Metrics for operators (Redis): the size of queues and lines, and cumulative counts of settled calls and jobs.

`figures` holds the counts: ``call|{lane}|{outcome}`` and ``job|{lane}|{status}``. They are meant for graphs and alerts,
not for accounting: if a process dies between a settlement and its count, the settlement is not counted. They identify
no account.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from shared.jobs.fair_queue import LINES
from shared.jobs.ledger import LEASES_KEY
from shared.jobs.models import JobStatus, Lane

_KEY = "figures"
_CALL, _JOB = "call", "job"


@dataclass(frozen=True, slots=True)
class Backlog:
    """The backlog at one time. ``queued``: messages in the queue of each lane; ``accounts_waiting``: accounts with
    waiting calls, ``places_taken``: calls that are queued, running, or without a slot, both by line; ``leased``: these
    and parked calls; ``dead``: dead calls that are still listed."""

    queued: Mapping[str, int]
    accounts_waiting: Mapping[str, int]
    places_taken: Mapping[str, int]
    leased: int
    dead: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The number of calls by lane and outcome, and of ended jobs by lane and status; cancelled jobs are not counted."""

    calls: Mapping[tuple[str, str], int]
    jobs: Mapping[tuple[str, str], int]


class JobMetrics:
    """The job metrics of the whole gateway."""

    def __init__(self, redis: Redis) -> None:
        """Store them in this Redis."""
        self._redis = redis

    async def note_settled(self, lane: Lane, outcome: str, ended_as: JobStatus | None) -> None:
        """Count a call, and its job if the call ended it."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hincrby(_KEY, f"{_CALL}|{lane}|{outcome}")
            if ended_as is not None:
                pipeline.hincrby(_KEY, f"{_JOB}|{lane}|{ended_as}")
            await pipeline.execute()

    async def load_settled(self) -> Settled:
        """All counts."""
        found: dict[str, dict[tuple[str, str], int]] = {_CALL: {}, _JOB: {}}
        for field, count in (await cast(Awaitable[Mapping[bytes, bytes]], self._redis.hgetall(_KEY))).items():
            what, lane, name = field.decode().split("|")
            found[what][lane, name] = int(count)
        return Settled(found[_CALL], found[_JOB])

    async def load_backlog(self) -> Backlog:
        """The current backlog."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            for lane in Lane:
                pipeline.llen(str(lane))
            for line in LINES:
                pipeline.zcard(f"line:{line}")
            for line in LINES:
                pipeline.zcard(f"places:{line}")
            pipeline.zcard(LEASES_KEY)
            pipeline.xlen("dead")
            sizes: list[Any] = await pipeline.execute()
        lanes, lines = len(Lane), len(LINES)
        return Backlog(
            queued=dict(zip(map(str, Lane), sizes[:lanes], strict=True)),
            accounts_waiting=dict(zip(LINES, sizes[lanes : lanes + lines], strict=True)),
            places_taken=dict(zip(LINES, sizes[lanes + lines : lanes + 2 * lines], strict=True)),
            leased=sizes[-2],
            dead=sizes[-1],
        )
