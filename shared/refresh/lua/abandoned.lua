-- Returns 1 when the plan of the newest wave is unfinished and has no planner, once per `pause_seconds`.
-- KEYS waves planner resumed
-- ARGV pause_seconds

local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0)[1]
if not newest or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local wave = 'refresh:wave:' .. newest
if redis.call('EXISTS', wave) == 0 or redis.call('HEXISTS', wave, 'planned_at') == 1 then return 0 end
return redis.call('SET', KEYS[3], 1, 'NX', 'EX', ARGV[1]) and 1 or 0
