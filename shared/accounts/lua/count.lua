-- Counts a request. Returns {1, used}, or {0, used} when none is left.
-- KEYS quota
-- ARGV kind limit keep_seconds

local used = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if used >= tonumber(ARGV[2]) then return {0, used} end
used = redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {1, used}
