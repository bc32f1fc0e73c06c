-- Gives places to calls. The caller enqueues the calls in `given`. Functions only, based on those of fair_queue.
--- include fair_queue

local function enqueue(job, number, moment, deadline, given)
  redis.call('ZADD', 'places:' .. job.line, moment, place_of(job, number))
  redis.call('SADD', 'places:' .. job.line .. ':' .. job.account, job.id .. '/' .. number)
  redis.call('ZADD', 'leases', deadline, job.id .. '/' .. number)
  redis.call('HSET', job.calls, number .. ':queued', 1)
  given[#given + 1] = {job.id, number, job.lane, redis.call('HGET', 'job:' .. job.id, 'trace_context')}
end

-- The time of the next place, later than that of every other one: the order in which messages were enqueued.
local function next_moment(line, now)
  local last = redis.call('ZREVRANGE', 'places:' .. line, 0, 0, 'WITHSCORES')[2]
  return math.max(now, tonumber(last or 0) + 0.000001)
end

-- The number of the job's next call: the lowest of the requeued ones, else the first that was never sent.
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
    -- An account that uses all its places is not in the line: it re-enters with the first place that it frees.
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
