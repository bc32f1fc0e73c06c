"""The steps of the ledger, each one Lua script: it has happened whole, or not at all. What they mean:
`shared.jobs.ledger`.

A call that is under way is in one of these states, and each script leads from one to another:

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

from shared.jobs.fair_queue import LINES_LUA
from shared.jobs.window_claims import CLAIMS_LUA

# Gives places out, and enqueues nothing: that is for the caller, with what is in ``given``.
_GIVE_LUA = """
local function enqueue(job, number, moment, deadline, given)
  redis.call('ZADD', 'places:' .. job.line, moment, place_of(job, number))
  redis.call('SADD', 'places:' .. job.line .. ':' .. job.account, job.id .. '/' .. number)
  redis.call('ZADD', 'leases', deadline, job.id .. '/' .. number)
  redis.call('HSET', job.calls, number .. ':queued', 1)
  given[#given + 1] = {job.id, number, job.lane, redis.call('HGET', 'job:' .. job.id, 'trace_context')}
end

-- The moment of the next place, later than that of every other one: the order in which the queue got its messages.
local function next_moment(line, now)
  local last = redis.call('ZREVRANGE', 'places:' .. line, 0, 0, 'WITHSCORES')[2]
  return math.max(now, tonumber(last or 0) + 0.000001)
end

-- The number of the job's next call: of those that came back the lowest, else the first that was never sent.
local function next_call(job)
  local back = redis.call('ZPOPMIN', job.again)[1]
  if back then return back end
  while job.sent < job.total do
    local number = job.sent
    job.sent = redis.call('HINCRBY', 'job:' .. job.id, 'calls_sent', 1)
    if redis.call('HEXISTS', job.calls, number .. ':outcome') == 0 then return number end
  end
end

local function give_out(line, depth, for_account, now, deadline, given)
  while redis.call('ZCARD', 'places:' .. line) < depth do
    local account = redis.call('ZPOPMIN', 'line:' .. line)[1]
    if not account then return end
    local jobs = 'line:' .. line .. ':' .. account
    -- One that has all its places is not in the line: it comes back with the first that it gives back.
    if redis.call('SCARD', 'places:' .. line .. ':' .. account) < for_account then
      local id = redis.call('ZPOPMIN', jobs)[1]
      local job = id and look_up(id)
      local number = job and job.under_way and next_call(job)
      if number then enqueue(job, number, next_moment(line, now), deadline, given) end
      if number and (job.sent < job.total or redis.call('EXISTS', job.again) == 1) then enter(jobs, id) end
      if redis.call('EXISTS', jobs) == 1 then enter('line:' .. line, account) end
    end
  end
end
"""

# ARGV depth for_account now deadline line… → {job, number, lane, trace context}…
SEND = (
    LINES_LUA
    + _GIVE_LUA
    + """
local given = {}
for index = 5, #ARGV do
  give_out(ARGV[index], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], given)
end
return given
"""
)

# ARGV id number now until → nothing to do: {}, else {days, attempt}. A message that came twice, or for a call that is
# laid aside, has nothing to say.
START = (
    LINES_LUA
    + """
local job, number, now = look_up(ARGV[1]), ARGV[2], tonumber(ARGV[3])
if not job.under_way then return {} end
local given = redis.call('ZSCORE', 'places:' .. job.line, place_of(job, number))
local queued, until_ = unpack(redis.call('HMGET', job.calls, number .. ':queued', number .. ':until'))
if not given or not (queued or until_) or (until_ and tonumber(until_) > now) then return {} end
local taken = 'taken:' .. job.lane
if tonumber(given) > tonumber(redis.call('GET', taken) or 0) then redis.call('SET', taken, given, 'EX', 86400) end
redis.call('HDEL', job.calls, number .. ':queued', number .. ':waits_for')
redis.call('HSET', job.calls, number .. ':until', ARGV[4])
redis.call('ZADD', 'leases', ARGV[4], ARGV[1] .. '/' .. number)
if job.status == 'queued' then redis.call('HSET', 'job:' .. job.id, 'status', 'running', 'started_at', ARGV[3]) end
return {redis.call('HGET', job.calls, number), redis.call('HINCRBY', job.calls, number .. ':attempts', 1)}
"""
)

# ARGV id number until → 1 while somebody is to work on the call
RENEW = """
local calls, member = 'calls:' .. ARGV[1], ARGV[1] .. '/' .. ARGV[2]
if redis.call('HEXISTS', calls, ARGV[2] .. ':until') == 0 then return 0 end
redis.call('ZADD', 'leases', ARGV[3], member)
redis.call('HSET', calls, ARGV[2] .. ':until', ARGV[3])
return 1
"""

# ARGV id number until counted keeps_place. Nothing of a job that was erased or cancelled meanwhile: it would come back.
PARK = (
    LINES_LUA
    + """
local job, number = look_up(ARGV[1]), ARGV[2]
if not job.under_way or redis.call('HEXISTS', job.calls, number .. ':outcome') == 1 then return 0 end
redis.call('HDEL', job.calls, number .. ':queued', number .. ':until')
if ARGV[4] == '0' then redis.call('HINCRBY', job.calls, number .. ':attempts', -1) end
redis.call('ZADD', 'leases', ARGV[3], job.id .. '/' .. number)
if ARGV[5] == '0' then free(job, number) end
return 1
"""
)

# ARGV id number outcome now keep_seconds dead? upstream_code dead_kept dead_before → {settled now?, status}
SETTLE = (
    LINES_LUA
    + CLAIMS_LUA
    + """
local job, number = look_up(ARGV[1]), ARGV[2]
if not job.under_way or redis.call('HSETNX', job.calls, number .. ':outcome', ARGV[3]) == 0 then return {0, ''} end
let_go(job, number)
if ARGV[6] == '1' then
  local point, dataset = unpack(redis.call('HMGET', 'job:' .. job.id, 'usage_point_id', 'dataset'))
  local days, attempts = unpack(redis.call('HMGET', job.calls, number, number .. ':attempts'))
  redis.call(
    'XADD', 'dead', 'MAXLEN', ARGV[8], '*', 'job_id', job.id, 'account_id', job.account, 'usage_point_id', point,
    'dataset', dataset, 'days', days, 'code', ARGV[3], 'upstream_code', ARGV[7], 'attempts', attempts or 0,
    'at', ARGV[4]
  )
  -- By the clock of those who settle: the ids are by that of Redis.
  for _, entry in ipairs(redis.call('XRANGE', 'dead', '-', '+', 'COUNT', 100)) do
    if tonumber(entry[2][#entry[2]]) >= tonumber(ARGV[9]) then break end
    redis.call('XDEL', 'dead', entry[1])
  end
end
local key, status = 'job:' .. job.id, job.status
local done = redis.call('HINCRBY', key, 'calls_done', 1)
if ARGV[3] ~= 'ok' then
  redis.call('HINCRBY', key, 'calls_failed', 1)
  redis.call('HINCRBY', key, 'error:' .. ARGV[3], 1)
end
if done == job.total then
  local failed = tonumber(redis.call('HGET', key, 'calls_failed'))
  status = failed == 0 and 'succeeded' or failed < done and 'partial' or 'failed'
  redis.call('HSET', key, 'status', status, 'finished_at', ARGV[4])
  redis.call('ZADD', 'untold', ARGV[4], job.id)
  redis.call('EXPIRE', key, ARGV[5])
  redis.call('EXPIRE', job.calls, ARGV[5])
  leave(job)
elseif job.sent < job.total then
  -- Of a version that knew no lines it may not be there yet.
  join(job)
end
return {1, status}
"""
)

# ARGV id now keep_seconds → 1 when this was what ended the job. Messages that are in the queue are told so when they
# are taken up.
CANCEL = (
    LINES_LUA
    + CLAIMS_LUA
    + """
local job = look_up(ARGV[1])
if not job.under_way then return 0 end
redis.call('HSET', 'job:' .. job.id, 'status', 'cancelled', 'finished_at', ARGV[2])
redis.call('ZADD', 'untold', ARGV[2], job.id)
for number = 0, job.sent - 1 do let_go(job, number) end
leave(job)
redis.call('EXPIRE', 'job:' .. job.id, ARGV[3])
redis.call('EXPIRE', job.calls, ARGV[3])
return 1
"""
)

# ARGV id → 1 when the job was under way
FORGET = (
    LINES_LUA
    + CLAIMS_LUA
    + """
local job = look_up(ARGV[1])
if job.under_way then
  for number = 0, job.sent - 1 do let_go(job, number) end
  leave(job)
end
redis.call('DEL', 'job:' .. job.id, job.calls)
redis.call('ZREM', 'untold', job.id)
return job.under_way and 1 or 0
"""
)

# ARGV limit depth for_account now deadline line… → {job, number, lane, trace context}…: what the queue has lost, or
# whose moment has come. What has no place waits for its turn, the others are enqueued in the order of their places.
SWEEP = (
    LINES_LUA
    + _GIVE_LUA
    + """
local now, deadline, given, placed = tonumber(ARGV[4]), ARGV[5], {}, {}
-- The queue is first in, first out: a message is lost when it is empty, or when a later one was taken up.
local function is_lost(job, moment)
  return redis.call('LLEN', job.lane) == 0 or tonumber(redis.call('GET', 'taken:' .. job.lane) or 0) > moment
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', 'leases', '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local id, number = string.match(member, '^(.*)/(%d+)$')
  local job = look_up(id)
  if not job.under_way then
    redis.call('ZREM', 'leases', member)
  else
    local moment = tonumber(redis.call('ZSCORE', 'places:' .. job.line, place_of(job, number)) or nil)
    if not moment then
      go_back(job, number)
    elseif redis.call('HEXISTS', job.calls, number .. ':queued') == 1 and not is_lost(job, moment) then
      redis.call('ZADD', 'leases', deadline, member)
    else
      placed[#placed + 1] = {job, number, moment}
    end
  end
end
table.sort(placed, function(one, other) return one[3] < other[3] end)
for _, each in ipairs(placed) do
  enqueue(each[1], each[2], next_moment(each[1].line, now), deadline, given)
end
for index = 6, #ARGV do
  local line = ARGV[index]
  -- A place without a lease is nobody's: a worker of a version that knew no places has settled the call.
  for _, place in ipairs(redis.call('ZRANGE', 'places:' .. line, 0, -1)) do
    local account, member = string.match(place, '^([^/]*)/(.*)$')
    if not redis.call('ZSCORE', 'leases', member) then
      redis.call('ZREM', 'places:' .. line, place)
      redis.call('SREM', 'places:' .. line .. ':' .. account, member)
      if redis.call('EXISTS', 'line:' .. line .. ':' .. account) == 1 then enter('line:' .. line, account) end
    end
  end
  give_out(line, tonumber(ARGV[2]), tonumber(ARGV[3]), now, deadline, given)
end
return given
"""
)
