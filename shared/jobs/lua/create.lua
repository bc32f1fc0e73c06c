-- Creates a job and its calls, which then wait in line. Returns 1, or 0 when the account or usage point was erased.
-- KEYS record calls jobs erased...
-- ARGV job created_at forgotten_before keep_seconds values_of_record value...
--- include fair_queue

for index = 4, #KEYS do if redis.call('EXISTS', KEYS[index]) == 1 then return 0 end end
local calls_at = 6 + tonumber(ARGV[5])
for index = 6, #ARGV, 2 do
  redis.call('HSET', index < calls_at and KEYS[1] or KEYS[2], ARGV[index], ARGV[index + 1])
end
if calls_at > #ARGV then redis.call('EXPIRE', KEYS[1], ARGV[4]) else join(look_up(ARGV[1])) end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[3], 'LIMIT', 0, 100)) do
  if redis.call('EXISTS', 'job:' .. id) == 0 then redis.call('ZREM', KEYS[3], id) end
end
return 1
