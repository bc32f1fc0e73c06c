"""Whose call is next: the lines in which planned calls wait, and the places that let them into the queue. Lua only.

For each lane there are two lines, one for series and one for records, which have quotas of their own at a provider:
when the hour of one is used up, the other goes on. A line has a bounded number of *places*; a call has one while it is
in the queue, being worked on, or laid aside because no slot of the quota is near. Everything else waits here, as data:
the accounts take turns, the jobs of an account take turns, the calls of a job go in their order. Of the places an
account has a few only, so nobody's backfill makes others wait. `shared.jobs.ledger_scripts` gives the places out.

| Key | Holds |
| --- | --- |
| ``line:{line}`` | sorted set: the accounts that have calls waiting, by turn |
| ``line:{line}:{account}`` | sorted set: the jobs of one that have calls waiting, by turn |
| ``again:{job}`` | sorted set: numbers of calls that came back and wait for their turn, before the job's unsent ones |
| ``places:{line}`` | sorted set: ``account/job/number`` by the moment at which the place was given |
| ``places:{line}:{account}`` | set: ``job/number`` of these |

No counter is kept: how many places are taken is the size of a set, so nothing can leak that is not seen. Keys are named
inside the scripts: this is for one Redis, not for a cluster.
"""

from shared.core.datasets import DATASETS
from shared.jobs.models import Lane

_OF_RECORDS = "_records"

LINES = tuple(f"{lane}{kind}" for lane in Lane for kind in ("", _OF_RECORDS))
"""The names of all lines."""


def line_of(lane: Lane, dataset: str) -> str:
    """The line in which the calls of a job wait."""
    return str(lane) if DATASETS[dataset].is_series else f"{lane}{_OF_RECORDS}"


LINES_LUA = """
local function look_up(id)
  local status, account, lane, line, sent, total = unpack(redis.call(
    'HMGET', 'job:' .. id, 'status', 'account_id', 'lane', 'line', 'calls_sent', 'calls_total'))
  return {
    id = id, calls = 'calls:' .. id, again = 'again:' .. id, account = account, lane = lane, line = line or lane,
    sent = tonumber(sent or 0), total = tonumber(total or 0),
    status = status, under_way = status == 'queued' or status == 'running'
  }
end

local function waiting_jobs(job) return 'line:' .. job.line .. ':' .. job.account end

local function place_of(job, number) return job.account .. '/' .. job.id .. '/' .. number end

-- At the end, unless it is there already.
local function enter(key, member)
  if redis.call('ZSCORE', key, member) then return end
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', key, tonumber(last or 0) + 1, member)
end

-- A job has calls that wait.
local function join(job)
  enter(waiting_jobs(job), job.id)
  enter('line:' .. job.line, job.account)
end

-- A job has nothing to wait for any more.
local function leave(job)
  redis.call('DEL', job.again)
  redis.call('ZREM', waiting_jobs(job), job.id)
  if redis.call('EXISTS', waiting_jobs(job)) == 0 then redis.call('ZREM', 'line:' .. job.line, job.account) end
end

-- A call gives its place back; an account that had no more of them has a turn again.
local function free(job, number)
  if redis.call('ZREM', 'places:' .. job.line, place_of(job, number)) == 0 then return end
  redis.call('SREM', 'places:' .. job.line .. ':' .. job.account, job.id .. '/' .. number)
  if redis.call('EXISTS', waiting_jobs(job)) == 1 then enter('line:' .. job.line, job.account) end
end

-- A call that was laid aside waits for its turn again, the first of its job.
local function go_back(job, number)
  redis.call('ZREM', 'leases', job.id .. '/' .. number)
  redis.call('HDEL', job.calls, number .. ':queued', number .. ':until', number .. ':waits_for')
  redis.call('ZADD', job.again, number, number)
  join(job)
end
"""
