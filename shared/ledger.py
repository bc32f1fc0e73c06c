"""The ledger of calls (Redis): what is planned, who works on it, what is settled. The queue only carries it.

Every planned call is settled exactly once. Each enqueued call has a *lease*, a moment by which somebody must have
shown a sign of life; a sweeper enqueues again what let its lease run out, because a queue can lose a message. So a
call may be delivered twice; of two deliveries one is told that there is nothing to do. Each step is one Lua script:
a process may die between two commands, not inside one.

`calls:{job}` holds, for each number n: ``n`` its days, ``n:attempts``, ``n:queued`` while the queue should hold it,
``n:until`` (who works on it is alive until then), ``n:outcome`` once it is settled. `leases` holds ``job/n`` by
deadline. Times are epoch seconds.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from redis.asyncio import Redis

from shared.models import CallTicket, DayRange, JobStatus

OK = "ok"
LEASES_KEY = "leases"
_FORGOTTEN_AT_ONCE = 200

# Gives the next calls of a job a lease, as many as may be in flight. Used by creating, settling and cancelling.
_ADVANCE = """
local function advance(job, calls, leases, id, in_flight, deadline)
  local status = redis.call('HGET', job, 'status')
  if status ~= 'queued' and status ~= 'running' then return {} end
  local total = tonumber(redis.call('HGET', job, 'calls_total'))
  local done = tonumber(redis.call('HGET', job, 'calls_done'))
  local sent = tonumber(redis.call('HGET', job, 'calls_sent'))
  local next_calls = {}
  while sent < total and sent - done < in_flight do
    redis.call('ZADD', leases, deadline, id .. '/' .. sent)
    redis.call('HSET', calls, sent .. ':queued', 1)
    next_calls[#next_calls + 1] = sent
    sent = sent + 1
  end
  redis.call('HSET', job, 'calls_sent', sent)
  return next_calls
end
"""

# KEYS job calls leases; ARGV id in_flight deadline → numbers of the calls to enqueue
_SEND = _ADVANCE + "return advance(KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[2]), ARGV[3])"

# KEYS job calls leases; ARGV id n now until → nothing to do: {}, else {days, attempt}
_START = """
local member = ARGV[1] .. '/' .. ARGV[2]
local status = redis.call('HGET', KEYS[1], 'status')
if (status ~= 'queued' and status ~= 'running') or redis.call('HEXISTS', KEYS[2], ARGV[2] .. ':outcome') == 1 then
  redis.call('ZREM', KEYS[3], member)
  return {}
end
local until_ = redis.call('HGET', KEYS[2], ARGV[2] .. ':until')
if until_ and tonumber(until_) > tonumber(ARGV[3]) then return {} end
redis.call('HDEL', KEYS[2], ARGV[2] .. ':queued')
redis.call('HSET', KEYS[2], ARGV[2] .. ':until', ARGV[4])
redis.call('ZADD', KEYS[3], ARGV[4], member)
if status == 'queued' then redis.call('HSET', KEYS[1], 'status', 'running', 'started_at', ARGV[3]) end
return {redis.call('HGET', KEYS[2], ARGV[2]), redis.call('HINCRBY', KEYS[2], ARGV[2] .. ':attempts', 1)}
"""

# KEYS calls leases; ARGV id n until → 1 while the call is still to be done
_RENEW = """
if redis.call('HEXISTS', KEYS[1], ARGV[2] .. ':outcome') == 1 then return 0 end
local member = ARGV[1] .. '/' .. ARGV[2]
if not redis.call('ZSCORE', KEYS[2], member) then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], member)
redis.call('HSET', KEYS[1], ARGV[2] .. ':until', ARGV[3])
return 1
"""

# KEYS job calls leases; ARGV id n until counted: nobody works on it until then, the sweeper enqueues it. Nothing of a
# job that was erased or cancelled meanwhile: it would come back.
_PARK = """
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'queued' and status ~= 'running' then return 0 end
if redis.call('HEXISTS', KEYS[2], ARGV[2] .. ':outcome') == 1 then return 0 end
redis.call('HDEL', KEYS[2], ARGV[2] .. ':until')
if ARGV[4] == '0' then redis.call('HINCRBY', KEYS[2], ARGV[2] .. ':attempts', -1) end
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1] .. '/' .. ARGV[2])
return 1
"""

# KEYS job calls leases; ARGV id n outcome now in_flight deadline keep_seconds → {settled now?, status, next calls…}
_SETTLE = (
    _ADVANCE
    + """
local status = redis.call('HGET', KEYS[1], 'status')
local alive = status == 'queued' or status == 'running'
if not alive or redis.call('HSETNX', KEYS[2], ARGV[2] .. ':outcome', ARGV[3]) == 0 then
  redis.call('ZREM', KEYS[3], ARGV[1] .. '/' .. ARGV[2])
  return {0, ''}
end
redis.call('ZREM', KEYS[3], ARGV[1] .. '/' .. ARGV[2])
local done = redis.call('HINCRBY', KEYS[1], 'calls_done', 1)
if ARGV[3] ~= 'ok' then
  redis.call('HINCRBY', KEYS[1], 'calls_failed', 1)
  redis.call('HINCRBY', KEYS[1], 'error:' .. ARGV[3], 1)
end
local total = tonumber(redis.call('HGET', KEYS[1], 'calls_total'))
if done == total then
  local failed = tonumber(redis.call('HGET', KEYS[1], 'calls_failed'))
  status = failed == 0 and 'succeeded' or failed < total and 'partial' or 'failed'
  redis.call('HSET', KEYS[1], 'status', status, 'finished_at', ARGV[4])
  redis.call('EXPIRE', KEYS[1], ARGV[7])
  redis.call('EXPIRE', KEYS[2], ARGV[7])
end
local reply = {1, status}
for _, number in ipairs(advance(KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[5]), ARGV[6])) do
  reply[#reply + 1] = number
end
return reply
"""
)

# KEYS job calls leases; ARGV id now keep_seconds → 1 when this was what ended the job. Messages that are in the queue
# are told so when they are taken up.
_CANCEL = """
local status, sent = unpack(redis.call('HMGET', KEYS[1], 'status', 'calls_sent'))
if status ~= 'queued' and status ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'status', 'cancelled', 'finished_at', ARGV[2])
for number = 0, tonumber(sent) - 1 do redis.call('ZREM', KEYS[3], ARGV[1] .. '/' .. number) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""

# KEYS job calls leases; ARGV id → 1 when the job was under way
_FORGET = """
local status, sent = unpack(redis.call('HMGET', KEYS[1], 'status', 'calls_sent'))
for number = 0, tonumber(sent or 0) - 1 do redis.call('ZREM', KEYS[3], ARGV[1] .. '/' .. number) end
redis.call('DEL', KEYS[1], KEYS[2])
return (status == 'queued' or status == 'running') and 1 or 0
"""

# KEYS leases; ARGV now deadline limit → members to enqueue again, each with a new lease. A call that is still marked
# as queued while its lane's queue holds messages is taken to be among them: enqueuing it again would only make the
# queue longer, and once the queue is empty a call that never started is surely lost.
_OVERDUE = """
local again = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local id, number = string.match(member, '^(.*)/(%d+)$')
  local status, lane = unpack(redis.call('HMGET', 'job:' .. id, 'status', 'lane'))
  local calls = 'calls:' .. id
  if status ~= 'queued' and status ~= 'running' then
    redis.call('ZREM', KEYS[1], member)
  else
    redis.call('ZADD', KEYS[1], ARGV[2], member)
    local queued = redis.call('HGET', calls, number .. ':queued')
    if not queued or redis.call('LLEN', lane) == 0 then
      redis.call('HSET', calls, number .. ':queued', 1)
      again[#again + 1] = member
    end
  end
end
return again
"""


@dataclass(frozen=True, slots=True)
class StartedCall:
    """A call that is now ours to do: its days, and the how manieth attempt it is."""

    ticket: CallTicket
    days: DayRange
    attempt: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settling a call did: whether it was this time (and not before), the job's status, what to enqueue next."""

    settled: bool
    status: JobStatus | None
    next_calls: tuple[CallTicket, ...]


class Ledger:
    """The calls of all jobs. One script a step, so that each step is whole or has not happened."""

    def __init__(self, redis: Redis, *, calls_in_flight: int, queued_lease_seconds: float, keep_seconds: int) -> None:
        """A job keeps ``calls_in_flight`` calls in the queue; an ended one is kept for ``keep_seconds``."""
        self._calls_in_flight = calls_in_flight
        self._queued_lease_seconds = queued_lease_seconds
        self._keep_seconds = keep_seconds
        self._redis = redis
        self._send = redis.register_script(_SEND)
        self._start = redis.register_script(_START)
        self._renew = redis.register_script(_RENEW)
        self._park = redis.register_script(_PARK)
        self._settle = redis.register_script(_SETTLE)
        self._overdue = redis.register_script(_OVERDUE)
        self._cancel = redis.register_script(_CANCEL)
        self._forget = redis.register_script(_FORGET)

    async def send_next(self, job_id: str, now: datetime) -> tuple[CallTicket, ...]:
        """Lease the next calls of a job, as many as it may have in flight: they are to be enqueued."""
        numbers = await _run(self._send, _keys(job_id), [job_id, self._calls_in_flight, self._queued_deadline(now)])
        return tuple(CallTicket(job_id, int(number)) for number in numbers)

    async def start_call(self, ticket: CallTicket, now: datetime, lease_seconds: float) -> StartedCall | None:
        """Begin a call, or ``None`` when it is settled, cancelled, or in the hands of somebody alive."""
        moment = now.timestamp()
        reply = await _run(
            self._start, _keys(ticket.job_id), [ticket.job_id, ticket.number, moment, moment + lease_seconds]
        )
        if not reply:
            return None
        start, end = cast(bytes, reply[0]).decode().split("/")
        return StartedCall(ticket, DayRange(date.fromisoformat(start), date.fromisoformat(end)), int(reply[1]))

    async def renew(self, ticket: CallTicket, now: datetime, lease_seconds: float) -> bool:
        """A sign of life of whoever works on the call; ``False`` when there is nothing left to do."""
        arguments = [ticket.job_id, ticket.number, now.timestamp() + lease_seconds]
        return bool(await _run(self._renew, _keys(ticket.job_id)[1:], arguments))

    async def park(self, ticket: CallTicket, until: datetime, *, counts_as_attempt: bool) -> None:
        """Lay a call aside until a moment; it is enqueued again then."""
        arguments = [ticket.job_id, ticket.number, until.timestamp(), int(counts_as_attempt)]
        await _run(self._park, _keys(ticket.job_id), arguments)

    async def settle(self, ticket: CallTicket, outcome: str, now: datetime) -> Settlement:
        """End a call with `OK` or an error's code; the second time it changes nothing."""
        reply = await _run(
            self._settle,
            _keys(ticket.job_id),
            [
                ticket.job_id,
                ticket.number,
                outcome,
                now.timestamp(),
                self._calls_in_flight,
                self._queued_deadline(now),
                self._keep_seconds,
            ],
        )
        settled, status, *numbers = reply
        tickets = tuple(CallTicket(ticket.job_id, int(number)) for number in numbers)
        return Settlement(bool(settled), JobStatus(cast(bytes, status).decode()) if status else None, tickets)

    async def cancel(self, job_id: str, now: datetime) -> bool:
        """End a job: what it has enqueued is free at once, and an answer that is on its way is not stored.

        Returns whether this call ended it; ``False`` for one that has ended, and for none.
        """
        arguments = [job_id, now.timestamp(), self._keep_seconds]
        return bool(await _run(self._cancel, _keys(job_id), arguments))

    async def forget(self, job_ids: Sequence[str]) -> list[str]:
        """Erase jobs with their calls, as if they had never been. Returns those that were under way."""
        under_way: list[str] = []
        for index in range(0, len(job_ids), _FORGOTTEN_AT_ONCE):
            batch = job_ids[index : index + _FORGOTTEN_AT_ONCE]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in batch:
                    await self._forget(keys=_keys(job_id), args=[job_id], client=pipeline)
                replies = await pipeline.execute()
            under_way += [job_id for job_id, reply in zip(batch, replies, strict=True) if reply]
        return under_way

    async def overdue_calls(self, now: datetime, limit: int = 200) -> list[CallTicket]:
        """The calls whose lease ran out, oldest first, leased anew: they are to be enqueued again."""
        members = await _run(self._overdue, [LEASES_KEY], [now.timestamp(), self._queued_deadline(now), limit])
        pairs = (cast(bytes, member).decode().rsplit("/", 1) for member in members)
        return [CallTicket(job_id, int(number)) for job_id, number in pairs]

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


def _keys(job_id: str) -> list[str]:
    return [job_key(job_id), calls_key(job_id), LEASES_KEY]


async def _run(script: Any, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    return await cast(Awaitable[Any], script(keys=keys, args=arguments))
