-- Starts a wave. Returns 1 when this call started it.
-- KEYS waves wave
-- ARGV id now by_hand left kept kept_seconds

if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[2], 'started_at', ARGV[2], 'by_hand', ARGV[3], 'left_by_earlier', ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[6])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[5]) - 1)
return 1
