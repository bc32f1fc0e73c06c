-- Fails what is not over. That the webhook is due is found to be wrong when its turn comes.
-- KEYS pending
-- ARGV error

for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = 'delivery:' .. id
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'status', 'failed', 'error', ARGV[1], 'next', '') end
end
redis.call('DEL', KEYS[1])
