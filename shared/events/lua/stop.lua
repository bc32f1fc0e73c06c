-- Fails the pending deliveries of a webhook. Its stale due time is removed by `claim`.
-- KEYS pending
-- ARGV error

for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = 'delivery:' .. id
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'status', 'failed', 'error', ARGV[1], 'next', '') end
end
redis.call('DEL', KEYS[1])
