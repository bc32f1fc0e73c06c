-- Finds calls that the queue has lost or that are due. Calls without a place wait in line, the others are enqueued in
-- the order of their places. Returns {job, number, lane, trace context}...
-- ARGV limit depth for_account now deadline line...
--- include fair_queue places

local now, deadline, given, placed = tonumber(ARGV[4]), ARGV[5], {}, {}
-- The queue is first in, first out: a message is lost when the queue is empty or a later message was consumed.
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
  -- A place without a lease is stale: a worker of a version without places has settled the call.
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
