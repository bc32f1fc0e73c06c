"""The ledger of calls (Redis): which calls are planned, due, running and settled. The queue is only the transport.

Every planned call is settled exactly once. Calls wait in lines (`shared.jobs.fair_queue`), and only a few of them are
in the queue. Each queued call has a *lease*, the time by which its worker must renew it; a sweeper enqueues calls whose
lease has expired again, because a queue can lose a message. So a call may be delivered twice; the second delivery has
no effect. Before a call fetches, it claims its windows (`lua/window_claims.lua`): of two calls for the same window one
fetches, and the other waits for it. Each step is one Lua script (`lua/`): a process can die between two steps, not
inside one.

`calls:{job}` holds, for each number n: ``n`` its days, ``n:attempts``, ``n:queued`` while the queue should hold it,
``n:until`` (the end of the worker's lease), ``n:claims`` its windows, ``n:waits_for`` another call and
``n:waits_since`` when, ``n:outcome`` once it is settled. `leases` holds ``job/n`` by deadline. Times are epoch seconds.

| State | In ``leases``, by | Has a place | In ``again`` | Marked |
| --- | --- | --- | --- | --- |
| planned | | | | its number is not below the job's ``calls_sent`` |
| queued | when it counts as lost | yes | | ``queued`` |
| running | the end of its lease | yes | | ``until`` |
| without a slot | its retry time | yes | | |
| parked | its retry time | | | |
| waiting for another call | when it stops waiting | | | ``waits_for`` |
| requeued | | | yes | |
| settled | | | | ``outcome`` |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from redis.asyncio import Redis

from shared.core.calendar import DayRange
from shared.jobs.dead_letters import KEPT, KEPT_CALLS
from shared.jobs.fair_queue import LINES
from shared.jobs.models import CallTicket, DueCall, JobStatus, Lane
from shared.storage.redis_scripts import RedisScript

OK = "ok"
LEASES_KEY = "leases"
_PACKAGE = "shared.jobs"
_FORGOTTEN_AT_ONCE = 200
# How long an interactive call waits for a running call of the bulk lane that fetches the same window.
_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class StartedCall:
    """A call that this worker has started: its days, and the number of the attempt."""

    ticket: CallTicket
    days: DayRange
    attempt: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result of settling a call: whether this call settled it (and not an earlier one), and the job's status."""

    settled: bool
    status: JobStatus | None


class Ledger:
    """The calls of all jobs. Each step is one script, and therefore atomic.

    Settling, parking and cancelling free places: call `send_next` afterwards to give them to other calls. If a
    process dies in between, the next caller or the sweeper does it.
    """

    def __init__(
        self, redis: Redis, *, calls_in_flight: int, queue_depth: int, queued_lease_seconds: float, keep_seconds: int
    ) -> None:
        """A line has ``queue_depth`` places, of which an account may use ``calls_in_flight``; ended jobs are kept for
        ``keep_seconds``."""
        self._bounds: dict[str, int] = {"depth": queue_depth, "for_account": calls_in_flight}
        self._queued_lease_seconds = queued_lease_seconds
        self._keep_seconds = keep_seconds
        self._redis = redis
        self._send: RedisScript[list[Any]] = RedisScript(redis, _PACKAGE, "send")
        self._start: RedisScript[list[Any]] = RedisScript(redis, _PACKAGE, "start")
        self._renew: RedisScript[int] = RedisScript(redis, _PACKAGE, "renew")
        self._park: RedisScript[int] = RedisScript(redis, _PACKAGE, "park")
        self._claim: RedisScript[int] = RedisScript(redis, _PACKAGE, "claim")
        self._settle: RedisScript[tuple[int, bytes]] = RedisScript(redis, _PACKAGE, "settle")
        self._sweep: RedisScript[list[Any]] = RedisScript(redis, _PACKAGE, "sweep")
        self._cancel: RedisScript[int] = RedisScript(redis, _PACKAGE, "cancel")
        self._forget: RedisScript[int] = RedisScript(redis, _PACKAGE, "forget")

    async def send_next(self, now: datetime) -> list[DueCall]:
        """Give free places to the next calls in line and lease them. Returns the calls to enqueue."""
        deadline = self._queued_deadline(now)
        return [
            _due(each) for each in await self._send(now=now.timestamp(), deadline=deadline, line=LINES, **self._bounds)
        ]

    async def start_call(self, ticket: CallTicket, now: datetime, lease_seconds: float) -> StartedCall | None:
        """Start a call, or ``None`` when it is settled, cancelled, parked, or leased to another live worker."""
        moment = now.timestamp()
        reply = await self._start(job=ticket.job_id, number=ticket.number, now=moment, until=moment + lease_seconds)
        return StartedCall(ticket, _days(reply[0]), int(reply[1])) if reply else None

    async def renew(self, ticket: CallTicket, now: datetime, lease_seconds: float) -> bool:
        """Renew the worker's lease of a call; ``False`` when there is nothing left to do."""
        until = now.timestamp() + lease_seconds
        return bool(await self._renew(job=ticket.job_id, number=ticket.number, until=until))

    async def claim(self, ticket: CallTicket, windows: Sequence[str], now: datetime) -> bool:
        """Claim these windows of the job's series exclusively until the call is settled. Callers must read the coverage
        of the windows again afterwards: another call may have stored them in the meantime.

        ``False`` when another call is fetching one of them: this call is then parked until that one is settled, holds
        nothing, and no attempt is counted. An interactive call waits for a call of the bulk lane only while that call
        is running, and only briefly.
        """
        claimed = await self._claim(
            job=ticket.job_id, number=ticket.number, now=now.timestamp(), patience=_PATIENCE_SECONDS, window=windows
        )
        return bool(claimed)

    async def park(
        self, ticket: CallTicket, until: datetime, *, counts_as_attempt: bool, keeps_place: bool = False
    ) -> None:
        """Park a call until a time at which it is enqueued again. ``keeps_place``: the place is not given to another
        call in the meantime, because no other call could use it either."""
        await self._park(
            job=ticket.job_id,
            number=ticket.number,
            until=until.timestamp(),
            counts_as_attempt=int(counts_as_attempt),
            keeps_place=int(keeps_place),
        )

    async def settle(
        self,
        ticket: CallTicket,
        outcome: str,
        now: datetime,
        *,
        is_dead: bool = False,
        upstream_code: str | None = None,
    ) -> Settlement:
        """Settle a call with `OK` or an error's code. Idempotent. ``is_dead``: the call failed permanently and is
        listed for administrators (`shared.jobs.dead_letters`)."""
        settled, status = await self._settle(
            job=ticket.job_id,
            number=ticket.number,
            outcome=outcome,
            now=now.timestamp(),
            keep_seconds=self._keep_seconds,
            is_dead=int(is_dead),
            upstream_code=upstream_code or "",
            dead_kept=KEPT_CALLS,
            dead_before=(now - KEPT).timestamp(),
        )
        return Settlement(bool(settled), JobStatus(status.decode()) if status else None)

    async def cancel(self, job_id: str, now: datetime) -> bool:
        """Cancel a job: its places are freed immediately, and a pending response is not stored.

        Returns whether this call ended it; ``False`` for a job that has ended or does not exist.
        """
        return bool(await self._cancel(job=job_id, now=now.timestamp(), keep_seconds=self._keep_seconds))

    async def forget(self, job_ids: Sequence[str]) -> list[str]:
        """Erase jobs with their calls, without a trace. Returns those that had not ended."""
        under_way: list[str] = []
        for index in range(0, len(job_ids), _FORGOTTEN_AT_ONCE):
            batch = job_ids[index : index + _FORGOTTEN_AT_ONCE]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in batch:
                    await self._forget(pipeline, job=job_id)
                replies = await pipeline.execute()
            under_way += [job_id for job_id, reply in zip(batch, replies, strict=True) if reply]
        return under_way

    async def overdue_calls(self, now: datetime, limit: int = 200) -> list[DueCall]:
        """The calls to enqueue again, with a new lease: of at most ``limit`` expired leases the calls that the queue
        lost, and those that kept their place and are due, in the order of their places; then the next calls in line.
        """
        found = await self._sweep(
            limit=limit, now=now.timestamp(), deadline=self._queued_deadline(now), line=LINES, **self._bounds
        )
        return [_due(each) for each in found]

    def _queued_deadline(self, now: datetime) -> float:
        return now.timestamp() + self._queued_lease_seconds


def job_key(job_id: str) -> str:
    """The key of the job's record."""
    return f"job:{job_id}"


def calls_key(job_id: str) -> str:
    """The key of the job's calls."""
    return f"calls:{job_id}"


def planned_calls(calls: Sequence[DayRange]) -> dict[str, str]:
    """The fields of `calls_key` for a new job."""
    return {str(number): f"{days.start}/{days.end}" for number, days in enumerate(calls)}


def _days(text: bytes) -> DayRange:
    start, end = text.decode().split("/")
    return DayRange(date.fromisoformat(start), date.fromisoformat(end))


def _due(found: Sequence[Any]) -> DueCall:
    job_id, number, lane, trace_context = found
    return DueCall(CallTicket(job_id.decode(), int(number)), Lane(lane.decode()), orjson.loads(trace_context or b"{}"))
