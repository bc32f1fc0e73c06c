-- Records a planned usage point: series, job and calls of each job created. Returns 1 while this planner holds the
-- plan.
-- KEYS planner wave jobs
-- ARGV who lease_ms id cursor waiting made...

local holder = redis.call('GET', KEYS[1])
if (holder and holder ~= ARGV[1]) or redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('HSET', KEYS[2], 'cursor', ARGV[4])
redis.call('HINCRBY', KEYS[2], 'points', 1)
redis.call('HINCRBY', KEYS[2], 'waiting', ARGV[5])
for index = 6, #ARGV, 3 do
  redis.call('HSET', KEYS[3], ARGV[index], ARGV[3] .. '|' .. ARGV[index + 1])
  redis.call('HINCRBY', KEYS[2], 'jobs', 1)
  redis.call('HINCRBY', KEYS[2], 'calls', ARGV[index + 2])
end
return 1
