"""The ledger of calls (Redis): what is planned, whose turn it is, who works on it, what is settled. The queue only
carries it.

Every planned call is settled exactly once. Calls wait for their turn in lines (`shared.jobs.fair_queue`), and few of
them are in the queue. Each that is has a *lease*, a moment by which its worker must have shown a sign of life; a
sweeper enqueues again what let its lease run out, because a queue can lose a message. So a call may be delivered twice;
of two deliveries one is told that there is nothing to do. Before a call fetches it claims its windows
(`lua/window_claims.lua`): of two that want the same one fetches, and the other waits for it. Each step is one Lua
script (`lua/`): a process may die between two commands, not inside one.

`calls:{job}` holds, for each number n: ``n`` its days, ``n:attempts``, ``n:queued`` while the queue should hold it,
``n:until`` (who works on it is alive until then), ``n:claims`` its windows, ``n:waits_for`` another call and
``n:waits_since`` when, ``n:outcome`` once it is settled. `leases` holds ``job/n`` by deadline. Times are epoch seconds.

| State | In ``leases``, by | Has a place | In ``again`` | Marked |
| --- | --- | --- | --- | --- |
| planned | | | | its number is not below the job's ``calls_sent`` |
| queued | when it counts as lost | yes | | ``queued`` |
| at work | the end of its lease | yes | | ``until`` |
| without a slot | its moment | yes | | |
| laid aside | its moment | | | |
| waiting for another call | when it stops waiting | | | ``waits_for`` |
| come back | | | yes | |
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
# So long a call for which somebody waits waits for one of the bulk lane that fetches the same at this moment.
_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class StartedCall:
    """A call that is now ours to do: its days, and the how manieth attempt it is."""

    ticket: CallTicket
    days: DayRange
    attempt: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settling a call did: whether it was this time (and not before), and the job's status."""

    settled: bool
    status: JobStatus | None


class Ledger:
    """The calls of all jobs. One script a step, so that each step is whole or has not happened.

    Settling, laying aside and ending free places: `send_next` gives them to others, and has to be called after these.
    Whoever dies in between leaves that to the next one, or to the sweeper.
    """

    def __init__(
        self, redis: Redis, *, calls_in_flight: int, queue_depth: int, queued_lease_seconds: float, keep_seconds: int
    ) -> None:
        """A line has ``queue_depth`` places, an account ``calls_in_flight`` of them; an ended job is kept for
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
        """Give free places to the calls whose turn it is, and lease them: they are to be enqueued."""
        deadline = self._queued_deadline(now)
        return [
            _due(each) for each in await self._send(now=now.timestamp(), deadline=deadline, line=LINES, **self._bounds)
        ]

    async def start_call(self, ticket: CallTicket, now: datetime, lease_seconds: float) -> StartedCall | None:
        """Begin a call, or ``None`` when it is settled, cancelled, laid aside, or in the hands of somebody alive."""
        moment = now.timestamp()
        reply = await self._start(job=ticket.job_id, number=ticket.number, now=moment, until=moment + lease_seconds)
        return StartedCall(ticket, _days(reply[0]), int(reply[1])) if reply else None

    async def renew(self, ticket: CallTicket, now: datetime, lease_seconds: float) -> bool:
        """A sign of life of whoever works on the call; ``False`` when there is nothing left to do."""
        until = now.timestamp() + lease_seconds
        return bool(await self._renew(job=ticket.job_id, number=ticket.number, until=until))

    async def claim(self, ticket: CallTicket, windows: Sequence[str], now: datetime) -> bool:
        """Have these windows of the job's series to oneself until the call is settled. What was read of them before is
        to be looked at again: somebody may have stored them since.

        ``False`` when another call is fetching one of them: then this one is laid aside until that is settled, holds
        nothing, and it is no attempt. Someone who waits for an answer waits for no call of the bulk lane that is not
        being worked on, and for such a one a moment only.
        """
        claimed = await self._claim(
            job=ticket.job_id, number=ticket.number, now=now.timestamp(), patience=_PATIENCE_SECONDS, window=windows
        )
        return bool(claimed)

    async def park(
        self, ticket: CallTicket, until: datetime, *, counts_as_attempt: bool, keeps_place: bool = False
    ) -> None:
        """Lay a call aside until a moment; it is enqueued again then. ``keeps_place``: nobody could do better with it,
        so it is not given to another call meanwhile."""
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
        """End a call with `OK` or an error's code; the second time it changes nothing. ``is_dead``: it was given up,
        which administrators are to see (`shared.jobs.dead_letters`)."""
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
        """End a job: its places are free at once, and an answer that is on its way is not stored.

        Returns whether this call ended it; ``False`` for one that has ended, and for none.
        """
        return bool(await self._cancel(job=job_id, now=now.timestamp(), keep_seconds=self._keep_seconds))

    async def forget(self, job_ids: Sequence[str]) -> list[str]:
        """Erase jobs with their calls, as if they had never been. Returns those that were under way."""
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
        """The calls to enqueue again, of those whose lease ran out at most so many: what the queue lost, and what kept
        its place and whose moment has come, in the order of their places; then those whose turn it is. All leased anew.
        """
        found = await self._sweep(
            limit=limit, now=now.timestamp(), deadline=self._queued_deadline(now), line=LINES, **self._bounds
        )
        return [_due(each) for each in found]

    def _queued_deadline(self, now: datetime) -> float:
        return now.timestamp() + self._queued_lease_seconds


def job_key(job_id: str) -> str:
    """Where the job's record is."""
    return f"job:{job_id}"


def calls_key(job_id: str) -> str:
    """Where the job's calls are."""
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
