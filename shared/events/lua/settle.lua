-- Releases a webhook. `tried...`: status and next try (empty: none) after a try, then its time, code, error and
-- milliseconds; nothing when no try was made. A delivery that was stopped in the meantime is not retried, but a
-- successful try is recorded.
-- KEYS delivery
-- ARGV webhook id now tried...
--- constants outcome_seconds longest_rest_ms longest_try_ms
--- include delivery_queue

local webhook, id, status, following = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local pending = 'pending:' .. webhook
if status and redis.call('EXISTS', KEYS[1]) == 1 then
  local before = redis.call('HGET', KEYS[1], 'status')
  if status == 'pending' and before ~= 'pending' then status, following = before, '' end
  redis.call('HSET', KEYS[1], 'status', status, 'next', following, 'tried', ARGV[6], 'code', ARGV[7],
    'error', ARGV[8], 'duration', ARGV[9])
  redis.call('HINCRBY', KEYS[1], 'attempts', 1)
  redis.call('HINCRBY', KEYS[1], 'tries', 1)
  if following == '' then redis.call('ZREM', pending, id) else redis.call('ZADD', pending, following, id) end
  if redis.call('HGET', KEYS[1], 'awaited') == '1' then
    redis.call('RPUSH', 'attempted:' .. id, 1)
    redis.call('EXPIRE', 'attempted:' .. id, outcome_seconds)
  end
  if ARGV[4] == 'delivered' then
    redis.call('HDEL', rests, webhook)
  else
    local failures = tonumber(string.match(redis.call('HGET', rests, webhook) or '0', '%d+')) + 1
    local rest = math.min(1000 * 2 ^ (failures - 1), longest_rest_ms)
    redis.call('HSET', rests, webhook, string.format('%d %d', math.min(failures, 20), ARGV[3] + ARGV[9] + rest))
  end
end
redis.call('ZREM', leases, webhook)
local first = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')
if not first[1] then
  redis.call('ZREM', due, webhook)
else
  local at = after_rest(webhook, first[2])
  redis.call('ZADD', due, at, webhook)
  -- Deliveries created during this try are due by now.
  if tonumber(at) <= tonumber(ARGV[3]) + longest_try_ms then ring() end
end
