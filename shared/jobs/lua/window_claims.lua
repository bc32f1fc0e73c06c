-- Deduplicates fetches: which call fetches which window. Functions only, based on those of fair_queue.
--
-- claims:{account}:{usage point}:{dataset} holds window -> job/number. A call claims all its windows or none, so a
-- waiting call holds nothing and deadlocks are impossible. A call keeps its claims until it is settled, also while
-- parked. waiters:{job}/{number} holds the calls that wait for it: they have no place, and are requeued on release.
--- include fair_queue

-- A safety net: every script that ends a call removes its claims.
local kept_seconds = 86400
-- A safety net for a claim that is never released: the waiting call tries again after this time.
local longest_seconds = 60

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

-- Releases the claims of a call and requeues the calls that waited for it.
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

-- Releases everything that a call holds.
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
  redis.call('EXPIRE', claims, kept_seconds)
  redis.call('HSET', job.calls, number .. ':claims', table.concat(windows, ',', first))
end

-- The call that fetches one of these windows and blocks this one, and the longest time to wait for it. An interactive
-- call waits for a call of the bulk lane only while that call is running, and for at most `patience` seconds.
local function blocker_of(job, number, windows, first, now, patience)
  local claims = claims_of(job)
  local since = redis.call('HGET', job.calls, number .. ':waits_since')
  for index = first, #windows do
    local holder = redis.call('HGET', claims, windows[index])
    if holder and holder ~= job.id .. '/' .. number then
      local id, held_by = string.match(holder, '^(.*)/(%d+)$')
      local other = look_up(id)
      if other.under_way and redis.call('HEXISTS', other.calls, held_by .. ':outcome') == 0 then
        if job.lane == other.lane or other.lane == 'interactive' then return holder, longest_seconds end
        local at_work = redis.call('HGET', other.calls, held_by .. ':until')
        local patient = not since or now - tonumber(since) < patience
        if at_work and tonumber(at_work) > now and patient then return holder, patience end
      end
    end
  end
end
