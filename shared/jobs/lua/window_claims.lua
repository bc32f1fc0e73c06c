-- One fetch for many askers: which call fetches which window. Functions only, on those of fair_queue.
--
-- claims:{account}:{usage point}:{dataset} holds window -> job/number. A call takes all its windows or none, so who
-- waits holds nothing and nobody waits in a circle. What it has taken it keeps until it is settled, also while it is
-- laid aside. waiters:{job}/{number} are the calls that wait for that: they have no place, and a turn again then.
--- include fair_queue

-- Hygiene only: everything that ends a call takes its claims away.
local kept_seconds = 86400
-- For what should not happen, a claimer that nobody brings back: then who waits for it looks again.
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
  redis.call('EXPIRE', claims, kept_seconds)
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
        if job.lane == other.lane or other.lane == 'interactive' then return holder, longest_seconds end
        local at_work = redis.call('HGET', other.calls, held_by .. ':until')
        local patient = not since or now - tonumber(since) < patience
        if at_work and tonumber(at_work) > now and patient then return holder, patience end
      end
    end
  end
end
