-- Jobs and the waiting lines of their calls. Functions only.

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

-- Appends a member, unless it is already present.
local function enter(key, member)
  if redis.call('ZSCORE', key, member) then return end
  local last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', key, tonumber(last or 0) + 1, member)
end

-- Adds a job with waiting calls to its line.
local function join(job)
  enter(waiting_jobs(job), job.id)
  enter('line:' .. job.line, job.account)
end

-- Removes a job without waiting calls from its line.
local function leave(job)
  redis.call('DEL', job.again)
  redis.call('ZREM', waiting_jobs(job), job.id)
  if redis.call('EXISTS', waiting_jobs(job)) == 0 then redis.call('ZREM', 'line:' .. job.line, job.account) end
end

-- Frees the place of a call; an account that had used all its places re-enters the line.
local function free(job, number)
  if redis.call('ZREM', 'places:' .. job.line, place_of(job, number)) == 0 then return end
  redis.call('SREM', 'places:' .. job.line .. ':' .. job.account, job.id .. '/' .. number)
  if redis.call('EXISTS', waiting_jobs(job)) == 1 then enter('line:' .. job.line, job.account) end
end

-- Requeues a parked call, before the other calls of its job.
local function go_back(job, number)
  redis.call('ZREM', 'leases', job.id .. '/' .. number)
  redis.call('HDEL', job.calls, number .. ':queued', number .. ':until', number .. ':waits_for')
  redis.call('ZADD', job.again, number, number)
  join(job)
end
