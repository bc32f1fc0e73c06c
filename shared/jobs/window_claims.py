"""One fetch for many askers: which call fetches which window. Lua only, for the steps of the ledger.

``claims:{account}:{usage point}:{dataset}`` holds window → ``job/number``. A call takes all its windows or none, so
whoever waits holds nothing and nobody waits in a circle. What it has taken it keeps until it is settled, also while it
is laid aside. ``waiters:{job}/{number}`` are the calls that wait for that: they have no place, and a turn again then.
"""

from shared.jobs.fair_queue import LINES_LUA

# Hygiene only: everything that ends a call takes them away.
_KEPT_SECONDS = 86_400
# For what should not happen, a claimer that nobody brings back: then whoever waits for it looks again.
_LONGEST_SECONDS = 60

CLAIMS_LUA = f"""
local function claims_of(job)
  local point, dataset = unpack(redis.call('HMGET', 'job:' .. job.id, 'usage_point_id', 'dataset'))
  return 'claims:' .. job.account .. ':' .. point .. ':' .. dataset
end

local function drop_claims(job, number)
  local held = redis.call('HGET', job.calls, number .. ':claims')
  if not held then return end
  local claims, member = claims_of(job), job.id .. '/' .. number
  for window in string.gmatch(held, '[^,]+') do
    if redis.call('HGET', claims, window) == member then redis.call('HDEL', claims, window) end
  end
  redis.call('HDEL', job.calls, number .. ':claims')
end

-- What a call holds is anybody's; who waited for it has a turn again.
local function release(job, number)
  local member = job.id .. '/' .. number
  drop_claims(job, number)
  for _, waiter in ipairs(redis.call('SMEMBERS', 'waiters:' .. member)) do
    local id, waiting = string.match(waiter, '^(.*)/(%d+)$')
    local other = look_up(id)
    if other.under_way and redis.call('HGET', other.calls, waiting .. ':waits_for') == member then
      go_back(other, waiting)
    end
  end
  redis.call('DEL', 'waiters:' .. member)
end

-- Whatever a call had, somebody else may have.
local function let_go(job, number)
  redis.call('ZREM', 'leases', job.id .. '/' .. number)
  redis.call('ZREM', job.again, number)
  redis.call('HDEL', job.calls, number .. ':queued', number .. ':until', number .. ':waits_for')
  free(job, number)
  release(job, number)
end

local function claim(job, number, windows, first)
  drop_claims(job, number)
  local claims = claims_of(job)
  for index = first, #windows do redis.call('HSET', claims, windows[index], job.id .. '/' .. number) end
  redis.call('EXPIRE', claims, {_KEPT_SECONDS})
  redis.call('HSET', job.calls, number .. ':claims', table.concat(windows, ',', first))
end

-- The call that fetches one of these windows and is to be waited for, and for how long at most. What a person waits for
-- waits for no call of the bulk lane but one that is being worked on, and for that a moment only.
local function blocker_of(job, number, windows, first, now, patience)
  local claims = claims_of(job)
  local since = redis.call('HGET', job.calls, number .. ':waits_since')
  for index = first, #windows do
    local holder = redis.call('HGET', claims, windows[index])
    if holder and holder ~= job.id .. '/' .. number then
      local id, held_by = string.match(holder, '^(.*)/(%d+)$')
      local other = look_up(id)
      if other.under_way and redis.call('HEXISTS', other.calls, held_by .. ':outcome') == 0 then
        if job.lane == other.lane or other.lane == 'interactive' then return holder, {_LONGEST_SECONDS} end
        local at_work = redis.call('HGET', other.calls, held_by .. ':until')
        local patient = not since or now - tonumber(since) < patience
        if at_work and tonumber(at_work) > now and patient then return holder, patience end
      end
    end
  end
end
"""

# ARGV id number now patience window… → 1 when all of them are the call's to fetch, 0 when it waits for another call
CLAIM = (
    LINES_LUA
    + CLAIMS_LUA
    + f"""
local job, number, now, patience = look_up(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if not job.under_way or redis.call('HEXISTS', job.calls, number .. ':outcome') == 1 then return 0 end
local blocker, pause = blocker_of(job, number, ARGV, 5, now, patience)
if not blocker then
  claim(job, number, ARGV, 5)
  redis.call('HDEL', job.calls, number .. ':waits_since')
  return 1
end
release(job, number)
redis.call('SADD', 'waiters:' .. blocker, job.id .. '/' .. number)
redis.call('EXPIRE', 'waiters:' .. blocker, {_KEPT_SECONDS})
redis.call('HSETNX', job.calls, number .. ':waits_since', ARGV[3])
redis.call('HSET', job.calls, number .. ':waits_for', blocker)
redis.call('HDEL', job.calls, number .. ':queued', number .. ':until')
redis.call('HINCRBY', job.calls, number .. ':attempts', -1)
redis.call('ZADD', 'leases', now + pause, job.id .. '/' .. number)
free(job, number)
return 0
"""
)
